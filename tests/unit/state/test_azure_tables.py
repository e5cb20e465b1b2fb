"""Transactions whose answer gets lost on the way, and those that are sent at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event, Lock
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ServiceResponseError

from shared.errors import StorageTrouble
from shared.state.storage.azure_tables import AzureTable
from shared.state.storage.tables import Insert, Put, Row
from tests.support.patience import PATIENCE_S


class Client:
    """Loses the first answers."""

    table_name = "links"
    account_name = "contoso"
    url = "https://contoso.table.core.windows.net"

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.sent: list[Any] = []

    def submit_transaction(self, _placeholder: Any, *, raw_request_hook: Callable[[Any], None]) -> list[dict[str, str]]:
        """Lets the body be replaced, as the SDK does."""
        bodies: list[bytes] = []
        request = SimpleNamespace(headers={"Content-Type": "multipart/mixed; boundary=b"}, set_bytes_body=bodies.append)
        raw_request_hook(SimpleNamespace(http_request=request))
        self._take(bodies)
        return [{"etag": "1"}] * bodies[0].count(b"PUT ")

    def upsert_entity(self, entity: Any, **options: Any) -> dict[str, str]:
        self._take((entity, options))
        return {"etag": "1"}

    def _take(self, sent: Any) -> None:
        self.sent.append(sent)
        if len(self.sent) <= self.lost:
            raise ServiceResponseError("Connection reset by peer")


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


ROW = Put(Row("accounts", "L|1", {"state": "new"}))


@pytest.mark.parametrize("rows", [1, 2])
def test_a_transaction_whose_answer_is_lost_is_sent_once_more(rows: int, readers: ThreadPoolExecutor) -> None:
    client = Client(lost=1)
    assert AzureTable(client, readers, readers).transact([ROW] * rows) == ["1"] * rows  # type: ignore[arg-type]
    assert client.sent[0] == client.sent[1]


def test_a_transaction_that_is_lost_twice_is_trouble_of_the_account_by_name(readers: ThreadPoolExecutor) -> None:
    client = Client(lost=2)
    with pytest.raises(
        StorageTrouble, match=r"table links of contoso did not answer: check that the name of the account"
    ):
        AzureTable(client, readers, readers).transact([ROW])  # type: ignore[arg-type]
    assert len(client.sent) == 2


@dataclass
class Slow:
    """A client whose requests end when `until` lets them, and that notes which were sent and how many at once."""

    until: Callable[[str], object]
    sent: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    table_name = "links"
    account_name = "contoso"
    _lock: Lock = field(default_factory=Lock)

    def create_entity(self, entity: dict[str, Any]) -> dict[str, str]:
        """Inserts a row."""
        with self._lock:
            self.sent.append(entity["RowKey"])
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.until(entity["RowKey"])
        finally:
            with self._lock:
                self.at_once -= 1
        return {"etag": "1"}


def inserts(keys: str) -> list[list[Insert]]:
    return [[Insert(Row("quotations", key, {}))] for key in keys]


def test_as_many_transactions_are_sent_at_once_as_there_are_writers_and_no_more() -> None:
    # It opens only when three requests wait, and twice.
    three = Barrier(3, timeout=PATIENCE_S)
    client = Slow(lambda _key: three.wait())
    with ThreadPoolExecutor(1) as readers, ThreadPoolExecutor(3) as writers:
        table = AzureTable(client, readers, writers)  # type: ignore[arg-type]
        assert table.transact_each(inserts("abcdef")) == [None] * 6
    assert sorted(client.sent) == [*"abcdef"]
    assert client.most_at_once == 3


def test_a_conflict_is_told_of_its_own_transaction_and_the_others_are_sent() -> None:
    def until(key: str) -> None:
        if key == "b":
            raise ResourceExistsError("there is one", response=SimpleNamespace(status_code=409, reason="", headers={}))

    client = Slow(until)
    with ThreadPoolExecutor(2) as pool:
        table = AzureTable(client, pool, pool)  # type: ignore[arg-type]
        conflicts = table.transact_each(inserts("abcd"))
    assert [conflict and conflict.index for conflict in conflicts] == [None, 0, None, None]
    assert sorted(client.sent) == [*"abcd"]


class Dropping(ThreadPoolExecutor):
    """Threads that tell when a task was dropped before it began."""

    def __init__(self, threads: int, dropped: Event) -> None:
        super().__init__(threads)
        self._dropped = dropped

    def submit(self, *given: Any, **named: Any) -> Future[Any]:
        """Begin a task when a thread is free."""
        future = super().submit(*given, **named)
        future.add_done_callback(lambda done: self._dropped.set() if done.cancelled() else None)
        return future


def test_a_failed_transaction_is_told_when_none_is_under_way_and_what_has_not_begun_is_dropped() -> None:
    dropped, told = Event(), Event()
    ended_first: list[bool] = []

    def until(key: str) -> None:
        if key == "a":
            raise ServiceResponseError("Connection reset by peer")
        assert dropped.wait(PATIENCE_S)
        ended_first.append(not told.wait(0.1))

    client = Slow(until)
    with ThreadPoolExecutor(1) as readers, Dropping(2, dropped) as writers:
        table = AzureTable(client, readers, writers)  # type: ignore[arg-type]
        with pytest.raises(StorageTrouble, match="table links of contoso did not answer"):
            table.transact_each(inserts("abcdefghi"))
        told.set()
    assert "b" in client.sent
    assert "i" not in client.sent
    assert all(ended_first)
