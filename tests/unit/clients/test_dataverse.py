"""Dataverse as a source."""

import json
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from shared.clients import quoting
from shared.clients.dataverse.environment import (
    MAX_IDS,
    MAX_URL_LENGTH,
    MAX_URL_LENGTH_IN_BATCH,
    DataverseSystem,
    KeyedRead,
)
from shared.clients.dataverse.sources import DataverseTable
from shared.clients.http.channel import RequestCounts
from shared.clients.http.exchange import Answer, PreparedCall
from shared.errors import LinkElsewhere, LinkRefused, OperatorNeeded, SchemaDrift, SyncError, Transient
from shared.records import Change, Json
from shared.systems import System
from tests.unit.clients.fakes import ORIGIN, Line, Reply, line, ok, values_of

A = "2e451703-0000-0000-0000-00000000000a"
B = "2e451703-0000-0000-0000-00000000000b"
NEXT = ORIGIN.url("/api/data/v9.2/accounts?$skiptoken=%3Ccookie%20pagenumber=%222%22%20istracking=%22False%22%20/%3E")
DELTA = ORIGIN.url("/api/data/v9.2/accounts?$select=accountid&$deltatoken=919042%2108%2f22%2f2026%2008%3a10%3a44")


def id_of(number: int) -> str:
    return str(UUID(int=number))


def table(*replies: Reply, expand: bool = False) -> tuple[DataverseTable, Line]:
    at = line(*replies, system=System.DATAVERSE)
    expansion = {"transactioncurrencyid": ["isocurrencycode"]} if expand else None
    return DataverseTable(DataverseSystem(at.channel), "accounts", "accountid", ["name"], expansion), at


def options(call: PreparedCall) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(call.url).query).items()}


def rows_asked_for(call: PreparedCall) -> Answer:
    """What a table with every row answers to a bulk read."""
    asked = options(call)["$filter"].split("PropertyValues=")[1][:-1]
    return values_of([{"accountid": id.upper(), "versionnumber": 7, "name": "n"} for id in json.loads(asked)])


def test_the_environment_is_known_by_its_organization() -> None:
    at = line(ok({"OrganizationId": A.upper(), "UserId": B}), system=System.DATAVERSE)
    system = DataverseSystem(at.channel)
    system.probe()
    assert system.identity() == A
    assert urlsplit(at.server.calls[0].url).path == "/api/data/v9.2/WhoAmI"
    assert system.requests.reads == 2


def test_an_environment_without_an_id_is_not_accepted() -> None:
    with pytest.raises(Transient):
        DataverseSystem(line(ok({}), system=System.DATAVERSE).channel).identity()


def test_a_tracked_walk_asks_for_ids_and_versions_only() -> None:
    accounts, at = table(ok({"value": [], "@odata.deltaLink": DELTA}))
    assert accounts.track_changes().delta_link == DELTA
    assert options(at.server.calls[0]) == {"$select": "accountid,versionnumber"}
    assert at.server.calls[0].headers["Prefer"] == "odata.track-changes,odata.maxpagesize=5000"


def test_a_plain_walk_asks_without_tracking() -> None:
    accounts, at = table(ok({"value": [], "@odata.nextLink": NEXT}))
    assert accounts.list_rows().next_link == NEXT
    assert at.server.calls[0].headers["Prefer"] == "odata.maxpagesize=5000"


def test_changes_and_deletions_are_distinguished() -> None:
    rows: list[Json] = [
        {"@odata.etag": 'W/"919050"', "accountid": A.upper(), "versionnumber": 919050},
        {"@odata.etag": 'W/"919051"', "accountid": A},
        {"@odata.context": f"{ORIGIN}/api/data/v9.2/$metadata#accounts/$deletedEntity", "id": B, "reason": "deleted"},
    ]
    accounts, _ = table(ok({"value": rows, "@odata.deltaLink": DELTA}))
    assert accounts.follow(DELTA).changes == (Change(A, 919050), Change(A, 919051), Change(B, None, gone=True))


@pytest.mark.parametrize("link", [NEXT, DELTA])
def test_a_link_is_followed_as_it_was_given(link: str) -> None:
    accounts, at = table(ok({"value": [], "@odata.deltaLink": DELTA}))
    accounts.follow(link)
    assert at.server.calls[0].url == link
    assert at.server.calls[0].headers["Prefer"] == "odata.maxpagesize=5000"


@pytest.mark.parametrize("status", [400, 404, 410, 412, 414])
def test_a_refused_link_says_so(status: int) -> None:
    accounts, _ = table(ok({"error": {"code": "0x80044352", "message": "expired"}}, status))
    with pytest.raises(LinkRefused, match="0x80044352"):
        accounts.follow(DELTA)


@pytest.mark.parametrize(
    ("status", "expected"), [(401, OperatorNeeded), (403, OperatorNeeded), (408, Transient), (429, Transient)]
)
def test_trouble_of_the_system_is_not_blamed_on_the_link(status: int, expected: type[SyncError]) -> None:
    accounts, _ = table(Answer(status))
    with pytest.raises(expected):
        accounts.follow(DELTA)


