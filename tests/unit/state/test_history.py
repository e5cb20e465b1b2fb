"""What is kept of what was done with records, read page by page."""

from datetime import timedelta

import pytest

from shared.state.history import Histories, history_row
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Insert
from tests.support.clock import START, ManualClock


def histories(entries: dict[str, int], run: str = "r1") -> Histories:
    """So many entries of each record, one a minute."""
    table = MemoryTable(ManualClock())
    for id, count in entries.items():
        for at in range(count):
            time = START + timedelta(minutes=at)
            row = history_row("parents", id, time=time, claim="c", run=run, outcome="updated", fields=f"f{at}")
            table.transact([Insert(row)])
    return Histories(table)


@pytest.mark.parametrize("page", [1, 2, 5, 6])
def test_pages_of_any_size_give_each_entry_of_a_record_once_and_the_newest_first(page: int) -> None:
    found = histories({"p1": 5, "p1|x": 2, "p10": 2})
    assert [each.row.cells["fields"] for each in found.rows("parents", "p1", page)] == ["f4", "f3", "f2", "f1", "f0"]
    assert list(found.rows("parents", "p2", page)) == []


def test_of_many_entries_each_record_of_a_run_is_named_once() -> None:
    found = histories({"p1": 1100, "p2": 3})
    assert found.records_of("parents", "r1") == ["p1", "p2"]
    assert found.records_of("parents", "r2") == []
