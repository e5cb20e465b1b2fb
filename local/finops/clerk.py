"""The clerk of a company: drives its orders from the confirmation to the invoice, and runs the job for totals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from local.finops import fulfilment, invoices, orderlines, orders, ordertotals, saleslines
from local.finops.documents import Documents
from local.finops.refusals import Declined, Refused
from local.finops.salesdesk import exact
from local.finops.schema import COMPANY, EntityType
from local.finops.settings import Settings
from local.finops.tables import Row, Tables
from local.finops.values import shown
from local.finops.writing import Writer
from local.simulator.auth import system_clock
from local.simulator.filters import Condition
from shared.records import Json

_NO_LIMIT = -1
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Order:
    """An order with its open lines, and how much of each the clerk means."""

    header: Row
    lines: tuple[Row, ...]
    quantities: Mapping[int, Decimal]

    def quantity(self, line: Row, usual: Decimal) -> Decimal:
        """How much of a line: what is said, else all that there is if nothing is said of any line."""
        return self.quantities.get(int(line[saleslines.NUMBER] or 0), Decimal(0)) if self.quantities else usual


class Clerk:
    """What people of the company do with orders. Every method is one transaction and raises ValueError for what cannot
    be done."""

    def __init__(self, tables: Tables, settings: Settings, *, clock: Callable[[], datetime] = system_clock) -> None:
        self._tables = tables
        self._settings = settings
        self._documents = Documents(tables)
        self._writer = Writer(tables, settings, read_only_too=True, clock=clock)
        entities = tables.schema.entities
        self._orders, self._lines = entities[orders.SET_NAME], entities[orderlines.SET_NAME]
        self._invoices, self._invoice_lines = entities[invoices.HEADERS], entities[invoices.LINES]

    def control(self, method: str, body: object) -> object:
        """Control `clerk`: POST {"do": "totals"} runs the batch job for the totals of all orders. POST {"do": DEED,
        "SalesOrderNumber": text} does something to an order: confirm; pick, deliver or invoice all that there is, or
        `lines`, such as [{"LineCreationSequenceNumber": 1, "quantity": 2}]; cancel, while nothing is delivered. invoice
        also takes `InvoiceDate`."""
        match method, body:
            case "POST", {"do": "totals"}:
                return {"calculated": self.calculate_totals()}
            case "POST", {"do": str() as deed, "SalesOrderNumber": str() as number} if deed in self._deeds:
                assert isinstance(body, dict)
                try:
                    with self._tables.writing():
                        return self._deeds[deed](self._order(body), body)
                except (Refused, Declined) as error:
                    raise ValueError(f"{deed} of {number}: {error}") from error
        deeds = ", ".join(("totals", *self._deeds))
        raise ValueError(f'Use POST with {{"do": one of {deeds}, "SalesOrderNumber": text}}.')

    def calculate_totals(self) -> int:
        """Calculate the totals of every order that was changed since. Returns how many there were."""
        with self._tables.writing():
            where = Condition(f'"{orders.TOTALS}" = ?', ("No",))
            found = list(self._select(self._orders, where))
            for header in found:
                for line in self._lines_of(header):
                    self._documents.change(self._lines, line, ordertotals.of_line(line, self._settings))
                self._documents.change(
                    self._orders, header, ordertotals.of_order(header, self._lines_of(header), self._settings)
                )
            return len(found)

    @property
    def _deeds(self) -> Mapping[str, Callable[[_Order, Mapping[str, Json]], dict[str, Json]]]:
        return {
            "confirm": self._confirm,
            "pick": self._pick,
            "deliver": self._deliver,
            "invoice": self._invoice,
            "cancel": self._cancel,
        }

    def _confirm(self, order: _Order, _body: Mapping[str, Json]) -> dict[str, Json]:
        if order.header[orders.STATUS] == orders.ACTIVE:
            self._documents.change(self._orders, order.header, {orders.STATUS: "Confirmed"})
        return self._answer(order)

    def _pick(self, order: _Order, _body: Mapping[str, Json]) -> dict[str, Json]:
        for line in order.lines:
            free = (
                saleslines.number(line, orderlines.QUANTITY)
                - saleslines.number(line, fulfilment.DELIVERED)
                - saleslines.number(line, fulfilment.PICKED)
            )
            picked = self._taken(order, line, free, "pick")
            self._documents.change(
                self._lines, line, {fulfilment.PICKED: _text(saleslines.number(line, fulfilment.PICKED) + picked)}
            )
        return self._progressed(order)

    def _deliver(self, order: _Order, _body: Mapping[str, Json]) -> dict[str, Json]:
        for line in order.lines:
            delivered = saleslines.number(line, fulfilment.DELIVERED)
            taken = self._taken(order, line, saleslines.number(line, orderlines.QUANTITY) - delivered, "deliver")
            changes = {
                fulfilment.DELIVERED: _text(delivered + taken),
                fulfilment.PICKED: _text(_left(saleslines.number(line, fulfilment.PICKED), taken)),
            }
            self._documents.change(self._lines, line, changes)
        return self._progressed(order)

    def _invoice(self, order: _Order, body: Mapping[str, Json]) -> dict[str, Json]:
        first = all(not saleslines.number(line, fulfilment.INVOICED) for line in self._lines_of(order.header))
        posted: list[Row] = []
        for line in order.lines:
            before = saleslines.number(line, fulfilment.INVOICED)
            taken = self._taken(order, line, saleslines.number(line, fulfilment.DELIVERED) - before, "invoice")
            if taken:
                posted.append(invoices.line_of(line, before, taken, self._settings))
                self._documents.change(self._lines, line, {fulfilment.INVOICED: _text(before + taken)})
        if not posted:
            raise ValueError(f"{order.header[orders.NUMBER]}: nothing to invoice; deliver first.")
        key = self._post(order.header, posted, first=first, date=body.get("InvoiceDate"))
        return {**self._progressed(order), **{name: key[name] for name in invoices.KEY}}

    def _cancel(self, order: _Order, _body: Mapping[str, Json]) -> dict[str, Json]:
        if any(saleslines.number(line, fulfilment.DELIVERED) for line in order.lines):
            raise ValueError(f"{order.header[orders.NUMBER]}: a delivered order cannot be canceled.")
        for line in order.lines:
            self._documents.change(self._lines, line, {orderlines.STATUS: fulfilment.CANCELED, fulfilment.PICKED: "0"})
        return self._progressed(order)

    def _post(self, header: Row, lines: list[Row], *, first: bool, date: Json) -> Row:
        """Store an invoice; returns its key."""
        account = {COMPANY: header[COMPANY], "CustomerAccount": header["InvoiceCustomerAccountNumber"]}
        customer = self._tables.find(self._tables.schema.entities["CustomersV3"], account)
        assert customer is not None
        row = invoices.header_of(header, customer.row, lines, self._settings, first=first)
        dated: dict[str, Json] = {} if date is None else {"InvoiceDate": date}
        made = self._writer.create(self._invoices, {**_json(self._invoices, row), **dated}).row
        key = {name: made[name] for name in self._invoices.key}
        for line in lines:
            self._writer.create(self._invoice_lines, {**_json(self._invoice_lines, line), **key})
        return key

    def _progressed(self, order: _Order) -> dict[str, Json]:
        """Show in the order and its lines how far they are now."""
        for line in self._lines_of(order.header):
            self._documents.change(self._lines, line, {orderlines.STATUS: fulfilment.line_status(line)})
        lines, header = self._lines_of(order.header), self._find(order.header)
        changes = {
            orders.STATUS: fulfilment.processing_status(header, lines),
            "SalesOrderStatus": orders.status_of(line[orderlines.STATUS] for line in lines),
        }
        self._documents.change(self._orders, header, changes)
        return self._answer(order)

    def _answer(self, order: _Order) -> dict[str, Json]:
        header = self._find(order.header)
        return {name: header[name] for name in (orders.NUMBER, orders.STATUS, "SalesOrderStatus")}

    def _taken(self, order: _Order, line: Row, available: Decimal, deed: str) -> Decimal:
        taken = order.quantity(line, available)
        if not min(available, _NOTHING) <= taken <= max(available, _NOTHING):
            number = line[saleslines.NUMBER]
            raise ValueError(f"{order.header[orders.NUMBER]}, line {number}: cannot {deed} {taken} of {available}.")
        return taken

    def _order(self, body: Mapping[str, Json]) -> _Order:
        company = str(body.get(COMPANY, self._settings.company)).lower()
        found = self._tables.find(self._orders, {COMPANY: company, orders.NUMBER: str(body[orders.NUMBER])})
        if found is None:
            raise ValueError(f"There is no order {body[orders.NUMBER]} in {company}.")
        lines = [line for line in self._lines_of(found.row) if fulfilment.is_open(line)]
        if not lines:
            raise ValueError(f"{body[orders.NUMBER]} has no line that is open.")
        quantities = _quantities(body.get("lines", []))
        unknown = set(quantities) - {int(line[saleslines.NUMBER] or 0) for line in lines}
        if unknown:
            raise ValueError(f"{body[orders.NUMBER]} has no open line {min(unknown)}.")
        return _Order(found.row, tuple(lines), quantities)

    def _find(self, header: Row) -> Row:
        found = self._tables.find(self._orders, {name: header[name] for name in self._orders.key})
        assert found is not None
        return found.row

    def _lines_of(self, header: Row) -> list[Row]:
        where = Condition(f'"{COMPANY}" = ? AND "{orders.NUMBER}" = ?', (header[COMPANY], header[orders.NUMBER]))
        return self._select(self._lines, where, *fulfilment.HIDDEN)

    def _select(self, of: EntityType, where: Condition, *more: str) -> list[Row]:
        names = (*of.properties, *more)
        return [each.row for each in self._tables.select(of, where, names=names, order=(), limit=_NO_LIMIT, offset=0)]


def _left(picked: Decimal, taken: Decimal) -> Decimal:
    """What stays picked: nothing, if more is taken."""
    return _NOTHING if abs(taken) >= abs(picked) else picked - taken


def _quantities(lines: Json) -> dict[int, Decimal]:
    """The quantities of the lines that are named. Raises ValueError."""
    given = exact(lines)
    found: dict[int, Decimal] = {}
    for line in given if isinstance(given, list) else [given]:
        match line:
            case {saleslines.NUMBER: int() as number, "quantity": int() | Decimal() as quantity}:
                found[number] = Decimal(quantity)
            case _:
                raise ValueError(f'{line!r} is not a line; give {{"{saleslines.NUMBER}": number, "quantity": number}}.')
    return found


def _json(of: EntityType, row: Row) -> dict[str, Json]:
    return {name: shown(of.properties[name], value) for name, value in row.items()}


def _text(quantity: Decimal) -> str:
    return saleslines.rounded(quantity, saleslines.STORED_DECIMALS)
