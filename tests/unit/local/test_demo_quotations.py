"""The demo's comparison of quotations, down to each line, against what the sync has written between both simulators."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from local.demo.documents import AMOUNT, LINES
from local.demo.selling import LOST, Wanted
from shared.flows.invoices import INVOICES
from shared.flows.ordersback import ORDERSBACK
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from tests.unit.local.demo_trade import Trade, trade
from tests.unit.local.finops_documents import header_url, line_url

_NUMBERS = count(1)
BIKE, OTHER = Wanted("BK-1", 3), Wanted("BK-2", 2)


@pytest.fixture(scope="module")
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


@pytest.fixture
def customer(running: Trade) -> str:
    return f"/accounts({running.shop.account(f'A-{next(_NUMBERS)}')})"


def written(running: Trade, customer: str, *wanted: Wanted) -> tuple[str, str]:
    """A quote that has arrived; its id and number."""
    id, number = running.quote(customer, *(wanted or (BIKE, OTHER)))
    running.sync()
    assert running.wrong_fields(QUOTATIONS, number) == set()
    assert number not in running.compared(QUOTATIONS).missing
    return id, number


def test_a_quote_whose_customer_is_not_there_yet_is_not_expected(running: Trade, customer: str) -> None:
    _, number = running.quote(customer, BIKE)
    assert number not in running.compared(QUOTATIONS).missing


def test_a_quote_is_missing_until_it_is_written_with_all_its_lines(running: Trade, customer: str) -> None:
    running.sync()
    _, number = running.quote(customer, BIKE, OTHER)
    assert number in running.compared(QUOTATIONS).missing
    running.sync()
    assert number not in running.compared(QUOTATIONS).missing
    assert running.wrong_fields(QUOTATIONS, number) == set()


def line_gone(running: Trade, number: str) -> set[str]:
    address = f"/data/{line_url(2, number)}?cross-company=true"
    assert running.shop.finops.send("DELETE", address).status_code == 204
    return {LINES, AMOUNT}


def another_quantity(running: Trade, number: str) -> set[str]:
    running.spoil(line_url(1, number), {"RequestedSalesQuantity": 4})
    return {LINES, AMOUNT}


def another_name(running: Trade, number: str) -> set[str]:
    running.spoil(header_url(number), {"SalesQuotationName": "Somebody else's"})
    return {"SalesQuotationName"}


@pytest.mark.parametrize("spoil", [line_gone, another_quantity, another_name])
def test_a_quotation_that_somebody_has_changed_is_a_difference(
    running: Trade, customer: str, spoil: Callable[[Trade, str], set[str]]
) -> None:
    _, number = written(running, customer)
    assert running.wrong_fields(QUOTATIONS, number) == set()
    wrong = spoil(running, number)
    assert running.wrong_fields(QUOTATIONS, number) == wrong


def test_two_equal_lines_are_two_lines(running: Trade, customer: str) -> None:
    _, number = written(running, customer, BIKE, BIKE)
    ((_, found),) = running.flows[QUOTATIONS].targets(running.systems, number)
    lines = found[LINES]
    assert isinstance(lines, list)
    assert len(lines) == 2
    line_gone(running, number)
    assert LINES in running.wrong_fields(QUOTATIONS, number)


@pytest.mark.parametrize(
    "values",
    [{"active": False}, {"discountpercentage": 5}],
    ids=["a draft", "a discount on everything"],
)
def test_a_quote_that_is_not_for_finops_is_not_expected(running: Trade, customer: str, values: dict[str, Any]) -> None:
    running.sync()
    _, number = running.quote(customer, BIKE, **values)
    running.sync()
    found = running.compared(QUOTATIONS)
    assert number not in (*found.missing, *found.extra)


def test_a_quote_that_was_lost_leaves_its_quotation_alone(running: Trade, customer: str) -> None:
    id, number = written(running, customer)
    running.seller.close(id, LOST)
    running.sync()
    assert running.wrong_fields(QUOTATIONS, number) == set()


def test_a_revised_quote_is_compared_by_its_newest_revision(running: Trade, customer: str) -> None:
    id, number = written(running, customer, BIKE)
    again = running.seller.revise(id)
    running.seller.add_line(again, OTHER, running.catalogue())
    running.seller.change(again, {"statecode": 1})
    assert running.wrong_fields(QUOTATIONS, number) == {LINES, AMOUNT}
    running.sync()
    assert running.wrong_fields(QUOTATIONS, number) == set()


def test_a_person_who_is_quoted_becomes_a_customer_and_has_the_quotation(running: Trade) -> None:
    id, own = running.contact()
    _, number = running.quote(f"/contacts({id})", BIKE)
    running.sync()
    ((_, found),) = running.flows[QUOTATIONS].targets(running.systems, number)
    assert found["RequestingCustomerAccountNumber"] == own
    assert running.wrong_fields(QUOTATIONS, number) == set()


@pytest.mark.parametrize("flow", [flow for flow in FLOWS.names if flow not in (ORDERSBACK, INVOICES)])
def test_the_ids_of_a_flow_are_those_of_its_records(running: Trade, customer: str, flow: str) -> None:
    running.quote(customer, BIKE)
    watched = running.flows[flow]
    ids = watched.source.ids(running.systems)
    assert len(ids) == len(set(ids))
    assert set(ids) == {row.id for row in watched.sources(running.systems)}
