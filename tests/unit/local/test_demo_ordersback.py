"""The demo's comparison of what comes back of orders, against what the sync has written between both simulators."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from local.demo.clerk import Clerk
from local.demo.documents import LINES
from local.demo.insales import TOTAL
from local.demo.selling import ORDER, Wanted
from shared.flows.orders import ORDERS
from shared.flows.orders.order_rows import PROCESSING_STATUS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.ordersback.value_maps import USUAL
from tests.unit.local.demo_trade import Trade, trade

_NUMBERS = count(1)
BIKES = Wanted("BK-1", 3)


@pytest.fixture(scope="module")
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


@pytest.fixture
def customer(running: Trade) -> str:
    return f"/accounts({running.shop.account(f'A-{next(_NUMBERS)}')})"


def come_back(running: Trade) -> None:
    running.clerk.calculate_totals()
    running.sync()


def in_step(running: Trade, number: str) -> bool:
    compared = running.compared(ORDERSBACK)
    return number not in {*compared.missing, *compared.extra} and running.wrong_fields(ORDERSBACK, number) == set()


def test_a_status_is_missing_until_it_has_come_back(running: Trade, customer: str) -> None:
    _, number = running.order(customer, BIKES)
    running.clerk.calculate_totals()
    assert number in running.compared(ORDERSBACK).missing
    running.sync()
    assert number not in running.compared(ORDERSBACK).missing
    assert in_step(running, number)


def test_an_order_without_totals_is_not_expected(running: Trade, customer: str) -> None:
    _, number = running.order(customer, BIKES)
    assert number not in running.compared(ORDERSBACK).missing


@pytest.mark.parametrize("deed", [Clerk.cancel, Clerk.pick, Clerk.deliver_half, Clerk.deliver])
def test_each_status_is_compared_and_the_order_is_still_expected_in_finops(
    running: Trade, customer: str, deed: Callable[[Clerk, str], None]
) -> None:
    _, number = running.order(customer, BIKES)
    come_back(running)
    deed(running.clerk, number)
    running.clerk.calculate_totals()
    assert running.wrong_fields(ORDERSBACK, number) == {PROCESSING_STATUS}
    running.sync()
    assert in_step(running, number)
    assert number not in {*running.compared(ORDERS).missing, *running.compared(ORDERS).extra}


def invoiced(running: Trade, customer: str, *, status_first: bool = True) -> tuple[str, str]:
    """An order that is invoiced in Sales, and so read-only; its id and number."""
    id, number = running.order(customer, BIKES)
    if status_first:
        come_back(running)
    running.shop.sales.send(
        "POST", "ConvertSalesOrderToInvoice", {"SalesOrderId": id, "ColumnSet": {"AllColumns": True}}
    )
    running.clerk.deliver(number)
    come_back(running)
    return id, number


def test_an_order_that_is_invoiced_in_sales_may_keep_the_status_that_it_had(running: Trade, customer: str) -> None:
    _, number = invoiced(running, customer)
    assert in_step(running, number)
    assert number in dict(running.flows[ORDERSBACK].targets(running.systems))


def test_an_order_that_is_invoiced_in_sales_before_its_status_has_come_back_is_not_expected(
    running: Trade, customer: str
) -> None:
    _, number = invoiced(running, customer, status_first=False)
    assert in_step(running, number)


def test_an_order_that_is_further_in_sales_than_in_finops_is_a_difference(running: Trade, customer: str) -> None:
    id, number = running.order(customer, BIKES)
    come_back(running)
    running.seller.change(id, {PROCESSING_STATUS: USUAL["Delivered"]}, ORDER)
    assert running.wrong_fields(ORDERSBACK, number) == {PROCESSING_STATUS}
    running.shop.sales.send(
        "POST", "ConvertSalesOrderToInvoice", {"SalesOrderId": id, "ColumnSet": {"AllColumns": True}}
    )
    assert running.wrong_fields(ORDERSBACK, number) == {PROCESSING_STATUS}


def taken(running: Trade, customer: str) -> str:
    """An order that F&O has made and confirmed, with its totals; its number."""
    running.sync()
    number = f"TEL-{next(_NUMBERS)}"
    running.clerk.take_order(number, running.customer_account(customer))
    running.clerk.charge_freight(number)
    running.clerk.confirm(number)
    running.clerk.calculate_totals()
    return number


def test_an_order_of_finops_is_missing_until_it_is_in_sales_with_its_lines_charges_and_tax(
    running: Trade, customer: str
) -> None:
    number = taken(running, customer)
    assert number in running.compared(ORDERSBACK).missing
    running.sync()
    assert number not in running.compared(ORDERSBACK).missing
    assert in_step(running, number)
    assert len(order_lines(running, number)) == 3


@pytest.mark.parametrize("values", [{"quantity": 9}, {"manualdiscountamount": 1}, {"tax": 0.01}])
def test_an_order_of_finops_that_somebody_has_changed_in_sales_is_a_difference(
    running: Trade, customer: str, values: dict[str, float]
) -> None:
    number = taken(running, customer)
    running.sync()
    line = order_lines(running, number)[-1]["salesorderdetailid"]
    reply = running.shop.sales.patch(f"salesorderdetails({line})", values, If_Match="*")
    assert reply.status_code == 204, reply.text
    assert running.wrong_fields(ORDERSBACK, number) == {LINES, TOTAL}


def order_lines(running: Trade, number: str) -> list[dict[str, Any]]:
    (order,) = running.shop.sales.rows(f"salesorders?$filter=ordernumber eq '{number}'")
    wanted = f"_salesorderid_value eq {order['salesorderid']}"
    return list(running.shop.sales.rows(f"salesorderdetails?$filter={wanted}&$orderby=sequencenumber"))


def test_a_status_of_an_order_that_finops_does_not_have_is_extra(running: Trade, customer: str) -> None:
    id, number = running.seller.order(customer, "Never activated", (BIKES,), running.catalogue())
    running.seller.change(id, {PROCESSING_STATUS: USUAL["Confirmed"]}, ORDER)
    assert number in running.compared(ORDERSBACK).extra
