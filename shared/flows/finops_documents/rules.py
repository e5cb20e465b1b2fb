"""What the engine must know of documents in Sales that come from F&O: when their lines agree."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.flows.finops_documents.references import PRODUCT_ID
from shared.flows.sales_records import FieldRules
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Rejected
from shared.records import Json, TargetRow, Values

TEXT_COLUMN = "productdescription"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinopsDocumentRules(FieldRules):
    """What the engine must know of a document in Sales; satisfies its TargetRules and DocumentRules. A document stays
    as it is when it is not in F&O any more."""

    lines: FieldTable

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:  # noqa: ARG002 - none by itself
        """Why a document must not be changed any more: nothing forbids it."""
        return None

    def same_line(self, ours: Values, theirs: Values) -> bool:
        """Whether a line of Sales is one of ours: it has the same product, or the same text."""
        return all(self._is_same(ours, theirs, name) for name in (PRODUCT_ID, TEXT_COLUMN))

    def empty_line(self, field: str) -> Json:
        """What empties a column of a line in Dataverse."""
        return self.lines.empty(field)

    def writes_on_line(self, field: str) -> bool:
        """Whether a column of a line is one that the mapping writes."""
        return any(each.name == field for each in self.lines.fields)

    def agree_on_line(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether Dataverse's value of a line is ours."""
        return self.lines.agree(field, ours, theirs)

    def _is_same(self, ours: Values, theirs: Values, name: str) -> bool:
        return ours.get(name) is None or self.lines.agree(name, ours.get(name), theirs.get(name))
