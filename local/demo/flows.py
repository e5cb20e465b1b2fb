"""The flows that the demo watches: where their records are in both systems, and what the mapping makes of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from local.demo.additions import NOTHING_ADDED, Additions
from local.demo.comparison import Past
from local.demo.memory import Memory
from local.demo.systems import DATAVERSE, SYSTEM_NAMES, Access, Asked
from shared.clients import quoting
from shared.mapping.verdicts import Filtered, Known, Parent, Verdict
from shared.records import KEY_SEPARATOR, Json, SourceRow, Values
from shared.state.failures import Failure
from shared.sync.flow import Mapper, TargetRules

Systems = Mapping[str, Access]
# The numbers under which accounts and contacts became customers. A number that is changed later in Sales changes none
# of them: it is refused, and everything that names the customer keeps to it.
Kept = Mapping[Parent, str]
NOTHING_KEPT: Kept = {}

API = "/api/data/v9.2"
_DATA = "/data"
_ACROSS = {"cross-company": "true"}
# Failures that the comparison derives itself, from the source and from what existed before.
_FORESEEN = frozenset({"key_taken", "key_changed", "target_exists"})


class Sources(Protocol):
    """Where the records of a flow come from."""

    @property
    def system(self) -> str:
        """Which system that is."""

    def records(self, systems: Systems, id: str | None = None) -> list[SourceRow]:
        """Every record as it is now, or those with an id."""

    def ids(self, systems: Systems) -> list[str]:
        """The ids of all records that there are now; far cheaper than the records."""


class Targets(Protocol):
    """What the records of a flow become."""

    @property
    def system(self) -> str:
        """Which system that is."""

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """Every record as it is now, or those with a key; each with its key."""


@dataclass(frozen=True, slots=True)
class Collection:
    """The rows of one collection of a system, each with its key; satisfies Sources and Targets.

    `company` is that of F&O, empty for Dataverse; `by_id` says that the key is an id, which a filter does not quote.
    `key_too` is a second part of the key. Only rows with the values of `only` count.
    """

    system: str
    entity_set: str
    key: str
    columns: tuple[str, ...]
    expand: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    company: str = ""
    by_id: bool = False
    key_too: str = ""
    only: Mapping[str, Json] = field(default_factory=dict)

    def rows(self, systems: Systems, key: str | None = None) -> list[Values]:
        """Every row as it is now, or those with a key."""
        return list(self._rows(systems, key))

    def records(self, systems: Systems, id: str | None = None) -> list[SourceRow]:
        """All source records, or the one with an id."""
        return [self._record(row) for row in self._rows(systems, id)]

    def ids(self, systems: Systems) -> list[str]:
        """The ids of all source records."""
        return [self.key_of(row) for row in replace(self, columns=(), expand={})._rows(systems, None)]

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        return [(self.key_of(row), row) for row in self._rows(systems, key)]

    def key_of(self, row: Values) -> str:
        """The key of a row, as the sync knows it."""
        key = str(row[self.key])
        if self.key_too:
            return KEY_SEPARATOR.join((key, str(row[self.key_too])))
        return key.lower() if self.by_id else key

    def _rows(self, systems: Systems, key: str | None) -> Iterator[Values]:
        conditions = [quoting.equals("dataAreaId", self.company)] if self.company else []
        if key is not None:
            first, _, second = key.partition(KEY_SEPARATOR) if self.key_too else (key, "", "")
            conditions.append(quoting.equals(self.key, quoting.Guid(first) if self.by_id else first))
            conditions += [quoting.equals(self.key_too, second)] if self.key_too else []
        parameters = {
            "$select": quoting.columns(filter(None, (self.key, self.key_too, *self.only, *self.columns))),
            "$expand": quoting.expansions(self.expand),
            "$filter": quoting.all_of(*conditions),
            **(_ACROSS if self.company else {}),
        }
        root = API if self.system == DATAVERSE else _DATA
        for row in systems[self.system].rows(f"{root}/{self.entity_set}?{quoting.query(parameters)}"):
            if all(row.get(name) == value for name, value in self.only.items()):
                yield row

    def _record(self, row: Values) -> SourceRow:
        values = {name: value for name, value in row.items() if "@" not in name}
        version = row.get("versionnumber")
        return SourceRow(self.key_of(row), None if version is None else int(str(version)), values)


class View(Protocol):
    """What is known about a flow besides the rows of its source and target."""

    def known(self, systems: Systems, key: str | None, kept: Kept) -> Callable[[SourceRow], Known]:
        """What the mapping may know about a source record; read for one key, or for all of them."""

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison takes it: what the target should hold, in the form in which it is presented."""

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:
        """Target rows in the names of the mapping."""

    def ended(self, key: str) -> Mapping[str, Json]:
        """What changes in a target row when its source record ends."""

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""


