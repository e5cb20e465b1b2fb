"""Transactions whose answer gets lost on the way, and the ages of rows."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.data.tables import TableEntity

from shared.errors import StorageTrouble
from shared.state.storage.azure_tables import AzureTable
from shared.state.storage.tables import Foreign, Put, Row


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
    assert AzureTable(client, readers).transact([ROW] * rows) == ["1"] * rows  # type: ignore[arg-type]
    assert client.sent[0] == client.sent[1]


def test_a_transaction_that_is_lost_twice_is_trouble_of_the_account_by_name(readers: ThreadPoolExecutor) -> None:
    client = Client(lost=2)
    with pytest.raises(
        StorageTrouble, match=r"table links of contoso did not answer \(.*\): check that the name of the account"
    ):
        AzureTable(client, readers).transact([ROW])  # type: ignore[arg-type]
    assert len(client.sent) == 2


WRITTEN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class Answering(Client):
    """Answers a read at the second attempt, each answer with its time in its head."""

    def __init__(self, *ages_s: float, value: object = "new", written: datetime | None = WRITTEN) -> None:
        super().__init__(lost=0)
        self.ages_s, self.value, self.written = ages_s, value, written

    def get_entity(self, partition: str, key: str, *, raw_response_hook: Callable[[Any], None]) -> TableEntity:
        """The row with these keys."""
        for age_s in self.ages_s:
            head = {"Date": f"{WRITTEN + timedelta(seconds=age_s):%a, %d %b %Y %H:%M:%S GMT}"}
            raw_response_hook(SimpleNamespace(http_response=SimpleNamespace(status_code=200, headers=head)))
        entity = TableEntity({"PartitionKey": partition, "RowKey": key, "state": self.value})
        entity._metadata = {"etag": "1", "timestamp": self.written}
        return entity


@pytest.mark.parametrize(
    ("ages_s", "written", "age_s"),
    [((90,), WRITTEN, 90), ((90, 95, 99), WRITTEN, 99), ((-5,), WRITTEN, 0), ((90,), None, 0)],
)
def test_the_age_of_a_row_comes_from_the_last_answer(
    ages_s: tuple[float, ...], written: datetime | None, age_s: float, readers: ThreadPoolExecutor
) -> None:
    client = Answering(*ages_s, written=written)
    (stored,) = AzureTable(client, readers).read("accounts", ["L|1"]).values()  # type: ignore[arg-type]
    assert (stored.age_s, stored.etag, stored.row) == (age_s, "1", ROW.row)


def test_a_value_of_a_kind_that_we_never_write_is_kept_as_foreign(readers: ThreadPoolExecutor) -> None:
    table = AzureTable(Answering(1, value=0.5), readers)  # type: ignore[arg-type]
    (stored,) = table.read("accounts", ["L|1"]).values()
    assert Foreign("float") in stored.row.cells.values()
