"""The state of every flow and system at each sweep, logged as events: the alerts and the workbook read them. This costs
a few reads a minute, whatever is in queues and lists: counts stop at `MOST_COUNTED`."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from shared.clock import Clock
from shared.errors import StateUnreadable
from shared.state.failures import Failure
from shared.state.storage.queues import Queues, hold_queue, poison_queue
from shared.state.waiting import Wait
from shared.sync.flow import Flow, Tracked
from shared.sync.state import State
from shared.systems import System
from shared.telemetry import log_event, tell_damage

Item = TypeVar("Item", Failure, Wait)
MOST_COUNTED = 10_000
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class FlowState:
    """The state of a flow; the fields are those of the event `flow_state` (docs/telemetry.md)."""

    paused: bool
    blocked: str
    checkpoint_age_s: int | None
    queued: int
    queued_s: int | None
    held: int
    poison: int
    poison_s: int | None
    failures_open: int
    waiting: int
    waiting_s: int | None

    def told(self) -> dict[str, Any]:
        """Its fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Observing:
    """Reports the state of all flows and systems. It changes nothing."""

    def __init__(self, run_id: str, *, state: State, queues: Queues, clock: Clock) -> None:
        self._run_id = run_id
        self._state = state
        self._queues = queues
        self._clock = clock

    def tell(self, flows: Iterable[Flow], systems: Iterable[System], *, not_after: float = math.inf) -> None:
        """Log one event for each flow, also a paused one, and one for each system. If there is no time for all of them,
        the last ones are left out; each run begins with another one. Raises StorageTrouble."""
        for flow in flows:
            if self._clock.monotonic() >= not_after:
                break
            log_event("flow_state", flow=flow.name, run=self._run_id, **self.flow(flow).told())
        for system in systems:
            self._tell_gate(system)

    def flow(self, flow: Flow) -> FlowState:
        """The state of a flow now. Raises StorageTrouble."""
        state, queues = self._state, self._queues
        control, poisoned = state.control.flow(flow.name), queues.depth(poison_queue(flow.name))
        waits = [wait for wait in counted_of(state.waits.page, flow) if not wait.is_parked]
        return FlowState(
            paused=control.paused or bool(flow.off),
            blocked=control.blocked,
            checkpoint_age_s=self._checkpoint_age_s(flow),
            queued=queues.depth(flow.name),
            queued_s=self._head_s(flow.name),
            held=queues.depth(hold_queue(flow.name)),
            poison=poisoned,
            poison_s=self._head_s(poison_queue(flow.name)) if poisoned else None,
            failures_open=sum(1 for failure in counted_of(state.failures.page, flow) if not failure.dismissed),
            waiting=len({wait.child for wait in waits}),
            waiting_s=max((round(wait.age_s) for wait in waits), default=None),
        )

    def _head_s(self, queue: str) -> int | None:
        head = self._queues.head(queue)
        return None if head is None else self._age_s(head.put_at)

    def _tell_gate(self, system: System) -> None:
        gate = self._state.control.gate(system)
        closed_s = self._age_s(gate.closed_since) if gate.closed else 0
        log_event("gate_state", system=str(system), run=self._run_id, closed=gate.closed, closed_s=closed_s)

    def _checkpoint_age_s(self, flow: Flow) -> int | None:
        """For how long the flow has not been read to its end; of several sources the one that is furthest behind. None
        before the first pull."""
        further = flow.feed.further if isinstance(flow.feed, Tracked) else ()
        try:
            checkpoints = [self._state.checkpoints.load(flow.name, source) for source in (None, *further)]
        except StateUnreadable as unreadable:
            tell_damage(unreadable.damage, flow=flow.name, run=self._run_id)
            return None
        ages = [self._age_s(checkpoint.current_at) for checkpoint in checkpoints if checkpoint is not None]
        return max((age for age in ages if age is not None), default=None)

    def _age_s(self, moment: datetime | None) -> int | None:
        return None if moment is None else max(0, round((self._clock.now() - moment).total_seconds()))


def counted_of(page: Callable[[str, str, int], tuple[list[Item], str | None]], flow: Flow) -> Iterator[Item]:
    """The first items of a list that is read page by page; no more than `MOST_COUNTED`."""
    after: str | None = ""
    for _ in range(MOST_COUNTED // _PAGE):
        if after is None:
            return
        items, after = page(flow.name, after, _PAGE)
        yield from items
