"""Sales orders and posted invoices of the model of F&O: what the service shows of them to whoever reads or walks them.

The product's own adapters read them (`FinopsSource`, `FinopsDocumentSource`); this stands where the service answers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.clients.finops.document_source import FinopsDocumentSource, LineCollection
from shared.clients.finops.source import FinopsSource
from shared.flows.invoices import mapping as invoices
from shared.flows.orders import mapping as orders
from shared.flows.ordersback import mapping as back
from shared.records import Json, fold
from tests.simulation.finops import PAGE_ROWS, Finops
from tests.simulation.targets import CUSTOMERS, ORDERS, Row

Values = dict[str, Json]
COMPANY = "dataAreaId"
LINE_STATUS = "SalesOrderLineStatus"
INVOICED_CUSTOMER = "InvoiceCustomerAccountNumber"
# What F&O gives a new sales order, and a new line of it, beside what is sent.
NEW_ORDER: Mapping[str, Json] = {back.STATUS: back.ACTIVE, back.TOTALS: "No", back.ORIGIN: "NotSpecified"}
NEW_LINE: Mapping[str, Json] = {
    LINE_STATUS: "Backorder",
    back.LINE_TOTALS: "No",
    "PickedQuantity": None,
    "_delivered": None,
    "_invoiced": None,
}


def rows_of(environment: Finops, company: str, entity_set: str) -> Iterator[Values]:
    """The rows of a collection as F&O shows them."""
    company = company.casefold()
    match entity_set:
        case back.ENTITY_SET:
            yield from (_header(environment, company, row) for row in _orders(environment, company))
        case orders.TARGET_LINE_SET:
            for row in _orders(environment, company):
                header = _header(environment, company, row)
                of_header = {name: header[name] for name in (COMPANY, back.KEY_FIELD, back.STATUS)}
                for number, line in row.lines.items():
                    yield {**line, **of_header, back.LINE_KEY_FIELD: number}
        case invoices.ENTITY_SET:
            yield from (header for header, _ in environment.invoices.get(company, {}).values())
        case _:
            yield from (line for _, lines in environment.invoices.get(company, {}).values() for line in lines)


def _orders(environment: Finops, company: str) -> Iterable[Row]:
    return environment.rows_of(company, ORDERS).values()


def _header(environment: Finops, company: str, row: Row) -> Values:
    """An order with what F&O takes from its customers."""
    customer = row.values.get(orders.CUSTOMER_FIELD)
    marks = dict.fromkeys(back.EXTERNAL_CUSTOMERS, _mark(environment, company, customer))
    return {INVOICED_CUSTOMER: customer, **row.values, **marks, COMPANY: company, back.KEY_FIELD: row.key}


def _mark(environment: Finops, company: str, customer: Json) -> Json:
    row = environment.rows_of(company, CUSTOMERS).get(fold(str(customer)))
    return "No" if row is None else row.values.get("IsExternallyMaintained", "No")


class WalkedRows(FinopsSource):
    """A collection of the model, which the product walks and reads as it does F&O's."""

    def __init__(self, environment: Finops, of: FinopsSource) -> None:
        super().__init__(of.system, of._set, of.key, of._company, of._fields, page_rows=PAGE_ROWS, closed=of._closed)
        self._environment = environment

    def page(self, after: str | None, *, open_only: bool = False) -> tuple[list[dict[str, Any]], str | None]:
        """The rows after a key, and the key to go on from: None at the end."""
        self._environment.answer(f"walk {self._set}")
        found = [row for row in self.shown(self._set) if not (open_only and self.is_closed(row))]
        found = [row for row in found if after is None or self.place(row) > self.place_of(after)]
        found.sort(key=self.place)
        page = found[:PAGE_ROWS]
        return page, self.id_of(page[-1]) if len(found) > PAGE_ROWS else None

    def shown(self, entity_set: str) -> list[dict[str, Any]]:
        """The rows of a collection that has the key fields of this one."""
        return list(rows_of(self._environment, self._company, entity_set))

    def place(self, row: Mapping[str, Json]) -> tuple[str, ...]:
        """The place of a row, or of a line of it, in a walk."""
        return tuple(str(row[name]) for name in self.key.order)

    def place_of(self, id: str) -> tuple[str, ...]:
        """The place of an id in a walk."""
        return self.place(self.key.parts(id))

    def _with_numbers(self, entity_set: str, numbers: Sequence[str], select: str) -> list[dict[str, Any]]:
        self._environment.answer(f"read {entity_set}")
        wanted, columns = {fold(number) for number in numbers}, select.split(",")
        rows = [row for row in self.shown(entity_set) if fold(str(row[self.key.number])) in wanted]
        return [{name: row.get(name) for name in columns} for row in rows]


class WalkedDocuments(FinopsDocumentSource):
    """Documents of the model with their lines, walked and read by the product's own source of documents."""

    def __init__(self, environment: Finops, of: FinopsDocumentSource) -> None:
        self._rows = WalkedRows(environment, of._headers)
        super().__init__(self._rows, of._lines)
        self._environment = environment

    def _lines_between(self, after: str | None, last: str | None, *, open_only: bool) -> Iterator[dict[str, Any]]:
        lines: LineCollection = self._lines
        self._environment.answer(f"walk {lines.entity_set}")
        closed, rows = lines.closed if open_only else None, self._rows
        found = [row for row in rows.shown(lines.entity_set) if closed is None or not closed.holds(row)]
        found = [row for row in found if after is None or rows.place(row) > rows.place_of(after)]
        found = [row for row in found if last is None or rows.place(row) <= rows.place_of(last)]
        return iter(sorted(found, key=lambda row: (*rows.place(row), row[lines.number])))
