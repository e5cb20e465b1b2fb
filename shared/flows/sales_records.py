"""What the mappings of records of Sales have in common: which records they leave out, and what the engine must know of
the fields of F&O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.mapping.field_table import FieldTable
from shared.mapping.scope import Scope
from shared.mapping.verdicts import Filter, Filtered, Parent
from shared.mapping.words import Column, expand_of, select_of
from shared.records import Json, SourceRow, Values

# The rules of every mapping of these, in words.
OF_SALES: Mapping[str, Filter] = {
    "inactive": Filter("it is inactive in Sales", "activate it"),
    "merged": Filter("it was merged into another record", "nothing: the other one is synced"),
}
_INACTIVE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRules:
    """What the engine must know of one target collection; satisfies its TargetRules. `end` are the fields that change
    when a record ends, or leaves this target for another."""

    table: FieldTable
    end: Mapping[str, Json] = field(default_factory=dict)

    def ended(self) -> Mapping[str, Json]:
        """What changes in F&O when a linked record ends."""
        return self.end

    def empty(self, field: str) -> Json:
        """What empties a field in F&O."""
        return self.table.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether F&O's value is ours, after its normalisation."""
        return self.table.agree(field, ours, theirs)


class SalesMapper:
    """A mapping of one table of Sales, to one or more targets, which have the same filters."""

    def __init__(self, tables: Sequence[FieldTable], scope: Scope) -> None:
        self._tables = tables
        self._scope = scope

    @property
    def select(self) -> tuple[str, ...]:
        """The columns to read."""
        return select_of(self._columns)

    @property
    def expand(self) -> dict[str, tuple[str, ...]]:
        """The navigations to expand, with their columns."""
        return expand_of(self._columns)

    @property
    def _columns(self) -> tuple[Column, ...]:
        return tuple({column.name: column for table in self._tables for column in table.columns}.values())

    def left_out(self, values: Values) -> Filtered | None:
        """The rule by which a record is not for F&O, whatever its fields say. Raises SchemaDrift."""
        for table in self._tables:
            table.check_source(values)
        if values.get("merged") is True:
            return Filtered("merged", ends=True)
        if values.get("statecode") == _INACTIVE:
            return Filtered("inactive", ends=True)
        return self._tables[0].kept_out(values)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:  # noqa: ARG002 - it has none
        """The records that must be linked first: none."""
        return ()

    def in_scope(self, row: SourceRow) -> bool:
        """Whether a record without a link belongs to the first run."""
        return self._scope.holds(row)
