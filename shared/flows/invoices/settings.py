"""What a deployment decides for invoices."""

from typing import Literal

from pydantic import Field

from shared.setting_types import Schedule, Scope
from shared.settings import Settings


class InvoiceSettings(Settings):
    """The settings of the flow, beside those of the app."""

    INVOICES: Literal["off", "on"] = Field(
        default="off", description="Whether posted invoices of F&O become invoices of their orders in Sales"
    )
    INVOICES_SCHEDULE: Schedule = Field(default="0 */15 * * * *", description="When `invoices_pull` runs")
    INVOICES_SCOPE: Scope = Field(
        default="all", description="Invoices without a link that are synced: all, none (linked), or those since a day"
    )
    INVOICES_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="An invoice with the same number and day exists in Sales and is not linked"
    )
    INVOICES_ORDER: Literal["automation", "sync"] = Field(
        default="automation",
        description="Who gives an invoice the owner of its order and makes the order invoiced: the Sales solution's "
        "automation, or the sync",
    )
    INVOICES_NAME: Literal["invoice_number", "order_number"] = Field(
        default="invoice_number", description="What the name of an invoice in Sales is: its number, or its order's"
    )
    INVOICES_OVERLAP_DAYS: int = Field(
        default=7, ge=1, description="Days back from today whose invoices each pull looks at"
    )
    INVOICES_FULL_WALK_DAYS: int = Field(
        default=7, ge=1, description="Days after which every invoice is looked at again, whatever its date"
    )
