"""Records synced on demand: some by their ids, or everything again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.operations.audit_log import AuditLog, Refused
from shared.operations.sender import Sender
from shared.state.checkpoint_parts import Phase, Walk
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control
from shared.sync.flow import Flow, Walked


class Syncing:
    """Queues records to be synced. Unchanged ones cost no write."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        audit_log: AuditLog,
        *,
        sender: Sender,
        control: Control,
        checkpoints: Checkpoints,
    ) -> None:
        self._flows = flows
        self._audit_log = audit_log
        self._sender = sender
        self._control = control
        self._checkpoints = checkpoints

    def some(self, flow: str, ids: Sequence[str]) -> int:
        """Queue records by their ids; how many."""
        wanted = list(dict.fromkeys(ids))
        run = self._sender.new_id()
        self._audit_log.note("sync", flow, " ".join(wanted), run=run)
        return self._sender.send(flow, wanted, run)

    def everything(self, flow: str) -> bool:
        """Have the whole source read again, beginning with the next pull. False if a full read is running, or a pull
        was faster: try again later. Raises Refused for a blocked flow: an operator must first check the walk that
        blocks it."""
        blocked = self._control.flow(flow).blocked
        if blocked:
            raise Refused(f"{flow} is blocked: {blocked}; accept or unblock it first")
        checkpoint = self._checkpoints.load(flow)
        if checkpoint is None:
            self._audit_log.note("sync", flow, "everything")
            return True
        if not checkpoint.position.is_between_walks:
            return False
        self._audit_log.note("sync", flow, "everything")
        new = self._sender.new_id
        if isinstance(self._flows[flow].feed, Walked):
            again = replace(checkpoint, scans=replace(checkpoint.scans, full_at=None))
        else:
            # Versions count within one epoch only: in a new one every record is evaluated.
            again = replace(checkpoint.in_phase(Phase.FULL), epoch=new(), walk=Walk(new()))
        return self._checkpoints.save(again) is not None
