"""Messages of a poison queue, kept until their function takes them: the host's copies vanish after seven days (protocol
F3)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from shared.state.storage.queues import Queues, poison_queue
from shared.sync.flow import Flow
from shared.telemetry import log_event

_LEFT = timedelta(days=2)
_RECEIVED_AT_ONCE = 32
_INVISIBLE_S = 60.0


def keep_poison(
    queues: Queues, flow: Flow, run_id: str, *, now: datetime, at_most: int, has_time: Callable[[], bool]
) -> None:
    """Put those anew that would vanish within two days, if the one that is next there would; as many as there is time
    for, and some more than `at_most` at the end. Raises StorageTrouble."""
    queue, kept = poison_queue(flow.name), 0
    until = now + _LEFT
    while kept < at_most and has_time():
        head = queues.head(queue)
        if head is None or head.expires_at is None or head.expires_at > until:
            break
        for message in queues.receive(queue, limit=_RECEIVED_AT_ONCE, invisible_s=_INVISIBLE_S):
            if message.expires_at is not None and message.expires_at <= until:
                queues.send(queue, message.body)
                queues.delete(queue, message)
                kept += 1
    if kept:
        log_event("poison_returned", flow=flow.name, run=run_id, messages=kept)
