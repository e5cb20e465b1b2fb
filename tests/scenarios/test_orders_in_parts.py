"""Orders of F&O that are delivered and invoiced in parts, credits among them, while their lines change, in currencies
with more and fewer decimals: whatever comes first, Sales says what F&O says (docs/rules.md, Orders that come back)."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from local.finops.settings import Settings as FinopsSettings
from shared.flows.invoices import INVOICES
from shared.flows.ordersback import ORDERSBACK
from shared.flows.registry import FLOWS
from shared.state.links import LinkState
from tests.support.invoicing import Invoicing, same_amounts
from tests.support.trading import trading_as
from tests.unit.local import finops_environment

STATE_INVOICED = 4
NUMBER = "LineCreationSequenceNumber"
QUANTITIES = {1: 5, 2: 8, 3: -4}


@contextmanager
def trading_in(decimals: int) -> Iterator[Invoicing]:
    """A company whose currency has so many decimals, in both systems, with a sales tax."""
    finops = FinopsSettings(amount_decimals=decimals, sales_tax=Decimal("8.1"))
    with trading_as(Invoicing, finops, ORDERS_BACK="all", INVOICES="on") as desk:
        currency = f"transactioncurrencies({desk.catalogue['currency']})"
        assert desk.sales.send("PATCH", currency, {"currencyprecision": decimals}).status_code == 204
        desk.account("A-1")
        desk.tick()
        yield desk


class Work:
    """What people of F&O do, and the sync, in an order of chance."""

    def __init__(self, desk: Invoicing, seed: int) -> None:
        self.desk, self.dice = desk, random.Random(seed)
        self.numbers = [f"F-{at}" for at in range(3)]
        for number in self.numbers:
            header = {"SalesOrderNumber": number, "OrderingCustomerAccountNumber": "A-1", "CurrencyCode": "USD"}
            charges = {"OrderTotalChargesAmount": self.dice.choice([0, 12, -7]), "TotalDiscountAmount": 3}
            self._enter({**header, **charges, "lines": [self._line(at) for at in QUANTITIES]})
            desk.clerk("confirm", number)

    def step(self) -> None:
        """One deed."""
        number = self.dice.choice(self.numbers)
        part = [{NUMBER: self.dice.choice([1, 2]), "quantity": self.dice.randint(1, 3)}]
        match self.dice.randrange(8):
            case 0 | 1:
                self._try("deliver", number, part)
            case 2 | 3:
                self._try("invoice", number, part)
            case 4:
                self._enter({"SalesOrderNumber": number, "AreTotalsUpdated": "No", "lines": [self._line(2)]})
            case 5:
                self._remove(number, 3)
            case 6:
                self.desk.clerk("totals")
            case _:
                self._sync()

    def finish(self) -> None:
        """Everything is delivered and invoiced, and both systems come to rest."""
        for number in self.numbers:
            self._try("deliver", number, [])
            self._try("invoice", number, [])
        self.desk.clerk("totals")
        self.desk.settle(60)

    def _line(self, number: int) -> dict[str, object]:
        values = {"LineDiscountAmount": self.dice.choice([0, 1]), "FixedPriceCharges": self.dice.choice([0, -2, 3])}
        price = self.dice.choice([7, 19.99, 0.3333])
        given = {NUMBER: number, "ProductNumber": "P-1", "ShippingSiteId": "1", "SalesPrice": price}
        return {**given, "OrderedSalesQuantity": QUANTITIES[number], **values}

    def _enter(self, order: dict[str, object]) -> None:
        # A line of which something is delivered or invoiced may be refused.
        self.desk.finops.control("orders", order)

    def _try(self, deed: str, number: str, lines: list[dict[str, int]]) -> None:
        named = {"SalesOrderNumber": number, **({"lines": lines} if lines else {})}
        self.desk.finops.control("clerk", {"do": deed, **named})

    def _remove(self, number: str, line: int) -> None:
        body = {"SalesOrderNumber": number, "lines": [{NUMBER: line}]}
        headers = {"x-simulator-admin-token": finops_environment.ADMIN_TOKEN}
        self.desk.finops.send("DELETE", "/_simulator/orders", json=body, headers=headers)

    def _sync(self) -> None:
        desk = self.desk
        desk.clock.sleep(60)
        desk.service.pull(self.dice.choice((ORDERSBACK, INVOICES)))
        for flow in self.dice.choices((ORDERSBACK, INVOICES), k=4):
            for message in desk.queues.receive(flow, limit=1, invisible_s=600):
                desk.service.apply(flow, message.body.encode())
                desk.queues.delete(flow, message)


@pytest.mark.parametrize(
    ("seed", "decimals"),
    [(1, 2), (2, 0), *(pytest.param(seed, seed % 4, marks=pytest.mark.nightly) for seed in range(3, 23))],
)
def test_orders_in_parts_and_their_invoices_cost_the_same_whatever_comes_first(seed: int, decimals: int) -> None:
    with trading_in(decimals) as desk:
        work = Work(desk, seed)
        for _ in range(40):
            work.step()
        work.finish()
        same_amounts(desk)
        assert {failure.cause for flow in FLOWS.names for failure in desk.state.failures.page(flow, "", 50)[0]} == set()
        posted = {row["SalesOrderNumber"] for row in desk.posted().values()}
        for order in desk.sales.rows("salesorders"):
            assert (order["statecode"] == STATE_INVOICED) == (order["ordernumber"] in posted)
        links = desk.state.links.load(ORDERSBACK, work.numbers).values()
        assert {link.state for link in links} <= {LinkState.WRITTEN, LinkState.FILTERED}
        assert len(posted) > 1
