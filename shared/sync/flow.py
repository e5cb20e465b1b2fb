"""A flow as the engine sees it: one entity's sync in one direction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared import errors
from shared.mapping.verdicts import Known, Verdict
from shared.records import Json, SourceRow
from shared.sync.ports import Lookup, Source, Target, TrackedSource, WalkedSource

WEEK_S = 7 * 24 * 3600.0


class Mapper(Protocol):
    """A mapping module's table, ready to use. Pure."""

    @property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and filters: when it changes, every record is evaluated again."""

    @property
    def target_entity(self) -> str:
        """The target collection, such as `CustomersV3`: part of the partition of owned keys."""

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one source record."""

    def ended(self) -> Mapping[str, Json]:
        """The owned fields that change when a linked source record ends (empty: the target row is untouched)."""

    def empty(self, field: str) -> Json:
        """What to send to empty a target field: F&O knows no null."""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours, after the normalisation that the target applies."""

    def in_scope(self, row: SourceRow) -> bool:
        """Whether a record that has no link yet belongs to the scope of the first run (rules.md, First start)."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """Changes come from the source's own change tracking (protocol P2)."""

    source: TrackedSource


@dataclass(frozen=True, slots=True)
class Walked:
    """Changes are found by walking the source and comparing with a snapshot of our own (protocol P3); every
    `full_every_s` seconds a walk ignores the snapshot."""

    source: WalkedSource
    full_every_s: float = WEEK_S


@dataclass(frozen=True, slots=True)
class Flow:
    """One entity's sync, one direction. `route` names the target of a record within the flow; `lookup` are the small
    tables of the target that its mapping needs."""

    name: str
    route: str
    source_system: errors.System
    target_system: errors.System
    company: str
    feed: Tracked | Walked
    target: Target
    mapper: Mapper
    lookup: Lookup | None = None
    adopt_existing: bool = False
    parents: tuple[str, ...] = ()

    @property
    def source(self) -> Source:
        """Where its records are read."""
        return self.feed.source
