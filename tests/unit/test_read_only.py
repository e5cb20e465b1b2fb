"""A table for whoever only looks."""

from shared.operations.read_only import ReadOnlyTable
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Insert, Put, Row
from tests.support.clock import ManualClock


def test_a_table_for_looking_shows_everything_and_forgets_what_is_written() -> None:
    table = MemoryTable(ManualClock())
    table.transact([Insert(Row("p", "a", {"n": 1}))])
    looking = ReadOnlyTable(table)
    assert len(looking.transact([Put(Row("p", "a", {"n": 2})), Insert(Row("p", "b", {}))])) == 2
    assert looking.transact_each([[Put(Row("p", "a", {"n": 3}))], [Insert(Row("p", "b", {}))]]) == [None, None]
    assert looking.read("p", ["a", "b"])["a"].row.cells == {"n": 1}
    assert [stored.row.key for stored in looking.scan("p", start="", end="~", limit=9)] == ["a"]
