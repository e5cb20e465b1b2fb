"""What a deployment decides about what comes back of orders."""

from typing import Literal

from pydantic import Field

from shared.setting_types import Schedule
from shared.settings import Settings


class OrdersBackSettings(Settings):
    """The settings of the flow, beside those of the app."""

    ORDERS_BACK: Literal["off", "status"] = Field(
        default="off",
        description="What comes back from F&O of the orders that were made from Sales: nothing, or their status",
    )
    ORDERS_BACK_SCHEDULE: Schedule = Field(default="0 */5 * * * *", description="When `ordersback_pull` runs")
    ORDERS_BACK_FULL_WALK_DAYS: int = Field(
        default=7, ge=1, description="Days after which every order is looked at again, also a closed one"
    )
