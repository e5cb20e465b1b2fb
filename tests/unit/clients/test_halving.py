"""Halving finds the rows that a bulk call refuses, with few calls."""

import math
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shared.clients.dataverse.bisect import REFUSED_ROWS, write_in_halves
from shared.errors import OutcomeUnknown, RecordMissing, RecordRejected, SyncError
from shared.systems import System


class Bulk:
    """A call that takes all rows or none: refused while one of them is bad."""

    def __init__(self, bad: frozenset[int]) -> None:
        self.bad = bad
        self.calls = 0
        self.written: list[int] = []
        self.trouble_at: int | None = None

    def send(self, rows: Sequence[int]) -> SyncError | None:
        self.calls += 1
        if self.calls == self.trouble_at:
            return OutcomeUnknown(System.DATAVERSE, "lost")
        if self.bad & set(rows):
            return RecordRejected("bad", "a row is bad", remedy="")
        self.written += rows
        return None

    def send_each(self, rows: Sequence[int]) -> list[SyncError | None]:
        self.calls += 1
        results: list[SyncError | None] = [
            RecordRejected("bad", "", remedy="") if r in self.bad else None for r in rows
        ]
        self.written += [row for row in rows if row not in self.bad]
        return results


def refused(results: Sequence[SyncError | None]) -> set[int]:
    return {place for place, result in enumerate(results) if isinstance(result, RecordRejected)}


@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_one_bad_row_costs_at_most_two_calls_per_halving_and_one(case: tuple[int, int]) -> None:
    count, bad = case
    bulk = Bulk(frozenset({bad}))
    assert refused(write_in_halves(range(count), bulk.send, bulk.send_each)) == {bad}
    assert sorted(bulk.written) == [row for row in range(count) if row != bad]
    assert bulk.calls - 1 <= 2 * math.log2(count) + 1


@given(st.integers(1, 200), st.frozensets(st.integers(0, 199)))
def test_every_good_row_is_written_once_and_every_bad_one_is_named(count: int, bad: frozenset[int]) -> None:
    bulk = Bulk(frozenset(row for row in bad if row < count))
    assert refused(write_in_halves(range(count), bulk.send, bulk.send_each)) == bulk.bad
    assert sorted(bulk.written) == [row for row in range(count) if row not in bulk.bad]


def test_many_bad_rows_end_in_calls_that_answer_for_every_row() -> None:
    bulk = Bulk(frozenset(range(100)))
    write_in_halves(range(100), bulk.send, bulk.send_each)
    assert bulk.calls <= 2 * math.log2(100) + REFUSED_ROWS + 8


@given(st.integers(1, 64), st.integers(0, 63), st.integers(1, 14))
def test_a_lost_answer_is_reported_for_exactly_the_rows_of_its_call(count: int, bad: int, lost: int) -> None:
    bulk = Bulk(frozenset({bad} if bad < count else ()))
    bulk.trouble_at = lost
    results = write_in_halves(range(count), bulk.send, bulk.send_each)
    unknown = {place for place, result in enumerate(results) if isinstance(result, OutcomeUnknown)}
    assert unknown | refused(results) | set(bulk.written) == set(range(count))
    assert not unknown & set(bulk.written)


def test_a_missing_row_is_found_like_a_refused_one() -> None:
    def send(rows: Sequence[int]) -> SyncError | None:
        return RecordMissing("gone") if 3 in rows else None

    results = write_in_halves(range(8), send, lambda rows: [None] * len(rows))
    assert [place for place, result in enumerate(results) if isinstance(result, RecordMissing)] == [3]


def test_after_three_refused_rows_the_rest_is_sent_by_calls_that_answer_for_every_row() -> None:
    bulk, sent, each = Bulk(frozenset(range(8))), list[list[int]](), list[list[int]]()

    def send(rows: Sequence[int]) -> SyncError | None:
        sent.append(list(rows))
        return bulk.send(rows)

    def send_each(rows: Sequence[int]) -> list[SyncError | None]:
        each.append(list(rows))
        return bulk.send_each(rows)

    assert refused(write_in_halves(range(8), send, send_each)) == set(range(8))
    assert [rows for rows in sent if len(rows) == 1] == [[0], [1], [2]]
    assert each == [[3], [4, 5, 6, 7]]
