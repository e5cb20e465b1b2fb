"""What takes long to count, counted in the background: a flow may have a million links, and no page waits for them."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import Generic, TypeVar

from shared.clock import Clock

# A page waits so long for a count that is under way, and then shows the one before.
_PATIENCE_S = 1.0
# Between two counts there is at least this time, and so many times as long as the last one took.
_LEAST_S, _TIMES = 3.0, 5.0
Counted = TypeVar("Counted")


class Counting(Generic[Counted]):
    """Counts again when a page is looked at and the last count is old enough."""

    def __init__(self, count: Callable[[], Counted], clock: Clock) -> None:
        self._what = count
        self._clock = clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="counting")
        self._lock = Lock()
        self._running: Future[Counted] | None = None
        self._last: Counted | None = None
        self._again_at = 0.0

    def latest(self) -> Counted | None:
        """The newest count that is there; None while the first one is under way. Raises what the count raised."""
        with self._lock:
            if self._running is None and (self._last is None or self._clock.monotonic() >= self._again_at):
                self._running = self._worker.submit(self._count)
            running = self._running
        if running is not None:
            wait([running], _PATIENCE_S)
            self._take(running)
        return self._last

    def expire(self) -> None:
        """Something has been changed: the next page counts again."""
        self._again_at = 0.0

    def _count(self) -> Counted:
        began = self._clock.monotonic()
        counted = self._what()
        took = self._clock.monotonic() - began
        self._again_at = began + took + max(_LEAST_S, _TIMES * took)
        return counted

    def _take(self, running: Future[Counted]) -> None:
        """What has been counted, once it is complete."""
        if not running.done():
            return
        with self._lock:
            if self._running is running:
                self._running = None
        self._last = running.result()
