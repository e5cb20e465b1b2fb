"""How the flows stand: what an operator, or a monitor, asks first."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import System
from shared.state.control import Gate
from shared.state.runs import Run
from shared.sync.flow import Flow
from shared.sync.observing import FlowState, Observing
from shared.sync.parts import Parts

_HOUR = timedelta(hours=1)
_RUNS_PAGE = 1000
_NOT_WORK = ("skipped", "busy", "overtaken", "read", "pages", "hints")


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One flow. `links` counts records by state; `last_pull` is when the last pull of the last day began, None when
    there was none; `applied` are the outcomes of the last hour."""

    flow: str
    state: FlowState
    links: Mapping[str, int]
    last_pull: datetime | None
    applied: Mapping[str, int]

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look at it."""
        state = self.state
        return bool(state.paused or state.blocked or state.failures_open or state.poison)


@dataclass(frozen=True, slots=True)
class Status:
    """Every flow and system."""

    flows: tuple[FlowStatus, ...]
    gates: tuple[Gate, ...]

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should look at it."""
        return any(flow.needs_attention for flow in self.flows) or any(gate.closed for gate in self.gates)


def status_of(parts: Parts, flows: Iterable[str]) -> Status:
    """How these flows stand. Reads every link. Raises StorageTrouble."""
    gates = tuple(parts.state.control.gate(system) for system in System)
    return Status(tuple(_flow_status(parts, parts.flows[name]) for name in flows), gates)


def _flow_status(parts: Parts, flow: Flow) -> FlowStatus:
    since = parts.clock.now() - _HOUR
    runs = parts.state.runs.latest(flow.name, _RUNS_PAGE)
    applied: Counter[str] = Counter()
    for run in runs:
        if run.kind == "apply" and run.started >= since:
            applied.update({name: count for name, count in run.counts.items() if name not in _NOT_WORK})
    links = Counter(str(link.state) for link in parts.state.links.walk(flow.name))
    state = Observing(parts, "").flow(flow)
    return FlowStatus(flow.name, state, dict(links), _last_pull(runs), dict(applied))


def _last_pull(runs: Iterable[Run]) -> datetime | None:
    return next((run.started for run in runs if run.kind == "pull"), None)
