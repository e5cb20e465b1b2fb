"""The invoices flow as seen by the demo: posted invoices of F&O with their lines, and the invoices of Sales."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from local.demo.behaviors import read_behaviors
from local.demo.customers import Customers, read_customers, unless_waiting
from local.demo.documents import LINES, decimal_of, filled, lines_agree, lines_of
from local.demo.finopsdocuments import FinopsDocuments
from local.demo.flows import Collection, Systems, Watched
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.flows.finops_documents import references
from shared.flows.invoices import INVOICES
from shared.flows.invoices import mapping as invoices
from shared.flows.invoices.mapping import InvoiceMapper
from shared.flows.invoices.wiring import KEY, invoice_mapper
from shared.flows.products import price_lists
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Known, Mapped, Parent, Verdict
from shared.records import Json, References, SourceRow, Values, fold

# The amount of the whole document, and that of each line, as either system has calculated it.
TOTAL, AMOUNT = "total amount", "amount"
_TOTAL_FIELD, _AMOUNT_FIELD, _TAX_FIELD = "TotalInvoiceAmount", "LineAmount", "InvoiceHeaderTaxAmount"
_TOTAL_COLUMN, _GROSS_COLUMN, _DISCOUNT_COLUMN = "totalamount", "baseamount", "manualdiscountamount"
_EXTERNAL = "msdynce_ismaintainedexternally"
_DAY = len("2026-01-31")


def watched_invoices(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong value-map document."""
    mapper, company, of = invoice_mapper(deployment), deployment.company, invoices
    headers = (*KEY.fields, _TOTAL_FIELD, *mapper.select)
    lines = (*KEY.fields, _AMOUNT_FIELD, *mapper.line_select)
    return Watched(
        name=INVOICES,
        mapper=mapper,
        source=FinopsDocuments(
            Collection(FINOPS, of.ENTITY_SET, of.NUMBER_FIELD, headers, company=company),
            Collection(FINOPS, of.LINE_ENTITY_SET, of.NUMBER_FIELD, lines, company=company),
            KEY,
        ),
        target=_InvoicesOfSales(mapper),
        view=InvoiceView(mapper, company),
        asked={
            FINOPS: Asked(reads=frozenset({of.ENTITY_SET, of.LINE_ENTITY_SET})),
            DATAVERSE: Asked.both(of.TARGET_SET, of.TARGET_LINE_SET),
        },
        adopt=mapper.choices.adopt_existing,
    )


