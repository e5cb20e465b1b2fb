"""Sellers and people of F&O work on orders at random, and both directions run in between: everything becomes quiet,
each order is on each side once, and no write answers a write."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from local.finops.settings import Settings as FinopsSettings
from shared.flows.ordersback.value_maps import USUAL
from shared.flows.registry import FLOWS
from shared.state.links import LinkState
from shared.systems import System
from tests.support.returning import Returning
from tests.support.trading import trading_as

_LINES = 3
_NEVER = ("Active", "Canceled")


class Play:
    """One random history. `made` are the numbers of orders that people of F&O have made, with how many lines each has
    had, `sold` the orders that sellers have activated, by number, and `drafts` those that they have not."""

    def __init__(self, desk: Returning, seed: int) -> None:
        self.desk = desk
        self.dice = random.Random(seed)
        self.customer = desk.customer_id
        self.made: dict[str, int] = {}
        self.sold: dict[str, str] = {}
        self.drafts: list[str] = []
        self.renamed = 0
        desk.tick()
        self._deeds: dict[Callable[[], None], int] = {
            self.sell: 3,
            self.activate: 4,
            self.drop: 1,
            self.make: 3,
            self.change: 24,
            self.remove: 4,
            self.confirm: 10,
            self.deliver: 3,
            self.invoice: 6,
            self.cancel: 1,
            self.total: 6,
            self.touch: 4,
            self.sync: 7,
        }

    def step(self) -> None:
        """One thing that somebody does."""
        (deed,) = self.dice.choices(list(self._deeds), list(self._deeds.values()))
        deed()

    def sell(self) -> None:
        """A seller enters an order, and may activate it at once."""
        id, number = self.desk.order(self.customer, lines=self.dice.randint(1, _LINES), active=False)
        self.drafts.append(id)
        if self.dice.random() < 0.5:
            self._activate(id, number)

    def activate(self) -> None:
        """A seller activates a draft."""
        if self.drafts:
            id = self.dice.choice(self.drafts)
            self._activate(id, self.desk.number_of(id))

    def drop(self) -> None:
        """A seller deletes a draft."""
        if self.drafts:
            id = self.drafts.pop(self.dice.randrange(len(self.drafts)))
            assert self.desk.sales.send("DELETE", f"salesorders({id})").status_code == 204

    def touch(self) -> None:
        """A seller opens an order of F&O or of Sales, and saves it as it is."""
        orders = self.desk.sales.rows("salesorders?$select=salesorderid,name&$filter=statecode eq 0&$top=20")
        if orders:
            order = self.dice.choice(orders)
            reply = self.desk.sales.patch(
                f"salesorders({order['salesorderid']})", {"name": order["name"]}, If_Match="*"
            )
            assert reply.status_code == 204, reply.text

    def make(self) -> None:
        """People of F&O enter an order."""
        number, lines = f"F-{len(self.made) + 1}", self.dice.randint(1, _LINES)
        self.made[number] = lines
        header = {"OrderingCustomerAccountNumber": "A-1", "CurrencyCode": "USD", **self._charges()}
        self.desk.at_desk(number, header, *(self._line(at) for at in range(1, lines + 1)))

    def change(self) -> None:
        """They change an order, of whatever origin, or add a line."""
        number = self._any()
        if number is None:
            return
        self.renamed += 1
        if number in self.made and self.dice.random() < 0.2:
            self.made[number] += 1
            self.desk.at_desk(number, {}, self._line(self.made[number]))
        else:
            self.desk.at_desk(number, {"SalesOrderName": f"Name {self.renamed}", **self._charges()})

    def remove(self) -> None:
        """They remove a line."""
        number = self._any()
        order = self.desk.sales_order(number) if number in self.made and number is not None else None
        if order is not None and len(order["lines"]) > 1 and number is not None:
            self.desk.remove_line(number, self.dice.choice(sorted(order["lines"])))

    def confirm(self) -> None:
        """They confirm an order."""
        self._clerk("confirm")

    def deliver(self) -> None:
        """They deliver some or all of an order."""
        self._clerk("deliver")

    def invoice(self) -> None:
        """They invoice what is delivered; mostly after they have delivered all."""
        number = self._any()
        if number is not None:
            for deed in ("deliver", "invoice"):
                self.desk.finops.control("clerk", {"do": deed, "SalesOrderNumber": number})

    def cancel(self) -> None:
        """They cancel an order."""
        self._clerk("cancel")

    def total(self) -> None:
        """The batch job runs."""
        self.desk.totals()

    def sync(self) -> None:
        """One flow pulls, and some messages are applied, of any flow."""
        desk = self.desk
        desk.clock.sleep(self.dice.randint(1, 300))
        desk.service.pull(self.dice.choice(("orders", "ordersback")))
        for _ in range(self.dice.randint(0, 6)):
            flow = self.dice.choice(FLOWS.names)
            for message in desk.queues.receive(flow, limit=1, invisible_s=600):
                desk.service.apply(flow, message.body.encode())
                desk.queues.delete(flow, message)
        if self.dice.random() < 0.2:
            desk.service.sweep()

    def check(self) -> None:
        """Both sides are quiet and agree."""
        desk = self.desk
        self.total()
        desk.settle(60)
        # An order that was made and invoiced between two walks is met by the walk over everything.
        desk.clock.sleep(8 * 24 * 3600)
        desk.settle(60)
        before = [desk.sent(system)[1] for system in System]
        desk.settle(30)
        desk.tick()
        assert [desk.sent(system)[1] for system in System] == before
        in_sales, in_finops = self._in_sales(), self._in_finops()
        assert {number for number, count in Counter(in_sales).items() if count > 1} == set()
        assert set(in_finops) == {*self.made, *self.sold}
        for number, id in self.sold.items():
            status = in_finops[number]
            assert desk.status(id) == USUAL[status], number
        came = [number for number in self.made if number in in_sales]
        assert [number for number, status in in_finops.items() if number in self.made and number not in came] == [
            number for number in in_finops if number in self.made and number not in came and in_finops[number] in _NEVER
        ]
        assert set(in_sales) - {*came, *self.sold} == {desk.number_of(id) for id in self.drafts}
        assert {desk.link(number).state for number in came} <= {LinkState.WRITTEN}
        desk.same_in_both(*came)

    def _activate(self, id: str, number: str) -> None:
        self.drafts.remove(id)
        self.sold[number] = id
        self.desk.activate(id)

    def _any(self) -> str | None:
        """An order of F&O that is not closed yet, mostly a late one."""
        numbers = sorted(
            number for number, status in self._in_finops().items() if status not in ("Invoiced", "Canceled")
        )
        return self.dice.choice(numbers) if numbers else None

    def _clerk(self, deed: str) -> None:
        number = self._any()
        if number is not None:
            # The clerk refuses what cannot be done, such as to cancel what is delivered.
            self.desk.finops.control("clerk", {"do": deed, "SalesOrderNumber": number})

    def _line(self, number: int) -> dict[str, object]:
        dice = self.dice
        more: list[dict[str, float]] = [
            {},
            {"LineDiscountAmount": 1.5},
            {"LineDiscountPercentage": 12},
            {"FixedPriceCharges": -0.25},
        ]
        amounts: dict[str, float] = {
            "OrderedSalesQuantity": dice.randint(1, 9),
            "SalesPrice": dice.choice([5, 7.25, 19.99]),
        }
        return self.desk.finops_line(number, **{**amounts, **dice.choice(more)})

    def _charges(self) -> dict[str, object]:
        return {"OrderTotalChargesAmount": self.dice.choice([0, 0, 12.5])}

    def _in_finops(self) -> dict[str, str]:
        columns = {"cross-company": "true", "$select": "SalesOrderNumber,SalesOrderProcessingStatus"}
        rows = self.desk.finops.rows("CDSSalesOrderHeaders", columns)
        return {row["SalesOrderNumber"]: row["SalesOrderProcessingStatus"] for row in rows}

    def _in_sales(self) -> list[str]:
        return [row["ordernumber"] for row in self.desk.sales.rows("salesorders?$select=ordernumber")]


@pytest.mark.parametrize(
    ("seed", "steps"),
    [
        (1, 60),
        pytest.param(2, 120, marks=pytest.mark.nightly),
        pytest.param(3, 10_000, marks=[pytest.mark.nightly, pytest.mark.long(3600)]),
    ],
)
def test_random_work_on_both_sides_ends_quietly_with_one_order_on_each_side(seed: int, steps: int) -> None:
    with trading_as(Returning, FinopsSettings(amount_decimals=2), ORDERS_BACK="all") as desk:
        play = Play(desk, seed)
        for _ in range(steps):
            play.step()
        play.check()
