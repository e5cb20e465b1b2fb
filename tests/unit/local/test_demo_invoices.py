"""The demo's comparison of invoices, down to each line and cent, against what the sync has written."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from local.demo.documents import LINES
from local.demo.insales import TOTAL
from local.demo.selling import Wanted
from shared.flows.invoices import INVOICES
from shared.flows.invoices.mapping import NUMBER_FIELD
from shared.records import Values
from tests.unit.local.demo_trade import Trade, trade

_NUMBERS = count(1)
BIKES, OTHERS = Wanted("BK-1", 3), Wanted("BK-2", 2)


@pytest.fixture(scope="module")
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


@pytest.fixture
def customer(running: Trade) -> str:
    return f"/accounts({running.shop.account(f'A-{next(_NUMBERS)}')})"


def delivered(running: Trade, customer: str) -> str:
    """An order of two lines that is delivered, with charges for its freight; its number."""
    _, number = running.order(customer, BIKES, OTHERS)
    running.clerk.charge_freight(number)
    running.clerk.deliver(number)
    running.clerk.calculate_totals()
    running.sync()
    return number


def key_of(running: Trade, invoice: str) -> str:
    """The key of an invoice in the comparison."""
    ids = [row.id for row in running.flows[INVOICES].sources(running.systems) if row.values[NUMBER_FIELD] == invoice]
    verdict = running.flows[INVOICES].verdicts(running.systems)[ids[0]]
    return str(getattr(verdict, "key", ""))


def invoiced(running: Trade, customer: str) -> str:
    """An invoice that is in Sales; its key."""
    key = key_of(running, running.clerk.invoice(delivered(running, customer)))
    running.sync()
    return key


def there(running: Trade, key: str) -> Values:
    """An invoice as it is in Sales."""
    number = key.partition(" ")[0]
    (row,) = running.shop.sales.rows(f"invoices?$filter=invoicenumber eq '{number}'")
    lines = running.shop.sales.rows(
        f"invoicedetails?$filter=_invoiceid_value eq {row['invoiceid']}&$orderby=sequencenumber"
    )
    return {**row, "lines": lines}


def test_an_invoice_is_missing_until_it_is_written_with_all_its_lines_charges_and_tax(
    running: Trade, customer: str
) -> None:
    key = key_of(running, running.clerk.invoice(delivered(running, customer)))
    assert key in running.compared(INVOICES).missing
    running.sync()
    compared = running.compared(INVOICES)
    assert key not in compared.missing
    assert compared.clean
    assert len(there(running, key)["lines"]) == 3  # type: ignore[arg-type]


def test_an_order_that_is_invoiced_in_two_parts_has_two_invoices_that_agree(running: Trade, customer: str) -> None:
    number = delivered(running, customer)
    keys = [key_of(running, post(number)) for post in (running.clerk.invoice_half, running.clerk.invoice)]
    running.sync()
    compared = running.compared(INVOICES)
    assert not {*keys} & {*compared.missing}
    assert compared.clean


def another_quantity(running: Trade, key: str) -> set[str]:
    change(running, f"invoicedetails({line_of(running, key)})", quantity=9)
    return {LINES, TOTAL}


def another_tax(running: Trade, key: str) -> set[str]:
    change(running, f"invoicedetails({line_of(running, key)})", tax=0.01)
    return {LINES, TOTAL}


def another_freight(running: Trade, key: str) -> set[str]:
    change(running, f"invoices({there(running, key)['invoiceid']})", freightamount=5)
    return {"freightamount", TOTAL}


def line_gone(running: Trade, key: str) -> set[str]:
    assert running.shop.sales.send("DELETE", f"invoicedetails({line_of(running, key)})").status_code == 204
    return {LINES, TOTAL}


def line_of(running: Trade, key: str) -> str:
    lines = there(running, key)["lines"]
    assert isinstance(lines, list)
    return str(lines[-1]["invoicedetailid"])  # type: ignore[index,call-overload]


def change(running: Trade, path: str, **values: float) -> None:
    reply = running.shop.sales.patch(path, values, If_Match="*")
    assert reply.status_code == 204, reply.text


@pytest.mark.parametrize("spoil", [another_quantity, another_tax, another_freight, line_gone])
def test_an_invoice_that_somebody_has_changed_in_sales_is_a_difference(
    running: Trade, customer: str, spoil: Callable[[Trade, str], set[str]]
) -> None:
    key = invoiced(running, customer)
    assert running.wrong_fields(INVOICES, key) == set()
    wrong = spoil(running, key)
    assert running.wrong_fields(INVOICES, key) == wrong


def test_an_invoice_that_finops_does_not_have_is_extra(running: Trade, customer: str) -> None:
    key = invoiced(running, customer)
    order = there(running, key)["_salesorderid_value"]
    running.shop.sales.create(
        "invoices",
        name="By hand",
        invoicenumber="HAND-1",
        msdynce_invoicedate="2026-07-01",
        msdynce_ismaintainedexternally=True,
        salesorderid__to=f"/salesorders({order})",
    )
    assert "HAND-1 2026-07-01" in running.compared(INVOICES).extra
