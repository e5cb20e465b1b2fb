"""The narrow interface through which the host uses a queue, and how it reads and writes message bodies."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

Encoding = Literal["base64", "none"]


@dataclass(frozen=True)
class Message:
    """A message under lease; `text` is what the queue holds, before any decoding."""

    id: str
    text: str
    pop_receipt: str
    dequeue_count: int
    inserted_at: datetime | None
    expires_at: datetime | None
    next_visible_at: datetime | None


class Queue(Protocol):
    """One queue. Every method raises `StorageUnavailable` when storage does not answer."""

    @property
    def name(self) -> str:
        """The queue's name."""

    def receive(self, count: int, *, lease_s: float) -> list[Message]:
        """Lease up to `count` messages; raise `QueueMissing` if there is no such queue."""

    def set_visible_in(self, message: Message, seconds: float) -> Message:
        """Renew the lease or release it (0); the result carries the new pop receipt. Raise `MessageGone`."""

    def delete(self, message: Message) -> None:
        """Delete the message; raise `MessageGone` if it is not ours any more."""

    def send(self, text: str) -> None:
        """Add a message with the service's default time to live (7 days), creating the queue if it is missing."""


def decode_body(text: str, encoding: Encoding) -> bytes:
    """Return a message's body; raise ValueError if it is not in the expected encoding. Blanks and line breaks within
    base64 do not matter."""
    if encoding == "none":
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error


def encode_body(body: bytes, encoding: Encoding) -> str:
    """Return the text under which a queue holds `body`."""
    return body.decode() if encoding == "none" else base64.b64encode(body).decode("ascii")
