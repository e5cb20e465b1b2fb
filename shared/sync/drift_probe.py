"""Probes of the sweep: whether a schema drift that has blocked a flow is over (protocol F4).

A probe sends the requests that the flow itself sends: the record that met the drift is read with every column, mapped
and looked up in the target, and nothing is written. A drift that shows only in a write is met again by the first record
that is written.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.errors import SchemaDrift, SystemTrouble
from shared.state.control import FlowControl, MetDrift
from shared.sync.apply.batch import Batch
from shared.sync.apply.judge import LOOKUP_FRESH_S, judge
from shared.sync.apply.parents import parent_links
from shared.sync.apply.plan import by_route
from shared.sync.apply.record import Record
from shared.sync.flow import Flow
from shared.sync.gates import LONGEST_DRIFT_PAUSE_S, Gates, drift_pause_s
from shared.sync.hints import Hint
from shared.sync.state import State
from shared.telemetry import log_event

# How many records are read for a drift that no single record has met.
_SAMPLE = 20


class Probing:
    """Lets flows continue whose drift is over. A drift that a preflight has found in the metadata is lifted only by a
    preflight, which sees more than a few records."""

    def __init__(self, run_id: str, *, gates: Gates, state: State, clock: Clock) -> None:
        self._run_id = run_id
        self._gates = gates
        self._state = state
        self._links = state.links
        self._control = state.control
        self._clock = clock

    def look(self, flow: Flow) -> None:
        """Probe a flow if it is blocked by a drift that it has met, and the time of the next probe has come. Raises
        StorageTrouble."""
        control = self._control.flow(flow.name)
        met = control.met
        if not control.blocked or met is None or not self._is_due(met) or self._gates.systems_closed(flow) is not None:
            return
        # Saved by ETag with the time of the next probe: one worker probes, and if it dies, the next probe is at that
        # time.
        taken = replace(met, strikes=met.strikes + 1, probe_at=self._next_at(met.strikes + 1))
        if not self._control.save_flow(replace(control, met=taken)):
            return
        try:
            self._ask(flow, [met.record] if met.record else self._sample(flow))
        except SchemaDrift:
            return
        except SystemTrouble as trouble:
            self._gates.close(trouble)
            return
        self._release(flow, control.blocked)

    def _is_due(self, met: MetDrift) -> bool:
        """Whether the probe is due. A time further away than any pause was set by a wrong clock."""
        seconds = (met.probe_at - self._clock.now()).total_seconds()
        return seconds <= 0 or seconds > LONGEST_DRIFT_PAUSE_S

    def _next_at(self, strikes: int) -> datetime:
        return self._clock.now() + timedelta(seconds=drift_pause_s(strikes))

    def _sample(self, flow: Flow) -> list[str]:
        return [link.id for link in self._links.page(flow.name, "", _SAMPLE)[0]]

    def _ask(self, flow: Flow, ids: Sequence[str]) -> None:
        """Do what apply does with records, up to the moment of writing. Raises SystemTrouble."""
        flow = flow.as_of(self._clock.now(), max_age_s=LOOKUP_FRESH_S)
        links, rows = self._links.load(flow.name, ids), flow.source.read(ids)
        records = [Record.of(Hint(id), links[id], trusted=False, row=rows[id]) for id in ids if id in rows]
        judged = Batch(records).take(judge(flow, self._clock.now(), parent_links(self._state, flow), records))
        for name, of_route in by_route(flow, judged).items():
            flow.route(name).target.find([each.content.key for each in of_route])

    def _release(self, flow: Flow, blocked: str) -> None:
        def change(now: FlowControl) -> FlowControl | None:
            return now.release() if now.met is not None and now.blocked == blocked else None

        if self._control.change_flow(flow.name, change) is not None:
            log_event("flow_released", flow=flow.name, run=self._run_id, reason=blocked)
