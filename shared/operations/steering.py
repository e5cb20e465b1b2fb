"""Which flows run: paused, resumed, and accepted where a pull has blocked them."""

from collections.abc import Callable
from dataclasses import replace

from shared.errors import StorageTrouble
from shared.operations.deeds import Deeds
from shared.state.control import FlowControl
from shared.sync.flow import Tracked
from shared.sync.parts import Parts

_ROUNDS = 5


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
        walks = [walk for walk in self._walks(flow) if walk in control.blocked]
        self._deeds.note("accept", flow, reason=control.blocked)
        if not walks:
            self._parts.environment.accept()
        self._change(flow, lambda now: replace(now, blocked="", accepted_walk=walks[0] if walks else now.accepted_walk))
        return True

    def _walks(self, flow: str) -> list[str]:
        feed = self._parts.flows[flow].feed
        sources = (None, *(feed.further if isinstance(feed, Tracked) else ()))
        found = (self._parts.state.checkpoints.load(flow, source) for source in sources)
        return [checkpoint.walk for checkpoint in found if checkpoint is not None]

    def _set_paused(self, flow: str, paused: bool, reason: str) -> bool:
        control = self._parts.state.control.flow(flow)
        if control.paused == paused and control.etag is not None:
            return False
        self._deeds.note("pause" if paused else "resume", flow, reason=reason)
        self._change(flow, lambda now: replace(now, paused=paused))
        return True

    def _change(self, flow: str, change: Callable[[FlowControl], FlowControl]) -> None:
        for _ in range(_ROUNDS):
            if self._parts.state.control.save_flow(change(self._parts.state.control.flow(flow))):
                return
        raise StorageTrouble(f"the control row of {flow} could not be saved in {_ROUNDS} rounds")
