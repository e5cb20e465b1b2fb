"""Tables in Azure Table Storage, behind the interface of rows.py."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceResponseError
from azure.data.tables import (
    TableClient,
    TableTransactionError,
    UpdateMode,
)

from shared.errors import RowConflict
from shared.invocations import gather_in_context, map_in_context
from shared.state.storage.ranges import PAGE, Stretch, read_rows
from shared.state.storage.row_answers import Kept, keep_rows, require_nothing_left
from shared.state.storage.storage_errors import is_not_made, storage_errors
from shared.state.storage.tables import (
    Delete,
    Insert,
    Operation,
    Put,
    Replace,
    Stored,
    check_size,
    conflict_of,
    storable,
)
from shared.state.storage.transaction_requests import submit

_CONFLICTS = (404, 409, 412)


class AzureTable:
    """One table. Reads of single rows run in parallel, and so do transactions that are independent.

    No task of a pool may wait for another one of it: once every thread had such a task, all would wait for ever. A
    read of a single row and a transaction wait for none.
    """

    def __init__(self, client: TableClient, readers: ThreadPoolExecutor, writers: ThreadPoolExecutor) -> None:
        self._client = client
        self._readers = readers
        self._writers = writers
        self._place = f"table {client.table_name} of {client.account_name}"

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""

        def scan(first: str, end: str, limit: int, among: AbstractSet[str]) -> Stretch:
            kept = self._scan(Kept(among), partition, first, end, limit)
            return Stretch(kept.rows, kept.length, kept.last)

        found = read_rows(keys, scan, partial(self._read_each, partition))
        return {stored.row.key: stored for stored in found}

    def _read_each(self, partition: str, keys: Sequence[str]) -> Sequence[Stored]:
        with storage_errors(self._place):
            found = list(map_in_context(self._readers, lambda key: self._read_one(partition, key), keys))
        return [stored for stored in found if stored is not None]

    def _read_one(self, partition: str, key: str) -> Stored | None:
        found = Kept()
        try:
            left = self._client.get_entity(partition, key, raw_response_hook=keep_rows(found, self._place))
        except ResourceNotFoundError as missing:
            if is_not_made(missing):
                raise
            return None
        require_nothing_left([left])
        return found.rows[-1]

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""
        return self._scan(Kept(), partition, start, end, limit).rows[:limit]

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        return self._query(Kept(), "", {}, limit).rows[:limit]

    def _scan(self, into: Kept, partition: str, start: str, end: str, limit: int) -> Kept:
        wanted = "PartitionKey eq @partition and RowKey ge @start and RowKey lt @end"
        return self._query(into, wanted, {"partition": partition, "start": start, "end": end}, limit)

    def _query(self, into: Kept, wanted: str, parameters: Mapping[str, str], limit: int) -> Kept:
        """Page by page, until there are `limit` rows or no more."""
        with storage_errors(self._place):
            pages = self._client.query_entities(
                wanted,
                parameters=dict(parameters),
                results_per_page=min(limit, PAGE),
                raw_response_hook=keep_rows(into, self._place),
            ).by_page()
            for left in pages:
                require_nothing_left(left)
                if into.length >= limit:
                    break
        return into

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

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Apply each transaction by itself, as many at once as there are writers."""
        if len(transactions) == 1:
            return [conflict_of(self, transactions[0])]
        return gather_in_context(self._writers, partial(conflict_of, self), transactions)

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
