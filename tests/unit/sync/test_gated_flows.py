"""Whether a flow may work now, and whose environment it is (protocol A1, F1, P6)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import AccessRefused, NotSent, OperatorNeeded, SchemaDrift, SystemTrouble, Transient
from shared.state.control import BlockKind, Control, MetDrift
from shared.state.map_entries import ENTRIES, MAP
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row
from shared.sync.environment import UNFINISHED, Difference, Environment
from shared.sync.flow import Flow
from shared.sync.gates import Closed
from shared.systems import System
from tests.support.clock import START, ManualClock
from tests.support.doubles import FakeSystem
from tests.support.events import listening
from tests.support.world import World

SALES, FINOPS = System.DATAVERSE, System.FINOPS


def nothing(world: World) -> None: ...


def pause(world: World) -> None:
    world.state.control.change_flow("parents", lambda now: replace(now, paused=True))


def block(world: World) -> None:
    world.state.control.change_flow("parents", lambda now: now.block(BlockKind.DRIFT, "a drift"))


def close(system: System) -> Callable[[World], None]:
    return lambda world: world.gates().close(Transient(system, "busy", retry_after_s=60))


@pytest.mark.parametrize(
    ("how", "off", "pull", "apply", "systems"),
    [
        (nothing, "", None, None, None),
        (nothing, "X is 0", "flow parents is off: X is 0", "flow parents is off: X is 0", None),
        (pause, "", "flow parents is paused", "flow parents is paused", None),
        (block, "", "flow parents is blocked: a drift", "flow parents is blocked: a drift", None),
        (close(SALES), "", "Sales is blocked", "Sales is blocked", "Sales is blocked"),
        (close(FINOPS), "", None, "F&O is blocked", "F&O is blocked"),
    ],
)
def test_a_pull_needs_its_flow_and_its_source_and_apply_the_target_as_well(
    how: Callable[[World], None], off: str, pull: str | None, apply: str | None, systems: str | None
) -> None:
    world = World()
    how(world)
    flow: Flow = replace(world.service().flows["parents"], off=off)
    gates, now = world.gates(), world.state.control.at_once()
    for read in (None, now):
        for closed, why in ((gates.closed_for_pull(flow, read), pull), (gates.closed_for_apply(flow, read), apply)):
            assert (closed.reason if closed else "").startswith(why or "")
            assert (closed is None) is (why is None)
    found = gates.systems_closed(flow)
    assert (found is None) is (systems is None)
    if systems is not None:
        assert found == Closed(f"{systems} until 08:01:00 UTC: Transient: busy", 60)


def test_a_flow_whose_value_maps_are_unknown_is_closed() -> None:
    world = World()
    world.state.control.table.transact([Put(Row(MAP, ENTRIES, {"entry000": "x"}))])
    closed = world.gates().closed_for_apply(world.service().flows["parents"])
    assert closed is not None
    assert (closed.opens_in_s, "entry000" in closed.reason) == (None, True)


def test_a_closed_flow_does_not_know_when_it_opens() -> None:
    world = World()
    pause(world)
    assert world.gates().closed_for_apply(world.service().flows["parents"]) == Closed("flow parents is paused", None)


@pytest.mark.parametrize(("before", "closed", "forgotten"), [(3, False, True), (3, True, False), (0, False, False)])
def test_an_answer_ends_the_count_of_troubles_unless_there_is_trouble_now(
    before: int, closed: bool, forgotten: bool
) -> None:
    world = World()
    control = world.state.control
    gate = replace(control.gate(FINOPS), strikes=before, closed=closed)
    assert control.save_gate(gate)
    etag = control.gate(FINOPS).etag
    world.gates().note_answer(FINOPS, control.at_once())
    now = control.gate(FINOPS)
    assert (now.strikes, now.etag != etag) == (0 if forgotten else before, forgotten)
    assert world.gates().has_answered(FINOPS) is (now.strikes == 0)


def test_an_answer_to_a_write_before_the_last_trouble_ends_no_count() -> None:
    world = World()
    control = world.state.control
    assert control.save_gate(replace(control.gate(FINOPS), strikes=3))
    before = control.at_once()
    assert control.save_gate(replace(control.gate(FINOPS), strikes=4))
    world.gates().note_answer(FINOPS, before)
    assert control.gate(FINOPS).strikes == 4


@pytest.mark.parametrize(
    ("trouble", "record", "met"),
    [
        (SchemaDrift(FINOPS, "no field", said="0x1"), "r", MetDrift("0x1", "r", START + timedelta(seconds=60), 1)),
        (SchemaDrift(FINOPS, "no field", said="0x1"), "", MetDrift("0x1", "", START + timedelta(seconds=60), 1)),
        (Transient(FINOPS, "busy"), "r", None),
    ],
)
def test_a_drift_blocks_its_flow_with_the_record_that_has_met_it_and_other_trouble_its_system(
    trouble: SystemTrouble, record: str, met: MetDrift | None
) -> None:
    world = World()
    with listening() as heard:
        world.gates().meet(trouble, world.service().flows["parents"], run="run", record=record)
    control = world.state.control.flow("parents")
    assert control.met == met
    assert world.state.control.gate(FINOPS).closed is (met is None)
    told = heard.of("flow_blocked", flow="parents", run="run", kind="drift", reason=control.blocked)
    assert len(told) == (met is not None)
    if met is not None:
        assert control.blocked.startswith("schema drift: no field; `p2c preflight` checks every column of the flow")


def test_a_drift_names_the_record_that_the_mapping_was_at() -> None:
    world, drift = World(), SchemaDrift(FINOPS, "no field")
    drift.record = "mapped"
    world.gates().meet(drift, world.service().flows["parents"], run="run", record="first")
    met = world.state.control.flow("parents").met
    assert met is not None
    assert met.record == "mapped"


def test_a_blocked_flow_keeps_its_block() -> None:
    world = World()
    block(world)
    with listening() as heard:
        world.gates().meet(SchemaDrift(FINOPS, "no field"), world.service().flows["parents"], run="run")
    assert (world.state.control.flow("parents").blocked, heard.of("flow_blocked")) == ("a drift", [])


@pytest.mark.parametrize("refused", [True, False])
def test_a_gate_that_closes_says_until_when_and_why_and_what_access_lacks(refused: bool) -> None:
    world = World()
    trouble = AccessRefused(SALES, "no role", lacks="privilege") if refused else Transient(SALES, "busy", said="0x2")
    with listening() as heard:
        world.gates().close(trouble)
    (told,) = heard.of("gate_closed", system="dataverse", for_s=5)
    gate = world.state.control.gate(SALES)
    assert gate.blocked_until is not None
    assert told["until"] == gate.blocked_until.isoformat()
    assert (told["reason"], gate.reason) == ((f"{type(trouble).__name__}: {trouble}",) * 2)
    assert (gate.said, gate.closed_at, gate.closed_since, gate.strikes) == (trouble.said, START, START, 1)
    denied = heard.of("access_refused", system="dataverse", reason=gate.reason)
    assert [event["lacks"] for event in denied] == (["privilege"] if refused else [])


def test_a_probe_for_which_there_is_no_time_is_left_to_the_next_worker() -> None:
    world = World()
    close(FINOPS)(world)
    world.clock.sleep(60)

    def late() -> None:
        raise NotSent("no time left")

    world.systems[FINOPS].trouble = late
    assert world.gates().closed(FINOPS) == Closed("finops could not be probed in time", 5.0)
    world.systems[FINOPS].trouble = None
    assert world.gates().closed(FINOPS) is None
    gate = world.state.control.gate(FINOPS)
    assert (gate.closed, gate.blocked_until, gate.closed_since, gate.probed_until, gate.said) == (
        False, None, None, None, "",
    )  # fmt: skip


def environment(control: Control, company: str = "usmf", identity: str = "contoso") -> Environment:
    return Environment({"company": company}, {SALES: FakeSystem(identity)}, control, ManualClock())


def test_settings_are_compared_without_asking_a_system() -> None:
    control, system = Control(MemoryTable(ManualClock())), FakeSystem("contoso")
    asking = Environment({"company": "usmf"}, {SALES: system}, control, ManualClock())
    assert asking.change_by_settings("parents") == ""
    asking.change("parents")
    other = environment(control, "demf")
    assert other.change_by_settings("parents") == "the environment changed: company was usmf and is demf"
    assert other.change_by_settings("parents", control.at_once()) == other.change_by_settings("parents")
    assert environment(control, identity="copy").change_by_settings("parents") == ""


def test_differences_are_read_anew_each_time() -> None:
    control, system = Control(MemoryTable(ManualClock())), FakeSystem("contoso")
    asking = Environment({"company": "usmf"}, {SALES: system}, control, ManualClock())
    assert asking.differences("parents") == []
    asking.change("parents")
    system.name = "copy"
    assert asking.change("parents") == ""
    assert asking.differences("parents") == [Difference("dataverse_identity", "contoso", "copy")]


def test_an_acceptance_that_has_begun_blocks_until_it_ends() -> None:
    control = Control(MemoryTable(ManualClock()))
    assert not environment(control).begin_acceptance("parents")
    environment(control).change("parents")
    assert environment(control).begin_acceptance("parents")
    assert environment(control).differences("parents") == [Difference(UNFINISHED, "begun", "not finished")]
    shown = environment(control).change("parents")
    assert shown != ""
    assert not environment(control).accept("parents", "another change")
    assert environment(control).accept("parents", shown)
    assert environment(control).change("parents") == ""


def test_a_system_that_does_not_know_the_request_for_its_id_is_another_system() -> None:
    class Strange(FakeSystem):
        def identity(self) -> str:
            raise SchemaDrift(SALES, "no such function", said="0x3")

    control = Control(MemoryTable(ManualClock()))
    asking = Environment({}, {SALES: Strange("x")}, control, ManualClock())
    with pytest.raises(OperatorNeeded, match="no such function") as raised:
        asking.change("parents")
    assert (raised.value.system, raised.value.said) == (SALES, "0x3")
