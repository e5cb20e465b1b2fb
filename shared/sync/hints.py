"""Hints: messages that say "look at these records". They carry ids, never rows, so nothing personal sits in queues."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.errors import SyncError

FORMAT = 1
# A queue message has 64 KiB, of which base64 takes a quarter; the rest is for the message's own fields.
MAX_BODY_BYTES = 47_000
_HINT_OVERHEAD_BYTES = 45
# JSON writes a quotation mark or a backslash as two bytes.
_LONGEST_ESCAPE = 2


class HintUnreadable(SyncError):
    """A message body is not a hint."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this record. With a version it reports an ordinary change, which may be skipped when it has been
    seen; without one the record is looked at in any case (gone, released, retried, asked for by an operator)."""

    id: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class HintMessage:
    """The hints of one message. `run` is the correlation id of the pull (or sweep) that sent it."""

    flow: str
    run: str
    hints: tuple[Hint, ...]
    epoch: str | None = None

    def to_body(self) -> str:
        """The message text."""
        hints = [{"id": h.id} if h.version is None else {"id": h.id, "version": str(h.version)} for h in self.hints]
        body = {"format": FORMAT, "flow": self.flow, "run": self.run, "epoch": self.epoch, "hints": hints}
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def read_message(body: str) -> HintMessage:
    """The message in a body. Raises HintUnreadable, saying what is wrong with it."""
    try:
        content = json.loads(body)
        if content["format"] != FORMAT:
            raise HintUnreadable(f"hint of format {content['format']!r}; this version reads format {FORMAT}")
        hints = tuple(_read_hint(entry) for entry in content["hints"])
        epoch = content["epoch"]
        message = HintMessage(str(content["flow"]), str(content["run"]), hints, None if epoch is None else str(epoch))
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise HintUnreadable(f"the body is not a hint: {type(wrong).__name__} {wrong}") from wrong
    if not hints:
        raise HintUnreadable("a hint without ids")
    return message


def _read_hint(entry: dict[str, str]) -> Hint:
    if not isinstance(entry["id"], str) or not entry["id"]:
        raise TypeError("id is not a text")
    return Hint(entry["id"], int(entry["version"]) if "version" in entry else None)


def merge(hints: Iterable[Hint]) -> dict[str, Hint]:
    """One hint per id: one without version beats any, otherwise the highest version."""
    merged: dict[str, Hint] = {}
    for hint in hints:
        earlier = merged.get(hint.id)
        if earlier is None or hint.version is None:
            merged[hint.id] = hint
        elif earlier.version is not None:
            merged[hint.id] = max(earlier, hint, key=lambda h: h.version or 0)
    return merged


def messages(
    flow: str, run: str, hints: Sequence[Hint], limit: int, *, epoch: str | None = None
) -> Iterator[HintMessage]:
    """The hints as messages of at most `limit` hints, each small enough for a queue."""
    chunk: list[Hint] = []
    size_bytes = 0
    for hint in hints:
        hint_bytes = len(hint.id.encode("utf-8", "surrogatepass")) * _LONGEST_ESCAPE + _HINT_OVERHEAD_BYTES
        if chunk and (len(chunk) == limit or size_bytes + hint_bytes > MAX_BODY_BYTES):
            yield HintMessage(flow, run, tuple(chunk), epoch)
            chunk, size_bytes = [], 0
        chunk.append(hint)
        size_bytes += hint_bytes
    if chunk:
        yield HintMessage(flow, run, tuple(chunk), epoch)
