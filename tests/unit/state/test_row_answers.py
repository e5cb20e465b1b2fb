"""Rows in answers are read as the SDK reads them, from what the service sends."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
import requests
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from shared.errors import StorageTrouble
from shared.state.storage.azure_tables import AzureTable
from shared.state.storage.row_answers import Kept, read_answer
from shared.state.storage.tables import Foreign, Row, Stored
from shared.state.storage.transport import StorageTransport

ADDRESS, KEY = "https://contoso.table.core.windows.net", AzureNamedKeyCredential("contoso", "AAAA")
DATE = "Mon, 05 Jan 2026 08:00:10 GMT"
NEXT = {"x-ms-continuation-NextPartitionKey": "p", "x-ms-continuation-NextRowKey": "2"}
READERS = ThreadPoolExecutor(1)


def entity(key: str, **cells: object) -> dict[str, object]:
    """A row on the wire, ten seconds old."""
    etag = "W/\"datetime'2026-01-05T08%3A00%3A00.1234567Z'\""
    return {
        "odata.etag": etag,
        "PartitionKey": "p",
        "RowKey": key,
        "Timestamp": "2026-01-05T08:00:00.0000000Z",
        **cells,
    }


class Service(HTTPAdapter):
    """Gives these answers, each a body with more lines of its head, and keeps the addresses."""

    def __init__(self, *answers: tuple[object, dict[str, str]]) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The next answer."""
        self.asked.append(str(request.url))
        body, more = self.answers.pop(0)
        head = {"Content-Type": "application/json;odata=minimalmetadata", "Date": DATE, **more}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.build_response(request, HTTPResponse(BytesIO(raw), head, status=200, preload_content=False))


def client_of(service: Service, transport: type = StorageTransport) -> TableClient:
    session = requests.Session()
    session.mount("https://", service)
    return TableClient(ADDRESS, "links", credential=KEY, transport=transport(session=session), retry_total=0)


def table_of(service: Service, transport: type = StorageTransport) -> AzureTable:
    return AzureTable(client_of(service, transport), READERS, READERS)


TEXTS = st.text(max_size=8)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("PartitionKey", "RowKey", "Timestamp")
)
MOMENTS = st.datetimes(datetime(1601, 1, 1)).map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.%f}0Z")  # noqa: DTZ001
CELLS = st.one_of(
    TEXTS.map(lambda text: (text, None)),
    st.booleans().map(lambda flag: (flag, None)),
    st.integers(-(2**31), 2**31 - 1).map(lambda number: (number, None)),
    MOMENTS.map(lambda moment: (moment, "Edm.DateTime")),
    st.sampled_from(["", "AAEC", "/////w=="]).map(lambda packed: (packed, "Edm.Binary")),
)


def rows_of(body: bytes) -> list[Stored]:
    kept = Kept()
    read_answer(kept, body, DATE)
    return kept.rows


@given(st.dictionaries(NAMES, CELLS, max_size=6))
def test_a_row_is_read_as_the_sdk_reads_it(cells: dict[str, tuple[object, str | None]]) -> None:
    wire = {name: value for name, (value, _) in cells.items()}
    wire |= {f"{name}@odata.type": kind for name, (_, kind) in cells.items() if kind}
    answer = {"value": [entity("1", **wire)]}
    ((by_sdk,),) = client_of(Service((answer, {})), RequestsTransport).query_entities("").by_page()
    (ours,) = rows_of(json.dumps(answer).encode())
    assert {"PartitionKey": ours.row.partition, "RowKey": ours.row.key, **ours.row.cells} == dict(by_sdk)
    assert ours.etag == by_sdk.metadata["etag"]
    assert ours.age_s == 10


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (0.5, None),
        ("0.5", "Edm.Double"),
        ("5", "Edm.Int64"),
        (2**31, None),
        (-(2**31) - 1, None),
        ("c9da6455-213d-42c9-9a79-3e9149a57833", "Edm.Guid"),
    ],
)
def test_a_cell_of_a_kind_that_we_never_write_is_foreign(value: object, kind: str | None) -> None:
    wire = {"x": value, "y": "text"} | ({"x@odata.type": kind} if kind else {})
    (found,) = rows_of(json.dumps({"value": [entity("1", **wire)]}).encode())
    assert isinstance(found.row.cells["x"], Foreign)
    assert found.row.cells["y"] == "text"


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31)])
def test_the_largest_and_the_smallest_number_of_a_cell_are_read(number: int) -> None:
    (found,) = rows_of(json.dumps({"value": [entity("1", x=number)]}).encode())
    assert found.row.cells["x"] == number


