"""Documents of F&O as a source: headers of one collection with their lines in another, walked by the header's key
(protocol P3)."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.clients import quoting
from shared.clients.finops.environment import ACROSS, Row, rows_of
from shared.clients.finops.source import DIGEST_BYTES, ClosedRecords, FinopsSource, content_of
from shared.errors import Transient
from shared.records import Json, SourceRow, WalkedRecord, WalkPage, fold

# The name under which a document has its lines.
LINES = "lines"
# For the lines of one page of headers: ten million.
_MAX_PAGES_OF_LINES = 1000


@dataclass(frozen=True, slots=True)
class LineCollection:
    """The collection of the lines, which has the key fields of the headers. `number` is the field that numbers lines
    of a document, `select` are the other fields that the mapping reads, and `closed` says by a field of the lines
    whether their document is closed."""

    entity_set: str
    number: str
    select: tuple[str, ...]
    closed: ClosedRecords | None = None


class FinopsDocumentSource:
    """The documents of one flow by the key of their header. A document has one digest: of its header and its lines in
    the order of their numbers. Of a walk, one page of headers is in memory, and one page of lines."""

    def __init__(self, headers: FinopsSource, lines: LineCollection) -> None:
        self._headers = headers
        self._lines = lines
        self._system = headers.system
        self._fields = (lines.number, *lines.select)
        self._select = quoting.columns([*headers.key.fields, *self._fields])

    def walk(self, after: str | None) -> WalkPage:
        """The documents after a key, in F&O's own order. Header and lines are read one after the other: a document that
        changes in between has a digest that the next walk does not find again."""
        return self._walk(after, open_only=False)

    def walk_open(self, after: str | None) -> WalkPage:
        """The same of the open documents."""
        return self._walk(after, open_only=True)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The documents that exist now, by id, with their lines in the order of their numbers, each with the digest
        that a walk would give it."""
        headers = self._headers.rows(ids)
        lines: dict[str, list[Row]] = defaultdict(list)
        for row in self._headers.of_keys(self._lines.entity_set, list(headers), self._select):
            lines[self._document_of(row)].append(row)
        return {id: self._document(id, row, sorted(lines[fold(id)], key=self._number)) for id, row in headers.items()}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that exist now."""
        return self._headers.existing(ids)

    def as_written(self, numbers: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the documents that have these numbers now, by the number as given."""
        return self._headers.as_written(numbers)

    def _walk(self, after: str | None, *, open_only: bool) -> WalkPage:
        rows, last = self._headers.page(after, open_only=open_only)
        headers = {self._headers.id_of(row): row for row in rows}
        digests = {fold(id): _digest_of(self._headers.content_of(row)) for id, row in headers.items()}
        for line in self._lines_between(after, last, open_only=open_only) if headers else ():
            # A line of another document is one whose header has just been made, or was closed.
            if (digest := digests.get(self._document_of(line))) is not None:
                digest.update(content_of(line, self._fields))
        return WalkPage(
            tuple(
                WalkedRecord(id, digests[fold(id)].digest(), self._headers.is_closed(row))
                for id, row in headers.items()
            ),
            last,
        )

    def _lines_between(self, after: str | None, last: str | None, *, open_only: bool) -> Iterator[Row]:
        """The lines of the documents from a key, without it, to another one."""
        key = self._headers.key
        conditions = list(self._headers.conditions(self._lines.closed if open_only else None))
        if after is not None:
            conditions.append(key.after(after))
        if last is not None:
            conditions.append(key.until(last))
        parameters = {
            "$filter": quoting.all_of(*conditions),
            "$orderby": quoting.columns([*key.order, self._lines.number]),
            **ACROSS,
            "$select": self._select,
        }
        url = self._system.url(self._lines.entity_set, parameters)
        return rows_of(self._system.channel, url, self._lines.entity_set, max_pages=_MAX_PAGES_OF_LINES)

    def _document(self, id: str, header: Row, lines: Sequence[Row]) -> SourceRow:
        digest = _digest_of(self._headers.content_of(header))
        for line in lines:
            digest.update(content_of(line, self._fields))
        values: dict[str, Json] = {**header, LINES: list(lines)}
        return SourceRow(id, None, values, digest.digest(), self._headers.is_closed(header))

    def _document_of(self, line: Row) -> str:
        return fold(str(self._headers.key.id_of(line)))

    def _number(self, line: Row) -> int:
        number = line.get(self._lines.number)
        if not isinstance(number, int):
            name = f"a line of {self._lines.entity_set}"
            raise Transient(self._system.channel.system, f"the answer of F&O is wrong: {name} has no number")
        return number


def _digest_of(header: bytes) -> "hashlib.blake2b":
    return hashlib.blake2b(header, digest_size=DIGEST_BYTES)
