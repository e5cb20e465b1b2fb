"""Hints: messages that say "look at these records". They carry ids, never rows, so no queue holds personal data."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared import exact_json
from shared.errors import SyncError
from shared.records import Json
from shared.state.storage.tables import escape
from shared.visible import has_half_pair, visible

FORMAT = 1
# A queue message has 64 KiB; the rest is for the message's own fields.
MAX_BODY_BYTES = 63_000
_HINT_OVERHEAD_BYTES = 60
# The row of a child that waits names two ids, a flow and a route in one key (state/waiting.py).
MAX_ID_CHARACTERS = 200
_MOST_SHOWN = 200
_MAX_BODY_CHARACTERS = 64 * 1024
# Of a hint without a version.
_FLAGS = ("released", "awaited", "answered")
_VERSION = re.compile(r"[0-9]{1,20}", re.ASCII)


class Why(StrEnum):
    """Why records are looked at: their source has reported a change; the sweep tries a failure again; a record that
    they wait for has moved; what they were made of is outdated, or in doubt; an operator has asked for it."""

    CHANGE = "change"
    RETRY = "retry"
    RELEASED = "released"
    AGAIN = "again"
    ACT = "act"


class HintUnreadable(SyncError):
    """A message body is not a hint."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this record. With a version it reports an ordinary change, which may be skipped if the version has been
    seen. Without one the record is looked at in any case (gone, retried, asked for by an operator). A released one,
    whose parent has moved, may be skipped if the record does not wait any more. Records of another flow wait for an
    `awaited` look (protocol W4); of an `answered` record, every look that it has waited for has been made."""

    id: str
    version: int | None = None
    released: bool = False
    awaited: bool = False
    answered: bool = False

    @property
    def again(self) -> "Hint":
        """The same look, in any case."""
        return Hint(self.id, awaited=self.awaited, answered=self.answered)


@dataclass(frozen=True, slots=True)
class HintMessage:
    """The hints of one message. `run` is the correlation id of the run that sent it; `ended` is the claim of a worker
    that has ended and could not clear it because a table failed. `why` and `asked_by` say why the records are looked
    at, and which run or act has first had it done: a message that comes back keeps both."""

    flow: str
    run: str
    hints: tuple[Hint, ...]
    epoch: str | None = None
    ended: str | None = None
    why: Why | None = None
    asked_by: str | None = None

    @property
    def origin(self) -> str:
        """The run or act that has first had these records looked at."""
        return self.asked_by or self.run

    def to_body(self) -> str:
        """The message text: ASCII, because a queue accepts no text that XML cannot hold."""
        body: dict[str, Json] = {"format": FORMAT, "flow": self.flow, "run": self.run, "epoch": self.epoch}
        told = {"ended": self.ended, "why": self.why, "asked_by": self.asked_by}
        body |= {name: value for name, value in told.items() if value is not None}
        body["hints"] = [_entry(hint) for hint in self.hints]
        return json.dumps(body, separators=(",", ":"))


def _entry(hint: Hint) -> dict[str, Json]:
    entry: dict[str, Json] = {"id": hint.id}
    if hint.version is not None:
        entry["version"] = str(hint.version)
    return entry | {name: True for name in _FLAGS if getattr(hint, name)}


def read_message(body: str) -> HintMessage:
    """The message in a body: JSON, or base64 of it, as the portal and other tools write it. Raises HintUnreadable,
    saying what is wrong with it."""
    if len(body) > _MAX_BODY_CHARACTERS:
        raise HintUnreadable(f"the body is not a hint: it has {len(body)} characters")
    try:
        content = exact_json.loads(_plain(body))
    except ValueError as wrong:
        raise HintUnreadable(f"the body is not a hint: {_cut(str(wrong))}") from wrong
    if not isinstance(content, dict):
        raise HintUnreadable("the body is not a hint: it is not an object")
    if content.get("format") != FORMAT:
        raise HintUnreadable(f"hint of format {_cut(repr(content.get('format')))}; this version reads format {FORMAT}")
    entries = content.get("hints")
    if not isinstance(entries, list) or not entries:
        raise HintUnreadable("a hint without ids")
    flow, run = _name("flow", content.get("flow")), _name("run", content.get("run"))
    epoch, ended, asked_by = (
        None if content.get(each) is None else _name(each, content[each]) for each in ("epoch", "ended", "asked_by")
    )
    return HintMessage(
        flow, run, tuple(map(_read_hint, entries)), epoch, ended, _read_why(content.get("why")), asked_by
    )


def _plain(body: str) -> str:
    """The decoded text of base64, which may hold blanks and line breaks; any other text unchanged."""
    try:
        return base64.b64decode("".join(body.split()), validate=True).decode()
    except ValueError:
        return body


def _name(field: str, value: Json) -> str:
    if not isinstance(value, str) or len(value) > MAX_ID_CHARACTERS or has_half_pair(value):
        raise HintUnreadable(f"the body is not a hint: {field} is {_cut(repr(value))}")
    return value


def _read_why(word: Json) -> Why | None:
    if word is None:
        return None
    try:
        return Why(str(word))
    except ValueError:
        raise HintUnreadable(f"the body is not a hint: why is {_cut(repr(word))}") from None


def _read_hint(entry: Json) -> Hint:
    id = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(id, str):
        raise HintUnreadable("the body is not a hint: an entry has no id")
    if unusable := unusable_id(id):
        raise HintUnreadable(f"the body is not a hint: an id {unusable}")
    version = entry.get("version")
    if "version" in entry and (not isinstance(version, str) or not _VERSION.fullmatch(version)):
        raise HintUnreadable(f"the body is not a hint: a version is {_cut(repr(version))}")
    flags = {name: _flag(name, entry, version) for name in _FLAGS}
    return Hint(id, int(version) if isinstance(version, str) else None, **flags)


def _flag(name: str, entry: Mapping[str, Json], version: Json) -> bool:
    flag = entry.get(name, False)
    if not isinstance(flag, bool) or (flag and version is not None):
        raise HintUnreadable(f"the body is not a hint: {name} is {_cut(repr(flag))}")
    return flag


def unusable_id(id: str) -> str:
    """Why a message or our tables cannot carry an id, as the rest of a sentence; empty if they can."""
    if not id:
        return "is empty"
    if has_half_pair(id) or "\0" in id:
        return "holds a NUL or half of a surrogate pair, which no request can carry"
    length = len(id) if len(id) > MAX_ID_CHARACTERS else len(escape(id))
    if length > MAX_ID_CHARACTERS:
        return f"has {length} characters in a key of our tables, of which {MAX_ID_CHARACTERS} fit"
    return ""


def _cut(text: str) -> str:
    return visible(text[:_MOST_SHOWN])


def merge(hints: Iterable[Hint]) -> dict[str, Hint]:
    """One hint per id. Several changes become the one with the highest version; hints of different kinds become one
    that has the record looked at in any case."""
    merged: dict[str, Hint] = {}
    for hint in hints:
        earlier = merged.get(hint.id, hint)
        if earlier.version is not None and hint.version is not None:
            merged[hint.id] = max(earlier, hint, key=lambda h: h.version or 0)
        else:
            merged[hint.id] = hint if earlier == hint else _both(earlier, hint)
    return merged


def _both(one: Hint, other: Hint) -> Hint:
    is_awaited, is_answered = one.awaited or other.awaited, one.answered or other.answered
    return Hint(one.id, released=one.released and other.released, awaited=is_awaited, answered=is_answered)


def messages(
    flow: str,
    run: str,
    hints: Sequence[Hint],
    limit: int,
    *,
    first: int | None = None,
    epoch: str | None = None,
    ended: str | None = None,
    why: Why | None = None,
    asked_by: str | None = None,
) -> Iterator[HintMessage]:
    """The hints as messages of at most `limit` hints, each small enough for a queue. The first message has at most
    `first` hints, and each one after it up to twice as many as the one before."""
    whole = HintMessage(flow, run, (), epoch, ended, why, asked_by)
    chunk: list[Hint] = []
    size_bytes, most = 0, min(first or limit, limit)
    for hint in hints:
        hint_bytes = len(json.dumps(hint.id)) + _HINT_OVERHEAD_BYTES
        if chunk and (len(chunk) == most or size_bytes + hint_bytes > MAX_BODY_BYTES):
            yield replace(whole, hints=tuple(chunk))
            chunk, size_bytes, most = [], 0, min(2 * most, limit)
        chunk.append(hint)
        size_bytes += hint_bytes
    if chunk:
        yield replace(whole, hints=tuple(chunk))
