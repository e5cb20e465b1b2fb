"""What does not belong into the queues and tables of the app, by kind."""

import base64
import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient, UpdateMode
from azure.storage.queue import QueueServiceClient


def _as_json(content: Any) -> Callable[[random.Random], bytes]:
    return lambda _chance: json.dumps(content).encode()


BODIES: Mapping[str, Callable[[random.Random], bytes]] = {
    "random bytes": lambda chance: chance.randbytes(chance.randrange(1, 2000)),
    "an empty text": lambda _chance: b"",
    "half a message": lambda _chance: b'{"format":1,"flow":"accounts","run":"x","epoch":null,"hints":[{"id":',
    "JSON null": _as_json(None),
    "a JSON list": _as_json([1, 2, 3]),
    "a JSON text": _as_json("accounts"),
    "another format": _as_json({"format": 99, "hints": []}),
    "hints that are a number": _as_json({"format": 1, "flow": "accounts", "run": "x", "epoch": None, "hints": 7}),
    "a hint without an id": _as_json(
        {"format": 1, "flow": "x", "run": "x", "epoch": None, "hints": [{"version": "1"}]}
    ),
    "no hints": _as_json({"format": 1, "flow": "accounts", "run": "x", "epoch": None, "hints": []}),
    "a row of somebody else": _as_json({"accountid": "5c2e0a9e-2f9f-4b0c-8a3e-0d6c1f1e7a11", "name": "Contoso"}),
    "a version of letters": _as_json(
        {"format": 1, "flow": "x", "run": "x", "epoch": None, "hints": [{"id": "a", "version": "b"}]}
    ),
    "brackets nested 40,000 deep": lambda _chance: b"[" * 40_000,
    "objects nested 4,000 deep": lambda _chance: b'{"format":' * 4_000,
    "an id of 30 kB": _as_json({"format": 1, "flow": "x", "run": "x", "epoch": None, "hints": [{"id": "7" * 30_000}]}),
    "half a surrogate pair": lambda _chance: (
        b'{"format":1,"flow":"x","run":"x","epoch":null,"hints":[{"id":"\\ud83d"}]}'
    ),
}
"""Bodies that the app cannot read, by kind: every one ends as a failure. What they hold is up to the seed."""

TOUCHES: Mapping[str, Mapping[str, Any]] = {
    "a property of a newer version": {"of_a_newer_version": "x"},
    "a property of somebody else": {"of_somebody_else": 7},
}
"""What somebody else writes into the link of a record, by kind: the record goes on, and is in step in the end."""

DAMAGES: Mapping[str, Mapping[str, Any]] = {
    "an unknown state": {"state": "hibernating"},
    "text that is no JSON": {"applied": "{"},
    "JSON of another shape for what was applied": {"applied": "[1, 2]"},
    "JSON of another shape for what is waited for": {"waits": '{"a": 1}'},
    "letters for a number": {"attempts": "three"},
    "a text for a boolean": {"dirty": "yes, very"},
    "a number for a text": {"fingerprint": 7},
    "an id of another type": {"record_id": 7},
}
"""What damages the link of a record, by kind. Not played yet: no step of a plan takes from it."""

STRAYS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("links", {"PartitionKey": "nobody", "RowKey": "L|1", "state": "unheard of", "attempts": "many"}),
    ("links", {"PartitionKey": "accounts", "RowKey": "X|1", "state": 5, "applied": "{"}),
    ("links", {"PartitionKey": "quotations", "RowKey": "1", "note": "kept here for a moment"}),
    ("keys", {"PartitionKey": "nobody", "RowKey": "1", "flow": 3}),
    ("runs", {"PartitionKey": "nobody", "RowKey": "1", "started": "yesterday"}),
    ("checkpoints", {"PartitionKey": "nobody", "RowKey": "1", "phase": "sleeping"}),
    ("control", {"PartitionKey": "nobody", "RowKey": "1", "closed": "perhaps"}),
)
"""Rows that are none of ours, by table: nobody reads them, and nobody changes them."""


def text_of(body: bytes, *, is_encoded: bool) -> str:
    """The text that lies in a queue: base64 of a body, or the text that it is."""
    return (base64.b64encode(body) if is_encoded else body).decode()


def name_of(body: bytes, *, is_encoded: bool) -> str:
    """Under which name the failure of an unreadable body is listed."""
    return f"message-{hashlib.sha256(text_of(body, is_encoded=is_encoded).encode()).hexdigest()[:32]}"


class Queues:
    """The queues of the account as somebody with the account's key reaches them."""

    def __init__(self, connection_string: str) -> None:
        self._service = QueueServiceClient.from_connection_string(connection_string)

    def drop(self, queue: str, body: bytes, *, is_encoded: bool) -> None:
        """Put a body into a queue, as base64 or as the text that it is."""
        with self._service.get_queue_client(queue) as client:
            client.send_message(text_of(body, is_encoded=is_encoded))

    def depths(self) -> dict[str, int]:
        """How many messages lie in each queue that is not empty."""
        depths = {}
        for queue in self._service.list_queues():
            with self._service.get_queue_client(queue.name) as client:
                depths[str(queue.name)] = int(client.get_queue_properties().approximate_message_count or 0)
        return {name: depth for name, depth in depths.items() if depth}

    def close(self) -> None:
        """Give up the connections."""
        self._service.close()


class Tables:
    """The tables of the account as somebody with the account's key reaches them."""

    def __init__(self, connection_string: str) -> None:
        self._service = TableServiceClient.from_connection_string(connection_string)

    def touch(self, table: str, row: Mapping[str, Any]) -> None:
        """Write some properties of a row, if it is there."""
        with suppress(ResourceNotFoundError):
            self._service.get_table_client(table).update_entity(dict(row), mode=UpdateMode.MERGE)

    def put(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row."""
        self._service.get_table_client(table).create_entity(dict(row))

    def remove(self, table: str, row: Mapping[str, Any]) -> bool:
        """Remove a row; whether it was as it was put."""
        client = self._service.get_table_client(table)
        found = client.get_entity(row["PartitionKey"], row["RowKey"])
        client.delete_entity(row["PartitionKey"], row["RowKey"])
        return dict(found) == dict(row)

    def close(self) -> None:
        """Give up the connections."""
        self._service.close()
