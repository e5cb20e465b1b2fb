"""Tables in which what is not urgent lets something else read first, such as a page that somebody waits for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from shared.errors import RowConflict
from shared.state.storage.tables import Operation, Stored, Table

Turn = Callable[[], AbstractContextManager[None]]
"""Waits until it is the caller's turn to read, and then lasts as long as the read."""
_turn: ContextVar[Turn] = ContextVar("turn", default=nullcontext)


@contextmanager
def reading_later(turn: Turn) -> Iterator[None]:
    """Each read made inside, also by threads that are given a part of the work, waits for its turn."""
    token = _turn.set(turn)
    try:
        yield
    finally:
        _turn.reset(token)


class ReadLaterTable:
    """A table; a read waits for its turn (see reading_later)."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""
        with _turn.get()():
            return self._table.read(partition, keys)

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""
        with _turn.get()():
            return self._table.scan(partition, start=start, end=end, limit=limit)

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        with _turn.get()():
            return self._table.whole(limit)

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, or none."""
        return self._table.transact(operations)

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Apply each transaction by itself."""
        return self._table.transact_each(transactions)
