"""Which run of a function a piece of work belongs to, also in threads of our own.

The host drops a log line of a thread that it does not know. It looks for the run in a place of each thread, which it
fills in its own threads only. So work that is given to a pool takes the context along (`in_context`), and the code that
logs fills the place (`known_to_the_host`).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a function. `id` is the host's own, a UUID; `places` is what has the host's place in each thread, as
    the attribute `invocation_id`."""

    id: str
    places: Any

    @property
    def run(self) -> str:
        """The id without dashes, as our events name it. Raises ValueError where it is no UUID."""
        return UUID(self.id).hex


_current: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


@contextmanager
def invoked(invocation: Invocation | None) -> Iterator[None]:
    """Everything inside belongs to this run of a function."""
    token = _current.set(invocation)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def known_to_the_host() -> Iterator[None]:
    """Inside, the host finds in this thread to which run a log line belongs."""
    invocation = _current.get()
    if invocation is None or getattr(invocation.places, "invocation_id", None) is not None:
        yield
        return
    invocation.places.invocation_id = invocation.id
    try:
        yield
    finally:
        invocation.places.invocation_id = None


def in_context(pool: ThreadPoolExecutor, task: Callable[[], Result]) -> Future[Result]:
    """Let a thread of a pool do something that belongs to this run."""
    return pool.submit(copy_context().run, task)


def map_in_context(pool: ThreadPoolExecutor, task: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """The same for each of some items, as the pool's own `map`."""
    contexts = [copy_context() for _ in items]
    return pool.map(lambda context, item: context.run(task, item), contexts, items)


def gather_in_context(pool: ThreadPoolExecutor, task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The same for tasks that write: none is under way any more when this returns or raises. If one fails, those that
    have not begun are dropped, those that have are waited for, and the first error in order is raised."""
    futures = [in_context(pool, partial(task, item)) for item in items]
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
    finally:
        for future in futures:
            future.cancel()
        wait(futures)
    # A pool begins in order, so whatever was dropped comes after what has failed.
    return [future.result() for future in futures]
