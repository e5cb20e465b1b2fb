"""Messages in Azure Queue Storage."""

from typing import Any

import pytest

from shared.state.storage.azure_queues import AzureQueues


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
