"""What is known of a system's filters."""

from datetime import timedelta

import pytest

from shared.errors import StorageTrouble
from shared.state.filter_sizes import FILTER_TOGETHER, FilterSizes
from shared.state.storage.memory import MemoryTable
from shared.systems import System
from tests.support.clock import ManualClock


def test_a_size_is_kept_for_a_day_for_every_instance_and_for_its_system_only() -> None:
    clock = ManualClock()
    table = MemoryTable(clock)
    FilterSizes(table, System.FINOPS, clock.now).remember(12)
    other = FilterSizes(table, System.FINOPS, clock.now)
    assert other.known() == 12
    assert FilterSizes(table, System.DATAVERSE, clock.now).known() is None
    clock.sleep(timedelta(hours=24).total_seconds() - 1)
    assert other.known() == 12
    clock.sleep(1)
    assert other.known() is None


def test_what_is_known_of_reads_in_one_batch_is_not_what_is_known_of_others() -> None:
    clock = ManualClock()
    table = MemoryTable(clock)
    FilterSizes(table, System.DATAVERSE, clock.now, FILTER_TOGETHER).remember(19)
    assert FilterSizes(table, System.DATAVERSE, clock.now, FILTER_TOGETHER).known() == 19
    assert FilterSizes(table, System.DATAVERSE, clock.now).known() is None


def test_trouble_of_the_storage_is_no_trouble_of_a_read() -> None:
    def broken(_name: str) -> None:
        raise StorageTrouble("out of reach")

    clock = ManualClock()
    sizes = FilterSizes(MemoryTable(clock, step=broken), System.FINOPS, clock.now)
    sizes.remember(12)
    assert sizes.known() is None


@pytest.mark.parametrize("size", [6, 25])
def test_what_was_found_last_counts(size: int) -> None:
    clock = ManualClock()
    sizes = FilterSizes(MemoryTable(clock), System.FINOPS, clock.now)
    sizes.remember(12)
    sizes.remember(size)
    assert sizes.known() == size