@dataclass(frozen=True, slots=True)
class _InvoicesOfSales:
    """The invoices of Sales that come from F&O, each with all its lines, by number and day."""

    mapper: InvoiceMapper
    system: str = DATAVERSE

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        of = invoices
        columns = (of.ID_COLUMN, of.DATE_COLUMN, _TOTAL_COLUMN, *map(_header_column, self.mapper.header.target_fields))
        headers = Collection(DATAVERSE, of.TARGET_SET, of.KEY_COLUMN, columns, only={_EXTERNAL: True})
        number = None if key is None else key.rpartition(" ")[0]
        rows = headers.rows(systems, number)
        lines = self._lines(systems)
        found = [(_key(row[of.KEY_COLUMN], row[of.DATE_COLUMN]), {**row, LINES: lines[_id(row)]}) for row in rows]
        return [(each, row) for each, row in found if key is None or each == key]

    def _lines(self, systems: Systems) -> dict[str, list[Json]]:
        of, names = invoices, self.mapper.lines.target_fields
        columns = (f"_{of.ID_COLUMN}_value", of.POSITION_COLUMN, _GROSS_COLUMN, *map(_line_column, names))
        found: dict[str, list[Json]] = defaultdict(list)
        for row in Collection(DATAVERSE, of.TARGET_LINE_SET, of.LINE_ID_COLUMN, columns).rows(systems):
            line = {name: _lower(row.get(_line_column(name)), name in of.LINE_LOOKUPS) for name in names}
            amount = decimal_of(row, _GROSS_COLUMN) - decimal_of(row, _DISCOUNT_COLUMN)
            position = row[of.POSITION_COLUMN]
            found[str(row[f"_{of.ID_COLUMN}_value"])].append({**line, of.POSITION_COLUMN: position, AMOUNT: amount})
        return found


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """What the mapping of an invoice needs, read from Sales itself: its order and products by number, its customer, and
    the small tables. The comparison adds the amounts that both systems have calculated."""

    mapper: InvoiceMapper
    company: str

    def known(self, systems: Systems, key: str | None) -> Callable[[SourceRow], Known]:  # noqa: ARG002 - all are read
        """What the mapping may know about a source record; read for one key, or for all of them."""
        now, customers, of = datetime.now(UTC), read_customers(systems, self.company), invoices
        tables = {name: tuple(_table(systems, name, select)) for name, select in references.TABLES.items()}
        known_tables: References = {**tables, **read_behaviors(systems, price_lists.DATE_COLUMNS)}
        found = {
            of.ORDERS: _ids(systems, of.ORDERS, of.ORDER_ID, of.ORDER_NUMBER),
            references.PRODUCTS: _ids(systems, references.PRODUCTS, references.PRODUCT_ID, references.PRODUCT_NUMBER),
            references.CUSTOMERS: {number: record.id for number, record in _records(customers).items()},
        }
        flows = {
            Parent.with_key(references.CUSTOMERS, number): record.flow for number, record in _records(customers).items()
        }

        def known(row: SourceRow) -> Known:
            rows = {
                parent: found[parent.flow][parent.id]
                for parent in self.mapper.parents(row)
                if parent.id in found[parent.flow]
            }
            keys = {parent: parent.id for parent in rows}
            return Known(now, references=known_tables, keys=keys, rows=rows, flows=flows)

        return known

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison uses it: what the target should hold. An invoice is written once, so what was
        sent at its creation is compared, too."""
        verdict = unless_waiting(verdict, known)
        if not isinstance(verdict, Mapped):
            return verdict
        amounts = {int(str(line[references.LINE_NUMBER_FIELD])): line[_AMOUNT_FIELD] for line in lines_of(row.values)}
        amounts[references.TAX_LINE] = row.values[_TAX_FIELD]
        lines: list[Json] = [
            {**filled({**line.on_create, **line.owned}), invoices.POSITION_COLUMN: number, AMOUNT: amounts[number]}
            for number, line in verdict.lines.items()
        ]
        sent = filled({**verdict.on_create, **verdict.owned})
        return replace(verdict, key=key_of(row.values), owned={**sent, LINES: lines, TOTAL: row.values[_TOTAL_FIELD]})

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        names = self.mapper.header.target_fields
        return [
            {
                **{name: _lower(row.get(_header_column(name)), name in invoices.LOOKUPS) for name in names},
                LINES: row[LINES],
                TOTAL: row[_TOTAL_COLUMN],
            }
            for row in rows
        ]

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - all rows are of one kind
        """What changes in a target row when its source record ends."""
        return self.mapper.rules.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.mapper.rules.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        if field == TOTAL:
            return Decimal(str(ours)) == Decimal(str(theirs))
        if field == LINES:
            return lines_agree(ours, theirs, self._line_agrees)
        return self.mapper.rules.agree(field, ours, theirs)

    def _line_agrees(self, field: str, ours: Json, theirs: Json) -> bool:
        if field in (AMOUNT, invoices.POSITION_COLUMN):
            return Decimal(str(ours)) == Decimal(str(theirs))
        return self.mapper.rules.agree_on_line(field, ours, theirs)


def _records(customers: Customers) -> dict[str, Parent]:
    """The account or contact that each customer was made from, by the folded customer account."""
    return {
        fold(number): record for record, number in customers.numbers.items() if customers.key_of(record) is not None
    }


def _ids(systems: Systems, entity_set: str, id_column: str, number: str) -> dict[str, str]:
    rows = Collection(DATAVERSE, entity_set, id_column, (number,)).rows(systems)
    return {fold(str(row[number])): str(row[id_column]).lower() for row in rows}


def _table(systems: Systems, entity_set: str, select: tuple[str, ...]) -> list[Values]:
    return Collection(DATAVERSE, entity_set, select[0], select).rows(systems)


def key_of(posted: Values) -> str:
    """The key of a posted invoice, as people name it: its voucher is not in Sales."""
    return _key(posted[invoices.NUMBER_FIELD], str(posted[invoices.DATE_FIELD])[:_DAY])


def _key(number: Json, day: Json) -> str:
    return f"{number} {day}"


def _id(row: Values) -> str:
    return str(row[invoices.ID_COLUMN])


def _header_column(name: str) -> str:
    return f"_{references.READ_AS.get(name, name)}_value" if name in invoices.LOOKUPS else name


def _line_column(name: str) -> str:
    return f"_{name}_value" if name in invoices.LINE_LOOKUPS else name


def _lower(value: Json, is_lookup: bool) -> Json:
    return value.lower() if is_lookup and isinstance(value, str) else value
