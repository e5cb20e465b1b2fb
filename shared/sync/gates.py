"""Gates: open or blocked until, per system and per flow (protocol A1, F1).

A system's gate is shared through the control table, because functions share no memory. It closes on a system's
trouble and is reopened by one probe: the first function that finds its time over takes the probe by ETag, the others
see it closed. Schema drift closes no gate: the system is well, and the flows that do not use the column continue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.errors import AccessRefused, NotSent, SchemaDrift, StateUnreadable, StorageTrouble, SystemTrouble
from shared.state.control import BlockKind, Control, FlowControl, Gate, MetDrift
from shared.state.map_entries import MapEntries
from shared.sync.flow import Flow
from shared.sync.ports import SystemPort
from shared.systems import System
from shared.telemetry import log_event

LONGEST_RETRY_AFTER_S = 15 * 60.0
LONGEST_BACK_OFF_S = 5 * 60.0
FIRST_BACK_OFF_S = 5.0
PROBE_DELAY_S = 5.0
STRIKES_FORGOTTEN_S = 15 * 60.0
FIRST_DRIFT_PAUSE_S = 60.0
LONGEST_DRIFT_PAUSE_S = 3600.0
DRIFT_FORGOTTEN_S = 24 * 3600.0
_LONGEST_PAUSE = timedelta(seconds=LONGEST_RETRY_AFTER_S)
_ROUNDS = 5
_DRIFT_HELPS = "`p2c preflight` checks every column of the flow; once it is corrected, the flow continues automatically"


@dataclass(frozen=True, slots=True)
class Closed:
    """Why nothing may be done now, and in how many seconds that may be over; None if that is not known, because an
    operator or a threshold has closed it."""

    reason: str
    opens_in_s: float | None = None


class Gates:
    """Answers whether a flow may work now, and closes a system's gate. A probe keeps others from probing for
    `probe_lease_s`, the longest wait for an answer, also if its worker dies."""

    def __init__(
        self,
        control: Control,
        systems: Mapping[System, SystemPort],
        clock: Clock,
        probe_lease_s: float,
    ) -> None:
        self._control = control
        self._systems = systems
        self._clock = clock
        self.probe_lease_s = probe_lease_s

    def closed_for_pull(self, flow: Flow, now: Control | None = None) -> Closed | None:
        """Why a pull may not run now; None if it may. It needs only its source: hints may queue up. `now` are the
        control rows where they are read already."""
        now = now or self._control.at_once()
        return _flow_closed(flow, now) or self._closed(now.gate(flow.source_system))

    def closed_for_apply(self, flow: Flow, now: Control | None = None) -> Closed | None:
        """Why records may not be applied now; None if they may. `now` are the control rows where they are read
        already."""
        now = now or self._control.at_once()
        return _flow_closed(flow, now) or self._systems_closed(flow, now)

    def systems_closed(self, flow: Flow) -> Closed | None:
        """Why one of the flow's systems may not be called now; None if both may."""
        return self._systems_closed(flow, self._control.at_once())

    def _systems_closed(self, flow: Flow, now: Control) -> Closed | None:
        return self._closed(now.gate(flow.source_system)) or self._closed(now.gate(flow.target_system))

    def meet(self, trouble: SystemTrouble, flow: Flow, *, run: str, record: str = "") -> None:
        """Record the trouble that a flow has met, and the record that met it, if any: schema drift blocks the flow, any
        other trouble closes the system's gate. Raises StorageTrouble."""
        if isinstance(trouble, SchemaDrift):
            self._block(trouble, flow, run, trouble.record or record)
        else:
            self.close(trouble)

    def _block(self, drift: SchemaDrift, flow: Flow, run: str, record: str) -> None:
        reason = f"schema drift: {drift}; {_DRIFT_HELPS}"

        def change(control: FlowControl) -> FlowControl | None:
            if control.blocked:
                return None
            strikes = 1 + strikes_of(control, self._clock.now())
            probe_at = self._clock.now() + timedelta(seconds=drift_pause_s(strikes))
            return control.block_by(MetDrift(drift.said, record, probe_at, strikes), reason)

        if self._control.change_flow(flow.name, change) is not None:
            log_event("flow_blocked", flow=flow.name, run=run, kind=BlockKind.DRIFT, reason=reason)

    def close(self, trouble: SystemTrouble) -> None:
        """Close a system's gate for as long as it asked, or for a growing time. The end moves forward only.

        Raises StorageTrouble if others change the gate again and again.
        """
        for _ in range(_ROUNDS):
            if self._try_to_close(trouble):
                return
        raise StorageTrouble(f"the gate of {trouble.system} could not be closed in {_ROUNDS} rounds")

    def _try_to_close(self, trouble: SystemTrouble) -> bool:
        gate = self._control.gate(trouble.system)
        now = self._clock.now()
        if gate.closed:
            until = now + timedelta(seconds=_asked_s(trouble))
            if gate.blocked_until is not None and until <= min(gate.blocked_until, now + _LONGEST_PAUSE):
                return True
            # A worker that is probing now will find the end moved, and leave the gate closed.
            return self._control.save_gate(replace(gate, blocked_until=until, probed_until=None))
        recent = gate.closed_at is not None and (now - gate.closed_at).total_seconds() < STRIKES_FORGOTTEN_S
        return self._save_closed(gate, trouble, strikes=gate.strikes + 1 if recent else 1)

    def _save_closed(self, gate: Gate, trouble: SystemTrouble, *, strikes: int) -> bool:
        now = self._clock.now()
        until = now + timedelta(seconds=_pause_s(trouble, strikes))
        if gate.closed and gate.blocked_until is not None:
            until = max(until, min(gate.blocked_until, now + _LONGEST_PAUSE))
        reason = f"{type(trouble).__name__}: {trouble}"
        closed = Gate(
            system=gate.system,
            closed=True,
            blocked_until=until,
            closed_at=now,
            closed_since=gate.closed_since if gate.closed else now,
            reason=reason,
            said=trouble.said,
            strikes=min(strikes, 20),
            etag=gate.etag,
        )
        saved = self._control.save_gate(closed)
        if saved:
            _tell_closed(trouble, until, (until - now).total_seconds(), reason)
        return saved

    def note_answer(self, system: System, before: Control) -> None:
        """Note that the system has answered a write: its back-off starts again at the next trouble. `before` are the
        control rows as they were before the write: a trouble that another worker has met since then still counts."""
        gate = before.gate(system)
        if gate.strikes and not gate.closed:
            self._control.save_gate(replace(gate, strikes=0))

    def has_answered(self, system: System) -> bool:
        """Whether the system has answered writes since its last trouble."""
        return self._control.gate(system).strikes == 0

    def closed(self, system: System) -> Closed | None:
        """Why a system may not be called now; None if it may."""
        return self._closed(self._control.gate(system))

    def _closed(self, gate: Gate) -> Closed | None:
        if not gate.closed:
            return None
        if self._blocked_s(gate) > 0:
            return self._still_closed(gate)
        return self._probe(gate)

    def _blocked_s(self, gate: Gate) -> float:
        """How many seconds a gate stays closed. An end that is further away than the longest pause was set or read by a
        wrong clock: it counts as the longest pause since it was written, by the storage service's own clock."""
        if gate.blocked_until is None:
            return 0.0
        seconds = (gate.blocked_until - self._clock.now()).total_seconds()
        return max(0.0, min(seconds, LONGEST_RETRY_AFTER_S - gate.age_s))

    def _still_closed(self, gate: Gate) -> Closed:
        until = f"{gate.blocked_until:%H:%M:%S} UTC" if gate.blocked_until is not None else "a probe succeeds"
        return Closed(f"{gate.system.label} is blocked until {until}: {gate.reason}", self._blocked_s(gate))

    def _probe(self, gate: Gate) -> Closed | None:
        """Probe the system, as the only worker: the gate opens unless another worker has met trouble meanwhile."""
        now = self._clock.now()
        # No two clocks are compared: the clock of the worker that probes may be hours ahead.
        probed_by_other = gate.probed_until is not None and gate.age_s < self.probe_lease_s
        lease = replace(gate, probed_until=now + timedelta(seconds=self.probe_lease_s))
        if probed_by_other or not self._control.save_gate(lease):
            return Closed(f"{gate.system} is being probed", PROBE_DELAY_S)
        try:
            self._systems[gate.system].probe()
        except NotSent:
            return self._not_probed(gate)
        except SystemTrouble as trouble:
            self._note_failed_probe(gate, trouble)
            return self._still_closed(self._control.gate(gate.system))
        current = self._control.gate(gate.system)
        opened = replace(current, closed=False, blocked_until=None, closed_since=None, probed_until=None, said="")
        if current.blocked_until != gate.blocked_until or not self._control.save_gate(opened):
            return self._still_closed(self._control.gate(gate.system))
        closed_s = 0.0 if current.closed_since is None else (now - current.closed_since).total_seconds()
        log_event("gate_opened", system=str(gate.system), closed_s=round(closed_s))
        return None

    def _not_probed(self, gate: Gate) -> Closed:
        """No time was left for the probe: the next worker may take it."""
        current = self._control.gate(gate.system)
        if current.closed:
            self._control.save_gate(replace(current, probed_until=None))
        return Closed(f"{gate.system} could not be probed in time", PROBE_DELAY_S)

    def _note_failed_probe(self, gate: Gate, trouble: SystemTrouble) -> None:
        """If all rounds are lost, others have moved the end forward."""
        for _ in range(_ROUNDS):
            if self._save_closed(self._control.gate(gate.system), trouble, strikes=gate.strikes + 1):
                return


