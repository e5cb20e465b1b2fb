"""Request ids that connect the logs of both sides.

Every request carries `x-ms-client-request-id`: the first 24 digits of the id of its run, which our events name, and a
number of the request. So each leads to the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from uuid import UUID, uuid4

_PROCESS = uuid4().hex
_NUMBER_BITS = 32

_current: ContextVar[str] = ContextVar("correlation", default=_PROCESS)
_numbers = count(1)


@contextmanager
def correlated(id: str) -> Iterator[None]:
    """Requests made inside, also those of the clients' threads, carry ids that begin like this one: 32 hexadecimal
    digits."""
    token = _current.set(id)
    try:
        yield
    finally:
        _current.reset(token)


def next_request_id() -> str:
    """A new id for one request."""
    run = UUID(_current.get()).int >> _NUMBER_BITS
    return str(UUID(int=(run << _NUMBER_BITS) + next(_numbers) % (1 << _NUMBER_BITS)))
