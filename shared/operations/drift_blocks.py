"""Columns that are not as the mapping knows them block the flows that use them, until they are well again."""

from collections.abc import Iterable

from shared.operations.audit_log import Deeds
from shared.operations.preflight.checks import Check, CheckResult
from shared.state.control import BlockKind, FlowControl
from shared.sync.parts import Parts

_HELPS = "compare the mapping with the environment, and look again by `p2c preflight`"


class Enforcing:
    """Blocks and releases flows by what a preflight has found. Every deed is noted. `blocked`, by flow with the reason,
    and `released` are what was done so far: also when storage trouble ends it halfway."""

    def __init__(self, parts: Parts, deeds: Deeds) -> None:
        self._parts = parts
        self._deeds = deeds
        self.blocked: dict[str, str] = {}
        self.released: list[str] = []

    def enforce(self, checks: Iterable[Check]) -> None:
        """Block each flow of which the metadata says that its columns have drifted, unless it is blocked already; lift
        the block by drift of a flow whose columns were all looked at, and are well. Raises StorageTrouble, Refused."""
        found = list(checks)
        for flow in self._parts.flows:
            drift = [check.drift[flow] for check in found if flow in check.drift]
            told = [check for check in found if flow in check.flows]
            if drift:
                self._block(flow, f"schema drift: {'; '.join(drift)}; {_HELPS}")
            elif told and all(check.verdict is CheckResult.WELL for check in told):
                self._release(flow)

    def _block(self, flow: str, reason: str) -> None:
        control = self._parts.state.control
        if not _may_be_blocked(control.flow(flow)):
            return
        self._deeds.note("block", flow, reason=reason)

        def change(now: FlowControl) -> FlowControl | None:
            return now.block(BlockKind.DRIFT, reason) if _may_be_blocked(now) else None

        if control.change_flow(flow, change) is not None:
            self.blocked[flow] = reason

    def _release(self, flow: str) -> None:
        control = self._parts.state.control
        seen = control.flow(flow)
        if seen.block_kind is not BlockKind.DRIFT:
            return
        self._deeds.note("unblock", flow, reason=seen.blocked)

        def change(now: FlowControl) -> FlowControl | None:
            is_it = now.block_kind is BlockKind.DRIFT and now.blocked == seen.blocked
            return now.unblock() if is_it else None

        if control.change_flow(flow, change) is not None:
            self.released.append(flow)


def _may_be_blocked(control: FlowControl) -> bool:
    """Whether it is not blocked yet, or only until a probe of the sweep finds a drift over that it has met itself: what
    the metadata says is more than a few records can show."""
    return not control.blocked or control.met is not None
