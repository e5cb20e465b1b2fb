"""Columns that do not match the mapping block the flows that use them, until they match again."""

from collections.abc import Iterable

from shared.flows.checks import Check, CheckResult
from shared.operations.audit_log import AuditLog
from shared.state.control import BlockKind, Control, FlowControl

_HELPS = "compare the mapping with the environment, then run `p2c preflight` again"


class DriftBlocks:
    """Blocks and releases flows by the findings of preflight. Every action is written to the audit log. `blocked`, by
    flow with the reason, and `released` are what was done so far, also if storage trouble ends it halfway."""

    def __init__(self, flows: Iterable[str], audit_log: AuditLog, *, control: Control) -> None:
        self._flows = tuple(flows)
        self._control = control
        self._audit_log = audit_log
        self.blocked: dict[str, str] = {}
        self.released: list[str] = []

    def enforce(self, checks: Iterable[Check]) -> None:
        """Block each flow whose columns have drifted according to the metadata, unless it is blocked already; lift the
        drift block of a flow if all its columns were checked and match. Raises StorageTrouble, Refused."""
        found = list(checks)
        for flow in self._flows:
            drift = [check.drift[flow] for check in found if flow in check.drift]
            told = [check for check in found if flow in check.flows]
            if drift:
                self._block(flow, f"schema drift: {'; '.join(drift)}; {_HELPS}")
            elif told and all(check.verdict is CheckResult.WELL for check in told):
                self._release(flow)

    def _block(self, flow: str, reason: str) -> None:
        control = self._control
        if not _may_be_blocked(control.flow(flow)):
            return
        self._audit_log.note("block", flow, reason=reason)

        def change(now: FlowControl) -> FlowControl | None:
            return now.block(BlockKind.DRIFT, reason) if _may_be_blocked(now) else None

        if control.change_flow(flow, change) is not None:
            self.blocked[flow] = reason

    def _release(self, flow: str) -> None:
        control = self._control
        seen = control.flow(flow)
        if seen.block_kind is not BlockKind.DRIFT:
            return
        self._audit_log.note("unblock", flow, reason=seen.blocked)

        def change(now: FlowControl) -> FlowControl | None:
            is_it = now.block_kind is BlockKind.DRIFT and now.blocked == seen.blocked
            return now.unblock() if is_it else None

        if control.change_flow(flow, change) is not None:
            self.released.append(flow)


def _may_be_blocked(control: FlowControl) -> bool:
    """Whether it is not blocked yet, or only by a drift that a flow met itself and a probe of the sweep may lift: the
    metadata shows more than a few records can."""
    return not control.blocked or control.met is not None
