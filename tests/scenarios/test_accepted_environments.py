"""Another environment that an operator accepts: what the links say of the former one is not taken for true of it."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RecordRejected
from shared.operations.audit_log import Refused
from shared.operations.repair import drop
from shared.operations.retarget import NewTarget
from shared.records import Json
from shared.state.keys import Owner
from shared.state.links import LinkState, link_key
from shared.state.storage.tables import Cell
from shared.systems import System
from tests.scenarios.test_crashes import fresh, moments
from tests.scenarios.test_fault_damage import damage
from tests.support.doubles import ROUTE
from tests.support.invariants import check
from tests.support.operator import operated, p2c
from tests.support.product import FLOW, product
from tests.support.steps import Crash
from tests.support.thinned import few_examples
from tests.support.trade import DocumentTarget
from tests.support.world import PRODUCTS, TRADE, World
from tests.unit.local import finops_environment

SAME, COPY, EMPTY = NewTarget


def trade() -> World:
    """Parents, contacts, customers and documents in step; one contact has moved, one document has ended."""
    return fresh(_traded)


def _traded() -> World:
    world = World(flows=TRADE, hold_on_end=True)
    for number in range(3):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Parent {number}")
    world.source.save("p3", number="P3", name="Bad", bad="yes")
    world.people.save("m1", number="M1", name="Contact", parent="p1")
    world.people.save("m2", number="M2", name="Customer", customer="yes")
    world.people.save("m3", number="M3", name="Nobody's")
    for number in range(3):
        world.documents.save(f"d{number}", name=f"Document {number}", customer="m2")
        world.documents.save_line(f"d{number}", 1, number)
    world.settle()
    world.people.save("m1", parent="p2")
    world.source.remove("p0")
    world.settle()
    check(world)
    return world


def targets(world: World) -> list[tuple[str, dict[str, dict[str, Json]]]]:
    """The rows of every target."""
    return [(flow, target.rows) for flow in world.flows for target in world.targets_of(flow)]


def emptied(world: World) -> None:
    """None of the rows is there."""
    for flow in world.flows:
        for target in world.targets_of(flow):
            target.rows.clear()
            if isinstance(target, DocumentTarget):
                target.lines.clear()


def copied(world: World) -> None:
    """A copy that was made before the last changes."""
    world.target.rows["p1"]["name"] = "Before"
    world.target.rows["p0"]["hold"] = "No"
    del world.target.rows["p2"]
    world.contacts.rows["m1/p1"]["hold"] = "No"
    del world.contacts.rows["m1/p2"]
    world.document_target.lines["d1"][1]["quantity"] = 99
    del world.document_target.rows["d2"]
    del world.document_target.lines["d2"]


def blocked(world: World, flow: str) -> str:
    return world.state.control.flow(flow).blocked


def accept(world: World, flow: str, target: NewTarget | None) -> None:
    service = world.service()
    assert service.commands(service.audit_log("operator")).accept(flow, blocked(world, flow), target)


def accept_everywhere(world: World, target: NewTarget | None) -> None:
    world.settle(hours=0.1)
    for flow in world.flows:
        assert "the environment changed" in blocked(world, flow)
        accept(world, flow, target)
    world.settle(hours=48)
    assert [blocked(world, flow) for flow in world.flows] == ["" for _ in world.flows]


@pytest.mark.parametrize("name", ["finops_origin", "company"])
@pytest.mark.parametrize(("target", "becomes"), [(EMPTY, emptied), (COPY, copied)])
def test_everything_is_brought_to_the_new_target(
    name: str, target: NewTarget, becomes: Callable[[World], None]
) -> None:
    world = trade()
    world.settings[name] = "another"
    world.company = "another" if name == "company" else world.company
    becomes(world)
    accept_everywhere(world, target)
    check(world)
    assert {"p1", "p2"} <= world.target.rows.keys()
    assert world.contacts.rows["m1/p2"]["hold"] == "No"
    assert world.document_target.lines["d2"][1]["quantity"] == 2


def test_what_has_ended_since_a_copy_was_made_ends_in_the_copy() -> None:
    world = trade()
    world.settings["finops_origin"] = "another"
    copied(world)
    accept_everywhere(world, COPY)
    assert world.target.rows["p0"]["hold"] == "All"


def test_a_field_that_an_ended_record_had_filled_is_emptied_in_a_copy_when_it_comes_back_without_it() -> None:
    world = World()
    world.source.save("p1", number="K", name="First", phone="1")
    world.settle(hours=0.1)
    world.source.save("p1", state="inactive")
    world.settle(hours=0.1)
    world.settings["finops_origin"] = "another"
    accept_everywhere(world, COPY)
    world.source.save("p1", state="", phone=None)
    world.settle()
    check(world)
    assert world.target.rows["k"]["phone"] == ""


def test_the_same_environment_under_another_address_keeps_all_links_and_is_not_written() -> None:
    world = trade()
    before = {flow: len(target.writes) for flow in world.flows for target in world.targets_of(flow)}
    world.settings["finops_origin"] = "another"
    accept_everywhere(world, SAME)
    assert {flow: len(target.writes) for flow in world.flows for target in world.targets_of(flow)} == before
    check(world)


def test_a_renamed_organisation_is_asked_for_nothing_and_another_one_is_read_from_its_beginning() -> None:
    world = trade()
    world.settings["dataverse_origin"] = "renamed"
    before = world.state.checkpoints.load("parents")
    accept_everywhere(world, None)
    after = world.state.checkpoints.load("parents")
    assert before is not None
    assert after is not None
    assert after.epoch == before.epoch
    world.systems[System.DATAVERSE].name = "copy"
    world.clock.sleep(3601)
    accept_everywhere(world, None)
    anew = world.state.checkpoints.load("parents")
    assert anew is not None
    assert anew.epoch != after.epoch
    check(world)


@pytest.mark.parametrize("target", [EMPTY, COPY])
def test_products_are_brought_to_another_organisation(target: NewTarget) -> None:
    world = World(flows=PRODUCTS)
    for number in range(5):
        world.stock.save(f"i{number}", number=f"I{number}", name=f"Product {number}", phone=str(number))
    world.settle()
    check(world)
    world.systems[System.DATAVERSE].name = "another"
    world.clock.sleep(3601)
    if target is EMPTY:
        world.product_target.rows.clear()
    else:
        del world.product_target.rows["i3"]
        world.product_target.rows["i1"]["phone"] = "old"
    accept_everywhere(world, target)
    check(world)


def test_an_operator_is_asked_what_the_target_is_before_anything_is_done() -> None:
    world = trade()
    world.settings["finops_origin"] = "another"
    world.settle(hours=0.1)
    before = world.links_table.content(), blocked(world, "parents"), world.state.audit.latest(10)
    with pytest.raises(Refused, match=r"--target same .*--target copy .*--target empty"):
        accept(world, "parents", None)
    assert (world.links_table.content(), blocked(world, "parents"), world.state.audit.latest(10)) == before


def test_another_company_is_not_the_same_target() -> None:
    world = trade()
    world.settings["company"] = "another"
    world.settle(hours=0.1)
    with pytest.raises(Refused, match="says that it is another one; pass --target copy or --target empty"):
        accept(world, "parents", SAME)
    with pytest.raises(Refused, match=r"first one|former one: --target copy"):
        accept(world, "parents", None)


def test_a_target_that_is_the_same_by_its_own_word_cannot_be_said_to_be_another() -> None:
    world = trade()
    world.settings["dataverse_origin"] = "renamed"
    world.settle(hours=0.1)
    with pytest.raises(Refused, match="is the same one; omit --target"):
        accept(world, "parents", EMPTY)


@pytest.mark.parametrize("target", [EMPTY, COPY])
def test_no_key_is_left_in_the_former_company(target: NewTarget) -> None:
    world = trade()
    former = len(world.state.keys.content())  # type: ignore[attr-defined]
    world.settings["company"] = "another"
    if target is EMPTY:
        emptied(world)
    world.company = "another"
    accept_everywhere(world, target)
    keys = world.state.keys.content()  # type: ignore[attr-defined]
    assert {partition.rpartition("|")[2] for partition, _ in keys} == {"another"}
    # What is gone or was left has nothing in an empty target.
    assert len(keys) == former - (2 if target is EMPTY else 0)
    check(world)


@pytest.mark.parametrize("target", [EMPTY, COPY])
def test_an_acceptance_that_is_interrupted_at_any_step_is_completed_by_the_next(target: NewTarget) -> None:
    before = trade()
    before.settings["company"] = before.company = "another"
    emptied(before)
    before.settle(hours=0.1)
    clean = deepcopy(before)
    tried = moments(clean, lambda: accept(clean, "parents", target))
    assert len(tried) > 5
    for number in tried:
        world = deepcopy(before)
        world.steps.crash_at(world.steps.count + number)
        with pytest.raises(Crash):
            accept(world, "parents", target)
        if blocked(world, "parents"):
            accept(world, "parents", target)
        for flow in ("people", "documents"):
            accept(world, flow, target)
        world.settle()
        check(world)


def back_again(world: World, rows: World) -> None:
    """The settings name the former company again, which has the rows of `rows`; an operator says so."""
    world.settings["company"] = world.company = rows.company
    for (_, present), (_, former) in zip(targets(world), targets(rows), strict=True):
        present.clear()
        present.update(deepcopy(former))
    world.document_target.lines.clear()
    world.document_target.lines.update(deepcopy(rows.document_target.lines))
    service = world.service()
    commands = service.commands(service.audit_log("operator"))
    for flow in world.flows:
        commands.unblock(flow, blocked(world, flow))
        world.pull(flow)
        if blocked(world, flow):
            accept(world, flow, COPY)
    world.settle()
    check(world)
    assert [rows.keys() for _, rows in targets(world)] == [former.keys() for _, former in targets(rows)]


def test_an_acceptance_that_is_interrupted_at_any_step_can_be_taken_back() -> None:
    former = trade()
    before = deepcopy(former)
    before.settings["company"] = before.company = "another"
    emptied(before)
    before.settle(hours=0.1)
    clean = deepcopy(before)
    for number in moments(clean, lambda: accept(clean, "parents", EMPTY)):
        world = deepcopy(before)
        world.steps.crash_at(world.steps.count + number)
        with pytest.raises(Crash):
            accept(world, "parents", EMPTY)
        back_again(world, former)


@pytest.mark.parametrize("changes", [False, True])
def test_records_that_have_come_to_another_company_with_nothing_find_their_rows_when_they_come_back(
    changes: bool,
) -> None:
    former = trade()
    world = deepcopy(former)
    world.settings["company"] = world.company = "another"
    emptied(world)
    world.settle(hours=0.1)
    for flow in world.flows:
        accept(world, flow, EMPTY)
    if changes:
        # Before it has come to the other company; it is ended in the one to which it comes back.
        world.source.remove("p1")
        world.pull("parents")
        world.host_once("parents")
    back_again(world, former)
    assert world.target.rows["p1"]["hold"] == ("All" if changes else "No")


def with_stale_key() -> World:
    """Record p1 has made the row K. Record z9 wanted it before, and is filtered: its link still holds the key."""
    world = World()
    world.source.save("z9", number="K", name="Filtered")
    world.target.fault = lambda _write: RecordRejected("no", "no", remedy="none")
    world.settle(hours=0.1)
    world.target.fault = lambda _write: None
    world.source.save("z9", state="foreign")
    world.source.save("p1", number="K", name="First")
    world.settle(hours=0.1)
    assert world.state.links.load("parents", ["z9"])["z9"].held_key == "K"
    assert world.state.links.load("parents", ["p1"])["p1"].target_key == "K"
    check(world)
    return world


@pytest.mark.parametrize("target", [EMPTY, COPY])
def test_a_key_that_a_filtered_record_only_wanted_stays_with_the_record_that_has_the_row(target: NewTarget) -> None:
    world = with_stale_key()
    world.settings["company"] = world.company = "another"
    if target is EMPTY:
        emptied(world)
    accept_everywhere(world, target)
    check(world)
    assert {partition.rpartition("|")[2] for partition, _ in world.keys_table.content()} == {"another"}


def test_a_key_that_another_record_owns_in_the_new_company_is_not_taken_from_it() -> None:
    world = trade()
    world.settings["company"] = world.company = "another"
    service = world.service()
    keys = service.state.keys_of(service.flows["parents"], service.flows["parents"].route(ROUTE))
    keys.own({"P1": Owner("parents", ROUTE, "stranger")})
    world.settle(hours=0.1)
    with pytest.raises(Refused, match=r"P1 .*owned by parents p1 in company usmf, and by parents stranger .*unlink"):
        accept(world, "parents", COPY)
    assert blocked(world, "parents")
    assert keys.owners(["P1"])["P1"].owner.id == "stranger"


DAMAGED: list[dict[str, Cell | None]] = [{"route": "newer"}, {"state": "parked"}]


@pytest.mark.parametrize("cells", DAMAGED, ids=str)
@pytest.mark.parametrize("target", [EMPTY, COPY])
@pytest.mark.parametrize("name", ["finops_origin", "company"])
def test_a_damaged_link_is_corrected_before_another_environment_is_accepted(
    name: str, target: NewTarget, cells: dict[str, Cell | None]
) -> None:
    world = trade()
    damage(world.links_table, "people", link_key("m1"), cells)
    world.settings[name] = "another"
    world.company = "another" if name == "company" else world.company
    if target is EMPTY:
        emptied(world)
    world.settle(hours=0.5)
    with pytest.raises(Refused, match=r"1 link of people cannot be read.*p2c repair people RECORD.* m1;"):
        accept(world, "people", target)
    service = world.service()
    assert service.repairing("people", service.audit_log("operator")).repair("m1") in ("M1/P1", "M1/P2")
    accept_everywhere(world, target)
    check(world)
    assert "m1/p2" in world.contacts.rows


def test_a_damaged_key_is_corrected_before_another_company_is_accepted() -> None:
    world = trade()
    world.settings["company"] = world.company = "another"
    world.settle(hours=0.1)
    (place,) = [place for place in world.keys_table.content() if place[1] == "p1"]
    damage(world.keys_table, *place, {"flow": "newer"})
    with pytest.raises(Refused, match=r"row p1 .*p2c repair"):
        accept(world, "parents", COPY)
    service = world.service()
    with pytest.raises(Refused, match="p2c repair parents p1"):
        drop(service.damages(), service.audit_log("operator"), "keys", *place)
    assert service.repairing("parents", service.audit_log("operator")).repair("p1") == "P1"
    accept_everywhere(world, COPY)
    check(world)


def test_a_record_that_is_gone_owns_no_key_in_an_empty_target() -> None:
    world = trade()
    world.settings["finops_origin"] = "another"
    emptied(world)
    accept_everywhere(world, EMPTY)
    assert world.state.links.load("parents", ["p0"])["p0"].state is LinkState.DELETED
    assert "p0" not in str(world.state.keys.content())  # type: ignore[attr-defined]


_DEEDS = ["empty", "copy", "company", "organisation", "host", "pull", "sweep", "edit", "number", "gone"]


@few_examples()
@given(st.lists(st.sampled_from(_DEEDS), min_size=3, max_size=20))
def test_whatever_environments_are_accepted_in_the_middle_of_anything_all_ends_in_step(
    acts: Sequence[str],
) -> None:
    world = trade()
    for at, act in enumerate(acts):
        match act:
            case "empty" | "copy" | "company" | "organisation":
                _move(world, act, at)
            case "host":
                for flow in world.flows:
                    world.host_once(flow)
            case "pull":
                for flow in world.flows:
                    world.pull(flow)
            case "sweep":
                world.sweep()
            case "edit":
                world.source.save(f"p{1 + at % 3}", number=f"P{1 + at % 3}", name=f"Edited {at}", bad=None)
                world.documents.save_line("d1", 1 + at % 3, at)
            case "number":
                world.people.save("m1", parent=f"p{1 + at % 2}")
            case "gone":
                world.source.save(f"n{at}", number=f"N{at}", name="New")
    world.settle(hours=2)
    check(world)


def _move(world: World, act: str, at: int) -> None:
    """To another environment, which is accepted flow by flow."""
    target: NewTarget | None = EMPTY
    match act:
        case "organisation":
            world.systems[System.DATAVERSE].name = f"organisation {at}"
            world.clock.sleep(3601)
            target = None
        case "company":
            world.settings["company"] = world.company = f"c{at}"
        case _:
            world.settings["finops_origin"] = f"https://{at}"
    if act == "copy":
        target = COPY
        for _, rows in targets(world):
            for key in list(rows)[at % 3 :: 3]:
                del rows[key]
    elif act != "organisation":
        emptied(world)
    for flow in world.flows:
        world.pull(flow)
        accept(world, flow, target)


# --- between the simulators -------------------------------------------------------------------------------------------


def test_customers_are_created_in_another_environment_of_finops() -> None:
    with product() as sync, operated(sync), finops_environment.environment() as second:
        ids = sync.linked(3)
        sync.know(second.base_url, sync.finops.base_url)
        sync.finops = second
        sync.start(FINOPS_URL=second.base_url)
        sync.tick()
        assert sync.customers() == 0
        assert "--target same" in p2c("accept", FLOW, "--yes", code=2)
        p2c("accept", FLOW, "--target", "empty", "--yes")
        sync.settle()
        sync.check_in_step(ids)
        assert "target empty" in p2c("audit")
