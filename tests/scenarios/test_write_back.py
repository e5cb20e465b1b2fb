"""Results are written into the rows of their records after the commits, whatever happens on the way (protocol A13)."""

import contextlib
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import OperatorNeeded, OutcomeUnknown, RecordRejected, SyncError, Transient
from shared.mapping.results import ResultColumns
from shared.records import Write
from shared.state.links import LinkState
from shared.state.results import TURN, result_key
from shared.state.storage.tables import Cell, escape
from shared.systems import System
from tests.scenarios.test_crashes import moments
from tests.scenarios.test_fault_damage import damage
from tests.support.doubles import WatchedTarget
from tests.support.events import Heard
from tests.support.invariants import check, check_at_rest
from tests.support.steps import Crash
from tests.support.thinned import few_examples
from tests.support.world import FAMILY, World

STATE, REASON, SINCE, STATUS = "new_state", "new_reason", "new_since", "new_status"
COLUMNS = ResultColumns(state=STATE, reason=REASON, since=SINCE)
HOUR_S = 3600


def telling() -> World:
    """Parents and children, whose rows have columns for their results."""
    world = World()
    world.results = dict.fromkeys(FAMILY, COLUMNS)
    return world


def new(world: World) -> None:
    """Records of every outcome."""
    world.source.save("p1", number="P1", name="Good")
    world.source.save("p2", number="P2", name="Ended before", state="inactive")
    world.source.save("p3", number="P3", name="Bad", bad="yes")
    world.child_source.save("c1", number="C1", name="Child", parent="p1")
    world.child_source.save("c3", number="C3", name="Child of bad", parent="p3")


def first_sync(world: World) -> None:
    """The same, and the sweep that writes their results."""
    new(world)
    tick(world)


def changed(world: World) -> None:
    """Results that change."""
    world.source.save("p1", state="inactive")
    world.source.save("p2", state=None)
    world.source.save("p3", bad=None)
    world.source.save("p4", number="P4", name="New")
    world.child_source.save("c1", name="Renamed")


def edits(world: World) -> None:
    """The same, and one that is for a row that is gone."""
    changed(world)
    tick(world)
    world.source.save("p4", bad="yes")
    world.pull()
    world.drain()
    world.source.remove("p4")
    tick(world)


def tick(world: World) -> None:
    """Every timer and the host, once."""
    for flow in world.flows:
        world.pull(flow)
        world.drain([flow])
    world.sweep()


def check_told(world: World, made_anew: AbstractSet[str] = frozenset()) -> None:
    """Every row says what its link says. One that was made anew with the id of a deleted one may say nothing: a limit
    of protocol A13."""
    for flow in world.flows:
        assert world.state.results.page(flow, "", 10)[0] == [], "results are left"
        for link in world.state.links.walk(flow):
            if link.state is LinkState.DELETED:
                continue
            row = world.sources[flow].rows[link.id].values
            if link.id in made_anew and STATE not in row:
                continue
            assert row.get(STATE) == link.state.value, f"{link.id} says {row.get(STATE)} and is {link.state}"
            assert bool(row.get(REASON)) == (link.state is not LinkState.WRITTEN), f"{link.id} says {row.get(REASON)}"
            assert bool(row.get(SINCE)) == link.linked, f"{link.id} says {row.get(SINCE)}"


def written(world: World) -> int:
    """How many results were written."""
    return sum(len(world.source_rows[flow].writes) for flow in world.flows)


def told() -> World:
    """Records whose rows say what became of them."""
    world = telling()
    first_sync(world)
    world.settle()
    return world


def committed(make: Callable[[], World], deed: Callable[[World], None]) -> World:
    """A world whose results are committed, and not written."""
    world = make()
    deed(world)
    for flow in world.flows:
        world.pull(flow)
        world.drain([flow])
    return world


