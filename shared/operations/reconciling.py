"""Both systems compared record by record, whatever the sync believes of them: what is missing, extra or different.

What is compared is read from both systems. From the links only comes which records have been synced at all. Memory is
bounded by a batch.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from shared.operations.deeds import Deeds
from shared.operations.dryrun import source_ids
from shared.operations.examining import Examined, Examining, FieldChange
from shared.operations.syncing import Syncing
from shared.state.links import LinkState
from shared.sync.flow import Flow
from shared.sync.linkwriter import Group, LinkWriter, link_operation
from shared.sync.parts import Parts
from shared.sync.work import Kind

_AT_A_TIME = 100
Item = TypeVar("Item")


class Drift(StrEnum):
    """How a record is not in step though the sync has written it."""

    MISSING = "missing"
    """Its row in the target is gone."""
    EXTRA = "extra"
    """It is gone in the source, and nobody has told."""
    DIFFERENT = "different"
    """Fields that we own differ in the target."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One record that has drifted."""

    id: str
    key: str | None
    drift: Drift
    changes: tuple[FieldChange, ...] = ()


class Reconciling:
    """Compares the records of one flow. It writes nothing but what `repair` is asked for."""

    def __init__(self, parts: Parts, flow: Flow) -> None:
        self._parts = parts
        self._flow = flow
        self._examining = Examining(parts, flow)
        self.compared = 0

    def drifted(self) -> Iterator[Drifted]:
        """Every record that has drifted, as it is found; `compared` counts on. Raises SystemTrouble."""
        for ids in _batches(source_ids(self._flow)):
            for examined in self._examining.examine(ids, trust=False):
                if examined.link.state is LinkState.WRITTEN:
                    self.compared += 1
                    yield from _drift(examined)
        yield from self._extra()

    def repair(self, drifted: Iterable[Drifted], deeds: Deeds) -> int:
        """Have these records looked at as if nothing was known of their target rows; how many are queued."""
        queued = 0
        for batch in _batches(of.id for of in drifted):
            links = self._parts.state.links.load(self._flow.name, batch)
            groups = [Group(link, (link_operation(replace(link, dirty=True)),)) for link in links.values()]
            # Whoever works on a record right now compares it, too.
            LinkWriter(self._parts.state.links, lambda now: now.dirty).write(groups)
            queued += Syncing(self._parts, deeds).some(self._flow.name, batch)
        return queued

    def _extra(self) -> Iterator[Drifted]:
        written = (link for link in self._parts.state.links.walk(self._flow.name) if link.state is LinkState.WRITTEN)
        for links in _batches(written):
            there = self._flow.source.existing([link.id for link in links])
            yield from (Drifted(link.id, link.target_key, Drift.EXTRA) for link in links if link.id not in there)


def _drift(examined: Examined) -> Iterator[Drifted]:
    if examined.kind is Kind.CREATED:
        yield Drifted(examined.id, examined.key, Drift.MISSING)
    elif examined.kind is Kind.UPDATED and examined.changes:
        yield Drifted(examined.id, examined.key, Drift.DIFFERENT, examined.changes)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    pending = iter(items)
    while batch := list(islice(pending, _AT_A_TIME)):
        yield batch
