"""What does not belong into the queues of the app, by kind."""

import base64
import hashlib
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

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
    "objects nested 8,000 deep": lambda _chance: b'{"format":' * 8_000,
    "an id of 30 kB": _as_json({"format": 1, "flow": "x", "run": "x", "epoch": None, "hints": [{"id": "7" * 30_000}]}),
    "half a surrogate pair": lambda _chance: (
        b'{"format":1,"flow":"x","run":"x","epoch":null,"hints":[{"id":"\\ud83d"}]}'
    ),
}
"""Bodies that the app cannot read, by kind: every one ends as a failure. What they hold is up to the seed."""


def name_of(body: bytes) -> str:
    """Under which name the failure of an unreadable body is listed."""
    text = body.decode("utf-8", "replace")
    return f"message-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


class Queues:
    """The queues of the account as somebody with the account's key reaches them."""

    def __init__(self, connection_string: str) -> None:
        self._service = QueueServiceClient.from_connection_string(connection_string)

    def drop(self, queue: str, body: bytes, *, is_encoded: bool) -> None:
        """Put a body into a queue, as base64 or as the text that it is."""
        text = base64.b64encode(body) if is_encoded else body
        with self._service.get_queue_client(queue) as client:
            client.send_message(text.decode())

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