@pytest.mark.parametrize(
    ("make", "scenario", "everywhere"),
    [
        pytest.param(partial(committed, telling, new), World.sweep, False, id="first results"),
        pytest.param(partial(committed, told, changed), World.sweep, False, id="other results"),
        pytest.param(telling, first_sync, True, id="first sync", marks=pytest.mark.nightly),
        pytest.param(told, edits, True, id="edits", marks=pytest.mark.nightly),
    ],
)
def test_a_crash_at_any_step_ends_in_written_results(
    scenario: Callable[[World], None], make: Callable[[], World], *, everywhere: bool
) -> None:
    made = make()
    clean = deepcopy(made)
    effects = moments(clean, partial(scenario, clean))
    names = clean.steps.names[made.steps.count :]
    assert any(name.startswith("target.write") for name in names)
    for number in range(1, len(names) + 1) if everywhere else effects:
        world = deepcopy(made)
        world.steps.crash_at(world.steps.count + number)
        with contextlib.suppress(Crash, SyncError):
            scenario(world)
        world.settle(hours=0.7)
        try:
            check(world)
            check_told(world)
        except AssertionError as broken:
            raise AssertionError(f"after a crash at step {number} ({names[number - 1]}): {broken}") from broken


class WithStatus(ResultColumns):
    """Columns that also get the status of the target's row."""

    status: str = STATUS

    @property
    def of_target(self) -> Mapping[str, str]:
        return {self.status: "status"}

    @property
    def look_every_s(self) -> float:
        return 300.0


def watching() -> World:
    """Parents whose rows show the status that the target has."""
    world = World()
    world.results = {"parents": WithStatus(state=STATE)}
    world.watched = {"parents": WatchedTarget(world.target, STATUS, "status")}
    for number in range(1, 6):
        world.source.save(f"p{number}", number=f"P{number}", name="Good")
    world.target.put_by_hand("foreign", status="0")
    tick(world)
    world.settle()
    check_shown(world)
    return world


def statuses(world: World) -> None:
    """Other people change the target; one row is for a new record, and one is taken away."""
    for number in (1, 3, 5):
        world.target.put_by_hand(f"P{number}", status=str(number))
    world.target.put_by_hand("foreign", status="1")
    world.source.save("p6", number="P6", name="New")
    world.clock.sleep(300)
    tick(world)
    world.target.put_by_hand("P6", status="6")
    world.clock.sleep(300)
    tick(world)


def check_shown(world: World) -> None:
    """Every row shows the status that its row in the target has."""
    for link in world.state.links.walk("parents"):
        if link.state is not LinkState.DELETED:
            there = world.target.rows[link.id].get("status") if link.linked else None
            shown = world.source.rows[link.id].values.get(STATUS)
            assert shown == there, f"{link.id} shows {shown}, and the target has {there}"


def test_a_crash_at_any_step_of_a_look_ends_in_fields_that_are_shown() -> None:
    made = watching()
    for number in (1, 3, 5):
        made.target.put_by_hand(f"P{number}", status=str(number))
    made.clock.sleep(300)
    clean = deepcopy(made)
    effects = moments(clean, clean.sweep)
    names = clean.steps.names[made.steps.count :]
    assert "watched.page" in names
    check_shown(clean)
    for number in effects:
        world = deepcopy(made)
        world.steps.crash_at(world.steps.count + number)
        with contextlib.suppress(Crash):
            world.sweep()
        world.settle(hours=0.4)
        try:
            check(world)
            check_shown(world)
        except AssertionError as broken:
            raise AssertionError(f"after a crash at step {number} ({names[number - 1]}): {broken}") from broken


def test_what_changes_in_the_target_is_shown_also_of_a_record_that_has_just_been_linked() -> None:
    world = watching()
    statuses(world)
    check_shown(world)
    world.settle()
    check(world)


def test_a_look_that_finds_nothing_new_writes_nothing() -> None:
    world = watching()
    before = written(world)
    for _ in range(20):
        world.clock.sleep(60)
        tick(world)
    assert written(world) == before


def test_a_quiet_system_writes_no_results() -> None:
    world = telling()
    first_sync(world)
    world.settle()
    check_told(world)
    before = written(world)
    check_at_rest(world)
    assert written(world) == before == 5


