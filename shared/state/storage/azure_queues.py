"""Queues in Azure Queue Storage. Bodies are plain text, as `messageEncoding` of host.json says."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import MAXYEAR, datetime
from threading import Lock

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from shared.state.storage.queues import MAX_DELAY_S, Head, Message
from shared.state.storage.storage_errors import storage_errors
from shared.visible import whole_characters

NEVER_EXPIRES = -1


class AzureQueues:
    """Every queue of the account. `make_client` gives a client for a queue name that writes and reads texts unchanged:
    a foreign message must not block those behind it."""

    def __init__(self, make_client: Callable[[str], QueueClient]) -> None:
        self._make_client = make_client
        self._clients: dict[str, QueueClient] = {}
        self._lock = Lock()

    def send(self, queue: str, body: str, *, delay_s: float = 0) -> None:
        """Put a message, visible after `delay_s` seconds."""
        visible_in = min(int(delay_s), MAX_DELAY_S)
        with self._using(queue) as client:
            client.send_message(whole_characters(body), visibility_timeout=visible_in, time_to_live=NEVER_EXPIRES)

    def receive(self, queue: str, *, limit: int, invisible_s: float) -> Sequence[Message]:
        """Take up to `limit` messages; they reappear after `invisible_s` unless deleted."""
        with self._using(queue) as client:
            pages = client.receive_messages(
                messages_per_page=limit, max_messages=limit, visibility_timeout=int(invisible_s)
            )
            return [Message(str(m.id), str(m.content), str(m.pop_receipt), _expires_at(m)) for m in pages]

    def delete(self, queue: str, message: Message) -> None:
        """Remove a received message; it is not an error if it is gone."""
        with self._using(queue) as client:
            try:
                client.delete_message(message.id, message.receipt)
            except ResourceNotFoundError:
                return

    def depth(self, queue: str) -> int:
        """About how many messages are in the queue, invisible ones included."""
        with self._using(queue) as client:
            return int(client.get_queue_properties().approximate_message_count or 0)

    def head(self, queue: str) -> Head | None:
        """The message that is next to be received; None if none is visible."""
        with self._using(queue) as client:
            messages = client.peek_messages(max_messages=1)
            put_at = messages[0].inserted_on if messages else None
            return Head(put_at, _expires_at(messages[0])) if put_at is not None else None

    def create(self, queue: str) -> None:
        """Make a queue unless it exists."""
        with self._using(queue) as client:
            try:
                client.create_queue()
            except ResourceExistsError:
                return

    @contextmanager
    def _using(self, queue: str) -> Iterator[QueueClient]:
        client = self._client(queue)
        with storage_errors(f"queue {queue} of {client.account_name}"):
            yield client

    def _client(self, queue: str) -> QueueClient:
        with self._lock:
            if queue not in self._clients:
                self._clients[queue] = self._make_client(queue)
            return self._clients[queue]


def _expires_at(message: QueueMessage) -> datetime | None:
    """When a message expires. The service gives the year 9999 for a message that never does."""
    at = message.expires_on
    return at if at is not None and at.year < MAXYEAR else None
