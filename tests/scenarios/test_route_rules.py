"""Routes, moving keys, and parents by route (protocol W1, W2; rules.md, Contacts): one record, several targets."""

from dataclasses import replace
from itertools import permutations

import pytest

from shared.errors import NotSent, OutcomeUnknown, RecordRejected, SyncError
from shared.records import Write
from shared.state.links import Link, LinkState
from shared.systems import System
from tests.support.invariants import check, left
from tests.support.trade import CONTACT, CUSTOMER
from tests.support.world import TRADE, World


def trading() -> World:
    """Two accounts in step."""
    world = World(flows=TRADE)
    world.source.save("a1", number="A1", name="One")
    world.source.save("a2", number="A2", name="Two")
    world.settle(hours=0.05)
    return world


def with_contact() -> World:
    """A contact person of the first account."""
    world = trading()
    world.people.save("m1", number="M1", name="Ana", parent="a1")
    world.settle(hours=0.05)
    assert link(world).key_on(CONTACT) == "M1/A1"
    return world


def link(world: World, id: str = "m1", flow: str = "people") -> Link:
    return world.state.links.load(flow, [id])[id]


def test_a_record_is_written_on_its_route_only() -> None:
    world = with_contact()
    assert set(world.contacts.rows) == {"m1/a1"}
    assert world.customers.rows == {}


def test_a_record_that_changes_its_route_leaves_its_former_target_as_it_is_and_linked() -> None:
    world = with_contact()
    before = dict(world.contacts.rows["m1/a1"])
    world.people.save("m1", name="Ana as customer", customer=True)
    world.settle()
    check(world)
    assert world.customers.rows["m1"]["name"] == "Ana as customer"
    assert world.contacts.rows["m1/a1"] == before
    assert (link(world).key_on(CUSTOMER), left(link(world), CONTACT)) == ("M1", ["M1/A1"])


def test_once_on_a_route_that_stays_only_that_target_is_written() -> None:
    world = with_contact()
    world.people.save("m1", customer=True)
    world.settle()
    world.people.save("m1", customer=False, name="Later")
    world.settle()
    check(world)
    assert world.customers.rows["m1"]["name"] == "Later"
    assert world.contacts.rows["m1/a1"]["name"] == "Ana"


def test_a_record_whose_new_target_is_refused_is_listed_and_goes_back_to_the_former_one_when_it_returns() -> None:
    world = with_contact()
    world.customers.fault = lambda _write: RecordRejected("group", "no group", remedy="")
    world.people.save("m1", customer=True, name="Refused")
    world.settle(hours=0.2)
    assert link(world).state is LinkState.REJECTED
    world.people.save("m1", customer=False, name="Back")
    world.settle()
    check(world)
    assert world.contacts.rows["m1/a1"]["name"] == "Back"
    assert sum(write.create for write in world.contacts.writes) == 1
    assert (link(world).key_on(CONTACT), link(world).former) == ("M1/A1", ())


def test_a_field_that_was_cleared_while_the_record_was_on_its_way_to_another_target_is_emptied() -> None:
    world = with_contact()
    world.customers.fault = lambda _write: RecordRejected("group", "no group", remedy="")
    world.people.save("m1", customer=True)
    world.settle(hours=0.2)
    world.people.save("m1", customer=False, name=None)
    world.settle()
    check(world)
    assert world.contacts.rows["m1/a1"]["name"] == ""
    assert link(world).former == ()


def test_a_record_that_moves_ends_its_row_under_the_former_key_and_gets_a_new_one() -> None:
    world = with_contact()
    world.people.save("m1", parent="a2")
    world.settle()
    check(world)
    assert {key: row["hold"] for key, row in world.contacts.rows.items()} == {"m1/a1": "All", "m1/a2": "No"}
    assert left(link(world), CONTACT) == ["M1/A1"]


def test_a_record_that_moves_to_a_parent_that_is_not_there_yet_stays_where_it_is_and_waits() -> None:
    world = with_contact()
    world.people.save("m1", parent="a3", name="Moving")
    world.settle(hours=0.1)
    assert link(world).state is LinkState.WAITING
    assert world.contacts.rows == {"m1/a1": {"name": "Ana", "hold": "No"}}
    world.source.save("a3", number="A3", name="Three")
    world.settle()
    check(world)
    assert world.contacts.rows["m1/a3"]["name"] == "Moving"


def test_a_record_that_moves_back_finds_its_former_row_again() -> None:
    world = with_contact()
    for parent in ("a2", "a1"):
        world.people.save("m1", parent=parent)
        world.settle()
        check(world)
    assert {key: row["hold"] for key, row in world.contacts.rows.items()} == {"m1/a1": "No", "m1/a2": "All"}
    assert sum(write.create for write in world.contacts.writes) == 2
    assert left(link(world), CONTACT) == ["M1/A2"]


