"""The flows that the demo watches: where their records are in both systems, and what the mapping makes of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from local.demo.comparison import Past
from local.demo.systems import DATAVERSE, SYSTEM_NAMES, Access
from shared.clients import quoting
from shared.mapping.verdicts import Known, Verdict
from shared.records import Json, SourceRow, Values
from shared.state.failures import Failure
from shared.sync.flow import Mapper, TargetRules

Systems = Mapping[str, Access]

API = "/api/data/v9.2"
_DATA = "/data"
_ACROSS = {"cross-company": "true"}
# Failures that the comparison works out by itself, from the source and from what was there before.
_FORESEEN = frozenset({"key_taken", "key_changed", "target_exists"})


@dataclass(frozen=True, slots=True)
class Collection:
    """The rows of one collection of a system, each with its key. `company` is that of F&O, empty for Dataverse;
    `by_id` says that the key is an id that stands bare in a filter."""

    system: str
    entity_set: str
    key: str
    columns: tuple[str, ...]
    expand: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    company: str = ""
    by_id: bool = False

    def rows(self, systems: Systems, key: str | None = None) -> Iterator[Values]:
        """Every row as it is now, or those with a key."""
        conditions = [quoting.equals("dataAreaId", self.company)] if self.company else []
        if key is not None:
            conditions.append(quoting.equals(self.key, quoting.Guid(key) if self.by_id else key))
        parameters = {
            "$select": quoting.columns((self.key, *self.columns)),
            "$expand": quoting.expansions(self.expand),
            "$filter": quoting.all_of(*conditions),
            **(_ACROSS if self.company else {}),
        }
        root = API if self.system == DATAVERSE else _DATA
        return systems[self.system].rows(f"{root}/{self.entity_set}?{quoting.query(parameters)}")

    def key_of(self, row: Values) -> str:
        """The key of a row, as the sync knows it."""
        key = str(row[self.key])
        return key.lower() if self.by_id else key


class View(Protocol):
    """What there is to know of a flow beside the rows of its source and of its target."""

    def known(self, systems: Systems, key: str | None) -> Callable[[SourceRow], Known]:
        """What the mapping may know of a source record; read for one key, or for all of them."""

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:
        """Target rows in the names of the mapping."""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""


@dataclass(frozen=True, slots=True)
class PlainView:
    """Of a flow whose target rows are what the mapping writes, and whose mapping needs no other row."""

    rules: TargetRules

    def known(self, systems: Systems, key: str | None) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - nothing to read
        """See View."""
        known = Known(datetime.now(UTC))
        return lambda _row: known

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """See View."""
        return rows

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """See View."""
        return self.rules.agree(field, ours, theirs)


@dataclass(frozen=True, slots=True)
class Watched:
    """One flow, in either direction. `asked` names, by system, the collections that requests of this flow address."""

    name: str
    mapper: Mapper
    rules: TargetRules
    source: Collection
    target: Collection
    view: View
    asked: Mapping[str, frozenset[str]]
    adopt: bool = False

    @property
    def direction(self) -> str:
        """From which system to which, for people."""
        return f"{SYSTEM_NAMES[self.source.system]} -> {SYSTEM_NAMES[self.target.system]}"

    def sources(self, systems: Systems, id: str | None = None) -> list[SourceRow]:
        """Every source record as it is now, or those with an id."""
        return [self._source(row) for row in self.source.rows(systems, id)]

    def verdicts(self, systems: Systems) -> dict[str, Verdict]:
        """What the mapping makes of every source record, by id."""
        known = self.view.known(systems, None)
        return {row.id: self.mapper.evaluate(row, known(row)) for row in self.sources(systems)}

    def verdict(self, systems: Systems, id: str) -> Verdict | None:
        """What the mapping makes of one source record, None when there is none."""
        row = next(iter(self.sources(systems, id)), None)
        return None if row is None else self.mapper.evaluate(row, self.view.known(systems, id)(row))

    def targets(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """Every target record as it is now, or those with a key; each with its key."""
        rows = list(self.target.rows(systems, key))
        keys = [self.target.key_of(row) for row in rows]
        return list(zip(keys, self.view.present(systems, rows), strict=True))

    def past(self, *, before: list[str], keys: Mapping[str, str], failures: tuple[Failure, ...]) -> Past:
        """What the comparison must know from before; see Past."""
        refused = frozenset(failure.id for failure in failures if failure.cause not in _FORESEEN)
        return Past(frozenset(before), keys, refused, self.adopt)

    def ended(self) -> Mapping[str, Json]:
        """What changes in the target when a source record ends."""
        return self.rules.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.rules.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        return self.view.agree(field, ours, theirs)

    def _source(self, row: Values) -> SourceRow:
        values = {name: value for name, value in row.items() if "@" not in name}
        version = row.get("versionnumber")
        return SourceRow(self.source.key_of(row), None if version is None else int(str(version)), values)
