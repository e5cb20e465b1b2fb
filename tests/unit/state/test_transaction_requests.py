"""Transactions are sent as the SDK sends them, with bodies that say the same."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from io import BytesIO
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from azure.core import MatchConditions
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient, TransactionOperation, UpdateMode
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from shared.state.storage.tables import Cell, Delete, Insert, Operation, Put, Replace, Row, escape
from shared.state.storage.transaction_requests import submit
from shared.state.storage.transport import StorageTransport

ADDRESS, KEY = "https://contoso.table.core.windows.net", AzureNamedKeyCredential("contoso", "AAAA")
ETAG = "W/\"datetime'2026-01-05T08%3A00%3A00.1Z'\""
MOMENT = datetime(2026, 1, 5, 8, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
CELLS: dict[str, Cell] = {
    "text": 'a "b"\r\n--changes\n\N{GRINNING FACE}',
    "n": -3,
    "yes": True,
    "at": MOMENT,
    "raw": b"\x00\xff",
}
ROWS: list[Operation] = [
    Insert(Row("p", "o'clock|1", CELLS)),
    Put(Row("p", "2", CELLS)),
    Replace(Row("p", "3", CELLS), ETAG),
]
OPERATIONS: list[Operation] = [*ROWS, Delete(Row("p", "4", CELLS), ETAG), Delete(Row("p", "5", {}))]


class Service(HTTPAdapter):
    """Keeps what arrives; refuses the first requests with these statuses, and accepts the others."""

    def __init__(self, *refused: int, parts: int = len(OPERATIONS)) -> None:
        super().__init__()
        self.refused, self.parts = list(refused), parts
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The answer."""
        self.requests.append(request)
        part = "--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nETag: 1\r\n\r\n\r\n"
        head = "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
        body = BytesIO(f"{head}{part * self.parts}--c--\r\n--b--\r\n".encode())
        kind = {"Content-Type": "multipart/mixed; boundary=b"}
        status = self.refused.pop(0) if self.refused else 202
        return self.build_response(request, HTTPResponse(body, kind, status=status, preload_content=False))


def client(service: Service, credential: Any = KEY) -> TableClient:
    session = requests.Session()
    session.mount("https://", service)
    transport = StorageTransport(session=session)
    return TableClient(ADDRESS, "links", credential=credential, transport=transport, retry_backoff_factor=0)


def sent_by_us(operations: Sequence[Operation]) -> requests.PreparedRequest:
    service = Service(parts=len(operations))
    submit(client(service), operations)
    return service.requests[-1]


def sent_by_the_sdk(operations: Sequence[Operation]) -> requests.PreparedRequest:
    service = Service()
    session = requests.Session()
    session.mount("https://", service)
    with TableClient(ADDRESS, "links", credential=KEY, transport=RequestsTransport(session=session)) as sdk:
        sdk.submit_transaction([_as_the_sdk_takes_it(operation) for operation in operations])
    return service.requests[-1]


def _as_the_sdk_takes_it(operation: Operation) -> Any:
    row = operation.row
    entity = {"PartitionKey": row.partition, "RowKey": row.key, **row.cells}
    keys = {"PartitionKey": row.partition, "RowKey": row.key}
    expected = {"match_condition": MatchConditions.IfNotModified}
    match operation:
        case Insert():
            return TransactionOperation.CREATE, entity
        case Put():
            return TransactionOperation.UPSERT, entity, {"mode": UpdateMode.REPLACE}
        case Replace(etag=etag):
            return TransactionOperation.UPDATE, entity, {"mode": UpdateMode.REPLACE, "etag": etag, **expected}
        case Delete(etag=None):
            return TransactionOperation.DELETE, keys
        case Delete(etag=etag):
            return TransactionOperation.DELETE, keys, {"etag": etag, **expected}


def read(request: requests.PreparedRequest) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    """The operations of a request, as a reader of e-mail finds them: method, URL, etag, row."""
    assert isinstance(request.body, bytes)
    batch = message_from_bytes(f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode() + request.body)
    (changes,) = batch.get_payload()  # type: ignore[str-unpack]  # the parts of a message with parts
    return [_operation(part.get_payload(decode=True)) for part in changes.get_payload()]  # type: ignore[union-attr, arg-type]


