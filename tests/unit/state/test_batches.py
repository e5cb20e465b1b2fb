"""Which records apply has read lately."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.state.batches import Batches
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put
from tests.support.clock import ManualClock

IDS = st.lists(st.text(min_size=1, max_size=512), max_size=300, unique=True)


@given(IDS, IDS)
def test_every_record_of_every_batch_is_found_however_long_the_ids_are(first: list[str], second: list[str]) -> None:
    batches = Batches(MemoryTable(ManualClock()))
    batches.note("quotations", "c1", first)
    batches.note("quotations", "c2", second)
    batches.note("orders", "c3", ["another flow's"])
    assert set(batches.ids("quotations")) == {*first, *second}


def test_a_batch_that_cannot_be_read_hides_no_other() -> None:
    table = MemoryTable(ManualClock())
    batches = Batches(table)
    batches.note("quotations", "c1", ["Q-1"])
    batches.note("quotations", "c2", ["Q-2"])
    damaged = next(row for row in table.content().values() if "c1" in row.key)
    table.transact([Put(replace(damaged, cells={"ids": "{"}))])
    assert batches.ids("quotations") == ["Q-2"]


def test_only_batches_of_a_certain_age_are_removed() -> None:
    clock = ManualClock()
    table = MemoryTable(clock)
    batches = Batches(table)
    batches.note("quotations", "c1", ["Q-1"])
    clock.sleep(100)
    batches.note("quotations", "c2", ["Q-2"])
    batches.remove(batches.older_than("quotations", 99))
    assert batches.ids("quotations") == ["Q-2"]