def test_all_pages_are_read_and_no_more_than_wanted() -> None:
    pages = [({"value": [entity("1"), entity("2")]}, NEXT), ({"value": [entity("3"), entity("4")]}, NEXT)]
    service = Service(*pages)
    found = table_of(service).scan("p", start="1", end="9", limit=3)
    assert [stored.row.key for stored in found] == ["1", "2", "3"]
    assert len(service.asked) == 2
    assert "NextRowKey=2" in service.asked[1]


def test_of_a_range_only_the_rows_that_are_wanted_are_returned_whatever_comes_along() -> None:
    along = {**entity("2"), "Timestamp": "yesterday"}
    service = Service(({"value": [entity("1"), along]}, NEXT), ({"value": [entity("3"), entity("4")]}, {}))
    found = table_of(service).read("p", ["1", "3", "4"])
    assert list(found) == ["1", "3", "4"]
    assert len(service.asked) == 2


def test_an_empty_page_is_not_the_last_one() -> None:
    found = table_of(Service(({"value": []}, NEXT), ({"value": [entity("3")]}, {}))).scan(
        "p", start="1", end="9", limit=9
    )
    assert [stored.row.key for stored in found] == ["3"]


def test_a_single_row_has_its_etag_and_its_age_by_the_clock_of_the_service() -> None:
    answer = entity("1", linked="2026-01-05T08:00:00.5000000Z", **{"linked@odata.type": "Edm.DateTime"})
    (stored,) = table_of(Service((answer, {}))).read("p", ["1"]).values()
    moment = datetime(2026, 1, 5, 8, 0, 0, 500_000, UTC)
    assert stored == Stored(Row("p", "1", {"linked": moment}), str(answer["odata.etag"]), 10.0)


@pytest.mark.parametrize(("written", "age_s"), [("2026-01-05T08:00:10.9Z", 0.0), (None, 0.0)])
def test_no_row_is_younger_than_its_answer(written: str | None, age_s: float) -> None:
    (stored,) = rows_of(json.dumps({**entity("1"), "Timestamp": written}).encode())
    assert stored.age_s == age_s


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sign in</html>",
        b"",
        b"null",
        b"[]",
        {"error": {"code": "ServerBusy"}},
        {"value": None},
        {"value": {"PartitionKey": "p", "RowKey": "1"}},
        {"value": [None]},
        {"value": [{"PartitionKey": "p"}]},
        {"PartitionKey": "p", "RowKey": 1},
        {"value": [{**entity("1"), "Timestamp": "yesterday"}]},
        {"value": [{**entity("1"), "Timestamp": 5}]},
        {"value": [entity("1", linked="yesterday", **{"linked@odata.type": "Edm.DateTime"})]},
        {"value": [entity("1", packed="A", **{"packed@odata.type": "Edm.Binary"})]},
    ],
)
def test_an_answer_that_is_no_rows_is_trouble_of_the_storage_and_not_an_empty_one(body: object) -> None:
    reads: tuple[Callable[[AzureTable], object], ...] = (
        lambda table: table.scan("p", start="1", end="9", limit=9),
        lambda table: table.read("p", ["1"]),
        lambda table: table.whole(9),
    )
    for read in reads:
        with pytest.raises(StorageTrouble, match="table links of contoso answered with something that is no rows"):
            read(table_of(Service((body, {}))))


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 05 Jan 2026 08:00:10 -0000"])
def test_an_answer_without_the_time_of_the_service_is_trouble_of_the_storage(date: str) -> None:
    with pytest.raises(StorageTrouble, match="table links of contoso"):
        table_of(Service(({"value": [entity("1")]}, {"Date": date}))).scan("p", start="1", end="9", limit=9)


def test_rows_that_the_sdk_reads_past_us_stop_the_app() -> None:
    for answer in ({"value": [entity("1")]}, entity("1")):
        table = table_of(Service((answer, {})), RequestsTransport)
        with pytest.raises(RuntimeError, match=r"install the version of requirements\.txt"):
            table.read("p", ["1"]) if "RowKey" in answer else table.scan("p", start="1", end="9", limit=9)


def test_a_row_that_comes_without_its_etag_has_the_one_that_its_time_makes() -> None:
    answer = entity("1")
    del answer["odata.etag"]
    (stored,) = rows_of(json.dumps({"value": [answer]}).encode())
    assert stored.etag == "W/\"datetime'2026-01-05T08%3A00%3A00.0000000Z'\""


def test_of_a_range_the_rows_that_are_wanted_are_kept_and_all_are_counted_up_to_the_last_one() -> None:
    kept = Kept({"b"})
    for keys in (["a", "b"], ["c"], []):
        read_answer(kept, json.dumps({"value": [entity(key) for key in keys]}).encode(), DATE)
    assert [stored.row.key for stored in kept.rows] == ["b"]
    assert (kept.length, kept.last) == (3, "c")
