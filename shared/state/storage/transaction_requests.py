"""Bodies of transactions, written in a tenth of the time that the SDK takes.

The SDK writes each operation as a part of an e-mail, which takes half of the processor time of a transaction. It lets
its users look at a request before it is sent, when it is signed and has its headers (`raw_request_hook`); no signature
of Table Storage covers the body. So the SDK is given a placeholder to send, and its body is replaced there. Signing,
retries, events and errors stay the SDK's.

The form is that of learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.pipeline import PipelineRequest
from azure.data.tables import TableClient, TransactionOperation

from shared.state.storage.tables import Delete, Insert, Operation, Put, Replace, Row, storable

_CHANGES = "changes"
_HEAD = (
    f"--{_CHANGES}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    "{method} {url} HTTP/1.1\r\nAccept: application/json;odata=minimalmetadata\r\nDataServiceVersion: 3.0;\r\n"
)
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1
# No row has it, so the service would refuse the placeholder, should it ever arrive.
_PLACEHOLDER = (
    {"PartitionKey": "-", "RowKey": "placeholder"},
    {
        "etag": "none",
        "match_condition": MatchConditions.IfNotModified,
    },
)


def submit(client: TableClient, operations: Sequence[Operation]) -> Sequence[Mapping[str, Any]]:
    """Apply all operations, or none: what `TableClient.submit_transaction` does and returns."""
    account = client.url.partition("?")[0].rstrip("/")
    written = changes(f"{account}/{client.table_name}", operations)
    bodies: list[bytes] = []

    def replace(request: PipelineRequest[Any]) -> None:
        bodies.append(_in_batch(written, request.http_request.headers["Content-Type"]))
        request.http_request.set_bytes_body(bodies[-1])

    answers = client.submit_transaction([(TransactionOperation.DELETE, *_PLACEHOLDER)], raw_request_hook=replace)
    if not bodies or len(answers) != len(operations):
        raise RuntimeError(
            "azure-data-tables sends transactions in another way: install the version of requirements.txt"
        )
    return answers


def changes(table_url: str, operations: Sequence[Operation]) -> bytes:
    """The operations as a change set, from its first boundary to its last."""
    parts = [_part(table_url, operation) for operation in operations]
    return "".join([*parts, f"--{_CHANGES}--\r\n"]).encode("ascii")


def _in_batch(written: bytes, content_type: str) -> bytes:
    """The body of a request with this head; a change set is the only part of a batch."""
    boundary = content_type.partition("boundary=")[2].strip('"')
    head = f"--{boundary}\r\nContent-Type: multipart/mixed; boundary={_CHANGES}\r\n\r\n"
    return b"".join((head.encode("ascii"), written, f"\r\n--{boundary}--\r\n".encode("ascii")))


def _part(table_url: str, operation: Operation) -> str:
    match operation:
        case Insert(row=row):
            head = _HEAD.format(method="POST", url=table_url)
            return f"{head}Prefer: return-no-content\r\nContent-Type: application/json\r\n\r\n{_json(row)}\r\n"
        case Put(row=row):
            head = _HEAD.format(method="PUT", url=_url(table_url, row))
            return f"{head}Content-Type: application/json\r\n\r\n{_json(row)}\r\n"
        case Replace(row=row, etag=etag):
            head = _HEAD.format(method="PUT", url=_url(table_url, row))
            return f"{head}If-Match: {etag}\r\nContent-Type: application/json\r\n\r\n{_json(row)}\r\n"
        case Delete(row=row, etag=etag):
            return f"{_HEAD.format(method='DELETE', url=_url(table_url, row))}If-Match: {etag or '*'}\r\n\r\n\r\n"


def _url(table_url: str, row: Row) -> str:
    return f"{table_url}(PartitionKey='{_key(row.partition)}',RowKey='{_key(row.key)}')"


def _key(key: str) -> str:
    return quote(key.replace("'", "''"), safe="")


def _json(row: Row) -> str:
    """A row as the service takes it: what JSON cannot tell apart has its type beside it."""
    row = storable(row)
    entity: dict[str, str | int | bool] = {"PartitionKey": row.partition, "RowKey": row.key}
    for name, cell in row.cells.items():
        match cell:
            case str() | bool():
                entity[name] = cell
            case int() if _SMALLEST <= cell <= _LARGEST:
                entity[name] = cell
            case datetime():
                entity[name] = _moment(cell)
                entity[f"{name}@odata.type"] = "Edm.DateTime"
            case bytes():
                entity[name] = b64encode(cell).decode("ascii")
                entity[f"{name}@odata.type"] = "Edm.Binary"
            case _:
                raise TypeError(f"{name} is no value that the app stores")
    return json.dumps(entity)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
