"""Gates: open or blocked until, per system and per flow (protocol A1, F1).

A system's gate is shared through the control table, since functions never share memory. It closes on a system's
trouble and is reopened by one probe: whoever finds its time over takes the probe by ETag, the others see it closed.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from shared.errors import System, SystemTrouble
from shared.state.control import Control, Gate
from shared.sync.flow import Flow
from shared.sync.ports import Clock
from shared.sync.ports import System as SystemPort
from shared.telemetry import log_event

LONGEST_RETRY_AFTER_S = 15 * 60.0
LONGEST_BACK_OFF_S = 5 * 60.0
FIRST_BACK_OFF_S = 5.0
PROBE_LEASE_S = 120.0
STRIKES_FORGOTTEN_S = 15 * 60.0


class Gates:
    """Answers whether a flow may work now, and closes a system's gate."""

    def __init__(self, control: Control, systems: Mapping[System, SystemPort], clock: Clock) -> None:
        self._control = control
        self._systems = systems
        self._clock = clock

    def closed_for_pull(self, flow: Flow) -> str:
        """Why a pull may not run now; empty when it may. It needs its source only: hints may queue up."""
        return self._flow_closed(flow) or self._system_closed(flow.source_system)

    def closed_for_apply(self, flow: Flow) -> str:
        """Why records may not be applied now; empty when they may."""
        return (
            self._flow_closed(flow)
            or self._system_closed(flow.source_system)
            or self._system_closed(flow.target_system)
        )

    def close(self, trouble: SystemTrouble) -> None:
        """Close a system's gate for as long as it asked, or for a growing time. The end moves forward only."""
        while not self._try_to_close(trouble):
            continue

    def _try_to_close(self, trouble: SystemTrouble) -> bool:
        gate = self._control.gate(trouble.system)
        now = self._clock.now()
        if gate.closed:
            until = max(gate.blocked_until or now, now + timedelta(seconds=_asked_s(trouble)))
            return self._control.save_gate(replace(gate, blocked_until=until))
        recent = gate.closed_at is not None and (now - gate.closed_at).total_seconds() < STRIKES_FORGOTTEN_S
        return self._save_closed(gate, trouble, strikes=gate.strikes + 1 if recent else 1)

    def _save_closed(self, gate: Gate, trouble: SystemTrouble, *, strikes: int) -> bool:
        now = self._clock.now()
        until = now + timedelta(seconds=_pause_s(trouble, strikes))
        reason = f"{type(trouble).__name__}: {trouble}"
        saved = self._control.save_gate(Gate(gate.system, True, until, now, reason, min(strikes, 20), gate.etag))
        if saved:
            log_event("gate_closed", system=str(gate.system), until=until.isoformat(), reason=reason)
        return saved

    def note_answer(self, system: System) -> None:
        """The system has answered a write: its back-off begins anew at the next trouble."""
        gate = self._control.gate(system)
        if gate.strikes and not gate.closed:
            self._control.save_gate(replace(gate, strikes=0))

    def has_answered(self, system: System) -> bool:
        """Whether the system has answered writes since its last trouble."""
        return self._control.gate(system).strikes == 0

    def _flow_closed(self, flow: Flow) -> str:
        control = self._control.flow(flow.name)
        if control.paused:
            return f"flow {flow.name} is paused"
        return f"flow {flow.name} is blocked: {control.blocked}" if control.blocked else ""

    def _system_closed(self, system: System) -> str:
        gate = self._control.gate(system)
        if not gate.closed:
            return ""
        if gate.blocked_until is not None and self._clock.now() < gate.blocked_until:
            return f"{system} is blocked until {gate.blocked_until:%H:%M:%S} UTC: {gate.reason}"
        return self._probe(gate)

    def _probe(self, gate: Gate) -> str:
        taken = replace(gate, blocked_until=self._clock.now() + timedelta(seconds=PROBE_LEASE_S))
        if not self._control.save_gate(taken):
            return f"{gate.system} is being probed"
        try:
            self._systems[gate.system].probe()
        except SystemTrouble as trouble:
            self._save_closed(self._control.gate(gate.system), trouble, strikes=gate.strikes + 1)
            return f"{gate.system} does not answer yet: {trouble}"
        self._control.save_gate(replace(self._control.gate(gate.system), closed=False, blocked_until=None))
        log_event("gate_opened", system=str(gate.system))
        return ""


def _asked_s(trouble: SystemTrouble) -> float:
    return min(max(trouble.retry_after_s or 0.0, 0.0), LONGEST_RETRY_AFTER_S)


def _pause_s(trouble: SystemTrouble, strikes: int) -> float:
    if trouble.retry_after_s is not None:
        return _asked_s(trouble)
    back_off: float = FIRST_BACK_OFF_S * (1 << min(strikes - 1, 10))
    return min(back_off, LONGEST_BACK_OFF_S)
