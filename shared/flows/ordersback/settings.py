"""What a deployment decides about what comes back of orders."""

from typing import Literal

from pydantic import Field

from shared.setting_types import Schedule, Scope
from shared.settings import Settings


class OrdersBackSettings(Settings):
    """The settings of the flow, beside those of the app."""

    ORDERS_BACK: Literal["off", "status", "all"] = Field(
        default="off",
        description="What comes back from F&O of sales orders: nothing; the status of those that were made from Sales; "
        "or besides all orders that were made in F&O",
    )
    ORDERS_BACK_SCHEDULE: Schedule = Field(default="0 */5 * * * *", description="When `ordersback_pull` runs")
    ORDERS_BACK_FULL_WALK_DAYS: int = Field(
        default=7, ge=1, description="Days after which every order is looked at again, also a closed one"
    )
    ORDERS_BACK_SCOPE: Scope = Field(
        default="all",
        description="Orders of F&O without a link that are created in Sales: all, none (linked), or those made since a "
        "day",
    )
    ORDERS_BACK_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject",
        description="An order of F&O exists in Sales, marked as one of F&O, and is not linked",
    )
    ORDERS_BACK_CANCEL: Literal["off", "on"] = Field(
        default="off",
        description="Whether an order that is canceled in F&O is canceled in Sales, too, by CancelSalesOrder; "
        "otherwise it gets the status only",
    )
    ORDERS_BACK_FULFILL: Literal["off", "on"] = Field(
        default="off",
        description="Whether an order that is delivered in F&O is fulfilled in Sales, by FulfillSalesOrder: only "
        "without the Sales solution, since the order is read-only then",
    )
