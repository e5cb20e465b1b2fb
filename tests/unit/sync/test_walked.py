"""What a walk over a source without versions reads and queues (protocol P3, P4)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from shared.records import WalkedRecord, WalkPage
from shared.state.checkpoint_parts import MadeFor
from shared.state.checkpoints import Checkpoint
from shared.state.decided_contents import decided_row
from shared.state.links import Link, LinkState
from shared.state.snapshots import digest
from shared.state.storage.tables import Insert, Put
from shared.sync.flow import Walked
from shared.sync.pull.changes import Step
from shared.sync.pull.walked import WalkedReader
from tests.support.doubles import ROUTE
from tests.support.world import PRODUCTS, World

FULL_EVERY_S = 1000.0
WEEK = timedelta(days=7)


@dataclass
class Stock:
    """A source of records by id, of which some are closed; `walks` says what was walked."""

    open: dict[str, str] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    walks: list[str] = field(default_factory=list)

    def walk(self, after: str | None) -> WalkPage:
        self.walks.append("all")
        return self._page({**self.open, **self.closed})

    def walk_open(self, after: str | None) -> WalkPage:
        self.walks.append("open")
        return self._page(self.open)

    def existing(self, ids: list[str]) -> frozenset[str]:
        return frozenset(id for id in ids if id in {**self.open, **self.closed})

    def _page(self, records: dict[str, str]) -> WalkPage:
        met = (WalkedRecord(id, digest(text), id in self.closed) for id, text in sorted(records.items()))
        return WalkPage(tuple(met), None)


@dataclass
class Walking:
    """Pulls of a source, one after another. None: as a flow is that does not say otherwise."""

    stock: Stock
    reads_open: bool = True
    full_every_s: float | None = FULL_EVERY_S
    fingerprint: str = "f1"
    together: bool | None = None
    world: World = field(default_factory=lambda: World(flows=PRODUCTS))
    checkpoint: Checkpoint | None = None
    ids: "count[int]" = field(default_factory=count)

    def link(self, *ids: str) -> None:
        """Records that are linked."""
        for id in ids:
            link = Link("products", id, route=ROUTE, state=LinkState.WRITTEN, target_key=id, held_key=id)
            self.world.links_table.transact([Insert(link.to_row())])

    def reader(self) -> WalkedReader:
        """One that walks it as it is now."""
        service, stock = self.world.service(), self.stock
        source: Any = stock
        walk_open: Callable[[str | None], WalkPage] | None = stock.walk_open if self.reads_open else None
        told: dict[str, Any] = {} if self.together is None else {"changes_together": self.together}
        if self.full_every_s is not None:
            told["full_every_s"] = self.full_every_s
        feed = Walked(source, walk_open=walk_open, **told)
        flow = replace(service.flows["products"], feed=feed)
        flow = replace(flow, mapper=replace(self.world.mappers["products"], fingerprint=self.fingerprint))
        return WalkedReader(
            flow, feed, "run", links=service.state.links, control=service.state.control,
            snapshots=self.world.checkpoints_table, clock=self.world.clock, new_id=lambda: f"w{next(self.ids)}",
        )  # fmt: skip

    def pull(self) -> list[Step]:
        """Walk to the end, and save."""
        stock, reader = self.stock, self.reader()
        stock.walks.clear()
        at, steps = reader.begin(self.checkpoint), list[Step]()
        while not (steps and steps[-1].caught_up):
            steps.append(reader.next(at))
            at = steps[-1].after
        assert reader.keep(at)
        self.checkpoint = at
        return steps

    def queued(self) -> list[str]:
        return [hint.id for step in self.pull() for hint in step.hints]


@pytest.mark.parametrize("reads_open", [True, False])
def test_the_first_walk_reads_and_queues_everything_and_the_next_one_only_what_is_new(reads_open: bool) -> None:
    closed = {"z": "1"} if reads_open else {}
    walking = Walking(Stock({"a": "1", "b": "1"}, closed), reads_open)
    assert (walking.queued(), walking.stock.walks) == (["a", "b", *closed], ["all"])
    assert walking.queued() == []
    assert walking.stock.walks == ["open" if reads_open else "all"]
    walking.stock.open |= {"b": "2", "c": "1"}
    assert walking.queued() == ["b", "c"]


@pytest.mark.parametrize(("after_s", "is_full"), [(0, False), (999, False), (1000, True), (5000, True)])
def test_every_so_often_a_walk_reads_and_queues_everything(after_s: float, is_full: bool) -> None:
    walking = Walking(Stock({"a": "1"}, {"z": "1"}))
    walking.pull()
    walking.world.clock.sleep(after_s)
    assert walking.queued() == (["a", "z"] if is_full else [])
    assert walking.stock.walks == (["all"] if is_full else ["open"])


def test_a_changed_mapping_queues_everything_and_its_changes_count_as_none() -> None:
    walking = Walking(Stock({"a": "1"}))
    walking.pull()
    walking.fingerprint, walking.stock.open["a"] = "f2", "2"
    steps = walking.pull()
    assert [hint.id for step in steps for hint in step.hints] == ["a"]
    assert [change.id for step in steps for change in step.news] == []
    assert walking.checkpoint is not None
    assert walking.checkpoint.made_for == MadeFor("f2", ("f1",))


@pytest.mark.parametrize(("together", "news"), [(None, ["b"]), (False, ["b"]), (True, [])])
def test_a_changed_record_counts_as_news_unless_many_change_at_once_in_the_course_of_business(
    together: bool | None, news: list[str]
) -> None:
    walking = Walking(Stock({"a": "1", "b": "1"}), together=together)
    walking.pull()
    walking.stock.open |= {"b": "2", "c": "1"}
    assert [change.id for step in walking.pull() for change in step.news] == news


@pytest.mark.parametrize("reads_open", [True, False])
def test_what_is_gone_is_queued_once_and_what_has_left_the_open_records_is_looked_at(reads_open: bool) -> None:
    walking = Walking(Stock({"a": "1", "b": "1", "c": "1"}), reads_open)
    walking.link("a", "b", "c")
    walking.pull()
    del walking.stock.open["b"]
    if reads_open:
        walking.stock.closed["c"] = walking.stock.open.pop("c")
    steps = walking.pull()
    assert [hint.id for step in steps for hint in step.hints] == (["b", "c"] if reads_open else ["b"])
    # Of the open records alone it is not known what is gone before a read confirms it.
    assert [step.gone for step in steps] == ([0, 1] if reads_open else [1, 1])
    assert [step.known for step in steps] == [3, 3]
    assert walking.queued() == []


def test_a_checkpoint_that_was_restored_has_everything_read_again() -> None:
    walking = Walking(Stock({"a": "1"}))
    walking.pull()
    before = walking.checkpoint
    walking.stock.open["b"] = "1"
    for _ in range(2):
        walking.pull()
    walking.checkpoint = before
    assert walking.queued() == ["a", "b"]
    assert walking.queued() == []


def test_a_page_counts_once_and_a_look_at_links_is_none() -> None:
    walking = Walking(Stock({"a": "1", "b": "1"}))
    walking.link("a", "b")
    assert [step.pages for step in walking.pull()] == [1, 0]
    assert [step.pages for step in walking.pull()] == [1]
    del walking.stock.open["b"]
    assert [step.pages for step in walking.pull()] == [1, 0]


def test_a_walk_goes_on_behind_its_last_page_and_ends_with_a_new_one() -> None:
    walking = Walking(Stock({"a": "1"}))
    (first, *_, last) = walking.pull()
    assert not first.caught_up
    assert last.caught_up
    walk = last.after.walk
    assert (walk.id != first.after.walk.id, walk.gone, walk.changed, walk.ignores_snapshot) == (True, 0, 0, False)
    assert last.after.scans.number == 1
    (only,) = walking.pull()
    assert (only.after.scans.number, only.after.scans.full_at) == (2, last.after.scans.full_at)


@pytest.mark.parametrize("id", ["x" * 201, "x\0"])
def test_a_record_whose_id_no_message_can_carry_is_told_by_every_walk(id: str) -> None:
    walking = Walking(Stock({"a": "1", id: "1"}))
    assert walking.queued() == ["a", id]
    assert walking.queued() == [id]
    assert walking.queued() == [id]


def test_what_apply_has_decided_is_what_the_next_walk_compares_with() -> None:
    walking = Walking(Stock({"a": "1", "b": "1"}))
    walking.pull()
    table = walking.world.links_table
    table.transact([Put(decided_row("products", "a", digest("2"))), Put(decided_row("products", "b", None))])
    walking.stock.open["a"] = "2"
    assert walking.queued() == ["b"]
    assert table.scan("products", start="D|", end="D}", limit=9) == []


def test_a_closed_record_that_is_gone_is_not_asked_for_by_a_walk_over_the_open_ones() -> None:
    walking = Walking(Stock({"a": "1"}, {"z": "1"}))
    walking.link("a", "z")
    walking.pull()
    del walking.stock.closed["z"]
    assert walking.queued() == []
    walking.world.clock.sleep(FULL_EVERY_S)
    assert walking.queued() == ["a", "z"]


def test_of_two_walks_at_a_time_only_one_is_saved() -> None:
    world, stock = World(flows=PRODUCTS), Stock({"a": "1"})
    one, other = Walking(stock, world=world), Walking(stock, world=world)
    first, second = one.reader(), other.reader()
    at, there = first.next(first.begin(None)), second.next(second.begin(None))
    assert first.keep(at.after)
    assert not second.keep(there.after)


@pytest.mark.parametrize(("after", "walked"), [(WEEK - timedelta(seconds=1), "open"), (WEEK, "all")])
def test_everything_is_read_once_a_week_unless_a_flow_says_otherwise(after: timedelta, walked: str) -> None:
    walking = Walking(Stock({"a": "1"}, {"z": "1"}), full_every_s=None)
    walking.pull()
    walking.world.clock.sleep(after.total_seconds())
    assert walking.queued() == (["a", "z"] if walked == "all" else [])
    assert walking.stock.walks == [walked]
