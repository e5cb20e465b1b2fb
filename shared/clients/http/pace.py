"""How fast requests may follow each other if a system counts them over a window.

Limiting parallelism does not help against such a limit: the allowance of a window is used up in its first seconds, and
the rest of it is spent waiting. So each refusal is taken as a sign that the recent rate was a little too high, and from
then on requests are spread evenly. The size of the allowance and the number of processes that share it are not read:
limits differ between systems, and their headers describe one of several servers.
"""

import math
from collections import deque
from dataclasses import dataclass

SHORTEST_WINDOW_S = 30.0
LONGEST_WINDOW_S = 300.0
SLOWEST = 0.5

_BACK_TO = 0.95
_GROWTH = 0.01
_MOST_DOUBLINGS = 30
# So few requests cannot fill a window: another client did, or the system is busy with something else.
_FEW = 10
# Unused turns are kept, up to this share of a window.
_CAUGHT_UP = 0.05
_MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Turn:
    """How long to wait for it, and the pace that gave it: a turn given before a refusal no longer counts."""

    wait_s: float
    pace: int


class Pace:
    """The pace of one process. Not safe for threads by itself; times are monotonic seconds.

    There is none before the first refusal. Later on it grows, slowly at first, and is gone after some windows without
    a refusal. The pace never falls below `SLOWEST` requests a second: an invocation must end.
    """

    def __init__(self) -> None:
        self._accepted: deque[float] = deque(maxlen=_MOST_KEPT)
        self._window_s = SHORTEST_WINDOW_S
        self._rate = math.inf
        self._since = -math.inf
        self._next_at = -math.inf
        self._number = 0

    def note_accepted(self, now: float) -> None:
        """A request was let through."""
        self._accepted.append(now)

    def slow_down(self, now: float, wait_s: float) -> None:
        """The system refuses requests for so many seconds. The longest wait is roughly the length of its window."""
        if now < self._since:
            # Sent before the refusal was known; it says nothing new about the pace.
            self._since = max(self._since, now + wait_s)
        else:
            self._window_s = min(max(self._window_s, wait_s), LONGEST_WINDOW_S)
            self._rate = max(_BACK_TO * self._recent_rate(now, wait_s), SLOWEST)
            self._since = now + wait_s
        self._next_at = self._since
        self._number += 1

    def rate(self, now: float) -> float:
        """Requests a second, infinite if there is no pace."""
        windows = max(now - self._since, 0.0) / self._window_s
        if windows > _MOST_DOUBLINGS:
            return math.inf
        return self._rate * (1 + _GROWTH * (2**windows - 1))

    def _recent_rate(self, now: float, wait_s: float) -> float:
        """What got through recently, over the time that it must last for, including the wait."""
        recent = [at for at in self._accepted if at > now - self._window_s]
        if len(recent) < _FEW:
            return self._rate
        return len(recent) / min(self._window_s, now - recent[0] + max(wait_s, 1.0))

    def take_turn(self, now: float) -> Turn:
        """The next turn."""
        at = max(now - _CAUGHT_UP * self._window_s, self._next_at)
        self._next_at = at + 1 / self.rate(now)
        return Turn(max(at - now, 0.0), self._number)

    def still_holds(self, turn: Turn) -> bool:
        """Whether there was no refusal since the turn was given."""
        return turn.pace == self._number
