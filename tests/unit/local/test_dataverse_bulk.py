"""CreateMultiple, UpdateMultiple and UpsertMultiple of the simulated Dataverse."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
import requests

from local.dataverse.settings import Settings
from tests.support.patience import PATIENCE_S
from tests.unit.local.batch_bodies import CONTENT_TYPE, Op, answers_in, body_of
from tests.unit.local.dataverse_world import World, code, dataverse

MISSING = "11111111-1111-1111-1111-111111111111"
BULK = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")


@pytest.fixture
def world() -> Iterator[World]:
    with dataverse() as running:
        yield running


def send(world: World, message: str, targets: object, entity: str = "contact") -> requests.Response:
    return world.send("POST", f"{entity}s/Microsoft.Dynamics.CRM.{message}", {"Targets": targets})


def target(table: str = "contact", /, **values: object) -> dict[str, Any]:
    return {"@odata.type": f"Microsoft.Dynamics.CRM.{table}", **values}


def by_number(number: str, **values: object) -> dict[str, Any]:
    return target(**{"@odata.id": f"contacts(msdynce_contactnumber='{number}')"}, **values)


def people(world: World) -> dict[str, Any]:
    """The last names of all contacts by their numbers."""
    rows = world.rows("contacts?$select=lastname,msdynce_contactnumber")
    return {row["msdynce_contactnumber"]: row["lastname"] for row in rows}


def test_new_rows_are_answered_with_their_ids_in_order(world: World) -> None:
    reply = send(world, "CreateMultiple", [target(lastname=name) for name in "ABC"])
    content = reply.json()
    assert reply.status_code == 200
    assert content["@odata.context"].endswith("/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse")
    assert [world.get(f"contacts({row})").json()["lastname"] for row in content["Ids"]] == ["A", "B", "C"]


def test_every_new_row_passes_what_a_single_one_passes(world: World) -> None:
    catalogue = world.catalogue()
    units = {
        "defaultuomid@odata.bind": f"/uoms({catalogue['unit']})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalogue['schedule']})",
    }
    bikes = [target("product", productnumber=f"P-{n}", name="Bike", quantitydecimal=0, **units) for n in (1, 2, 1)]
    assert send(world, "CreateMultiple", bikes[:2], "product").status_code == 200
    assert code(send(world, "CreateMultiple", bikes[2:], "product")) == (400, "0x80043b06")
    assert [row["statecode"] for row in world.rows("products?$select=statecode")] == [2, 2]


@pytest.mark.parametrize(
    ("message", "bad", "error"),
    [
        ("CreateMultiple", {"lastname": "x" * 51}, (400, "0x80044331")),
        ("CreateMultiple", {"lastname": "B", "msdynce_contactnumber": "C-0"}, (412, "0x80060892")),
        ("CreateMultiple", {"lastname": "B", "parentcustomerid_account@odata.bind": f"accounts({MISSING})"}, None),
        ("UpdateMultiple", {"contactid": MISSING, "lastname": "B"}, (404, "0x80040217")),
        ("UpsertMultiple", {"contactid": MISSING, "nope": "B"}, (400, "0x80048d19")),
    ],
)
def test_one_refused_row_refuses_all_with_the_error_that_it_has_alone(
    world: World, message: str, bad: Mapping[str, object], error: tuple[int, str] | None
) -> None:
    standing = world.create("contacts", lastname="Zero", msdynce_contactnumber="C-0")
    good = {"lastname": "A"} if message == "CreateMultiple" else {"contactid": standing, "lastname": "A"}
    reply = send(world, message, [target(**good), target(**bad)])
    assert code(reply) == (error or (404, "0x80040217"))
    assert people(world) == {"C-0": "Zero"}


def test_rows_are_updated_by_their_id(world: World) -> None:
    rows = [world.create("contacts", lastname="Old", msdynce_contactnumber=f"C-{n}") for n in range(2)]
    reply = send(world, "UpdateMultiple", [target(contactid=row, lastname=f"New {row[:4]}") for row in rows])
    assert (reply.status_code, reply.content) == (204, b"")
    assert people(world) == {f"C-{n}": f"New {row[:4]}" for n, row in enumerate(rows)}


def test_of_two_updates_of_a_row_only_the_first_counts(world: World) -> None:
    row = world.create("contacts", lastname="Old", msdynce_contactnumber="C-1")
    twice = [target(contactid=row, lastname="First"), target(contactid=row.upper(), lastname="Second")]
    assert send(world, "UpdateMultiple", twice).status_code == 204
    assert people(world) == {"C-1": "First"}


def test_an_update_knows_no_alternate_keys(world: World) -> None:
    world.create("contacts", lastname="Old", msdynce_contactnumber="C-1")
    assert code(send(world, "UpdateMultiple", [by_number("C-1", lastname="New")])) == (400, "0x80040203")


def test_an_upsert_creates_and_updates_by_alternate_key_and_tells_nothing(world: World) -> None:
    world.create("contacts", lastname="Old", msdynce_contactnumber="C-1")
    reply = send(world, "UpsertMultiple", [by_number("C-1", lastname="New"), by_number("C-2", lastname="Two")])
    assert (reply.status_code, reply.content) == (204, b"")
    assert "OData-EntityId" not in reply.headers
    assert people(world) == {"C-1": "New", "C-2": "Two"}


def test_an_upsert_creates_and_updates_by_id(world: World) -> None:
    known, fresh = world.create("contacts", lastname="Old"), str(uuid4())
    targets = [target(contactid=known, lastname="New"), target(contactid=fresh, lastname="Fresh")]
    assert send(world, "UpsertMultiple", targets).status_code == 204
    assert [world.get(f"contacts({row})").json()["lastname"] for row in (known, fresh)] == ["New", "Fresh"]


@pytest.mark.parametrize("is_known", [False, True])
def test_two_upserts_of_a_row_are_refused_however_they_name_it(world: World, is_known: bool) -> None:
    row = world.create("contacts", lastname="Old", msdynce_contactnumber="C-1")
    number = "c-1" if is_known else "C-2"
    for first in [by_number(number.upper(), lastname="A"), target(contactid=row, msdynce_contactnumber=number)]:
        assert code(send(world, "UpsertMultiple", [first, by_number(number, lastname="B")])) == (412, "0x80040237")
    assert people(world) == {"C-1": "Old"}


@pytest.mark.parametrize("message", BULK)
@pytest.mark.parametrize(
    ("targets", "error"),
    [
        (None, "0x80048d19"),
        ({}, "0x80048d19"),
        ([], "0x80040203"),
        (["A"], "0x80048d19"),
        ([{"contactid": MISSING, "lastname": "A"}], "0x80048d19"),
        ([{"@odata.type": "Microsoft.Dynamics.CRM.account", "contactid": MISSING}], "0x80048d19"),
    ],
)
def test_targets_are_objects_that_tell_their_type(world: World, message: str, targets: object, error: str) -> None:
    assert code(send(world, message, targets)) == (400, error)


@pytest.mark.parametrize("message", ["UpdateMultiple", "UpsertMultiple"])
@pytest.mark.parametrize(("values", "error"), [({}, "0x80040203"), ({"contactid": "1"}, "0x80048d19")])
def test_a_target_must_name_its_row(world: World, message: str, values: Mapping[str, object], error: str) -> None:
    assert code(send(world, message, [target(**values)])) == (400, error)


def test_an_upsert_refuses_the_address_of_another_table(world: World) -> None:
    other = target(**{"@odata.id": f"accounts({MISSING})"}, lastname="A")
    assert code(send(world, "UpsertMultiple", [other])) == (400, "0x80048d19")


@pytest.mark.parametrize("message", BULK)
@pytest.mark.parametrize("entity_set", ["uoms", "productpricelevels", "transactioncurrencies", "systemusers"])
def test_a_table_without_bulk_messages_does_not_know_them(world: World, entity_set: str, message: str) -> None:
    reply = world.send("POST", f"{entity_set}/Microsoft.Dynamics.CRM.{message}", {"Targets": [{}]})
    assert code(reply) == (404, "0x8006088a")


def test_an_unknown_action_is_404(world: World) -> None:
    reply = world.send("POST", "contacts/Microsoft.Dynamics.CRM.DeleteMultiple", {"Targets": []})
    assert code(reply) == (404, "0x8006088a")


def available(world: World, message: str, table: str) -> bool:
    condition = "sdkmessageid/name eq @m and primaryobjecttypecode eq @t"
    query = f"$select=sdkmessagefilterid&$filter={condition}&@m='{message}'&@t='{table}'"
    return bool(world.rows(f"sdkmessagefilters?{query}"))


def test_bulk_messages_can_be_withdrawn_from_a_table() -> None:
    with dataverse(settings=Settings(no_bulk=frozenset({"contact"}))) as world:
        for message in BULK:
            assert code(send(world, message, [target(contactid=MISSING)])) == (404, "0x8006088a")
        assert [available(world, message, "contact") for message in BULK] == [False] * 3
        assert [available(world, message, "account") for message in BULK] == [True, True, False]


def test_a_missing_right_refuses_the_message(world: World) -> None:
    world.control("POST", "privileges", {"contact": {"write": False}})
    assert code(send(world, "CreateMultiple", [target(lastname="A")])) == (403, "0x80040220")


def test_a_bulk_message_can_stand_in_a_change_set(world: World) -> None:
    bound = target(lastname="A", **{"parentcustomerid_account@odata.bind": "$1"})
    operations = [
        Op("POST", "/api/data/v9.2/accounts", {"name": "Parent"}, "1"),
        Op("POST", "/api/data/v9.2/contacts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": [bound]}, "2"),
    ]
    headers = {"Content-Type": CONTENT_TYPE}
    reply = world.session.post(f"{world.api}/$batch", data=body_of(operations), headers=headers, timeout=PATIENCE_S)
    assert [each.status for each in answers_in(reply)] == [204, 200]
    query = "contacts?$select=lastname&$expand=parentcustomerid_account($select=name)"
    assert world.rows(query)[0]["parentcustomerid_account"]["name"] == "Parent"
