"""Tables in Azure Table Storage, behind the interface of rows.py."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseError
from azure.core.pipeline import PipelineResponse
from azure.data.tables import (
    TableClient,
    TableEntity,
    TableTransactionError,
    UpdateMode,
)

from shared.errors import RowConflict
from shared.invocations import map_in_context
from shared.state.storage.ranges import PAGE, read_rows
from shared.state.storage.storage_errors import is_not_made, storage_errors
from shared.state.storage.tables import (
    Cell,
    Delete,
    Foreign,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
    Stored,
    check_size,
    storable,
)
from shared.state.storage.transaction_requests import submit

_CONFLICTS = (404, 409, 412)
_KEYS = ("PartitionKey", "RowKey")


class AzureTable:
    """One table. Reads of single rows run in parallel."""

    def __init__(self, client: TableClient, readers: ThreadPoolExecutor) -> None:
        self._client = client
        self._readers = readers
        self._place = f"table {client.table_name} of {client.account_name}"

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""

        def scan(first: str, end: str, limit: int) -> Sequence[Stored]:
            return self.scan(partition, start=first, end=end, limit=limit)

        found = read_rows(keys, scan, partial(self._read_each, partition))
        return {stored.row.key: stored for stored in found}

    def _read_each(self, partition: str, keys: Sequence[str]) -> Sequence[Stored]:
        with storage_errors(self._place):
            found = list(map_in_context(self._readers, lambda key: self._read_one(partition, key), keys))
        return [stored for stored in found if stored is not None]

    def _read_one(self, partition: str, key: str) -> Stored | None:
        dates: list[datetime] = []
        try:
            entity = self._client.get_entity(partition, key, raw_response_hook=_keep_date(dates))
        except ResourceNotFoundError as missing:
            if is_not_made(missing):
                raise
            return None
        return _to_stored(entity, dates[-1])

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""
        wanted = "PartitionKey eq @partition and RowKey ge @start and RowKey lt @end"
        return self._query(wanted, {"partition": partition, "start": start, "end": end}, limit)

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        return self._query("", {}, limit)

    def _query(self, wanted: str, parameters: Mapping[str, str], limit: int) -> Sequence[Stored]:
        dates: list[datetime] = []
        stored: list[Stored] = []
        with storage_errors(self._place):
            entities = self._client.query_entities(
                wanted,
                parameters=dict(parameters),
                results_per_page=min(limit, PAGE),
                raw_response_hook=_keep_date(dates),
            )
            for entity in entities:
                stored.append(_to_stored(entity, dates[-1]))
                if len(stored) == limit:
                    break
        return stored

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, or none; returns the new etags in order. Raises RowConflict."""
        for operation in operations:
            check_size(operation.row)
        with storage_errors(self._place):
            try:
                answers = self._send(operations)
            except HttpResponseError as refused:
                if refused.status_code in _CONFLICTS and not is_not_made(refused):
                    raise RowConflict(_index(refused, operations), refused.message) from refused
                raise
        return [str(answer.get("etag", "")) for answer in answers]

    def _send(self, operations: Sequence[Operation]) -> Sequence[Mapping[str, Any]]:
        """Send a transaction; a single row goes by a request of its own, which costs less than half. Sent again if the
        answer was lost: typically on a connection that the service has closed while it was idle. The SDK repeats no
        POST. The writer recognises its own success (protocol A10)."""
        send = partial(submit, self._client, operations)
        # The SDK's own deletion does not tell that there is no such row.
        if len(operations) == 1 and not isinstance(operations[0], Delete):
            send = partial(self._write_one, operations[0])
        try:
            return send()
        except ServiceResponseError:
            return send()

    def _write_one(self, operation: Insert | Replace | Put) -> Sequence[Mapping[str, Any]]:
        """A request for a row that is inserted or replaced."""
        row = storable(operation.row)
        entity = {"PartitionKey": row.partition, "RowKey": row.key, **row.cells}
        match operation:
            case Insert():
                return [self._client.create_entity(entity)]
            case Put():
                return [self._client.upsert_entity(entity, mode=UpdateMode.REPLACE)]
            case Replace(etag=etag):
                return [
                    self._client.update_entity(
                        entity, mode=UpdateMode.REPLACE, etag=etag, match_condition=MatchConditions.IfNotModified
                    )
                ]


def _index(refused: HttpResponseError, operations: Sequence[Operation]) -> int:
    """The service names the operation by position; a transaction of one leaves no choice."""
    index = int(refused.index) if isinstance(refused, TableTransactionError) else 0
    return min(max(index, 0), len(operations) - 1)


def _keep_date(dates: list[datetime]) -> Callable[[PipelineResponse[Any, Any]], None]:
    def keep(response: PipelineResponse[Any, Any]) -> None:
        # A refusal may come from a proxy, which gives no time.
        if response.http_response.status_code < 300:
            dates.append(parsedate_to_datetime(response.http_response.headers["Date"]))

    return keep


def _to_stored(entity: TableEntity, date: datetime) -> Stored:
    cells: dict[str, Cell] = {name: _to_cell(value) for name, value in entity.items() if name not in _KEYS}
    row = Row(str(entity["PartitionKey"]), str(entity["RowKey"]), cells)
    written = entity.metadata["timestamp"]
    age_s = (date - written).total_seconds() if written is not None else 0.0
    return Stored(row, str(entity.metadata["etag"]), max(age_s, 0.0))


def _to_cell(value: object) -> Cell:
    match value:
        case datetime():
            # The SDK's own class would leak out.
            return datetime.combine(value.date(), value.time(), UTC)
        case str() | bool() | int() | bytes():
            return value
    return Foreign(type(value).__name__)
