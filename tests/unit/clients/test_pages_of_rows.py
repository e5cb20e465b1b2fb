"""Collections that come in pages: where one ends, what is kept of its rows, and how many pages are read at most."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.clients.dataverse.environment import DataverseSystem, RowPage
from shared.clients.dataverse.record_table import RecordTable
from shared.clients.dataverse.target import DataverseTarget
from shared.clients.finops.environment import FinopsSystem, FinopsTable, rows_of
from shared.clients.finops.keys import FinopsKey
from shared.clients.finops.source import FinopsSource
from shared.clients.http.exchange import Answer
from shared.errors import OperatorNeeded, Transient
from shared.records import Change, Json, MarkedRow
from shared.systems import System
from tests.unit.clients.fakes import ORIGIN, FakeServer, line, ok
from tests.unit.clients.test_dataverse_rows import PRODUCTS

NEXT = ORIGIN.url("/next")
RECORDS = RecordTable(PRODUCTS, "productnumber", ("name",), (), frozenset(), {}, {})
Read = Callable[[list[Answer], int], list[Json]]


def page(*rows: Json, following: Json = None) -> Answer:
    return ok({"value": list(rows), **({} if following is None else {"@odata.nextLink": following})})


def of_dataverse(replies: list[Answer], most: int) -> list[Json]:
    system = DataverseSystem(line(*replies, system=System.DATAVERSE).channel)
    return list(system.rows("products", ORIGIN.url("/first"), max_pages=most))


def of_finops(replies: list[Answer], most: int) -> list[Json]:
    return list(rows_of(line(*replies).channel, ORIGIN.url("/first"), "Products", max_pages=most))


BOTH = pytest.mark.parametrize("read", [of_dataverse, of_finops], ids=["Sales", "F&O"])


@BOTH
@pytest.mark.parametrize("pages", [1, 2, 3])
def test_all_pages_are_read_up_to_the_most(read: Read, pages: int) -> None:
    replies = [page({"n": at}, following=NEXT if at < pages else None) for at in range(1, pages + 1)]
    assert read(replies, 3) == [{"n": at} for at in range(1, pages + 1)]


@BOTH
def test_more_pages_than_the_most_call_the_operator_by_the_number(read: Read) -> None:
    with pytest.raises(OperatorNeeded, match="with more than 3 pages"):
        read([page({"n": 1}, following=NEXT)], 3)


@BOTH
@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": [{"n": 1}, "text"]}])
def test_what_is_no_list_of_rows_is_trouble_of_the_system(read: Read, body: Json) -> None:
    with pytest.raises(Transient, match="is wrong"):
        read([ok(body)], 3)


@pytest.mark.parametrize(
    ("etags", "kept"), [(False, {"Name": "x"}), (True, {"@odata.etag": 'W/"1"', "Name": "x"})], ids=["plain", "etags"]
)
def test_of_the_annotations_of_a_row_of_finops_at_most_its_etag_is_kept(etags: bool, kept: Json) -> None:
    row: Json = {"@odata.etag": 'W/"1"', "Name": "x", "Name@odata.type": "#String"}
    assert list(rows_of(line(page(row)).channel, ORIGIN.url("/first"), "Products", etags=etags)) == [kept]
    assert list(rows_of(line(page(row)).channel, ORIGIN.url("/first"), "Products")) == [{"Name": "x"}]


def test_rows_that_have_our_mark_are_found_over_all_pages() -> None:
    rows: list[Json] = [
        {"dataAreaId": "usmf", "CustomerAccount": "A", "Mark": "Yes", "Other": "No"},
        {"dataAreaId": "usmf", "CustomerAccount": "B", "Mark": "Yes", "Other": "Yes"},
        {"dataAreaId": "usmf", "CustomerAccount": "C", "Mark": "No", "Other": "No"},
        {"dataAreaId": "usmf", "CustomerAccount": "D", "Mark": "Yes", "Other": "No"},
    ]
    at = line(page(*rows[:2], following=NEXT), page(*rows[2:]))
    key = FinopsKey("usmf", ("CustomerAccount",))
    table = FinopsTable(FinopsSystem(at.channel, "usmf"), "CustomersV3", key, [], {"Mark": "Yes", "Other": "No"})
    assert list(table.marked()) == [MarkedRow("A", "A"), MarkedRow("D", "D")]
    assert options(at.server) == {
        "$filter": "dataAreaId eq 'usmf'",
        "$orderby": "CustomerAccount",
        "cross-company": "true",
        "$select": "dataAreaId,CustomerAccount,Mark,Other",
    }


def test_rows_of_sales_are_ours_by_their_ids_over_all_pages() -> None:
    at = line(system=System.DATAVERSE)
    target = DataverseTarget(DataverseSystem(at.channel), RECORDS, "products.usmf")
    ours, foreign = target.row_id("P-1"), target.row_id("P-2")
    rows: list[Json] = [
        {"productid": ours.upper(), "productnumber": "P-1"},
        {"productid": foreign, "productnumber": "P-3"},
    ]
    at.server.reply(page(rows[0], following=NEXT), page(rows[1]))
    assert list(target.marked()) == [MarkedRow("P-1", "P-1")]
    assert options(at.server) == {"$select": "productid,productnumber", "$orderby": "productnumber"}


def options(server: FakeServer) -> dict[str, str]:
    """Of the first request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(server.calls[0].url).query).items()}


def products(*numbers: str) -> Iterator[Json]:
    return ({"dataAreaId": "usmf", "ProductNumber": number, "Name": "x"} for number in numbers)


@pytest.mark.parametrize(
    ("reply", "last"),
    [
        (page(), None),
        (page(*products("P1")), None),
        (page(*products("P1"), following=NEXT), "P1"),
        (page(*products("P1", "P2")), "P2"),
        (page(*products("P1", "P2", "P3")), "P3"),
    ],
    ids=["none", "fewer", "fewer, with a link", "as many as asked for", "more"],
)
@pytest.mark.parametrize("after", [None, "P0"])
def test_a_walk_over_finops_goes_on_after_a_full_page_or_one_with_a_link(
    after: str | None, reply: Answer, last: str | None
) -> None:
    at = line(reply)
    source = FinopsSource(FinopsSystem(at.channel, "usmf"), "Products", "ProductNumber", "usmf", ["Name"], page_rows=2)
    assert source.walk(after).last == last
    wanted = "dataAreaId eq 'usmf'" + ("" if after is None else " and ProductNumber gt 'P0'")
    assert options(at.server) == {
        "$filter": wanted,
        "$orderby": "ProductNumber",
        "$top": "2",
        "cross-company": "true",
        "$select": "dataAreaId,ProductNumber,Name",
    }


@pytest.mark.parametrize(
    ("known", "parts", "unknown"),
    [(None, (), False), ({"a", "b"}, ("a", "b"), False), ({"a"}, ("a", "b"), True), (set(), ("a", "b"), True)],
)
def test_deleted_rows_are_parts_of_records_and_some_of_records_that_nobody_knows(
    known: set[str] | None, parts: tuple[str, ...], unknown: bool
) -> None:
    found = RowPage((), ("a", "b"), "next", "delta").with_changes([Change("1", 2)], known=known)
    assert (found.changes, found.next_link, found.delta_link) == ((Change("1", 2),), "next", "delta")
    assert (found.gone_parts, found.has_unknown_parts) == (parts, unknown)
