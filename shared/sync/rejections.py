"""Many rejections of one cause within some minutes block the flow, if a deployment wants that: then something is wrong
for all of them, and nobody has looked yet."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from shared.clock import Clock
from shared.state.control import BlockKind, FlowControl
from shared.state.failures import Failure
from shared.sync.flow import Flow
from shared.sync.flow_states import counted_of
from shared.sync.limits import Limits
from shared.sync.state import State
from shared.telemetry import log_event


@dataclass(frozen=True, slots=True)
class RejectionLimit:
    """Looks whether a flow is beyond its limit of rejections; without a limit nothing is read."""

    run_id: str
    state: State
    clock: Clock
    limits: Limits

    def look(self, flow: Flow) -> None:
        """Block a flow that runs and is beyond the limit. What was rejected up to a block never counts again: whoever
        lifts it has seen it. Raises StorageTrouble."""
        if not self.limits.rejection_limit:
            return
        control = self.state.control.flow(flow.name)
        if control.paused or control.blocked:
            return
        counts = Counter(failure.cause for failure in self._recent(flow, control))
        cause, count = counts.most_common(1)[0] if counts else ("", 0)
        if count > self.limits.rejection_limit:
            self._block(flow, cause, count)

    def _recent(self, flow: Flow, control: FlowControl) -> Iterator[Failure]:
        since = self.clock.now() - timedelta(seconds=self.limits.rejection_window_s)
        if control.rejections_until is not None:
            since = max(since, control.rejections_until)
        for failure in counted_of(self.state.failures.page, flow):
            if failure.first_seen > since and not failure.dismissed:
                yield failure

    def _block(self, flow: Flow, cause: str, count: int) -> None:
        minutes = round(self.limits.rejection_window_s / 60)
        reason = (
            f"{count} records were rejected as {cause} within {minutes} min, more than {self.limits.rejection_limit}; "
            f"correct the cause (`p2c failures {flow.name} --cause {cause}`), then `p2c unblock {flow.name}`"
        )

        def change(now: FlowControl) -> FlowControl | None:
            if now.paused or now.blocked:
                return None
            return replace(now.block(BlockKind.REJECTIONS, reason), rejections_until=self.clock.now())

        if self.state.control.change_flow(flow.name, change) is not None:
            log_event("flow_blocked", flow=flow.name, run=self.run_id, kind=BlockKind.REJECTIONS, reason=reason)
