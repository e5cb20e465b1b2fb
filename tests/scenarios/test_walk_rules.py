"""The pull from a source without versions, rule by rule (protocol P1, P3, P4, P5)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import errors, systems
from shared.records import References, SourceRow, WalkedRecord, WalkPage
from shared.state.control import FlowControl
from shared.state.decided_contents import decided_row
from shared.state.links import Link, LinkState
from shared.state.snapshots import digest
from shared.state.storage.tables import Delete, Operation, Put
from shared.sync.flow import Flow, Route, Walked
from shared.sync.limits import Limits
from tests.support.doubles import FakeMapper, unnumbered
from tests.support.steps import Crash
from tests.support.world import World

NAME, ROUTE = "products", "product"
WEEK_S = 7 * 24 * 3600


@dataclass
class Shelf:
    """A source whose order is that of its keys; small pages; each page costs time."""

    world: World
    rows: dict[str, str] = field(default_factory=dict)
    page_size: int = 3
    page_s: float = 0.0
    pages: int = 0

    def walk(self, after: str | None) -> WalkPage:
        self.pages += 1
        self.world.clock.sleep(self.page_s)
        keys = sorted(key for key in self.rows if after is None or key > after)
        page = keys[: self.page_size]
        records = tuple(WalkedRecord(key, digest(self.rows[key])) for key in page)
        return WalkPage(records, page[-1] if len(keys) > self.page_size else None)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        found = {id: self.rows[id] for id in ids if id in self.rows}
        return {id: SourceRow(id, None, {"number": id, "name": value}, digest(value)) for id, value in found.items()}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        return frozenset(id for id in ids if id in self.rows)


@dataclass
class Tables:
    """The small tables of the target; `season` is what the mapping looks up in them for every record."""

    season: str = "summer"
    trouble: errors.SystemTrouble | None = None
    asked: int = 0
    system: systems.System = systems.System.DATAVERSE

    def rows(self, *, max_age_s: float) -> References:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return {"seasons": ({"name": self.season},)}


class Walking:
    """One flow that walks a shelf; apply is played by marking what was queued as linked."""

    def __init__(self, *, budget_s: float = 1000.0) -> None:
        self.world = World(limits=Limits(hints_per_message=4, pull_budget_s=budget_s))
        self.shelf = Shelf(self.world)
        self.mapper = FakeMapper()
        self.tables = Tables()
        self.world.state.control.save_flow(FlowControl(NAME, paused=False))

    def flow(self) -> Flow:
        system = systems.System
        feed = Walked(self.shelf, full_every_s=WEEK_S)
        route = Route(ROUTE, self.mapper.target_entity, self.world.target, self.mapper)
        flow = Flow(NAME, system.FINOPS, system.DATAVERSE, "usmf", feed, {ROUTE: route}, self.mapper, unnumbered)
        return replace(flow, lookup=self.tables, basis=lambda tables, now: [dict(tables["seasons"][0]), now.year])

    def tick(self) -> set[str]:
        """One tick of the pull; the ids that it has queued."""
        service = self.world.service()
        replace(service, flows={**service.flows, NAME: self.flow()}).pull(NAME)
        return self.take()

    def take(self) -> set[str]:
        """Empty the queue, as apply would."""
        queues = self.world.queues
        queued = {hint["id"] for body in queues.bodies(NAME) for hint in json.loads(body)["hints"]}
        queues.lose(NAME)
        return queued

    def link(self, *ids: str) -> None:
        """Play the apply of records that are there."""
        self._commit(ids, LinkState.WRITTEN)

    def end(self, *ids: str) -> None:
        """Play the apply of records that are gone."""
        self._commit(ids, LinkState.DELETED)

    def _commit(self, ids: Iterable[str], state: LinkState) -> None:
        made = [Link(NAME, id, ROUTE, state=state, target_key=id) for id in ids]
        operations: list[Operation] = [Put(link.to_row()) for link in made]
        for at in range(0, len(operations), 100):
            self.world.links_table.transact(operations[at : at + 100])

    def decide(self, content: str | None, *ids: str) -> None:
        """Play what the commit of apply tells the pull."""
        for id in ids:
            row = decided_row(NAME, id, None if content is None else digest(content))
            self.world.links_table.transact([Put(row)])

    @property
    def blocked(self) -> str:
        return self.world.state.control.flow(NAME).blocked

    def accept(self) -> None:
        """As an operator who has looked at the source."""
        checkpoint = self.world.state.checkpoints.load(NAME)
        assert checkpoint is not None
        control = self.world.state.control.flow(NAME)
        assert self.world.state.control.save_flow(control.accept())


def filled(count: int) -> Walking:
    """A flow whose records are all queued and linked."""
    walking = Walking()
    walking.shelf.rows = {f"P{number:03d}": "a" for number in range(count)}
    assert len(walking.tick()) == count
    walking.link(*walking.shelf.rows)
    return walking


def test_p3_a_first_walk_queues_every_record() -> None:
    walking = Walking()
    walking.shelf.rows = {f"P{number}": "a" for number in range(8)}
    assert walking.tick() == set(walking.shelf.rows)


def test_p3_an_unchanged_walk_queues_nothing_and_writes_nothing_but_its_checkpoint() -> None:
    walking = filled(8)
    walking.tick()
    walking.world.steps.names.clear()
    assert walking.tick() == set()
    assert walking.world.steps.names.count("checkpoints.transact") == 1


def test_p3_new_and_changed_records_are_queued_and_no_others() -> None:
    walking = filled(8)
    walking.shelf.rows |= {"P003": "b", "P999": "a"}
    assert walking.tick() == {"P003", "P999"}
    assert walking.tick() == set()


def test_p3_once_a_week_a_walk_ignores_the_snapshot() -> None:
    walking = filled(8)
    walking.world.clock.sleep(WEEK_S - 60)
    assert walking.tick() == set()
    walking.world.clock.sleep(120)
    assert walking.tick() == set(walking.shelf.rows)
    assert walking.tick() == set()


def test_p3_a_changed_mapping_queues_every_record_and_blocks_nothing() -> None:
    walking = filled(40)
    walking.mapper = FakeMapper(fingerprint="f2")
    assert walking.tick() == set(walking.shelf.rows)
    assert walking.blocked == ""
    assert walking.tick() == set()


def test_p3_what_the_mapping_looks_up_for_every_record_belongs_to_it() -> None:
    walking = filled(40)
    walking.tables.season = "winter"
    assert walking.tick() == set(walking.shelf.rows)
    assert walking.blocked == ""
    assert walking.tick() == set()


def test_p3_a_day_that_changes_what_is_looked_up_has_every_record_looked_at() -> None:
    walking = filled(8)
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    walking.world.clock.sleep((new_year - walking.world.clock.now()).total_seconds() - 120)
    walking.tick()
    walking.world.clock.sleep(60)
    assert walking.tick() == set()
    walking.world.clock.sleep(60)
    assert walking.tick() == set(walking.shelf.rows)


def test_a_fingerprint_is_known_as_one_of_its_mapping_whatever_was_looked_up() -> None:
    walking = Walking()
    flow, now = walking.flow(), walking.world.clock.now()
    summer = flow.as_of(now).fingerprint
    walking.tables.season = "winter"
    assert flow.as_of(now).fingerprint != summer
    assert flow.maps_as(summer)
    assert flow.as_read_for(summer).fingerprint == summer
    walking.mapper = FakeMapper(fingerprint="f12")
    other = walking.flow()
    assert not other.maps_as(summer)
    assert other.as_read_for(summer).fingerprint == "f12"
    assert not other.maps_as(None)


def test_p3_the_source_is_walked_on_while_the_target_cannot_be_looked_up() -> None:
    walking = filled(8)
    down = errors.Transient(systems.System.DATAVERSE, "503")
    walking.tables.trouble, walking.tables.season = down, "winter"
    walking.shelf.rows["P003"] = "b"
    assert walking.tick() == {"P003"}
    gate = walking.world.state.control.gate(systems.System.DATAVERSE)
    assert (gate.closed, gate.reason) == (True, "Transient: 503")
    asked = walking.tables.asked
    walking.shelf.rows["P004"] = "b"
    assert walking.tick() == {"P004"}
    assert walking.tables.asked == asked
    walking.world.clock.sleep(3600)
    walking.tables.trouble = None
    assert walking.tick() == set(walking.shelf.rows)


def test_p4_what_may_be_too_much_waits_while_the_target_cannot_be_looked_up() -> None:
    walking = filled(100)
    walking.shelf.page_size = 50
    walking.tables.trouble = errors.Transient(systems.System.DATAVERSE, "503")
    walking.shelf.rows |= {f"P{number:03d}": "b" for number in range(30)}
    assert walking.tick() == set()
    assert walking.blocked == ""
    walking.tables.trouble = None
    walking.world.clock.sleep(3600)
    assert walking.tick() == set()
    assert "30 of 100 linked records would change" in walking.blocked


def test_p4_what_a_complete_walk_has_not_met_and_a_read_does_not_find_is_queued() -> None:
    walking = filled(30)
    del walking.shelf.rows["P007"]
    assert walking.tick() == {"P007"}
    assert walking.tick() == set()


def test_p4_a_record_that_a_walk_has_missed_and_a_read_finds_is_not_gone() -> None:
    walking = filled(30)
    whole = dict(walking.shelf.rows)
    walk = walking.shelf.walk
    hidden = {key: value for key, value in whole.items() if key != "P007"}

    def miss(after: str | None) -> WalkPage:
        walking.shelf.rows = hidden
        try:
            return walk(after)
        finally:
            walking.shelf.rows = whole

    walking.shelf.walk = miss  # type: ignore[method-assign]
    assert walking.tick() == set()


def test_p4_more_than_five_percent_gone_blocks_until_an_operator_confirms() -> None:
    walking = filled(100)
    for number in range(21):
        del walking.shelf.rows[f"P{number:03d}"]
    assert walking.tick() == set()
    assert "21 of 100 known records would be gone" in walking.blocked
    walking.accept()
    assert walking.tick() == {f"P{number:03d}" for number in range(21)}
    assert walking.blocked == ""


def test_p4_twenty_records_may_always_go() -> None:
    walking = filled(30)
    for number in range(20):
        del walking.shelf.rows[f"P{number:03d}"]
    assert len(walking.tick()) == 20


def test_p4_more_than_twenty_percent_changed_blocks_until_an_operator_confirms() -> None:
    walking = filled(100)
    walking.shelf.page_size = 50
    walking.shelf.rows |= {f"P{number:03d}": "b" for number in range(30)}
    assert walking.tick() == set()
    assert "30 of 100 linked records would change" in walking.blocked
    walking.accept()
    assert len(walking.tick()) == 30


def test_p4_what_was_applied_already_counts_as_no_change() -> None:
    walking = filled(100)
    changed = [f"P{number:03d}" for number in range(30)]
    walking.shelf.rows |= dict.fromkeys(changed, "b")
    walking.decide("b", *changed)
    assert walking.tick() == set()
    assert walking.blocked == ""


def test_p4_what_changes_behind_what_was_applied_counts_once() -> None:
    walking = filled(100)
    walking.shelf.page_size = 50
    changed = [f"P{number:03d}" for number in range(15)]
    walking.shelf.rows |= dict.fromkeys(changed, "b")
    assert walking.tick() == set(changed)
    walking.decide("c", *changed)
    assert walking.tick() == set(changed)
    assert walking.blocked == ""
    walking.decide("c", *(f"P{number:03d}" for number in range(30)))
    assert walking.tick() == set()
    assert "30 of 100 linked records would change" in walking.blocked
    walking.accept()
    assert len(walking.tick()) == 30
    assert walking.tick() == set()


def test_p4_what_apply_has_found_gone_is_not_counted_as_gone_by_the_walk() -> None:
    walking = filled(100)
    gone = [f"P{number:03d}" for number in range(30)]
    for id in gone:
        del walking.shelf.rows[id]
    walking.end(*gone)
    walking.decide(None, *gone)
    assert walking.tick() == set()
    assert walking.blocked == ""


def test_p5_a_walk_that_runs_out_of_time_continues_at_the_next_tick() -> None:
    walking = Walking(budget_s=10)
    walking.shelf.page_s = 6
    walking.shelf.rows = {f"P{number}": "a" for number in range(9)}
    assert walking.tick() == {f"P{number}" for number in range(6)}
    assert walking.tick() == {"P6", "P7", "P8"}


def test_p5_an_interrupted_walk_still_knows_at_its_end_what_it_has_met() -> None:
    walking = Walking(budget_s=10)
    walking.shelf.rows = {f"P{number}": "a" for number in range(9)}
    walking.tick()
    walking.link(*walking.shelf.rows)
    walking.shelf.page_s = 6
    del walking.shelf.rows["P0"], walking.shelf.rows["P8"]
    queued = [walking.tick() for _ in range(4)]
    assert set().union(*queued) == {"P0", "P8"}
    assert walking.tick() | walking.tick() | walking.tick() == set()


def test_p1_a_crash_at_any_step_queues_again_and_loses_nothing() -> None:
    def prepared() -> Walking:
        walking = filled(9)
        walking.shelf.rows |= {"P003": "b", "P777": "a"}
        del walking.shelf.rows["P005"]
        return walking

    counting = prepared()
    before = counting.world.steps.count
    counting.tick()
    steps = counting.world.steps.count - before
    for number in range(1, steps + 1):
        walking = prepared()
        walking.world.steps.crash_at(walking.world.steps.count + number)
        with pytest.raises(Crash):
            walking.tick()
        queued = walking.take() | walking.tick() | walking.tick()
        assert queued == {"P003", "P777", "P005"}, f"crash at step {number}"


@given(
    st.lists(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.sampled_from("xy"), max_size=12), max_size=5)
)
def test_p3_whatever_the_source_goes_through_exactly_the_differences_are_queued(
    states: list[dict[str, str]],
) -> None:
    walking = Walking()
    walking.tick()
    before: dict[str, str] = {}
    for rows in states:
        walking.shelf.rows = dict(rows)
        changed = {key for key, value in rows.items() if before.get(key) != value}
        assert walking.tick() == changed | (before.keys() - rows.keys())
        walking.link(*(changed - before.keys()))
        walking.end(*(before.keys() - rows.keys()))
        before = rows


def test_a_lost_checkpoint_and_snapshot_queue_everything_again_and_find_what_is_gone() -> None:
    walking = filled(8)
    table = walking.world.state.snapshots
    stored = table.content()  # type: ignore[attr-defined]
    table.transact([Delete(row) for row in stored.values()])
    del walking.shelf.rows["P002"]
    assert walking.tick() == {*walking.shelf.rows, "P002"}


def test_two_pulls_at_once_save_one_checkpoint() -> None:
    walking = filled(8)
    walking.shelf.rows["P001"] = "b"
    walk = walking.shelf.walk

    def meanwhile(after: str | None) -> WalkPage:
        walking.shelf.walk = walk  # type: ignore[method-assign]
        assert walking.tick() == {"P001"}
        return walk(after)

    walking.shelf.walk = meanwhile  # type: ignore[method-assign]
    assert walking.tick() == {"P001"}
    assert walking.tick() == set()


@pytest.mark.parametrize("count", [0, 1, 3, 4])
def test_a_walk_ends_whatever_the_number_of_records_on_its_last_page(count: int) -> None:
    walking = Walking()
    walking.shelf.rows = {str(number): "a" for number in range(count)}
    assert len(walking.tick()) == count
    assert walking.tick() == set()
