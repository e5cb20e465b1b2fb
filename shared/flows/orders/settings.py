"""What a deployment decides for orders."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.setting_types import Schedule, Scope
from shared.settings import Settings

# A code of F&O; the length is that of SalesOrderOriginCode, which is not verified.
Origin = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10)]


class OrderSettings(Settings):
    """The settings of the flow, beside those of the app."""

    ORDERS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `orders_pull` runs")
    ORDERS_SCOPE: Scope = Field(
        default="all",
        description="Orders without a link that are synced: all, none (linked), or those changed since a day",
    )
    ORDERS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject",
        description="A sales order with the order's number exists in F&O, and is not linked. Adopting links it and "
        "writes nothing",
    )
    ORDERS_LINES: Literal["CDSSalesOrderLines", "CDSSalesOrderLinesV2"] = Field(
        default="CDSSalesOrderLines", description="The collection of F&O that takes the lines of orders"
    )
    ORDERS_ORIGIN: Origin = Field(default="", description="The sales origin that every order gets in F&O; empty: none")
    ORDERS_REQUESTED_DATE: Literal["shipping", "receipt"] = Field(
        default="shipping", description="Which date of the sales order the requested delivery date becomes"
    )
