"""What the engine must know of documents in F&O: when their lines agree, and whether they may be changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.flows.sales_records import FieldRules
from shared.mapping.amounts import rounded_half_up
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Rejected
from shared.records import Json, TargetRow, Values, fold

PRODUCT_FIELD = "ProductNumber"
# F&O's type holds so many decimals; further ones are lost.
STORED_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesDocumentRules(FieldRules):
    """What the engine must know of documents in F&O; satisfies its TargetRules and DocumentRules. A document stays as
    it is when its source ends."""

    lines: FieldTable

    def same_line(self, ours: Values, theirs: Values) -> bool:
        """Whether a line of F&O is one of ours: it has the same product."""
        return fold(str(ours.get(PRODUCT_FIELD))) == fold(str(theirs.get(PRODUCT_FIELD)))

    def empty_line(self, field: str) -> Json:
        """What empties a field of a line in F&O."""
        return self.lines.empty(field)

    def writes_on_line(self, field: str) -> bool:
        """Whether a field of a line is one that the mapping writes."""
        return any(each.name == field for each in self.lines.fields)

    def agree_on_line(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether F&O's value of a line is ours, as far as F&O stores it."""
        return self.lines.agree(field, _stored(ours), _stored(theirs))

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:  # noqa: ARG002 - none by itself
        """Why a document must not be changed any more: nothing forbids it."""
        return None


def _stored(value: Json) -> Json:
    return rounded_half_up(value, STORED_DECIMALS) if isinstance(value, Decimal) else value
