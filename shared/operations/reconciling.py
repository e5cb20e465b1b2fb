"""Both systems compared record by record, whatever the sync believes of them: what is missing, extra or different.

What is compared is read from both systems. From the links only comes which records have been synced at all. Memory is
bounded by a batch.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from shared.errors import SystemTrouble
from shared.operations.deeds import Deeds
from shared.operations.dryrun import source_ids
from shared.operations.examining import Examined, Examining, FieldChange
from shared.operations.syncing import Syncing
from shared.state.links import LinkState
from shared.sync.flow import Flow
from shared.sync.gates import Gates
from shared.sync.linkwriter import Group, LinkWriter, link_operation
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
    """It is gone in the source, and nobody has told."""
    DIFFERENT = "different"
    """Fields that we own differ in the target. Of a target that tells ids only (products in Sales) nobody sees that."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One record that has drifted."""

    id: str
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
        for ids in _batches(source_ids(self._flow)):
            if self._parts.clock.monotonic() >= not_after:
                return
            for examined in self._examining.examine(ids, trust=False):
                if examined.link.state is LinkState.WRITTEN:
                    self.compared += 1
                    yield from _drift(examined)
        yield from self._extra()
        self.complete = True

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
    elif examined.kind is Kind.UPDATED and examined.changes and not examined.unread:
        yield Drifted(examined.id, examined.key, Drift.DIFFERENT, examined.changes)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    pending = iter(items)
    while batch := list(islice(pending, _AT_A_TIME)):
        yield batch
