"""Request ids by which the logs of both sides can be brought together."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from uuid import UUID, uuid4, uuid5

_NAMESPACE = UUID("5a7f8c56-6e0c-4e0c-9a55-3d3f8c9f2f10")
_PROCESS = str(uuid4())

_current: ContextVar[str] = ContextVar("correlation", default=_PROCESS)
_numbers = count(1)


@contextmanager
def correlated(id: str) -> Iterator[None]:
    """Requests made inside, also those of the clients' threads, carry ids that follow from this one."""
    token = _current.set(id)
    try:
        yield
    finally:
        _current.reset(token)


def next_request_id() -> str:
    """A new id for one request."""
    return str(uuid5(_NAMESPACE, f"{_current.get()}/{next(_numbers)}"))