def test_a_result_that_is_refused_holds_up_no_other_and_is_tried_after_an_hour_then_two() -> None:
    world = telling()
    refuse(world, lambda write: RecordRejected("no", "no", remedy="none") if write.id == "p1" else None)
    first_sync(world)
    assert world.source.rows["p3"].values[STATE] == "rejected"
    assert STATE not in world.source.rows["p1"].values
    tries = [len(world.source_rows["parents"].writes)]
    (listed,) = world.state.results.page("parents", "", 10)[0]
    assert (listed.id, listed.cause, listed.tries) == ("p1", "no", 1)
    assert listed.next_try is not None
    assert (listed.next_try - world.clock.now()).total_seconds() == pytest.approx(HOUR_S, abs=5)
    world.clock.sleep(HOUR_S + 60)
    world.sweep()
    (listed,) = world.state.results.page("parents", "", 10)[0]
    assert listed.tries == 2
    refuse(world, lambda _: None)
    world.clock.sleep(HOUR_S)
    world.sweep()
    assert len(world.source_rows["parents"].writes) == tries[0]
    world.clock.sleep(HOUR_S + 60)
    tick(world)
    check_told(world)


TROUBLES: dict[str, SyncError] = {
    "throttled": Transient(System.DATAVERSE, "429", retry_after_s=7),
    "not allowed": OperatorNeeded(System.DATAVERSE, "403"),
    "no answer": OutcomeUnknown(System.DATAVERSE, "504"),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_trouble_with_results_closes_no_gate_and_counts_against_no_record(trouble: SyncError) -> None:
    world = telling()
    refuse(world, lambda _: trouble)
    first_sync(world)
    assert set(world.target.rows) == {"p1"}
    assert world.gates().closed(System.DATAVERSE) is None
    assert [each.id for each in world.state.failures.page("parents", "", 10)[0]] == ["p3"]
    refuse(world, lambda _: None)
    world.settle(hours=3)
    check_told(world)


def test_a_request_that_lands_late_never_covers_a_newer_result() -> None:
    world = telling()
    rows = world.source_rows["parents"]
    rows.late = 120.0
    refuse(world, lambda _: OutcomeUnknown(System.DATAVERSE, "no answer"))
    world.source.save("p1", number="P1", name="Bad at first", bad="yes")
    tick(world)
    refuse(world, lambda _: None)
    world.source.save("p1", bad=None)
    for _ in range(4):
        tick(world)
        world.clock.sleep(60)
    rows.arrive()
    world.settle(hours=2)
    check_told(world)


def test_a_result_that_changes_while_it_is_written_is_written_again() -> None:
    world = telling()
    world.source.save("p1", number="P1", name="Good at first")

    def meanwhile(_: Write) -> None:
        refuse(world, lambda _: None)
        world.source.save("p1", bad="yes")
        world.pull()
        world.drain()

    refuse(world, meanwhile)
    tick(world)
    tick(world)
    assert [write.values[STATE] for write in world.source_rows["parents"].writes] == ["written", "rejected"]
    check_told(world)


@pytest.mark.parametrize("is_noticed", [False, True], ids=["unnoticed", "noticed"])
def test_a_row_that_was_gone_when_its_result_was_to_be_written_gets_it_once_it_is_back(*, is_noticed: bool) -> None:
    world = committed(telling, new)
    world.source.remove("p1")
    if is_noticed:
        world.pull()
        world.drain()
    world.sweep()
    world.source.save("p1", number="P1", name="Good")
    world.settle()
    assert world.source.rows["p1"].values[STATE] == "written"
    check_told(world)


def test_two_workers_never_write_results_of_a_flow_at_the_same_time() -> None:
    world = telling()
    first_sync(world)
    world.source.save("p1", bad="yes")
    world.pull()
    world.drain()
    world.steps.crash_at(world.steps.count + steps_to(world, "target.write"))
    with contextlib.suppress(Crash):
        world.sweep()
    before = written(world)
    world.sweep()
    assert written(world) == before
    assert world.state.results.turn("parents").holder
    world.settle()
    check_told(world)


@pytest.mark.parametrize("cells", [{"values": "["}, {"row": None}, {"tries": "x"}, {"record_id": "p9"}])
def test_a_damaged_result_is_told_and_made_again(cells: dict[str, Cell | None], heard: Heard) -> None:
    world = telling()
    refuse(world, lambda _: RecordRejected("no", "no", remedy="none"))
    first_sync(world)
    damage(world.links_table, "parents", result_key("p1"), cells)
    refuse(world, lambda _: None)
    world.settle(hours=3)
    assert [told["key"] for told in heard.of("state_unreadable", flow="parents")] == [result_key("p1")]
    check(world)
    check_told(world)


def test_a_damaged_turn_is_taken_when_nothing_can_land_any_more() -> None:
    world = telling()
    refuse(world, lambda _: OperatorNeeded(System.DATAVERSE, "403"))
    first_sync(world)
    row = world.state.control.table.read(escape("parents"), [TURN])[TURN].row
    assert row.cells["trouble"] == "403"
    damage(world.state.control.table, "parents", TURN, {"strikes": "x"})  # type: ignore[arg-type]
    refuse(world, lambda _: None)
    world.settle(hours=2)
    check_told(world)


def refuse(world: World, fault: Callable[[Write], SyncError | None]) -> None:
    """What becomes of the writes of results."""
    for flow in world.flows:
        world.source_rows[flow].fault = fault


def steps_to(world: World, name: str) -> int:
    """After how many steps a sweep comes to one of this name."""
    played = deepcopy(world)
    before = played.steps.count
    played.sweep()
    return played.steps.names[before:].index(name) + 1


def work(world: World) -> None:
    """A pull, and the queue run dry."""
    world.pull()
    world.drain(["parents"])


DEEDS: dict[str, Callable[[World, str], None]] = {
    "good": lambda world, id: world.source.save(id, number=id.upper(), name="Good", state=None, bad=None),
    "bad": lambda world, id: world.source.save(id, number=id.upper(), name="Bad", state=None, bad="yes"),
    "worse": lambda world, id: world.source.save(id, number=id.upper(), name="Bad", state=None, bad="very"),
    "inactive": lambda world, id: world.source.save(id, number=id.upper(), name="Off", state="inactive"),
    "gone": lambda world, id: world.source.remove(id) if id in world.source.rows else None,
    "in the target": lambda world, id: (
        world.target.put_by_hand(id, status=str(world.clock.seconds)) if id in world.target.rows else None
    ),
    "tick": lambda world, _: tick(world),
    "work": lambda world, _: work(world),
    "sweep": lambda world, _: world.sweep(),
    "later": lambda world, _: world.clock.sleep(301),
    "refuse": lambda world, id: refuse(
        world, lambda write: RecordRejected("no", "no", remedy="") if write.id == id else None
    ),
    "no answer": lambda world, id: refuse(
        world, lambda write: OutcomeUnknown(System.DATAVERSE, "no answer") if write.id == id else None
    ),
    "throttle": lambda world, _: refuse(world, lambda _: Transient(System.DATAVERSE, "429")),
    "answer": lambda world, _: refuse(world, lambda _: None),
}  # fmt: skip


@few_examples()
@given(
    deeds=st.lists(st.tuples(st.sampled_from(sorted(DEEDS)), st.sampled_from(["p1", "p2"])), max_size=14),
    crash=st.integers(min_value=1, max_value=300),
    late=st.sampled_from([None, 20.0, 200.0]),
)
def test_whatever_happens_every_row_says_in_the_end_what_became_of_its_record(
    deeds: list[tuple[str, str]], crash: int, late: float | None
) -> None:
    world = World(flows=("parents",))
    world.results = {"parents": WithStatus(state=STATE, reason=REASON, since=SINCE)}
    world.watched = {"parents": WatchedTarget(world.target, STATUS, "status")}
    world.source_rows["parents"].late = late
    world.steps.crash_at(crash)
    gone, made_anew, rows = set[str](), set[str](), world.source.rows
    for name, id in deeds:
        if name == "gone" and id in rows:
            gone.add(id)
        with contextlib.suppress(Crash, SyncError):
            DEEDS[name](world, id)
        made_anew |= gone & rows.keys()
    refuse(world, lambda _: None)
    world.steps.at.clear()
    world.settle(hours=30)
    world.clock.sleep(301)
    world.settle(hours=1)
    check(world)
    check_told(world, made_anew)
    check_shown(world)
