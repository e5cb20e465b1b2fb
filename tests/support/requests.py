"""Counts the storage requests that the product makes, by the rules by which the real storage is read and written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from shared.errors import RowConflict
from shared.state.storage.memory import MemoryTable
from shared.state.storage.ranges import PAGE, Stretch, read_rows
from shared.state.storage.tables import Operation, Stored, conflict_of


class CountedTable:
    """A table that counts each request under its own name and the kind of request; satisfies Table."""

    def __init__(self, table: MemoryTable, counts: Counter[str]) -> None:
        self._table = table
        self._counts = counts

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""

        def scan(first: str, end: str, limit: int, among: AbstractSet[str]) -> Stretch:
            return Stretch.of(self.scan(partition, start=first, end=end, limit=limit), among)

        def read_each(keys: Sequence[str]) -> Sequence[Stored]:
            self._count("read", len(keys))
            return list(self._table.read(partition, keys).values())

        return {stored.row.key: stored for stored in read_rows(keys, scan, read_each)}

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""
        found = self._table.scan(partition, start=start, end=end, limit=limit)
        self._count("scan", _pages(len(found), limit))
        return found

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        found = self._table.whole(limit)
        self._count("scan", _pages(len(found), limit))
        return found

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, or none; returns the new etags in order. Raises RowConflict."""
        self._count("transaction", 1)
        return self._table.transact(operations)

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Apply each transaction by itself, each of which is a request."""
        return [conflict_of(self, operations) for operations in transactions]

    def _count(self, kind: str, requests: int) -> None:
        self._counts[f"{self._table.name} {kind}"] += requests


def _pages(rows: int, limit: int) -> int:
    """How many answers hold so many rows: one at least."""
    return max(1, -(-min(rows, limit) // PAGE))