def test_a_former_row_that_is_gone_in_the_target_is_made_again() -> None:
    world = with_contact()
    world.people.save("m1", parent="a2")
    world.settle()
    del world.contacts.rows["m1/a1"]
    world.people.save("m1", parent="a1")
    world.settle()
    check(world)
    assert world.contacts.rows["m1/a1"] == {"name": "Ana", "hold": "No"}


def test_a_row_under_the_former_key_that_is_gone_needs_no_end() -> None:
    world = with_contact()
    del world.contacts.rows["m1/a1"]
    world.people.save("m1", parent="a2")
    world.settle()
    check(world)
    assert set(world.contacts.rows) == {"m1/a2"}


def test_nobody_else_gets_a_key_that_a_record_has_left() -> None:
    world = with_contact()
    world.people.save("m1", parent="a2")
    world.settle()
    world.people.save("m2", number="M1", name="Other", parent="a1")
    world.settle(hours=0.2)
    assert world.state.failures.load("people", ["m2"])["m2"].cause == "key_taken"
    assert world.contacts.rows["m1/a1"]["name"] == "Ana"


def test_an_end_that_is_refused_keeps_the_record_at_its_former_row_and_is_listed() -> None:
    world = with_contact()
    world.contacts.fault = lambda write: (
        RecordRejected("locked", "locked", remedy="") if write.values == {"hold": "All"} else None
    )
    world.people.save("m1", parent="a2")
    world.settle(hours=0.2)
    assert link(world).key_on(CONTACT) == "M1/A1"
    assert world.state.failures.load("people", ["m1"])["m1"].cause == "locked"
    world.contacts.fault = lambda _write: None
    world.people.save("m1", name="Again")
    world.settle()
    check(world)
    assert world.contacts.rows["m1/a2"]["name"] == "Again"


@pytest.mark.parametrize("lands", [True, False])
def test_a_move_whose_answers_get_lost_ends_one_row_and_makes_one(lands: bool) -> None:
    world = with_contact()
    lost = iter([True, False, True, False, False, False])

    def fault(_write: Write) -> OutcomeUnknown | None:
        return OutcomeUnknown(System.FINOPS, "no answer") if next(lost, False) else None

    world.contacts.fault, world.contacts.lands = fault, lands
    world.people.save("m1", parent="a2")
    world.settle(hours=2)
    check(world)
    assert {key: row["hold"] for key, row in world.contacts.rows.items()} == {"m1/a1": "All", "m1/a2": "No"}
    assert sum(write.create for write in world.contacts.writes) == 2


def test_an_ended_contact_is_held_and_taken_off_hold_when_it_comes_back() -> None:
    world = with_contact()
    world.people.save("m1", state="inactive")
    world.settle()
    assert (link(world).state, world.contacts.rows["m1/a1"]["hold"]) == (LinkState.ENDED, "All")
    world.people.save("m1", state=None)
    world.settle()
    check(world)
    assert world.contacts.rows["m1/a1"]["hold"] == "No"


def test_a_contact_whose_account_is_taken_away_ends() -> None:
    world = with_contact()
    world.people.save("m1", parent=None)
    world.settle()
    check(world)
    assert (link(world).state, link(world).rule) == (LinkState.ENDED, "nobody")
    assert world.contacts.rows["m1/a1"]["hold"] == "All"


def test_a_child_waits_until_its_parent_is_linked_on_the_route_that_it_needs() -> None:
    world = with_contact()
    world.documents.save("d1", name="Quote", customer="m1")
    world.settle(hours=0.1)
    assert link(world, "d1", "documents").state is LinkState.WAITING, "a contact person is no customer"
    world.people.save("m1", customer=True)
    world.pull("people")
    world.drain()
    assert world.document_target.rows["d1"] == {"name": "Quote", "customer": "M1", "group": "10"}
    world.settle()
    check(world)


def test_a_child_of_a_filtered_parent_is_filtered_with_that_rule_until_it_is_no_longer() -> None:
    world = trading()
    world.people.save("m1", number="M1", name="Ana")
    world.documents.save("d1", name="Quote", customer="m1")
    world.settle(hours=0.1)
    assert link(world, "d1", "documents").rule == "parent filtered by nobody"
    world.people.save("m1", parent="a1")
    world.settle(hours=0.1)
    assert link(world, "d1", "documents").state is LinkState.WAITING
    world.people.save("m1", customer=True)
    world.settle()
    check(world)
    assert "d1" in world.document_target.rows