def test_a_link_to_another_origin_is_not_followed() -> None:
    accounts, at = table(ok({"value": []}))
    with pytest.raises(LinkElsewhere, match=r"leads to 'https://org\.crm4\.dynamics\.com\.evil\.com' instead of"):
        accounts.follow(DELTA.replace("org.crm4.dynamics.com", "org.crm4.dynamics.com.evil.com"))
    assert at.server.calls == []


@pytest.mark.parametrize(
    "walk",
    [
        lambda accounts: accounts.track_changes(),
        lambda accounts: accounts.follow(DELTA),
        lambda accounts: accounts.follow(NEXT.replace("False", "True")),
    ],
)
def test_a_tracked_page_without_any_link_is_not_taken_for_the_end(walk: Callable[[DataverseTable], object]) -> None:
    accounts, _ = table(ok({"value": []}))
    with pytest.raises(Transient):
        walk(accounts)


def test_the_last_page_of_a_plain_walk_has_no_link() -> None:
    accounts, _ = table(ok({"value": []}))
    page = accounts.follow(NEXT)
    assert (page.next_link, page.delta_link) == (None, None)


@pytest.mark.parametrize(
    "row",
    [
        {"versionnumber": 1},
        {"accountid": "x", "versionnumber": 1},
        {"accountid": A},
        {"accountid": A, "versionnumber": "1a"},
        {"accountid": A, "versionnumber": True},
        "text",
    ],
)
def test_a_row_that_cannot_be_understood_stops_the_page(row: Json) -> None:
    accounts, _ = table(ok({"value": [row]}))
    with pytest.raises(Transient):
        accounts.list_rows()


@pytest.mark.parametrize("body", [{}, {"value": {}}, {"value": [], "@odata.nextLink": 5}])
def test_a_body_that_is_no_page_is_not_treated_as_an_empty_one(body: dict[str, Json]) -> None:
    accounts, _ = table(ok(body))
    with pytest.raises(Transient):
        accounts.list_rows()


def test_rows_are_read_in_bulk_with_their_columns_and_expansions() -> None:
    accounts, at = table(rows_asked_for, expand=True)
    rows = accounts.read([A, B.upper(), A])
    assert set(rows) == {A, B}
    assert rows[A].version == 7
    assert rows[A].values["name"] == "n"
    assert options(at.server.calls[0])["$select"] == "accountid,versionnumber,name"
    assert options(at.server.calls[0])["$expand"] == "transactioncurrencyid($select=isocurrencycode)"
    assert at.server.calls[0].headers["If-None-Match"] == "null"


def test_annotations_are_no_values() -> None:
    accounts, _ = table(values_of([{"@odata.etag": 'W/"5"', "accountid": A, "name": None, "x@odata.type": "y"}]))
    assert accounts.read([A])[A].values == {"accountid": A, "name": None}


@pytest.mark.parametrize("count", [1, 100, 101, 350])
def test_a_bulk_read_keeps_within_the_limits_of_one_request(count: int) -> None:
    accounts, at = table(rows_asked_for)
    ids = [id_of(number) for number in range(count)]
    assert set(accounts.read(ids)) == set(ids)
    assert len(at.server.calls) == -(-count // MAX_IDS)
    assert all(len(call.url) < MAX_URL_LENGTH for call in at.server.calls)


def test_a_long_list_of_columns_makes_the_chunks_smaller() -> None:
    at = line(rows_asked_for, system=System.DATAVERSE)
    columns = [f"column_with_a_long_name_{number:04}" for number in range(200)]
    accounts = DataverseTable(DataverseSystem(at.channel), "accounts", "accountid", columns)
    ids = [id_of(number) for number in range(150)]
    assert set(accounts.read(ids)) == set(ids)
    assert all(len(call.url) < MAX_URL_LENGTH for call in at.server.calls)


def test_a_bulk_read_follows_its_pages() -> None:
    first = ok({"value": [{"accountid": A, "versionnumber": 1}], "@odata.nextLink": NEXT})
    accounts, _ = table(first, values_of([{"accountid": B, "versionnumber": 2}]))
    assert set(accounts.read([A, B])) == {A, B}


def test_pages_without_end_are_given_up() -> None:
    accounts, _ = table(ok({"value": [], "@odata.nextLink": NEXT}))
    with pytest.raises(OperatorNeeded):
        accounts.read([A])


def test_existing_reads_ids_only() -> None:
    accounts, at = table(values_of([{"accountid": A}]))
    assert accounts.existing([A, B]) == {A}
    assert options(at.server.calls[0])["$select"] == "accountid"


def test_what_is_no_id_reaches_no_filter() -> None:
    accounts, at = table(rows_asked_for)
    assert accounts.read(["x'] or true", ""]) == {}
    assert accounts.existing([]) == frozenset()
    assert at.server.calls == []


def test_an_unknown_column_calls_the_operator_by_its_name() -> None:
    text = "Could not find a property named 'nmae' on type 'Microsoft.Dynamics.CRM.account'."
    accounts, _ = table(ok({"error": {"code": "0x80060888", "message": text}}, 400))
    with pytest.raises(SchemaDrift, match=r"accounts.*'nmae'"):
        accounts.read([A])


def test_a_missing_privilege_calls_the_operator_by_its_text() -> None:
    text = f"Principal user (Id={A}, type=8) is missing prvReadAccount privilege"
    accounts, _ = table(ok({"error": {"code": "0x80040220", "message": text}}, 403))
    with pytest.raises(OperatorNeeded, match=r"Sales.*accounts.*prvReadAccount"):
        accounts.track_changes()


BOTH = [
    KeyedRead("products", partial(quoting.one_of, "productnumber"), {"$select": "name"}),
    KeyedRead("productpricelevels", partial(quoting.any_of, "productid/productnumber"), {"$select": "amount"}),
]


NO_ROWS: list[Json] = [{"value": []}] * 4


def batch_of(*bodies: Json, status: int = 200) -> Answer:
    parts = "".join(
        f"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\r\n"
        f"{json.dumps(body)}\r\n"
        for body in bodies
    )
    return Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, f"{parts}--b--\r\n".encode())


