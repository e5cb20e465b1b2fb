"""Azure Storage behind the host's narrow interfaces: queues, and the status of timers in blobs."""

import random
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobClient, BlobLeaseClient, BlobServiceClient
from azure.storage.queue import ExponentialRetry, QueueClient
from requests import Session

from local.host.errors import (
    HostError,
    MessageGone,
    QueueMissing,
    StorageRefused,
    StorageUnavailable,
    StorageUnreachable,
)
from local.host.queues import Message, Queue
from local.host.timer_lock import TimerLock
from local.host.timer_status import TimerStatus, TimerStatusStore, parse_status, status_as_json
from local.host.triggers import QueueAddress

CONTAINER = "azure-webjobs-hosts"
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
FIRST_BACKOFF_S, TRIES_AGAIN = 0.8, 5
_REFUSED = (401, 403)
_ON_LOOPBACK = re.compile(r"Endpoint=http://127\.0\.0\.1:")
_CONFLICT = 409


class Storage(Protocol):
    """Where the host gets its queues and timer statuses from."""

    def queue(self, address: QueueAddress) -> Queue:
        """Return a client of one queue; nothing is sent yet."""

    def timer_status(self, connection_string: str, host_id: str, function: str) -> TimerStatusStore:
        """Return the place of one timer's status; nothing is sent yet."""

    def timer_lock(self, connection_string: str, host_id: str, function: str, lease_s: int, instance: str) -> TimerLock:
        """Return the lock of one timer for one host; nothing is sent yet."""

    def close(self) -> None:
        """Give up every connection."""


@contextmanager
def _translated(what: str, missing: Callable[[str], HostError]) -> Iterator[None]:
    try:
        yield
    except ResourceNotFoundError as error:
        raise missing(f"{what} does not exist") from error
    except HttpResponseError as error:
        if getattr(error, "error_code", None) == "PopReceiptMismatch":
            raise MessageGone(f"{what}: a newer pop receipt exists") from error
        refused = error.status_code in _REFUSED
        kind = StorageRefused if refused else StorageUnavailable
        raise kind(f"{what}: {error.reason} ({getattr(error, 'error_code', '')})") from error
    except AzureError as error:
        raise StorageUnreachable(f"{what}: storage does not answer ({type(error).__name__})") from error


class Doubling(ExponentialRetry):
    """Waits as the real host's clients do: 0.8 s, then twice as long each time, a fifth more or less. Six tries take 22
    to 27 s where storage refuses connections."""

    def __init__(self) -> None:
        again = TRIES_AGAIN
        super().__init__(retry_total=again, retry_connect=again, retry_read=again, retry_status=again)

    def get_backoff_time(self, settings: dict[str, Any]) -> float:
        """Return the wait before the next try, in seconds; `count` is how many have failed."""
        spread = random.uniform(0.9, 1.1)
        return float(spread * FIRST_BACKOFF_S * 2 ** (max(1, int(settings["count"])) - 1))


def _transport(connection_string: str) -> RequestsTransport:
    """How requests are sent: to an emulator on this computer without a look at the proxies and passwords of the
    environment, which takes an eighth of the time of each request."""
    session = Session()
    session.trust_env = not _ON_LOOPBACK.search(connection_string)
    return RequestsTransport(session=session)


class AzureQueue:
    """One queue of Azure Storage or its emulator."""

    def __init__(self, address: QueueAddress) -> None:
        self.name = address.name
        self._what = f"queue {address.name}"
        self._client = QueueClient.from_connection_string(
            address.connection_string,
            address.name,
            retry_policy=Doubling(),
            transport=_transport(address.connection_string),
            connection_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        )

    def receive(self, count: int, *, lease_s: float) -> list[Message]:
        """Lease up to `count` messages; raise `QueueMissing` if there is no such queue."""
        with _translated(self._what, QueueMissing):
            # One page is one request: more would continue until the queue is empty.
            pages = self._client.receive_messages(messages_per_page=count, visibility_timeout=round(lease_s)).by_page()
            return [
                Message(
                    id=found.id,
                    text=str(found.content),
                    pop_receipt=str(found.pop_receipt),
                    dequeue_count=found.dequeue_count or 0,
                    inserted_at=found.inserted_on,
                    expires_at=found.expires_on,
                    next_visible_at=found.next_visible_on,
                )
                for found in next(pages, ())
            ]

    def set_visible_in(self, message: Message, seconds: float) -> Message:
        """Renew the lease or release it (0); the result carries the new pop receipt."""
        with _translated(f"message {message.id} of {self._what}", MessageGone):
            updated = self._client.update_message(
                message.id, message.pop_receipt, content=message.text, visibility_timeout=round(seconds)
            )
        return Message(
            message.id,
            message.text,
            str(updated.pop_receipt),
            message.dequeue_count,
            message.inserted_at,
            message.expires_at,
            updated.next_visible_on,
        )

    def delete(self, message: Message) -> None:
        """Delete the message; raise `MessageGone` if it is not ours any more."""
        with _translated(f"message {message.id} of {self._what}", MessageGone):
            self._client.delete_message(message.id, message.pop_receipt)

    def send(self, text: str) -> None:
        """Add a message with the service's default time to live, creating the queue if it is missing."""
        with _translated(self._what, StorageUnavailable):
            try:
                self._client.send_message(text)
            except ResourceNotFoundError:
                self._create()
                self._client.send_message(text)

    def close(self) -> None:
        """Give up the connections."""
        self._client.close()

    def _create(self) -> None:
        try:
            self._client.create_queue()
        except ResourceExistsError:
            return


