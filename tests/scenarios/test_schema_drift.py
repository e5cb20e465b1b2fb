"""A column that is not as the mapping knows it: the flow that uses it stands still, the others go on, and a sweep finds
it mended."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from local.simulator.faults import Kind, Rule
from shared.errors import SchemaDrift, StorageTrouble, Transient
from shared.operations.preflight.run import Preflight
from shared.records import Write
from shared.state.control import BlockKind, FlowControl, MetDrift
from shared.state.storage.queues import hold_queue
from shared.sync.limits import Limits
from shared.systems import System
from tests.scenarios.test_fault_answers import DriftedMapper
from tests.support.invariants import check
from tests.support.operator import operated, p2c
from tests.support.product import Product, product
from tests.support.trading import Trading, trading
from tests.support.world import World

FLOW = "parents"


def drifted(records: int = 3) -> World:
    """A world whose first flow has met a column of another type; nothing of it is written yet."""
    world = World(flows=(FLOW, "products"), limits=Limits(hints_per_message=2))
    for number in range(records):
        world.source.save(f"p{number}", number=f"P{number}", name="x")
    world.mappers[FLOW] = replace(DriftedMapper(), fingerprint="f1")
    world.pull(FLOW)
    world.drain()
    return world


def mend(world: World) -> None:
    """The column is again as the mapping knows it."""
    world.mappers[FLOW] = replace(world.mappers["products"], target_entity="Customers")


def control(world: World) -> FlowControl:
    return world.state.control.flow(FLOW)


def met(world: World) -> MetDrift:
    found = control(world).met
    assert found is not None
    return found


def minutes(world: World, count: int) -> None:
    """Let the sweep run each minute, and the host work."""
    for _ in range(count):
        world.clock.sleep(60)
        world.sweep()
        world.drain()


# --- the block --------------------------------------------------------------------------------------------------------


def test_drift_blocks_its_flow_holds_the_messages_and_counts_nothing() -> None:
    world = drifted()
    assert control(world).block_kind is BlockKind.DRIFT
    assert "schema drift: a column of p0 is not what the mapping expects" in control(world).blocked
    assert met(world).record == "p0"
    assert world.queues.depth(hold_queue(FLOW)) == 2
    assert {link.attempts for link in world.state.links.walk(FLOW)} == {0}
    assert world.state.failures.load(FLOW, list(world.source.rows)) == {}
    assert not any(world.state.control.gate(system).closed for system in System)


def test_the_other_flows_of_both_systems_continue() -> None:
    world = drifted()
    world.stock.save("i1", number="I1", name="Bike")
    world.settle(hours=0.1)
    assert world.product_target.rows["i1"]["name"] == "Bike"
    assert control(world).blocked


def test_a_block_of_another_kind_is_kept() -> None:
    world = drifted()
    world.state.control.change_flow(FLOW, lambda now: now.block(BlockKind.THRESHOLD, "500 gone", "walk"))
    world.gates().meet(SchemaDrift(System.FINOPS, "x"), world.service().flows[FLOW], run="r")
    assert (control(world).blocked, control(world).met) == ("500 gone", None)


# --- the probe --------------------------------------------------------------------------------------------------------


def test_a_sweep_lets_the_flow_continue_once_the_column_is_corrected() -> None:
    world = drifted()
    mend(world)
    minutes(world, 2)
    assert control(world).blocked == ""
    world.settle()
    check(world)
    assert len(world.target.rows) == 3


def test_a_drift_that_lasts_is_looked_at_more_and_more_rarely_and_once_an_hour_at_least() -> None:
    world = drifted()
    looks: list[float] = []
    world.source.trouble = lambda name: looks.append(world.clock.seconds) if name == "read" else None
    minutes(world, 6 * 60)
    gaps = [round((after - before) / 60) for before, after in itertools.pairwise(looks)]
    assert gaps == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    mend(world)
    minutes(world, 60)
    assert control(world).blocked == ""


def test_one_worker_probes_and_one_that_dies_leaves_it_to_the_next_one() -> None:
    world = drifted()
    mend(world)
    world.clock.sleep(60)
    reads = iter([True])

    def another_and_then_dead(name: str) -> None:
        if name == "read" and next(reads, False):
            world.sweep()
            raise StorageTrouble("dies")

    world.source.trouble = another_and_then_dead
    with pytest.raises(StorageTrouble):
        world.sweep()
    assert control(world).blocked, "the other one has left the probe to this one"
    minutes(world, 2)
    assert control(world).blocked == ""


def test_a_probe_that_meets_trouble_of_the_system_closes_its_gate_and_lifts_nothing() -> None:
    world = drifted()
    mend(world)

    def down(name: str) -> None:
        if name == "read":
            raise Transient(System.DATAVERSE, "503")

    world.source.trouble = down
    minutes(world, 1)
    assert world.state.control.gate(System.DATAVERSE).closed
    assert control(world).blocked
    world.source.trouble = None
    minutes(world, 5)
    assert control(world).blocked == ""


def test_no_probe_goes_to_a_system_whose_gate_is_closed() -> None:
    world = drifted()
    mend(world)
    world.gates().close(Transient(System.FINOPS, "429", retry_after_s=600))
    minutes(world, 5)
    assert control(world).blocked
    minutes(world, 6)
    assert control(world).blocked == ""


def test_a_field_that_only_a_write_knows_to_be_gone_is_tried_again_and_again_and_recovers() -> None:
    world = World(flows=(FLOW,))
    world.source.save("p1", number="P1", name="x")
    sent: list[float] = []

    def gone(write: Write) -> SchemaDrift:
        sent.append(world.clock.seconds)
        return SchemaDrift(System.FINOPS, f"no field for {write.id}")

    usual, world.target.fault = world.target.fault, gone
    world.pull()
    world.drain()
    assert met(world).record == "p1"
    minutes(world, 60)
    assert [round((after - before) / 60) for before, after in itertools.pairwise(sent)] == [1, 4, 16]
    world.target.fault = usual
    minutes(world, 60)
    world.settle()
    check(world)


def test_a_probe_time_that_a_wrong_clock_has_set_is_not_believed() -> None:
    world = drifted()
    mend(world)
    later = replace(met(world), probe_at=world.clock.now() + timedelta(days=300))
    world.state.control.change_flow(FLOW, lambda now: replace(now, met=later))
    minutes(world, 1)
    assert control(world).blocked == ""


def test_what_an_operator_lifts_is_forgotten_and_what_a_sweep_lifts_is_not_for_a_day() -> None:
    world = drifted()
    service = world.service()
    service.commands(service.audit_log("operator@contoso")).unblock(FLOW, control(world).blocked)
    assert control(world).met is None
    world = drifted()
    mend(world)
    minutes(world, 1)
    assert control(world).blocked == ""
    flow = world.service().flows[FLOW]
    world.gates().meet(SchemaDrift(System.FINOPS, "x"), flow, run="r")
    assert met(world).strikes == 3
    minutes(world, 10)
    assert control(world).blocked == ""
    world.clock.sleep(25 * 3600)
    world.gates().meet(SchemaDrift(System.FINOPS, "x"), flow, run="r")
    assert met(world).strikes == 1


# --- between both simulators ------------------------------------------------------------------------------------------


def refuse_reads(desk: Product, path: str, column: str) -> None:
    """Sales does not know a column any more."""
    text = f"Could not find a property named '{column}' on type 'Microsoft.Dynamics.CRM.contact'."
    body = json.dumps({"error": {"code": "0x80060888", "message": text}})
    desk.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), path, status=400, body=body))


def ticks(desk: Trading, count: int) -> None:
    for _ in range(count):
        desk.tick()
        desk.service.sweep()
        desk.tick()
        desk.clock.sleep(60)


def test_drift_in_one_table_blocks_the_flow_that_uses_the_column_and_the_others_continue() -> None:
    with trading() as desk:
        account = desk.account("A-1")
        desk.tick()
        refuse_reads(desk, r"/contacts\?.*jobtitle", "jobtitle")
        desk.contact(account)
        second = desk.account("A-2")
        _, quote = desk.quote(second)
        desk.stock("P-2")
        ticks(desk, 3)
        blocked = {
            name for name in ("accounts", "contacts", "products", "quotations") if desk_control(desk, name).blocked
        }
        assert blocked == {"contacts"}
        assert "('jobtitle')" in desk_control(desk, "contacts").blocked
        assert not any(desk.state.control.gate(system).closed for system in System)
        assert desk.customer("A-2") is not None
        assert desk.quotation(quote) is not None
        assert desk.product("P-2") is not None
        assert desk.persons() == {}
        desk.sales.faults.clear()
        ticks(desk, 8)
        assert desk_control(desk, "contacts").blocked == ""
        assert len(desk.persons()) == 1


def desk_control(desk: Product, flow: str) -> FlowControl:
    return desk.state.control.flow(flow)


def test_status_says_what_the_system_said_and_a_preflight_that_finds_all_well_lifts_the_block() -> None:
    with product() as sync, operated(sync):
        id = sync.account("A-1")
        refuse_reads(sync, r"/accounts\?.*fax", "fax")
        sync.tick()
        told = p2c("status", "accounts", code=1)
        assert "accounts is blocked: schema drift: Sales refused a read of accounts (400 0x80060888) ('fax')" in told
        assert "It said: 0x80060888 Could not find a property named 'fax'" in told
        sync.sales.faults.clear()
        assert "accounts is released" in p2c("preflight", code=1)
        sync.settle(2)
        sync.check_in_step([id])


def test_what_the_metadata_says_takes_the_place_of_what_a_record_has_met(monkeypatch: pytest.MonkeyPatch) -> None:
    with product() as sync:
        sync.account("A-1")
        refuse_reads(sync, r"/accounts\?.*fax", "fax")
        sync.tick()
        sync.sales.faults.clear()
        columns = sync.sales.organisation.schema.entities["account"].properties
        assert isinstance(columns, dict)
        with monkeypatch.context() as without:
            without.delitem(columns, "telephone1")
            service = sync.service
            drift_blocks = service.drift_blocks(service.audit_log("operator@contoso"))
            drift_blocks.enforce(list(Preflight(service.systems, sync.deployment, service.clock.now()).checks()))
        assert "accounts lacks telephone1" in desk_control(sync, "accounts").blocked
        assert desk_control(sync, "accounts").met is None
        sync.settle(10)
        assert desk_control(sync, "accounts").blocked, "no probe lifts what a preflight has found"
