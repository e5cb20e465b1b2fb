"""The flows that the demo watches: where their records are in both systems, and what the mapping makes of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from local.demo.comparison import Past
from local.demo.systems import Access
from shared.clients import quoting
from shared.records import SourceRow, Values
from shared.state.failures import Failure
from shared.sync.flow import Mapper

_API = "/api/data/v9.2"
_ACROSS = {"cross-company": "true"}
# Failures that the comparison works out by itself, from the source and from what was there before.
_FORESEEN = frozenset({"key_taken", "key_changed", "target_exists"})


@dataclass(frozen=True, slots=True)
class Watched:
    """One flow. `select`, `expand` and `fields` name every column that the mapping reads or writes."""

    name: str
    route: str
    mapper: Mapper
    source_set: str
    id_column: str
    select: tuple[str, ...]
    expand: Mapping[str, tuple[str, ...]]
    target_set: str
    key_field: str
    fields: tuple[str, ...]
    company: str
    adopt: bool = False

    def sources(self, access: Access) -> list[SourceRow]:
        """Every source record as it is now."""
        return [_source(self.id_column, row) for row in access.rows(self._sources({}))]

    def source(self, access: Access, id: str) -> SourceRow | None:
        """One source record as it is now, None when there is none."""
        address = self._sources({"$filter": quoting.equals(self.id_column, quoting.Guid(id))})
        return next((_source(self.id_column, row) for row in access.rows(address)), None)

    def targets(self, access: Access) -> Iterator[tuple[str, Values]]:
        """Every target record of the company as it is now, with its key."""
        for row in access.rows(self._targets()):
            yield str(row[self.key_field]), row

    def target(self, access: Access, key: str) -> Values | None:
        """One target record as it is now, None when there is none."""
        return next(access.rows(self._targets(quoting.equals(self.key_field, key))), None)

    def past(self, *, before: list[str], keys: Mapping[str, str], failures: tuple[Failure, ...]) -> Past:
        """What the comparison must know from before; see Past."""
        refused = frozenset(failure.id for failure in failures if failure.cause not in _FORESEEN)
        return Past(frozenset(before), keys, refused, self.adopt)

    def _sources(self, parameters: Mapping[str, str]) -> str:
        selected = quoting.columns((self.id_column, "versionnumber", *self.select))
        expanded = quoting.expansions(self.expand)
        return f"{_API}/{self.source_set}?{quoting.query({'$select': selected, '$expand': expanded, **parameters})}"

    def _targets(self, *conditions: str) -> str:
        wanted = quoting.all_of(quoting.equals("dataAreaId", self.company), *conditions)
        selected = quoting.columns((self.key_field, *self.fields))
        return f"/data/{self.target_set}?{quoting.query({'$filter': wanted, '$select': selected, **_ACROSS})}"


def _source(id_column: str, row: Values) -> SourceRow:
    values = {name: value for name, value in row.items() if "@" not in name}
    return SourceRow(str(row[id_column]).lower(), int(str(row.get("versionnumber", 0))), values)
