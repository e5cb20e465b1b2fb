"""What a deployment decides for price lists."""

from typing import Literal

from pydantic import Field

from shared.setting_types import Schedule, Scope
from shared.settings import Settings


class PriceListSettings(Settings):
    """The settings of the flow, beside those of the app."""

    PRICELISTS_SCHEDULE: Schedule = Field(default="0 */5 * * * *", description="When `pricelists_pull` runs")
    PRICELISTS_SCOPE: Scope = Field(
        default="all",
        description="Price lists without a link that are synced: all, none (linked), or those changed since a day",
    )
    PRICELISTS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="A customer group with the price list's name exists and is not linked"
    )
