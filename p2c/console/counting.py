"""The state of all flows, counted in the background: a flow may have a million links, and no page waits for them."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock

from shared.operations.status import Status
from shared.service import Service

# A page waits so long for a count that is under way, and then shows the one before.
_PATIENCE_S = 1.0
# Between two counts there is at least this time, and so many times as long as the last one took.
_LEAST_S, _TIMES = 3.0, 5.0


class Counting:
    """Counts again when a page is looked at and the last count is old enough."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="counting")
        self._lock = Lock()
        self._running: Future[Status] | None = None
        self._last: Status | None = None
        self._again_at = 0.0

    def latest(self) -> Status | None:
        """The newest count that is there; None while the first one is under way. Raises what the count raised."""
        with self._lock:
            now = self._service.clock.monotonic()
            if self._running is None and (self._last is None or now >= self._again_at):
                self._running = self._worker.submit(self._count)
            running = self._running
        if running is not None:
            wait([running], _PATIENCE_S)
            self._take(running)
        return self._last

    def expire(self) -> None:
        """Something has been changed: the next page counts again."""
        self._again_at = 0.0

    def _count(self) -> Status:
        began = self._service.clock.monotonic()
        counted = self._service.status(self._service.flows)
        took = self._service.clock.monotonic() - began
        self._again_at = began + took + max(_LEAST_S, _TIMES * took)
        return counted

    def _take(self, running: Future[Status]) -> None:
        """What has been counted, once it is complete."""
        if not running.done():
            return
        with self._lock:
            if self._running is running:
                self._running = None
        self._last = running.result()
