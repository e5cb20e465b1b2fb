"""Records synced on demand: some by their ids, or everything again."""

from collections.abc import Sequence
from dataclasses import replace

from shared.operations.audit_log import AuditLog, Refused
from shared.state.checkpoints import Phase
from shared.sync.flow import Walked
from shared.sync.hints import Hint, messages
from shared.sync.parts import Parts


def send(parts: Parts, flow: str, ids: Sequence[str]) -> int:
    """Queue records by their ids; how many."""
    for message in messages(flow, parts.new_id(), [Hint(id) for id in ids], parts.limits.hints_per_message):
        parts.queues.send(flow, message.to_body())
    return len(ids)


class Syncing:
    """Queues records to be synced. Unchanged ones cost no write."""

    def __init__(self, parts: Parts, audit_log: AuditLog) -> None:
        self._parts = parts
        self._audit_log = audit_log

    def some(self, flow: str, ids: Sequence[str]) -> int:
        """Queue records by their ids; how many."""
        wanted = list(dict.fromkeys(ids))
        self._audit_log.note("sync", flow, " ".join(wanted))
        return send(self._parts, flow, wanted)

    def everything(self, flow: str) -> bool:
        """Have the whole source read again, beginning with the next pull. False if a full read is running, or a pull
        was faster: try again later. Raises Refused for a blocked flow: an operator must first check the walk that
        blocks it."""
        blocked = self._parts.state.control.flow(flow).blocked
        if blocked:
            raise Refused(f"{flow} is blocked: {blocked}; accept or unblock it first")
        checkpoint = self._parts.state.checkpoints.load(flow)
        if checkpoint is None:
            self._audit_log.note("sync", flow, "everything")
            return True
        if checkpoint.cursor is not None or checkpoint.phase not in (Phase.DELTA, Phase.WALK):
            return False
        self._audit_log.note("sync", flow, "everything")
        new = self._parts.new_id
        if isinstance(self._parts.flows[flow].feed, Walked):
            again = replace(checkpoint, full_at=None)
        else:
            # Versions count within one epoch only: in a new one every record is evaluated.
            again = replace(checkpoint, phase=Phase.FULL, epoch=new(), walk=new(), gone=0, changed=0)
        return self._parts.state.checkpoints.save(again) is not None
