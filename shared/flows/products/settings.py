"""What a deployment decides for products."""

from typing import Literal

from pydantic import Field

from shared.setting_types import Schedule
from shared.settings import Settings


class ProductSettings(Settings):
    """The settings of the flow, beside those of the app."""

    PRODUCTS_SCHEDULE: Schedule = Field(default="0 */15 * * * *", description="When `products_pull` runs")
    PRODUCTS_SCOPE: Literal["all", "linked"] = Field(
        default="all", description="Products without a link that are synced: all, or none (linked)"
    )
    PRODUCTS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="A product with the same number exists in Sales and is not linked"
    )
    PRODUCTS_PUBLISH: bool = Field(
        default=True, description="Publish new and adopted products, so that they can be quoted"
    )
    PRODUCTS_WHEN_VANISHED: Literal["keep", "retire"] = Field(
        default="keep", description="A product is no longer sellable in F&O: leave it in Sales, or retire it"
    )
    PRODUCTS_PRICE_ITEMS: Literal["automation", "sync"] = Field(
        default="automation", description="Who writes price list items: the Sales solution's automation, or the sync"
    )
    PRODUCTS_ZERO_PRICE: Literal["no_item", "item"] = Field(
        default="no_item", description="A sales price of 0: no price list item, or one of 0"
    )
    PRODUCTS_FULL_WALK_DAYS: int = Field(
        default=7, ge=1, description="Days after which every product is looked at again, changed or not"
    )
