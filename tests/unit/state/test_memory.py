"""The tables in memory refuse what Table Storage refuses."""

import pytest

from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Insert, Operation, Put, Row
from tests.support.clock import ManualClock


def insert(number: int, partition: str = "p") -> Operation:
    return Insert(Row(partition, f"{number:03}", {}))


@pytest.mark.parametrize(
    ("operations", "says"),
    [
        ([], "1 to 100 operations"),
        ([insert(number) for number in range(101)], "1 to 100 operations"),
        ([insert(1), insert(2, "q")], "on one partition"),
        ([insert(1), Put(Row("p", "001", {}))], "names a row once"),
    ],
)
def test_a_transaction_that_the_service_would_refuse_writes_nothing(operations: list[Operation], says: str) -> None:
    table = MemoryTable(ManualClock())
    with pytest.raises(ValueError, match=says):
        table.transact(operations)
    assert table.content() == {}


def test_a_transaction_of_100_operations_is_written() -> None:
    table = MemoryTable(ManualClock())
    assert len(table.transact([insert(number) for number in range(100)])) == len(table.content()) == 100
