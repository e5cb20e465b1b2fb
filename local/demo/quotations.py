"""The quotations flow as seen by the demo: quotes with their lines, and their result in F&O."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from local.demo.behaviors import read_behaviors
from local.demo.customers import read_customers, unless_waiting
from local.demo.flows import API, Collection, Systems, Watched
from local.demo.systems import DATAVERSE, FINOPS
from shared.clients import quoting
from shared.flows.quotations import QUOTATIONS, quote_rows
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations.mapping import QuotationMapper
from shared.flows.quotations.wiring import quotation_mapper
from shared.flows.sales_documents import rows as document_rows
from shared.flows.sales_documents.mapping import LINE_KEY_FIELD
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Filtered, Known, Mapped, Verdict
from shared.records import Json, SourceRow, Values

ACTIVE, CLOSED = 1, 3
AMOUNT, LINES = "amount of all lines", "lines"
_TOTAL = "totallineitemamount"
_LINE_AMOUNT = "LineAmount"
_DRAFT = Filtered("draft", ends=True)
# A quote that was closed was active before: its quotation may be in F&O, and stays there.
_OVER = (*(rule for rule in quote_rows.ENDS if rule != _DRAFT.rule), "closed")
_OF_HEADER = f"_{quote_rows.HEADER_ID_COLUMN}_value"


def watched_quotations(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong value-map document."""
    mapper = quotation_mapper(deployment)
    company = deployment.company
    of = quotations
    headers = Collection(FINOPS, of.TARGET_SET, of.KEY_FIELD, mapper.header_fields, company=company)
    columns = (LINE_KEY_FIELD, _LINE_AMOUNT, *mapper.line_fields)
    lines = Collection(FINOPS, of.TARGET_LINE_SET, of.KEY_FIELD, columns, company=company)
    return Watched(
        name=QUOTATIONS,
        mapper=mapper,
        source=Quotes(mapper),
        target=Quotations(headers, lines),
        view=QuotationView(mapper, company),
        asked={
            DATAVERSE: frozenset({of.HEADER_SET, of.LINE_SET}),
            FINOPS: frozenset({of.TARGET_SET, of.TARGET_LINE_SET, "$batch"}),
        },
        adopt=mapper.choices.adopt_existing,
        past_rules=frozenset(_OVER),
    )


@dataclass(frozen=True, slots=True)
class Quotes:
    """The quotes of Sales by their number, with all revisions and their lines."""

    mapper: QuotationMapper
    system: str = DATAVERSE

    def ids(self, systems: Systems) -> list[str]:
        """The ids of all source records."""
        rows = _rows(systems, quotations.HEADER_SET, (quote_rows.KEY_COLUMN,), {}, "")
        return list(dict.fromkeys(str(row[quote_rows.KEY_COLUMN]) for row in rows))

    def records(self, systems: Systems, id: str | None = None) -> list[SourceRow]:
        """All source records, or the one with an id."""
        mapper, of = self.mapper, quotations
        wanted = "" if id is None else quoting.equals(quote_rows.KEY_COLUMN, id)
        select = (quote_rows.HEADER_ID_COLUMN, _TOTAL, *mapper.header_select)
        headers = _rows(systems, of.HEADER_SET, select, mapper.header_expand, wanted)
        ids = [quoting.Guid(str(row[quote_rows.HEADER_ID_COLUMN])) for row in headers]
        of_these = "" if id is None or not ids else quoting.any_of(_OF_HEADER, ids)
        lines: dict[str, list[Json]] = defaultdict(list)
        select = (_OF_HEADER, document_rows.LINE_POSITION, *mapper.line_select)
        for row in _rows(systems, of.LINE_SET, select, mapper.line_expand, of_these):
            lines[str(row[_OF_HEADER])].append(_plain(row))
        by_number: dict[str, list[Json]] = defaultdict(list)
        for row in headers:
            header = _plain(row)
            if mapper.reads_lines_of(header):
                header[document_rows.LINES] = lines[str(row[quote_rows.HEADER_ID_COLUMN])]
            by_number[str(row[quote_rows.KEY_COLUMN])].append(header)
        return [
            SourceRow(number, None, {quote_rows.KEY_COLUMN: number, document_rows.HEADERS: revisions})
            for number, revisions in by_number.items()
        ]


