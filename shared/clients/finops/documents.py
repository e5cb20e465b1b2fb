"""Documents of F&O as a target: a header with lines, written as one change set (finops-odata, section 7)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from shared.clients.finops.environment import FinopsTable, Row, only_if_unchanged
from shared.clients.finops.refusals import Refusal
from shared.clients.http import multipart
from shared.clients.http.channel import StartLimit, encoded
from shared.clients.http.exchange import Answer
from shared.clients.http.multipart import BatchPart
from shared.clients.http.sending import send_each
from shared.errors import OutcomeUnknown, RecordMissing, RecordRejected, SyncError, Transient
from shared.records import LineAction, LineWrite, MarkedRow, TargetRow, Write


class FinopsDocuments:
    """Headers of one collection with their lines in another; satisfies the engine's Target.

    Both collections have the header's key in common; `line_key` is the field that numbers the lines of a document.
    """

    def __init__(self, headers: FinopsTable, lines: FinopsTable, line_key: str) -> None:
        self._headers = headers
        self._lines = lines
        self._line_key = line_key
        self._channel = headers.system.channel

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        """The documents that exist, by the key as given, with all their lines."""
        found = self._headers.find(keys)
        lines: dict[str, dict[int, Row]] = defaultdict(dict)
        for row in self._lines.rows(list(found)):
            lines[self._lines.key.of(row)][self._number_of(row)] = row
        return {key: replace(row, lines=lines.get(self._headers.key.folded(key), {})) for key, row in found.items()}

    def check_key(self, key: str) -> None:
        """Raises RecordRejected for a key that no row of the target can have."""
        self._headers.key.values(key)

    def marked(self) -> Iterator[MarkedRow]:
        """Every row that is marked as coming from our source, page by page. Raises SystemTrouble."""
        return self._headers.marked()

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        """Send every document as a change set of its own, in parallel; the result per id is None (applied) or the error
        that says what to do. If a line is missing, or exists already, the document is read again."""
        return send_each(self._channel, writes, self._send, not_after=not_after)

    def _send(self, write: Write, turn: StartLimit) -> None:
        parts = [*self._header_part(write), *(self._line_part(write.key, line) for line in write.lines)]
        if not parts:
            return
        boundary = f"batch_{uuid4()}"
        answer = self._channel.send(
            "POST",
            self._headers.system.url("$batch"),
            multipart.compose_change_set(parts, boundary),
            subject=self._headers.entity_set,
            turn=turn,
            headers={"Content-Type": multipart.content_type(boundary)},
        )
        refused = answer if answer.status >= 400 else self._refused_part(answer, len(parts))
        if refused is not None:
            raise self._refusal(write, self._headers.checked(refused))

    def _header_part(self, write: Write) -> list[BatchPart]:
        headers = self._headers
        if write.create:
            return [BatchPart("POST", headers.url(), encoded({**write.values, **headers.key.values(write.key)}))]
        url = headers.url(headers.key.segment(write.key))
        values = headers.key.changes(write.values)
        return [BatchPart("PATCH", url, encoded(values), only_if_unchanged(write))] if values else []

    def _line_part(self, key: str, line: LineWrite) -> BatchPart:
        lines = self._lines
        if line.action is LineAction.CREATE:
            body = {**line.values, **lines.key.values(key), self._line_key: line.number}
            return BatchPart("POST", lines.url(), encoded(body))
        url = lines.url(lines.key.segment(key, {self._line_key: line.number}))
        if line.action is LineAction.DELETE:
            return BatchPart("DELETE", url)
        return BatchPart("PATCH", url, encoded(line.values))

    def _refused_part(self, answer: Answer, count: int) -> Answer | None:
        """The answer that refuses the change set, None if it is applied. Raises what an answer means for the system,
        and OutcomeUnknown if one is missing."""
        # A refused change set has a single answer, whose Content-ID may name any request: only statuses count.
        parts = multipart.read_parts(answer)
        for part in parts:
            self._channel.check_written(part, self._headers.entity_set)
        refused = next((part for part in parts if part.status >= 400), None)
        if refused is None and len(parts) < count:
            system = self._channel.system
            subject = f"a change set of {self._headers.entity_set}"
            text = f"{system.label}: the answer to {subject} has {len(parts)} of {count} parts"
            raise OutcomeUnknown(system, text)
        return refused

    def _refusal(self, write: Write, refusal: Refusal) -> SyncError:
        """Why a document was refused. Texts come in the user's language, so the data itself is checked."""
        there = self.find([write.key]).get(write.key)
        if write.create:
            return self._headers.exists_already(write.key, refusal) if there is not None else refusal.error()
        if there is None:
            return RecordMissing(f"{write.key} does not exist in {self._headers.entity_set}")
        moved = [
            line.number for line in write.lines if (line.action is LineAction.CREATE) == (line.number in there.lines)
        ]
        if not moved:
            return refusal.error()
        return RecordRejected(
            "finops.lines_changed",
            f"lines {', '.join(map(str, moved))} of {write.key} were added or removed in F&O: {refusal.text}",
            remedy="nothing to do: the sync reads the lines again and retries",
            repeatable=True,
        )

    def _number_of(self, row: Row) -> int:
        number = row.get(self._line_key)
        if not isinstance(number, int):
            system, entity_set = self._channel.system, self._lines.entity_set
            raise Transient(system, f"the answer of F&O for {entity_set} is wrong: a line has no {self._line_key}")
        return number
