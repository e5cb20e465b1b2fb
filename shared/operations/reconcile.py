"""Both systems compared record by record, independently of what the sync believes: what is missing, extra or different.

Everything that is compared is read from both systems. The links only say under which key a record is, which records are
listed as failures, and which have ended. Memory is bounded by one batch.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from shared.errors import NotSent, SystemTrouble
from shared.operations.audit_log import AuditLog
from shared.operations.dry_run import source_ids
from shared.operations.examine import Examined, Examining, FieldChange
from shared.operations.sender import Sender
from shared.records import MarkedRow
from shared.state.keys import Keys
from shared.state.links import Link, LinkState
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.outcome import Kind
from shared.sync.apply.plan import TARGET_GONE
from shared.sync.flow import TARGET_DELETED, Flow, in_turn
from shared.sync.gates import Gates
from shared.sync.link_writer import Group, LinkWriter, link_operation, mark_dirty
from shared.telemetry import log_event

_AT_A_TIME = 100
Item = TypeVar("Item")
# One batch of a comparison, not compared yet.
Look = Callable[[], "list[Drifted]"]


class Drift(StrEnum):
    """How a record has drifted although the sync has written it."""

    MISSING = "missing"
    """It has no row in the target, though it is for the target today."""
    EXTRA = "extra"
    """It is in the target but not for it: a record that is gone or has ended, and the sync has not noticed; or a row
    that is marked as coming from the source, but belongs to no record and has a number that no record has."""
    DIFFERENT = "different"
    """Fields that we own differ in the target, or the record would be rejected today, and the sync has not noticed."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """One record that has drifted, or is not in step for another reason and not listed as a failure. `id` is None for a
    row of the target that belongs to no record: only people know what it is, and repair never touches it. `reason` says
    why the record would be rejected as it is now in both systems."""

    id: str | None
    key: str | None
    drift: Drift
    changes: tuple[FieldChange, ...] = ()
    reason: str = ""


class Reconciling:
    """Compares the records of one flow. It writes nothing unless `repair` is called. `compared` counts records,
    `position` is how far the comparison is, in batches; `complete` says whether it is finished."""

    def __init__(self, examining: Examining, flow: Flow) -> None:
        self._examining = examining
        self._state = examining.state
        self._flow = flow
        self.compared = 0
        self.position = 0
        self.complete = False

    def drifted(self, *, behind: int = 0, not_after: float = math.inf) -> Iterator[Drifted]:
        """Every record that has drifted, as it is found, after a position and as long as there is time. Raises
        SystemTrouble."""
        for position, look in enumerate(chain(self._of_source(), self._gone(), self._unowned()), 1):
            if position <= behind:
                continue
            found = look()
            self.position = position
            yield from found
            if self._examining.clock.monotonic() >= not_after:
                return
        self.complete = True

    def drifted_of(self, ids: Iterable[str]) -> Iterator[Drifted]:
        """Those of these records that have drifted. Raises SystemTrouble."""
        for batch in _batches(ids):
            yield from self._examined(batch)
            links = self._state.links.load(self._flow.name, batch).values()
            yield from self._absent([link for link in links if link.state is LinkState.WRITTEN])

    def repair(self, drifted: Iterable[Drifted], audit_log: AuditLog, sender: Sender) -> int:
        """Queue these records to be compared with their target rows themselves; how many."""
        queued = 0
        for batch in _batches(each.id for each in drifted if each.id is not None):
            run = sender.new_id()
            audit_log.note("repair", self._flow.name, " ".join(batch), run=run)
            links = self._state.links
            marked = (
                replace(link, dirty=True)
                for link in links.load(self._flow.name, batch).values()
                if _may_be_marked(link)
            )
            groups = [Group(link, (link_operation(link),)) for link in marked]
            for foreign in LinkWriter(links, lambda now: now.dirty).write(groups).foreign.values():
                mark_dirty(links, foreign)
            queued += sender.send(self._flow.name, batch, run)
        return queued

    def _of_source(self) -> Iterator[Look]:
        for ids in _batches(source_ids(self._flow)):
            yield partial(self._examined, ids)

    def _examined(self, ids: list[str]) -> list[Drifted]:
        examined = self._examining.examine(self._flow, ids, trust=False)
        self.compared += len(examined)
        at_rest = [each for each in examined if claim_ends_in(each.link, self._examining.limits) == 0]
        return [
            Drifted(each.id, each.key, drift, each.changes, each.failure.message if each.failure is not None else "")
            for each in at_rest
            if (drift := _drift_of(each)) is not None
        ]

    def _gone(self) -> Iterator[Look]:
        """The records that are gone in the source, which the sync has not noticed."""
        written = (link for link in self._state.links.walk(self._flow.name) if link.state is LinkState.WRITTEN)
        for links in _batches(written):
            yield partial(self._absent, links)

    def _absent(self, links: list[Link]) -> list[Drifted]:
        there = self._flow.source.existing([link.id for link in links])
        return [Drifted(link.id, link.target_key, Drift.EXTRA) for link in links if link.id not in there]

    def _unowned(self) -> Iterator[Look]:
        """The rows of the target that are marked as coming from the source, but belong to no record there."""
        for route in self._flow.routes.values():
            keys = self._state.keys_of(self._flow, route)
            for rows in _batches(route.target.marked()):
                yield partial(self._strange, keys, rows)

    def _strange(self, keys: Keys, rows: list[MarkedRow]) -> list[Drifted]:
        owned = keys.owners([row.key for row in rows])
        unowned = [row for row in rows if row.key not in owned]
        numbers = self._flow.numbered([row.number for row in unowned]) if unowned else {}
        return [Drifted(None, row.key, Drift.EXTRA) for row in unowned if row.number not in numbers]


class Comparison:
    """One timer invocation: every flow that runs is compared, and the drift is logged as an event. Each has its share
    of the time, and continues the next time where it stopped."""

    def __init__(self, examining: Examining, gates: Gates, run_id: str) -> None:
        self._examining = examining
        self._gates = gates
        self._run_id = run_id

    def run(self) -> None:
        """Compare. A system in trouble closes its gate, a drift blocks its flow, which is left out. Raises
        StorageTrouble."""
        clock = self._examining.clock
        not_after = clock.monotonic() + self._examining.limits.run_budget_s
        flows = in_turn(self._examining.flows, self._run_id)
        for at, flow in enumerate(flows):
            if clock.monotonic() >= not_after:
                break
            share = (not_after - clock.monotonic()) / (len(flows) - at)
            self._compare(flow, clock.monotonic() + share)

    def _compare(self, flow: Flow, not_after: float) -> None:
        control = self._examining.state.control
        reconciling, found = Reconciling(self._examining, flow), Counter[str]()
        behind = control.flow(flow.name).compared
        if self._gates.closed_for_apply(flow) is None:
            try:
                for drifted in reconciling.drifted(behind=behind, not_after=not_after):
                    found[drifted.drift] += 1
            except NotSent:
                # There was no time for the batch: the next comparison starts with it.
                pass
            except SystemTrouble as trouble:
                self._gates.meet(trouble, flow, run=self._run_id)
        position = 0 if reconciling.complete else max(behind, reconciling.position)
        if position != behind:
            control.change_flow(flow.name, lambda now: replace(now, compared=position))
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


def _may_be_marked(link: Link) -> bool:
    """Whether there is a link to overwrite: a link that cannot be read is left as it is."""
    return link.etag is not None and link.damage is None


def _drift_of(examined: Examined) -> Drift | None:
    """How a record has drifted, unless it is listed as a failure."""
    if examined.listed:
        return None
    match examined.kind:
        case Kind.CREATED:
            return Drift.MISSING
        case Kind.UPDATED | Kind.ENDED if examined.changes:
            return Drift.DIFFERENT
        case Kind.REJECTED:
            return Drift.MISSING if examined.reason == TARGET_GONE else Drift.DIFFERENT
        case Kind.FILTERED if examined.reason == TARGET_DELETED:
            return Drift.MISSING if examined.link.linked else None
        case Kind.FILTERED | Kind.ENDED if examined.link.state is LinkState.WRITTEN:
            return Drift.EXTRA
    return None


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    pending = iter(items)
    while batch := list(islice(pending, _AT_A_TIME)):
        yield batch
