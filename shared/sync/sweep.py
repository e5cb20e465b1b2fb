"""Sweep: brings back what waits for something other than a change (protocol A1, F2, W1).

Held messages return when their gate opens, waiting records when their parent is linked, failures when they are due, and
records that were applied with an outdated mapping or parent key (see Outdated). Messages that would expire in a poison
queue are renewed. Each part is bounded per run and continues where it stopped. If the storage is slow the run ends
early: the host must never have to kill it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.clock import Clock
from shared.errors import StateUnreadable, SystemTrouble
from shared.mapping.verdicts import Parent
from shared.state.control import FlowControl
from shared.state.failures import LAST_RETRY, Failure, retry_after
from shared.state.links import Link, LinkState
from shared.state.storage.queues import Queues, hold_queue
from shared.state.storage.tables import Delete, Row, apply_where_possible, escape
from shared.state.waiting import Wait
from shared.sync.apply.parents import is_looked_at, keeps_parked, may_continue, parent_links
from shared.sync.damage import damage_of
from shared.sync.drift_probe import Probing
from shared.sync.failure_list import Listing
from shared.sync.flow import Flow, in_turn
from shared.sync.flow_states import Observing
from shared.sync.gates import Gates
from shared.sync.hints import Hint, Why, messages
from shared.sync.limits import Limits
from shared.sync.outdated import Outdated
from shared.sync.poison_keeper import keep_poison
from shared.sync.rejections import RejectionLimit
from shared.sync.state import State
from shared.systems import System
from shared.telemetry import log_event, tell_damage

_RECEIVED_AT_ONCE = 32
_INVISIBLE_S = 60.0
# A look that another flow has been asked for is made sooner, unless its message is lost or comes back.
_ANSWERED_WITHIN_S = 300.0
# The states are reported after the work, within this share of its time.
_TELLING = 1.4


class Sweep:
    """One timer invocation, for every flow."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        run_id: str,
        *,
        gates: Gates,
        state: State,
        queues: Queues,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._flows = flows
        self._run_id = run_id
        self._gates = gates
        self._state = state
        self._queues = queues
        self._clock = clock
        self._limits = limits
        self._rejections = RejectionLimit(run_id, state, clock, limits)
        self._began = clock.monotonic()

    def run(self) -> None:
        """Sweep every flow whose gate is open, then report the state of flows and systems. A gate whose time is over is
        probed and opened, and a flow whose schema drift is over continues."""
        probing = Probing(self._run_id, gates=self._gates, state=self._state, clock=self._clock)
        flows = in_turn(self._flows, self._run_id)
        for flow in flows:
            try:
                self._look(flow, probing)
            except StateUnreadable as unreadable:
                # The other flows have rows of their own.
                tell_damage(unreadable.damage, flow=flow.name, run=self._run_id)
        observing = Observing(self._run_id, state=self._state, queues=self._queues, clock=self._clock)
        observing.tell(flows, System, not_after=self._began + _TELLING * self._limits.run_budget_s)

    def _look(self, flow: Flow, probing: Probing) -> None:
        if self._has_time():
            keep_poison(
                self._queues,
                flow,
                self._run_id,
                now=self._clock.now(),
                at_most=self._limits.sweep_messages,
                has_time=self._has_time,
            )
            probing.look(flow)
            self._rejections.look(flow)
        if not self._has_time():
            self._skip(flow, "this run has no time left; another one begins with another flow")
        elif (closed := self._gates.closed_for_apply(flow)) is not None:
            self._skip(flow, closed.reason)
        else:
            try:
                self._sweep(flow)
            except SystemTrouble as trouble:
                # Rows of the target that records wait for cannot be looked up now.
                self._gates.meet(trouble, flow, run=self._run_id)

    def _has_time(self) -> bool:
        return self._clock.monotonic() < self._began + self._limits.run_budget_s

    def _skip(self, flow: Flow, reason: str) -> None:
        log_event("sweep_skipped", flow=flow.name, run=self._run_id, reason=reason)

    def _sweep(self, flow: Flow) -> None:
        self._return_held(flow)
        control = self._state.control.flow(flow.name)
        waiting_cursor = self._release_waiting(flow, control)
        failures_cursor = self._retry_failures(flow, control)
        swept = replace(control, waiting_cursor=waiting_cursor, failures_cursor=failures_cursor)
        if swept != control:
            self._state.control.save_flow(swept)
        outdated = Outdated(
            self._flows,
            self._run_id,
            self._send,
            gates=self._gates,
            state=self._state,
            queues=self._queues,
            clock=self._clock,
            limits=self._limits,
        )
        outdated.ask_children(flow)
        outdated.look(flow, control, self._has_time)

    def _return_held(self, flow: Flow) -> None:
        returned = 0
        while returned < self._limits.sweep_messages:
            held = self._queues.receive(hold_queue(flow.name), limit=_RECEIVED_AT_ONCE, invisible_s=_INVISIBLE_S)
            for message in held:
                self._queues.send(flow.name, message.body)
                self._queues.delete(hold_queue(flow.name), message)
                returned += 1
                if not self._has_time():
                    # What is left is visible again in a minute.
                    break
            if not held or not self._has_time():
                break
        if returned:
            log_event("held_returned", flow=flow.name, run=self._run_id, messages=returned)

    def _release_waiting(self, flow: Flow, control: FlowControl) -> str:
        if not self._has_time():
            return control.waiting_cursor
        page, after = self._state.waits.page(flow.name, control.waiting_cursor, self._limits.sweep_rows)
        found = self._state.links.load(flow.name, sorted({wait.child for wait in page}))
        damaged = {id: damage for id, child in found.items() if (damage := damage_of(child, flow)) is not None}
        self._listing(flow).damaged(damaged)
        children = {id: child for id, child in found.items() if id not in damaged}
        page = self._named(flow, page, children)
        self._send(flow, self._with_damaged_waits(flow, page))
        waits = [wait for wait in page if wait.damage is None]
        self._ask_again_for_looks(waits)
        filtered = [child for child in children.values() if child.state is LinkState.FILTERED]
        parked = self._state.waits.load(flow.name, [key for child in filtered for key in child.waits])
        parents = parent_links(self._state, flow)({_parent(wait) for wait in (*waits, *parked)})
        still_filtered = {wait.child for wait in parked if keeps_parked(_parent(wait), parents[_parent(wait)])}
        moved = {child.id for child in filtered} - still_filtered
        for wait in waits:
            moves = may_continue(_parent(wait), parents[_parent(wait)])
            if children[wait.child].state is not LinkState.FILTERED and moves:
                moved.add(wait.child)
        # A wait that no link names would stay for ever: that record is looked at in any case.
        unnamed = {wait.child for wait in waits if wait.key not in children[wait.child].waits}
        self._send_hints(flow, [Hint(id, released=id not in unnamed) for id in sorted(moved)], Why.RELEASED)
        return after or ""

    def _ask_again_for_looks(self, waits: Sequence[Wait]) -> None:
        """Ask once more for looks that have not been answered for a while, where one would help (protocol W4)."""
        asked: dict[str, set[str]] = defaultdict(set)
        for wait in waits:
            is_late = not wait.is_parked and wait.age_s >= _ANSWERED_WITHIN_S
            if wait.parent_route == Parent.LOOK and is_late:
                asked[wait.parent_flow].add(wait.parent)
        for name, ids in asked.items():
            flow = self._flows[name]
            # Where nothing is applied now, what is asked for lies in the queue already.
            if self._gates.closed_for_apply(flow) is None and self._queues.depth(name) <= self._limits.sweep_messages:
                links = self._state.links.load(name, sorted(ids))
                hints = [Hint(id, awaited=True) for id, link in links.items() if is_looked_at(flow, link)]
                self._send_hints(flow, hints, Why.RELEASED)

    def _named(self, flow: Flow, page: Sequence[Wait], children: Mapping[str, Link]) -> list[Wait]:
        """The waits that these children name. A wait that its record does not name is removed, unless it has changed
        since it was read. A record whose link is lost is sent once before."""
        page = [wait for wait in page if wait.child in children]
        named = [wait for wait in page if wait.stored_key in children[wait.child].waits]
        unnamed = [wait for wait in page if wait.stored_key not in children[wait.child].waits]
        self._send(flow, sorted({wait.child for wait in unnamed if children[wait.child].etag is None}))
        rows = [Delete(Row(escape(flow.name), wait.stored_key, {}), wait.etag) for wait in unnamed]
        apply_where_possible(self._state.links.table, rows)
        return named

    def _with_damaged_waits(self, flow: Flow, page: Sequence[Wait]) -> list[str]:
        """List the records with an unreadable wait: their next commit writes their waits again."""
        told = {wait.child: wait.damage for wait in page if wait.damage is not None}
        self._listing(flow).damaged(told)
        return sorted(told)

    def _listing(self, flow: Flow) -> Listing:
        return Listing(flow, self._run_id, failures=self._state.failures, clock=self._clock)

    def _retry_failures(self, flow: Flow, control: FlowControl) -> str:
        """Where the next sweep continues: at the same place if there was no time for all that were due."""
        if not self._has_time():
            return control.failures_cursor
        limit = self._limits.sweep_rows
        failures, after = self._state.failures.page(flow.name, control.failures_cursor, limit)
        now = self._clock.now()
        due = [failure for failure in failures if _is_due(failure, now)]
        at_once = self._limits.hints_per_message
        for start in range(0, len(due), at_once):
            if not self._has_time():
                return control.failures_cursor
            some = due[start : start + at_once]
            self._send_hints(flow, [Hint(failure.id) for failure in some], Why.RETRY)
            self._state.failures.save_all([self._tried(failure) for failure in some])
        return after or ""

    def _tried(self, failure: Failure) -> Failure:
        tries = failure.tries + 1
        return replace(failure, tries=tries, next_try=self._clock.now() + retry_after(tries))

    def _send(self, flow: Flow, ids: list[str]) -> None:
        self._send_hints(flow, [Hint(id) for id in ids], Why.AGAIN)

    def _send_hints(self, flow: Flow, hints: list[Hint], why: Why) -> None:
        for message in messages(flow.name, self._run_id, hints, self._limits.hints_per_message, why=why):
            self._queues.send(flow.name, message.to_body())
        if hints:
            log_event("records_sent_again", flow=flow.name, run=self._run_id, records=len(hints))


def _is_due(failure: Failure, now: datetime) -> bool:
    """Whether it is due. A time that is further away than the longest pause was set by a wrong clock."""
    return failure.next_try is not None and (failure.next_try <= now or failure.next_try > now + LAST_RETRY)


def _parent(wait: Wait) -> Parent:
    return Parent(wait.parent_flow, wait.parent_route, wait.parent)
