"""Rows that cannot be read, mended by an operator: shown, begun anew without doubling anything, or dropped."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from shared.errors import RecordRejected
from shared.mapping.map_source import SHIPPED
from shared.operations.audit_log import Refused
from shared.operations.repair import Repairing, drop
from shared.state.decided_contents import decided_row
from shared.state.failures import STATE_UNREADABLE
from shared.state.links import LinkState, link_key
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Cell, Delete, Foreign, Put, Row, Table
from tests.scenarios.test_fault_damage import damage
from tests.support.invariants import check
from tests.support.operator import answer, operated, p2c
from tests.support.product import FLOW, Product, product
from tests.support.repeated import repeated
from tests.support.steps import Crash
from tests.support.trading import trading
from tests.support.world import World

LIVE_S = 3600.0


@pytest.fixture
def sync() -> Iterator[Product]:
    with product() as made, operated(made):
        yield made


def in_memory(table: Table) -> MemoryTable:
    """The table whose rows a test may change by hand."""
    assert isinstance(table, MemoryTable)
    return table


def damaged_link(sync: Product, id: str, **cells: Cell | None) -> None:
    """Somebody has damaged a link, and the sync has met it."""
    links = in_memory(sync.service.state.links.table)
    damage(links, FLOW, link_key(id), cells or {"state": "parked"})
    sync.edit(id, name="Renamed meanwhile")
    sync.tick()


def mending(sync: Product) -> Repairing:
    service = sync.service
    return service.repairing(FLOW, service.audit_log("operator"))


def places(sync: Product) -> list[tuple[str, str, str]]:
    """Where the damages are."""
    service = sync.service
    return [(each.table, each.key, each.property) for each in service.damages().found(service.flows)]


@pytest.mark.parametrize(
    "cells",
    [{"state": "parked"}, {"record_id": None, "target_key": 7, "route": None}, {"applied": "{"}, {"route": "newer"}],
    ids=["a newer state", "nothing usable", "bad JSON", "a newer route"],
)
def test_a_record_is_begun_again_with_its_own_customer_and_nothing_is_duplicated(
    sync: Product, cells: dict[str, Cell | None]
) -> None:
    ids = sync.linked(2)
    damaged_link(sync, ids[0], **cells)
    failure = sync.failure(ids[0])
    assert failure is not None
    assert failure.cause == STATE_UNREADABLE
    assert (sync.customer("A-0") or {})["OrganizationName"] != "Renamed meanwhile"
    sync.clock.sleep(LIVE_S)
    assert mending(sync).repair(ids[0]) == "A-0"
    sync.drain()
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Renamed meanwhile"
    assert sync.customers() == 2
    assert sync.failure(ids[0]) is None
    assert places(sync) == []
    sync.check_in_step(ids)


def test_a_record_whose_link_is_damaged_keeps_its_key_through_a_cleanup(sync: Product) -> None:
    ids = sync.linked(1)
    damaged_link(sync, ids[0])
    sync.clock.sleep(LIVE_S)
    sync.service.cleanup()
    assert mending(sync).repair(ids[0]) == "A-0"
    sync.drain()
    sync.check_in_step(ids)


def test_a_record_whose_link_is_lost_is_begun_again_with_its_own_customer(sync: Product) -> None:
    (id,) = sync.linked(1)
    links = sync.service.state.links.table
    links.transact([Delete(Row(FLOW, link_key(id), {}))])
    assert mending(sync).repair(id) == "A-0"
    sync.drain()
    assert sync.customers() == 1
    assert sync.link(id).state is LinkState.WRITTEN
    assert sync.failure(id) is None


def test_a_repair_of_which_the_storage_answers_the_repetition_only_is_made_and_queued(sync: Product) -> None:
    (id,) = sync.linked(1)
    damaged_link(sync, id)
    sync.clock.sleep(LIVE_S)
    with repeated(sync.service.state.links.table):
        assert mending(sync).repair(id) == "A-0"
    sync.drain()
    sync.check_in_step([id])


def test_a_record_that_owns_no_row_of_the_target_is_a_new_one(sync: Product) -> None:
    id = sync.account("A-7", address1_country="Atlantis")
    sync.tick()
    damaged_link(sync, id)
    sync.clock.sleep(LIVE_S)
    assert mending(sync).repair(id) is None
    sync.edit(id, address1_country="Germany")
    sync.tick()
    sync.settle(2)
    assert (sync.customer("A-7") or {})["OrganizationName"] == "Renamed meanwhile"
    assert sync.customers() == 1


def test_a_record_that_a_worker_may_have_in_its_hands_is_left_alone(sync: Product) -> None:
    (id,) = sync.linked(1)
    damaged_link(sync, id)
    with pytest.raises(Refused, match="a worker may be processing"):
        mending(sync).repair(id)
    with pytest.raises(Refused, match="nothing of unknown"):
        mending(sync).repair("unknown")


def test_a_record_gets_back_the_key_of_which_nobody_knows_the_owner(sync: Product) -> None:
    (id,) = sync.linked(1)
    service = sync.service
    keys = in_memory(service.state.keys)
    ((partition, key),) = keys.content()
    damage(keys, partition, key, {"flow": Foreign("float")})
    assert [place[0] for place in places(sync)] == ["keys"]
    with pytest.raises(Refused, match=rf"p2c repair accounts {id}"):
        drop(service.damages(), service.audit_log("operator"), "keys", partition, key)
    assert mending(sync).repair(id) == "A-0"
    assert places(sync) == []
    with pytest.raises(Refused, match="nothing of"):
        mending(sync).repair(id)
    sync.drain()
    sync.check_in_step([id])


def test_a_key_that_is_mended_is_told_so_though_the_storage_answers_the_repetition_only(sync: Product) -> None:
    (id,) = sync.linked(1)
    keys = in_memory(sync.service.state.keys)
    ((partition, key),) = keys.content()
    damage(keys, partition, key, {"flow": Foreign("float")})
    with repeated(keys):
        assert mending(sync).repair(id) == "A-0"
    assert places(sync) == []


def test_a_row_that_is_dropped_is_told_so_though_the_storage_answers_the_repetition_only(sync: Product) -> None:
    table = in_memory(sync.service.state.links.table)
    table.transact([Put(Row(FLOW, "F|x", {"x": Foreign("float")}))])
    with repeated(table):
        assert "Removed" in p2c("drop", "links", FLOW, "F|x", "--yes")
    assert answer("damaged") == []


def test_a_row_that_changes_before_it_is_dropped_stays(sync: Product) -> None:
    service = sync.service
    table = in_memory(service.state.links.table)
    row = Row(FLOW, "F|x", {"x": Foreign("float")})
    table.transact([Put(row)])
    audit_log = service.audit_log("operator")

    def note(*_: object, **__: object) -> None:
        table.transact([Put(row)])

    audit_log.note = note  # type: ignore[method-assign]
    with pytest.raises(Refused, match="has changed meanwhile"):
        drop(service.damages(), audit_log, "links", FLOW, "F|x")
    assert [place[:2] for place in places(sync)] == [("links", "F|x")]


def test_every_damaged_row_is_found_shown_and_dropped(sync: Product) -> None:
    (id,) = sync.linked(1)
    foreign = {"x": Foreign("float")}
    rows = {
        "links": [("accounts", key) for key in (f"F|{id}", "W|a|b|c|d", f"H|{id}|0|c", "P|x|y", "Z|strange")],
        "checkpoints": [("accounts", "pull"), ("accounts", "snapshot-000"), ("accounts", "snapshot-xyz")],
        "control": [("dataverse", "gate"), ("accounts", "flow"), ("finops", "filter"), ("accounts", "strange")],
        "runs": [("accounts", "1"), ("audit", "1")],
    }
    tables = sync.service.damages().tables
    for name, row in rows.items():
        for partition, key in row:
            cells = {"p00": "no bytes"} if key == "snapshot-000" else foreign
            tables[name].transact([Put(Row(partition, key, cells))])
    expected = {(name, partition, key) for name, row in rows.items() for partition, key in row}
    told = answer("damaged", code=1)
    assert {(each["table"], each["partition"], each["key"]) for each in told} == expected
    assert "Z|strange" in p2c("damaged", "accounts", code=1)
    assert all(each["remedy"] for each in told)
    for place in expected:
        assert "nothing was changed" in p2c("drop", *place, code=2)
        assert "Removed" in p2c("drop", *place, "--yes")
    assert answer("damaged") == []
    assert "it can be read" in p2c("drop", "links", "accounts", link_key(id), "--yes", code=2)
    assert "there is no such row" in p2c("drop", "links", "accounts", "x", "--yes", code=2)
    assert "there is no table" in p2c("drop", "rows", "accounts", "x", "--yes", code=2)


def test_what_an_operator_mends_or_accepts_is_not_dropped(sync: Product) -> None:
    (id,) = sync.linked(1)
    state = sync.service.state
    damage(in_memory(state.links.table), FLOW, link_key(id), {"state": "parked"})
    damage(in_memory(state.control.table), FLOW, "environment", {"company": 7})
    rows = [("links", FLOW, link_key(id)), ("control", FLOW, "environment")]
    assert {(each["table"], each["partition"], each["key"]) for each in answer("damaged", code=1)} == set(rows)
    assert f"p2c repair {FLOW} {id}" in p2c("drop", *rows[0], "--yes", code=2)
    assert f"p2c accept {FLOW}" in p2c("drop", *rows[1], "--yes", code=2)
    assert {(each["table"], each["partition"], each["key"]) for each in answer("damaged", code=1)} == set(rows)


def test_a_row_that_only_looks_like_a_link_is_dropped(sync: Product) -> None:
    table = in_memory(sync.service.state.links.table)
    table.transact([Put(Row(FLOW, "L|x=000041", {"record_id": "x"}))])
    assert "Removed" in p2c("drop", "links", FLOW, "L|x=000041", "--yes")


@pytest.mark.parametrize("cells", [{"flow": "newer"}, {"route": "newer"}], ids=str)
def test_a_key_whose_owner_this_version_does_not_know_is_listed_and_mended(
    sync: Product, cells: dict[str, Cell | None]
) -> None:
    (id,) = sync.linked(1)
    service = sync.service
    keys = in_memory(service.state.keys)
    ((partition, key),) = keys.content()
    damage(keys, partition, key, cells)
    keys.transact(
        [Put(Row(partition, "nobody's", {"key": "Nobody's", "record_id": "x", "flow": FLOW, "route": "old"}))]
    )
    assert places(sync) == [("keys", key, "flow"), ("keys", "nobody's", "flow")]
    assert f"p2c repair {FLOW} {id}" in p2c("drop", "keys", partition, key, "--yes", code=2)
    assert "Removed" in p2c("drop", "keys", partition, "nobody's", "--yes")
    assert mending(sync).repair(id) == "A-0"
    assert places(sync) == []


def test_a_damaged_row_is_found_whatever_letter_it_begins_with(sync: Product) -> None:
    sync.linked(1)
    keys = in_memory(sync.service.state.keys)
    ((partition, _),) = keys.content()
    keys.transact([Put(Row(partition, "\U0001f600", {"key": 7}))])
    assert places(sync) == [("keys", "\U0001f600", "key")]


def with_stale_key() -> World:
    """Record p1 has made the row K. Record a1 wanted it before, and is filtered: its link still holds the key."""
    world = World()
    world.source.save("a1", number="K", name="Filtered")
    world.target.fault = lambda _write: RecordRejected("no", "no", remedy="none")
    world.settle(hours=0.1)
    world.target.fault = lambda _write: None
    world.source.save("a1", state="foreign")
    world.source.save("p1", number="K", name="First")
    world.settle(hours=0.1)
    check(world)
    return world


def test_a_damaged_key_goes_back_to_the_record_that_has_the_row_and_not_to_one_that_only_wanted_it() -> None:
    world = with_stale_key()
    ((partition, key),) = world.keys_table.content()
    damage(world.keys_table, partition, key, {"record_id": None})
    service = world.service()
    mends = service.repairing("parents", service.audit_log("operator"))
    with pytest.raises(Refused, match="K is the key of parents p1: p2c repair parents p1"):
        mends.repair("a1")
    with pytest.raises(Refused, match="is the key of parents p1: p2c repair parents p1"):
        drop(service.damages(), service.audit_log("operator"), "keys", partition, key)
    assert mends.repair("p1") == "K"
    world.settle(hours=0.1)
    check(world)


def with_a_dead_take_over() -> World:
    """Record p1 has made the row K. A worker of record a1, which wants it too and may adopt, has noted that it is about
    to take the row over, and has died."""
    for step in range(1, 50):
        world = World(adopt=True)
        world.source.save("p1", number="K", name="First")
        world.settle(hours=0.1)
        world.source.save("a1", number="K", name="Second")
        world.pull()
        world.steps.crash_at(world.steps.count + step)
        with suppress(Crash):
            world.host_once()
        if world.state.links.load("parents", ["a1"])["a1"].intent is not None:
            return world
    raise AssertionError("no worker has noted it")


def test_a_damaged_key_goes_back_to_the_record_that_has_the_row_and_not_to_one_that_was_about_to_take_it_over() -> None:
    world = with_a_dead_take_over()
    ((partition, key),) = world.keys_table.content()
    damage(world.keys_table, partition, key, {"key": 7})
    service = world.service()
    mends = service.repairing("parents", service.audit_log("operator"))
    with pytest.raises(Refused, match="K is the key of parents p1: p2c repair parents p1"):
        mends.repair("a1")
    with pytest.raises(Refused, match="is the key of parents p1: p2c repair parents p1"):
        drop(service.damages(), service.audit_log("operator"), "keys", partition, key)
    assert mends.repair("p1") == "K"
    world.settle(hours=2)
    check(world)
    assert world.state.links.load("parents", ["p1"])["p1"].target_key == "K"
    assert world.state.failures.load("parents", ["a1"])["a1"].cause == "key_taken"


@pytest.mark.parametrize("begun", [with_stale_key, with_a_dead_take_over])
def test_a_damaged_key_that_a_record_only_wants_waits_for_a_link_that_may_have_made_its_row(
    begun: Callable[[], World],
) -> None:
    world = begun()
    ((partition, key),) = world.keys_table.content()
    damage(world.keys_table, partition, key, {"record_id": None})
    damage(world.links_table, "parents", link_key("p1"), {"route": "newer"})
    service = world.service()
    mends = service.repairing("parents", service.audit_log("operator"))
    with pytest.raises(Refused, match="may own this key; p2c repair parents p1 first"):
        mends.repair("a1")


def test_a_record_that_is_begun_again_is_still_known_by_the_key_that_it_had() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.settle(hours=0.1)
    damage(world.links_table, "parents", link_key("p1"), {"state": "parked", "last_key": "Former"})
    world.clock.sleep(LIVE_S)
    service = world.service()
    assert service.repairing("parents", service.audit_log("operator")).repair("p1") == "K"
    assert world.state.links.load("parents", ["p1"])["p1"].last_key == "Former"


def test_what_a_commit_leaves_for_the_next_pull_is_no_damaged_row(sync: Product) -> None:
    for row in (decided_row("products", "P-1", bytes(8)), decided_row("products", "P-2", None)):
        sync.service.state.links.table.transact([Put(row)])
    assert [place for place in places(sync) if place[0] == "links"] == []


def test_the_command_line_shows_a_damaged_link_and_mends_it(sync: Product) -> None:
    (id,) = sync.linked(1)
    damaged_link(sync, id)
    assert "state is a word that this version does not know" in p2c("links", FLOW, "show", id)
    assert answer("links", FLOW, "show", id)["damage"]["property"] == "state"
    assert "parked" in p2c("links", FLOW, "show", "A-0")
    assert STATE_UNREADABLE in p2c("failures")
    assert "p2c repair" in p2c("explain", FLOW, id)
    assert "unreadable" in p2c("status", code=1)
    for deed in (("links", FLOW, "unlink", id), ("links", FLOW, "link", id), ("forget", FLOW, id)):
        assert "Traceback" not in p2c(*deed, "--yes", code=2)
    sync.clock.sleep(LIVE_S)
    assert "at A-0 in the target" in p2c("repair", FLOW, "A-0", "--yes")
    sync.drain()
    sync.check_in_step([id])
    assert "Every row can be read" in p2c("damaged")


def test_a_damaged_checkpoint_is_reported_with_its_remedy_and_dropped(sync: Product) -> None:
    ids = sync.linked(2)
    service = sync.service
    damage(in_memory(service.state.snapshots), FLOW, "pull", {"phase": "later"})
    assert "in table checkpoints" in p2c("sync", FLOW, "--full", code=3)
    assert "status" not in p2c("status", code=1)
    assert "Removed" in p2c("drop", "checkpoints", FLOW, "pull", "--yes")
    writes = sync.writes()
    sync.edit(ids[0], name="Second")
    sync.settle(3)
    assert sync.writes() == writes + 1, "what is unchanged is not written"
    sync.check_in_step(ids)


def test_a_contact_is_begun_again_at_the_row_that_the_mapping_names_of_those_that_it_owns() -> None:
    with trading() as desk:
        account = desk.account("A-1")
        contact = desk.contact(account)
        desk.tick()
        desk.settle(3)
        service = desk.service
        before = service.state.links.load("contacts", [contact])[contact]
        assert before.linked
        damage(in_memory(service.state.links.table), "contacts", link_key(contact), {"state": None, "route": 7})
        desk.clock.sleep(LIVE_S)
        mended = service.repairing("contacts", service.audit_log("operator")).repair(contact)
        assert mended == before.target_key
        desk.settle(3)
        after = service.state.links.load("contacts", [contact])[contact]
        assert (after.state, after.route, after.target_key) == (LinkState.WRITTEN, before.route, before.target_key)


def test_a_contact_is_begun_again_at_the_row_that_entries_set_by_hand_lead_to() -> None:
    document = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "countries": {}, "states": {}}
    with trading(MAP_DOCUMENT=json.dumps(document)) as desk, operated(desk):
        p2c("map", "set", "contacts", "countries", "Wakanda", "WK", "--reason", "a new customer")
        where = {"address1_country": "Wakanda", "address1_city": "Birnin Zana"}
        contact = desk.contact(desk.account("A-1"), **where)
        desk.settle(3)
        desk.sales.patch(f"contacts({contact})", {"msdynce_isactivecustomer": True}, If_Match="*")
        desk.settle(3)
        service = desk.service
        before = service.state.links.load("contacts", [contact])[contact]
        assert (before.route, [left.route for left in before.former]) == ("customer", ["contact"])
        damage(in_memory(service.state.links.table), "contacts", link_key(contact), {"state": None, "route": 7})
        desk.clock.sleep(LIVE_S)
        assert service.repairing("contacts", service.audit_log("operator")).repair(contact) == before.target_key


def test_a_record_that_waited_when_its_link_was_damaged_waits_no_longer_once_it_is_written() -> None:
    with trading() as desk:
        service = desk.service
        control = service.state.control
        control.change_flow("accounts", lambda now: replace(now, paused=True))
        contact = desk.contact(desk.account("A-1"))
        desk.tick()
        assert [wait.child for wait in service.state.waits.page("contacts", "", 10)[0]] == [contact]
        damage(in_memory(service.state.links.table), "contacts", link_key(contact), {"state": "parked"})
        desk.clock.sleep(LIVE_S)
        service.repairing("contacts", service.audit_log("operator")).repair(contact)
        control.change_flow("accounts", lambda now: replace(now, paused=False))
        desk.tick()
        desk.settle(3)
        assert service.state.links.load("contacts", [contact])[contact].state is LinkState.WRITTEN
        assert service.state.waits.page("contacts", "", 10)[0] == []
