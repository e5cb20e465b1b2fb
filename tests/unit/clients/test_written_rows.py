"""How rows of Dataverse are written and read: names of columns, and which rows share a request."""

from collections.abc import Sequence
from typing import Any

import pytest

from shared import exact_json
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.rows import RowWrite, RowWriter, WriteTable, own_id
from shared.clients.http.exchange import Answer, PreparedCall
from shared.clients.http.sending import Sending
from shared.records import Json
from shared.systems import System
from tests.unit.clients.fakes import line, values_of

ID, OTHER = own_id("test", "1"), own_id("test", "2")
ORDERS = WriteTable(
    "salesorders",
    "salesorder",
    "salesorderid",
    lookups={"customerid_account": "accounts", "customerid_contact": "contacts", "pricelevelid": "pricelevels"},
    read_as={"customerid_account": "customerid", "customerid_contact": "customerid"},
    keyed={"new_Site": ("new_sites", "new_code")},
)


@pytest.mark.parametrize(
    ("name", "value", "member"),
    [
        ("name", "x", ("name", "x")),
        ("name", None, ("name", None)),
        ("pricelevelid", ID, ("pricelevelid@odata.bind", f"/pricelevels({ID})")),
        ("customerid_contact", ID, ("customerid_contact@odata.bind", f"/contacts({ID})")),
        ("pricelevelid", None, ("pricelevelid@odata.bind", None)),
        ("new_Site", "A'1", ("new_Site@odata.bind", "/new_sites(new_code='A''1')")),
        ("new_Site", 7, ("new_Site@odata.bind", "/new_sites(new_code=7)")),
        ("new_Site", None, ("new_Site@odata.bind", None)),
    ],
)
def test_a_column_is_written_as_its_kind_asks_for(name: str, value: Json, member: tuple[str, Json]) -> None:
    assert ORDERS.body({name: value}) == dict([member])


@pytest.mark.parametrize(
    ("names", "also", "parameters"),
    [
        (("name",), (), {"$select": "name"}),
        (("name", "pricelevelid", "name"), ("salesorderid",), {"$select": "salesorderid,name,_pricelevelid_value"}),
        (("customerid_account",), (), {"$select": "_customerid_value"}),
        (("name", "new_Site"), (), {"$select": "name", "$expand": "new_Site($select=new_code)"}),
    ],
)
def test_columns_are_asked_for_once_under_the_names_of_reads(
    names: Sequence[str], also: Sequence[str], parameters: dict[str, str]
) -> None:
    assert ORDERS.parameters(names, *also) == parameters


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [
        ("name", {"name": "ABC"}, "ABC"),
        ("name", {}, None),
        ("pricelevelid", {"_pricelevelid_value": "ABC"}, "abc"),
        ("pricelevelid", {"_pricelevelid_value": None, "pricelevelid": "ABC"}, None),
        ("customerid_account", {"_customerid_value": "ABC"}, "abc"),
        ("new_Site", {"new_Site": {"new_code": "ABC"}}, "ABC"),
        ("new_Site", {"new_Site": None}, None),
        ("new_Site", {}, None),
    ],
)
def test_a_column_is_read_where_reads_have_it_and_ids_in_small_letters(
    name: str, row: dict[str, Json], value: Json
) -> None:
    assert ORDERS.value(row, name) == value


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        ({}, "update"),
        ({"create": True}, "create"),
        ({"delete": True}, "delete"),
        ({"create": True, "delete": True}, "delete"),
        ({"alone": True}, "alone"),
        ({"alone": True, "create": True}, "alone"),
        ({"alone": True, "delete": True}, "alone"),
        ({"alone": True, "create": True, "of": ID}, "create"),
        ({"create": True, "of": ID}, "create"),
    ],
)
def test_rows_share_a_request_by_what_is_done_unless_they_go_alone(write: dict[str, Any], kind: str) -> None:
    assert RowWrite(ID, {}, **write).kind == kind


