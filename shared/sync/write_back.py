"""Writes the results of records into their rows in the source, after their commits (protocol A13).

This runs after the sweep, in its invocation. What it meets holds up no record and closes no gate: a refused result is
listed and tried again, and after trouble of the system nobody writes results of that flow for a while.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.errors import (
    NotSent,
    OutcomeUnknown,
    RecordMissing,
    RecordRejected,
    StateUnreadable,
    SyncError,
    SystemTrouble,
)
from shared.records import TargetRow, Values, Write
from shared.state.results import Result, ResultTurn
from shared.state.storage.queues import Queues
from shared.sync.environment import Environment
from shared.sync.flow import Flow, ResultRows, in_turn
from shared.sync.gates import LONGEST_RETRY_AFTER_S, Gates
from shared.sync.hints import Hint, Why, messages
from shared.sync.limits import Limits
from shared.sync.link_writer import change_link
from shared.sync.state import State
from shared.sync.watching import Watching
from shared.telemetry import log_event, tell_damage

FIRST_PAUSE_S, LONGEST_PAUSE_S = 60.0, 3600.0
UNKNOWN = "outcome_unknown"
# Results are read in pages of `sweep_rows`.
_PAGES_A_RUN = 20


@dataclass(slots=True)
class _Written:
    """What became of the results of one turn."""

    written: int = 0
    refused: int = 0
    trouble: SystemTrouble | None = None
    is_unsure: bool = False


class WriteBack:
    """The results of every flow; no request begins after `not_after` on the monotonic clock."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        run_id: str,
        *,
        gates: Gates,
        environment: Environment,
        state: State,
        queues: Queues,
        clock: Clock,
        limits: Limits,
        not_after: float,
    ) -> None:
        self._flows = flows
        self._run_id = run_id
        self._gates = gates
        self._environment = environment
        self._state = state
        self._results = state.results
        self._queues = queues
        self._clock = clock
        self._limits = limits
        self._not_after = not_after

    def run(self) -> None:
        """Write what is due, flow by flow, as far as there is time. Raises StorageTrouble."""
        for flow in in_turn(self._flows, self._run_id):
            if flow.results is None or not self._has_time():
                continue
            try:
                self._look(flow, flow.results)
            except StateUnreadable as unreadable:
                tell_damage(unreadable.damage, flow=flow.name, run=self._run_id)

    def _look(self, flow: Flow, into: ResultRows) -> None:
        """Take the turn where something is due, and read again what is due: the holder before may have written it."""
        is_due = any(self._pages(flow))
        turn = self._results.turn(flow.name) if is_due or into.watched is not None else None
        if turn is None or not (is_due or self._is_time_to_look(into, turn)):
            return
        if self._is_closed(flow, into) or (turn := self._taken(turn)) is None:
            return
        found = _Written()
        try:
            if self._is_time_to_look(into, turn):
                turn = self._watching(flow, into).look(turn, has_time=self._has_time)
            for due in self._pages(flow):
                self._send(flow, into, due, found)
                if found.trouble is not None or not self._has_time():
                    break
        except NotSent:
            # What is left is read at the next sweep.
            pass
        except SystemTrouble as trouble:
            found.trouble = trouble
        self._end(turn, found)

    def _is_time_to_look(self, into: ResultRows, turn: ResultTurn) -> bool:
        """Whether the target's rows are to be looked at. A time in the future was set by a wrong clock."""
        if into.watched is None:
            return False
        if turn.looked_at is None or turn.look_walk:
            return True
        return not 0 <= (self._clock.now() - turn.looked_at).total_seconds() < into.columns.look_every_s

    def _watching(self, flow: Flow, into: ResultRows) -> Watching:
        assert into.watched is not None
        return Watching(flow, into.watched, self._run_id, state=self._state, clock=self._clock)

    def _pages(self, flow: Flow) -> Iterator[Sequence[Result]]:
        """What is due, page by page."""
        after: str | None = ""
        for _ in range(_PAGES_A_RUN):
            if after is None:
                return
            page, after = self._results.page(flow.name, after, self._limits.sweep_rows)
            self._forget(flow, self._damaged(flow, page))
            now = self._clock.now()
            due = [each for each in page if each.damage is None and each.is_due(now)]
            if due:
                yield due

    def _is_closed(self, flow: Flow, into: ResultRows) -> bool:
        """Whether the flow must not run, or a system must not be called: the target only if its rows are read."""
        of_source_only = into.watched is None
        closed = self._gates.closed_for_pull(flow) if of_source_only else self._gates.closed_for_apply(flow)
        return closed is not None or bool(self._environment.change_by_settings(flow.name))

    def _taken(self, turn: ResultTurn) -> ResultTurn | None:
        """The turn of this worker; None if it is another one's, or it is too early after trouble. The storage service
        tells the age, so no two clocks are compared."""
        now = self._clock.now()
        live_s = self._limits.unsettled_live_s if turn.is_unsure else self._limits.claim_live_s
        if (turn.holder and turn.age_s < live_s) or _rests(turn, now):
            return None
        return self._results.save_turn(replace(turn, holder=self._run_id, is_unsure=False))

    def _send(self, flow: Flow, into: ResultRows, due: Sequence[Result], found: _Written) -> None:
        shown = self._watching(flow, into).shown(due) if into.watched is not None else {}
        asked = [each.row for each in due if not each.values]
        there = into.target.find(asked) if asked else {}
        # One whose request got no answer goes alone: it may be what keeps the others from being written.
        writes = [
            Write(each.id, each.row, values, create=False, target_id=each.row, alone=bool(each.tries))
            for each in due
            if _differ(values := {**each.values, **shown.get(each.id, {})}, there.get(each.row))
        ]
        answers = into.target.write(writes, not_after=self._not_after)
        # One that the row shows already is not written.
        done = [each for each in due if answers.get(each.id) is None]
        self._results.remove(done)
        # Whoever restores the row gets it without this result, whether or not the record was looked at meanwhile.
        self._forget(flow, [each for each in due if isinstance(answers.get(each.id), RecordMissing)])
        refused = [again for each in due if (again := self._refused(each, answers.get(each.id))) is not None]
        self._results.save(refused)
        troubles = [each for each in answers.values() if isinstance(each, SystemTrouble)]
        found.written += sum(each.id in answers for each in done)
        found.refused += len(refused)
        found.is_unsure |= any(isinstance(each, OutcomeUnknown) for each in troubles)
        found.trouble = next((each for each in troubles if not isinstance(each, OutcomeUnknown)), None)

    def _refused(self, result: Result, answer: SyncError | None) -> Result | None:
        match answer:
            case RecordRejected():
                return result.refused(answer.cause, str(answer), answer.remedy, self._clock.now())
            case OutcomeUnknown():
                remedy = "nothing: it is written again"
                return result.refused(UNKNOWN, f"the write got no clear answer: {answer}", remedy, self._clock.now())
        return None

    def _end(self, turn: ResultTurn, found: _Written) -> None:
        """Give the turn up; if a request may still land, it is kept for as long as that."""
        trouble = found.trouble
        strikes = turn.strikes + 1 if trouble is not None else 0
        ended = replace(
            turn,
            holder=turn.holder if found.is_unsure else "",
            is_unsure=found.is_unsure,
            trouble="" if trouble is None else str(trouble),
            said="" if trouble is None else trouble.said,
            strikes=strikes,
            next_try=None if trouble is None else self._clock.now() + timedelta(seconds=_pause_s(trouble, strikes)),
        )
        self._results.save_turn(ended)
        log_event("results_written", flow=turn.flow, run=self._run_id, records=found.written, refused=found.refused)
        if trouble is not None:
            reason = f"{type(trouble).__name__}: {trouble}"
            log_event("results_delayed", flow=turn.flow, run=self._run_id, reason=reason)

    def _damaged(self, flow: Flow, page: Sequence[Result]) -> list[Result]:
        """The results that cannot be read."""
        for each in page:
            if each.damage is not None:
                tell_damage(each.damage, flow=flow.name, run=self._run_id)
        return [each for each in page if each.damage is not None]

    def _forget(self, flow: Flow, lost: Sequence[Result]) -> None:
        """Results that cannot be written are removed, and their records looked at again, as ones that have none yet."""
        for each in lost:
            (link,) = self._state.links.load(flow.name, [each.id]).values()
            change_link(self._state.links, link, lambda now: None if now.etag is None else replace(now, told=""))
            for message in messages(flow.name, self._run_id, [Hint(each.id)], 1, why=Why.AGAIN):
                self._queues.send(flow.name, message.to_body())
        if lost:
            self._results.remove(lost)

    def _has_time(self) -> bool:
        return self._clock.monotonic() < self._not_after


def _differ(values: Values, row: TargetRow | None) -> bool:
    """Whether a row of the source, if it was read, does not hold these values."""
    return row is None or any(row.values.get(column) != value for column, value in values.items())


def _rests(turn: ResultTurn, now: datetime) -> bool:
    """Whether it is too early after trouble. A time that is further away than the longest pause was set by a wrong
    clock."""
    return turn.next_try is not None and now < turn.next_try <= now + timedelta(seconds=LONGEST_PAUSE_S)


def _pause_s(trouble: SystemTrouble, strikes: int) -> float:
    """The pause that the system asked for, or a growing one."""
    asked = min(trouble.retry_after_s or 0.0, LONGEST_RETRY_AFTER_S)
    growing: float = FIRST_PAUSE_S * (1 << min(strikes - 1, 10))
    return max(asked, min(growing, LONGEST_PAUSE_S))
