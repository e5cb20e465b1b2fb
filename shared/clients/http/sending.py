"""What the requests of one call to a target share: whether it still makes sense to send."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

from shared.clients.http.channel import Channel, StartLimit
from shared.clock import Clock
from shared.errors import NotSent, OperatorNeeded, OutcomeUnknown, SyncError, SystemTrouble, Transient
from shared.records import Write

_TROUBLES_IN_A_ROW = 3


class Sending:
    """What the writes of one call share: whether it still makes sense to send."""

    def __init__(self, clock: Clock, not_after: float) -> None:
        self.turn = StartLimit(not_after, self.require_turn)
        self._clock = clock
        self._not_after = not_after
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._stopped = ""

    def require_turn(self) -> None:
        """Raises NotSent if time is up or the system is in trouble."""
        if self._stopped:
            raise NotSent(f"not sent after trouble with another record: {self._stopped}")
        if self._clock.monotonic() > self._not_after:
            raise NotSent("no time was left for this record")

    def note(self, result: SyncError | None) -> None:
        """Note the result of a write. One lost answer may be caused by the record; several in a row are caused by the
        system."""
        with self._lock:
            match result:
                case Transient() | OperatorNeeded():
                    self._stopped = self._stopped or _reason(result)
                case OutcomeUnknown():
                    self._in_a_row += 1
                    if self._in_a_row >= _TROUBLES_IN_A_ROW:
                        self._stopped = self._stopped or _reason(result)
                case NotSent():
                    pass
                case _:
                    self._in_a_row = 0


def send_each(
    channel: Channel, writes: Sequence[Write], send: Callable[[Write, StartLimit], None], *, not_after: float
) -> dict[str, SyncError | None]:
    """Send every write separately, in parallel; the result by id is None (applied) or the error that `send` raised.

    Once the system is in trouble, the remaining writes are not sent (NotSent).
    """
    if not writes:
        return {}
    sending = Sending(channel.clock, not_after)

    def result(write: Write) -> SyncError | None:
        try:
            sending.require_turn()
            send(write, sending.turn)
        except SyncError as error:
            sending.note(error)
            return error
        sending.note(None)
        return None

    results = channel.gather_writes([partial(result, write) for write in writes])
    return {write.id: each for write, each in zip(writes, results, strict=True)}


def _reason(error: SystemTrouble) -> str:
    return f"{type(error).__name__}: {error}"
