"""People who go on with their work in both systems, whatever happens to the sync."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from local.demo.clerk import Clerk
from local.demo.configuration import Configuration
from local.demo.edits import ACTIVE, INACTIVE, Fulfilment, Sales
from local.demo.flows import Watched
from local.demo.memory import Memory
from local.demo.selling import ACTIVE as ACTIVATED
from local.demo.selling import LOST, Catalogue, Seller, Wanted
from local.demo.session import Session
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.orders import ORDERS
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.mapping.verdicts import Mapped
from shared.records import Json, SourceRow
from tests.e2e.two_hosts.plans import Deed, Edit

_PARENT = "_parentcustomerid_value"
_AT_ONCE = 4
# Quoted are the first products of the sample: whoever takes products out of sale leaves these alone.
_QUOTABLE = 6

Until = Callable[[str, Callable[[], object]], None]


@dataclass(slots=True)
class People:
    """Does what an edit says, at a record that the edit alone decides. `until` waits until something is so."""

    session: Session
    configuration: Configuration
    memory: Memory
    until: Until
    _resting: dict[str, list[str]] = field(default_factory=dict)
    _taken: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _quotes: list[tuple[str, str]] = field(default_factory=list)
    _withdrawn: list[dict[str, Json]] = field(default_factory=list)

    def do(self, edit: Edit) -> None:
        """Do it; what the target shall hold of the record until then is noted for the comparison."""
        deeds: Mapping[Deed, Callable[[Edit], None]] = {
            Deed.ACCOUNTS_CHANGE: self._change_accounts,
            Deed.ACCOUNT_OPENS: self._open_account,
            Deed.ACCOUNT_RESTS: lambda edit: self._rest(ACCOUNTS, edit),
            Deed.CONTACT_CHANGES: self._change_contact,
            Deed.CONTACT_MOVES: self._move_contact,
            Deed.CONTACT_RESTS: lambda edit: self._rest(CONTACTS, edit),
            Deed.QUOTE: self._quote,
            Deed.QUOTE_REVISED: self._revise,
            Deed.QUOTE_LOST: self._lose,
            Deed.ORDER: self._order,
            Deed.ORDER_TAKEN: self._take_order,
            Deed.ORDERS_HANDLED: self._handle_orders,
            Deed.PRICES_CHANGE: self._change_prices,
            Deed.PRODUCT_APPEARS: self._release,
            Deed.PRODUCT_RESTS: self._withdraw,
        }
        deeds[edit.deed](edit)

    def end_the_day(self) -> None:
        """Whoever rests comes back, so that every record is for its target again, and so does what was ordered: each
        order is confirmed, and its totals are calculated."""
        for flow, ids in self._resting.items():
            for id in ids:
                self._desk(flow).change(id, ACTIVE)
        if self._withdrawn:
            self._fulfilment.put_products(self._withdrawn)
        for number in self._clerk.orders("Active"):
            self._clerk.confirm(number)
        self._clerk.calculate_totals()

    def record(self, flow: str, pick: float) -> str | None:
        """The id of a source record, None where there is none."""
        rows = self._rows(flow)
        return rows[int(pick * len(rows))].id if rows else None

    @property
    def _fulfilment(self) -> Fulfilment:
        return Fulfilment(self.session.finops, self.configuration.company)

    @property
    def _clerk(self) -> Clerk:
        return Clerk(self.session.finops, self.configuration.company)

    def _desk(self, flow: str) -> Sales:
        contacts = ("contacts", "contact") if flow == CONTACTS else ("accounts", "account")
        return Sales(self.session.sales, *contacts)

    def _rows(self, flow: str) -> list[SourceRow]:
        """The records of a flow in an order that is the same wherever the same edits were made."""
        key = {ACCOUNTS: "accountnumber", CONTACTS: "msdynce_contactnumber"}.get(flow)
        rows = self._watched(flow).sources(self.session.systems)
        return sorted(rows, key=lambda row: str(row.values[key]) if key else row.id)

    def _watched(self, flow: str) -> Watched:
        return next(each for each in self.configuration.flows if each.name == flow)

    def _awake(self, flow: str) -> list[SourceRow]:
        return [row for row in self._rows(flow) if row.values.get("statecode") == 0]

    def _note(self, flow: str, id: str) -> None:
        """What a record leaves behind when it moves or ends is no mistake of the sync."""
        verdict = self._watched(flow).verdict(self.session.systems, id)
        if isinstance(verdict, Mapped):
            self.memory.expect(flow, {id: verdict.key})

    def _change_accounts(self, edit: Edit) -> None:
        rows = self._rows(ACCOUNTS)
        first = int(edit.pick * len(rows))
        some = [rows[(first + at) % len(rows)] for at in range(_AT_ONCE)]
        phones = {row.id: {"telephone1": f"+1 206 555 {edit.number + at:05d}"} for at, row in enumerate(some)}
        self._desk(ACCOUNTS).change_many(phones)

    def _open_account(self, edit: Edit) -> None:
        account = self._desk(ACCOUNTS).create(
            {
                "accountnumber": f"NEW-{len(self._rows(ACCOUNTS)):04d}",
                "name": f"Harbour Cycles {edit.number}",
                "address1_line1": f"{edit.number} Main Street",
                "address1_city": "Seattle",
                "address1_stateorprovince": "Washington",
                "address1_postalcode": "98101",
                "address1_country": "United States",
            }
        )
        person = {"firstname": "Ada", "lastname": f"Okafor {edit.number}", "jobtitle": "Buyer"}
        self._desk(CONTACTS).create({**person, "parentcustomerid_account@odata.bind": f"/accounts({account})"})

    def _change_contact(self, edit: Edit) -> None:
        self._desk(CONTACTS).change(_pick(self._rows(CONTACTS), edit).id, {"lastname": f"Lindqvist {edit.number}"})

    def _move_contact(self, edit: Edit) -> None:
        contact = _pick([row for row in self._awake(CONTACTS) if row.values.get(_PARENT)], edit)
        others = [row for row in self._awake(ACCOUNTS) if row.id != str(contact.values[_PARENT]).lower()]
        account = others[edit.number % len(others)]
        self._note(CONTACTS, contact.id)
        self._desk(CONTACTS).change(contact.id, {"parentcustomerid_account@odata.bind": f"/accounts({account.id})"})

    def _rest(self, flow: str, edit: Edit) -> None:
        """One goes, and is the next to come back."""
        resting = self._resting.setdefault(flow, [])
        if resting:
            self._desk(flow).change(resting.pop(), ACTIVE)
            return
        id = _pick(self._awake(flow), edit).id
        self._note(flow, id)
        self._desk(flow).change(id, INACTIVE)
        resting.append(id)

    def _quote(self, edit: Edit) -> None:
        seller, wanted = Seller(self.session.sales), self._wanted(edit)
        account = _pick(self._awake(ACCOUNTS), edit)
        catalogue = self._catalogue(wanted)
        id, number = seller.quote(f"/accounts({account.id})", f"Quote {edit.number}", wanted, catalogue)
        seller.change(id, ACTIVATED)
        self._quotes.append((id, number))

    def _revise(self, edit: Edit) -> None:
        if not self._quotes:
            self._quote(edit)
        at = int(edit.pick * len(self._quotes))
        id, number = self._quotes[at]
        seller = Seller(self.session.sales)
        self._note(QUOTATIONS, number)
        again = seller.revise(id)
        (line, *_) = seller.lines(again)
        seller.change_line(str(line["quotedetailid"]), {"quantity": 2 + edit.number % 7})
        seller.change(again, ACTIVATED)
        self._quotes[at] = again, number

    def _lose(self, edit: Edit) -> None:
        if not self._quotes:
            self._quote(edit)
        id, number = self._quotes.pop(int(edit.pick * len(self._quotes)))
        self._note(QUOTATIONS, number)
        Seller(self.session.sales).close(id, LOST)

    def _order(self, edit: Edit) -> None:
        seller, wanted = Seller(self.session.sales), self._wanted(edit)
        account = _pick(self._awake(ACCOUNTS), edit)
        catalogue = self._catalogue(wanted)
        id, _ = seller.order(f"/accounts({account.id})", f"Order {edit.number}", wanted, catalogue)
        seller.activate(id)

    def _take_order(self, edit: Edit) -> None:
        number, customers = f"TEL-{next(self._taken):04d}", self._customers()
        self.memory.note_theirs(ORDERS, number)
        self._clerk.take_order(number, customers[int(edit.pick * len(customers))])

    def _handle_orders(self, edit: Edit) -> None:
        """Some orders go one step further; some invoices are for half of what was delivered."""
        clerk = self._clerk
        halvable, invoice = clerk.halvable(), clerk.invoice_half if edit.number % 2 else clerk.invoice
        steps: list[tuple[Callable[[str], object], list[str]]] = [
            (lambda number: (invoice if number in halvable else clerk.invoice)(number), clerk.orders("Delivered")),
            (clerk.invoice, clerk.orders("DeliveredPartiallyInvoiced")),
            (clerk.deliver, clerk.orders("Confirmed")),
            (clerk.confirm, clerk.orders("Active")),
        ]
        for do, numbers in steps:
            for number in numbers[:_AT_ONCE]:
                do(number)
        clerk.calculate_totals()

    def _wanted(self, edit: Edit) -> list[Wanted]:
        numbers = self._quotable()
        first = int(edit.pick * len(numbers))
        chosen = [numbers[(first + at) % len(numbers)] for at in range(2)]
        return [Wanted(number, 1 + edit.number % 5) for number in chosen]

    def _quotable(self) -> list[str]:
        """Products with a price; new ones come behind those of the sample."""
        priced = [row.id for row in self._rows(PRODUCTS) if row.values.get("SalesPrice")]
        return [number for number in priced if not number.startswith("ZZ-")][:_QUOTABLE]

    def _catalogue(self, wanted: list[Wanted]) -> Catalogue:
        """What is in Sales once everything that is wanted has come."""
        found: list[Catalogue] = []

        def has_come() -> bool:
            catalogue = Seller(self.session.sales).catalogue()
            found.append(catalogue)
            return all(each.number in catalogue.products and _is_priced(catalogue, each.number) for each in wanted)

        self.until("the products are in Sales", has_come)
        return found[-1]

    def _customers(self) -> list[str]:
        """The customers of F&O once the first ones have come."""
        found: list[str] = []

        def have_come() -> bool:
            found[:] = self._clerk.customers()
            return bool(found)

        self.until("customers are in F&O", have_come)
        return found

    def _change_prices(self, edit: Edit) -> None:
        numbers = self._quotable()
        first = int(edit.pick * len(numbers))
        some = {numbers[(first + at) % len(numbers)] for at in range(_AT_ONCE)}
        prices: list[dict[str, Json]] = [
            {"ProductNumber": number, "SalesPrice": Decimal(edit.number + at) / 100}
            for at, number in enumerate(sorted(some), 1)
        ]
        self._fulfilment.put_products(prices)

    def _release(self, edit: Edit) -> None:
        count = sum(row.id.startswith("ZZ-") for row in self._rows(PRODUCTS)) + len(self._withdrawn)
        self._fulfilment.put_products([_product(f"ZZ-{count:04d}", edit)])

    def _withdraw(self, edit: Edit) -> None:
        """A product that is not of the sample goes, and is the next to come back."""
        if self._withdrawn:
            self._fulfilment.put_products([self._withdrawn.pop()])
            return
        own = [row.id for row in self._rows(PRODUCTS) if row.id.startswith("ZZ-")]
        if not own:
            self._release(edit)
            return
        number = own[int(edit.pick * len(own))]
        self._note(PRODUCTS, number)
        self._fulfilment.remove_product(number)
        self._withdrawn.append(_product(number, edit))


def _pick(rows: list[SourceRow], edit: Edit) -> SourceRow:
    return rows[int(edit.pick * len(rows))]


def _is_priced(catalogue: Catalogue, number: str) -> bool:
    row = catalogue.products[number]
    return bool(row["price"]) and row["_transactioncurrencyid_value"] is not None


def _product(number: str, edit: Edit) -> dict[str, Json]:
    return {
        "ProductNumber": number,
        "ProductName": f"Cork Grip {edit.number}",
        "SalesUnitSymbol": "EA",
        "ProductType": "Item",
        "SalesPrice": Decimal(edit.number) / 10,
    }
