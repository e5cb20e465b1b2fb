"""The state of the flows: what an operator, or a monitor, asks first."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from shared.clock import Clock
from shared.operations.failures import failures_of
from shared.operations.records_list import UNREADABLE, state_of
from shared.state.control import Gate
from shared.state.links import LinkState
from shared.state.storage.queues import Queues
from shared.sync.apply.outcome import Kind
from shared.sync.flow import Flow, Tracked
from shared.sync.flow_states import FlowState, Observing
from shared.sync.state import State
from shared.systems import System

_KEPT = (LinkState.FILTERED, LinkState.ENDED)
_HOUR = timedelta(hours=1)
_LAG_MINUTES, _WALKED_LAG_MINUTES = 15, 60
_TOLD_EVERY = 1000
# A skipped record was no work.
_OUTCOMES = tuple(each for each in Kind if each is not Kind.SKIPPED)


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One flow. `links` counts records by state, `rules` those that a rule keeps from the target, by rule. `last_pull`
    is the start of the last pull on record, None if there is none; `applied` are the outcomes of the last hour; both
    are in a fixed order. `is_late` says that a running flow is too far behind: it was not read for too long, or its
    oldest message has waited too long. `said` are the system's own words if the flow is blocked by a drift that it met.
    `off` is the setting that turns it off; empty if it is on. `lags` are the seconds between the starts of the pulls of
    the last hour, in the order of time. `kept` counts the records with fields in which the target's own value stays."""

    flow: str
    state: FlowState
    links: Mapping[str, int]
    rules: Mapping[str, int]
    last_pull: datetime | None
    applied: Mapping[str, int]
    is_late: bool
    said: str = ""
    off: str = ""
    lags: tuple[int, ...] = ()
    kept: int = 0

    @property
    def standing(self) -> str:
        """In one word: off, blocked, paused, late or runs."""
        if self.off:
            return "off"
        return (
            "blocked" if self.state.blocked else "paused" if self.state.paused else "late" if self.is_late else "runs"
        )

    @property
    def needs_attention(self) -> bool:
        """Whether it needs attention."""
        state = self.state
        if self.off:
            return False
        return bool(state.paused or state.blocked or state.failures_open or state.poison or self.is_late)

    def with_counts(self, counted: "RecordCounts") -> "FlowStatus":
        """The same with the counts of its records. Failures that only a part was read of are as they were."""
        state = replace(self.state, failures_open=counted.failures) if counted.is_complete else self.state
        return replace(self, links=counted.links, rules=counted.rules, kept=counted.kept, state=state)


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """What takes long to count of a flow: its records by state and by rule, those with fields in which the target's own
    value stays, and the open failures. `is_complete` says that every record was read."""

    links: Mapping[str, int]
    rules: Mapping[str, int]
    kept: int
    failures: int
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Status:
    """Every flow and system."""

    flows: tuple[FlowStatus, ...]
    gates: tuple[Gate, ...]

    @property
    def needs_attention(self) -> bool:
        """Whether it needs attention."""
        return any(flow.needs_attention for flow in self.flows) or any(gate.closed for gate in self.gates)


def status_of(
    flows: Iterable[Flow], *, state: State, queues: Queues, clock: Clock, lag_minutes: int | None = None
) -> Status:
    """The state of these flows; `lag_minutes` is how far they may be behind (docs/operations.md). Reads every link and
    failure. Raises StorageTrouble."""
    looking = _Looking(state, queues, clock, lag_minutes)
    gates = tuple(state.control.gate(system) for system in System)
    return Status(tuple(looking.flow(flow).with_counts(count_records(state, flow)) for flow in flows), gates)


def brief_status_of(flows: Iterable[Flow], *, state: State, queues: Queues, clock: Clock) -> Status:
    """The same without the counts of records, and of failures no more than the sweep counts: a few reads, however many
    records there are. Raises StorageTrouble."""
    looking = _Looking(state, queues, clock, None)
    return Status(tuple(looking.flow(flow) for flow in flows), tuple(state.control.gate(system) for system in System))


def count_records(state: State, flow: Flow, tell: Callable[[RecordCounts], None] = lambda _: None) -> RecordCounts:
    """Count the records of a flow. Every link and failure is read; `tell` is called with what was counted so far.
    Raises StorageTrouble."""
    links, rules, kept = Counter[str](), Counter[str](), 0
    for counted, link in enumerate(state.links.walk(flow.name), 1):
        links[state_of(link)] += 1
        kept += bool(link.content.kept)
        if link.state in _KEPT and link.rule:
            rules[link.rule] += 1
        if counted % _TOLD_EVERY == 0:
            tell(RecordCounts(_by_state(links), dict(rules.most_common()), kept, 0, is_complete=False))
    # What is counted every minute needs a limit, and dismissed failures may come first.
    failures = sum(1 for _ in failures_of(state.failures, flow.name))
    return RecordCounts(_by_state(links), dict(rules.most_common()), kept, failures)


def _by_state(links: Counter[str]) -> dict[str, int]:
    return {each: links[each] for each in (*map(str, LinkState), UNREADABLE) if links[each]}


@dataclass(frozen=True, slots=True)
class _Looking:
    state: State
    queues: Queues
    clock: Clock
    lag_minutes: int | None

    def flow(self, flow: Flow) -> FlowStatus:
        since = self.clock.now() - _HOUR
        last_pull: datetime | None = None
        applied: Counter[str] = Counter()
        pulls: list[datetime] = []
        for run in self.state.runs.walk(flow.name):
            if run.kind == "pull":
                last_pull = last_pull or run.started
                pulls.append(run.started)
            elif run.kind == "apply" and run.started >= since:
                applied.update(run.counts)
            if run.started < since and last_pull is not None:
                break
        state = Observing("", state=self.state, queues=self.queues, clock=self.clock).flow(flow)
        allowed_s = 60 * (self.lag_minutes or (_LAG_MINUTES if isinstance(flow.feed, Tracked) else _WALKED_LAG_MINUTES))
        met = self.state.control.flow(flow.name).met if state.blocked else None
        said = "" if met is None else met.said
        outcomes = {str(outcome): applied[outcome] for outcome in _OUTCOMES if applied[outcome]}
        return FlowStatus(
            flow.name,
            state,
            {},
            {},
            last_pull,
            outcomes,
            _is_late(state, allowed_s),
            said,
            flow.off,
            _lags(pulls),
        )


def _lags(pulls: Sequence[datetime]) -> tuple[int, ...]:
    """The seconds between pulls that are given with the newest first."""
    earlier = pulls[::-1]
    return tuple(round((after - before).total_seconds()) for before, after in pairwise(earlier))


def _is_late(state: FlowState, allowed_s: float) -> bool:
    if state.paused or state.blocked:
        return False
    return state.checkpoint_age_s is None or max(state.checkpoint_age_s, state.queued_s or 0) > allowed_s
