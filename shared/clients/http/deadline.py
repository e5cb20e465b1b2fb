"""Until when an invocation may start to read from a system: a later read might outlive the function."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_not_after: ContextVar[float] = ContextVar("not_after", default=math.inf)


@contextmanager
def reading_until(not_after: float) -> Iterator[None]:
    """Reads made inside, also those of the clients' threads, begin before this moment of the monotonic clock, or
    raise NotSent."""
    token = _not_after.set(not_after)
    try:
        yield
    finally:
        _not_after.reset(token)


def last_start() -> float:
    """The moment after which no read may begin; infinite if there is no limit, as for an operator."""
    return _not_after.get()
