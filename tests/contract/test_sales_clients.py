"""The field's own clients of Dataverse work against the simulator as they do against the service.

Microsoft's Python SDK speaks https only and takes a token credential; dataverse-api takes a session of requests, and is
imported where it is used.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.certificates import self_signed
from local.simulator.server import Tls
from tests.contract import microsofts_sdk as sdk
from tests.contract.microsofts_sdk import FORMATTED
from tests.unit.local.dataverse_world import TOKEN, World, dataverse

if TYPE_CHECKING:
    from dataverse_api import DataverseClient

# Lets Microsoft's SDK do an act, and returns what the act does.
Microsoft = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def world(tls: Tls) -> Iterator[World]:
    with dataverse(tls=tls) as running:
        running.session.verify = str(tls.certificate)
        yield running


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Executor]:
    """A process that has nothing of this one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        yield executor


@pytest.fixture
def microsoft(world: World, tls: Tls, elsewhere: Executor) -> Microsoft:
    return lambda act: elsewhere.submit(sdk.done, act, world.origin, str(tls.certificate), TOKEN).result()


@pytest.fixture
def community(world: World) -> "DataverseClient":
    from dataverse_api import DataverseClient

    return DataverseClient(world.session, world.origin)


def names(world: World, entity_set: str = "accounts", column: str = "name") -> list[str]:
    return sorted(str(row[column]) for row in world.rows(f"{entity_set}?$select={column}"))


def statuses(replies: list[requests.Response]) -> list[int]:
    return [reply.status_code for reply in replies]


@pytest.mark.process
def test_microsofts_sdk_creates_reads_updates_and_deletes_a_row(microsoft: Microsoft, world: World) -> None:
    assert microsoft(sdk.one_row) == (
        {"name": "Litra AG", "telephone1": "555", "creditonhold": True, "contact": "Frei"},
        False,
    )
    assert names(world) == []


@pytest.mark.process
def test_microsofts_sdk_finds_the_value_of_a_choice_by_its_label(microsoft: Microsoft, world: World) -> None:
    account, label = microsoft(sdk.choice_by_label)
    assert world.get(f"accounts({account})").json()["address1_shippingmethodcode"] == 2
    assert label == "DHL"


@pytest.mark.process
def test_microsofts_sdk_writes_and_reads_many_rows(microsoft: Microsoft, world: World) -> None:
    pages, first, refused = microsoft(sdk.many_rows)
    assert pages == [[("D", "2"), ("C", "1"), ("B", "555")], [("A", "555")]]
    assert first == ["A", "B"]
    assert names(world) == ["D", "E"]
    assert "BulkDelete" in refused


@pytest.mark.process
def test_microsofts_sdk_upserts_by_an_alternate_key(microsoft: Microsoft, world: World) -> None:
    microsoft(sdk.upsert_one_twice)
    assert names(world, "contacts", "lastname") == ["Meier"]
    microsoft(sdk.upsert_two)
    assert names(world, "contacts", "lastname") == ["Huber", "Weber"]


@pytest.mark.process
def test_microsofts_sdk_sends_batches_with_change_sets(microsoft: Microsoft, world: World) -> None:
    assert microsoft(sdk.batch_with_change_set) == ([204, 204, 204, 204, 200], ["Alone", "Litra AG"])
    [row] = world.rows("accounts?$filter=name eq 'Litra AG'&$expand=primarycontactid($select=firstname)")
    assert row["primarycontactid"]["firstname"] == "Eva"


@pytest.mark.process
def test_a_change_set_of_microsofts_sdk_that_fails_leaves_nothing(microsoft: Microsoft, world: World) -> None:
    assert microsoft(sdk.change_set_that_fails) == ([400, 204], "0x80044331")
    assert names(world) == ["Done"]


@pytest.mark.process
def test_microsofts_sdk_asks_about_tables_columns_keys_and_relationships(microsoft: Microsoft) -> None:
    learnt = microsoft(sdk.metadata)
    assert learnt["table"] == ("accounts", "accountid")
    assert learnt["listed"] == ["quote"]
    assert learnt["columns"] == ["description"]
    assert learnt["unknown"] is None
    assert learnt["keys"] == [["msdynce_contactnumber"]]
    assert learnt["relationship"] == ("quote", "quotedetail")
    assert "ManyToManyRelationships" in learnt["refused"]


def test_dataverse_api_learns_what_a_table_is_and_can(community: "DataverseClient") -> None:
    entity = community.entity("contact")
    assert (entity.entity_set_name, entity.primary_id_attr, entity.primary_img_attr) == (
        "contacts",
        "contactid",
        "entityimage",
    )
    assert entity.alternate_keys == {"msdynce_ContactNumber": ["msdynce_contactnumber"]}
    assert (entity.supports_create_multiple, entity.supports_update_multiple) == (True, True)
    assert "parentcustomerid_account" in entity.relationships.single_valued
    assert "quote_customer_contacts" in entity.relationships.collection_valued
    units = community.entity("uom")
    assert (units.supports_create_multiple, units.primary_img_attr) == (False, None)


@pytest.mark.parametrize("mode", ["individual", "batch", "multiple"])
def test_dataverse_api_creates_rows(community: "DataverseClient", world: World, mode: str) -> None:
    replies = community.entity("account").create([{"name": "A"}, {"name": "Zürich"}], mode=mode)
    assert statuses(replies) == {"individual": [204, 204]}.get(mode, [200])
    assert names(world) == ["A", "Zürich"]


@pytest.mark.parametrize("mode", ["individual", "batch"])
def test_dataverse_api_upserts_rows_and_clears_and_deletes_them(
    community: "DataverseClient", world: World, mode: str
) -> None:
    entity = community.entity("contact")
    rows = [{"msdynce_contactnumber": number, "lastname": "Frei", "firstname": number} for number in ("C-1", "C-2")]
    entity.upsert(rows, mode=mode, altkey_name="msdynce_ContactNumber")
    entity.upsert([{**rows[0], "lastname": "Meier"}], mode=mode, altkey_name="msdynce_ContactNumber")
    assert names(world, "contacts", "lastname") == ["Frei", "Meier"]
    ids = [row["contactid"] for row in world.rows("contacts?$select=contactid")]
    entity.upsert([{"contactid": ids[0], "jobtitle": "Buyer"}], mode=mode)
    assert world.get(f"contacts({ids[0]})").json()["jobtitle"] == "Buyer"
    entity.delete_columns(["firstname"], mode=mode, ids=ids)
    assert [row["firstname"] for row in world.rows("contacts?$select=firstname")] == [None, None]
    entity.delete(mode=mode, filter="lastname eq 'Frei'")
    assert names(world, "contacts", "lastname") == ["Meier"]


def test_dataverse_api_reads_with_filter_order_expansion_and_pages(community: "DataverseClient", world: World) -> None:
    contact = world.create("contacts", lastname="Frei")
    for name in "ABCD":
        world.create("accounts", name=name, primarycontactid__to=f"/contacts({contact})")
    rows = community.entity("account").read(
        select=["name", "statecode"],
        filter="name ne 'B'",
        order_by="name desc",
        expand="primarycontactid($select=lastname)",
        page_size=2,
        return_formatted_values=True,
    )
    assert [row["name"] for row in rows] == ["D", "C", "A"]
    assert {row["primarycontactid"]["lastname"] for row in rows} == {"Frei"}
    assert {row[f"statecode@{FORMATTED}"] for row in rows} == {"Active"}