class BlobTimerStatus:
    """One timer's status, under the name that the real host gives it."""

    def __init__(self, connection_string: str, host_id: str, function: str) -> None:
        self._service = BlobServiceClient.from_connection_string(
            connection_string,
            retry_total=3,
            transport=_transport(connection_string),
            connection_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        )
        self._name = f"timers/{host_id}/Host.Functions.{function}/status"
        self._what = f"blob {CONTAINER}/{self._name}"

    def load(self) -> TimerStatus | None:
        """Return the stored status; None if the timer never ran here."""
        blob = self._service.get_blob_client(CONTAINER, self._name)
        with _translated(self._what, StorageUnavailable):
            try:
                return parse_status(blob.download_blob().readall())
            except ResourceNotFoundError:
                return None

    def save(self, status: TimerStatus) -> None:
        """Store the status, creating the container if it is missing."""
        blob = self._service.get_blob_client(CONTAINER, self._name)
        with _translated(self._what, StorageUnavailable):
            try:
                blob.upload_blob(status_as_json(status), overwrite=True)
            except ResourceNotFoundError:
                self._create_container()
                blob.upload_blob(status_as_json(status), overwrite=True)

    def close(self) -> None:
        """Give up the connections."""
        self._service.close()

    def _create_container(self) -> None:
        try:
            self._service.create_container(CONTAINER)
        except ResourceExistsError:
            return


class BlobTimerLock:
    """The lease of a blob, under the name that the real host gives it: the host that holds it fires the timer. Workers
    of one host, which an `instance` names, hold it one after the other."""

    def __init__(self, connection_string: str, host_id: str, function: str, lease_s: int, instance: str = "") -> None:
        self._service = BlobServiceClient.from_connection_string(
            connection_string,
            retry_total=0,
            transport=_transport(connection_string),
            connection_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
        )
        self._name = f"locks/{host_id}/Host.Functions.{function}.Listener"
        self._what = f"blob {CONTAINER}/{self._name}"
        self._lease_s = lease_s
        self._id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{instance or uuid.uuid4()} {function}"))
        self._lease: BlobLeaseClient | None = None

    def take(self) -> bool:
        """Take the lease, or keep it; false where another host has it."""
        with _translated(self._what, StorageUnavailable):
            try:
                if self._lease is None:
                    self._lease = self._acquired()
                else:
                    self._lease.renew()
            except HttpResponseError as error:
                if error.status_code != _CONFLICT:
                    raise
                self._lease = None
        return self._lease is not None

    def release(self) -> None:
        """Let another host take it at once."""
        lease, self._lease = self._lease, None
        if lease is not None:
            with suppress(AzureError):
                lease.release()

    def close(self) -> None:
        """Give up the connections."""
        self._service.close()

    def _acquired(self) -> BlobLeaseClient:
        blob = self._service.get_blob_client(CONTAINER, self._name)
        try:
            return blob.acquire_lease(self._lease_s, lease_id=self._id)
        except ResourceNotFoundError:
            self._create(blob)
            return blob.acquire_lease(self._lease_s, lease_id=self._id)

    def _create(self, blob: BlobClient) -> None:
        with suppress(ResourceExistsError):
            self._service.create_container(CONTAINER)
        with suppress(ResourceExistsError):
            blob.upload_blob(b"", overwrite=False)


class AzureStorage:
    """The storage account, or its emulator; one client for each queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[QueueAddress, AzureQueue] = {}
        self._blobs: list[BlobTimerStatus | BlobTimerLock] = []

    def queue(self, address: QueueAddress) -> Queue:
        """Return a client of one queue; nothing is sent yet."""
        with self._lock:
            if address not in self._queues:
                self._queues[address] = AzureQueue(address)
            return self._queues[address]

    def timer_status(self, connection_string: str, host_id: str, function: str) -> TimerStatusStore:
        """Return the place of one timer's status; nothing is sent yet."""
        status = BlobTimerStatus(connection_string, host_id, function)
        with self._lock:
            self._blobs.append(status)
        return status

    def timer_lock(self, connection_string: str, host_id: str, function: str, lease_s: int, instance: str) -> TimerLock:
        """Return the lock of one timer for one host; nothing is sent yet."""
        lock = BlobTimerLock(connection_string, host_id, function, lease_s, instance)
        with self._lock:
            self._blobs.append(lock)
        return lock

    def close(self) -> None:
        """Give up every connection."""
        with self._lock:
            for queue in self._queues.values():
                queue.close()
            for blob in self._blobs:
                blob.close()
