"""Many rows in few requests: all that are there are found, and what lies side by side costs one request."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.state.storage.ranges import Stretch, read_rows
from shared.state.storage.tables import LAST_KEY, Row, Stored, key_order


@dataclass
class Partition:
    """Rows as the service has them, with the requests that it has answered."""

    rows: Sequence[str]
    scans: list[int] = field(default_factory=list)
    reads: int = 0

    def scan(self, first: str, end: str, limit: int, among: AbstractSet[str]) -> Stretch:
        """At most `limit` rows from `first` to before `end`."""
        self.scans.append(limit)
        within = [key for key in self.rows if key_order(first) <= key_order(key) < key_order(end)]
        return Stretch.of([_stored(key) for key in sorted(within, key=key_order)[:limit]], among)

    def read_each(self, keys: Sequence[str]) -> Sequence[Stored]:
        """A request for each key."""
        self.reads += len(keys)
        return [_stored(key) for key in keys if key in self.rows]

    def found(self, keys: Sequence[str]) -> Mapping[str, int]:
        """How often each of the keys is found."""
        found = [stored.row.key for stored in read_rows(keys, self.scan, self.read_each)]
        return {key: found.count(key) for key in found}


def _stored(key: str) -> Stored:
    return Stored(Row("accounts", key, {}), "1", 0.0)


# Some letters of which UTF-16 and the characters themselves give another order.
KEYS = st.text("ab |\uff21\U0001f600", min_size=1, max_size=4)


@given(st.sets(KEYS, max_size=60), st.lists(KEYS, max_size=40))
def test_each_row_that_is_there_is_found_once(rows: set[str], keys: list[str]) -> None:
    assert Partition(sorted(rows)).found(keys) == {key: 1 for key in keys if key in rows}


def _ids(count: int, *, step: int = 1) -> list[str]:
    return [f"L|{number:06}" for number in range(0, count * step, step)]


def test_rows_that_lie_side_by_side_are_read_in_one_request() -> None:
    partition = Partition(_ids(500))
    assert len(partition.found(_ids(100))) == 100
    assert (len(partition.scans), partition.reads) == (1, 0)


def test_rows_that_do_not_exist_yet_are_one_request() -> None:
    partition = Partition([])
    assert partition.found(_ids(100)) == {}
    assert (len(partition.scans), partition.reads) == (1, 0)


def test_rows_that_lie_far_apart_are_read_one_by_one_after_one_attempt() -> None:
    partition = Partition(_ids(20_000))
    assert len(partition.found(_ids(100, step=200))) == 100
    # The service gives a thousand rows at most at once.
    assert (partition.scans, partition.reads) == ([1000], 95)


def test_a_range_of_few_rows_is_no_longer_than_what_single_reads_would_cost() -> None:
    partition = Partition(_ids(1000))
    assert len(partition.found(_ids(3))) == 3
    assert (partition.scans, partition.reads) == ([60], 0)


def test_more_rows_side_by_side_than_the_service_gives_at_once_are_read_in_ranges() -> None:
    partition = Partition(_ids(3000))
    assert len(partition.found(_ids(2500))) == 2500
    assert (partition.scans, partition.reads) == ([1000, 1000, 1000], 0)


@pytest.mark.parametrize(("step", "scans"), [(19, 2), (21, 1)])
def test_a_range_that_brings_more_than_20_rows_for_each_that_is_wanted_is_the_last(step: int, scans: int) -> None:
    partition = Partition(_ids(2000))
    wanted = _ids(100, step=step)
    assert len(partition.found(wanted)) == len([key for key in wanted if key in partition.rows])
    assert (len(partition.scans), partition.reads > 0) == (scans, scans == 1)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_rows_are_read_one_by_one(count: int) -> None:
    partition = Partition(_ids(10))
    assert len(partition.found(_ids(count))) == count
    assert (partition.scans, partition.reads) == ([], count)


@given(KEYS)
def test_no_key_comes_after_the_last(key: str) -> None:
    assert key_order(key) < key_order(LAST_KEY)
