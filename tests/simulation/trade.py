"""Judges sales orders, what comes back of them, and invoices: what the oracle says of them in its own words.

An order of Sales goes to F&O once, and belongs to F&O from then on. Its status comes back into the order that it was
made of, as long as Sales lets anybody change that. A posted invoice of F&O is in Sales once, and stays as it is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.clients.dataverse.closings import STATE
from shared.flows.orders import mapping as orders
from shared.flows.orders.order_rows import ACTIVE, PROCESSING_STATUS, id_of
from shared.flows.ordersback import mapping as back
from shared.flows.ordersback.states import READ_ONLY
from shared.flows.sales_documents.rows import HEADERS, headers_of, lines_of
from shared.mapping.verdicts import Known, Mapped, Parent
from shared.mapping.words import value_of
from shared.records import Json, SourceRow, Values, fold
from tests.simulation.judgement import Books, Entry, Facts, Problem, line_agrees, short
from tests.simulation.targets import CUSTOMERS, INVOICES, ORDERS, ORDERS_OF_SALES, Record, Row

TRADE = ("orders", "ordersback", "invoices")
_NO_ROW, _CLOSED, _INVOICED = "no_target_row", "closed_in_sales", "invoiced_in_sales"
_NO_TOTALS = "totals_not_calculated"
# Why nothing comes back of a sales order that was made of an order of Sales.
_OF_LINKED = (_NO_ROW, _CLOSED, _INVOICED, "not_confirmed", _NO_TOTALS)
# Why nothing comes back of any other sales order: which of the two depends on the marks of its customers.
_OF_OTHERS = ("not_from_sales", "customer_not_external")
_NOT_SELLABLE = "dataverse.0x8004f908"
# What an order names of others: their numbers may change.
_OF_PARENTS = (orders.CUSTOMER_FIELD, orders.QUOTATION_FIELD)


@dataclass(frozen=True, slots=True)
class TradeJudge:
    """Judges the records of these flows. `key_of` is the number that a parent has in its target, `waits` judges a
    record whose parents are not there, `is_off` says whether a parent never comes as it is now."""

    facts: Facts
    books: Books
    rows: Mapping[tuple[str, Record], Sequence[Row]]
    key_of: Callable[[Parent], str | None]
    waits: Callable[[Record, Entry, Sequence[Parent]], Iterator[Problem]]
    is_off: Callable[[Record], bool]

    def stays(self, record: Record) -> bool:
        """Whether a record is in its target for good, whatever the mapping says by now: an invoice. One that waits is
        not looked at either, until what it waits for is there."""
        return record[0] == "invoices" and bool(self.rows.get((INVOICES, record)) or self.books.waits.get(record))

    def is_unmet(self, record: Record) -> bool:
        """Whether a sales order was made in F&O and closed before a walk over the open ones could meet it: that is told
        once a week only."""
        row = self.facts.targets[ORDERS].get(fold(record[1])) if record[0] == "ordersback" else None
        return row is not None and row.of is None and row.values.get(back.STATUS) in back.CLOSED

    def stays_untold(self, record: Record, entry: Entry, rule: str) -> bool:
        """Whether a sales order that a rule filters today keeps what was told before, since nobody looks at it: one
        whose order an operator has taken off it, until it changes, and one that is closed, whose customer has got
        another mark since."""
        row = self.facts.targets[ORDERS].get(fold(record[1])) if record[0] == "ordersback" else None
        if row is None or row.of is not None:
            return False
        if row.values.get(back.STATUS) in back.CLOSED and entry.reason in _OF_OTHERS and rule in _OF_OTHERS:
            return True
        return row.made and (entry.state == "written" or entry.reason in _OF_LINKED)

    def known(self, record: Record, parents: Sequence[Parent]) -> Known:
        """What the mapping may know of a record."""
        match record[0]:
            case "orders":
                return self._known_order(record, parents)
            case "ordersback":
                return self._known_status(record, parents)
        return self._known_invoice(record, parents)

    # Orders.

    def _known_order(self, record: Record, parents: Sequence[Parent]) -> Known:
        keys = {parent: key for parent in parents if (key := self.key_of(parent)) is not None}
        there = self._order_in_finops(record)
        made_of = self._made_of(record, there)
        return Known(
            now=self.facts.now,
            references=self.facts.references,
            route=None if there is None else "order",
            keys=keys,
            revisions={made_of: 0} if made_of else {},
        )

    def _order_in_finops(self, record: Record) -> Row | None:
        """The sales order that was made of an order, also if people have removed it since."""
        rows = self.rows.get((ORDERS, record), ())
        removed = self.facts.trade.removed_orders.get(fold(record[1]))
        if rows or removed is None or not (removed.of == record or self._has_learned(record, removed)):
            return rows[-1] if rows else None
        return removed

    def _has_learned(self, record: Record, removed: Row) -> bool:
        """Whether the worker that made a sales order has told of it only after people had deleted it."""
        entry, made_of = self.books.entries.get(record), self.facts.trade.signs.get(str(removed.values.get("Email")))
        return entry is not None and bool(entry.key) and entry.made_of == made_of and removed.made

    def _made_of(self, record: Record, row: Row | None) -> str:
        """The order of Sales that a sales order was made of. Of one that was taken over, also from another order with
        its number, or whose memory an operator has begun anew, only the product knows it."""
        if row is None:
            return ""
        if record in self.facts.mended or (self.facts.trade.may_be_taken_over and self._told_of(record)):
            return self._told_of(record)
        return self.facts.trade.signs.get(str(row.values.get("Email")), "") or self._told_of(record)

    def _told_of(self, record: Record) -> str:
        entry = self.books.entries.get(record)
        return "" if entry is None else entry.made_of

    def mapped(self, record: Record, entry: Entry, mapped: Mapped, failure: str | None) -> Iterator[Problem]:
        """What is wrong with a record that the mapping lets through."""
        match record[0]:
            case "orders":
                yield from self._order(record, entry, mapped, failure)
            case "ordersback":
                yield from self._status(record, entry, mapped, failure)
            case _:
                yield from self._invoice(record, entry, mapped, failure)

    def _order(self, record: Record, entry: Entry, mapped: Mapped, failure: str | None) -> Iterator[Problem]:
        there = self._order_in_finops(record)
        row = self.facts.targets[ORDERS].get(fold(mapped.key))
        if mapped.reused is not None or there is None:
            missing = [parent for parent in mapped.parents if not parent.is_look and self._is_missing(parent)]
            if missing:
                yield from self.waits(record, entry, missing)
                return
        if failure is not None:
            if not self._is_true_of_order(record, failure, mapped, row):
                yield Problem("I5", record, f"{failure} is listed and is not true; {row and row.of} has {mapped.key}")
        elif entry.state != "written":
            yield Problem("I1", record, f"it can be written as {mapped.key}, and is {entry.state} {entry.reason}")
        elif row is None and (ORDERS, fold(mapped.key)) not in self.facts.removed:
            yield Problem("I3", record, f"it counts as written, and there is no {mapped.key}")
        elif row is not None and row.of not in (record, None):
            yield Problem("I2", record, f"it counts as written, and {mapped.key} is that of {row.of}")
        elif row is not None and not self._has_lines_of(record, row):
            yield Problem("I2", record, f"it has taken over {mapped.key}, which has other lines")

    def _has_lines_of(self, record: Record, row: Row) -> bool:
        """Whether a sales order that was made of another order, and that was taken over, has the products of the order
        that has it now. People may have changed either since then."""
        made_of, sign = self._told_of(record), self.facts.trade.signs.get(str(row.values.get("Email")), "")
        with_number = headers_of(self.facts.sources["orders"][record[1]])
        own = next((each for each in with_number if id_of(each) == made_of), None)
        if own is None or sign == made_of or made_of not in self.facts.trade.steady or not row.sent_lines:
            return True
        wanted = sorted(str(value_of(line, "productid.productnumber")) for line in lines_of(own))
        return wanted in (_products_of(row.sent_lines), _products_of(row.lines.values()))

    def _is_missing(self, parent: Parent) -> bool:
        if self.key_of(parent) is not None:
            return False
        return not (parent.optional and self.is_off((parent.flow, parent.id)))

    def _is_true_of_order(self, record: Record, cause: str, mapped: Mapped, row: Row | None) -> bool:
        match cause:
            case "target_exists":
                return row is not None and row.of != record and "orders" not in self.facts.adopts
            case "lines_differ":
                is_another = mapped.reused is not None and "orders" in self.facts.adopts
                return row is not None and (row.of != record or record in self.facts.mended or is_another)
            case "number_reused":
                return row is not None and mapped.reused is not None and "orders" not in self.facts.adopts
            case "target_gone":
                return row is None and (ORDERS, fold(mapped.key)) in self.facts.removed
            case "finops.reference_not_found":
                customer = mapped.on_create.get(orders.CUSTOMER_FIELD)
                return customer is not None and fold(str(customer)) not in self.facts.targets[CUSTOMERS]
        return False

    def sent_once(self) -> Iterator[Problem]:
        """An order is in F&O as the mapping has made it, if nobody has changed anything in Sales since its
        activation."""
        for record_rows in (rows for (entity, _), rows in self.rows.items() if entity == ORDERS):
            for row in record_rows:
                yield from self._as_activated(row)

    def _as_activated(self, row: Row) -> Iterator[Problem]:
        record = row.of
        assert record is not None
        source = self.facts.sources["orders"].get(record[1])
        made_of = self.facts.trade.signs.get(str(row.values.get("Email")), "")
        if source is None or made_of not in self.facts.trade.steady or not row.made:
            return
        # Since then its status may have come back.
        own: list[Json] = [{**each, PROCESSING_STATUS: ACTIVE} for each in headers_of(source) if id_of(each) == made_of]
        if not own:
            return
        alone = SourceRow(source.id, source.version, {**source.values, HEADERS: own})
        as_new = Known(now=self.facts.now, references=self.facts.references)
        verdict = self.facts.mapper_of("orders").evaluate(alone, as_new)
        assert isinstance(verdict, Mapped), f"nobody has changed the order {made_of}, and it is {verdict}"
        for name, value in verdict.on_create.items():
            if name not in _OF_PARENTS and value != row.sent.get(name):
                yield Problem("I3", record, f"{name} was sent as {row.sent.get(name)!r} and should be {value!r}")
        lines = sorted(repr(sorted(filled(line.on_create).items())) for line in verdict.lines.values())
        if lines != sorted(repr(sorted(line.items())) for line in row.sent_lines):
            yield Problem("I3", record, f"its lines were sent as {short(row.sent_lines)} and should be {short(lines)}")

    # What comes back.

    def _known_status(self, record: Record, parents: Sequence[Parent]) -> Known:
        (parent,) = parents
        row = self.facts.targets[ORDERS].get(fold(record[1]))
        if row is None or row.of is None or row.of[0] != "orders":
            return Known(now=self.facts.now)
        made_of = self._made_of(row.of, row) or self._told_of(row.of)
        return Known(now=self.facts.now, keys={parent: row.key}, rows={parent: made_of} if made_of else {})

    def _status(self, record: Record, entry: Entry, mapped: Mapped, failure: str | None) -> Iterator[Problem]:
        row = self.facts.targets[ORDERS_OF_SALES].get(mapped.key)
        if row is None:
            # It was there when its status was written, or it was not.
            reasons = (_NO_ROW, _CLOSED)
            if entry.state != "written" and not (entry.state == "filtered" and entry.reason in reasons):
                yield Problem("I1", record, f"its order is gone in Sales, and it is {entry.state} {entry.reason}")
            return
        name, value = next(iter(mapped.owned.items()))
        agrees = row.values.get(name) == value
        if row.values.get(STATE) in READ_ONLY:
            is_told = entry.state == "filtered" and entry.reason in (_CLOSED, _INVOICED)
            if not (is_told or (entry.state == "written" and agrees)):
                yield Problem(
                    "I1", record, f"its order is read-only, and it is {entry.state} {failure or entry.reason}"
                )
        elif failure is not None or entry.state != "written":
            yield Problem("I1", record, f"its status can be written, and it is {entry.state} {failure or entry.reason}")
        elif not agrees:
            yield Problem("I3", record, f"{name} of {mapped.key} is {row.values.get(name)} and should be {value}")

    # Invoices.

    def _known_invoice(self, record: Record, parents: Sequence[Parent]) -> Known:
        rows, keys, flows = {}, {}, {}
        for parent in parents:
            found = None if parent.is_look else self._named(parent)
            if found is not None:
                keys[parent], (flows[parent], rows[parent]) = parent.id, found
        is_there = bool(self.rows.get((INVOICES, record)))
        return Known(
            now=self.facts.now,
            references=self.facts.references,
            route="invoice" if is_there else None,
            keys=keys,
            rows=rows,
            flows=flows,
        )

    def _named(self, parent: Parent) -> tuple[str, str] | None:
        """The flow, or collection, and the id of what an invoice names by its number."""
        if parent.flow == CUSTOMERS:
            row = self.facts.targets[CUSTOMERS].get(parent.id)
            return None if row is None or row.of is None else row.of
        id = self.facts.trade.numbers[parent.flow].get(parent.id)
        return None if id is None else (parent.flow, id)

    def _invoice(self, record: Record, entry: Entry, mapped: Mapped, failure: str | None) -> Iterator[Problem]:
        row = next(iter(self.rows.get((INVOICES, record), ())), None)
        told_later = self._is_told_later(mapped) if row is None and failure is None else []
        if entry.state == "waiting" and set(told_later) & set(self.books.waits.get(record, [])):
            # It is not read before that was told, so what else has gone since it was read is found then.
            return
        missing = [parent for parent in mapped.parents if not parent.is_look and self._named(parent) is None]
        was_made = row is not None or record[1] in self.facts.trade.removed_invoices
        if missing and (not was_made or entry.state == "waiting"):
            # One that was made in Sales is made once, and waits only until whoever was unlinked has a number again.
            yield from self.waits(record, entry, missing)
            return
        # One that was made before stays written, also if people of Sales have deleted it since.
        if told_later and not (was_made and entry.state == "written"):
            yield Problem("I1", record, f"{told_later} is told first; it is {entry.state} {entry.reason}")
            return
        differs = [] if row is None else list(self._differences(mapped, row))
        if failure is not None:
            if not self._is_true_of_invoice(record, failure, mapped, row, differs):
                yield Problem("I5", record, f"{failure} is listed and is not true")
        elif entry.state != "written":
            yield Problem("I1", record, f"it can be written, and is {entry.state} {entry.reason}")
        elif row is None:
            if record[1] not in self.facts.trade.removed_invoices:
                yield Problem("I3", record, "it counts as written, and is not in Sales")
        elif differs:
            yield Problem("I3", record, f"{'; '.join(differs[:3])}")

    def _is_told_later(self, mapped: Mapped) -> list[Record]:
        """The sales orders that an invoice names and that come back once their totals are calculated: before that the
        invoice would make the order read-only in Sales (protocol W4). Each of them is judged by itself."""
        named = [(parent.flow, parent.id) for parent in mapped.parents if parent.is_look]
        known = {record: self.books.entries.get(record) for record in named}
        return [record for record, entry in known.items() if entry is not None and entry.reason == _NO_TOTALS]

    def _differences(self, mapped: Mapped, row: Row) -> Iterator[str]:
        """What of an invoice is not as F&O has posted it, apart from what people of Sales have changed since."""
        rules = self.facts.mapper_of("invoices").rules
        for name, value in mapped.owned.items():
            if name not in row.touched and not rules.agree(name, value, row.values.get(name)):
                yield f"{name} is {row.values.get(name)!r} and should be {value!r}"
        left = dict(row.lines)
        for line in mapped.lines.values():
            found = next((number for number, theirs in left.items() if line_agrees(rules, line.owned, theirs)), None)
            if found is None:
                yield f"no line is {short(dict(line.owned))}"
            else:
                del left[found]
        yield from (f"line {number} is no line of the invoice" for number in left)

    def _is_true_of_invoice(
        self, record: Record, cause: str, mapped: Mapped, row: Row | None, differs: Sequence[str]
    ) -> bool:
        match cause:
            case "invoice_differs" | "totals_differ":
                is_typed = row is None and record[1] in self.facts.trade.typed_invoices
                return is_typed or (row is not None and bool(differs or row.touched))
            case "target_exists":
                return row is None and record[1] in self.facts.trade.typed_invoices
            case _ if cause == _NOT_SELLABLE:
                return any(self._is_unsellable(line.owned) for line in mapped.lines.values())
            case "dataverse.reference_missing":
                return True
        return False

    def _is_unsellable(self, line: Values) -> bool:
        id = line.get("productid")
        return id is not None and self.facts.trade.products.get(str(id)) != 0


def _products_of(lines: Iterable[Values]) -> list[str]:
    return sorted(str(line.get("ProductNumber")) for line in lines)


def filled(values: Values) -> dict[str, Json]:
    """The values that are not blank."""
    return {name: value for name, value in values.items() if value is not None}
