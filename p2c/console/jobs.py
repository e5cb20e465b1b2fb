"""Acts that take longer than a page may: they are done in the background, and a page tells how far they are."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import count
from threading import Event

from p2c.troubles import TOLD, Told, told

# An act that takes no longer is shown as done at once.
PATIENCE_S = 1.0
Work = Callable[[Callable[[int], None]], int]
"""Does the act: it is given a function that takes how many records are done, and returns how many were."""


class Stopped(Exception):
    """The console ends, and the act with it."""


@dataclass
class Job:
    """An act under way. `done` is the word for it, `back` the page that it was started on, `so_far` how many records
    are done, and `why` what has ended it early."""

    id: int
    done: str
    back: str
    so_far: int = 0
    why: Told | None = None
    is_over: Event = field(default_factory=Event)


class Jobs:
    """The acts of this console, one after the other."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="acting")
        self._ids = count(1)
        self._jobs: dict[int, Job] = {}
        self._has_ended = Event()

    def start(self, done: str, back: str, work: Work, then: Callable[[], None]) -> Job:
        """Begin an act; it may be over already. `then` is called when it is."""
        job = Job(next(self._ids), done, back)
        self._jobs[job.id] = job
        running: Future[None] = self._worker.submit(self._do, job, work, then)
        wait([running], PATIENCE_S)
        if running.done():
            # What is no sentence for the user is a defect, and is shown as one.
            running.result()
        return job

    def find(self, id: int) -> Job | None:
        """The act with this id; None if there is none."""
        return self._jobs.get(id)

    def end(self) -> None:
        """Stop the acts that are under way, after what they do now."""
        self._has_ended.set()

    def _do(self, job: Job, work: Work, then: Callable[[], None]) -> None:
        def tell(so_far: int) -> None:
            job.so_far = so_far
            if self._has_ended.is_set():
                raise Stopped

        try:
            if not self._has_ended.is_set():
                job.so_far = work(tell)
        except TOLD as error:
            job.why = told(error)
        finally:
            then()
            job.is_over.set()
