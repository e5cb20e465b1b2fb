"""Flows of documents as seen by the demo: headers of Sales with their lines, and their result in F&O."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from local.demo.customers import unless_waiting
from local.demo.flows import API, Collection, Kept, Systems
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.clients import quoting
from shared.flows.sales_documents import rows as document_rows
from shared.flows.sales_documents.mapping import LINE_KEY_FIELD, SalesDocumentMapper
from shared.flows.sales_documents.rules import SalesDocumentRules
from shared.mapping.verdicts import Filtered, Known, Mapped, Verdict
from shared.records import Json, SourceRow, Values

AMOUNT, LINES = "amount of all lines", "lines"
_TOTAL = "totallineitemamount"
_LINE_AMOUNT = "LineAmount"
Columns = tuple[str, ...]
Expanded = Mapping[str, Columns]
Knows = Callable[[Systems, Kept], Callable[[SourceRow], Known]]


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of Sales by their number, with all headers that have it and their lines. `seen_as` says how a
    header is seen."""

    mapper: SalesDocumentMapper
    seen_as: Callable[[dict[str, Json]], dict[str, Json]] = dict
    system: str = DATAVERSE

    def ids(self, systems: Systems) -> list[str]:
        """The ids of all source records."""
        of = self.mapper.names
        rows = _rows(systems, of.header_set, (of.number,), {}, "")
        return list(dict.fromkeys(str(row[of.number]) for row in rows))

    def records(self, systems: Systems, id: str | None = None) -> list[SourceRow]:
        """All source records, or the one with an id."""
        mapper, of = self.mapper, self.mapper.names
        of_header = f"_{of.line_header}_value"
        wanted = "" if id is None else quoting.equals(of.number, id)
        select = (of.header_id, _TOTAL, *mapper.header_select)
        headers = _rows(systems, of.header_set, select, mapper.header_expand, wanted)
        ids = [quoting.Guid(str(row[of.header_id])) for row in headers]
        of_these = "" if id is None or not ids else quoting.any_of(of_header, ids)
        lines: dict[str, list[Json]] = defaultdict(list)
        select = (of_header, document_rows.LINE_POSITION, *mapper.line_select)
        for row in _rows(systems, of.line_set, select, mapper.line_expand, of_these):
            lines[str(row[of_header])].append(plain(row))
        by_number: dict[str, list[Json]] = defaultdict(list)
        for row in headers:
            header = self.seen_as(plain(row))
            if mapper.reads_lines_of(header):
                header[document_rows.LINES] = lines[str(row[of.header_id])]
            by_number[str(row[of.number])].append(header)
        return [
            SourceRow(number, None, {of.number: number, document_rows.HEADERS: found})
            for number, found in by_number.items()
        ]


@dataclass(frozen=True, slots=True)
class DocumentsOfFinops:
    """The documents of F&O, each with all its lines."""

    headers: Collection
    lines: Collection
    system: str = FINOPS

    @classmethod
    def of(
        cls, mapper: SalesDocumentMapper, header_set: str, line_set: str, key: str, company: str
    ) -> "DocumentsOfFinops":
        """The documents of these collections, in the fields that the mapping reads."""
        lines = (LINE_KEY_FIELD, _LINE_AMOUNT, *mapper.line_fields)
        return cls(
            Collection(FINOPS, header_set, key, mapper.header_fields, company=company),
            Collection(FINOPS, line_set, key, lines, company=company),
        )

    @property
    def asked(self) -> Asked:
        """The collections that requests for them address."""
        return Asked.both(self.headers.entity_set, self.lines.entity_set, "$batch")

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        lines: dict[str, list[Json]] = defaultdict(list)
        for number, row in self.lines.keyed(systems, key):
            lines[number].append(dict(row))
        return [(number, {**row, LINES: lines[number]}) for number, row in self.headers.keyed(systems, key)]


@dataclass(frozen=True, slots=True)
class DocumentView:
    """What the comparison makes of documents. Lines are compared one by one, independent of their numbers; what F&O
    fills in itself, where Sales has nothing, is not ours. `knows` reads what the mapping needs, `header_of` chooses the
    header that counts. With `once`, what was sent at creation is compared too: nobody has changed it."""

    rules: SalesDocumentRules
    knows: Knows
    header_of: Callable[[SourceRow], Values]
    once: bool = False

    def known(self, systems: Systems, key: str | None, kept: Kept) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - all are read
        """What the mapping may know about a source record; read for one key, or for all of them."""
        return self.knows(systems, kept)

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison uses it: what the target should hold."""
        verdict = unless_waiting(verdict, known)
        if not isinstance(verdict, Mapped):
            return verdict
        sent = {**(verdict.on_create if self.once else {}), **verdict.owned}
        lines: list[Json] = [
            filled({**(line.on_create if self.once else {}), **line.owned}) for line in verdict.lines.values()
        ]
        return replace(verdict, owned={**filled(sent), LINES: lines, AMOUNT: decimal_of(self.header_of(row), _TOTAL)})

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        return [
            {**row, AMOUNT: sum((decimal_of(line, _LINE_AMOUNT) for line in lines_of(row)), Decimal(0))} for row in rows
        ]

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - all rows are of one kind
        """What changes in a target row when its source record ends."""
        return self.rules.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.rules.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        if field == AMOUNT:
            return Decimal(str(ours)) == Decimal(str(theirs))
        if field == LINES:
            return lines_agree(ours, theirs, self.rules.agree_on_line)
        return self.rules.agree(field, ours, theirs)


def lines_agree(ours: Json, theirs: Json, agree: Callable[[str, Json, Json], bool]) -> bool:
    """Whether each line of ours has one of theirs in which every field of ours agrees, and none is left."""
    left = _listed(theirs)
    for line in _listed(ours):
        match = next((other for other in left if _line_agrees(line, other, agree)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _line_agrees(ours: Values, theirs: Values, agree: Callable[[str, Json, Json], bool]) -> bool:
    return all(agree(name, value, theirs.get(name)) for name, value in ours.items())


def lines_of(row: Values) -> list[Values]:
    """The lines of a document as the comparison shows it."""
    return _listed(row.get(LINES))


def headers_of(row: SourceRow) -> list[Values]:
    """Every header that has the number of a document."""
    return _listed(row.values.get(document_rows.HEADERS))


def is_filtered(verdict: Verdict, rule: str) -> bool:
    """Whether a record is not for the target by this rule."""
    return isinstance(verdict, Filtered) and verdict.rule == rule


def _listed(lines: Json) -> list[Values]:
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def decimal_of(row: Values, name: str) -> Decimal:
    """A number of a row; 0 if it is blank."""
    return Decimal(str(row.get(name) or 0))


def filled(values: Values) -> dict[str, Json]:
    """What is not blank."""
    return {name: value for name, value in values.items() if value is not None}


def _rows(systems: Systems, entity_set: str, select: Columns, expand: Expanded, wanted: str) -> list[Values]:
    parameters = {
        "$select": quoting.columns(select),
        "$expand": quoting.expansions(expand),
        "$filter": wanted,
    }
    return list(systems[DATAVERSE].rows(f"{API}/{entity_set}?{quoting.query(parameters)}"))


def plain(row: Values) -> dict[str, Json]:
    """A row without annotations."""
    found: dict[str, Json] = {}
    for name, value in row.items():
        if "@" not in name:
            found[name] = plain(value) if isinstance(value, dict) else value
    return found
