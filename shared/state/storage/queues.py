"""The queues that carry hints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

MAX_DELAY_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Message:
    """A received message; `receipt` is the proof of possession that deleting it needs. `expires_at` None: never."""

    id: str
    body: str
    receipt: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The message that is next to be received: when it was put, and when it expires (None: never)."""

    put_at: datetime
    expires_at: datetime | None = None


class Queues(Protocol):
    """Every queue of the storage account. Every call may raise StorageTrouble. What is sent never expires; the host's
    own copies in a poison queue do, after seven days, and the sweep renews them."""

    def send(self, queue: str, body: str, *, delay_s: float = 0) -> None:
        """Put a message, visible after `delay_s` seconds."""

    def receive(self, queue: str, *, limit: int, invisible_s: float) -> Sequence[Message]:
        """Take up to `limit` (at most 32) messages; they reappear after `invisible_s` unless deleted."""

    def delete(self, queue: str, message: Message) -> None:
        """Remove a received message; one that is gone already is no error."""

    def depth(self, queue: str) -> int:
        """About how many messages are in the queue, invisible ones included."""

    def head(self, queue: str) -> Head | None:
        """The message that is next to be received; None when none is visible."""


def hold_queue(flow: str) -> str:
    """Where the messages of a flow wait while its gate is closed; no function listens there."""
    return f"{flow}-hold"


def poison_queue(flow: str) -> str:
    """Where the host puts messages that failed too often."""
    return f"{flow}-poison"


def queues_of(flow: str) -> tuple[str, str, str]:
    """Every queue of a flow: that of its hints, that of its held messages, and that of its poison messages."""
    return flow, hold_queue(flow), poison_queue(flow)
