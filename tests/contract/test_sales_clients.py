"""The field's own clients of Dataverse work against the simulator as they do against the service.

Microsoft's Python SDK speaks https only and takes a token credential; dataverse-api takes a session of requests.
Both are imported where they are used: they bring pandas and take seconds.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests
from azure.core.credentials import AccessToken

from local.certificates import self_signed
from tests.unit.local.dataverse_world import TOKEN, World, dataverse

if TYPE_CHECKING:
    from dataverse_api import DataverseClient
    from PowerPlatform.Dataverse.client import DataverseClient as MicrosoftClient

FORMATTED = "OData.Community.Display.V1.FormattedValue"


class Credential:
    """A token credential whose token is the one that the simulator takes."""

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        assert [scope.startswith("https://") and scope.endswith("/.default") for scope in scopes] == [True]
        return AccessToken(TOKEN, 2**31)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    tls = self_signed(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.certificate))
    with dataverse(tls=tls) as running:
        running.session.verify = str(tls.certificate)
        yield running


@pytest.fixture
def microsoft(world: World) -> Iterator["MicrosoftClient"]:
    from PowerPlatform.Dataverse.client import DataverseClient

    with DataverseClient(world.origin, Credential()) as client:
        yield client


@pytest.fixture
def community(world: World) -> "DataverseClient":
    from dataverse_api import DataverseClient

    return DataverseClient(world.session, world.origin)


def names(world: World, entity_set: str = "accounts", column: str = "name") -> list[str]:
    return sorted(str(row[column]) for row in world.rows(f"{entity_set}?$select={column}"))


def statuses(replies: list[requests.Response]) -> list[int]:
    return [reply.status_code for reply in replies]


def test_microsofts_sdk_creates_reads_updates_and_deletes_a_row(microsoft: "MicrosoftClient", world: World) -> None:
    contact = microsoft.records.create("contact", {"lastname": "Frei"})
    account = microsoft.records.create(
        "account", {"name": "Litra AG", "primarycontactid@odata.bind": f"/contacts({contact})"}
    )
    microsoft.records.update("account", account, {"telephone1": "555", "creditonhold": True})
    row = microsoft.records.retrieve(
        "account",
        account,
        select=["name", "telephone1", "creditonhold"],
        expand=["primarycontactid($select=lastname)"],
        include_annotations="*",
    )
    assert row is not None
    assert (row["name"], row["telephone1"], row["creditonhold"]) == ("Litra AG", "555", True)
    assert row["primarycontactid"]["lastname"] == "Frei"
    microsoft.records.delete("account", account)
    assert microsoft.records.retrieve("account", account) is None
    assert names(world) == []


def test_microsofts_sdk_finds_the_value_of_a_choice_by_its_label(microsoft: "MicrosoftClient", world: World) -> None:
    account = microsoft.records.create("account", {"name": "A", "address1_shippingmethodcode": "DHL"})
    assert world.get(f"accounts({account})").json()["address1_shippingmethodcode"] == 2
    row = microsoft.records.retrieve(
        "account", account, select=["address1_shippingmethodcode"], include_annotations=FORMATTED
    )
    assert row is not None
    assert row[f"address1_shippingmethodcode@{FORMATTED}"] == "DHL"


def test_microsofts_sdk_writes_and_reads_many_rows(microsoft: "MicrosoftClient", world: World) -> None:
    from PowerPlatform.Dataverse.core.errors import HttpError

    ids = microsoft.records.create("account", [{"name": name, "numberofemployees": 5} for name in "ABCDE"])
    microsoft.records.update("account", ids[:2], {"telephone1": "555"})
    microsoft.records.update("account", ids[2:4], [{"telephone1": "1"}, {"telephone1": "2"}])
    pages = list(
        microsoft.records.list_pages(
            "account", filter="telephone1 ne null", select=["name", "telephone1"], orderby=["name desc"], page_size=3
        )
    )
    assert [[(row["name"], row["telephone1"]) for row in page] for page in pages] == [
        [("D", "2"), ("C", "1"), ("B", "555")],
        [("A", "555")],
    ]
    assert [row["name"] for row in microsoft.records.list("account", orderby=["name"], top=2)] == ["A", "B"]
    microsoft.records.delete("account", ids[:3], use_bulk_delete=False)
    assert names(world) == ["D", "E"]
    with pytest.raises(HttpError, match="BulkDelete"):
        microsoft.records.delete("account", ids[3:])


def test_microsofts_sdk_upserts_by_an_alternate_key(microsoft: "MicrosoftClient", world: World) -> None:
    def item(number: str, lastname: str) -> dict[str, dict[str, str]]:
        return {"alternate_key": {"msdynce_contactnumber": number}, "record": {"lastname": lastname}}

    microsoft.records.upsert("contact", [item("C-1", "Frei")])
    microsoft.records.upsert("contact", [item("C-1", "Meier")])
    assert names(world, "contacts", "lastname") == ["Meier"]
    microsoft.records.upsert("contact", [item("C-1", "Huber"), item("C-2", "Weber")])
    assert names(world, "contacts", "lastname") == ["Huber", "Weber"]


def test_microsofts_sdk_sends_batches_with_change_sets(microsoft: "MicrosoftClient", world: World) -> None:
    batch = microsoft.batch.new()
    batch.records.create("account", {"name": "Alone"})
    with batch.changeset() as together:
        contact = together.records.create("contact", {"lastname": "Frei"})
        together.records.create("account", {"name": "Litra AG", "primarycontactid@odata.bind": contact})
        together.records.update("contact", contact, {"firstname": "Eva"})
    batch.records.list("account", select=["name"], orderby=["name"])
    result = batch.execute()
    assert [each.status_code for each in result.responses] == [204, 204, 204, 204, 200]
    assert [row["name"] for row in (result.responses[-1].data or {})["value"]] == ["Alone", "Litra AG"]
    [row] = world.rows("accounts?$filter=name eq 'Litra AG'&$expand=primarycontactid($select=firstname)")
    assert row["primarycontactid"]["firstname"] == "Eva"


def test_a_change_set_of_microsofts_sdk_that_fails_leaves_nothing(microsoft: "MicrosoftClient", world: World) -> None:
    batch = microsoft.batch.new()
    with batch.changeset() as together:
        together.records.create("account", {"name": "Undone"})
        together.records.create("account", {"name": "x" * 161})
    batch.records.create("account", {"name": "Done"})
    result = batch.execute(continue_on_error=True)
    assert [each.status_code for each in result.responses] == [400, 204]
    assert result.responses[0].error_code == "0x80044331"
    assert names(world) == ["Done"]


def test_microsofts_sdk_asks_about_tables_columns_keys_and_relationships(microsoft: "MicrosoftClient") -> None:
    from PowerPlatform.Dataverse.core.errors import HttpError

    table = microsoft.tables.get("Account")
    assert table is not None
    assert (table.entity_set_name, table.primary_id_attribute) == ("accounts", "accountid")
    listed = microsoft.tables.list(filter="SchemaName eq 'Quote'", select=["LogicalName"])
    assert [each["LogicalName"] for each in listed] == ["quote"]
    kind = "AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Memo'"
    columns = microsoft.tables.list_columns("uomschedule", select=["LogicalName"], filter=kind)
    assert [each["LogicalName"] for each in columns] == ["description"]
    assert microsoft.tables.get_column("account", "nope") is None
    [key] = microsoft.tables.get_alternate_keys("contact")
    assert key.key_attributes == ["msdynce_contactnumber"]
    relationship = microsoft.tables.get_relationship("quote_details")
    assert relationship is not None
    assert (relationship.referenced_entity, relationship.referencing_entity) == ("quote", "quotedetail")
    with pytest.raises(HttpError, match="ManyToManyRelationships"):
        microsoft.tables.list_table_relationships("account")


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
