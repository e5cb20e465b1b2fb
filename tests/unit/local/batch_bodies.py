"""Bodies of $batch as clients write them, and the answers in the reply, read by the mail parser of Python."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import Message
from typing import Any

import requests

CONTENT_TYPE = 'multipart/mixed; boundary="batch_1"'


@dataclass(frozen=True)
class Op:
    """One operation; its address stands as given."""

    method: str
    address: str
    body: Any = None
    content_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        lines += [f"Content-ID: {self.content_id}"] if self.content_id else []
        lines += ["", f"{self.method} {self.address} HTTP/1.1"]
        lines += ["Content-Type: application/json"] if self.body is not None else []
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", "" if self.body is None else json.dumps(self.body)])


@dataclass(frozen=True)
class Answered:
    """One answer in the reply to a batch."""

    status: int
    headers: Mapping[str, str]
    text: str
    content_id: str | None
    boundary: str
    """The boundary that the answer stands between: of the batch or of a change set."""

    def json(self) -> Any:
        return json.loads(self.text)


def body_of(*members: Op | Sequence[Op]) -> bytes:
    """The body of a batch; a sequence is a change set, whose requests get the Content-ID that each needs."""
    texts = [
        member.text() if isinstance(member, Op) else _change_set(f"changeset_{position}", _identified(position, member))
        for position, member in enumerate(members)
    ]
    return _joined("batch_1", texts).encode()


def answers_in(reply: requests.Response) -> list[Answered]:
    """All answers in order; those of change sets too."""
    head = f"Content-Type: {reply.headers['Content-Type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + reply.content)
    assert not whole.defects
    return _answers(whole)


def _answers(multipart: Message) -> list[Answered]:
    found: list[Answered] = []
    for part in multipart.get_payload():
        assert isinstance(part, Message)
        if part.get_content_type() == "multipart/mixed":
            found += _answers(part)
        else:
            found.append(_answer(part, str(multipart.get_boundary())))
    return found


def _answer(part: Message, boundary: str) -> Answered:
    assert (part.get_content_type(), part["Content-Transfer-Encoding"]) == ("application/http", "binary")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    line, _, rest = content.decode().replace("\r\n", "\n").partition("\n")
    version, status, _ = line.split(" ", 2)
    assert version == "HTTP/1.1"
    head, _, text = rest.partition("\n\n")
    headers = dict(each.split(": ", 1) for each in head.split("\n"))
    return Answered(int(status), headers, text, part["Content-ID"], boundary)


def _identified(position: int, operations: Sequence[Op]) -> list[Op]:
    return [
        each if each.content_id else replace(each, content_id=f"{position}-{number}")
        for number, each in enumerate(operations)
    ]


def _change_set(boundary: str, operations: Sequence[Op]) -> str:
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n"
    return head + _joined(boundary, [each.text() for each in operations])


def _joined(boundary: str, texts: Sequence[str]) -> str:
    return "".join(f"--{boundary}\r\n{text}\r\n" for text in texts) + f"--{boundary}--\r\n"
