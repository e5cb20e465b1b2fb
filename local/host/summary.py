"""What a host did in its life: counts for each function, and the memory that it took at most."""

import resource
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from types import MappingProxyType

from local.host.events import Event, InvocationFailed, InvocationStarted, InvocationSucceeded, MessagePoisoned

_WORDS = ("started", "succeeded", "failed", "poisoned")


def peak_memory_mb() -> float:
    """Return the largest resident size of this process so far, in units of 1,000,000 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


class Tally:
    """Counts events by function, beginning with those of `before`; may be called from any thread."""

    def __init__(self, before: Mapping[str, Mapping[str, float]] = MappingProxyType({})) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._seconds: dict[str, float] = defaultdict(float)
        for name, counted in before.items():
            self._counts[name] = Counter({word: int(counted[word]) for word in _WORDS})
            self._seconds[name] = counted["seconds"]

    def add(self, event: Event) -> None:
        """Count one event."""
        with self._lock:
            self._counts[event.function][_word(event)] += 1
            if isinstance(event, InvocationSucceeded | InvocationFailed):
                self._seconds[event.function] += event.seconds

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return started, succeeded, failed, poisoned and seconds for each function that did anything."""
        with self._lock:
            return {
                name: {
                    **{word: counts[word] for word in _WORDS},
                    "seconds": round(self._seconds[name], 3),
                }
                for name, counts in sorted(self._counts.items())
            }


def _word(event: Event) -> str:
    match event:
        case InvocationStarted():
            return "started"
        case InvocationSucceeded():
            return "succeeded"
        case InvocationFailed():
            return "failed"
        case MessagePoisoned():
            return "poisoned"
