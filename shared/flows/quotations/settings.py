"""What a deployment decides for quotations."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.flows.quotations.rules import QuotationStatus
from shared.setting_types import Schedule, Scope, form
from shared.settings import Settings

_STATUSES = tuple(status.value for status in QuotationStatus)


def _statuses(text: str) -> str:
    given = [each.strip() for each in text.split(",") if each.strip()]
    if not given or not set(given) <= set(_STATUSES):
        raise ValueError(f"write one or more of {', '.join(_STATUSES)}, separated by commas")
    return ",".join(given)


Statuses = Annotated[str, AfterValidator(_statuses), form("members of SalesQuotationStatus", open_=True)]


class QuotationSettings(Settings):
    """The settings of the flow, beside those of the app."""

    QUOTATIONS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `quotations_pull` runs")
    QUOTATIONS_SCOPE: Scope = Field(
        default="all",
        description="Quotes without a link that are synced: all, none (linked), or those changed since a day",
    )
    QUOTATIONS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="A quotation with the quote's number exists, and is not linked or another quote's"
    )
    QUOTATIONS_STATUSES: Statuses = Field(
        default="Created,Modified,Reset,Revised",
        description="Statuses in which F&O's quotation may still be changed, separated by commas",
    )
    QUOTATIONS_REQUESTED_DATE: Literal["shipping", "receipt"] = Field(
        default="shipping", description="Which date of the quotation the requested delivery date becomes"
    )
