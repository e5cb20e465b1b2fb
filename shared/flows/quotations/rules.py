"""What the engine must know of quotations in F&O: when their lines agree, and which of them may still be changed."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.flows.sales_records import FieldRules
from shared.mapping.amounts import rounded_half_up
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Rejected
from shared.records import Json, TargetRow, Values, fold

PRODUCT_FIELD = "ProductNumber"
STATUS_FIELD = "SalesQuotationStatus"
ORDER_FIELD = "GeneratedSalesOrderNumber"
# F&O's type holds so many decimals; further ones are lost.
STORED_DECIMALS = 6


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
class QuotationRules(FieldRules):
    """What the engine must know of quotations in F&O; satisfies its TargetRules and DocumentRules. A
    quotation stays as it is when its quote is won, lost, set back to draft or deleted."""

    lines: FieldTable
    statuses: tuple[QuotationStatus, ...]

    def same_line(self, ours: Values, theirs: Values) -> bool:
        """Whether a line of F&O is one of ours: it has the same product."""
        return fold(str(ours.get(PRODUCT_FIELD))) == fold(str(theirs.get(PRODUCT_FIELD)))

    def empty_line(self, field: str) -> Json:
        """What empties a field of a line in F&O."""
        return self.lines.empty(field)

    def agree_on_line(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether F&O's value of a line is ours, as far as F&O stores it."""
        return self.lines.agree(field, _stored(ours), _stored(theirs))

    def refusal(self, row: TargetRow) -> Rejected | None:
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


def _stored(value: Json) -> Json:
    return rounded_half_up(value, STORED_DECIMALS) if isinstance(value, Decimal) else value
