"""The collector of cycles looks less often, and finds all the same what has become garbage."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from shared.collector import settle_memory


class Cycle:
    """Refers to itself, so that only the collector of cycles removes it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_collector_waits_for_20000_objects() -> None:
    settle_memory()
    assert gc.get_threshold() == (20_000, 10, 5)


def test_what_is_there_is_looked_at_no_more() -> None:
    there = Cycle()
    settle_memory()
    later = Cycle()
    looked_at = [each for each in gc.get_objects() if isinstance(each, Cycle)]
    assert looked_at == [later]
    assert there.itself is there


def test_garbage_that_is_there_is_collected_and_not_kept_for_good() -> None:
    garbage = weakref.ref(Cycle())
    settle_memory()
    assert garbage() is None


def test_what_becomes_garbage_when_it_is_old_is_found_however_much_was_there() -> None:
    there = [[number] for number in range(2_000)]
    settle_memory()
    old = Cycle()
    gc.collect(1)
    garbage = weakref.ref(old)
    del old
    gc.set_threshold(10, 2, 2)
    new = [[number] for number in range(len(there) // 10)]
    assert garbage() is None
    assert new
