"""What the engine must know of quotations in F&O: which of them may still be changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.flows.sales_documents.rules import SalesDocumentRules
from shared.mapping.verdicts import Rejected
from shared.records import TargetRow

STATUS_FIELD = "SalesQuotationStatus"
ORDER_FIELD = "GeneratedSalesOrderNumber"


class QuotationStatus(StrEnum):
    """The members of SalesQuotationStatus."""

    CREATED = "Created"
    SENT = "Sent"
    CONFIRMED = "Confirmed"
    LOST = "Lost"
    CANCELLED = "Cancelled"
    RESET = "Reset"
    MODIFIED = "Modified"
    SUBMITTED = "Submitted"
    APPROVED = "Approved"
    REVISED = "Revised"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotationRules(SalesDocumentRules):
    """What the engine must know of quotations in F&O; satisfies its TargetRules and DocumentRules. A
    quotation stays as it is when its quote is won, lost, set back to draft or deleted."""

    statuses: tuple[QuotationStatus, ...]

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:  # noqa: ARG002 - whatever it is
        """Why a quotation must not be changed any more: its status forbids it, or it became an order. None if it may be
        changed."""
        order, status = row.values.get(ORDER_FIELD), row.values.get(STATUS_FIELD)
        if order:
            return Rejected(
                "quotation_ordered",
                f"the quotation became the sales order {order} in F&O ({ORDER_FIELD}); it is not changed any more",
                "make the change in the sales order in F&O",
            )
        if status not in self.statuses:
            return Rejected(
                "quotation_status",
                f"{STATUS_FIELD} of the quotation is {status}; the sync changes it in {', '.join(self.statuses)} only",
                "reset the quotation in F&O, or extend QUOTATIONS_STATUSES",
            )
        return None
