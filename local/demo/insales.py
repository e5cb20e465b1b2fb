"""Documents of Sales where they are the target, and what documents of F&O refer to there: read from the systems."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from local.demo.behaviors import read_behaviors
from local.demo.customers import read_customers
from local.demo.documents import LINES, decimal_of, filled, lines_agree, lines_of
from local.demo.flows import Collection, Kept, Systems
from local.demo.systems import DATAVERSE
from shared.clients.dataverse.rows import WriteTable
from shared.flows.finops_documents import references
from shared.flows.finops_documents.rules import FinopsDocumentRules
from shared.mapping.date_columns import DateColumns
from shared.mapping.verdicts import Known, Mapped, Parent
from shared.records import Json, References, Values, fold

# The amount of a whole document, and that of each of its lines, as either system has calculated it.
TOTAL, AMOUNT = "total amount", "amount"
_TOTAL_COLUMN, _GROSS_COLUMN, _DISCOUNT_COLUMN = "totalamount", "baseamount", "manualdiscountamount"
_AMOUNT_FIELD = "LineAmount"


@dataclass(frozen=True, slots=True)
class DocumentsOfSales:
    """The documents of two tables, with the columns that a mapping writes. `number` is the column of their number,
    `parent` the lookup from a line to its header, `position` the column of a line's number, and `also` are more columns
    of the header."""

    headers: WriteTable
    header_fields: tuple[str, ...]
    lines: WriteTable
    line_fields: tuple[str, ...]
    number: str
    parent: str
    position: str
    also: tuple[str, ...] = ()
    only: Mapping[str, Json] = field(default_factory=dict)

    def rows(self, systems: Systems, number: str | None = None) -> list[Values]:
        """All documents, or those with a number: each in the names of the mapping, with its lines and its amount."""
        table = self.headers
        columns = (table.id_column, _TOTAL_COLUMN, *self.also, *map(table.column, self.header_fields))
        found = Collection(DATAVERSE, table.entity_set, self.number, columns, only=self.only).rows(systems, number)
        ids = [str(row[table.id_column]) for row in found]
        lines = self._lines(systems, None if number is None else ids)
        return [
            {
                **{name: row[name] for name in (self.number, table.id_column, *self.also)},
                **{name: table.value(row, name) for name in self.header_fields},
                LINES: lines[id],
                TOTAL: row[_TOTAL_COLUMN],
            }
            for id, row in zip(ids, found, strict=True)
        ]

    def _lines(self, systems: Systems, headers: list[str] | None) -> dict[str, list[Json]]:
        """The lines by header: of these, or of all."""
        table, of = self.lines, f"_{self.parent}_value"
        columns = (self.position, _GROSS_COLUMN, _DISCOUNT_COLUMN, *map(table.column, self.line_fields))
        every = Collection(DATAVERSE, table.entity_set, of, columns, by_id=True)
        rows = every.rows(systems) if headers is None else [row for id in headers for row in every.rows(systems, id)]
        found: dict[str, list[Json]] = defaultdict(list)
        for row in rows:
            amount = decimal_of(row, _GROSS_COLUMN) - decimal_of(row, _DISCOUNT_COLUMN)
            own = {name: table.value(row, name) for name in self.line_fields}
            found[str(row[of])].append({**own, self.position: row[self.position], AMOUNT: amount})
        return found

    def expected(self, source: Values, verdict: Mapped, *, total: str, tax: str) -> dict[str, Json]:
        """What a document holds that was made from a document of F&O, with what was sent at its creation, and the
        amounts of F&O. `total` and `tax` are the fields of its amount and of the tax of no line."""
        amounts = {int(str(line[references.LINE_NUMBER_FIELD])): line[_AMOUNT_FIELD] for line in lines_of(source)}
        amounts[references.TAX_LINE] = source[tax]
        lines: list[Json] = [
            {**filled({**line.on_create, **line.owned}), self.position: number, AMOUNT: amounts[number]}
            for number, line in verdict.lines.items()
        ]
        return {**filled({**verdict.on_create, **verdict.owned}), LINES: lines, TOTAL: source[total]}

    def agree(self, rules: FinopsDocumentRules, field: str, ours: Json, theirs: Json) -> bool:
        """Whether Sales' value is ours; amounts are equal to the last decimal."""
        if field == TOTAL:
            return _is_same(ours, theirs)
        if field == LINES:
            return lines_agree(ours, theirs, partial(self._line_agrees, rules))
        return rules.agree(field, ours, theirs)

    def _line_agrees(self, rules: FinopsDocumentRules, field: str, ours: Json, theirs: Json) -> bool:
        if field in (AMOUNT, self.position):
            return _is_same(ours, theirs)
        return rules.agree_on_line(field, ours, theirs)


def _is_same(ours: Json, theirs: Json) -> bool:
    return Decimal(str(ours)) == Decimal(str(theirs))


@dataclass(frozen=True, slots=True)
class InSales:
    """What Sales has at a moment: the ids of rows by collection and folded number, the flow of each customer, and the
    small tables."""

    now: datetime
    tables: References
    ids: Mapping[str, Mapping[str, str]]
    flows: Mapping[Parent, str]

    def known(self, parents: Iterable[Parent]) -> Known:
        """What the mapping of a document with these parents may know."""
        rows = {each: self.ids[each.flow][each.id] for each in parents if each.id in self.ids.get(each.flow, {})}
        keys = {parent: parent.id for parent in rows}
        return Known(self.now, references=self.tables, keys=keys, rows=rows, flows=self.flows)


def read_in_sales(
    systems: Systems, company: str, kept: Kept, dates: DateColumns, ids: Mapping[str, Mapping[str, str]]
) -> InSales:
    """Look at both systems. `dates` are the columns whose behaviour is read, `ids` are those of the flow's own
    collections."""
    tables = {name: tuple(_rows(systems, name, select)) for name, select in references.TABLES.items()}
    customers = read_customers(systems, company, kept)
    made = {
        Parent.with_key(references.CUSTOMERS, number): record
        for record, number in customers.numbers.items()
        if customers.key_of(record) is not None
    }
    found = {
        references.CUSTOMERS: {parent.id: record.id for parent, record in made.items()},
        references.PRODUCTS: ids_by_number(
            systems, references.PRODUCTS, references.PRODUCT_ID, references.PRODUCT_NUMBER
        ),
        **ids,
    }
    flows = {parent: record.flow for parent, record in made.items()}
    return InSales(datetime.now(UTC), {**tables, **read_behaviors(systems, dates)}, found, flows)


def ids_by_number(systems: Systems, entity_set: str, id_column: str, number: str) -> dict[str, str]:
    """The ids of the rows of a table, by folded number."""
    rows = Collection(DATAVERSE, entity_set, id_column, (number,)).rows(systems)
    return {fold(str(row[number])): str(row[id_column]).lower() for row in rows}


def _rows(systems: Systems, entity_set: str, select: tuple[str, ...]) -> list[Values]:
    return Collection(DATAVERSE, entity_set, select[0], select).rows(systems)
