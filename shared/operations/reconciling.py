"""Both systems compared record by record, whatever the sync believes of them: what is missing, extra or different.

What is compared is read from both systems. From the links only comes which records have been synced at all, and which
have ended. Memory is bounded by a batch.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, islice
from typing import TypeVar

from shared.errors import SystemTrouble
from shared.operations.deeds import Deeds
from shared.operations.dryrun import source_ids
from shared.operations.examining import Examined, Examining, FieldChange
from shared.operations.syncing import send
from shared.state.links import LinkState
from shared.sync.flow import Flow
from shared.sync.gates import Gates
from shared.sync.linkwriter import Group, LinkWriter, link_operation, mark_dirty
from shared.sync.parts import Parts
from shared.sync.work import Kind
from shared.telemetry import log_event

_AT_A_TIME = 100
Item = TypeVar("Item")


class Drift(StrEnum):
    """How a record is not in step though the sync has written it."""

    MISSING = "missing"
    """Its row in the target is gone."""
    EXTRA = "extra"
    """It is in the target and not in the source: a record that is gone untold, or a row that says that it comes from
    the source, is no record's, and has a number that no record has."""
    DIFFERENT = "different"
    """Fields that we own differ in the target."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One record that has drifted. `id` is None for a row of the target that is no record's: only people know what it
    is, and no repair touches it."""

    id: str | None
    key: str | None
    drift: Drift
    changes: tuple[FieldChange, ...] = ()


class Reconciling:
    """Compares the records of one flow. It writes nothing but what `repair` is asked for. `compared` counts records,
    `complete` says whether all of them were looked at."""

    def __init__(self, parts: Parts, flow: Flow) -> None:
        self._parts = parts
        self._flow = flow
        self._examining = Examining(parts, flow)
        self.compared = 0
        self.complete = False

    def drifted(self, *, not_after: float = math.inf) -> Iterator[Drifted]:
        """Every record that has drifted, as it is found, as far as there is time. Raises SystemTrouble."""
        for found in chain(self._of_source(), self._gone(), self._unowned()):
            yield from found
            if self._parts.clock.monotonic() >= not_after:
                return
        self.complete = True

    def repair(self, drifted: Iterable[Drifted], deeds: Deeds) -> int:
        """Have these records looked at as if nothing was known of their target rows; how many are queued."""
        queued = 0
        for batch in _batches(of.id for of in drifted if of.id is not None):
            deeds.note("repair", self._flow.name, " ".join(batch))
            links = self._parts.state.links
            marked = (replace(link, dirty=True) for link in links.load(self._flow.name, batch).values() if link.etag)
            groups = [Group(link, (link_operation(link),)) for link in marked]
            for foreign in LinkWriter(links, lambda now: now.dirty).write(groups).foreign.values():
                mark_dirty(links, foreign)
            queued += send(self._parts, self._flow.name, batch)
        return queued

    def _of_source(self) -> Iterator[list[Drifted]]:
        for ids in _batches(source_ids(self._flow)):
            examined = self._examining.examine(ids, trust=False)
            written = [each for each in examined if each.link.state is LinkState.WRITTEN]
            self.compared += len(written)
            yield [drifted for each in written for drifted in _drift(each)]

    def _gone(self) -> Iterator[list[Drifted]]:
        """The records that are gone in the source, and nobody has told."""
        written = (link for link in self._parts.state.links.walk(self._flow.name) if link.state is LinkState.WRITTEN)
        for links in _batches(written):
            there = self._flow.source.existing([link.id for link in links])
            yield [Drifted(link.id, link.target_key, Drift.EXTRA) for link in links if link.id not in there]

    def _unowned(self) -> Iterator[list[Drifted]]:
        """The rows of the target that say they come from the source, and are no record's there."""
        for route in self._flow.routes.values():
            keys = self._parts.state.keys_of(self._flow, route)
            for rows in _batches(route.target.marked()):
                owned = keys.owners([row.key for row in rows])
                unowned = [row for row in rows if row.key not in owned]
                numbers = self._flow.numbered([row.number for row in unowned]) if unowned else {}
                yield [Drifted(None, row.key, Drift.EXTRA) for row in unowned if row.number not in numbers]


class Comparison:
    """One timer invocation: every flow that runs is compared, as far as there is time, and the drift is told."""

    def __init__(self, parts: Parts, gates: Gates, run_id: str) -> None:
        self._parts = parts
        self._gates = gates
        self._run_id = run_id

    def run(self) -> None:
        """Compare. A system in trouble closes its gate, and its flow is left out. Raises StorageTrouble."""
        not_after = self._parts.clock.monotonic() + self._parts.limits.run_budget_s
        for flow in self._parts.flows.values():
            if self._gates.closed_for_apply(flow) is None:
                try:
                    self._compare(flow, not_after)
                except SystemTrouble as trouble:
                    self._gates.close(trouble)

    def _compare(self, flow: Flow, not_after: float) -> None:
        reconciling, found = Reconciling(self._parts, flow), Counter[str]()
        for drifted in reconciling.drifted(not_after=not_after):
            found[drifted.drift] += 1
        log_event(
            "reconciled",
            flow=flow.name,
            run=self._run_id,
            complete=reconciling.complete,
            compared=reconciling.compared,
            missing=found[Drift.MISSING],
            extra=found[Drift.EXTRA],
            different=found[Drift.DIFFERENT],
        )


def _drift(examined: Examined) -> Iterator[Drifted]:
    if examined.kind is Kind.CREATED:
        yield Drifted(examined.id, examined.key, Drift.MISSING)
    elif examined.kind is Kind.UPDATED and examined.changes:
        yield Drifted(examined.id, examined.key, Drift.DIFFERENT, examined.changes)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    pending = iter(items)
    while batch := list(islice(pending, _AT_A_TIME)):
        yield batch
