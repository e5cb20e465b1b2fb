"""Orders of F&O in an organisation without Microsoft's solution: users know an order by its state only (docs/rules.md,
Closed orders)."""

import json
from collections.abc import Iterator

import pytest

from shared.flows.ordersback import ORDERSBACK
from shared.flows.registry import FLOWS
from shared.state.links import LinkState
from shared.systems import System
from tests.support.invoicing import STANDARD_ONLY, Invoicing, invoicing_without_solution

ACTIVE, CANCELED, FULFILLED, INVOICED = 0, 2, 3, 4
# What the flow writes into columns of the solution.
_OF_SOLUTION = {
    "order_status": ("processingstatus",),
    "orders_back": ("processingstatus", "misctax", "ismaintainedexternally"),
    "order_lines_back": ("ismisctax", "ismaintainedexternally"),
}
_OFF = {part: {f"msdynce_{name}": "off" for name in names} for part, names in _OF_SOLUTION.items()}
_DOCUMENT = json.loads(STANDARD_ONLY)
MAP_DOCUMENT = json.dumps({**_DOCUMENT, "fields": {**_DOCUMENT["fields"], **_OFF}})


@pytest.fixture
def desk() -> Iterator[Invoicing]:
    """Orders of F&O and their invoices come back; the sync closes what is delivered, canceled or invoiced."""
    with invoicing_without_solution(
        ORDERS_BACK="all", ORDERS_BACK_FULFILL="on", ORDERS_BACK_CANCEL="on", MAP_DOCUMENT=MAP_DOCUMENT
    ) as made:
        made.account("A-1")
        made.tick()
        yield made


def taken(desk: Invoicing, number: str, *deeds: str) -> None:
    """An order that people of F&O have made, after some deeds of the clerk."""
    line = {"LineCreationSequenceNumber": 1, "ProductNumber": "P-1", "OrderedSalesQuantity": 2, "SalesPrice": 7}
    header = {"SalesOrderNumber": number, "OrderingCustomerAccountNumber": "A-1", "CurrencyCode": "USD"}
    body = {**header, "lines": [{**line, "ShippingSiteId": "1"}]}
    assert desk.finops.control("orders", body).status_code == 200
    for deed in ("confirm", *deeds):
        desk.clerk(deed, number)
    desk.clerk("totals")
    desk.tick()


def state_of(desk: Invoicing, number: str) -> int:
    (order,) = desk.sales.rows(f"salesorders?$filter=ordernumber eq '{number}'")
    return int(order["statecode"])


def test_a_delivered_order_is_fulfilled_a_canceled_one_canceled_and_any_other_stays_active(desk: Invoicing) -> None:
    taken(desk, "F-1")
    taken(desk, "F-2")
    taken(desk, "F-3")
    assert [state_of(desk, number) for number in ("F-1", "F-2", "F-3")] == [ACTIVE] * 3
    desk.clerk("deliver", "F-1")
    desk.clerk("cancel", "F-2")
    desk.clerk("totals")
    desk.tick()
    assert [state_of(desk, number) for number in ("F-1", "F-2", "F-3")] == [FULFILLED, CANCELED, ACTIVE]
    before = desk.sent(System.DATAVERSE)[1]
    desk.settle(30)
    assert desk.sent(System.DATAVERSE)[1] == before
    links = desk.state.links.load(ORDERSBACK, ["F-1", "F-2", "F-3"])
    assert [link.state for link in links.values()] == [LinkState.WRITTEN] * 3


def test_a_fulfilled_order_gets_its_invoice_and_becomes_invoiced(desk: Invoicing) -> None:
    taken(desk, "F-1", "deliver")
    desk.settle(10)
    assert state_of(desk, "F-1") == FULFILLED
    invoice = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
    desk.settle(30)
    assert (desk.invoices(), state_of(desk, "F-1")) == ([invoice], INVOICED)
    failures = [desk.state.failures.page(flow, "", 10)[0] for flow in FLOWS.names]
    assert failures == [[]] * len(FLOWS.names)
