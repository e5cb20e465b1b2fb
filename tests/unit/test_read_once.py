"""Rows that are read once for what is shown together."""

from collections import Counter
from collections.abc import Callable

import pytest

from shared.operations.read_once import ReadOnceTable, reading_once
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row
from tests.support.clock import ManualClock
from tests.support.requests import CountedTable


def row(key: str, value: str = "") -> Put:
    return Put(Row("p", key, {"value": value}))


def test_what_is_shown_together_reads_a_row_once_also_one_that_is_not_there() -> None:
    inner, counts = MemoryTable(ManualClock(), "links"), Counter[str]()
    inner.transact([row("a")])
    table = ReadOnceTable(CountedTable(inner, counts))
    with reading_once():
        assert [list(table.read("p", ["a"])) for _ in range(3)] == [["a"]] * 3
        assert [list(table.read("p", ["b"])) for _ in range(3)] == [[]] * 3
        assert counts.total() == 2
    table.read("p", ["a"])
    table.read("p", ["a"])
    assert counts.total() == 4


Write = Callable[[ReadOnceTable, Put], object]


@pytest.mark.parametrize(
    "write", [lambda table, put: table.transact([put]), lambda table, put: table.transact_each([[put]])]
)
def test_a_write_forgets_what_was_read(write: Write) -> None:
    table = ReadOnceTable(MemoryTable(ManualClock()))
    with reading_once():
        assert table.read("p", ["a"]) == {}
        write(table, row("a", "new"))
        assert table.read("p", ["a"])["a"].row.cells["value"] == "new"
