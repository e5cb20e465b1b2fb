"""The story of the quotes: how they are written, how one does not arrive and why, and one that is followed by name."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from local.demo.arrivals import Arrivals
from local.demo.flows import API, Systems
from local.demo.quotations import AMOUNT, lines_of
from local.demo.samplequotes import SampleQuotes
from local.demo.selling import ACTIVE, DRAFT, INDIVIDUALS, LOST, Catalogue, Seller, Wanted
from local.demo.stage import Stage, say_skipped
from local.demo.systems import DATAVERSE, SYSTEM_NAMES, Access
from shared.clients import quoting
from shared.records import Json, Values

# What helps, by the rule that keeps a quote away (docs/rules.md).
_WHAT_HELPS: Mapping[str, str] = {
    "draft": "activate it",
    "header_discount": "give the discount to the lines",
    "write_in_line": "quote a product of F&O",
    "own_product": "quote a product of F&O",
    "no_lines": "add lines",
}
_MORE = 7


@dataclass(frozen=True, slots=True)
class People:
    """Who can be quoted: accounts that are customers, and contacts who belong to nobody."""

    accounts: list[Values]
    individuals: list[Values]


class QuoteScenes:
    """Writes quotes and shows what becomes of them."""

    def __init__(self, stage: Stage, arrivals: Arrivals, access: Access) -> None:
        self._stage = stage
        self._arrivals = arrivals
        self._access = access
        self._seller = Seller(access)
        self._random = random.Random()
        self._puzzle: tuple[str, str] | None = None
        self._followed: tuple[str, str] | None = None

    def write(self, folder: Path) -> None:
        """Everybody in Sales quotes: the sample quotes, one of every kind that stays in Sales, and individuals."""
        catalogue = self._seller.catalogue()
        if not catalogue.products:
            return
        samples = SampleQuotes(self._access, folder)
        prices = samples.add_prices(catalogue)
        self._stage.say(f"the products have arrived in Sales; {prices} prices in the quotes' currencies are added")
        quotes, lines = samples.write(catalogue)
        self._stage.say(f"{quotes} quotes with {lines} lines are written and activated")
        say_skipped(self._stage.console, SYSTEM_NAMES[DATAVERSE], samples.skipped)
        people = self._people()
        if people.accounts:
            self._quote_in_every_way(people.accounts, catalogue)
        quoted = [self._quote_person(person, catalogue) for person in people.individuals[:INDIVIDUALS]]
        if quoted:
            self._stage.say(f"{len(quoted)} people who belong to no account are quoted, and so become customers")
            person = people.individuals[0]
            self._followed = str(person["contactid"]), quoted[0]

    def why_is_it_not_there(self) -> None:
        """One quote does not arrive: why, one fix, and its arrival."""
        if self._puzzle is None:
            return
        id, number = self._puzzle
        say = self._stage.say
        say(f"Why is quote {number} not in F&O?", style="bold")
        link = self._arrivals.standing.link(number)
        say(f"  the sync says: {link.state}, {link.rule}: {self._seller_words(link.rule or '')}")
        say(f"  what helps: {_WHAT_HELPS.get(link.rule or '', 'see docs/rules.md')}")
        self._seller.change(id, DRAFT)
        self._seller.change(id, {"discountpercentage": 0})
        for line in self._seller.lines(id):
            self._seller.change_line(str(line["quotedetailid"]), {"manualdiscountamount": Decimal("1.5")})
        self._seller.change(id, ACTIVE)
        self._show(number, "the discount is on its lines now, and it is activated again", self._arrivals.seen(number))

    def follow(self) -> None:
        """One person by name through both systems."""
        if self._followed is None:
            return
        id, number = self._followed
        systems = self._arrivals.session.systems
        contact = _contact(systems, id)
        self._stage.say(f"{contact['fullname']}, contact {contact['msdynce_contactnumber']} in Sales, was quoted:")
        found = self._arrivals.flow.targets(systems, number)
        for _, quotation in found:
            customer = quotation["RequestingCustomerAccountNumber"]
            self._stage.say(f"  is customer {customer} in F&O, party type Person")
            lines = len(lines_of(quotation))
            amount = Decimal(str(quotation[AMOUNT])).normalize()
            self._stage.say(f"  quotation {number}, {lines} line(s), {amount:f} {quotation['CurrencyCode']}")
        if not found:
            self._stage.say(f"  quotation {number} is not in F&O", style="red")

    def all(self) -> tuple[Callable[[], None], ...]:
        """The scenes in their order."""
        return (self.quote_account, self.revise, self.lose)

    def quote_account(self) -> None:
        """An account is quoted."""
        people, catalogue = self._people(), self._seller.catalogue()
        account = self._random.choice(people.accounts)
        _, number = self._activated(account, "Quote of today", catalogue, 2)
        self._show(number, f'"{account["name"]}" is quoted', self._arrivals.seen(number))

    def revise(self) -> None:
        """A quote is revised: a quantity changes, a line is added."""
        people, catalogue = self._people(), self._seller.catalogue()
        account = self._random.choice(people.accounts)
        id, number = self._activated(account, "Quote to be revised", catalogue, 2)
        if self._arrivals.seen(number) is None:
            return
        again = self._seller.revise(id)
        line = self._seller.lines(again)[0]
        self._seller.change_line(str(line["quotedetailid"]), {"quantity": 5})
        self._seller.add_line(again, self._wanted(catalogue, 1)[0], catalogue)
        self._seller.change(again, ACTIVE)
        self._show(number, "revised: another quantity, one line more", self._arrivals.seen(number))

    def lose(self) -> None:
        """A quote is lost: its quotation stays."""
        people, catalogue = self._people(), self._seller.catalogue()
        account = self._random.choice(people.accounts)
        id, number = self._activated(account, "Quote to be lost", catalogue, 1)
        if self._arrivals.seen(number) is None:
            return
        self._seller.close(id, LOST)
        self._show(number, "lost; the quotation stays as it is", self._arrivals.ended(number), then="noted")

    def _quote_in_every_way(self, accounts: list[Values], catalogue: Catalogue) -> None:
        """One quote of every kind that F&O is not to get, and a revised one."""
        seller, some = self._seller, self._wanted(catalogue, 2)
        # Several may share an account.
        customers = [f"/accounts({accounts[at % len(accounts)]['accountid']})" for at in range(_MORE)]
        seller.quote(customers[0], "Still a draft", some, catalogue)
        id, _ = seller.quote(customers[1], "Lost", some, catalogue)
        seller.change(id, ACTIVE)
        seller.close(id, LOST)
        text = [*some, Wanted(text="Assembly at the customer's", price=Decimal(80))]
        id, _ = seller.quote(customers[2], "With a line in words", text, catalogue)
        seller.change(id, ACTIVE)
        like = catalogue.products[some[0].number]
        own = seller.own_product(like, "SALES-ONLY-1", "Gift card")
        catalogue = seller.catalogue()
        mixed = [*some, Wanted(number=own, price=Decimal(25))]
        id, _ = seller.quote(customers[3], "With a product of Sales only", mixed, catalogue)
        seller.change(id, ACTIVE)
        id, _ = seller.quote(customers[4], "Empty", [], catalogue)
        seller.change(id, ACTIVE)
        id, number = seller.quote(customers[5], "With a discount on everything", some, catalogue, discountpercentage=5)
        seller.change(id, ACTIVE)
        self._puzzle = id, number
        id, _ = seller.quote(customers[6], "Revised", some, catalogue)
        seller.change(id, ACTIVE)
        again = seller.revise(id)
        seller.add_line(again, self._wanted(catalogue, 3)[-1], catalogue)
        seller.change(again, ACTIVE)
        self._stage.say(
            "and a draft, a lost one, one with a line in words, one with a product of Sales only, an empty one, one "
            "with a discount on everything, a revised one"
        )

    def _quote_person(self, person: Values, catalogue: Catalogue) -> str:
        customer = f"/contacts({person['contactid']})"
        wanted = self._wanted(catalogue, 1)
        id, number = self._seller.quote(customer, f"Quote for {person['fullname']}", wanted, catalogue)
        self._seller.change(id, ACTIVE)
        return number

    def _activated(self, account: Values, name: str, catalogue: Catalogue, lines: int) -> tuple[str, str]:
        customer = f"/accounts({account['accountid']})"
        id, number = self._seller.quote(customer, name, self._wanted(catalogue, lines), catalogue)
        self._seller.change(id, ACTIVE)
        return id, number

    def _wanted(self, catalogue: Catalogue, count: int) -> list[Wanted]:
        """Products with a price of their own: not everything in the catalogue has one."""
        priced = sorted(number for number, row in catalogue.products.items() if row["price"])
        return [Wanted(number, quantity) for quantity, number in enumerate(priced[:count], start=1)]

    def _people(self) -> People:
        accounts = quoting.query({"$select": "accountid,accountnumber,name", "$filter": "statecode eq 0"})
        wanted = "_parentcustomerid_value eq null and statecode eq 0 and msdynce_isactivecustomer ne true"
        nobody = quoting.query({"$select": "contactid,fullname", "$filter": wanted})
        return People(
            list(self._access.rows(f"{API}/accounts?{accounts}")), list(self._access.rows(f"{API}/contacts?{nobody}"))
        )

    def _seller_words(self, rule: str) -> str:
        return {"header_discount": "the quote as a whole has a discount, and F&O has no place for it"}.get(rule, rule)

    def _show(self, number: str, what: str, seconds: float | None, *, then: str = "in F&O") -> None:
        self._stage.show(f"{number}  {what}", seconds, then=then, trouble=self._arrivals.trouble())


def _contact(systems: Systems, id: str) -> Mapping[str, Json]:
    path = f"{API}/contacts({id})?{quoting.query({'$select': 'fullname,msdynce_contactnumber'})}"
    access = systems[DATAVERSE]
    return access.get(access.url + path)
