"""What the engine must know of invoices in Sales: they are made once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.flows.sales_records import FieldRules
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Rejected
from shared.records import Json, TargetRow, Values

PRODUCT_COLUMN, TEXT_COLUMN = "productid", "productdescription"
_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRules(FieldRules):
    """What the engine must know of invoices in Sales; satisfies its TargetRules and DocumentRules. An invoice stays as
    it is when it is not in F&O any more."""

    lines: FieldTable

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:  # noqa: ARG002 - in whatever state
        """An invoice that is complete is never changed: a posted invoice does not change in F&O, so a difference is
        somebody's change in Sales, or of what the mapping makes of it."""
        more = f" and {len(changed) - _TOLD} more" if len(changed) > _TOLD else ""
        return Rejected(
            "invoice_differs",
            f"the invoice in Sales is not what the posted invoice in F&O says, in {', '.join(changed[:_TOLD])}{more}",
            "correct it in Sales; or delete it there, then p2c repair creates it again",
        )

    def same_line(self, ours: Values, theirs: Values) -> bool:
        """Whether a line of Sales is one of ours: it has the same product, or the same text."""
        return all(self._is_same(ours, theirs, name) for name in (PRODUCT_COLUMN, TEXT_COLUMN))

    def empty_line(self, field: str) -> Json:
        """What empties a column of a line in Dataverse."""
        return self.lines.empty(field)

    def agree_on_line(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether Dataverse's value of a line is ours."""
        return self.lines.agree(field, ours, theirs)

    def _is_same(self, ours: Mapping[str, Json], theirs: Mapping[str, Json], name: str) -> bool:
        return ours.get(name) is None or self.lines.agree(name, ours.get(name), theirs.get(name))
