"""Sources with closed records: an ordinary walk reads the open ones only. What leaves them is read once by its key, and
only a record that is not there is gone (protocol P3, P4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from shared.records import SourceRow, WalkPage
from shared.state.decided_contents import decided_row
from shared.state.snapshots import CLOSED
from shared.state.storage.tables import Put
from shared.sync.flow import Flow, Walked
from tests.scenarios.test_fault_damage import damage
from tests.scenarios.test_walk_rules import NAME, WEEK_S, Shelf, Walking
from tests.support.steps import Crash

WEEK = float(WEEK_S)


@dataclass
class Ledger(Shelf):
    """A shelf with closed records, which keeps what is asked for by key."""

    closed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def walk(self, after: str | None) -> WalkPage:
        page = super().walk(after)
        return replace(page, records=tuple(replace(each, closed=each.id in self.closed) for each in page.records))

    def walk_open(self, after: str | None) -> WalkPage:
        everything, self.rows = self.rows, {id: row for id, row in self.rows.items() if id not in self.closed}
        try:
            return super().walk(after)
        finally:
            self.rows = everything

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        return {id: replace(row, closed=id in self.closed) for id, row in super().read(ids).items()}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        self.asked += ids
        return super().existing(ids)


class Closing(Walking):
    """One flow that walks the open records of a ledger."""

    def __init__(self, *, budget_s: float = 1000.0, together: bool = False) -> None:
        super().__init__(budget_s=budget_s)
        self.shelf: Ledger = Ledger(self.world)
        self.together = together

    def flow(self) -> Flow:
        feed = Walked(self.shelf, WEEK, self.shelf.walk_open, changes_together=self.together)
        return replace(super().flow(), feed=feed)

    def close(self, *ids: str) -> None:
        self.shelf.closed |= {*ids}

    def decide_closed(self, *ids: str) -> None:
        """Play what the commit of apply tells the pull of closed records."""
        for id in ids:
            self.world.links_table.transact([Put(decided_row(NAME, id, CLOSED))])


def opened(count: int, *, together: bool = False) -> Closing:
    """A flow whose records are open, queued and linked."""
    closing = Closing(together=together)
    closing.shelf.rows = {f"P{number:03d}": "a" for number in range(count)}
    assert len(closing.tick()) == count
    closing.link(*closing.shelf.rows)
    assert closing.tick() == set()
    closing.shelf.asked.clear()
    return closing


def test_a_record_that_is_closed_is_queued_once_and_is_not_asked_for_again() -> None:
    closing = opened(10)
    closing.close("P003", "P007")
    assert closing.tick() == {"P003", "P007"}
    assert closing.shelf.asked == ["P003", "P007"]
    closing.decide_closed("P003", "P007")
    closing.close("P001")
    assert closing.tick() == {"P001"}
    assert closing.tick() == set()
    assert closing.shelf.asked == ["P003", "P007", "P001"]


def test_a_record_whose_closing_is_not_decided_yet_is_not_queued_again() -> None:
    closing = opened(10)
    closing.close("P003")
    assert closing.tick() == {"P003"}
    assert closing.tick() == set()


@pytest.mark.parametrize("spoilt", [b"x", None])
def test_what_leaves_the_open_records_while_the_snapshot_is_damaged_is_found_by_the_next_walk(
    spoilt: bytes | None,
) -> None:
    closing = opened(100)
    closing.close("P003")
    del closing.shelf.rows["P007"]
    for partition, key in list(closing.world.checkpoints_table.content()):
        if key.startswith("snapshot-"):
            damage(closing.world.checkpoints_table, partition, key, {"p00": spoilt})
    closing.tick()
    assert {"P003", "P007"} <= closing.tick()


def test_records_that_are_closed_in_any_number_block_no_flow() -> None:
    closing = opened(100)
    closing.close(*(f"P{number:03d}" for number in range(90)))
    assert len(closing.tick()) == 90
    assert closing.blocked == ""


@pytest.mark.parametrize("together", [False, True])
def test_records_that_change_together_block_no_flow(together: bool) -> None:
    closing = opened(100, together=together)
    closing.shelf.rows |= {f"P{number:03d}": "b" for number in range(60)}
    assert (len(closing.tick()) == 60) is together
    assert bool(closing.blocked) is not together


def test_only_what_is_really_gone_counts() -> None:
    closing = opened(100)
    closing.close(*(f"P{number:03d}" for number in range(60)))
    for number in range(60, 85):
        del closing.shelf.rows[f"P{number:03d}"]
    closing.tick()
    assert closing.blocked.startswith("25 of 100 known records would be gone")


def test_a_record_that_is_gone_is_told_from_one_that_is_closed() -> None:
    closing = opened(10)
    closing.close("P003")
    del closing.shelf.rows["P004"]
    assert closing.tick() == {"P003", "P004"}
    closing.decide_closed("P003")
    closing.end("P004")
    assert closing.tick() == set()


def test_a_record_that_is_opened_again_is_queued() -> None:
    closing = opened(10)
    closing.close("P003")
    assert closing.tick() == {"P003"}
    closing.decide_closed("P003")
    assert closing.tick() == set()
    closing.shelf.closed.clear()
    assert closing.tick() == {"P003"}


@pytest.mark.parametrize("closed", [("P003",), tuple(f"P{number:03d}" for number in range(10))])
def test_a_walk_over_everything_queues_closed_records_too_and_forgets_them(closed: tuple[str, ...]) -> None:
    closing = opened(10)
    closing.close(*closed)
    closing.tick()
    closing.decide_closed(*closed)
    closing.tick()
    closing.shelf.asked.clear()
    closing.world.clock.sleep(WEEK)
    assert closing.tick() == set(closing.shelf.rows)
    assert closing.tick() == set()
    closing.decide_closed(*closed)
    assert closing.tick() == set()
    assert closing.shelf.asked == []
    assert closing.blocked == ""


def test_a_walk_over_everything_that_needs_several_ticks_asks_for_no_closed_record() -> None:
    closing = Closing(budget_s=2.5)
    closing.shelf.rows = {f"P{number:03d}": "a" for number in range(12)}
    closing.shelf.page_s = 1.0
    closed = {f"P{number:03d}" for number in range(6)}
    closing.close(*closed)
    queued: list[str] = []
    for _ in range(8):
        found = closing.tick()
        queued += found
        closing.link(*found)
        closing.decide_closed(*(found & closed))
    assert sorted(queued) == sorted(closing.shelf.rows)
    assert closing.shelf.asked == []


def test_the_first_walk_reads_closed_records_as_well() -> None:
    closing = Closing()
    closing.shelf.rows = {"P001": "a", "P002": "a"}
    closing.close("P001")
    assert closing.tick() == {"P001", "P002"}


def test_a_crash_at_any_step_queues_what_was_closed_again_and_loses_nothing() -> None:
    for step in range(1, 100):
        closing = opened(6)
        closing.close("P003")
        del closing.shelf.rows["P004"]
        before = closing.world.steps.count
        closing.world.steps.crash_at(before + step)
        try:
            found = closing.tick()
        except Crash:
            found = closing.take() | closing.tick()
        else:
            assert step > 5
            return
        assert found >= {"P003", "P004"}, step
    raise AssertionError("the walk does not end")
