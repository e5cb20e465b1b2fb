"""Messages in Azure Queue Storage."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from shared.state.storage.azure_queues import AzureQueues
from shared.state.storage.queues import Head, Message


class Client:
    """Notes what is sent."""

    account_name = "contoso"

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send_message(self, body: str, **how: Any) -> None:
        """Put a message."""
        self.sent.append((body, how))


@pytest.mark.parametrize(("delay_s", "seconds"), [(0, 0), (90.7, 90), (604_800, 604_800), (700_000, 604_800)])
def test_a_message_waits_for_seven_days_at_most_and_never_expires(delay_s: float, seconds: int) -> None:
    client = Client()
    AzureQueues(lambda name: client).send("accounts", "hint", delay_s=delay_s)  # type: ignore[arg-type, return-value]
    ((body, how),) = client.sent
    assert (body, how["visibility_timeout"] or 0, how["time_to_live"]) == ("hint", seconds, -1)


def test_a_message_without_a_delay_is_visible_at_once() -> None:
    client = Client()
    AzureQueues(lambda name: client).send("accounts", "hint")  # type: ignore[arg-type, return-value]
    assert client.sent[0][1]["visibility_timeout"] == 0


AT, NEVER = datetime(2026, 1, 5, 8, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass
class Kept:
    """A message as the SDK gives it."""

    expires_on: datetime | None
    inserted_on: datetime | None = AT
    id: str = "1"
    content: str = "hint"
    pop_receipt: str = "r"


@dataclass
class Holding:
    """A queue that holds these messages; each call may be refused."""

    messages: list[Kept] = field(default_factory=list)
    count: int | None = None
    refusal: Exception | None = None
    account_name = "contoso"
    asked: dict[str, Any] = field(default_factory=dict)

    def receive_messages(self, **how: Any) -> list[Kept]:
        self.asked = how
        return self.messages

    def peek_messages(self, max_messages: int) -> list[Kept]:
        return self.messages[:max_messages]

    def get_queue_properties(self) -> Any:
        return type("Properties", (), {"approximate_message_count": self.count})

    def delete_message(self, id: str, receipt: str) -> None:
        self._refuse(id=id, receipt=receipt)

    def create_queue(self) -> None:
        self._refuse(made=True)

    def _refuse(self, **asked: Any) -> None:
        self.asked = asked
        if self.refusal is not None:
            raise self.refusal


def holding(client: Holding) -> AzureQueues:
    return AzureQueues(lambda name: client)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(("expires_on", "expires_at"), [(NEVER, None), (None, None), (AT, AT)])
def test_a_message_is_taken_with_its_receipt_and_one_that_never_expires_says_so(
    expires_on: datetime | None, expires_at: datetime | None
) -> None:
    client = Holding([Kept(expires_on)])
    queues = holding(client)
    assert queues.receive("accounts", limit=7, invisible_s=60.9) == [Message("1", "hint", "r", expires_at)]
    assert client.asked == {"messages_per_page": 7, "max_messages": 7, "visibility_timeout": 60}
    assert queues.head("accounts") == Head(AT, expires_at)


def test_a_queue_without_a_visible_message_has_no_head() -> None:
    assert holding(Holding()).head("accounts") is None
    assert holding(Holding([Kept(AT, inserted_on=None)])).head("accounts") is None


@pytest.mark.parametrize(("count", "depth"), [(None, 0), (0, 0), (3, 3)])
def test_the_messages_of_a_queue_are_counted(count: int | None, depth: int) -> None:
    assert holding(Holding(count=count)).depth("accounts") == depth


def test_a_message_that_is_gone_already_and_a_queue_that_is_there_already_are_no_errors() -> None:
    gone, there = Holding(refusal=ResourceNotFoundError()), Holding(refusal=ResourceExistsError())
    holding(gone).delete("accounts", Message("1", "hint", "r", None))
    assert gone.asked == {"id": "1", "receipt": "r"}
    holding(there).create("accounts")
    assert there.asked == {"made": True}


def test_a_queue_has_one_client() -> None:
    made = list[str]()

    def make(name: str) -> Any:
        made.append(name)
        return Holding()

    queues = AzureQueues(make)
    for name in ("accounts", "contacts", "accounts"):
        queues.depth(name)
    assert made == ["accounts", "contacts"]