def test_two_tables_are_read_by_the_same_keys_with_one_request_that_counts_as_a_read() -> None:
    pages: list[Json] = [{"value": [{"at": number}]} for number in range(4)]
    at = line(batch_of(*pages), system=System.DATAVERSE)
    system = DataverseSystem(at.channel)
    found = system.rows_together(BOTH, [f"P-{number}" for number in range(MAX_IDS + 20)])
    assert found == [[{"at": 0}, {"at": 2}], [{"at": 1}, {"at": 3}]]
    assert system.requests == RequestCounts(reads=1)
    assert system.rows_together(BOTH, []) == [[], []]
    assert system.requests.reads == 1


def test_a_page_of_a_batch_is_followed_to_the_end() -> None:
    first: Json = {"value": [{"at": 0}], "@odata.nextLink": NEXT}
    at = line(batch_of(first, {"value": []}), values_of([{"at": 1}]), system=System.DATAVERSE)
    assert DataverseSystem(at.channel).rows_together(BOTH, ["P-1"]) == [[{"at": 0}, {"at": 1}], []]


def test_a_batch_of_reads_whose_answer_lacks_a_part_is_asked_again() -> None:
    pages: list[Json] = [{"value": []}, {"value": []}]
    at = line(batch_of(pages[0]), batch_of(*pages), system=System.DATAVERSE)
    assert DataverseSystem(at.channel).rows_together(BOTH, ["P-1"]) == [[], []]
    assert at.server.methods == ["POST", "POST"]


def test_a_filter_of_a_batch_that_is_too_long_is_asked_for_in_smaller_groups() -> None:
    too_long: Json = {"error": {"code": "0x80060888", "message": "The node count limit of '100' has been exceeded."}}
    refused = batch_of(too_long, too_long, status=400)
    at = line(refused, batch_of(*NO_ROWS), system=System.DATAVERSE)
    assert DataverseSystem(at.channel).rows_together(BOTH, ["P-1", "P-2"]) == [[], []]
    assert [(call.body or b"").count(b"GET https") for call in at.server.calls] == [2, 4]


def test_a_filter_of_a_batch_that_is_too_long_makes_no_other_read_shorter() -> None:
    too_long: Json = {"error": {"code": "0x80060888", "message": "The node count limit of '100' has been exceeded."}}
    refused = batch_of(too_long, too_long, status=400)
    at = line(refused, batch_of(*NO_ROWS), values_of([]), batch_of(*NO_ROWS), system=System.DATAVERSE)
    system = DataverseSystem(at.channel)
    system.rows_together(BOTH, ["P-1", "P-2"])
    system.rows_with("products", "productnumber", ["P-1", "P-2"], {"$select": "name"})
    system.rows_together(BOTH, ["P-1", "P-2"])
    asked = [(call.method, (call.body or b"").count(b"GET https")) for call in at.server.calls]
    assert asked == [("POST", 2), ("POST", 4), ("GET", 0), ("POST", 4)]


def test_keys_whose_addresses_are_too_long_for_a_batch_are_asked_for_in_groups() -> None:
    numbers = [f"{number:03}" + "\u00e4" * 97 for number in range(MAX_IDS)]
    at = line(batch_of(*NO_ROWS), system=System.DATAVERSE)
    DataverseSystem(at.channel).rows_together(BOTH, numbers)
    asked = [each for each in (at.server.calls[0].body or b"").split(b"\r\n") if each.startswith(b"GET")]
    assert len(asked) == 4
    assert all(len(each) < MAX_URL_LENGTH_IN_BATCH + 20 for each in asked)


def test_a_batch_has_a_thousand_parts_at_most() -> None:
    asked = list[int]()

    def answer(call: PreparedCall) -> Answer:
        asked.append((call.body or b"").count(b"GET https"))
        return batch_of(*NO_ROWS[:1] * asked[-1])

    at = line(answer, system=System.DATAVERSE)
    assert DataverseSystem(at.channel).rows_together(BOTH[:1] * 1001, ["P-1"]) == [[]] * 1001
    assert asked == [1000, 1]
