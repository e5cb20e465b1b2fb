"""Tables in which a row is read once for what is shown together, such as one page: several operations need it."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from shared.errors import RowConflict
from shared.state.storage.tables import Operation, Stored, Table

# What one thread has read by table and partition, while it shows something: a row, or None if there is none.
_Rows = dict[tuple[int, str], dict[str, Stored | None]]
_SHOWING = threading.local()


@contextmanager
def reading_once() -> Iterator[None]:
    """What this thread does now reads no row twice."""
    _SHOWING.rows = {}
    try:
        yield
    finally:
        _SHOWING.rows = None


class ReadOnceTable:
    """A table; a write forgets what was read."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""
        rows: _Rows | None = getattr(_SHOWING, "rows", None)
        if rows is None:
            return self._table.read(partition, keys)
        known = rows.setdefault((id(self), partition), {})
        new = [key for key in dict.fromkeys(keys) if key not in known]
        if new:
            found = self._table.read(partition, new)
            known |= {key: found.get(key) for key in new}
        return {key: stored for key in keys if (stored := known[key]) is not None}

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""
        return self._table.scan(partition, start=start, end=end, limit=limit)

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        return self._table.whole(limit)

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, or none."""
        _forget()
        return self._table.transact(operations)

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Apply each transaction by itself."""
        _forget()
        return self._table.transact_each(transactions)


def _forget() -> None:
    if getattr(_SHOWING, "rows", None) is not None:
        _SHOWING.rows = {}
