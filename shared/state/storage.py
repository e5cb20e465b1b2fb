"""The storage account: its tables and queues, by connection string or by identity."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient, TableServiceClient
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64DecodePolicy, TextBase64EncodePolicy
from requests import Session
from requests.adapters import HTTPAdapter

from shared.state.azure_queues import AzureQueues
from shared.state.azure_tables import AzureTable
from shared.state.queues import HOLD_SUFFIX, POISON_SUFFIX
from shared.state.trouble import storage_errors

TABLES = ("checkpoints", "links", "keys", "runs", "control")
PARALLEL_READS = 16
_CONNECT_S, _READ_S = 10, 60
# More than there are threads, or connections would be made and thrown away all the time.
_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Account:
    """How to reach the account: a connection string, or both service addresses with a credential."""

    connection_string: str | None = None
    table_url: str | None = None
    queue_url: str | None = None
    credential: TokenCredential | None = None


class Storage:
    """The tables and queues of the app."""

    def __init__(self, account: Account) -> None:
        self._tables, make_queue = _clients(account)
        self._readers = ThreadPoolExecutor(PARALLEL_READS, thread_name_prefix="table-read")
        self.queues = AzureQueues(make_queue)

    def table(self, name: str) -> AzureTable:
        """A table by name."""
        client: TableClient = self._tables.get_table_client(name)
        return AzureTable(client, self._readers)

    def create(self, flows: Iterable[str]) -> None:
        """Make every table and queue that does not exist yet. Raises StorageTrouble when the account is unreachable."""
        queues = [flow + suffix for flow in flows for suffix in ("", HOLD_SUFFIX, POISON_SUFFIX)]
        # The first invocation of an instance waits for this: all at once.
        made = [self._readers.submit(self._create_table, name) for name in TABLES]
        made += [self._readers.submit(self.queues.create, name) for name in queues]
        for each in made:
            each.result()

    def _create_table(self, name: str) -> None:
        with storage_errors(f"Table Storage of {self._tables.account_name}"):
            try:
                self._tables.create_table(name)
            except ResourceExistsError:
                return


def _clients(account: Account) -> tuple[TableServiceClient, Callable[[str], QueueClient]]:
    codec = {"message_encode_policy": TextBase64EncodePolicy(), "message_decode_policy": TextBase64DecodePolicy()}
    if account.connection_string is not None:
        tables = TableServiceClient.from_connection_string(account.connection_string, **_options())
        queues = QueueServiceClient.from_connection_string(account.connection_string, **_options())
    else:
        if account.table_url is None or account.queue_url is None or account.credential is None:
            raise ValueError("an account without connection string needs both addresses and a credential")
        tables = TableServiceClient(account.table_url, credential=account.credential, **_options())
        queues = QueueServiceClient(account.queue_url, credential=account.credential, **_options())
    return tables, lambda name: queues.get_queue_client(name, **codec)


def _options() -> dict[str, Any]:
    """Timeouts, and a transport of its own for each service."""
    session = Session()
    session.mount("https://", _adapter())
    session.mount("http://", _adapter())
    transport = RequestsTransport(session=session)
    return {"connection_timeout": _CONNECT_S, "read_timeout": _READ_S, "transport": transport}


def _adapter() -> HTTPAdapter:
    """The SDK retries by itself, so the adapter does not."""
    return HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=0)
