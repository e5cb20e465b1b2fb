"""What the tests let Microsoft's Python SDK do, in a process of its own: the SDK loads pandas, and a test process would
keep its 60 MB to the end.

Each act takes the client and returns plain values, which the test judges.
"""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from azure.core.credentials import AccessToken

if TYPE_CHECKING:
    from PowerPlatform.Dataverse.client import DataverseClient

T = TypeVar("T")
FORMATTED = "OData.Community.Display.V1.FormattedValue"


class Credential:
    """A token credential whose token is the one that the simulator takes."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        assert [scope.startswith("https://") and scope.endswith("/.default") for scope in scopes] == [True]
        return AccessToken(self._token, 2**31)


def done(act: "Callable[[DataverseClient], T]", origin: str, certificate: str, token: str) -> T:
    """What the act returns, in the process that calls this."""
    from PowerPlatform.Dataverse.client import DataverseClient

    os.environ["REQUESTS_CA_BUNDLE"] = certificate
    with DataverseClient(origin, Credential(token)) as client:
        return act(client)


def one_row(client: "DataverseClient") -> tuple[dict[str, Any], bool]:
    """The row as it was after its update, and whether it was still there after its deletion."""
    contact = client.records.create("contact", {"lastname": "Frei"})
    account = client.records.create(
        "account", {"name": "Litra AG", "primarycontactid@odata.bind": f"/contacts({contact})"}
    )
    client.records.update("account", account, {"telephone1": "555", "creditonhold": True})
    row = client.records.retrieve(
        "account",
        account,
        select=["name", "telephone1", "creditonhold"],
        expand=["primarycontactid($select=lastname)"],
        include_annotations="*",
    )
    assert row is not None
    read = {name: row[name] for name in ("name", "telephone1", "creditonhold")}
    parent = row["primarycontactid"]["lastname"]
    client.records.delete("account", account)
    return {**read, "contact": parent}, client.records.retrieve("account", account) is not None


def choice_by_label(client: "DataverseClient") -> tuple[str, str]:
    """The id of the new row, and the label as it is read."""
    account = client.records.create("account", {"name": "A", "address1_shippingmethodcode": "DHL"})
    row = client.records.retrieve(
        "account", account, select=["address1_shippingmethodcode"], include_annotations=FORMATTED
    )
    assert row is not None
    return account, row[f"address1_shippingmethodcode@{FORMATTED}"]


def many_rows(client: "DataverseClient") -> tuple[list[list[tuple[str, str]]], list[str], str]:
    """The pages as they are read, the first two names, and how a bulk deletion is refused after three others."""
    from PowerPlatform.Dataverse.core.errors import HttpError

    ids = client.records.create("account", [{"name": name, "numberofemployees": 5} for name in "ABCDE"])
    client.records.update("account", ids[:2], {"telephone1": "555"})
    client.records.update("account", ids[2:4], [{"telephone1": "1"}, {"telephone1": "2"}])
    pages = [
        [(row["name"], row["telephone1"]) for row in page]
        for page in client.records.list_pages(
            "account", filter="telephone1 ne null", select=["name", "telephone1"], orderby=["name desc"], page_size=3
        )
    ]
    first = [row["name"] for row in client.records.list("account", orderby=["name"], top=2)]
    client.records.delete("account", ids[:3], use_bulk_delete=False)
    try:
        client.records.delete("account", ids[3:])
    except HttpError as refused:
        return pages, first, str(refused)
    return pages, first, ""


def upsert_one_twice(client: "DataverseClient") -> None:
    """One contact by its alternate key, and once more with another name."""
    client.records.upsert("contact", [_contact("C-1", "Frei")])
    client.records.upsert("contact", [_contact("C-1", "Meier")])


def upsert_two(client: "DataverseClient") -> None:
    """Two contacts by their alternate keys."""
    client.records.upsert("contact", [_contact("C-1", "Huber"), _contact("C-2", "Weber")])


def _contact(number: str, lastname: str) -> dict[str, dict[str, str]]:
    return {"alternate_key": {"msdynce_contactnumber": number}, "record": {"lastname": lastname}}


def batch_with_change_set(client: "DataverseClient") -> tuple[list[int], list[str]]:
    """The status of each answer, and the names that its last one lists."""
    batch = client.batch.new()
    batch.records.create("account", {"name": "Alone"})
    with batch.changeset() as together:
        contact = together.records.create("contact", {"lastname": "Frei"})
        together.records.create("account", {"name": "Litra AG", "primarycontactid@odata.bind": contact})
        together.records.update("contact", contact, {"firstname": "Eva"})
    batch.records.list("account", select=["name"], orderby=["name"])
    responses = batch.execute().responses
    return [each.status_code for each in responses], [row["name"] for row in (responses[-1].data or {})["value"]]


def change_set_that_fails(client: "DataverseClient") -> tuple[list[int], str]:
    """The status of each answer, and the error of the first."""
    batch = client.batch.new()
    with batch.changeset() as together:
        together.records.create("account", {"name": "Undone"})
        together.records.create("account", {"name": "x" * 161})
    batch.records.create("account", {"name": "Done"})
    responses = batch.execute(continue_on_error=True).responses
    return [each.status_code for each in responses], responses[0].error_code


def metadata(client: "DataverseClient") -> dict[str, Any]:
    """What the client learns of tables, columns, keys and relationships."""
    from PowerPlatform.Dataverse.core.errors import HttpError

    table = client.tables.get("Account")
    assert table is not None
    listed = client.tables.list(filter="SchemaName eq 'Quote'", select=["LogicalName"])
    kind = "AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Memo'"
    columns = client.tables.list_columns("uomschedule", select=["LogicalName"], filter=kind)
    unknown = client.tables.get_column("account", "nope")
    keys = client.tables.get_alternate_keys("contact")
    relationship = client.tables.get_relationship("quote_details")
    assert relationship is not None
    try:
        client.tables.list_table_relationships("account")
    except HttpError as error:
        refused = str(error)
    else:
        refused = ""
    return {
        "table": (table.entity_set_name, table.primary_id_attribute),
        "listed": [each["LogicalName"] for each in listed],
        "columns": [each["LogicalName"] for each in columns],
        "unknown": unknown,
        "keys": [list(key.key_attributes) for key in keys],
        "relationship": (relationship.referenced_entity, relationship.referencing_entity),
        "refused": refused,
    }
