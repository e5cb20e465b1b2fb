"""Preflight's look at the numbers of orders in both systems."""

from collections.abc import Iterator

import pytest

from shared.flows.checks import Check, CheckResult
from shared.operations.preflight.run import Preflight
from tests.support.ordering import Ordering, ordering

LENGTH = "numbers of orders have 20 characters at most"
RANGES = "F&O gives no numbers of Sales to its own sales orders"


@pytest.fixture
def desk() -> Iterator[Ordering]:
    with ordering() as made:
        yield made


def checks(desk: Ordering) -> dict[str, Check]:
    found = Preflight(desk.service.systems, desk.deployment, desk.service.clock.now()).checks()
    return {check.what: check for check in found}


def test_numbers_that_fit_and_are_apart_are_well(desk: Ordering) -> None:
    desk.order(desk.account("A-1"))
    desk.tick()
    found = checks(desk)
    assert len(desk.sales_orders()) == 1
    assert [found[what].verdict for what in (LENGTH, RANGES)] == [CheckResult.WELL] * 2


def test_a_pattern_of_numbers_that_is_too_long_for_finops_is_wrong(desk: Ordering) -> None:
    (row,) = desk.sales.rows("organizations?$select=organizationid")
    reply = desk.sales.patch(f"organizations({row['organizationid']})", {"orderprefix": "ORDERSALES"}, If_Match="*")
    assert reply.status_code == 204, reply.text
    length = checks(desk)[LENGTH]
    assert (length.verdict, "which has 23" in length.found) == (CheckResult.WRONG, True)


def test_sales_orders_of_finops_with_numbers_like_those_of_sales_are_shown(desk: Ordering) -> None:
    account = desk.account("A-1")
    desk.tick()
    for number in ("ORD-7", "SO-8"):
        theirs = {"dataAreaId": "usmf", "SalesOrderNumber": number, "OrderingCustomerAccountNumber": "A-1"}
        assert desk.finops.post("CDSSalesOrderHeaders", theirs).status_code == 201
    desk.order(account)
    desk.tick()
    ranges = checks(desk)[RANGES]
    told = "of 2 sales orders that begin with ORD-, 1 belong to no order of Sales, such as ORD-7: did F&O number them?"
    assert (ranges.verdict, ranges.found) == (CheckResult.BY_HAND, told)


@pytest.mark.parametrize(("origin", "verdict"), [("Sales", CheckResult.WELL), ("Phone", CheckResult.WRONG)])
def test_a_sales_origin_is_to_be_looked_up_until_an_order_tells_its_type(
    desk: Ordering, origin: str, verdict: CheckResult
) -> None:
    what = f"there is a sales origin {origin}, of the type Sales order integration"
    desk.start(ORDERS_ORIGIN=origin)
    assert checks(desk)[what].verdict is CheckResult.BY_HAND
    desk.order(desk.account("A-1"))
    desk.tick()
    assert checks(desk)[what].verdict is verdict
