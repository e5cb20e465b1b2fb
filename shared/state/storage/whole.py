"""A small table as it was at one moment, read in one request."""

from collections.abc import Mapping, Sequence

from shared.errors import RowConflict
from shared.state.storage.tables import Operation, Stored, Table

_MOST_ROWS = 1000


class WholeTable:
    """Reads come from what was read once, writes go to the table; satisfies Table. Whoever writes a row names the
    version that was read, so a row that has changed meanwhile is a conflict as before."""

    def __init__(self, table: Table, rows: Sequence[Stored]) -> None:
        self._table = table
        self._rows = {(stored.row.partition, stored.row.key): stored for stored in rows}

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that existed among `keys`."""
        return {key: self._rows[partition, key] for key in keys if (partition, key) in self._rows}

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order, as they are now."""
        return self._table.scan(partition, start=start, end=end, limit=limit)

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of the table, as they are now."""
        return self._table.whole(limit)

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations to the table, or none. Raises RowConflict."""
        return self._table.transact(operations)

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Apply each transaction to the table, by itself."""
        return self._table.transact_each(transactions)


def read_whole(table: Table) -> Table:
    """A small table as it is now. One that is not small, since others have filled it, is read row by row.
    Raises StorageTrouble."""
    rows = table.whole(_MOST_ROWS)
    return WholeTable(table, rows) if len(rows) < _MOST_ROWS else table
