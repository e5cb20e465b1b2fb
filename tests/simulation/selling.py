"""The people of Sales who work on orders and invoices: they make orders, also from quotes, activate them, change and
close them, and change or delete invoices."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from shared.clients.dataverse.closings import STATE
from shared.flows.invoices import mapping as invoices
from shared.flows.orders import order_rows
from shared.flows.orders.mapping import HEADER_SET, LINE_SET, OrderMapper
from shared.flows.ordersback import states
from tests.simulation.company import Company, Values, made_id, try_deeds
from tests.simulation.finops import COMPANIES
from tests.simulation.settings import MAPS, RENAMED_URL, VARIANTS, SettingsKey, mappers_of

NUMBERS = ("S-1", "S-2", "S-3", "S-4")
_MOST_ORDERS = 7
_QUOTE, _ACCOUNT, _CONTACT = "quoteid", "customerid_account", "customerid_contact"
# By this column it is known of which order of Sales an order of F&O was made: each has its own.
_SIGN = "emailaddress"
_ORDER, _ORDER_LINE, _TYPED = 0x5, 0x6, 0x7


@dataclass(slots=True)
class Selling:
    """Sellers at work. `steady` are the activated orders of which nobody has changed anything since. Sales orders
    `may_be_taken_over` once the settings have allowed it."""

    company: Company
    orders_made: int = 0
    lines_made: int = 0
    foreign_made: int = 0
    steady: set[str] = field(default_factory=set)
    may_be_taken_over: bool = False

    def work(self, dice: random.Random) -> None:
        """Somebody does something to an order."""
        deeds: list[tuple[Callable[[random.Random], bool], float]] = [
            (self.create, 3),
            (self.activate, 5),
            (self.mark_lines, 2),
            (self.change, 1.5),
            (self.change_line, 1.5),
            (self.close, 0.5),
            (self.remove, 0.7),
        ]
        try_deeds(deeds, dice)

    def bill(self, dice: random.Random) -> None:
        """Somebody does something to an invoice."""
        dice.choice([self.change_invoice, self.change_invoice, self.remove_invoice, self.create_invoice])(dice)

    def begin(self, dice: random.Random) -> None:
        """Two orders of the first accounts are there, and one of them is activated."""
        for number, account in zip(NUMBERS, self.company.pools["accounts"].ids[:2], strict=False):
            id = self._new(number, {_ACCOUNT: {"accountid": account}, _CONTACT: None, _QUOTE: None})
            for _ in range(dice.randint(1, 2)):
                self._new_line(id, self._good_line(dice))
        self.activate(dice)

    def signs(self) -> dict[str, str]:
        """The ids of all orders that were ever made, by their signs."""
        return {_sign(number): made_id(_ORDER, number) for number in range(1, self.orders_made + 1)}

    def create(self, dice: random.Random) -> bool:
        """An order is made, for somebody or of a quote; a number may be given twice."""
        rows = self._orders
        if len(rows) >= _MOST_ORDERS:
            return False
        used = {row[order_rows.KEY_COLUMN] for row in rows.values()}
        free = [number for number in NUMBERS if number not in used]
        number = dice.choice(free) if free and dice.random() < 0.95 else dice.choice(NUMBERS)
        quotes = self.company.stage.sales.tables["quotes"].rows
        if quotes and dice.random() < 0.35:
            self._win(dice.choice(sorted(quotes)), number)
            return True
        id = self._new(number, {**self.company.customer(dice), _QUOTE: None})
        for _ in range(dice.choice([0, 1, 1, 1, 2, 2])):
            self._new_line(id, self._line(dice))
        return True

    def activate(self, dice: random.Random) -> bool:
        """A draft is activated: first its header, then line by line, which may take a while."""
        drafts = [
            id
            for id, row in sorted(self._open().items())
            if row[order_rows.PROCESSING_STATUS] in (None, order_rows.DRAFT)
        ]
        if drafts:
            id = dice.choice(drafts)
            self._save(id, {order_rows.PROCESSING_STATUS: order_rows.ACTIVE})
            self.steady.add(id)
            if dice.random() < 0.8:
                self._mark(id)
        return bool(drafts)

    def mark_lines(self, dice: random.Random) -> bool:
        """The lines of an activated order are marked."""
        there = [
            id
            for id, row in sorted(self._open().items())
            if row[order_rows.PROCESSING_STATUS] == order_rows.ACTIVE and self._unmarked(id)
        ]
        if there:
            self._mark(dice.choice(there))
        return bool(there)

    def change(self, dice: random.Random) -> bool:
        """Somebody changes an order, or its customer."""
        there = sorted(self._open())
        if there:
            choices: dict[str, list[Any]] = {
                "name": ["order", "urgent order", None, "x\x07"],
                "requestdeliveryby": ["2026-05-04T07:00:00Z", "some day", None],
                "discountamount": [None, None, Decimal(5)],
            }
            column = dice.choice(sorted(choices))
            further = self.company.customer(dice) if dice.random() < 0.3 else {}
            self._change(dice.choice(there), {column: dice.choice(choices[column]), **further})
        return bool(there)

    def change_line(self, dice: random.Random) -> bool:
        """A line of an order is added, changed or deleted."""
        there = sorted(self._open())
        if not there:
            return False
        id, sales = dice.choice(there), self.company.stage.sales
        lines = self._lines_of(id)
        self.steady.discard(id)
        if not lines or dice.random() < 0.3:
            self._new_line(id, self._line(dice))
        elif dice.random() < 0.3:
            sales.remove(LINE_SET, dice.choice(lines))
        else:
            changed = self._line(dice)
            column = dice.choice(["quantity", "priceperunit", "manualdiscountamount"])
            sales.save(LINE_SET, dice.choice(lines), {column: changed.get(column)})
        return True

    def close(self, dice: random.Random) -> bool:
        """An order is submitted, canceled or fulfilled in Sales."""
        there = sorted(self._open())
        if there:
            self._save(dice.choice(there), {STATE: dice.choice(sorted(states.READ_ONLY - {states.INVOICED}))})
        return bool(there)

    def remove(self, dice: random.Random) -> bool:
        """An order is deleted, unless it is invoiced."""
        there = [id for id, row in sorted(self._orders.items()) if row[STATE] != states.INVOICED]
        if there:
            self._remove(dice.choice(there))
        return bool(there)

    def purge(self, dice: random.Random) -> None:
        """Nearly all orders that are not invoiced are deleted at once."""
        for id in [id for id, row in sorted(self._orders.items()) if row[STATE] != states.INVOICED]:
            if dice.random() < 0.8:
                self._remove(id)

    def change_invoice(self, dice: random.Random) -> None:
        """Somebody changes an invoice that F&O has posted."""
        there = sorted(self._invoices)
        if there:
            id = dice.choice(there)
            column = dice.choice(["freightamount", "description"])
            self.company.stage.sales.edit(invoices.TARGET_SET, id, {column: Decimal(9) if column[0] == "f" else "here"})

    def remove_invoice(self, dice: random.Random) -> None:
        """An invoice is deleted, with its lines."""
        sales, there = self.company.stage.sales, sorted(self._invoices)
        if there:
            id = dice.choice(there)
            details = sales.tables[invoices.TARGET_LINE_SET].rows
            for line in [each for each, row in details.items() if row.get("_invoiceid_value") == id]:
                sales.remove(invoices.TARGET_LINE_SET, line)
            sales.remove(invoices.TARGET_SET, id)
            if id in sales.writers:
                sales.removed_invoices.add(sales.writers[id][1])

    def create_invoice(self, dice: random.Random) -> None:
        """Somebody has typed an invoice of F&O into Sales."""
        posted = self.company.stage.finops.invoices.get(COMPANIES[0], {})
        if posted:
            header = posted[dice.choice(sorted(posted))][0]
            self.foreign_made += 1
            values = {
                invoices.KEY_COLUMN: header[invoices.NUMBER_FIELD],
                invoices.DATE_COLUMN: str(header[invoices.DATE_FIELD])[:10],
                STATE: 0,
            }
            self.company.stage.sales.save(invoices.TARGET_SET, made_id(_TYPED, self.foreign_made), values)

    def forget_quote(self, number: str) -> None:
        """Dataverse empties the lookups to a deleted quote."""
        for id, row in list(self._orders.items()):
            if (row.get(_QUOTE) or {}).get("quotenumber") == number:
                self._save(id, {_QUOTE: None})

    @property
    def _orders(self) -> dict[str, Values]:
        return self.company.stage.sales.tables[HEADER_SET].rows

    @property
    def _invoices(self) -> dict[str, Values]:
        return self.company.stage.sales.tables[invoices.TARGET_SET].rows

    def _open(self) -> dict[str, Values]:
        """The orders that Sales lets anybody change."""
        return {id: row for id, row in self._orders.items() if row[STATE] not in states.READ_ONLY}

    def _lines_of(self, order: str) -> list[str]:
        lines = self.company.stage.sales.tables[LINE_SET].rows
        return [id for id, row in sorted(lines.items()) if row["_salesorderid_value"] == order]

    def _unmarked(self, order: str) -> list[str]:
        lines = self.company.stage.sales.tables[LINE_SET].rows
        return [line for line in self._lines_of(order) if not lines[line][order_rows.SUBMITTED]]

    def _mark(self, order: str) -> None:
        for line in self._unmarked(order):
            self.company.stage.sales.save(LINE_SET, line, {order_rows.SUBMITTED: True})

    def _win(self, quote: str, number: str) -> None:
        """A quote is won: its order has its customer and its lines."""
        sales = self.company.stage.sales
        row = sales.tables["quotes"].rows[quote]
        taken = {name: row.get(name) for name in (_ACCOUNT, _CONTACT)}
        id = self._new(number, {**taken, _QUOTE: {"quotenumber": row["quotenumber"]}})
        for line in [line for line in sales.tables["quotedetails"].rows.values() if line["_quoteid_value"] == quote]:
            self._new_line(id, line)
        sales.save("quotes", quote, {"statecode": 2, "statuscode": 4})

    def _line(self, dice: random.Random) -> Values:
        """What a line says: mostly something that can be sent."""
        return self.company.line(dice) if dice.random() < 0.2 else self._good_line(dice)

    def _good_line(self, dice: random.Random) -> Values:
        line = self.company.line(dice)
        good = {"isproductoverridden": False, "quantity": Decimal(dice.randint(1, 3)), "priceperunit": Decimal("7.25")}
        product = {**(line["productid"] or {}), "msdynce_ismaintainedexternally": True}
        return {**line, **good, "productid": product}

    def _new(self, number: str, values: Mapping[str, Any]) -> str:
        self.orders_made += 1
        id, like = made_id(_ORDER, self.orders_made), self.company.pools["quotes"].first_row(0)
        columns = (*_mapper().header_select, *_mapper().header_expand)
        own = {
            order_rows.HEADER_ID_COLUMN: id,
            order_rows.KEY_COLUMN: number,
            order_rows.PROCESSING_STATUS: order_rows.DRAFT,
            order_rows.FROM_FINOPS: False,
            _SIGN: _sign(self.orders_made),
            STATE: 0,
        }
        start = {name: like.get(name) for name in columns}
        self._save(id, {**start, "name": "order", **values, **own})
        return id

    def _new_line(self, order: str, like: Mapping[str, Any]) -> None:
        self.lines_made += 1
        id = made_id(_ORDER_LINE, self.lines_made)
        columns = (*_mapper().line_select, *_mapper().line_expand)
        own = {order_rows.LINE_ID_COLUMN: id, "_salesorderid_value": order, order_rows.SUBMITTED: False}
        self.company.stage.sales.save(LINE_SET, id, {**{name: like.get(name) for name in columns}, **own})

    def _change(self, order: str, values: Values) -> None:
        self.steady.discard(order)
        self._save(order, values)

    def _save(self, order: str, values: Values) -> None:
        self.company.stage.sales.save(HEADER_SET, order, values)

    def _remove(self, order: str) -> None:
        """Dataverse deletes the lines of a deleted order."""
        sales = self.company.stage.sales
        for line in self._lines_of(order):
            sales.remove(LINE_SET, line)
        sales.remove(HEADER_SET, order)
        self.company.stage.finops.note_gone()


def _sign(number: int) -> str:
    return f"order{number}@contoso.com"


def _mapper() -> OrderMapper:
    return mappers_of(SettingsKey(next(iter(VARIANTS)), RENAMED_URL, COMPANIES[0], MAPS)).orders
