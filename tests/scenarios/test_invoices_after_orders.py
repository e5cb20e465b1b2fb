"""What becomes of an order in F&O is told in Sales before its invoice makes the order read-only there (docs/rules.md,
Invoices; protocol W4)."""

import json
from collections.abc import Iterator

import pytest

from shared.flows.invoices import INVOICES
from shared.flows.ordersback import ORDERSBACK
from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT
from tests.support.invoicing import Invoicing, invoicing
from tests.support.operator import operated, p2c
from tests.unit.local import finops_environment

DELIVERED, INVOICED, PARTIALLY_INVOICED = 647390007, 647390003, 647390009
STATE_INVOICED = 4
PART = [{"LineCreationSequenceNumber": 1, "quantity": 1}]


@pytest.fixture(params=["status", "all"])
def desk(request: pytest.FixtureRequest) -> Iterator[Invoicing]:
    """All flows between two fresh simulators; the command line works on them."""
    with invoicing(ORDERS_BACK=request.param) as made, operated(made):
        yield made


def order_of(desk: Invoicing, id: str) -> tuple[int, int]:
    """Processing status and state of an order in Sales."""
    row = desk.sales.get(f"salesorders({id})?$select=statecode,msdynce_processingstatus").json()
    return int(row["msdynce_processingstatus"]), int(row["statecode"])


def work(desk: Invoicing, *flows: str) -> None:
    """The queues of these flows run dry."""
    for _ in range(50):
        for flow in flows:
            for message in desk.queues.receive(flow, limit=1, invisible_s=600):
                desk.service.apply(flow, message.body.encode())
                desk.queues.delete(flow, message)


def test_an_invoice_that_is_met_first_waits_until_its_order_has_its_last_status(desk: Invoicing) -> None:
    id, number = desk.delivered()
    desk.tick()
    invoice = str(desk.clerk("invoice", number)["InvoiceNumber"])
    desk.service.pull(INVOICES)
    work(desk, INVOICES)
    assert desk.link(desk.ids()[invoice]).state is LinkState.WAITING
    assert (desk.invoices(), order_of(desk, id)) == ([], (DELIVERED, 0))
    told = " ".join(p2c("explain", INVOICES, invoice).split())
    assert f"It waits for ordersback {number}" in told.replace("it waits", "It waits")
    assert "is to be looked at before" in told
    # No walk over orders is needed.
    work(desk, ORDERSBACK)
    assert (desk.invoices(), order_of(desk, id)) == ([], (INVOICED, 0))
    work(desk, INVOICES)
    assert (desk.invoices(), order_of(desk, id)) == ([invoice], (INVOICED, STATE_INVOICED))
    desk.tick()
    assert order_of(desk, id) == (INVOICED, STATE_INVOICED)
    assert desk.depth() == 0


def test_the_first_of_several_invoices_waits_and_the_order_keeps_the_status_that_it_had_then(desk: Invoicing) -> None:
    id, number = desk.delivered(lines=2)
    desk.tick()
    first = str(desk.clerk("invoice", number, lines=PART)["InvoiceNumber"])
    desk.clerk("totals")
    desk.service.pull(INVOICES)
    work(desk, INVOICES, ORDERSBACK)
    assert (desk.invoices(), order_of(desk, id)) == ([first], (PARTIALLY_INVOICED, STATE_INVOICED))
    second = str(desk.clerk("invoice", number)["InvoiceNumber"])
    desk.clerk("totals")
    desk.tick()
    assert desk.invoices() == sorted([first, second])
    assert order_of(desk, id) == (PARTIALLY_INVOICED, STATE_INVOICED)
    assert desk.state.links.load(ORDERSBACK, [number])[number].rule == "invoiced_in_sales"
    assert desk.state.failures.load(ORDERSBACK, [number]) == {}


def test_an_invoice_waits_for_the_totals_of_its_order_which_is_not_told_without_them(desk: Invoicing) -> None:
    id, number = desk.delivered(lines=2)
    desk.tick()
    invoice = str(desk.clerk("invoice", number, lines=PART)["InvoiceNumber"])
    desk.finops.control("orders", {"SalesOrderNumber": number, "AreTotalsUpdated": "No", "lines": []})
    desk.settle(20)
    assert (desk.invoices(), order_of(desk, id)) == ([], (DELIVERED, 0))
    assert "Calculate sales totals" in " ".join(p2c("explain", INVOICES, invoice).split())
    desk.clerk("totals")
    desk.settle(20)
    assert (desk.invoices(), order_of(desk, id)) == ([invoice], (PARTIALLY_INVOICED, STATE_INVOICED))


def test_an_invoice_brings_the_order_that_was_made_and_invoiced_before_a_walk_has_met_it() -> None:
    with invoicing(ORDERS_BACK="all") as desk:
        desk.account("A-1")
        desk.tick()
        desk.born_in_finops("F-1")
        invoice = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
        desk.service.pull(INVOICES)
        work(desk, INVOICES, ORDERSBACK)
        (order,) = desk.sales.rows("salesorders?$filter=ordernumber eq 'F-1'")
        assert (order["msdynce_processingstatus"], order["statecode"]) == (INVOICED, STATE_INVOICED)
        assert (desk.invoice(invoice) or {})["_salesorderid_value"] == order["salesorderid"]


def test_an_invoice_whose_order_cannot_be_told_comes_nevertheless() -> None:
    """The map document has no option for the status, so the order is listed."""
    document = {**json.loads(MAP_DOCUMENT), "processing_status": {"Delivered": DELIVERED}}
    with invoicing(ORDERS_BACK="status", MAP_DOCUMENT=json.dumps(document)) as desk:
        id, number = desk.delivered()
        desk.tick()
        invoice = str(desk.clerk("invoice", number)["InvoiceNumber"])
        desk.tick()
        assert desk.state.failures.load(ORDERSBACK, [number])[number].cause == "option_unknown"
        assert (desk.invoices(), order_of(desk, id)) == ([invoice], (DELIVERED, STATE_INVOICED))


def test_an_invoice_whose_sales_order_is_not_in_finops_any_more_comes_nevertheless(desk: Invoicing) -> None:
    _, number = desk.delivered()
    invoice = str(desk.clerk("invoice", number)["InvoiceNumber"])
    headers = {"x-simulator-admin-token": finops_environment.ADMIN_TOKEN}
    reply = desk.finops.send("DELETE", "/_simulator/orders", json={"SalesOrderNumber": number}, headers=headers)
    assert reply.status_code == 200, reply.text
    desk.tick()
    assert desk.invoices() == [invoice]


def test_a_plan_of_invoices_takes_their_orders_as_told(desk: Invoicing) -> None:
    _, number = desk.delivered()
    desk.clerk("invoice", number)
    (planned,) = json.loads(p2c("plan", INVOICES, "--json"))["records"]
    assert planned["kind"] == "created"