@dataclass(frozen=True, slots=True)
class Quotations:
    """The quotations of F&O, each with all its lines."""

    headers: Collection
    lines: Collection
    system: str = FINOPS

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        lines: dict[str, list[Json]] = defaultdict(list)
        for number, row in self.lines.keyed(systems, key):
            lines[number].append(dict(row))
        return [(number, {**row, LINES: lines[number]}) for number, row in self.headers.keyed(systems, key)]


@dataclass(frozen=True, slots=True)
class QuotationView:
    """What the mapping of a quote needs: the number of its customer in F&O. Lines are compared one by one, independent
    of their numbers; what F&O fills in itself, where Sales has nothing, is not ours."""

    mapper: QuotationMapper
    company: str

    def known(self, systems: Systems, key: str | None) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - all are read
        """What the mapping may know about a source record; read for one key, or for all of them."""
        now, customers = datetime.now(UTC), read_customers(systems, self.company)
        behaviors = read_behaviors(systems, quotations.DATE_COLUMNS)
        return lambda row: Known(now, references=behaviors, keys=customers.keys_of(self.mapper.parents(row)))

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison uses it: what the target should hold."""
        verdict = unless_waiting(verdict, known)
        if verdict == _DRAFT and any(revision.get("statecode") == CLOSED for revision in _revisions(row)):
            # Only what was active can be closed: the draft is that of a revision.
            return Filtered("revised", ends=True)
        if not isinstance(verdict, Mapped):
            return verdict
        lines: list[Json] = [_filled(line.owned) for line in verdict.lines.values()]
        return replace(verdict, owned={**_filled(verdict.owned), LINES: lines, AMOUNT: _total(row)})

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        return [
            {**row, AMOUNT: sum((_decimal(line, _LINE_AMOUNT) for line in lines_of(row)), Decimal(0))} for row in rows
        ]

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - all rows are of one kind
        """What changes in a target row when its source record ends."""
        return self.mapper.rules.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.mapper.rules.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        if field == AMOUNT:
            return Decimal(str(ours)) == Decimal(str(theirs))
        if field == LINES:
            return self._lines_agree(_listed(ours), _listed(theirs))
        return self.mapper.rules.agree(field, ours, theirs)

    def _lines_agree(self, ours: Sequence[Values], theirs: Sequence[Values]) -> bool:
        left = list(theirs)
        for line in ours:
            match = next((other for other in left if self._line_agrees(line, other)), None)
            if match is None:
                return False
            left.remove(match)
        return not left

    def _line_agrees(self, ours: Values, theirs: Values) -> bool:
        agree = self.mapper.rules.agree_on_line
        return all(agree(name, value, theirs.get(name)) for name, value in ours.items())


def lines_of(row: Values) -> list[Values]:
    """The lines of a quotation as the comparison shows it."""
    return _listed(row.get(LINES))


def _listed(lines: Json) -> list[Values]:
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def _amount(quotation: Values) -> Decimal:
    return sum((_decimal(line, _LINE_AMOUNT) for line in lines_of(quotation)), Decimal(0))


def _total(row: SourceRow) -> Decimal:
    """What all lines of the active revision come to in Sales."""
    active = [revision for revision in _revisions(row) if revision.get("statecode") == ACTIVE]
    newest = max(active, key=lambda header: int(str(header.get("revisionnumber") or 0)))
    return _decimal(newest, _TOTAL)


def _revisions(row: SourceRow) -> list[Values]:
    return _listed(row.values.get(document_rows.HEADERS))


def _decimal(row: Values, name: str) -> Decimal:
    return Decimal(str(row.get(name) or 0))


def _filled(values: Values) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}


def _rows(
    systems: Systems, entity_set: str, select: tuple[str, ...], expand: Mapping[str, tuple[str, ...]], wanted: str
) -> list[Values]:
    parameters = {
        "$select": quoting.columns(select),
        "$expand": quoting.expansions(expand),
        "$filter": wanted,
    }
    return list(systems[DATAVERSE].rows(f"{API}/{entity_set}?{quoting.query(parameters)}"))


def _plain(row: Values) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in row.items():
        if "@" not in name:
            found[name] = _plain(value) if isinstance(value, dict) else value
    return found
