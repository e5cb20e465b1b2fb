"""The storage account: its tables and queues, by connection string or by identity."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableClient, TableServiceClient
from azure.storage.queue import QueueServiceClient
from requests import Session
from requests.adapters import HTTPAdapter

from shared.errors import SettingsInvalid
from shared.invocations import in_context
from shared.outbound import Way, straight
from shared.state.storage.azure_queues import AzureQueues
from shared.state.storage.azure_tables import AzureTable
from shared.state.storage.queues import queues_of
from shared.state.storage.storage_errors import storage_errors
from shared.state.storage.transport import StorageTransport

TABLES = ("checkpoints", "links", "keys", "runs", "control")
PARALLEL_READS = 16
# Few: a partition takes some 2,000 rows a second, and its flow's workers write to it at the same time.
PARALLEL_WRITES = 4
_CONNECT_S, _READ_S = 10, 60
# More than there are threads; otherwise connections would be opened and dropped all the time.
_CONNECTIONS = 64
_Client = TypeVar("_Client", TableServiceClient, QueueServiceClient)


@dataclass(frozen=True, slots=True)
class Account:
    """How to reach the account: a connection string, or both service addresses with a credential; and the route."""

    connection_string: str | None = None
    table_url: str | None = None
    queue_url: str | None = None
    credential: TokenCredential | None = None
    way: Way = straight


class Storage:
    """The tables and queues of the app."""

    def __init__(self, account: Account) -> None:
        self._tables, self._queues = _clients(account)
        self._readers = ThreadPoolExecutor(PARALLEL_READS, thread_name_prefix="table-read")
        # Threads of their own: the reads of messages do not wait for the transactions of a pull.
        self._writers = ThreadPoolExecutor(PARALLEL_WRITES, thread_name_prefix="table-write")
        self.queues = AzureQueues(self._queues.get_queue_client)

    def table(self, name: str) -> AzureTable:
        """A table by name."""
        client: TableClient = self._tables.get_table_client(name)
        return AzureTable(client, self._readers, self._writers)

    def create(self, flows: Iterable[str]) -> None:
        """Create every missing table and queue. Raises StorageTrouble if the account is unreachable."""
        wanted = {queue for flow in flows for queue in queues_of(flow)}
        # A deployment has created them, so one listing is cheaper than seventeen refused requests.
        tables, queues = set(TABLES) - self._existing_tables(), wanted - self._existing_queues()
        # The first invocation of an instance waits for this, so all are created in parallel.
        made = [in_context(self._readers, partial(self._create_table, name)) for name in sorted(tables)]
        made += [in_context(self._readers, partial(self.queues.create, name)) for name in sorted(queues)]
        for each in made:
            each.result()

    def _existing_tables(self) -> set[str]:
        with storage_errors(f"Table Storage of {self._tables.account_name}"):
            return {table.name for table in self._tables.list_tables()}

    def _existing_queues(self) -> set[str]:
        with storage_errors(f"Queue Storage of {self._queues.account_name}"):
            return {str(queue.name) for queue in self._queues.list_queues()}

    def _create_table(self, name: str) -> None:
        with storage_errors(f"Table Storage of {self._tables.account_name}"):
            try:
                self._tables.create_table(name)
            except ResourceExistsError:
                return


def _clients(account: Account) -> tuple[TableServiceClient, QueueServiceClient]:
    if account.connection_string is not None:
        named = partial(TableServiceClient.from_connection_string, account.connection_string)
        queued = partial(QueueServiceClient.from_connection_string, account.connection_string)
    else:
        if account.table_url is None or account.queue_url is None or account.credential is None:
            raise ValueError("an account without connection string needs both addresses and a credential")
        named = partial(TableServiceClient, account.table_url, credential=account.credential)
        queued = partial(QueueServiceClient, account.queue_url, credential=account.credential)
    try:
        tables, queues = _connected(named, account.way), _connected(queued, account.way)
    except ValueError:
        # Its message and its chained error may quote part of the connection string.
        pass
    else:
        return tables, queues
    raise SettingsInvalid(
        "AzureWebJobsStorage is set (its value is not shown) and does not lead to tables and queues: copy the whole "
        "connection string of the account"
    )


def _connected(make: Callable[..., _Client], way: Way) -> _Client:
    """A client with its own timeouts and transport, which uses this route to its own address only."""
    session = Session()
    session.trust_env = False
    session.mount("https://", _adapter())
    session.mount("http://", _adapter())
    transport = StorageTransport(session=session)
    client = make(connection_timeout=_CONNECT_S, read_timeout=_READ_S, transport=transport)
    # Only the client knows the address in a connection string.
    outbound = way(client.url)
    if outbound.proxy:
        session.proxies = {"https": outbound.proxy}
    transport.connection_config.verify = outbound.ca_file or True
    return client


def _adapter() -> HTTPAdapter:
    """The SDK retries, so the adapter does not."""
    return HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=0)
