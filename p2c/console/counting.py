"""What takes long to count, counted in the background: a flow may have a million links, and no page waits for them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Generic, TypeVar

from shared.clock import Clock

# A page waits so long for a count that is under way, and then shows the one before.
PATIENCE_S = 1.0
# Between two counts there is at least this time, and so many times as long as the last one took.
_LEAST_S, _TIMES = 3.0, 5.0
_COURTESY_S = 3.0
Counted = TypeVar("Counted")


class Courtesy:
    """Lets counts wait for pages: a count of many reads makes none while a page is made."""

    def __init__(self) -> None:
        self._pages = 0
        self._changed = Condition()

    @contextmanager
    def page(self) -> Iterator[None]:
        """A page is made."""
        with self._changed:
            self._pages += 1
        try:
            yield
        finally:
            with self._changed:
                self._pages -= 1
                self._changed.notify_all()

    def wait(self) -> None:
        """Return when no page is made, or after some seconds: pages that follow each other must not stop a count."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pages, _COURTESY_S)


class Counting(Generic[Counted]):
    """Counts again when a page is looked at and the last count is old enough. `count` is given a function that takes
    what was counted so far, and which returns when no page is made (`courtesy`). Counts may share a `worker`."""

    def __init__(
        self,
        count: Callable[[Callable[[Counted], None]], Counted],
        clock: Clock,
        courtesy: Courtesy | None = None,
        worker: Executor | None = None,
    ) -> None:
        self._what = count
        self._clock = clock
        self._courtesy = courtesy or Courtesy()
        self._worker = worker or ThreadPoolExecutor(1, thread_name_prefix="counting")
        self._so_far: Counted | None = None
        self._lock = Lock()
        self._running: Future[Counted] | None = None
        self._last: Counted | None = None
        self._again_at = 0.0

    def latest(self, patience_s: float = PATIENCE_S) -> Counted | None:
        """The newest count that is there; while the first one is under way, what was counted so far, or None. Raises
        what the count raised."""
        with self._lock:
            if self._running is None and (self._last is None or self._clock.monotonic() >= self._again_at):
                self._running = self._worker.submit(self._count)
            running = self._running
        if running is not None:
            wait([running], patience_s)
            self._take(running)
        return self._so_far if self._last is None else self._last

    def expire(self) -> None:
        """Something has been changed: the next page counts again."""
        self._again_at = 0.0

    def _count(self) -> Counted:
        began = self._clock.monotonic()
        counted = self._what(self._tell)
        took = self._clock.monotonic() - began
        self._again_at = began + took + max(_LEAST_S, _TIMES * took)
        return counted

    def _tell(self, so_far: Counted) -> None:
        self._so_far = so_far
        self._courtesy.wait()

    def _take(self, running: Future[Counted]) -> None:
        """What has been counted, once it is complete."""
        if not running.done():
            return
        with self._lock:
            if self._running is running:
                self._running = None
        self._last = running.result()
