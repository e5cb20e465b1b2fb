"""A batch: many requests in one body of multipart/mixed, and their answers in another."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from uuid import uuid4

from multidict import CIMultiDict, CIMultiDictProxy

from local.simulator.messages import Reply, Request

CONTENT_ID = "Content-ID"
_OPERATION, _MULTIPART = "application/http", "multipart/mixed"
_REQUEST_LINE = re.compile(r"(?P<method>[A-Z]+) (?P<address>\S+) HTTP/1\.1")
# The services read a bare line feed like CRLF, and clients send both.
_LINE_END, _BLANK_LINE = re.compile(r"\r?\n"), re.compile(rb"\r?\n\r?\n")


class BatchMalformed(Exception):
    """The body is not a batch that a service accepts; nothing of it was carried out."""


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch; `content_id` names it within the batch."""

    request: Request
    content_id: str | None


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Writes of a batch that all happen or none."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to one request of a batch, or to a whole change set that failed."""

    reply: Reply
    content_id: str | None

    @property
    def failed(self) -> bool:
        """Whether the reply is a refusal."""
        return self.reply.status >= 400


Member = Part | ChangeSet
Answered = Answer | tuple[Answer, ...]
"""The result of a member of a batch: one answer, or those of every request of a change set that was carried out."""


def read_batch(request: Request, *, folder: str = "", inherited: Sequence[str] = ()) -> tuple[Member, ...]:
    """The members of a batch, in order. Raises BatchMalformed.

    An address that is neither absolute nor starts with a slash is appended to `folder`; headers that are `inherited`
    apply to every part that does not bring its own.
    """
    given = {name: value for name in inherited if (value := request.header(name)) is not None}
    reader = _Reader(request.base_url, folder, given)
    content_type = request.header("Content-Type") or ""
    return tuple(reader.member(section) for section in _sections(request.body, _boundary(content_type)))


def parts_of(members: Iterable[Member]) -> list[Part]:
    """Every request of a batch, in order."""
    return [part for member in members for part in (member.parts if isinstance(member, ChangeSet) else (member,))]


def check_ids(parts: Iterable[Part]) -> None:
    """Raise BatchMalformed if two requests have the same Content-ID."""
    seen: set[str] = set()
    for part in parts:
        if part.content_id in seen:
            raise BatchMalformed(f"The {CONTENT_ID} '{part.content_id}' is given more than once; each must be unique.")
        if part.content_id is not None:
            seen.add(part.content_id)


def batch_reply(status: int, answers: Iterable[Answered]) -> Reply:
    """The reply to a batch, with all answers in its body."""
    boundary = f"batchresponse_{uuid4()}"
    body = _joined(boundary, map(_member, answers))
    return Reply(status, {"Content-Type": f"{_MULTIPART}; boundary={boundary}", "OData-Version": "4.0"}, body)