def sent(rows: Sequence[RowWrite], *, bulk_rows: int = 2, acts_for: str = "") -> list[PreparedCall]:
    """The writing requests for these rows, in a table with bulk messages."""

    def answer(call: PreparedCall) -> Answer:
        if call.method == "GET":
            return values_of([{"sdkmessagefilterid": ID}])
        if not call.url.endswith("$batch"):
            return Answer(204)
        count = (call.body or b"").count(b"HTTP/1.1")
        parts = "".join(
            f"--b\r\nContent-Type: application/http\r\nContent-ID: {at}\r\n\r\nHTTP/1.1 204 X\r\n\r\n\r\n"
            for at in range(1, count + 1)
        )
        return Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, f"{parts}--b--\r\n".encode())

    at = line(answer, system=System.DATAVERSE)
    writer = RowWriter(DataverseSystem(at.channel), ORDERS, bulk_rows, acts_for=acts_for)
    assert writer.write(rows, Sending(at.clock, 1000.0)) == [None] * len(rows)
    return [call for call in at.server.calls if call.method != "GET"]


def ids_in(call: PreparedCall) -> list[str]:
    """The names of the rows that a bulk message writes."""
    content = exact_json.loads(call.body or b"")
    assert isinstance(content, dict)
    assert isinstance(content["Targets"], list)
    return [str(row["name"]) for row in content["Targets"] if isinstance(row, dict)]


def row(name: str, id: str | None = None, **write: Any) -> RowWrite:
    return RowWrite(id or own_id("test", name), {"name": name}, **write)


@pytest.mark.parametrize(
    ("rows", "bulk_rows", "requests"),
    [
        ([row("a"), row("b"), row("c")], 2, [["a", "b"], ["c"]]),
        ([row("a"), row("b"), row("c")], 3, [["a", "b", "c"]]),
        ([row("a"), row("b", create=True), row("c")], 3, [["a", "c"], ["b"]]),
        # A further write of the same row waits for the next turn.
        ([row("a", ID), row("b", OTHER), row("c", ID)], 3, [["a", "b"], ["c"]]),
        # Rows that belong together share a request and are not separated, whatever stands between others.
        ([row("a", of="x"), row("b", of="y"), row("c", of="y")], 2, [["a"], ["b", "c"]]),
        ([row("a", of="x"), row("b", of="x"), row("c", of="x")], 2, [["a", "b"], ["c"]]),
        ([row("a", of="x"), row("b", of="y")], 2, [["a", "b"]]),
        # Alone and belonging together: with no others.
        ([row("a", of="x", alone=True), row("b", of="x", alone=True), row("c", of="y")], 9, [["a", "b"], ["c"]]),
        ([row("a", of="y"), row("b", of="x", alone=True)], 9, [["a"], ["b"]]),
    ],
)
def test_rows_are_written_in_as_few_requests_as_their_order_allows(
    rows: list[RowWrite], bulk_rows: int, requests: list[list[str]]
) -> None:
    assert [ids_in(call) for call in sent(rows, bulk_rows=bulk_rows)] == requests


def test_each_row_that_goes_alone_has_its_own_request() -> None:
    calls = sent([row("a", alone=True), row("b", alone=True, create=True), row("c", alone=True, delete=True)])
    assert [call.method for call in calls] == ["PATCH", "POST", "DELETE"]
    assert [call.headers.get("If-Match") for call in calls] == ["*", None, None]
    assert [exact_json.loads(call.body) if call.body else None for call in calls] == [
        {"name": "a"}, {"salesorderid": own_id("test", "b"), "name": "b"}, None,
    ]  # fmt: skip


def test_rows_are_removed_by_batches() -> None:
    calls = sent([row("a", delete=True), row("b", delete=True), row("c", delete=True)])
    assert [call.url.rpartition("/")[2] for call in calls] == ["$batch", "$batch"]
    assert [(call.body or b"").count(b"DELETE ") for call in calls] == [2, 1]


@pytest.mark.parametrize("acts_for", ["", ID])
def test_rows_are_written_in_the_name_of_a_user_or_in_our_own(acts_for: str) -> None:
    bulk, alone = sent([row("a"), row("b", alone=True)], acts_for=acts_for)
    assert [call.headers.get("CallerObjectId") for call in (bulk, alone)] == [acts_for or None] * 2
    (batch,) = sent([row("a", delete=True)], acts_for=acts_for)
    assert (f"CallerObjectId: {ID}".encode() in (batch.body or b"")) is bool(acts_for)