@dataclass(frozen=True, slots=True)
class PlainView:
    """Of a flow whose target rows are what the mapping writes, and whose mapping needs no other row."""

    rules: TargetRules

    def known(self, systems: Systems, key: str | None, kept: Kept) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - nothing to read
        """What the mapping may know about a source record; read for one key, or for all of them."""
        known = Known(datetime.now(UTC))
        return lambda _row: known

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:  # noqa: ARG002 - it says everything
        """A verdict as the comparison uses it: what the target should hold."""
        return verdict

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        return rows

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - all rows are of one kind
        """What changes in a target row when its source record ends."""
        return self.rules.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.rules.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        return self.rules.agree(field, ours, theirs)


@dataclass(frozen=True, slots=True)
class Watched:
    """One flow, in either direction. `asked` names, by system, the collections that requests of this flow read and
    write; `moves` says that a record may get another key. `past_rules` are the filter rules that mean that a record may
    have been in the target once, with its id as key. `additions` are what the map document adds to the flow's map."""

    name: str
    mapper: Mapper
    source: Sources
    target: Targets
    view: View
    asked: Mapping[str, Asked]
    adopt: bool = False
    moves: bool = False
    past_rules: frozenset[str] = frozenset()
    additions: Additions = NOTHING_ADDED

    @property
    def direction(self) -> str:
        """From which system to which, for people."""
        return f"{SYSTEM_NAMES[self.source.system]} -> {SYSTEM_NAMES[self.target.system]}"

    def sources(self, systems: Systems, id: str | None = None) -> list[SourceRow]:
        """Every source record as it is now, or those with an id."""
        return self.source.records(systems, id)

    def verdicts(self, systems: Systems, kept: Kept = NOTHING_KEPT) -> dict[str, Verdict]:
        """What the mapping makes of every source record, by id."""
        known = self.view.known(systems, None, kept)
        return {row.id: self._judged(row, known(row)) for row in self.sources(systems)}

    def verdict(self, systems: Systems, id: str, kept: Kept = NOTHING_KEPT) -> Verdict | None:
        """What the mapping makes of one source record, None if there is none."""
        row = next(iter(self.sources(systems, id)), None)
        return None if row is None else self._judged(row, self.view.known(systems, id, kept)(row))

    def targets(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """Every target record as it is now, or those with a key; each with its key."""
        found = self.target.keyed(systems, key)
        presented = self.view.present(systems, [row for _, row in found])
        return list(zip([key for key, _ in found], presented, strict=True))

    def past(self, memory: Memory, verdicts: Mapping[str, Verdict], failures: tuple[Failure, ...]) -> Past:
        """What the comparison must know from before; see Past."""
        refused = frozenset(failure.id for failure in failures if failure.cause not in _FORESEEN)
        gone = {
            id: id
            for id, verdict in verdicts.items()
            if isinstance(verdict, Filtered) and verdict.rule in self.past_rules
        }
        return Past(
            before=frozenset(memory.before.get(self.name, ())),
            keys={**gone, **memory.keys.get(self.name, {})},
            refused=refused,
            adopt=self.adopt,
            moves=self.moves,
            left=frozenset(memory.left.get(self.name, ())),
        )

    def ended(self, key: str) -> Mapping[str, Json]:
        """What changes in a target row when its source record ends."""
        return self.view.ended(key)

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.view.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        return self.view.agree(field, ours, theirs)

    def _judged(self, row: SourceRow, known: Known) -> Verdict:
        return self.view.judged(row, self.mapper.evaluate(row, known), known)
