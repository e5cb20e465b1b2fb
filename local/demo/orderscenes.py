"""The story of the orders: how they are written, made from quotes and activated, and one that is followed by name."""

import random
from collections.abc import Callable

from local.demo.arrivals import Arrivals
from local.demo.documents import AMOUNT
from local.demo.flows import API
from local.demo.selling import ACTIVE, HEADER_ACTIVATED, LINE_SUBMITTED, ORDER, QUOTE, Seller, some_products
from local.demo.stage import Stage, money
from local.demo.systems import Access
from shared.clients import quoting
from shared.records import Values

# How many of the quotes are won at most.
WON = 25
# How many orders without a quote go to F&O, and how many stay in Sales.
AT_ONCE, _KEPT = 4, 2


class OrderScenes:
    """Writes orders and shows what becomes of them. `quotes` looks at the quotations, which orders name."""

    def __init__(self, stage: Stage, arrivals: Arrivals, quotes: Arrivals, access: Access) -> None:
        self._stage = stage
        self._arrivals = arrivals
        self._quotes = quotes
        self._access = access
        self._seller = Seller(access)
        self._random = random.Random()
        self._followed: tuple[str, str] | None = None

    def write(self) -> None:
        """Sales users write orders: some that F&O gets, and two that stay in Sales."""
        seller, catalogue = self._seller, self._seller.catalogue()
        accounts, some = self._accounts(), some_products(catalogue, 2)
        if not accounts or not some:
            return
        # Several may share an account.
        customers = [f"/accounts({accounts[at % len(accounts)]['accountid']})" for at in range(AT_ONCE + _KEPT)]
        for customer in customers[_KEPT:]:
            id, _ = seller.order(customer, "Ordered without a quote", some, catalogue)
            seller.activate(id)
        seller.order(customers[0], "Not activated yet", some, catalogue)
        id, _ = seller.order(customers[1], "With a line that is not marked", some, catalogue)
        seller.change(id, HEADER_ACTIVATED, ORDER)
        seller.change_line(str(seller.lines(id, ORDER)[0]["salesorderdetailid"]), LINE_SUBMITTED, ORDER)
        self._stage.say(f"{AT_ONCE + _KEPT} orders: {AT_ONCE} for F&O; a draft, one that is half activated")

    def win(self) -> None:
        """Quotes are won, and the orders that they become are activated."""
        wanted = {"$select": "quoteid,quotenumber", "$filter": "statecode eq 1", "$orderby": "quotenumber desc"}
        there = {number for number, _ in self._quotes.flow.targets(self._quotes.session.systems)}
        active = [
            row for row in self._access.rows(f"{API}/quotes?{quoting.query(wanted)}") if row["quotenumber"] in there
        ]
        count = min(WON, (len(active) + 1) // 2)
        # Some of each kind: those of the sample records, with many lines and in other currencies, and those of people.
        won = active[:: len(active) // count][:count] if active else []
        for quote in won:
            id, number = self._seller.convert(str(quote["quoteid"]))
            self._seller.activate(id)
            self._followed = str(quote["quotenumber"]), number
        self._stage.say(f"{len(won)} quotes are won, and their orders activated")

    def follow(self) -> None:
        """One order by name through both systems."""
        if self._followed is None:
            return
        quote, number = self._followed
        for _, order in self._arrivals.flow.targets(self._arrivals.session.systems, number):
            amount = money(order[AMOUNT], order["CurrencyCode"])
            named = "that names it" if order["QuotationNumber"] == quote else "that does not name it"
            self._stage.say(f"{quote} was won: sales order {number} of {amount} in F&O, {named}")
            return
        self._stage.say(f"Quote {quote} was won, but its order {number} is not in F&O", style="red")

    def all(self) -> tuple[Callable[[], None], ...]:
        """The scenes in their order."""
        return (self.order_what_was_quoted, self.order_at_once)

    def order_what_was_quoted(self) -> None:
        """A quote is won, and its order activated."""
        catalogue = self._seller.catalogue()
        account = self._random.choice(self._accounts())
        quote, quoted = self._seller.quote(
            f"/accounts({account['accountid']})", "Quote to be won", some_products(catalogue, 2), catalogue
        )
        self._seller.change(quote, ACTIVE, QUOTE)
        if self._quotes.seen(quoted) is None:
            return
        order, number = self._seller.convert(quote)
        self._seller.activate(order)
        self._show(number, f"{quoted} is won and ordered", self._arrivals.seen(number))

    def order_at_once(self) -> None:
        """An account orders without a quote."""
        catalogue = self._seller.catalogue()
        account = self._random.choice(self._accounts())
        customer = f"/accounts({account['accountid']})"
        id, number = self._seller.order(customer, "Order of today", some_products(catalogue, 2), catalogue)
        self._seller.activate(id)
        self._show(number, f'"{account["name"]}" orders', self._arrivals.seen(number))

    def _accounts(self) -> list[Values]:
        query = quoting.query({"$select": "accountid,name", "$filter": "statecode eq 0"})
        return list(self._access.rows(f"{API}/accounts?{query}"))

    def _show(self, number: str, what: str, seconds: float | None) -> None:
        self._stage.show(f"{number}  {what}", seconds, then="in F&O", trouble=self._arrivals.trouble())
