"""The tables in memory refuse what Table Storage refuses; the queues tell a test what is in them."""

import pytest

from shared.state.storage.memory import MemoryQueues, MemoryTable
from shared.state.storage.tables import (
    MAX_KEY_CHARACTERS,
    MAX_ROW_BYTES,
    MAX_TEXT_BYTES,
    MAX_TRANSACTION_BYTES,
    MAX_TRANSACTION_ROWS,
    Insert,
    Operation,
    Put,
    Row,
)
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


def test_the_limits_are_those_of_table_storage() -> None:
    # learn.microsoft.com/azure/storage/tables/scalability-targets: a property, an entity, a transaction. A key may have
    # 1,024 there; the emulator takes 512.
    assert (MAX_TEXT_BYTES, MAX_ROW_BYTES, MAX_TRANSACTION_BYTES) == (2**16, 2**20, 2**22)
    assert (MAX_TRANSACTION_ROWS, MAX_KEY_CHARACTERS) == (100, 512)


def test_every_call_is_a_step_at_which_a_fault_may_come() -> None:
    steps = list[str]()
    table, queues = MemoryTable(ManualClock(), "links", steps.append), MemoryQueues(ManualClock(), steps.append)
    table.transact([insert(1)])
    table.read("p", ["001"])
    table.scan("p", start="", end="1", limit=1)
    table.whole(1)
    queues.send("accounts", "hint")
    (message,) = queues.receive("accounts", limit=1, invisible_s=1)
    queues.delete("accounts", message)
    assert steps == [
        "links.transact", "links.transact done", "links.read", "links.scan", "links.whole",
        "send accounts", "send accounts done", "receive accounts", "delete accounts",
    ]  # fmt: skip


def test_each_message_of_a_queue_is_told_with_the_seconds_until_it_is_visible_unless_it_is_lost() -> None:
    clock = ManualClock()
    queues = MemoryQueues(clock)
    queues.send("accounts", "later", delay_s=15)
    clock.sleep(5)
    queues.send("accounts", "now")
    queues.send("contacts", "other")
    assert queues.delayed("accounts") == [("later", 10), ("now", 0)]
    queues.lose("accounts")
    assert (queues.bodies("accounts"), queues.bodies("contacts")) == ([], ["other"])
