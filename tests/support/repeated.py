"""The client of the storage repeats a request whose answer got lost."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from shared.state.storage.tables import Operation, Table


@contextmanager
def repeated(table: Table) -> Iterator[None]:
    """Each transaction of a table is applied, and is sent once more because its answer got lost."""
    transact = table.transact

    def twice(operations: Sequence[Operation]) -> Sequence[str]:
        transact(operations)
        return transact(operations)

    with patch.object(table, "transact", twice):
        yield
