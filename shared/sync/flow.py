"""A flow as the engine sees it: one entity's sync in one direction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from shared import errors
from shared.mapping.verdicts import Verdict
from shared.records import Json, SourceRow
from shared.sync.ports import Source, Target


class Mapper(Protocol):
    """A mapping module's table, ready to use. Pure."""

    @property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and filters: when it changes, every record is evaluated again."""

    @property
    def target_entity(self) -> str:
        """The target collection, such as `CustomersV3`: part of the partition of owned keys."""

    def evaluate(self, row: SourceRow) -> Verdict:
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
class Flow:
    """One entity's sync, one direction. `route` names the target of a record within the flow."""

    name: str
    route: str
    source_system: errors.System
    target_system: errors.System
    company: str
    source: Source
    target: Target
    mapper: Mapper
    adopt_existing: bool = False
    parents: tuple[str, ...] = ()
