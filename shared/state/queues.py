"""The queues that carry hints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

HOLD_SUFFIX = "-hold"
POISON_SUFFIX = "-poison"
MAX_DELAY_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Message:
    """A received message; `receipt` is the proof of possession that deleting it needs."""

    id: str
    body: str
    receipt: str = ""


class Queues(Protocol):
    """Every queue of the storage account. Every call may raise StorageTrouble. Messages never expire."""

    def send(self, queue: str, body: str, *, delay_s: float = 0) -> None:
        """Put a message, visible after `delay_s` seconds."""

    def receive(self, queue: str, *, limit: int, invisible_s: float) -> Sequence[Message]:
        """Take up to `limit` (at most 32) messages; they reappear after `invisible_s` unless deleted."""

    def delete(self, queue: str, message: Message) -> None:
        """Remove a received message; one that is gone already is no error."""

    def depth(self, queue: str) -> int:
        """About how many messages lie in the queue, invisible ones included."""

    def oldest(self, queue: str) -> datetime | None:
        """When the message was put that is next to be received; None when none is visible."""
