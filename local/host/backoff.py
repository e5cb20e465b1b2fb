"""How long a listener waits before it looks at an empty queue again."""

import random

MINIMUM_S = 0.1
RANDOMIZATION = 0.2


class Backoff:
    """Randomised exponential waits from 100 ms up to `maximum_s`, as in the WebJobs SDK."""

    def __init__(self, maximum_s: float, rng: random.Random) -> None:
        self._maximum_s = maximum_s
        self._rng = rng
        self._current_s = 0.0
        self._exponent = 0

    def reset(self) -> float:
        """Start over after messages were found; return the first wait."""
        self._current_s = MINIMUM_S
        self._exponent = 1
        return self._current_s

    def grow(self) -> float:
        """Return the wait after one more empty look."""
        if self._current_s != self._maximum_s:
            wait_s = MINIMUM_S + (self._increment_s() if self._exponent else 0.0)
            if wait_s < self._maximum_s:
                self._exponent += 1
            self._current_s = min(wait_s, self._maximum_s)
        return self._current_s

    def _increment_s(self) -> float:
        spread = self._rng.uniform(1 - RANDOMIZATION, 1 + RANDOMIZATION)
        return float(spread * 2 ** (self._exponent - 1) * MINIMUM_S)
