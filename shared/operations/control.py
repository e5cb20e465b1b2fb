"""Which flows run: pause, resume, accept and unblock."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from shared.errors import StateUnreadable
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.retarget import NewTarget, Retargeting
from shared.operations.sender import Sender
from shared.state.control import BlockKind, FlowControl
from shared.sync.environment import Environment, describe
from shared.sync.flow import Flow
from shared.sync.state import State


class FlowCommands:
    """Pauses, resumes, accepts and unblocks flows. Every action is written to the audit log."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        audit_log: AuditLog,
        *,
        environment: Environment,
        state: State,
        sender: Sender,
    ) -> None:
        self._flows = flows
        self._audit_log = audit_log
        self._environment = environment
        self._state = state
        self._sender = sender

    def pause(self, flow: str, reason: str = "") -> bool:
        """Pause a flow; writes that have started are finished. False if it is paused already."""
        return self._set_paused(flow, True, reason)

    def resume(self, flow: str, reason: str = "") -> bool:
        """Resume a flow. False if it runs already."""
        return self._set_paused(flow, False, reason)

    def accept(self, flow: str, seen: str, target: NewTarget | None = None) -> bool:
        """Accept the block that an operator has `seen`: the walk beyond its threshold as far as it was shown, or the
        environment of today, whose `target` is as the operator says. False if the flow is not blocked, or is blocked by
        something else by now. Raises Refused if the operator must say what the target is, and SystemTrouble if a system
        does not say which one it is."""
        control = self._state.control.flow(flow)
        if not control.blocked or control.blocked != seen:
            return False
        if control.block_kind is BlockKind.ENVIRONMENT:
            return self._accept_environment(flow, seen, target) and self._lift(flow, seen, FlowControl.accept)
        if target is not None:
            raise Refused(f"{flow} is not blocked by another environment; omit --target")
        self._audit_log.note("accept", flow, reason=seen, anywhere=True)
        return self._lift(flow, seen, FlowControl.accept)

    def unblock(self, flow: str, seen: str) -> bool:
        """Lift the block that an operator has `seen` without accepting its cause: the next pull measures again, and
        blocks again if nothing has changed. False as for `accept`."""
        if not seen or self._state.control.flow(flow).blocked != seen:
            return False
        self._audit_log.note("unblock", flow, reason=seen, anywhere=True)
        return self._lift(flow, seen, FlowControl.unblock)

    def _lift(self, flow: str, seen: str, lifted: Callable[[FlowControl], FlowControl]) -> bool:
        def change(now: FlowControl) -> FlowControl | None:
            return lifted(now) if now.blocked == seen else None

        return self._state.control.change_flow(flow, change) is not None

    def _accept_environment(self, flow: str, seen: str, target: NewTarget | None) -> bool:
        """If nothing differs any more, the settings were corrected, or all steps but the last were done before."""
        environment = self._environment
        try:
            differences = environment.differences(flow)
        except StateUnreadable:
            # The former environment is unknown: the operator says that it is the one of today.
            self._audit_log.note("accept", flow, reason=seen, anywhere=True)
            return environment.accept(flow, seen)
        if differences and describe(differences) != seen:
            return False
        retargeting = Retargeting(self._flows, flow, differences, state=self._state, sender=self._sender)
        known = retargeting.require(target) if differences else NewTarget.SAME
        self._audit_log.note("accept", flow, subject=f"target {known}", reason=seen, anywhere=True)
        if not differences:
            return True
        if not environment.begin_acceptance(flow):
            return False
        retargeting.bring(known)
        return environment.accept(flow, seen)

    def _set_paused(self, flow: str, paused: bool, reason: str) -> bool:
        control = self._state.control.flow(flow)
        if control.paused == paused and control.etag is not None:
            return False
        self._audit_log.note("pause" if paused else "resume", flow, reason=reason, anywhere=True)
        self._state.control.change_flow(flow, lambda now: replace(now, paused=paused))
        return True
