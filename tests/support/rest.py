"""Says when nothing is left to do, so that tests need not play each minute in which nothing happens."""

from copy import deepcopy
from datetime import datetime

from shared.state.links import LinkState
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Row
from tests.support.clock import ManualClock

# Still played at the end of a time in which nothing happened, as one round: what stands must stand for good.
_LAST_MINUTE_S = 60
_IDLE = (LinkState.DELETED, LinkState.ENDED, LinkState.FILTERED, LinkState.WAITING)


class Rest:
    """Looks at what a round of all timers has left behind; whether messages lie in queues is for others to say."""

    def __init__(self, clock: ManualClock, links: MemoryTable, control: MemoryTable) -> None:
        self._clock = clock
        self._links = links
        self._control = control
        self._seen: object = None

    def __deepcopy__(self, memo: dict[int, object]) -> "Rest":
        """The same for copies of its tables. What was seen is never changed in place."""
        copied = Rest(*deepcopy((self._clock, self._links, self._control), memo))
        copied._seen = self._seen
        return copied

    def reached(self) -> bool:
        """Whether the next rounds have nothing to do: no link is dirty or claimed or has changed since the last call,
        no gate is closed, and no result is to be written. The first call has nothing to compare with. The link of a
        deleted, ended, filtered or waiting record may stay dirty: there is nothing to write until this record or its
        parent changes."""
        links = self._links.content()
        changed, self._seen = links != self._seen, links
        return not changed and not any(_under_way(row) for row in self._rows())

    def pass_time(self, end: float) -> None:
        """Let the time pass until a failure is to be tried again, at the latest until shortly before `end`."""
        tries = [row.cells.get("next_try") for row in self._rows()]
        left = [(at - self._clock.now()).total_seconds() for at in tries if isinstance(at, datetime)]
        self._clock.sleep(max(0, min([*left, end - _LAST_MINUTE_S - self._clock.seconds])))

    def _rows(self) -> list[Row]:
        return [*self._links.content().values(), *self._control.content().values()]


def _under_way(row: Row) -> bool:
    dirty = row.cells.get("dirty") and row.cells.get("state") not in _IDLE
    unwritten = row.key.startswith("T|") and "next_try" not in row.cells
    return bool(dirty or unwritten or any(row.cells.get(name) for name in ("claim_id", "closed", "holder")))
