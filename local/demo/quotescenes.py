"""The story of the quotes: how they are written, how one does not arrive and why, and one that is followed by name."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from local.demo.arrivals import Arrivals
from local.demo.documents import AMOUNT
from local.demo.flows import API, Systems
from local.demo.samplequotes import SampleQuotes
from local.demo.selling import ACTIVE, DRAFT, INDIVIDUALS, LOST, Catalogue, Seller, Wanted, some_products
from local.demo.stage import Stage, money, say_skipped
from local.demo.systems import DATAVERSE, SYSTEM_NAMES, Access
from shared.clients import quoting
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.records import Json, Values
from shared.sync.apply.filters import in_words

_MORE = 7


@dataclass(frozen=True, slots=True)
class People:
    """Who can be quoted: accounts that are customers, and contacts without an account."""

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

    @property
    def puzzle(self) -> str | None:
        """The number of the quote that is asked about, None if there is none."""
        return None if self._puzzle is None else self._puzzle[1]

    def write(self, folder: Path) -> None:
        """Sales users write quotes: the sample quotes, one of every kind that stays in Sales, and individuals."""
        catalogue = self._seller.catalogue()
        if not catalogue.products:
            return
        tell = self._stage.now_and_then()
        samples = SampleQuotes(self._access, folder)
        prices = samples.add_prices(catalogue, tell)
        quotes, lines = samples.write(catalogue, tell)
        self._stage.say(f"{quotes} quotes with {lines} lines, and {prices} prices in their currencies, are written")
        say_skipped(self._stage.console, SYSTEM_NAMES[DATAVERSE], samples.skipped)
        people = self._people()
        if people.accounts:
            self._quote_in_every_way(people.accounts, catalogue)
        # Not all of them: some stay what they are.
        quotable = people.individuals[: min(INDIVIDUALS, (len(people.individuals) + 1) // 2)]
        quoted = [self._quote_person(person, catalogue) for person in quotable]
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
        link = self._arrivals.reader.link(number)
        words = in_words(link.rule or "", FLOWS[QUOTATIONS], FLOWS)
        say(f"Why is quote {number} not in F&O? {link.state} by {link.rule}: {words.meaning}", style="bold")
        say(f"   what to do: {words.remedy}")
        self._seller.change(id, DRAFT)
        self._seller.change(id, {"discountpercentage": 0})
        for line in self._seller.lines(id):
            self._seller.change_line(str(line["quotedetailid"]), {"manualdiscountamount": Decimal("1.5")})
        self._seller.change(id, ACTIVE)
        self._show(number, "its lines have the discount now, and it is active again", self._arrivals.seen(number))

    def follow(self) -> None:
        """One person by name through both systems."""
        if self._followed is None:
            return
        id, number = self._followed
        systems = self._arrivals.session.systems
        contact = _contact(systems, id)
        name = f"{contact['fullname']} was quoted"
        for _, quotation in self._arrivals.flow.targets(systems, number):
            customer = quotation["RequestingCustomerAccountNumber"]
            amount = money(quotation[AMOUNT], quotation["CurrencyCode"])
            self._stage.say(f"{name}: customer {customer} in F&O, with quotation {number} of {amount}")
            return
        self._stage.say(f"{name}, but quotation {number} is not in F&O", style="red")

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
        self._seller.add_line(again, some_products(catalogue, 1)[0], catalogue)
        self._seller.change(again, ACTIVE)
        self._show(number, "revised: another quantity, one more line", self._arrivals.seen(number))

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
        seller, some = self._seller, some_products(catalogue, 2)
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
        seller.add_line(again, some_products(catalogue, 3)[-1], catalogue)
        seller.change(again, ACTIVE)
        self._stage.say("7 more: draft, lost, empty, revised; with a text line, a product of Sales, a header discount")

    def _quote_person(self, person: Values, catalogue: Catalogue) -> str:
        customer = f"/contacts({person['contactid']})"
        one = some_products(catalogue, 1)
        id, number = self._seller.quote(customer, f"Quote for {person['fullname']}", one, catalogue)
        self._seller.change(id, ACTIVE)
        return number

    def _activated(self, account: Values, name: str, catalogue: Catalogue, lines: int) -> tuple[str, str]:
        customer = f"/accounts({account['accountid']})"
        id, number = self._seller.quote(customer, name, some_products(catalogue, lines), catalogue)
        self._seller.change(id, ACTIVE)
        return id, number

    def _people(self) -> People:
        accounts = quoting.query({"$select": "accountid,accountnumber,name", "$filter": "statecode eq 0"})
        wanted = "_parentcustomerid_value eq null and statecode eq 0 and msdynce_isactivecustomer ne true"
        nobody = quoting.query({"$select": "contactid,fullname", "$filter": wanted})
        return People(
            list(self._access.rows(f"{API}/accounts?{accounts}")), list(self._access.rows(f"{API}/contacts?{nobody}"))
        )

    def _show(self, number: str, what: str, seconds: float | None, *, then: str = "in F&O") -> None:
        self._stage.show(f"{number}  {what}", seconds, then=then, trouble=self._arrivals.trouble())


def _contact(systems: Systems, id: str) -> Mapping[str, Json]:
    path = f"{API}/contacts({id})?{quoting.query({'$select': 'fullname,msdynce_contactnumber'})}"
    access = systems[DATAVERSE]
    return access.get(access.url + path)
