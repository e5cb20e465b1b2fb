"""Says when nothing is left to do, so that tests need not play each minute in which nothing happens."""

from collections.abc import Iterable
from datetime import datetime

from shared.state.memory import MemoryTable
from tests.support.clock import ManualClock

# Still played at the end of a time in which nothing happened: what stands must stand for good.
_LAST_MINUTES_S = 120


class Rest:
    """Looks at what a round of all timers has left behind."""

    def __init__(self, clock: ManualClock, links: MemoryTable, control: MemoryTable) -> None:
        self._clock = clock
        self._links = links
        self._control = control
        self._seen: object = None

    def pass_time(self, end: float) -> None:
        """After a round without a failure and with empty queues: let the time pass until there may be something to do,
        at the latest shortly before `end`.

        There is where a link is dirty or claimed or has just changed, and where a gate is closed; there will be when a
        failure is to be tried again.
        """
        links = self._links.content()
        changed, self._seen = links != self._seen, links
        rows = [*links.values(), *self._control.content().values()]
        if changed or any(row.cells.get(name) for row in rows for name in ("dirty", "claim_id", "closed")):
            return
        next_try = self._seconds_to(row.cells.get("next_try") for row in rows)
        self._clock.sleep(max(0, min(next_try, end - _LAST_MINUTES_S - self._clock.seconds)))

    def _seconds_to(self, times: Iterable[object]) -> float:
        left = [(time - self._clock.now()).total_seconds() for time in times if isinstance(time, datetime)]
        return min(left, default=float("inf"))
