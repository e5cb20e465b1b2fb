"""Rows of our own tables that cannot be read: each is one record's failure, or an error of its own, and only what needs
it stands still."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RecordRejected, StateUnreadable, Transient
from shared.state.control import BlockKind, FlowControl
from shared.state.failures import LAST_RETRY, STATE_UNREADABLE, failure_key
from shared.state.keys import Owner
from shared.state.links import LinkState, link_key
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Cell, Delete, Foreign, Put, Row, escape
from shared.state.waiting import Wait
from shared.sync.hints import Hint, HintMessage
from shared.systems import System
from tests.support.assortment import assortment
from tests.support.doubles import ROUTE
from tests.support.thinned import few_examples
from tests.support.world import World

DAMAGES: dict[str, dict[str, Cell | None]] = {
    "a state of a newer version": {"state": "parked"},
    "bad JSON": {"applied": "{"},
    "JSON nested without end": {"applied": "[" * 30_000},
    "another kind of JSON": {"applied": "[]"},
    "a missing id": {"record_id": None},
    "another id": {"record_id": "p9"},
    "a text for a number": {"attempts": "many"},
    "a number for a text": {"target_key": 7},
    "a type of a stranger": {"attempts": Foreign("float")},
    "a text for yes or no": {"dirty": "yes"},
    "a route of a newer version": {"route": "newer"},
    "a missing route": {"route": None},
    "keys that are none": {"waits": '["/"]'},
    "nothing at all": dict.fromkeys(["state", "record_id", "attempts", "dirty"]),
}


_STRANGE: list[Cell | None] = [None, "x", "{", 7, True, b"x", Foreign("float")]


def damage(table: MemoryTable, partition: str, key: str, cells: Mapping[str, Cell | None]) -> None:
    """Somebody changes a row by hand: None takes a property away."""
    row = table.content()[escape(partition), key]
    damaged = {**row.cells, **cells}
    table.transact(
        [Put(Row(row.partition, key, {name: value for name, value in damaged.items() if value is not None}))]
    )


def family() -> World:
    """Three parents with a child each, all linked."""
    world = World()
    for number in "123":
        world.source.save(f"p{number}", number=f"P{number}", name="First")
        world.child_source.save(f"c{number}", number=f"C{number}", name="First", parent=f"p{number}")
    play(world)
    assert set(world.target.rows) == {"p1", "p2", "p3"}
    assert set(world.child_target.rows) == {"c1", "c2", "c3"}
    return world


def play(world: World, minutes: int = 3) -> None:
    """Every timer and the host. Nothing may fail: what does is no failure of one record."""
    for _ in range(minutes):
        for flow in world.flows:
            world.pull(flow)
        world.sweep()
        world.drain()
        world.clock.sleep(61)


def change_all(world: World, name: str) -> None:
    """Every record changes in its source."""
    for number in "123":
        world.source.save(f"p{number}", name=name)
        world.child_source.save(f"c{number}", name=name)


def causes(world: World, flow: str) -> dict[str, str]:
    """The listed failures."""
    return {each.id: each.cause for each in world.state.failures.page(flow, "", 100)[0]}


@pytest.mark.parametrize("cells", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_link_is_its_records_failure_and_everything_else_continues(cells: dict[str, Cell | None]) -> None:
    world = family()
    damage(world.links_table, "parents", link_key("p2"), cells)
    before = world.links_table.content()[escape("parents"), link_key("p2")]
    change_all(world, "Second")
    play(world)
    assert {key: row["name"] for key, row in world.target.rows.items()} == {
        "p1": "Second",
        "p2": "First",
        "p3": "Second",
    }
    assert {row["name"] for key, row in world.child_target.rows.items() if key != "c2"} == {"Second"}
    assert causes(world, "parents") == {"p2": STATE_UNREADABLE}
    (failure,) = world.state.failures.page("parents", "", 10)[0]
    assert link_key("p2") in failure.message
    assert any(name in failure.message for name in cells)
    assert "p2c repair parents p2" in failure.remedy
    assert world.links_table.content()[escape("parents"), link_key("p2")] == before, "nobody writes over it"
    assert world.depth() == 0


@few_examples()
@given(data=st.data())
def test_whatever_row_of_a_flow_is_damaged_the_other_records_continue(data: st.DataObject) -> None:
    world = family()
    refused = RecordRejected("no", "no", remedy="none")
    world.child_target.fault = lambda write: refused if write.id == "c2" else None
    world.child_source.save("c2", name="Refused")
    world.source.save("p4", number="P4", name="First", hold=True)
    world.child_source.save("c4", number="C4", name="First", parent="p9")
    play(world)
    rows = [row for row in world.links_table.content().values() if row.key.rpartition("|")[2] in ("p2", "c2", "c4")]
    victims = st.lists(st.sampled_from(sorted(rows, key=lambda row: row.key)), min_size=1, unique_by=id)
    for victim in data.draw(victims):
        name = data.draw(st.sampled_from(sorted(victim.cells)))
        cell = data.draw(st.sampled_from(_STRANGE))
        damage(world.links_table, victim.partition, victim.key, {name: cell})
    world.child_target.fault = lambda _write: None
    change_all(world, "Second")
    play(world, 5)
    for key, row in {**world.target.rows, **world.child_target.rows}.items():
        assert row["name"] == "Second" or key in ("p2", "c2", "p4")
    assert set(causes(world, "parents")) <= {"p2", "p4"}
    assert set(causes(world, "children")) <= {"c2", "c4"}
    assert world.depth() == 0


def test_a_damaged_failure_is_listed_tried_at_once_and_closed_by_a_success() -> None:
    world = family()
    refused = RecordRejected("no", "no", remedy="none")
    world.target.fault = lambda write: refused if write.id == "p2" else None
    world.source.save("p2", name="Second")
    play(world)
    damage(world.links_table, "parents", failure_key("p2"), {"tries": "many"})
    assert causes(world, "parents") == {"p2": STATE_UNREADABLE}
    play(world, 1)
    world.drain()
    assert causes(world, "parents") == {"p2": "no"}, "it is written anew by what becomes of the record"
    damage(world.links_table, "parents", failure_key("p2"), {"first_seen": None})
    world.target.fault = lambda _write: None
    play(world)
    assert causes(world, "parents") == {}
    assert world.target.rows["p2"]["name"] == "Second"


@pytest.mark.parametrize("name", ["child", "parent", "parent_flow", "parent_route", "is_parked"])
def test_a_damaged_wait_is_written_again_and_its_child_continues_with_its_parent(name: str) -> None:
    world = World()
    world.child_source.save("c1", number="C1", name="First", parent="p1")
    play(world)
    ((_, key),) = [place for place in world.links_table.content() if place[1].startswith("W|")]
    before = world.links_table.content()[escape("children"), key]
    damage(world.links_table, "children", key, {name: Foreign("float")})
    play(world)
    assert world.links_table.content()[escape("children"), key] == before
    assert causes(world, "children") == {}
    world.source.save("p1", number="P1", name="First")
    play(world)
    assert world.child_target.rows["c1"]["name"] == "First"


def test_a_damaged_wait_that_no_record_names_is_removed() -> None:
    world = family()
    world.links_table.transact([Put(Row("children", "W|parents|only|p1|c1", {"child": 7}))])
    play(world)
    assert not [key for _, key in world.links_table.content() if key.startswith("W|")]
    assert causes(world, "children") == {}


def test_a_wait_that_no_record_names_is_removed_and_its_record_is_not_sent_again_and_again() -> None:
    world = family()
    stale = Wait("children", "c1", "parents", ROUTE, "p1")
    world.links_table.transact([Put(stale.to_row())])
    world.sweep()
    assert not [key for _, key in world.links_table.content() if key.startswith("W|")]
    assert world.depth() == 0


def test_a_record_whose_link_is_lost_is_sent_once_for_its_wait() -> None:
    world = World()
    world.child_source.save("c1", number="C1", name="First", parent="p1")
    play(world)
    world.links_table.transact([Delete(Row("children", link_key("c1"), {}))])
    world.sweep()
    assert not [key for _, key in world.links_table.content() if key.startswith("W|")]
    world.drain()
    assert [key for _, key in world.links_table.content() if key.startswith("W|")]
    world.source.save("p1", number="P1", name="First")
    play(world)
    assert world.child_target.rows["c1"]["name"] == "First"


@pytest.mark.parametrize("cells", [{"child": 7}, {}], ids=["damaged", "whole"])
def test_a_wait_that_is_written_again_while_the_sweep_looks_at_it_is_kept(cells: dict[str, Cell]) -> None:
    world = family()
    wait = Wait("children", "c1", "parents", ROUTE, "p1").to_row()
    world.links_table.transact([Put(Row(wait.partition, wait.key, {**wait.cells, **cells}))])

    def step(name: str) -> None:
        if name == "links.transact":
            world.links_table.step = lambda _name: None
            world.links_table.transact([Put(wait)])

    world.links_table.step = step
    world.sweep()
    assert (wait.partition, wait.key) in world.links_table.content()


def test_the_waits_of_a_record_that_is_begun_again_are_removed() -> None:
    world = World()
    world.child_source.save("c1", number="C1", name="First", parent="p1")
    play(world)
    damage(world.links_table, "children", link_key("c1"), {"state": "parked"})
    world.clock.sleep(3600)
    service = world.service()
    keys = service.state.keys_of(service.flows["children"], service.flows["children"].route(ROUTE))
    keys.own({"C1": Owner("children", ROUTE, "c1")})
    service.repairing("children", service.audit_log("operator")).repair("c1")
    world.child_source.save("c1", parent=None)
    world.source.save("p1", number="P1", name="First")
    play(world)
    assert world.child_target.rows["c1"]["name"] == "First"
    world.sweep()
    assert not [key for _, key in world.links_table.content() if key.startswith("W|")]
    assert world.depth() == 0


def test_a_damaged_key_is_the_failure_of_the_record_that_wants_it_and_given_to_nobody() -> None:
    world = family()
    keys = world.state.keys
    assert isinstance(keys, MemoryTable)
    ((partition, key),) = [place for place in keys.content() if place[1] == "p2"]
    damage(keys, partition, key, {"record_id": None})
    world.source.save("q", number="P2", name="Rival")
    world.source.save("p5", number="P5", name="First")
    change_all(world, "Second")
    play(world)
    assert causes(world, "parents") == {"q": STATE_UNREADABLE}
    (failure,) = world.state.failures.page("parents", "", 10)[0]
    assert "in table keys" in failure.message
    assert {row["name"] for row in world.target.rows.values()} == {"First", "Second"}
    assert world.target.rows["p5"]["name"] == "First"


def test_the_key_of_a_record_whose_link_is_damaged_goes_to_nobody_else() -> None:
    world = family()
    damage(world.links_table, "parents", link_key("p2"), {"state": "parked"})
    world.source.save("q", number="P2", name="Rival")
    play(world)
    assert causes(world, "parents")["q"] in ("key_taken", "target_exists")
    assert world.target.rows["p2"]["name"] == "First"


def test_a_damaged_control_row_blocks_its_flow_alone_until_an_operator_lifts_it() -> None:
    world = family()
    control = world.state.control.table
    assert isinstance(control, MemoryTable)
    damage(control, "parents", "flow", {"paused": "no"})
    change_all(world, "Second")
    play(world)
    assert {row["name"] for row in world.target.rows.values()} == {"First"}
    assert {row["name"] for row in world.child_target.rows.values()} == {"Second"}
    found = world.state.control.flow("parents")
    assert found.block_kind is BlockKind.STATE
    assert "p2c unblock parents" in found.blocked

    def lifted(now: FlowControl) -> FlowControl:
        return replace(now.unblock(), paused=False)

    world.state.control.change_flow("parents", lifted)
    play(world)
    assert {row["name"] for row in world.target.rows.values()} == {"Second"}


def test_a_look_that_was_asked_for_is_not_lost_with_a_damaged_control_row() -> None:
    world = family()
    world.state.control.ask_to_look_again("children")
    control = world.state.control.table
    assert isinstance(control, MemoryTable)
    damage(control, "children", "flow", {"paused": "no"})
    world.state.control.change_flow("children", lambda now: replace(now.unblock(), paused=False))
    assert world.state.control.flow("children").look_again


def test_a_damaged_gate_is_written_again_by_the_next_probe() -> None:
    world = family()
    world.gates().close(Transient(System.FINOPS, "503"))
    control = world.state.control.table
    assert isinstance(control, MemoryTable)
    damage(control, System.FINOPS, "gate", {"strikes": "many"})
    change_all(world, "Second")
    play(world)
    assert {row["name"] for row in world.target.rows.values()} == {"Second"}
    assert not world.state.control.gate(System.FINOPS).closed


def test_a_damaged_environment_holds_messages_until_an_operator_accepts_that_of_today() -> None:
    world = family()
    control = world.state.control.table
    assert isinstance(control, MemoryTable)
    for flow in world.flows:
        damage(control, flow, "environment", {"company": 7})
    change_all(world, "Second")
    play(world)
    assert {row["name"] for row in world.target.rows.values()} == {"First"}
    commands = world.service().commands(world.service().audit_log("operator"))
    for flow in world.flows:
        blocked = world.state.control.flow(flow).blocked
        assert "table control" in blocked
        assert commands.accept(flow, blocked)
    play(world)
    assert {row["name"] for row in world.target.rows.values()} == {"Second"}


def test_a_damaged_checkpoint_stops_the_pull_of_its_flow_alone() -> None:
    world = family()
    checkpoints = world.state.snapshots
    assert isinstance(checkpoints, MemoryTable)
    damage(checkpoints, "parents", "pull", {"phase": "later"})
    change_all(world, "Second")
    with pytest.raises(StateUnreadable, match=r"row pull of partition parents in table checkpoints.*phase.*p2c drop"):
        world.pull("parents")
    world.pull("children")
    world.queues.send("parents", HintMessage("parents", "r", (Hint("p1"),)).to_body())
    world.sweep()
    world.drain()
    assert {row["name"] for row in world.child_target.rows.values()} == {"Second"}
    assert world.target.rows["p1"]["name"] == "Second"
    assert world.target.rows["p2"]["name"] == "First"


def test_a_damaged_snapshot_queues_its_products_once_more_and_loses_none() -> None:
    world = World(flows=("products",))
    for number in range(6):
        world.stock.save(f"n{number}", number=f"N{number}", name="First")
    play(world)
    checkpoints = world.state.snapshots
    assert isinstance(checkpoints, MemoryTable)
    for place in [place for place in checkpoints.content() if place[1].startswith("snapshot-")]:
        damage(checkpoints, *place, {"p00": "no bytes"})
    world.stock.save("n1", name="Second")
    world.stock.remove("n2")
    play(world)
    assert world.product_target.rows["n1"]["name"] == "Second"
    assert world.state.links.load("products", ["n2"])["n2"].state is LinkState.DELETED
    assert causes(world, "products") == {}


def test_a_failure_that_a_wrong_clock_has_put_off_for_years_is_tried() -> None:
    world = family()
    refused = RecordRejected("no", "no", remedy="none")
    world.target.fault = lambda write: refused if write.id == "p2" else None
    world.source.save("p2", name="Second")
    play(world)
    world.target.fault = lambda _write: None
    far = world.clock.now() + LAST_RETRY + timedelta(days=300)
    damage(world.links_table, "parents", failure_key("p2"), {"next_try": far})
    play(world)
    assert causes(world, "parents") == {}


SHAPES: dict[str, dict[str, Cell | None]] = {
    "an item without its price list": {"applied": '{"productpricelevel":{"amount":1}}'},
    "an item that is a text": {"applied": '{"productpricelevel":"x"}'},
    "a state that is a list": {"applied": '{"statecode":[1]}'},
    "a place without its unit": {"places": '[{"pricelevelid":"x"}]'},
    "a place of numbers": {"places": '[{"pricelevelid":1,"uomid":2}]'},
    "content of another mapping": {"applied": '{"name":{"a":[1]},"price":[],"strange":true}'},
}


@pytest.mark.parametrize("cells", SHAPES.values(), ids=SHAPES)
def test_a_product_whose_remembered_content_has_another_form_holds_up_no_other(cells: dict[str, Cell | None]) -> None:
    with assortment() as shop:
        shop.put("P-1", "P-2", "P-3")
        shop.settle(2)
        links = shop.service.state.links.table
        assert isinstance(links, MemoryTable)
        damage(links, "products", link_key("P-2"), cells)
        for number in ("P-1", "P-2", "P-3"):
            shop.change(number, ProductName="Second")
        shop.settle(16)
        named = {number: (shop.product(number) or {})["name"] for number in ("P-1", "P-2", "P-3")}
        failures = {each.id: each.cause for each in shop.service.state.failures.page("products", "", 9)[0]}
        assert (named["P-1"], named["P-3"]) == ("Second", "Second")
        assert failures == {} if named["P-2"] == "Second" else failures == {"P-2": STATE_UNREADABLE}
        assert shop.depth() == 0
