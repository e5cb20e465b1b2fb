"""Transactions whose answer gets lost on the way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.exceptions import ServiceResponseError

from shared.errors import StorageTrouble
from shared.state.azure_tables import AzureTable
from shared.state.rows import Put, Row


class Client:
    """Loses the first answers."""

    table_name = "links"
    account_name = "contoso"

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.sent: list[Any] = []

    def submit_transaction(self, operations: Any) -> list[dict[str, str]]:
        self.sent.append(operations)
        if len(self.sent) <= self.lost:
            raise ServiceResponseError("Connection reset by peer")
        return [{"etag": "1"} for _ in operations]


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


ROW = Put(Row("accounts", "L|1", {"state": "new"}))


def test_a_transaction_whose_answer_is_lost_is_sent_once_more(readers: ThreadPoolExecutor) -> None:
    client = Client(lost=1)
    assert AzureTable(client, readers).transact([ROW]) == ["1"]  # type: ignore[arg-type]
    assert client.sent[0] == client.sent[1]


def test_a_transaction_that_is_lost_twice_is_trouble_of_the_account_by_name(readers: ThreadPoolExecutor) -> None:
    client = Client(lost=2)
    with pytest.raises(StorageTrouble, match="table links of contoso did not answer"):
        AzureTable(client, readers).transact([ROW])  # type: ignore[arg-type]
    assert len(client.sent) == 2
