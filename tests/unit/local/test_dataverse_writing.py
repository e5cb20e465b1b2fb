"""Writing rows of the simulated Dataverse."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from local.dataverse.organisation import APPLICATION_USER_ID
from local.dataverse.settings import NotValid, Settings
from tests.unit.local.dataverse_world import World, code, dataverse

WITH_ROW = "return=representation"


@pytest.fixture
def world() -> Iterator[World]:
    with dataverse() as running:
        yield running


def test_a_created_row_is_answered_204_with_its_address(world: World) -> None:
    reply = world.send("POST", "accounts", {"name": "A"})
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["OData-EntityId"] == reply.headers["Location"]
    assert world.get(reply.headers["OData-EntityId"]).json()["name"] == "A"


def test_a_created_row_can_be_asked_back_without_an_address(world: World) -> None:
    reply = world.send("POST", "accounts?$select=name", {"name": "A"}, {"Prefer": WITH_ROW})
    assert (reply.status_code, reply.headers["Preference-Applied"]) == (201, WITH_ROW)
    assert "OData-EntityId" not in reply.headers
    assert set(reply.json()) == {"@odata.context", "@odata.etag", "name", "accountid"}


def test_the_client_may_choose_the_id(world: World) -> None:
    chosen = str(uuid4())
    assert world.create("accounts", accountid=chosen, name="A") == chosen


def test_a_taken_id_is_412(world: World) -> None:
    taken = world.create("accounts", name="A")
    reply = world.send("POST", "accounts", {"accountid": taken, "name": "B"})
    assert code(reply) == (412, "0x80040237")
    assert world.get(f"accounts({taken})").json()["name"] == "A"


def test_a_new_row_has_author_owner_state_and_defaults(world: World) -> None:
    account = world.create("accounts", name="A")
    row = world.get(f"accounts({account})").json()
    assert row["_createdby_value"] == row["_modifiedby_value"] == row["_ownerid_value"] == APPLICATION_USER_ID
    assert (row["statecode"], row["statuscode"], row["donotemail"]) == (0, 1, False)
    assert row["createdon"] == row["modifiedon"] == "2026-01-31T13:05:00Z"


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"nope": 1}, 400, "0x80048d19"),
        ({"Name": "A"}, 400, "0x80048d19"),
        ({"name": 1}, 400, "0x80048d19"),
        ({"numberofemployees": "1"}, 400, "0x80048d19"),
        ({"numberofemployees": 1.5}, 400, "0x80048d19"),
        ({"numberofemployees": 2**31}, 400, "0x80048d19"),
        ({"numberofemployees": -1}, 400, "0x80040203"),
        ({"revenue": "1"}, 400, "0x80048d19"),
        ({"revenue": -1}, 400, "0x80040203"),
        ({"donotemail": 1}, 400, "0x80048d19"),
        ({"lastonholdtime": "yesterday"}, 400, "0x80048d19"),
        ({"accountid": "1"}, 400, "0x80048d19"),
        ({"name": "x" * 161}, 400, "0x80044331"),
        ({"name": "\ud800"}, 400, "0x80048d19"),
        ({"customertypecode": 99}, 400, "0x8004431a"),
        ({"statecode": 0}, 400, "0x80040203"),
        ({"createdon": "2026-01-01T00:00:00Z"}, 400, "0x80040203"),
        ({"statuscode": 2}, 400, "0x80048408"),
        ({"ownerid@odata.bind": None}, 400, "0x80040203"),
        ({"_parentaccountid_value": None}, 400, "0x80048d19"),
        ({"nope@odata.bind": "/accounts(1)"}, 400, "0x80048d19"),
        ({"parentaccountid@odata.bind": "/contacts(11111111-1111-1111-1111-111111111111)"}, 400, "0x80048d19"),
        ({"parentaccountid@odata.bind": "/accounts(11111111-1111-1111-1111-111111111111)"}, 404, "0x80040217"),
        ({"primarycontactid": {"lastname": "Frei"}}, 501, "0x80060888"),
        ([], 400, "0x80048d19"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(world: World, body: object, status: int, error: str) -> None:
    assert code(world.send("POST", "accounts", body)) == (status, error)
    assert world.rows("accounts") == []


def test_the_text_of_a_value_that_is_too_long_names_column_table_and_length(world: World) -> None:
    reply = world.send("POST", "accounts", {"name": "x" * 161})
    assert reply.json()["error"]["message"] == (
        "A validation error occurred. The length of the 'name' attribute of the 'account' entity exceeded the maximum "
        "allowed length of '160'."
    )


def test_columns_not_valid_for_the_operation_can_be_ignored() -> None:
    with dataverse(settings=Settings(columns_not_valid=NotValid.IGNORE)) as world:
        account = world.create("accounts", name="A", statecode=1, createdon="2020-01-01T00:00:00Z")
        row = world.get(f"accounts({account})?$select=statecode,createdon").json()
        assert (row["statecode"], row["createdon"]) == (0, "2026-01-31T13:05:00Z")


def test_an_update_changes_only_what_it_names(world: World) -> None:
    account = world.create("accounts", name="A", telephone1="1")
    world.clock.advance(timedelta(hours=1))
    assert world.patch(f"accounts({account})", {"telephone1": None}, If_Match="*").status_code == 204
    row = world.get(f"accounts({account})?$select=name,telephone1,modifiedon,createdon").json()
    assert (row["name"], row["telephone1"]) == ("A", None)
    assert (row["createdon"], row["modifiedon"]) == ("2026-01-31T13:05:00Z", "2026-01-31T14:05:00Z")


def test_an_update_can_give_the_row_back_with_200(world: World) -> None:
    account = world.create("accounts", name="A")
    reply = world.patch(f"accounts({account})?$select=name", {"name": "B"}, If_Match="*", Prefer=WITH_ROW)
    assert (reply.status_code, reply.json()["name"]) == (200, "B")
    assert reply.headers["ETag"] == reply.json()["@odata.etag"]


def test_versions_grow_over_all_tables(world: World) -> None:
    account = world.create("accounts", name="A")
    contact = world.create("contacts", lastname="B")
    world.patch(f"accounts({account})", {"name": "A"})
    versions = [
        world.get(f"{path}?$select=versionnumber").json()["versionnumber"]
        for path in (f"contacts({contact})", f"accounts({account})")
    ]
    assert versions == sorted(versions)


def test_a_patch_without_if_match_creates_a_missing_row(world: World) -> None:
    missing = str(uuid4())
    reply = world.patch(f"accounts({missing})", {"name": "A"})
    assert (reply.status_code, reply.headers["OData-EntityId"]) == (204, f"{world.api}/accounts({missing})")
    assert world.get(f"accounts({missing})").json()["name"] == "A"


@pytest.mark.parametrize("etag", ["*", 'W/"1"'])
def test_a_patch_with_if_match_of_a_missing_row_is_404(world: World, etag: str) -> None:
    assert code(world.patch(f"accounts({uuid4()})", {"name": "A"}, If_Match=etag)) == (404, "0x80040217")


def test_a_stale_etag_is_412(world: World) -> None:
    account = world.create("accounts", name="A")
    stale = world.get(f"accounts({account})").headers["ETag"]
    assert world.patch(f"accounts({account})", {"name": "B"}, If_Match=stale).status_code == 204
    assert code(world.patch(f"accounts({account})", {"name": "C"}, If_Match=stale)) == (412, "0x80060882")
    assert world.send("DELETE", f"accounts({account})", headers={"If-Match": stale}).status_code == 412


def test_if_none_match_star_refuses_an_existing_row(world: World) -> None:
    account = world.create("accounts", name="A")
    reply = world.patch(f"accounts({account})", {"name": "B"}, If_None_Match="*")
    assert code(reply)[0] == 412
    assert reply.json()["error"]["message"] == "A record with matching key values already exists."


def test_an_upsert_by_alternate_key_repeats_the_address_it_got(world: World) -> None:
    reply = world.patch("contacts(msdynce_contactnumber='C-1')", {"lastname": "Frei"})
    assert reply.headers["OData-EntityId"] == f"{world.api}/contacts(msdynce_contactnumber='C-1')"
    assert world.get("contacts(msdynce_contactnumber='c-1')").json()["lastname"] == "Frei"


def test_an_upsert_tells_created_from_updated_only_with_the_row(world: World) -> None:
    path = "contacts(msdynce_contactnumber='C-1')?$select=contactid"
    replies = [world.patch(path, {"lastname": "Frei"}, Prefer=WITH_ROW) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 200]
    assert replies[0].json()["contactid"] == replies[1].json()["contactid"]


def test_key_columns_of_the_body_are_dropped_on_update_and_win_on_create(world: World) -> None:
    body = {"lastname": "Frei", "msdynce_contactnumber": "C-2"}
    world.patch("contacts(msdynce_contactnumber='C-1')", body)
    assert [row["msdynce_contactnumber"] for row in world.rows("contacts")] == ["C-2"]
    body = {"lastname": "Frei", "msdynce_contactnumber": "C-3"}
    world.patch("contacts(msdynce_contactnumber='C-2')", body)
    assert [row["msdynce_contactnumber"] for row in world.rows("contacts")] == ["C-2"]


def test_an_unknown_key_value_is_404(world: World) -> None:
    path = "contacts(msdynce_contactnumber='C-1')"
    assert code(world.get(path)) == (404, "0x80060891")
    assert code(world.patch(path, {"lastname": "Frei"}, If_Match="*")) == (404, "0x80060891")


def test_a_key_that_is_not_declared_is_400(world: World) -> None:
    reply = world.get("accounts(accountnumber='A-1')")
    assert reply.status_code == 400
    text = "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.account'."
    assert reply.json()["error"]["message"].startswith(text)


def test_the_primary_id_may_be_named_as_key(world: World) -> None:
    account = world.create("accounts", name="A")
    assert world.get(f"accounts(accountid={account})").json()["name"] == "A"


@pytest.mark.parametrize("value", ["A%3AB", "A%26B", "A%2BB", "A%3FB", "A%2A"])
def test_some_characters_do_not_work_in_a_key_of_the_address(world: World, value: str) -> None:
    assert world.get(f"contacts(msdynce_contactnumber='{value}')").status_code == 400


def test_a_second_row_with_the_same_key_is_412_whatever_the_case(world: World) -> None:
    world.create("contacts", lastname="Frei", msdynce_contactnumber="c-1")
    reply = world.send("POST", "contacts", {"lastname": "Frei", "msdynce_contactnumber": "C-1"})
    assert code(reply) == (412, "0x80060892")


def test_a_lookup_is_bound_by_id_by_relative_path_by_address_and_by_key(world: World) -> None:
    contact = world.create("contacts", lastname="Frei", msdynce_contactnumber="C-1")
    addresses = (
        f"/contacts({contact})",
        f"contacts({contact})",
        f"{world.api}/contacts({contact})",
        "/contacts(msdynce_contactnumber='C-1')",
    )
    for address in addresses:
        account = world.create("accounts", name="A", primarycontactid__to=address)
        assert world.get(f"accounts({account})").json()["_primarycontactid_value"] == contact


@pytest.mark.parametrize("name", ["primarycontactid@odata.bind", "primarycontactid"])
def test_a_lookup_is_cleared_by_null(world: World, name: str) -> None:
    contact = world.create("contacts", lastname="Frei")
    account = world.create("accounts", name="A", primarycontactid__to=f"/contacts({contact})")
    world.patch(f"accounts({account})", {name: None})
    assert world.get(f"accounts({account})").json()["_primarycontactid_value"] is None


def test_setting_one_side_of_a_polymorphic_lookup_replaces_the_other(world: World) -> None:
    account = world.create("accounts", name="A")
    boss = world.create("contacts", lastname="Boss")
    contact = world.create("contacts", lastname="Frei", parentcustomerid_account__to=f"/accounts({account})")
    world.patch(f"contacts({contact})", {"parentcustomerid_contact@odata.bind": f"/contacts({boss})"})
    expand = "parentcustomerid_account($select=name),parentcustomerid_contact($select=lastname)"
    row = world.get(f"contacts({contact})?$select=lastname&$expand={expand}").json()
    assert row["parentcustomerid_account"] is None
    assert row["parentcustomerid_contact"]["lastname"] == "Boss"


def test_a_reference_is_set_and_cleared_alone(world: World) -> None:
    contact = world.create("contacts", lastname="Frei")
    path = f"accounts({world.create('accounts', name='A')})"
    world.send("PUT", f"{path}/primarycontactid/$ref", {"@odata.id": f"{world.api}/contacts({contact})"})
    assert world.get(path).json()["_primarycontactid_value"] == contact
    assert world.send("DELETE", f"{path}/primarycontactid/$ref").status_code == 204
    assert world.get(path).json()["_primarycontactid_value"] is None


def test_a_single_property_is_set_and_cleared(world: World) -> None:
    path = f"accounts({world.create('accounts', name='A')})"
    assert world.send("PUT", f"{path}/telephone1", {"value": "1"}).status_code == 204
    assert world.get(path).json()["telephone1"] == "1"
    assert world.send("DELETE", f"{path}/telephone1").status_code == 204
    assert world.get(path).json()["telephone1"] is None


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        ({"statecode": 1, "statuscode": 2}, True),
        ({"statecode": 1}, True),
        ({"statecode": 1, "statuscode": 1}, False),
        ({"statuscode": 2}, False),
    ],
)
def test_state_and_status_have_to_fit(world: World, body: object, accepted: bool) -> None:
    account = world.create("accounts", name="A")
    reply = world.patch(f"accounts({account})", body)
    assert reply.status_code == (204 if accepted else 400)
    if not accepted:
        assert code(reply)[1] == "0x80048408"


def test_an_inactive_row_can_still_be_edited(world: World) -> None:
    account = world.create("accounts", name="A")
    world.patch(f"accounts({account})", {"statecode": 1, "statuscode": 2})
    assert world.patch(f"accounts({account})", {"name": "B"}).status_code == 204


def test_a_deleted_row_is_gone(world: World) -> None:
    account = world.create("accounts", name="A")
    assert world.send("DELETE", f"accounts({account})").status_code == 204
    assert world.get(f"accounts({account})").status_code == 404
    assert code(world.send("DELETE", f"accounts({account})")) == (404, "0x80040217")


def test_deleting_an_account_deletes_its_contacts_and_unlinks_its_children(world: World) -> None:
    parent = world.create("accounts", name="parent")
    child = world.create("accounts", name="child", parentaccountid__to=f"/accounts({parent})")
    contact = world.create("contacts", lastname="Frei", parentcustomerid_account__to=f"/accounts({parent})")
    assert world.send("DELETE", f"accounts({parent})").status_code == 204
    assert world.get(f"contacts({contact})").status_code == 404
    assert world.get(f"accounts({child})").json()["_parentaccountid_value"] is None


def test_a_row_in_use_is_405_and_stays(world: World) -> None:
    catalogue = world.catalogue()
    world.product(catalogue)
    reply = world.send("DELETE", f"uoms({catalogue['unit']})")
    assert code(reply) == (405, "0x80040227")
    assert world.get(f"uoms({catalogue['unit']})").status_code == 200


@pytest.mark.parametrize(("method", "path"), [("DELETE", "accounts"), ("PATCH", "accounts"), ("POST", "WhoAmI")])
def test_a_wrong_method_is_405(world: World, method: str, path: str) -> None:
    assert world.send(method, path, {}).status_code == 405


def test_what_is_not_simulated_says_so(world: World) -> None:
    assert world.get("$metadata").status_code == 501


def test_a_caller_can_act_for_another_user(world: World) -> None:
    user = str(uuid4())
    entity = world.organisation.entity("systemuser")
    blank = dict.fromkeys(entity.columns, None)
    world.organisation.add(entity, {**blank, "systemuserid": user})
    reply = world.send("POST", "accounts", {"name": "A"}, {"MSCRMCallerID": user})
    row = world.get(reply.headers["OData-EntityId"]).json()
    assert (row["_createdby_value"], row["_createdonbehalfby_value"]) == (user, APPLICATION_USER_ID)
