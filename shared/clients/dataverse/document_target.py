"""Dataverse as a target of documents: a header in one table, and its lines in another (dataverse-web-api, section
11).

No message writes both as one. The header is written first, then the lines in their order, each under an id that is
derived from its header and its number. So a part that is written again is refused and not doubled. A document of which
only a part was written is reported so, and the next try completes it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.clients import quoting
from shared.clients.dataverse.bisect import Result
from shared.clients.dataverse.closings import Closings, without_state
from shared.clients.dataverse.environment import DataverseSystem, Row
from shared.clients.dataverse.origins import Origins
from shared.clients.dataverse.rows import BULK_ROWS, RowWrite, RowWriter, WriteTable, own_id
from shared.clients.http.sending import Sending
from shared.errors import (
    NotSent,
    OutcomeUnknown,
    PartlyApplied,
    RecordMissing,
    RecordRejected,
    SyncError,
    SystemTrouble,
)
from shared.records import Json, LineAction, LineWrite, MarkedRow, TargetRow, Values, Write, fold


@dataclass(frozen=True, slots=True)
class DocumentHeaders:
    """The table of the headers. `columns` are those that the mapping writes, `also_read` further ones. A header is
    found by the column `number`: `number_of` takes it from a key, and `is_under` says whether a header with this number
    is the one of a key."""

    table: WriteTable
    columns: tuple[str, ...]
    number: str
    number_of: Callable[[str], str]
    is_under: Callable[[str, Values], bool]
    also_read: tuple[str, ...] = ()

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        return tuple(dict.fromkeys((*self.columns, *self.also_read)))


@dataclass(frozen=True, slots=True)
class DocumentLines:
    """The table of the lines. `columns` are those that the mapping writes, `also_read` further ones, `parent` is the
    lookup to the header, and `position` the column for the number that the mapping gives a line."""

    table: WriteTable
    columns: tuple[str, ...]
    parent: str
    position: str
    also_read: tuple[str, ...] = ()

    @property
    def read(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        return tuple(dict.fromkeys((*self.columns, *self.also_read)))


class DataverseDocumentTarget:
    """The documents of one flow; satisfies the engine's Target. `namespace` makes the ids of new rows our own. With
    `origins`, a new document gets the owner of the row that it is made from; whether that row is in its last state is a
    field of the document, and a write of this field brings it there, after everything else. With `closings`, so does a
    write of the header's state.

    Of a document that we have created, only the lines that we have created count: users may add others. Of any other,
    each line counts that has a number of its own.
    """

    def __init__(
        self,
        system: DataverseSystem,
        headers: DocumentHeaders,
        lines: DocumentLines,
        namespace: str,
        *,
        bulk_rows: int = BULK_ROWS,
        origins: Origins | None = None,
        closings: Closings | None = None,
    ) -> None:
        self._system = system
        self._origins = origins
        self._closings = closings
        self._headers = headers
        self._lines = lines
        self._namespace = namespace
        self._header_rows = RowWriter(system, headers.table, bulk_rows)
        self._line_rows = RowWriter(system, lines.table, bulk_rows)

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        """The documents that exist, by the key as given, with what the mapping writes. If several headers have the
        number of a key, ours comes first. Raises SystemTrouble."""
        wanted = {key: self._headers.number_of(key) for key in dict.fromkeys(keys)}
        candidates = self._by_number([number for number in wanted.values() if number.strip(" ")])
        found = {key: row for key, number in wanted.items() if (row := self._under(key, candidates[fold(number)]))}
        lines = self._lines_of([self._id_of(row) for row in found.values()])
        documents = {key: self._document(key, row, lines[self._id_of(row)]) for key, row in found.items()}
        return documents if self._origins is None else self._with_origins(self._origins, documents)

    def row_id(self, key: str) -> str:
        """The id that we give the header under a key."""
        return own_id(self._namespace, self._headers.table.logical_name, fold(key))

    def check_key(self, key: str) -> None:
        """Any text is a number here."""

    def marked(self) -> Iterator[MarkedRow]:
        """None: no column says by which key we have created a document."""
        return iter(())

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        """Send every document; the result per id is None (applied) or the error that says what to do."""
        sending = Sending(self._system.channel.clock, not_after)
        documents = [_Document(write, write.target_id or self.row_id(write.key)) for write in writes]
        for stage in (self._write_headers, self._write_lines, self._finish_origins, self._close):
            due = [document for document in documents if document.error is None]
            try:
                stage(due, sending)
            except (SystemTrouble, NotSent) as trouble:
                for document in due:
                    document.take(trouble)
        return {document.write.id: document.result for document in documents}

    def _by_number(self, numbers: Sequence[str]) -> dict[str, list[Row]]:
        headers, found = self._headers, defaultdict[str, list[Row]](list)
        table = headers.table
        parameters = table.parameters(headers.read, table.id_column, headers.number)
        asked = [number for number in dict.fromkeys(numbers) if quoting.can_be_quoted(number)]
        for row in self._system.rows_with(table.entity_set, headers.number, asked, parameters):
            found[fold(str(row[headers.number]))].append(row)
        return found

    def _under(self, key: str, candidates: Sequence[Row]) -> Row | None:
        own = self.row_id(key)
        ours = [row for row in candidates if self._id_of(row) == own]
        return next(iter(ours or [row for row in candidates if self._headers.is_under(key, row)]), None)

    def _lines_of(self, headers: Sequence[str]) -> dict[str, list[Row]]:
        lines, found = self._lines, defaultdict[str, list[Row]](list)
        table = lines.table
        selected = table.parameters((lines.parent, *lines.read), table.id_column, lines.position)
        parameters = {**selected, "$orderby": lines.position}
        for row in self._system.rows_with(table.entity_set, lines.parent, headers, parameters):
            found[str(table.value(row, lines.parent))].append(row)
        return found

    def _document(self, key: str, header: Row, rows: Sequence[Row]) -> TargetRow:
        id, table = self._id_of(header), self._lines.table
        ours = id == self.row_id(key)
        lines: dict[int, Values] = {}
        for row in rows:
            number, line_id = row[self._lines.position], str(row[table.id_column]).lower()
            if isinstance(number, int) and (not ours or line_id == self._line_id(id, number)):
                values = {name: table.value(row, name) for name in self._lines.read}
                lines.setdefault(number, {**values, table.id_column: line_id})
        of = self._headers
        return TargetRow({name: of.table.value(header, name) for name in of.read}, id, ours=ours, lines=lines)

    def _with_origins(self, origins: Origins, documents: Mapping[str, TargetRow]) -> dict[str, TargetRow]:
        """The same with the field that says whether nothing is left to do for the row that a document is made from."""
        named = {key: origins.named_in(document.values) for key, document in documents.items()}
        finished = origins.finished(id for id in named.values() if id is not None)
        done: dict[str, Json] = {
            key: origins.of.done if id is None or id in finished else None for key, id in named.items()
        }
        return {
            key: replace(document, values={**document.values, origins.of.field: done[key]})
            for key, document in documents.items()
        }

    def _id_of(self, header: Row) -> str:
        return str(header[self._headers.table.id_column]).lower()

    def _line_id(self, header: str, number: int) -> str:
        """The id that we give the line of a header under a number."""
        return own_id(self._namespace, self._lines.table.logical_name, header, str(number))

    def _write_headers(self, documents: "Sequence[_Document]", sending: Sending) -> None:
        owners = self._owners([document for document in documents if document.write.create])
        due = [(document, values) for document in documents if (values := self._header_values(document.write))]
        rows = [
            RowWrite(
                document.row_id,
                {**values, **owners.get(document.write.id, {})},
                create=document.write.create,
                alone=document.write.alone,
            )
            for document, values in due
        ]
        for (document, _), result in zip(due, self._header_rows.write(rows, sending), strict=True):
            document.take(result)

    def _header_values(self, write: Write) -> Values:
        field = None if self._origins is None else self._origins.of.field
        values = {name: value for name, value in write.values.items() if name != field}
        values = dict(without_state(values)) if self._closings is not None else values
        number = {self._headers.number: self._headers.number_of(write.key)}
        return {**values, **number} if write.create else values

    def _owners(self, documents: "Sequence[_Document]") -> Mapping[str, Values]:
        """Who is to own new documents, by the id of the write."""
        if self._origins is None:
            return {}
        named = {document.write.id: self._origins.named_in(document.write.values) for document in documents}
        owners = self._origins.owners(id for id in named.values() if id is not None)
        return {id: owner for id, origin in named.items() if origin and (owner := owners.get(origin)) is not None}

    def _finish_origins(self, documents: "Sequence[_Document]", sending: Sending) -> None:
        origins = self._origins
        if origins is None:
            return
        named = [(document, origins.named_by(document.write)) for document in documents]
        due = [(document, id) for document, id in named if id is not None]
        results = origins.finish((id for _, id in due), sending) if due else {}
        for document, id in due:
            document.take(results[id])

    def _close(self, documents: "Sequence[_Document]", sending: Sending) -> None:
        closings = self._closings
        if closings is None:
            return
        asked = [(document, closings.action_of(document.write)) for document in documents]
        due = [(document, action) for document, action in asked if action is not None]
        results = closings.close([(document.row_id, action) for document, action in due], sending) if due else []
        for (document, _), result in zip(due, results, strict=True):
            document.take(result)

    def _write_lines(self, documents: "Sequence[_Document]", sending: Sending) -> None:
        due = [(document, line) for document in documents for line in document.write.lines]
        rows = [self._line_row(document, line) for document, line in due]
        for (document, line), result in zip(due, self._line_rows.write(rows, sending), strict=True):
            document.take(_told_as_changed(line, result) if isinstance(result, RecordMissing) else result)

    def _line_row(self, document: "_Document", line: LineWrite) -> RowWrite:
        own = self._line_id(document.row_id, line.number)
        creates = line.action is LineAction.CREATE
        values = dict(line.values)
        if creates:
            values |= {self._lines.parent: document.row_id, self._lines.position: line.number}
        return RowWrite(
            own if creates else document.line_id(line.number, self._lines.table.id_column) or own,
            values,
            create=creates,
            delete=line.action is LineAction.DELETE,
            alone=document.write.alone,
            of=document.row_id,
        )


@dataclass(slots=True)
class _Document:
    """One write, part by part."""

    write: Write
    row_id: str
    error: SyncError | None = field(default=None, init=False)
    _applied: bool = field(default=False, init=False)

    def line_id(self, number: int, id_column: str) -> str | None:
        """The id of a line that was read."""
        before = self.write.before
        id = before.lines.get(number, {}).get(id_column) if before is not None else None
        return None if id is None else str(id)

    def take(self, result: Result) -> None:
        """Note the result of a part. The first error counts, unless it is not known what became of another part."""
        if self.error is None or isinstance(result, OutcomeUnknown):
            self.error = result or self.error
        self._applied = self._applied or result is None

    @property
    def result(self) -> Result:
        """The result of the document as a whole."""
        return PartlyApplied(self.error) if self.error is not None and self._applied else self.error


def _told_as_changed(line: LineWrite, missing: RecordMissing) -> RecordRejected:
    """A line that was removed meanwhile says nothing about its document."""
    return RecordRejected(
        "dataverse.lines_changed",
        f"line {line.number} was removed in Sales: {missing}",
        remedy="nothing to do: the sync reads the lines again and retries",
        repeatable=True,
    )
