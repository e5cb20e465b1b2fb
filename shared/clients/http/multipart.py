"""Batches as both systems take them (dataverse-web-api, section 6; finops-odata, section 7): requests and answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message

from shared.clients.http.exchange import Answer

MAX_PARTS = 1000

_CRLF = b"\r\n"
_NUMBER = re.compile(r"[0-9]{1,6}")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")


@dataclass(frozen=True, slots=True)
class BatchPart:
    """One request of a batch: `url` is absolute, `body` is JSON."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def content_type(boundary: str) -> str:
    """The media type of a batch."""
    return f'multipart/mixed; boundary="{boundary}"'


def compose(parts: Sequence[BatchPart], boundary: str) -> bytes:
    """The body of a batch; each part is a request of its own with its position, from 1, as Content-ID."""
    lines: list[bytes] = []
    for number, part in enumerate(parts, 1):
        headers = {**part.headers, **({"Content-Type": "application/json"} if part.body else {})}
        lines += [
            f"--{boundary}".encode(),
            b"Content-Type: application/http",
            b"Content-Transfer-Encoding: binary",
            f"Content-ID: {number}".encode(),
            b"",
            f"{part.method} {part.url} HTTP/1.1".encode(),
            *(f"{name}: {value}".encode() for name, value in headers.items()),
            b"",
            part.body,
        ]
    lines += [f"--{boundary}--".encode(), b""]
    return _CRLF.join(lines)


def compose_change_set(parts: Sequence[BatchPart], boundary: str) -> bytes:
    """The body of a batch of one change set: all of its requests are applied, or none."""
    inner = f"changeset_{boundary}"
    head = [f"--{boundary}", f"Content-Type: {content_type(inner)}", "", ""]
    return "\r\n".join(head).encode() + compose(parts, inner) + f"--{boundary}--\r\n".encode()


def read_answers(answer: Answer, count: int) -> list[Answer | None]:
    """The answers of a batch of `count` requests, in their order; None for a missing one.

    Answers come in the order of the requests and carry their Content-ID; an answer without one counts by its position,
    unless a number contradicts it.
    """
    found: dict[int, Answer] = {}
    for position, (number, part) in enumerate(_parts(answer), 1):
        place = position if number is None else number
        if 1 <= place <= count:
            found.setdefault(place, part)
    return [found.get(number) for number in range(1, count + 1)]


def read_parts(answer: Answer) -> list[Answer]:
    """The answers of a batch in the order in which they came, independent of their numbers."""
    return [part for _, part in _parts(answer)]


def _parts(answer: Answer) -> list[tuple[int | None, Answer]]:
    head = f"Content-Type: {answer.header('Content-Type') or ''}\r\n\r\n".encode()
    try:
        message = message_from_bytes(head + answer.body)
        return [found for part in _leaves(message) if (found := _read(part)) is not None]
    except RecursionError:
        # Endlessly nested parts are not the answer of a batch: the outcome is unknown.
        return []


def _leaves(message: "Message[str, str]") -> list["Message[str, str]"]:
    """The parts that hold an answer; those of a change set are one level deeper."""
    content = message.get_payload()
    if not isinstance(content, list):
        return [message]
    return [leaf for part in content if isinstance(part, Message) for leaf in _leaves(part)]


def _read(part: "Message[str, str]") -> tuple[int | None, Answer] | None:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return None
    head, _, body = raw.lstrip().partition(_CRLF + _CRLF)
    status, _, headers = head.partition(_CRLF)
    matched = _STATUS.match(status)
    if matched is None:
        return None
    fields = {name: str(value) for name, value in message_from_bytes(headers + _CRLF).items()}
    number = (str(part.get("Content-ID") or fields.get("Content-ID") or "")).strip(" <>")
    return int(number) if _NUMBER.fullmatch(number) else None, Answer(int(matched[1]), fields, body.strip())
