"""Which flows run: paused, resumed, and accepted where a pull has blocked them."""

from collections.abc import Callable
from dataclasses import replace

from shared.errors import StateUnreadable
from shared.operations.audit_log import Deeds, Refused
from shared.operations.retarget import NewTarget, Retargeting
from shared.state.control import BlockKind, FlowControl
from shared.sync.environment import describe
from shared.sync.parts import Parts


class Steering:
    """Steers flows. Every deed is noted."""

    def __init__(self, parts: Parts, deeds: Deeds) -> None:
        self._parts = parts
        self._deeds = deeds

    def pause(self, flow: str, reason: str = "") -> bool:
        """Let a flow rest: at once for what is not being written yet. False when it rests already."""
        return self._set_paused(flow, True, reason)

    def resume(self, flow: str, reason: str = "") -> bool:
        """Let a flow run. False when it runs already."""
        return self._set_paused(flow, False, reason)

    def accept(self, flow: str, seen: str, target: NewTarget | None = None) -> bool:
        """Accept the block that an operator has `seen`: the walk beyond its threshold as far as it was shown, or the
        environment of today, whose `target` is as the operator says. False when the flow is not blocked, or by
        something else by now. Raises Refused where the operator has to say what the target is, and SystemTrouble when a
        system cannot be asked who it is."""
        control = self._parts.state.control.flow(flow)
        if not control.blocked or control.blocked != seen:
            return False
        if control.block_kind is BlockKind.ENVIRONMENT:
            return self._accept_environment(flow, seen, target) and self._lift(flow, seen, FlowControl.accept)
        if target is not None:
            raise Refused(f"{flow} is not blocked by another environment; leave --target out")
        self._deeds.note("accept", flow, reason=seen, anywhere=True)
        return self._lift(flow, seen, FlowControl.accept)

    def unblock(self, flow: str, seen: str) -> bool:
        """Lift the block that an operator has `seen` without accepting what it is about: the next pull measures anew,
        and blocks again where nothing has changed. False as for `accept`."""
        if not seen or self._parts.state.control.flow(flow).blocked != seen:
            return False
        self._deeds.note("unblock", flow, reason=seen, anywhere=True)
        return self._lift(flow, seen, FlowControl.unblock)

    def _lift(self, flow: str, seen: str, lifted: Callable[[FlowControl], FlowControl]) -> bool:
        def change(now: FlowControl) -> FlowControl | None:
            return lifted(now) if now.blocked == seen else None

        return self._parts.state.control.change_flow(flow, change) is not None

    def _accept_environment(self, flow: str, seen: str, target: NewTarget | None) -> bool:
        """Where nothing differs any more, the settings were corrected, or all but the last step was done before."""
        environment = self._parts.environment
        try:
            differences = environment.differences(flow)
        except StateUnreadable:
            # Nobody knows what it was: the operator says that it is the one of today.
            self._deeds.note("accept", flow, reason=seen, anywhere=True)
            return environment.accept(flow, seen)
        if differences and describe(differences) != seen:
            return False
        retargeting = Retargeting(self._parts, self._parts.flows[flow], differences)
        known = retargeting.require(target) if differences else NewTarget.SAME
        self._deeds.note("accept", flow, subject=f"target {known}", reason=seen, anywhere=True)
        if not differences:
            return True
        retargeting.bring(known)
        return environment.accept(flow, seen)

    def _set_paused(self, flow: str, paused: bool, reason: str) -> bool:
        control = self._parts.state.control.flow(flow)
        if control.paused == paused and control.etag is not None:
            return False
        self._deeds.note("pause" if paused else "resume", flow, reason=reason, anywhere=True)
        self._parts.state.control.change_flow(flow, lambda now: replace(now, paused=paused))
        return True
