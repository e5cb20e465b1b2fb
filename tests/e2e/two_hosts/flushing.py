"""Brings the storage emulator's data to disk before it is killed.

Azurite keeps rows and messages in memory and writes them to disk every five seconds, each database at its own time. A
storage account loses nothing that it has answered to, and so must the emulator here, or the test would prove what no
account does: whoever kills it stops everybody who writes, and waits until all that was answered to is on disk.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

Until = Callable[[str, Callable[[], bool]], None]
_MARKS = "marks"


class Disk:
    """The folder of an emulator, which is reached by the connection string."""

    def __init__(self, folder: Path, connection_string: str) -> None:
        self._folder = folder
        self._tables = TableServiceClient.from_connection_string(connection_string)
        self._queues = QueueServiceClient.from_connection_string(connection_string)
        self._blobs = BlobServiceClient.from_connection_string(connection_string)
        self._marked = 0

    def flush(self, until: Until) -> None:
        """Return when all is on disk that was answered to before the call. Nobody else may write meanwhile."""
        now_ms = time.time() * 1000
        self._marked += 1
        row = blob = f"mark-{self._marked}-{int(now_ms)}"
        self._tables.create_table_if_not_exists(_MARKS).upsert_entity({"PartitionKey": _MARKS, "RowKey": row})
        message = self._put_message(row)
        self._put_blob(blob)
        until("the rows are on disk", lambda: row in self._text("table"))
        until("the messages are on disk", lambda: message in self._text("queue"))
        until("the blobs are on disk", lambda: blob in self._text("blob"))
        for service in ("queue", "blob"):
            until(f"the contents of {service}s are on disk", lambda: self._changed_ms(service) >= now_ms)  # noqa: B023

    def close(self) -> None:
        """Give up the connections."""
        for service in (self._tables, self._queues, self._blobs):
            service.close()

    def _put_message(self, text: str) -> str:
        client = self._queues.get_queue_client(_MARKS)
        try:
            client.create_queue()
        except ResourceExistsError:
            client.clear_messages()
        return str(client.send_message(text).id)

    def _put_blob(self, name: str) -> None:
        container = self._blobs.get_container_client(_MARKS)
        if not container.exists():
            container.create_container()
        container.upload_blob(name, name.encode())

    def _text(self, name: str) -> str:
        return (self._folder / f"__azurite_db_{name}__.json").read_text(encoding="utf-8")

    def _changed_ms(self, service: str) -> float:
        """When the file was last written in which the contents of messages, or of blobs, lie."""
        for collection in json.loads(self._text(f"{service}_extent"))["collections"]:
            times = [
                each.get(name, 0) for each in collection["data"] for name in ("lastModifiedInMS", "LastModifyInMS")
            ]
            return float(max(times, default=0))
        return 0.0