def _operation(text: bytes) -> tuple[str, str, str | None, dict[str, Any]]:
    line, _, rest = text.partition(b"\r\n")
    method, url, _version = line.decode().split(" ")
    message = message_from_bytes(rest)
    row = json.loads(str(message.get_payload()) or "{}")
    # The service takes a value without a type beside it for what it is in JSON.
    typed = {name: value for name, value in row.items() if value != "Edm.String"}
    return method, unquote(url), message["If-Match"], typed


def test_a_transaction_says_what_the_sdk_says() -> None:
    ours, theirs = read(sent_by_us(OPERATIONS)), read(sent_by_the_sdk(OPERATIONS))
    # Of a row that is put without a condition, the SDK says nothing either.
    assert ours == theirs
    assert [method for method, *_ in ours] == ["POST", "PUT", "PUT", "DELETE", "DELETE"]


@given(
    st.text(max_size=20).map(escape),
    st.dictionaries(
        st.from_regex("[a-z]{1,9}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.booleans()
        | st.integers(-(2**31), 2**31 - 1)
        | st.binary()
        | st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001 - the zone is added
    ),
)
def test_any_row_arrives_as_the_sdk_sends_it(key: str, cells: dict[str, Any]) -> None:
    operations: list[Operation] = [Insert(Row("p", key, cells)), Put(Row("p", f"{key}x", cells))]
    assert read(sent_by_us(operations)) == read(sent_by_the_sdk(operations))


class Signer:
    """Hands out one token."""

    def get_token(self, *_: Any, **__: Any) -> AccessToken:
        """A token."""
        return AccessToken("token", int(time.time()) + 3600)


@pytest.mark.parametrize(
    ("credential", "shown"),
    [(KEY, "SharedKey contoso:"), (Signer(), "Bearer token"), (AzureSasCredential("sv=1&sig=2"), "")],
)
def test_a_transaction_is_signed_by_the_sdk_whatever_the_credential(credential: Any, shown: str) -> None:
    service = Service()
    assert submit(client(service, credential), OPERATIONS) == [{"etag": "1"}] * len(OPERATIONS)
    (request,) = service.requests
    assert request.headers.get("Authorization", "").startswith(shown)
    assert (request.url or "").removesuffix("?sv=1&sig=2") == f"{ADDRESS}/$batch"
    # What grants access is in the request, and in no part of it.
    assert all("sig=" not in url for _method, url, *_ in read(request))


def test_a_transaction_that_meets_a_busy_service_is_sent_again_with_the_same_body() -> None:
    service = Service(503)
    submit(client(service), OPERATIONS)
    first, second = service.requests
    assert first.body == second.body
    assert read(second)
    assert second.headers["Content-Length"] == str(len(second.body or b""))


class OtherSdk:
    """A library that asks nobody before it sends."""

    url, table_name = ADDRESS, "links"

    def submit_transaction(self, operations: Any, **_: Any) -> list[dict[str, str]]:
        """What it would have done."""
        return [{} for _ in operations]


def test_a_library_that_does_not_let_the_body_be_replaced_is_an_error_and_no_success() -> None:
    with pytest.raises(RuntimeError, match="azure-data-tables sends transactions in another way"):
        submit(OtherSdk(), OPERATIONS[:1])  # type: ignore[arg-type]


def test_the_answers_to_a_transaction_are_as_many_as_its_operations() -> None:
    with pytest.raises(RuntimeError, match="in another way"):
        submit(client(Service(parts=1)), OPERATIONS)


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1])
def test_a_number_that_the_service_does_not_hold_is_not_sent(number: int) -> None:
    service = Service()
    with pytest.raises(TypeError, match="n is no value that the app stores"):
        submit(client(service), [Put(Row("p", "1", {"n": number})), Delete(Row("p", "2", {}))])
    assert service.requests == []


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31)])
def test_the_largest_and_the_smallest_number_that_the_service_holds_are_sent(number: int) -> None:
    operations: list[Operation] = [Put(Row("p", "1", {"n": number})), Delete(Row("p", "2", {}))]
    assert read(sent_by_us(operations))[0][3]["n"] == number