def _flow_closed(flow: Flow, now: Control) -> Closed | None:
    control = now.flow(flow.name)
    if flow.off:
        return Closed(f"flow {flow.name} is off: {flow.off}")
    if control.paused:
        return Closed(f"flow {flow.name} is paused")
    if control.blocked:
        return Closed(f"flow {flow.name} is blocked: {control.blocked}")
    try:
        MapEntries(now.table).now()
    except StateUnreadable as unreadable:
        # Nobody knows what the value maps are.
        return Closed(str(unreadable))
    return None


def drift_pause_s(strikes: int) -> float:
    """After how many seconds the sweep checks again whether a drift is over."""
    pause_s: float = FIRST_DRIFT_PAUSE_S * (1 << min(strikes - 1, 10))
    return min(pause_s, LONGEST_DRIFT_PAUSE_S)


def strikes_of(control: FlowControl, now: datetime) -> int:
    """How often a flow has met drift recently."""
    if control.met is None or (now - control.met.probe_at).total_seconds() > DRIFT_FORGOTTEN_S:
        return 0
    return control.met.strikes


def _tell_closed(trouble: SystemTrouble, until: datetime, seconds: float, reason: str) -> None:
    system = str(trouble.system)
    log_event("gate_closed", system=system, until=until.isoformat(), for_s=round(seconds), reason=reason)
    if isinstance(trouble, AccessRefused):
        log_event("access_refused", system=system, lacks=trouble.lacks, reason=reason)


def _asked_s(trouble: SystemTrouble) -> float:
    return min(max(trouble.retry_after_s or 0.0, 0.0), LONGEST_RETRY_AFTER_S)


def _pause_s(trouble: SystemTrouble, strikes: int) -> float:
    """The pause that the system asked for; a growing one if it asked for none, or for 0."""
    asked = _asked_s(trouble)
    if asked > 0:
        return max(asked, FIRST_BACK_OFF_S)
    back_off: float = FIRST_BACK_OFF_S * (1 << min(strikes - 1, 10))
    return min(back_off, LONGEST_BACK_OFF_S)
