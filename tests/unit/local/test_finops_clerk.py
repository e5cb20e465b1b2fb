"""Promises of the clerk of the F&O simulator: totals, confirmation, picking, delivery, invoices, cancellation."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from local.finops.settings import Settings
from tests.unit.local.finops_documents import (
    ORDERS,
    furnish,
    order,
    order_line,
    order_line_url,
    order_url,
    read,
)
from tests.unit.local.finops_environment import CUSTOMER, Caller, customer_url, detail, environment

INVOICES = "ExternallyMaintainedCustomerSalesInvoiceHeaders"
INVOICE_LINES = "ExternallyMaintainedCustomerSalesInvoiceLinesV2"
TAX = Settings(sales_tax=Decimal("7.7"))


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment(TAX) as caller:
        furnish(caller)
        assert caller.patch(customer_url(), {"IsExternallyMaintained": "Yes"}).status_code == 204
        yield caller


@pytest.fixture
def sold(finops: Caller) -> Caller:
    """An order O-1 of 3 pieces at 100, less 3.33 each with a charge of -0.01, and of 2 pieces at 10."""
    order(finops)
    order_line(finops, 1, LineDiscountAmount=3.33, FixedPriceCharges=-0.01)
    order_line(finops, 2, OrderedSalesQuantity=2, SalesPrice=10)
    return finops


def do(finops: Caller, deed: str, **values: Any) -> dict[str, Any]:
    """What the clerk answers."""
    answer = finops.control("clerk", {"do": deed, "SalesOrderNumber": "O-1", **values})
    assert answer.status_code == 200, answer.text
    answered: dict[str, Any] = answer.json()
    return answered


def cannot(finops: Caller, deed: str, **values: Any) -> str:
    """Why the clerk does not do it."""
    answer = finops.control("clerk", {"do": deed, "SalesOrderNumber": "O-1", **values})
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


def part(line: int, quantity: float) -> dict[str, object]:
    return {"LineCreationSequenceNumber": line, "quantity": quantity}


def shown(finops: Caller, url: str, *names: str) -> list[Any]:
    record = read(finops, url)
    return [record[name] for name in names]


def test_the_totals_of_an_order_are_only_known_after_the_batch_job(sold: Caller) -> None:
    assert shown(sold, order_url(), "AreTotalsUpdated", "OrderTotalAmount") == ["No", 0]
    assert do(sold, "totals")["calculated"] == 1
    names = ("AreTotalsUpdated", "OrderTotalDiscountAmount", "OrderTotalTaxAmount", "OrderTotalAmount")
    assert shown(sold, order_url(), *names) == ["Yes", 10, 23.87, 333.87]
    names = ("AreTotalsCalculated", "AreSalesOrderTotalsUpdated", "TotalDiscountAmount", "TotalTaxAmount")
    assert shown(sold, order_line_url(1), *names) == ["Yes", "Yes", 10, 22.33]
    assert do(sold, "totals")["calculated"] == 0


@pytest.mark.parametrize(
    ("url", "values"),
    [(order_url(), {"SalesOrderName": "Bikes"}), (order_line_url(2), {"SalesPrice": 11})],
)
def test_a_change_puts_totals_out_of_date_and_one_that_changes_nothing_does_not(
    sold: Caller, url: str, values: dict[str, object]
) -> None:
    do(sold, "totals")
    assert sold.patch(order_line_url(2), {"SalesPrice": 10}).status_code == 204
    assert shown(sold, order_url(), "AreTotalsUpdated") == ["Yes"]
    assert sold.patch(url, values).status_code == 204
    assert shown(sold, order_url(), "AreTotalsUpdated") == ["No"]
    assert shown(sold, order_line_url(1), "AreTotalsCalculated", "AreSalesOrderTotalsUpdated") == ["Yes", "No"]


def test_charges_of_an_order_bear_a_tax_that_is_in_no_line(sold: Caller) -> None:
    assert sold.control("orders", {"SalesOrderNumber": "O-1", "OrderTotalChargesAmount": 20}).status_code == 200
    do(sold, "totals")
    names = ("OrderHeaderTaxAmount", "OrderTotalTaxAmount", "OrderTotalAmount")
    assert shown(sold, order_url(), *names) == [1.54, 25.41, 355.41]


def test_an_order_goes_from_its_confirmation_to_its_invoice_and_its_totals_stay(sold: Caller) -> None:
    do(sold, "totals")
    names = ("SalesOrderProcessingStatus", "SalesOrderStatus", "AreTotalsUpdated")
    seen = []
    for deed in ("confirm", "pick", "deliver", "invoice"):
        do(sold, deed)
        seen.append(shown(sold, order_url(), *names))
    assert seen == [
        ["Confirmed", "Backorder", "Yes"],
        ["Picked", "Backorder", "Yes"],
        ["Delivered", "Delivered", "Yes"],
        ["Invoiced", "Invoiced", "Yes"],
    ]
    names = ("SalesOrderLineStatus", "SalesOrderProcessingStatus", "PickedQuantity")
    assert shown(sold, order_line_url(1), *names) == ["Invoiced", "Invoiced", 0]


def test_an_order_may_be_delivered_and_invoiced_in_parts(sold: Caller) -> None:
    do(sold, "confirm")
    seen = [
        do(sold, deed, **more)["SalesOrderProcessingStatus"]
        for deed, more in (
            ("pick", {"lines": [part(1, 1)]}),
            ("deliver", {"lines": [part(1, 1)]}),
            ("invoice", {}),
            ("deliver", {}),
            ("invoice", {"lines": [part(1, 1)]}),
            ("invoice", {}),
        )
    ]
    assert seen == [
        "Picked",
        "PartiallyDelivered",
        "PartiallyInvoiced",
        "DeliveredPartiallyInvoiced",
        "DeliveredPartiallyInvoiced",
        "Invoiced",
    ]
    assert len(sold.rows(INVOICES)) == 3


@pytest.mark.parametrize(
    ("deed", "lines"), [("pick", [part(1, 4)]), ("deliver", [part(1, 3.5)]), ("invoice", [part(1, 1)]),
                        ("deliver", [part(9, 1)]), ("deliver", [part(1, -1)]), ("deliver", [5])]
)  # fmt: skip
def test_the_clerk_cannot_do_more_than_there_is(sold: Caller, deed: str, lines: list[object]) -> None:
    before = read(sold, order_line_url(1))
    assert cannot(sold, deed, lines=lines)
    assert read(sold, order_line_url(1)) == before


def test_an_invoice_says_what_was_invoiced_of_which_order_and_what_it_costs(sold: Caller) -> None:
    sold.patch(customer_url(), {"InvoiceAddressCity": "Seattle", "InvoiceAddressState": "WA"})
    sold.control("orders", {"SalesOrderNumber": "O-1", "OrderTotalChargesAmount": 20, "CustomersOrderReference": "R"})
    do(sold, "deliver")
    number = do(sold, "invoice", InvoiceDate="2026-07-14T12:00:00Z")["InvoiceNumber"]
    (invoice,) = sold.rows(INVOICES)
    expected = {
        "InvoiceNumber": number,
        "InvoiceDate": "2026-07-14T12:00:00Z",
        "SalesOrderNumber": "O-1",
        "InvoiceCustomerAccountNumber": "US-001",
        "CurrencyCode": "USD",
        "CustomersOrderReference": "R",
        "InvoiceAddressCity": "Seattle",
        "InvoiceAddressState": "WA",
        "TotalDiscountAmount": 10,
        "TotalChargeAmount": 20,
        "InvoiceHeaderTaxAmount": 1.54,
        "TotalTaxAmount": 25.41,
        "TotalInvoiceAmount": 355.41,
    }
    assert {name: invoice[name] for name in expected} == expected
    line = sold.rows(INVOICE_LINES)[0]
    expected = {
        "InvoiceNumber": number,
        "LedgerVoucher": invoice["LedgerVoucher"],
        "LineCreationSequenceNumber": 1,
        "ProductNumber": "BK-1",
        "SalesUnitSymbol": "ea",
        "InvoicedQuantity": 3,
        "SalesPrice": 100,
        "LineTotalDiscountAmount": 10,
        "LineAmount": 290,
        "LineTotalTaxAmount": 22.33,
    }
    assert {name: line[name] for name in expected} == expected


def test_invoices_of_parts_add_up_to_their_order(sold: Caller) -> None:
    sold.control("orders", {"SalesOrderNumber": "O-1", "OrderTotalChargesAmount": 20})
    do(sold, "totals")
    do(sold, "deliver")
    for _ in range(3):
        do(sold, "invoice", lines=[part(1, 1)])
    do(sold, "invoice")
    amounts = [Decimal(str(each["LineTotalDiscountAmount"])) for each in sold.rows(INVOICE_LINES)]
    assert amounts == [Decimal("3.33"), Decimal("3.34"), Decimal("3.33"), Decimal(0)]
    charges = [each["TotalChargeAmount"] for each in sold.rows(INVOICES)]
    assert charges == [20, 0, 0, 0], "the first invoice bears the charges"


def test_only_invoices_of_externally_maintained_customers_are_shown(sold: Caller) -> None:
    assert sold.patch(customer_url(), {"IsExternallyMaintained": "No"}).status_code == 204
    do(sold, "deliver")
    key = do(sold, "invoice")
    url = (
        f"{INVOICES}(dataAreaId='usmf',InvoiceNumber='{key['InvoiceNumber']}',InvoiceDate={key['InvoiceDate']},"
        f"LedgerVoucher='{key['LedgerVoucher']}')"
    )
    assert (sold.rows(INVOICES), sold.rows(INVOICE_LINES), sold.get(url).status_code) == ([], [], 404)
    assert sold.get(f"{INVOICES}/$count").text == "0"
    assert sold.patch(customer_url(), {"IsExternallyMaintained": "Yes"}).status_code == 204
    assert (len(sold.rows(INVOICES)), len(sold.rows(INVOICE_LINES)), sold.get(url).status_code) == (1, 2, 200)


def test_posted_invoices_refuse_every_write(sold: Caller) -> None:
    assert "is read-only" in detail(sold.post(INVOICES, {"InvoiceNumber": "I-1"}))
    assert "is read-only" in detail(sold.post(INVOICE_LINES, {"InvoiceNumber": "I-1"}))


def test_an_order_of_which_nothing_is_delivered_can_be_canceled(sold: Caller) -> None:
    do(sold, "confirm")
    do(sold, "cancel")
    assert shown(sold, order_url(), "SalesOrderProcessingStatus", "SalesOrderStatus") == ["Canceled", "Canceled"]
    assert shown(sold, order_line_url(1), "SalesOrderLineStatus") == ["Canceled"]
    assert "no line that is open" in cannot(sold, "deliver")


def test_a_delivered_order_cannot_be_canceled(sold: Caller) -> None:
    do(sold, "deliver", lines=[part(1, 1)])
    assert "cannot be canceled" in cannot(sold, "cancel")


def test_from_its_confirmation_on_an_order_stays_and_from_its_delivery_on_its_lines_do(sold: Caller) -> None:
    do(sold, "confirm")
    assert "has status Confirmed" in detail(sold.delete(order_url()))
    assert sold.patch(order_line_url(1), {"SalesPrice": 90}).status_code == 204
    do(sold, "deliver", lines=[part(1, 3)])
    assert "has status Delivered" in detail(sold.patch(order_line_url(1), {"SalesPrice": 80}))
    assert "has status Delivered" in detail(sold.delete(order_line_url(1)))
    assert sold.patch(order_url(), {"SalesOrderName": "Still open"}).status_code == 204


def test_an_order_can_be_born_in_finops(finops: Caller) -> None:
    lines = [
        {"LineCreationSequenceNumber": 1, "ProductNumber": "BK-1", "OrderedSalesQuantity": 2, "ShippingSiteId": "1"}
    ]
    body = {"SalesOrderNumber": "F-1", "OrderingCustomerAccountNumber": "US-001", "lines": lines}
    assert finops.control("orders", body).json()["created"] == 1
    assert [row["SalesOrderNumber"] for row in finops.rows(ORDERS)] == ["F-1"]
    assert do(finops, "confirm", SalesOrderNumber="F-1")["SalesOrderProcessingStatus"] == "Confirmed"


def test_an_order_of_another_company_is_named_with_it(finops: Caller) -> None:
    body = {**CUSTOMER, "dataAreaId": "usrt"}
    assert finops.post("CustomersV3", body).status_code == 201
    order(finops, dataAreaId="usrt")
    assert "no order O-1 in usmf" in cannot(finops, "confirm")
    assert "no line that is open" in cannot(finops, "confirm", dataAreaId="usrt")


@pytest.mark.parametrize("body", [{}, {"do": "nothing", "SalesOrderNumber": "O-1"}, {"do": "confirm"}])
def test_the_clerk_tells_what_he_can_do(finops: Caller, body: dict[str, object]) -> None:
    assert "totals, confirm, pick, deliver, invoice, cancel" in finops.control("clerk", body).json()["error"]


def test_a_line_below_zero_is_credited_with_its_discount_and_tax(finops: Caller) -> None:
    order(finops)
    order_line(finops, 1, OrderedSalesQuantity=-3, SalesPrice=100, LineDiscountAmount=3.33, FixedPriceCharges=0)
    do(finops, "totals")
    assert "cannot deliver -4 of -3" in cannot(finops, "deliver", lines=[part(1, -4)])
    assert do(finops, "deliver", lines=[part(1, -1)])["SalesOrderProcessingStatus"] == "PartiallyDelivered"
    do(finops, "deliver")
    assert do(finops, "invoice")["SalesOrderProcessingStatus"] == "Invoiced"
    (line,), (invoice,) = finops.rows(INVOICE_LINES), finops.rows(INVOICES)
    names = ("InvoicedQuantity", "LineAmount", "LineTotalDiscountAmount", "LineTotalTaxAmount")
    assert [line[name] for name in names] == [-3, -290.01, -9.99, -22.33]
    assert invoice["TotalInvoiceAmount"] == -312.34
