"""Which flows run: paused, resumed, and accepted where a pull has blocked them."""

from collections.abc import Callable
from dataclasses import replace

from shared.operations.deeds import Deeds
from shared.state.control import BlockKind, FlowControl
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

    def accept(self, flow: str, seen: str) -> bool:
        """Accept the block that an operator has `seen`: the walk beyond its threshold, or the environment of today.
        False when the flow is not blocked, or by something else by now. Raises SystemTrouble when a system cannot be
        asked who it is."""
        control = self._parts.state.control.flow(flow)
        if not control.blocked or control.blocked != seen:
            return False
        self._deeds.note("accept", flow, reason=seen, anywhere=True)
        if control.block_kind is BlockKind.ENVIRONMENT and not self._accepts_environment(seen):
            return False
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

    def _accepts_environment(self, seen: str) -> bool:
        """Each flow is blocked by it for itself; the first one to be accepted changes what is stored."""
        environment = self._parts.environment
        return environment.accept(seen) or not environment.change()

    def _set_paused(self, flow: str, paused: bool, reason: str) -> bool:
        control = self._parts.state.control.flow(flow)
        if control.paused == paused and control.etag is not None:
            return False
        self._deeds.note("pause" if paused else "resume", flow, reason=reason, anywhere=True)
        self._parts.state.control.change_flow(flow, lambda now: replace(now, paused=paused))
        return True