class _Reader:
    def __init__(self, base_url: str, folder: str, inherited: dict[str, str]) -> None:
        self._base_url = base_url
        self._folder = folder
        self._inherited = inherited

    def member(self, section: bytes) -> Member:
        headers, content = _headed(section)
        if _media_type(headers) != _MULTIPART:
            return self._part(headers, content)
        sections = _sections(content, _boundary(headers["Content-Type"]))
        parts = tuple(self._part(*_headed(inner)) for inner in sections)
        for part in parts:
            if part.request.method == "GET":
                raise BatchMalformed(f"GET {part.request.target} is in a change set, which accepts only writes.")
            if part.content_id is None:
                raise BatchMalformed(f"A request of a change set lacks the header {CONTENT_ID}: {part.request.target}.")
        check_ids(parts)
        return ChangeSet(parts)

    def _part(self, headers: CIMultiDict[str], content: bytes) -> Part:
        if _media_type(headers) != _OPERATION:
            raise BatchMalformed(f"A part has the Content-Type '{headers.get('Content-Type')}', not {_OPERATION}.")
        if headers.get("Content-Transfer-Encoding", "").lower() != "binary":
            raise BatchMalformed("A part lacks the header Content-Transfer-Encoding: binary.")
        return Part(self._request(content), headers.get(CONTENT_ID))

    def _request(self, content: bytes) -> Request:
        head, body = self._headed_request(content)
        line, *lines = _LINE_END.split(_text(head))
        found = _REQUEST_LINE.fullmatch(line)
        if found is None:
            raise BatchMalformed(f"'{line}' is not a request line, such as GET /path HTTP/1.1.")
        headers = CIMultiDict(self._inherited)
        headers.update(_header_pairs(lines))
        path, _, query = self._local(found["address"]).partition("?")
        # Further blank lines belong to no body.
        return Request(found["method"], path, query, CIMultiDictProxy(headers), body.lstrip(b"\r\n"), self._base_url)

    @staticmethod
    def _headed_request(content: bytes) -> tuple[bytes, bytes]:
        """Head and body. The line end before a boundary may be that of the blank line after the head."""
        parted = _parted(content)
        if parted is None and not content.endswith(b"\n"):
            raise BatchMalformed("A request has no blank line after its headers.")
        return parted or (content.rstrip(b"\r\n"), b"")

    def _local(self, address: str) -> str:
        """Path and query of an address. Raises BatchMalformed for one of another host."""
        if "://" not in address.partition("?")[0]:
            return address if address.startswith("/") else self._folder + address
        if not address.lower().startswith(f"{self._base_url.lower()}/"):
            raise BatchMalformed(f"The address {address} of a part is not below {self._base_url}.")
        return address[len(self._base_url) :]


def _sections(body: bytes, boundary: str) -> list[bytes]:
    """The parts between the boundaries. Raises BatchMalformed if the closing one is missing."""
    mark = re.compile(rb"\r?\n--" + re.escape(boundary.encode()) + rb"(?P<last>--)?[ \t]*(?:(?=\r?\n)|\Z)")
    text = b"\n" + body
    found: list[bytes] = []
    start: int | None = None
    for each in mark.finditer(text):
        if start is not None:
            found.append(text[start : each.start()])
        if each["last"]:
            return found
        start = each.end()
    raise BatchMalformed(f"The closing boundary --{boundary}-- is missing.")


def _boundary(content_type: str) -> str:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_type() != _MULTIPART or not boundary:
        raise BatchMalformed(f"The Content-Type '{content_type}' is not {_MULTIPART} with a boundary.")
    return boundary


def _media_type(headers: CIMultiDict[str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _headed(section: bytes) -> tuple[CIMultiDict[str], bytes]:
    """Headers and content of a section, which begins with the line end of its boundary."""
    parted = _parted(section)
    if parted is None:
        raise BatchMalformed("A part has no blank line after its headers.")
    head, content = parted
    return CIMultiDict(_header_pairs(_LINE_END.split(_text(head))[1:])), content


def _parted(text: bytes) -> tuple[bytes, bytes] | None:
    """The text before and after the first blank line, None if there is none."""
    found = _BLANK_LINE.search(text)
    return (text[: found.start()], text[found.end() :]) if found else None


def _header_pairs(lines: Iterable[str]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise BatchMalformed(f"'{line}' is not a header, such as Content-Type: {_OPERATION}.")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _text(head: bytes) -> str:
    try:
        return head.decode()
    except UnicodeDecodeError as error:
        raise BatchMalformed(f"The head of a part is not UTF-8: {error}.") from error


def _member(answered: Answered) -> bytes:
    if isinstance(answered, Answer):
        return _operation(answered)
    boundary = f"changesetresponse_{uuid4()}"
    head = f"Content-Type: {_MULTIPART}; boundary={boundary}\r\n\r\n"
    return head.encode() + _joined(boundary, map(_operation, answered))


def _operation(answer: Answer) -> bytes:
    reply = answer.reply
    lines = [f"Content-Type: {_OPERATION}", "Content-Transfer-Encoding: binary"]
    if answer.content_id is not None:
        lines.append(f"{CONTENT_ID}: {answer.content_id}")
    lines += ["", f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode(errors="replace") + reply.body


def _joined(boundary: str, contents: Iterable[bytes]) -> bytes:
    mark = b"--" + boundary.encode()
    return b"".join([*(mark + b"\r\n" + content + b"\r\n" for content in contents), mark + b"--\r\n"])
