"""How long the demo waits: it counts time without progress, scaled to a quiet machine."""

import os
import time
from collections.abc import Callable


class Standstill:
    """Counts the seconds without progress, from look to look.

    A look takes a moment if nothing else runs. If it takes longer, the machine is busy, and what we wait for is as slow
    as we are: so no look counts for more than `most_per_look_s`, and the wait grows with the slowness of the machine.
    """

    def __init__(self, most_per_look_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_per_look_s = most_per_look_s
        self._clock = clock
        self._looked_at = clock()
        self._seen: object = None
        self._began = self._looked_at
        self.spent_s = 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds by the clock since something got on."""
        return self._looked_at - self._began

    def look(self, seen: object = None) -> float:
        """Note what is seen now; the counted seconds since it changed, 0 if it has just changed."""
        now = self._clock()
        if seen != self._seen:
            self._seen, self._began, self.spent_s = seen, now, 0.0
        else:
            self.spent_s += min(now - self._looked_at, self._most_per_look_s)
        self._looked_at = now
        return self.spent_s


def stretched(seconds: float) -> float:
    """A time limit of a quiet machine, extended for the present load of this one."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 1.0
    return seconds * max(1.0, busy)
