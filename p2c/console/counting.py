"""What takes long to count, counted in the background: a flow may have a million links, and no page waits for them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime
from threading import Condition, Lock, local
from typing import Generic, TypeVar

from shared.clock import Clock
from shared.operations.read_later import reading_later

# A page waits so long for a count that is under way, and then shows the one before.
PATIENCE_S = 1.0
# Between two counts there is at least this time, and so many times as long as the last one took.
_LEAST_S, _TIMES = 3.0, 5.0
# A count reads when no page has been made for so long: an answer often leads to the next page at once. Pages that
# follow each other for longer than the latter do not stop it.
_REST_S, _COURTESY_S = 1.0, 10.0
Counted = TypeVar("Counted")


class Ended(Exception):
    """The console ends: nobody waits for the count any more."""


class Courtesy:
    """Lets counts wait for pages: a count reads nothing while a page is made and shortly after it, and two counts do
    not read at once."""

    def __init__(self, rest_s: float = _REST_S) -> None:
        self._rest_s = rest_s
        self._pages = 0
        self._awaited = 0
        self._last_page_at = -rest_s
        self._has_ended = False
        self._changed = Condition()
        self._one_count = Lock()
        self._mine = local()

    @contextmanager
    def page(self) -> Iterator[None]:
        """This thread makes a page."""
        self._mine.is_page = True
        self._add(1)
        try:
            yield
        finally:
            self._last_page_at = time.monotonic()
            self._add(-1)
            self._mine.is_page = False

    @contextmanager
    def patience(self) -> Iterator[None]:
        """This thread waits for a count, also if it makes a page."""
        own = int(getattr(self._mine, "is_page", False))
        self._add(-own, awaited=1)
        try:
            yield
        finally:
            self._add(own, awaited=-1)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A count reads: when no page has been made for a while, when a page waits for it and no other one is made, or
        after some seconds. Raises Ended."""
        with self._one_count:
            with self._changed:
                self._wait_for_rest(time.monotonic() + _COURTESY_S)
                if self._has_ended:
                    raise Ended
            yield

    def end(self) -> None:
        """Let no count read any more."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _wait_for_rest(self, not_after: float) -> None:
        while not self._has_ended:
            now = time.monotonic()
            left = not_after - now
            if not self._pages:
                rest = 0.0 if self._awaited else self._last_page_at + self._rest_s - now
                left = min(left, rest)
            if left <= 0:
                return
            self._changed.wait(left)

    def _add(self, pages: int, awaited: int = 0) -> None:
        with self._changed:
            self._pages += pages
            self._awaited += awaited
            self._changed.notify_all()


class Counting(Generic[Counted]):
    """Counts again when a page is looked at and the last count is old enough. `count` is given a function that takes
    what was counted so far; it reads when the `courtesy` lets it. Counts may share a `worker`."""

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
        self._running: Future[tuple[Counted, datetime]] | None = None
        self._last: Counted | None = None
        self.counted_at: datetime | None = None
        """When the last count that is complete began, None before the first one."""
        self._again_at = 0.0

    def latest(self, patience_s: float = PATIENCE_S) -> Counted | None:
        """The newest count that is there; while the first one is under way, what was counted so far, or None. Raises
        what the count raised."""
        with self._lock:
            if self._running is None and (self._last is None or self._clock.monotonic() >= self._again_at):
                self._running = self._worker.submit(self._count)
            running = self._running
        if running is not None:
            with self._courtesy.patience():
                wait([running], patience_s)
            self._take(running)
        return self._so_far if self._last is None else self._last

    def expire(self) -> None:
        """Something has been changed: the next page counts again."""
        self._again_at = 0.0

    def _count(self) -> tuple[Counted, datetime]:
        """What is counted, and when that began."""
        began, began_at = self._clock.monotonic(), self._clock.now()
        with reading_later(self._courtesy.turn):
            counted = self._what(self._tell)
        took = self._clock.monotonic() - began
        self._again_at = began + took + max(_LEAST_S, _TIMES * took)
        return counted, began_at

    def _tell(self, so_far: Counted) -> None:
        self._so_far = so_far

    def _take(self, running: Future[tuple[Counted, datetime]]) -> None:
        """What has been counted, once it is complete."""
        if not running.done():
            return
        with self._lock:
            if self._running is running:
                self._running = None
        self._last, self.counted_at = running.result()
