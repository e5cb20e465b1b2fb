"""Documents of Dataverse as a source: a header table, whose records are identified by their number, with its lines.

A number may have several headers: a revised quote is a new row with a new id. Change tracking reports rows, and only
the id of a deleted one, so the document of each row is stored as soon as the row is read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem, Row, RowPage, TableRows
from shared.clients.dataverse.sources import TrackedRows
from shared.records import Change, ChangePage, Json, SourceRow, Values, fold

REVISIONS, LINES = "revisions", "lines"
_VERSION = "versionnumber"
_MAX_ROUNDS = 3


class Memory(Protocol):
    """The document that each row belongs to, by flow and kind of row: the present one first, then the former ones."""

    def owners(self, flow: str, kind: str, ids: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """The owners of the known ones of the rows."""

    def remember(self, flow: str, kind: str, present: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
        """Note what each row belongs to now; the owners of all of them."""

    def forget(self, flow: str, kind: str, ids: Sequence[str]) -> None:
        """These rows do not exist any more."""


@dataclass(frozen=True, slots=True)
class HeaderTable:
    """The table of the headers. `number` is the column that names the document."""

    entity_set: str
    id_column: str
    number: str
    select: Sequence[str]
    expand: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LineTable:
    """The table of the lines. `header` is the lookup of the header, `position` the column that orders them."""

    entity_set: str
    id_column: str
    header: str
    position: str
    select: Sequence[str]
    expand: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DocumentTables:
    """Both tables of a document. `reads_lines_of` says of a header whether its lines are wanted."""

    headers: HeaderTable
    lines: LineTable
    reads_lines_of: Callable[[Values], bool]


class DataverseDocuments(TrackedRows):
    """The documents of one flow by number; satisfies the engine's TrackedSource."""

    def __init__(self, system: DataverseSystem, tables: DocumentTables, memory: Memory, flow: str) -> None:
        headers, lines = tables.headers, tables.lines
        self.tables = tables
        self._headers = TableRows(system, headers.entity_set, headers.id_column, [headers.number])
        super().__init__(self._headers)
        self._lines = TableRows(system, lines.entity_set, lines.id_column)
        self._memory = memory
        self._flow = flow

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The documents that exist now, by number as requested: every header that has it, with the lines of those whose
        lines are wanted. Header and lines are from one moment, unless somebody keeps changing the document."""
        asked = _by_folded_number(ids)
        pending = [same[0] for same in asked.values()]
        found: dict[str, SourceRow] = {}
        for _ in range(_MAX_ROUNDS):
            # A filter treats more texts as equal than we do, such as those that differ by an accent.
            documents = {key: header for key, header in self._read_headers(pending).items() if key in asked}
            changing = self._read_lines([header for headers in documents.values() for header in headers])
            found |= {key: self._document(headers) for key, headers in documents.items()}
            pending = [asked[key][0] for key, headers in documents.items() if changing & _ids(headers)]
            if not pending:
                break
        # A document that still changes while it is read is used as it is: the change itself will report it again.
        return {
            id: SourceRow(id, document.version, document.values) for key, document in found.items() for id in asked[key]
        }

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the numbers that a header has now."""
        asked = _by_folded_number(ids)
        number = self.tables.headers.number
        rows = self._headers.by_value(number, [same[0] for same in asked.values()], {"$select": number})
        return frozenset(id for row in rows for id in asked.get(fold(self._number_of(row)), ()))

    def as_written(self, numbers: Sequence[str]) -> dict[str, list[str]]:
        """Those of the numbers that a header has now, each as Dataverse writes it, by the number as given. The id of a
        header is accepted for its number."""
        asked = _by_folded_number(numbers)
        column = self.tables.headers.number
        rows = self._headers.by_value(column, [same[0] for same in asked.values()], {"$select": column})
        written = {self._number_of(row) for row in rows}
        found = {id: [number] for number in sorted(written) for id in asked.get(fold(number), ())}
        both = {"$select": quoting.columns([self._headers.id_column, column])}
        return found | {self._headers.id_of(row): [self._number_of(row)] for row in self._headers.by_id(numbers, both)}

    def numbers_of(self, header_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The numbers of headers by id, also former ones; unknown ones are looked up and stored. A header that
        is neither known nor exists is left out."""
        wanted = list(dict.fromkeys(header_ids))
        known = dict(self._memory.owners(self._flow, self._headers.entity_set, wanted))
        unknown = [id for id in wanted if id not in known]
        columns = {"$select": quoting.columns([self._headers.id_column, self.tables.headers.number])}
        return known | self._remember(self._headers.by_id(unknown, columns))

    def _remember(self, rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
        present = {self._headers.id_of(row): self._number_of(row) for row in rows}
        return dict(self._memory.remember(self._flow, self._headers.entity_set, present)) if present else {}

    def changes_of(self, page: RowPage) -> ChangePage:
        """The documents that have these headers now, and those that had them before."""
        numbers = self._remember(page.rows)
        gone = self._memory.owners(self._flow, self._headers.entity_set, page.gone) if page.gone else {}
        told: list[Change] = []
        for row in page.rows:
            present, *former = numbers[self._headers.id_of(row)]
            told += [Change(present, self._headers.version_of(row)), *_touched(former)]
        for present, *former in gone.values():
            told += [Change(present, None, gone=True), *_touched(former)]
        return page.with_changes(_one_per_document(told), known=gone)

    def forget(self, parts: Sequence[str]) -> None:
        """These headers do not exist any more. Raises StorageTrouble."""
        self._memory.forget(self._flow, self._headers.entity_set, parts)

    def _number_of(self, row: Row) -> str:
        number = row.get(self.tables.headers.number)
        if not isinstance(number, str):
            raise self._headers.unreadable(f"a row has no {self.tables.headers.number}")
        return number

    def _read_headers(self, numbers: Sequence[str]) -> "dict[str, list[_Header]]":
        of = self.tables.headers
        parameters = {
            "$select": self._headers.columns([of.number, *of.select]),
            "$expand": quoting.expansions(of.expand),
        }
        # The pages of a bulk read are not from one moment: a row may come twice.
        rows = {self._headers.id_of(row): row for row in self._headers.by_value(of.number, numbers, parameters)}
        found: dict[str, list[_Header]] = defaultdict(list)
        for id, row in sorted(rows.items()):
            header = _Header(id, self._headers.version_of(row), self._number_of(row), _plain(row))
            found[fold(header.number)].append(header)
        return found

    def _read_lines(self, headers: "Iterable[_Header]") -> set[str]:
        """Give the headers whose lines are wanted their lines; the ids of those that have changed meanwhile."""
        wanted = {header.id: header for header in headers if self.tables.reads_lines_of(header.values)}
        changing: set[str] = set()
        lines: dict[str, dict[str, Row]] = {id: {} for id in wanted}
        for row in self._lines.by_value(self.tables.lines.header, list(wanted), self._line_parameters()):
            header_id = self._lines.lookup_of(row, self._header_column)
            if header_id not in wanted:
                continue
            lines[header_id][self._lines.id_of(row)] = row
            if self._seen_header_version(row) != wanted[header_id].version:
                changing.add(header_id)
        for id, header in wanted.items():
            header.values[LINES] = [self._plain_line(row) for row in sorted(lines[id].values(), key=self._place)]
        return changing

    @property
    def _header_column(self) -> str:
        return f"_{self.tables.lines.header}_value"

    def _line_parameters(self) -> dict[str, str]:
        of = self.tables.lines
        select = self._lines.columns([self._header_column, of.position, *of.select])
        # The mapping may read columns of the header behind the same navigation.
        header = [*of.expand.get(of.header, ()), _VERSION]
        return {"$select": select, "$expand": quoting.expansions({**of.expand, of.header: header})}

    def _seen_header_version(self, line: Row) -> int:
        header = line.get(self.tables.lines.header)
        if not isinstance(header, dict):
            raise self._lines.unreadable(f"a row comes without its {self.tables.lines.header}")
        return self._headers.version_of(header)

    def _plain_line(self, line: Row) -> dict[str, Json]:
        of, plain = self.tables.lines, _plain(line)
        behind = plain.pop(of.header)
        if of.header in of.expand and isinstance(behind, dict):
            plain[of.header] = {name: behind.get(name) for name in of.expand[of.header]}
        return plain

    def _place(self, line: Row) -> tuple[bool, int, str]:
        position = line.get(self.tables.lines.position)
        number = position if isinstance(position, int) else None
        return number is None, number or 0, self._lines.id_of(line)

    def _document(self, headers: "Sequence[_Header]") -> SourceRow:
        newest = max(headers, key=lambda header: header.version)
        values: dict[str, Json] = {
            self.tables.headers.number: newest.number,
            REVISIONS: [header.values for header in headers],
        }
        return SourceRow(newest.number, newest.version, values)


class DataverseDocumentLines(TrackedRows):
    """The lines of documents as a further source of them; satisfies the engine's TrackedSource. Its changes name
    documents: a changed or deleted line is a change of the document that it belongs to, and of one that it has left.
    The version is that of the line: Dataverse counts in one sequence for all tables, so it compares with headers'."""

    def __init__(self, system: DataverseSystem, documents: DataverseDocuments, memory: Memory, flow: str) -> None:
        lines = documents.tables.lines
        self._documents = documents
        self._header_column = f"_{lines.header}_value"
        super().__init__(TableRows(system, lines.entity_set, lines.id_column, [self._header_column]))
        self._memory = memory
        self._flow = flow

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The documents themselves."""
        return self._documents.read(ids)

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the documents that exist now."""
        return self._documents.existing(ids)

    def changes_of(self, page: RowPage) -> ChangePage:
        """The documents that these lines belong to now, and those that they have left."""
        kind = self._rows.entity_set
        present = {self._rows.id_of(row): self._rows.lookup_of(row, self._header_column) for row in page.rows}
        gone = self._memory.owners(self._flow, kind, page.gone) if page.gone else {}
        headers = {**(self._memory.remember(self._flow, kind, present) if present else {}), **gone}
        versions = {self._rows.id_of(row): self._rows.version_of(row) for row in page.rows}
        numbers = self._documents.numbers_of(header for each in headers.values() for header in each)
        return page.with_changes(
            _one_per_document(
                Change(number, versions.get(id))
                for id, each in headers.items()
                for header in each
                for number in numbers.get(header, ())
            ),
            known=gone,
        )

    def forget(self, parts: Sequence[str]) -> None:
        """These lines do not exist any more. Raises StorageTrouble."""
        self._memory.forget(self._flow, self._rows.entity_set, parts)


@dataclass(frozen=True, slots=True)
class _Header:
    """A header as read."""

    id: str
    version: int
    number: str
    values: dict[str, Json]


def _ids(headers: Iterable[_Header]) -> set[str]:
    return {header.id for header in headers}


def _by_folded_number(numbers: Iterable[str]) -> dict[str, list[str]]:
    """The numbers that can be requested, as given, by the form that Dataverse compares."""
    found: dict[str, list[str]] = defaultdict(list)
    for number in dict.fromkeys(numbers):
        if number.strip(" ") and quoting.can_be_quoted(number):
            found[fold(number)].append(number)
    return found


def _touched(numbers: Iterable[str]) -> list[Change]:
    """Changes of documents that are not reported by their own version."""
    return [Change(number, None) for number in numbers]


def _one_per_document(changes: Iterable[Change]) -> list[Change]:
    """Changes of the same document as one: the highest version, gone only if nothing else is reported. A blank
    number names no document."""
    merged: dict[str, Change] = {}
    for change in (change for change in changes if change.id.strip(" ")):
        other = merged.setdefault(change.id, change)
        version = max((v for v in (other.version, change.version) if v is not None), default=None)
        merged[change.id] = Change(change.id, version, gone=other.gone and change.gone)
    return list(merged.values())


def _plain(row: Row) -> dict[str, Json]:
    """A row without annotations, its own and those of what is expanded."""
    return {name: _plain(value) if isinstance(value, dict) else value for name, value in row.items() if "@" not in name}
