"""Transactions whose answer gets lost on the way."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError

from shared.errors import StorageTrouble
from shared.state.storage.azure_tables import AzureTable
from shared.state.storage.tables import Put, Row


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
        StorageTrouble, match=r"table links of contoso did not answer: check that the name of the account"
    ):
        AzureTable(client, readers).transact([ROW])  # type: ignore[arg-type]
    assert len(client.sent) == 2