def test_a_contact_of_a_filtered_account_is_filtered_with_that_rule() -> None:
    world = trading()
    world.source.save("a1", state="foreign")
    world.source.save("a9", number="A9", name="Nine", state="foreign")
    world.people.save("m1", number="M1", name="Ana", parent="a9")
    world.settle(hours=0.1)
    assert link(world).rule == "parent filtered by foreign"


@pytest.mark.parametrize("order", list(permutations(TRADE)), ids=">".join)
def test_parents_and_children_that_arrive_in_any_order_end_the_same(order: tuple[str, ...]) -> None:
    world = World(flows=TRADE)
    world.source.save("a1", number="A1", name="One")
    world.people.save("m1", number="M1", name="Contact", parent="a1")
    world.people.save("m2", number="M2", name="Customer", parent="a1", customer=True)
    world.people.save("m3", number="M3", name="Customer of nobody", customer=True)
    for number, customer in ((1, "m2"), (2, "m3")):
        world.documents.save(f"d{number}", name="Quote", customer=customer)
        world.documents.save_line(f"d{number}", 1, 5)
    for flow in order:
        world.pull(flow)
        world.drain([flow])
    for flow in order:
        world.drain([flow])
    assert set(world.document_target.rows) == {"d1", "d2"}, "the children were not released by their parents' commits"
    assert (set(world.contacts.rows), set(world.customers.rows)) == ({"m1/a1"}, {"m2", "m3"})
    world.settle(hours=0.1)
    check(world)


@pytest.mark.parametrize("trouble", [RecordRejected("group", "no group", remedy=""), NotSent("no time")])
def test_a_contact_person_whose_way_to_the_other_route_failed_ends_when_the_record_does(trouble: SyncError) -> None:
    world = with_contact()
    world.customers.fault = lambda _write: trouble
    world.people.save("m1", customer=True)
    world.pull("people")
    world.drain(["people"]) if isinstance(trouble, RecordRejected) else world.host_once("people")
    world.people.save("m1", state="inactive")
    world.settle()
    check(world)
    assert (link(world).state, world.contacts.rows["m1/a1"]["hold"]) == (LinkState.ENDED, "All")


def test_a_move_after_a_failed_change_of_route_leaves_one_contact_person_active() -> None:
    world = with_contact()
    world.customers.fault = lambda _write: RecordRejected("group", "no group", remedy="")
    world.people.save("m1", customer=True)
    world.settle(hours=0.1)
    world.people.save("m1", customer=False, parent="a2")
    world.settle()
    check(world)
    assert {key: row["hold"] for key, row in world.contacts.rows.items()} == {"m1/a1": "All", "m1/a2": "No"}


def test_a_record_that_has_begun_to_move_is_never_out_of_scope() -> None:
    world = with_contact()
    world.mappers["people"] = replace(world.mappers["people"], scope=lambda _row: False)
    world.people.save("m1", parent="a2")
    world.settle()
    check(world)
    assert world.contacts.rows["m1/a2"]["hold"] == "No"


def test_a_record_leaves_its_row_only_for_a_key_that_it_can_have() -> None:
    world = with_contact()
    world.contacts.rows["m1/a2"] = {"name": "Entered by hand"}
    world.people.save("m1", parent="a2")
    world.settle(hours=0.2)
    assert world.state.failures.load("people", ["m1"])["m1"].cause == "target_exists"
    assert world.contacts.rows["m1/a1"] == {"name": "Ana", "hold": "No"}
    assert link(world).key_on(CONTACT) == "M1/A1"


def test_the_records_own_number_never_changes_on_a_route_that_lets_it_move() -> None:
    world = with_contact()
    world.people.save("m1", number="M9")
    world.settle(hours=0.2)
    assert world.state.failures.load("people", ["m1"])["m1"].cause == "key_changed"
    assert set(world.contacts.rows) == {"m1/a1"}


def test_a_former_row_is_found_again_whatever_the_letters_of_its_key_are() -> None:
    world = with_contact()
    world.people.save("m1", parent="a2")
    world.settle()
    world.people.save("m1", number="m1", parent="a1")
    world.settle()
    check(world)
    assert {key: row["hold"] for key, row in world.contacts.rows.items()} == {"m1/a1": "No", "m1/a2": "All"}


def test_a_number_that_is_taken_is_named_without_the_parent_that_is_part_of_the_key() -> None:
    world = with_contact()
    world.people.save("m2", number="M1", parent="a1", name="Another")
    world.settle(hours=0.2)
    failure = world.state.failures.load("people", ["m2"])["m2"]
    assert failure.cause == "key_taken"
    assert "M1/A1 in Contacts belongs to another record: M1 of people (m1)" in failure.message
