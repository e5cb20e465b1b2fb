"""Storage for reading only: writes are discarded."""

from collections.abc import Mapping, Sequence

from shared.errors import RowConflict
from shared.state.storage.tables import Operation, Stored, Table


class ReadOnlyTable:
    """A table that is read and never changed; satisfies Table. A walk over a source notes what it meets: a dry run does
    not need these notes, and may lack the right to write them."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""
        return self._table.read(partition, keys)

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""
        return self._table.scan(partition, start=start, end=end, limit=limit)

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        return self._table.whole(limit)

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Discard the operations."""
        return [""] * len(operations)

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Discard the operations of each."""
        return [None] * len(transactions)
