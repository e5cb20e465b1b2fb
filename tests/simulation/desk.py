"""The people of F&O who work on sales orders: they confirm, deliver, invoice and cancel them, and run the job for
totals; and they make, change and delete orders of their own or of ours."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from local.finops import fulfilment
from shared.flows.finops_documents import references
from shared.flows.invoices import mapping as invoices
from shared.flows.orders import mapping as orders
from shared.flows.ordersback import mapping as back
from shared.mapping.amounts import rounded_half_up
from shared.records import Json, fold
from tests.simulation.company import try_deeds
from tests.simulation.finops import COMPANIES
from tests.simulation.salesorders import COMPANY, LINE_STATUS, NEW_LINE, NEW_ORDER
from tests.simulation.stage import Stage
from tests.simulation.targets import CUSTOMERS, ORDERS, Record, Row

Values = dict[str, Json]
_BORN = ("F-1", "F-2", "S-3")
_MOST_INVOICES = 6
_ORDERED, _PICKED = "OrderedSalesQuantity", "PickedQuantity"


@dataclass(slots=True)
class Desk:
    """The sales desk of F&O. `is_tied` says whether the sync knows which row of a target is a record's; `made` counts
    its invoices."""

    stage: Stage
    is_tied: Callable[[Record], bool] = lambda _record: True
    made: int = 0

    def work(self, dice: random.Random) -> None:
        """Somebody does something to an order."""
        deeds: list[tuple[Callable[[random.Random], bool], float]] = [
            (self.run_totals, 3),
            (self.confirm, 3),
            (self.deliver, 4),
            (self.invoice, 3),
            (self.finish, 3),
            (self.cancel, 0.7),
            (self.change, 1),
            (self.create, 1),
            (self.remove, 0.4),
            (self.mark_customer, 0.3),
        ]
        try_deeds(deeds, dice)

    def run_totals(self, _dice: random.Random) -> bool:
        """The batch job that calculates totals."""
        for company in COMPANIES:
            for row in self._orders(company).values():
                row.change({back.TOTALS: "Yes"})
                for line in row.lines.values():
                    line[back.LINE_TOTALS] = "Yes"
        return True

    def confirm(self, dice: random.Random) -> bool:
        """An order is confirmed."""
        row = self._some(dice, lambda row: row.values[back.STATUS] == back.ACTIVE)
        if row is not None:
            row.change({back.STATUS: "Confirmed"})
        return row is not None

    def deliver(self, dice: random.Random) -> bool:
        """Something of an order is picked, or delivered: all of it, or one piece of one line."""
        row = self._some(dice, lambda row: any(_open(line) for line in row.lines.values()))
        if row is None:
            return False
        picks = dice.random() < 0.2
        lines = [line for line in row.lines.values() if _open(line)]
        for line in lines if dice.random() < 0.6 else [dice.choice(lines)]:
            if picks:
                line[_PICKED] = _number(line, _ORDERED)
            else:
                line[fulfilment.DELIVERED] = _part(line, fulfilment.DELIVERED, _number(line, _ORDERED), dice)
        _progress(row)
        return True

    def invoice(self, dice: random.Random) -> bool:
        """What is delivered of an order is invoiced, or a part of that."""
        company = self._company(dice)
        row = self._some(dice, lambda row: any(_due(line) > 0 for line in row.lines.values()), company)
        return row is not None and self._bill(company, row, dice)

    def _bill(self, company: str, row: Row, dice: random.Random) -> bool:
        if len(self.stage.finops.invoices.setdefault(company, {})) >= _MOST_INVOICES:
            return False
        billed: list[tuple[int, Values, Decimal]] = []
        for number, line in row.lines.items():
            before = _number(line, fulfilment.INVOICED)
            line[fulfilment.INVOICED] = _part(line, fulfilment.INVOICED, _number(line, fulfilment.DELIVERED), dice)
            if (quantity := _number(line, fulfilment.INVOICED) - before) > 0:
                billed.append((number, line, quantity))
        if billed:
            self._post(company, row, billed, dice)
            _progress(row)
        return bool(billed)

    def finish(self, dice: random.Random) -> bool:
        """An order is confirmed, delivered and invoiced at once."""
        company = self._company(dice)
        row = self._some(dice, lambda row: any(_open(line) for line in row.lines.values()), company)
        if row is None:
            return False
        for line in row.lines.values():
            if _open(line):
                line[fulfilment.DELIVERED] = _number(line, _ORDERED)
        _progress(row)
        if dice.random() < 0.7:
            self.run_totals(dice)
        return self._bill(company, row, dice)

    def cancel(self, dice: random.Random) -> bool:
        """An order of which nothing is delivered is canceled."""
        row = self._some(dice, lambda row: not any(_number(x, fulfilment.DELIVERED) for x in row.lines.values()))
        if row is not None:
            for line in row.lines.values():
                line[LINE_STATUS] = fulfilment.CANCELED
            _progress(row)
        return row is not None

    def change(self, dice: random.Random) -> bool:
        """Somebody changes an order, or adds a line: its totals are out of date."""
        row = self._some(dice, lambda _row: True)
        if row is None:
            return False
        if dice.random() < 0.5 or not row.lines:
            self._doubt(row)
            row.change({"SalesOrderName": "changed there"})
            row.touched.add("SalesOrderName")
        elif dice.random() < 0.5:
            line = row.lines[dice.choice(sorted(row.lines))]
            line["SalesPrice"] = Decimal(dice.randint(1, 9))
            line[back.LINE_TOTALS] = "No"
            row.change({back.TOTALS: "No"})
        else:
            row.lines[max(row.lines) + 1] = self._line("P-9")
            row.change({back.TOTALS: "No"})
        return True

    def create(self, dice: random.Random) -> bool:
        """Somebody makes an order in F&O, for a customer that is there."""
        company, number = self._company(dice), dice.choice(_BORN)
        finops = self.stage.finops
        customers = finops.rows_of(company, CUSTOMERS)
        if not customers or (company, ORDERS, fold(number)) in finops.removed:
            return False
        customer = customers[dice.choice(sorted(customers))].key
        values: Values = {**NEW_ORDER, orders.CUSTOMER_FIELD: customer, "CurrencyCode": "USD"}
        lines = {1: self._line(dice.choice(["P-1", "P-2"]))}
        self._orders(company).setdefault(fold(number), Row(number, values, lines=lines))
        return True

    def remove(self, dice: random.Random) -> bool:
        """An order that is not confirmed is deleted."""
        company = self._company(dice)
        row = self._some(dice, lambda row: row.values[back.STATUS] == back.ACTIVE, company)
        if row is not None:
            self._delete(company, row)
        return row is not None

    def purge(self, dice: random.Random) -> None:
        """Most of the orders that are not confirmed are deleted at once."""
        company = COMPANIES[0]
        for row in list(self._orders(company).values()):
            if row.values[back.STATUS] == back.ACTIVE and dice.random() < 0.8:
                self._delete(company, row)

    def mark_customer(self, dice: random.Random) -> bool:
        """Somebody says that a customer is externally maintained, or is not."""
        customers = self.stage.finops.rows_of(self._company(dice), CUSTOMERS)
        if customers:
            row = customers[dice.choice(sorted(customers))]
            self._doubt(row)
            row.change({"IsExternallyMaintained": dice.choice(["Yes", "Yes", "No"])})
            row.touched.add("IsExternallyMaintained")
        return bool(customers)

    def _doubt(self, row: Row) -> None:
        """Somebody changes a row that the sync does not know yet: then nobody can tell it from one of F&O."""
        row.doubtful = row.doubtful or (row.of is not None and not self.is_tied(row.of))

    def _delete(self, company: str, row: Row) -> None:
        finops, key = self.stage.finops, fold(row.key)
        finops.removed.add((company, ORDERS, key))
        row = finops.removed_orders[company, key] = self._orders(company).pop(key)
        if row.of is not None and not self.is_tied(row.of):
            # The sync does not know yet that it has made it, and never will.
            row.of = None

    def _orders(self, company: str) -> dict[str, Row]:
        return self.stage.finops.rows_of(company, ORDERS)

    def _company(self, dice: random.Random) -> str:
        """A company, mostly one that has orders."""
        busy = [company for company in COMPANIES if self._orders(company)]
        return dice.choice(busy or COMPANIES)

    def _some(self, dice: random.Random, meant: Callable[[Row], bool], company: str = "") -> Row | None:
        """An order that is not closed and is meant."""
        rows = self._orders(company or self._company(dice))
        found = [key for key, row in sorted(rows.items()) if row.values[back.STATUS] not in back.CLOSED and meant(row)]
        return rows[dice.choice(found)] if found else None

    @staticmethod
    def _line(product: str) -> Values:
        return {
            **NEW_LINE,
            "ProductNumber": product,
            _ORDERED: Decimal(2),
            "SalesPrice": Decimal(7),
            "SalesUnitSymbol": "EA",
        }

    def _post(self, company: str, row: Row, billed: Sequence[tuple[int, Values, Decimal]], dice: random.Random) -> None:
        """Store an invoice."""
        self.made += 1
        day = self.stage.threads.now().date().isoformat()
        key: Values = {
            COMPANY: company,
            invoices.NUMBER_FIELD: f"CIV-{self.made}",
            invoices.DATE_FIELD: f"{day}T12:00:00Z",
            invoices.VOUCHER_FIELD: f"V-{self.made}",
        }
        lines = [{**key, **_billed(number, line, quantity, dice)} for number, line, quantity in billed]
        charges, tax = Decimal(dice.choice([0, 0, 3])), Decimal(dice.choice(["0", "0", "0.25"]))
        of_lines = sum((_number(line, name) for line in lines for name in ("LineAmount", "LineTotalTaxAmount")), tax)
        header: Values = {
            **key,
            invoices.ORDER_FIELD: row.key,
            invoices.CUSTOMER_FIELD: row.values.get(orders.CUSTOMER_FIELD),
            "CurrencyCode": row.values.get("CurrencyCode"),
            "TotalChargeAmount": charges,
            "InvoiceHeaderTaxAmount": tax,
            "TotalInvoiceAmount": of_lines + charges,
        }
        posted = self.stage.finops.invoices.setdefault(company, {})
        posted[
            "/".join(str(key[name]) for name in (invoices.NUMBER_FIELD, invoices.DATE_FIELD, invoices.VOUCHER_FIELD))
        ] = (
            header,
            lines,
        )


def _billed(number: int, line: Values, quantity: Decimal, dice: random.Random) -> Values:
    """The line of an invoice for so much of a line of its order."""
    price, discount = _number(line, "SalesPrice"), Decimal(dice.choice([0, 1]))
    return {
        references.LINE_NUMBER_FIELD: number,
        references.PRODUCT_FIELD: line.get("ProductNumber"),
        "ProductName": f"product {line.get('ProductNumber')}",
        "SalesUnitSymbol": line.get("SalesUnitSymbol"),
        "InvoicedQuantity": quantity,
        "SalesPrice": price,
        "LineTotalDiscountAmount": discount,
        "LineTotalTaxAmount": Decimal("0.5"),
        "LineAmount": rounded_half_up(price * quantity, 2) - discount,
    }


def _number(line: Values, name: str) -> Decimal:
    value = line.get(name)
    return Decimal(str(value)) if value is not None else Decimal(0)


def _open(line: Values) -> bool:
    """Whether anything of a line can still be delivered."""
    return line[LINE_STATUS] == "Backorder" and _number(line, fulfilment.DELIVERED) < _number(line, _ORDERED)


def _due(line: Values) -> Decimal:
    return _number(line, fulfilment.DELIVERED) - _number(line, fulfilment.INVOICED)


def _part(line: Values, name: str, most: Decimal, dice: random.Random) -> Decimal:
    """How much is done now: all that there is, or one piece more."""
    done = _number(line, name)
    return most if dice.random() < 0.6 else min(most, done + 1)


def _progress(row: Row) -> None:
    """The order and its lines show how far they are."""
    for line in row.lines.values():
        line[LINE_STATUS] = fulfilment.line_status(line)  # type: ignore[arg-type]
    lines = list(row.lines.values())
    row.change({back.STATUS: fulfilment.processing_status(row.values, lines)})  # type: ignore[arg-type]
