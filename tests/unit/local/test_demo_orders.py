"""The demo's comparison of orders, down to each line, against what the sync has written between both simulators."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from local.demo.documents import AMOUNT, LINES
from local.demo.selling import ACTIVE, Wanted
from shared.flows.orders import ORDERS
from shared.flows.quotations import QUOTATIONS
from tests.unit.local.demo_trade import Trade, trade
from tests.unit.local.finops_documents import order_line_url, order_url

_NUMBERS = count(1)
BIKE, OTHER = Wanted("BK-1", 3), Wanted("BK-2", 2)


@pytest.fixture(scope="module")
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


@pytest.fixture
def customer(running: Trade) -> str:
    return f"/accounts({running.shop.account(f'A-{next(_NUMBERS)}')})"


def ordered(running: Trade, customer: str, *, active: bool = True) -> tuple[str, str]:
    """A new order of two products; its id and number."""
    id, number = running.seller.order(customer, "Order", (BIKE, OTHER), running.catalogue())
    if active:
        running.seller.activate(id)
    return id, number


def in_step(running: Trade, number: str) -> bool:
    compared = running.compared(ORDERS)
    return number not in {*compared.missing, *compared.extra} and running.wrong_fields(ORDERS, number) == set()


def test_an_order_is_missing_until_it_is_written_with_all_its_lines(running: Trade, customer: str) -> None:
    running.sync()
    _, number = ordered(running, customer)
    assert number in running.compared(ORDERS).missing
    running.sync()
    assert in_step(running, number)


def test_an_order_whose_customer_is_not_there_yet_is_not_expected(running: Trade, customer: str) -> None:
    _, number = ordered(running, customer)
    assert number not in running.compared(ORDERS).missing


def test_an_order_that_is_not_activated_is_not_expected(running: Trade, customer: str) -> None:
    running.sync()
    _, number = ordered(running, customer, active=False)
    assert number not in running.compared(ORDERS).missing


@pytest.mark.parametrize("quoted_first", [True, False])
def test_an_order_of_a_won_quote_names_its_quotation_if_that_is_in_finops(
    running: Trade, customer: str, *, quoted_first: bool
) -> None:
    running.sync()
    quote, quoted = running.quote(customer, BIKE, active=False)
    running.seller.change(quote, ACTIVE)
    if quoted_first:
        running.sync()
    order, number = running.seller.convert(quote)
    running.seller.activate(order)
    running.sync()
    assert in_step(running, number)
    (_, there), *_ = running.flows[ORDERS].targets(running.systems, number)
    assert there["QuotationNumber"] == (quoted if quoted_first else "")
    assert quoted not in running.compared(QUOTATIONS).missing


def line_gone(running: Trade, number: str) -> set[str]:
    address = f"/data/{order_line_url(2, number, 'CDSSalesOrderLines')}?cross-company=true"
    assert running.shop.finops.send("DELETE", address).status_code == 204
    return {LINES, AMOUNT}


def another_name(running: Trade, number: str) -> set[str]:
    running.spoil(order_url(number), {"SalesOrderName": "Theirs"})
    return {"SalesOrderName"}


@pytest.mark.parametrize("spoil", [line_gone, another_name])
def test_a_sales_order_that_somebody_has_changed_is_a_difference(
    running: Trade, customer: str, spoil: Callable[[Trade, str], set[str]]
) -> None:
    _, number = ordered(running, customer)
    running.sync()
    assert running.wrong_fields(ORDERS, number) == set()
    wrong = spoil(running, number)
    assert running.wrong_fields(ORDERS, number) == wrong
