"""Preflight's look at posted invoices, and at the totals of sales orders."""

from collections.abc import Iterator

import pytest

from shared.flows.checks import Check, CheckResult
from shared.operations.preflight.run import Preflight
from tests.support.invoicing import Invoicing, invoicing

CURRENCIES = "Sales has the currencies of posted invoices, each with a price list"
UNITS = "Sales has the units of posted invoices"
ORDERS = "Sales has the orders of posted invoices"
NUMBERS = "no invoice of Sales has the number of a posted one"
TOTALS = "the totals of confirmed sales orders are calculated"
OF_INVOICES = (CURRENCIES, UNITS, ORDERS, NUMBERS)


@pytest.fixture
def desk() -> Iterator[Invoicing]:
    with invoicing(ORDERS_BACK="status") as made:
        yield made


def checks(desk: Invoicing) -> dict[str, Check]:
    found = Preflight(desk.service.systems, desk.deployment, desk.service.clock.now()).checks()
    return {check.what: check for check in found}


def verdicts(desk: Invoicing) -> list[CheckResult]:
    found = checks(desk)
    return [found[what].verdict for what in OF_INVOICES]


def test_invoices_that_the_sync_writes_are_well_before_and_after(desk: Invoicing) -> None:
    assert verdicts(desk) == [CheckResult.WELL] * 4
    desk.invoiced()
    for _ in range(2):
        assert verdicts(desk) == [CheckResult.WELL] * 4
        desk.tick()
    assert len(desk.invoices()) == 1


def test_nothing_is_looked_at_while_the_flows_are_off(desk: Invoicing) -> None:
    desk.start(INVOICES="off", ORDERS_BACK="off")
    assert not {*OF_INVOICES, TOTALS} & checks(desk).keys()


def test_what_sales_lacks_of_posted_invoices_is_named(desk: Invoicing) -> None:
    desk.account("A-1")
    desk.tick()
    desk.put("P-2", SalesUnitSymbol="lb")
    desk.born_in_finops("F-1", product="P-2")
    invoice = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
    desk.sales.create("invoices", name="By hand", invoicenumber=invoice)
    desk.change_draft(f"pricelevels({desk.catalogue['prices']})", enddate="2020-01-01")
    found = checks(desk)
    assert [found[what].verdict for what in OF_INVOICES] == [CheckResult.WRONG] * 2 + [CheckResult.BY_HAND] * 2
    assert "no price list in USD" in found[CURRENCIES].found
    assert "'lb'" in found[UNITS].found
    assert "of 1 posted invoice, 1 name a sales order that Sales does not have, such as F-1" in found[ORDERS].found
    assert f"1 invoice that the sync has not made, such as {invoice}" in found[NUMBERS].found


def test_confirmed_orders_without_totals_ask_for_the_batch_job(desk: Invoicing) -> None:
    _, number = desk.order(desk.account("A-1"))
    desk.tick()
    desk.tick()
    assert checks(desk)[TOTALS].verdict is CheckResult.WELL
    desk.clerk("confirm", number)
    totals = checks(desk)[TOTALS]
    told = f"1 confirmed sales order without totals, such as {number}: does the batch job `Calculate sales totals` run?"
    assert (totals.verdict, totals.found) == (CheckResult.BY_HAND, told)
    desk.clerk("totals")
    assert checks(desk)[TOTALS].verdict is CheckResult.WELL
