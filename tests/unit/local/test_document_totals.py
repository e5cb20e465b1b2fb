"""Promises of both simulators together: the same order and the same invoice cost the same in Sales and in F&O."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from local.finops.settings import Settings
from shared import exact_json
from tests.unit.local.dataverse_desk import Desk, desk_in
from tests.unit.local.dataverse_world import dataverse
from tests.unit.local.finops_documents import furnish
from tests.unit.local.finops_environment import Caller, customer_url, environment

TAX = Settings(sales_tax=Decimal("8.1"))
_RANDOM = random.Random(7)
# Unit prices of four decimals, and discounts of a unit with the charge that rounding leaves.
ORDERS = [
    [
        {
            "OrderedSalesQuantity": _RANDOM.randint(1, 9),
            "SalesPrice": Decimal(_RANDOM.randint(10_000, 9_999_999)).scaleb(-4),
            "LineDiscountAmount": Decimal(_RANDOM.randint(0, 99)).scaleb(-2),
            "FixedPriceCharges": Decimal(_RANDOM.randint(-3, 3)).scaleb(-2),
        }
        for _ in range(3)
    ]
    for _ in range(5)
]


@pytest.fixture(scope="module")
def finops() -> Iterator[Caller]:
    with environment(TAX) as caller:
        furnish(caller)
        assert caller.patch(customer_url(), {"IsExternallyMaintained": "Yes"}).status_code == 204
        yield caller


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with dataverse(settings_row={"pricingdecimalprecision": 4}) as world:
        yield desk_in(world)


def control(finops: Caller, name: str, body: dict[str, Any]) -> None:
    answer = finops.control(name, body)
    assert answer.status_code == 200, answer.text


def rows(finops: Caller, path: str, name: str, value: str) -> list[dict[str, Any]]:
    """The rows with this value, with exact numbers."""
    answer: Any = exact_json.loads(finops.get(path, {"$filter": f"{name} eq '{value}'"}).content)
    found: list[dict[str, Any]] = answer["value"]
    return found


def delivered(finops: Caller, number: str, lines: list[dict[str, Any]]) -> None:
    """An order that is born in F&O, with charges, whose totals are calculated, delivered."""
    numbered = [
        {"LineCreationSequenceNumber": place, "ProductNumber": "BK-1", "ShippingSiteId": "1"}
        | {name: float(value) for name, value in line.items()}
        for place, line in enumerate(lines, start=1)
    ]
    header = {"SalesOrderNumber": number, "OrderingCustomerAccountNumber": "US-001", "OrderTotalChargesAmount": 12.5}
    control(finops, "orders", {**header, "lines": numbered})
    control(finops, "clerk", {"do": "totals"})
    control(finops, "clerk", {"do": "deliver", "SalesOrderNumber": number})


def total_in_sales(desk: Desk, entity_set: str, freight: Decimal, header_tax: Decimal, lines: list[Any]) -> Decimal:
    """What Sales makes of lines of quantity, price, discount and tax, of freight and of a tax that is in no line."""
    header = desk.document(entity_set, freightamount=float(freight))
    for quantity, price, discount, tax in lines:
        desk.line(
            header,
            entity_set,
            **{"quantity": int(quantity), "ispriceoverridden": True, "priceperunit": float(price)},
            **{"manualdiscountamount": float(discount), "tax": float(tax)},
        )
    if header_tax:
        own = {"isproductoverridden": True, "productdescription": "Freight Tax", "priceperunit": float(header_tax)}
        desk.line(header, entity_set, quantity=1, **{"productid@odata.bind": None, "uomid@odata.bind": None}, **own)
    found: Any = exact_json.loads(desk.world.get(f"{entity_set}({header})").content)
    return Decimal(found["totalamount"])


@pytest.mark.parametrize("place", range(len(ORDERS)))
def test_an_order_costs_the_same_in_both_systems(finops: Caller, desk: Desk, place: int) -> None:
    number = f"F-{place}"
    delivered(finops, number, ORDERS[place])
    (header,) = rows(finops, "CDSSalesOrderHeaders", "SalesOrderNumber", number)
    lines = [
        (
            line["OrderedSalesQuantity"],
            line["SalesPrice"],
            line["OrderedSalesQuantity"] * line["LineDiscountAmount"] - line["FixedPriceCharges"],
            line["TotalTaxAmount"],
        )
        for line in rows(finops, "CDSSalesOrderLinesV2", "SalesOrderNumber", number)
    ]
    found = total_in_sales(
        desk, "salesorders", header["OrderTotalChargesAmount"], header["OrderHeaderTaxAmount"], lines
    )
    assert found == header["OrderTotalAmount"]


@pytest.mark.parametrize("place", range(len(ORDERS)))
def test_each_invoice_of_an_order_costs_the_same_in_both_systems(finops: Caller, desk: Desk, place: int) -> None:
    number = f"I-{place}"
    delivered(finops, number, ORDERS[place])
    part = [{"LineCreationSequenceNumber": 1, "quantity": 1}, {"LineCreationSequenceNumber": 2, "quantity": 1}]
    control(finops, "clerk", {"do": "invoice", "SalesOrderNumber": number, "lines": part})
    control(finops, "clerk", {"do": "invoice", "SalesOrderNumber": number})
    headers = rows(finops, "ExternallyMaintainedCustomerSalesInvoiceHeaders", "SalesOrderNumber", number)
    assert len(headers) == 2
    for header in headers:
        own = header["InvoiceNumber"]
        posted = rows(finops, "ExternallyMaintainedCustomerSalesInvoiceLinesV2", "InvoiceNumber", own)
        names = ("InvoicedQuantity", "SalesPrice", "LineTotalDiscountAmount", "LineTotalTaxAmount")
        lines = [tuple(line[name] for name in names) for line in posted]
        charge, header_tax = header["TotalChargeAmount"], header["InvoiceHeaderTaxAmount"]
        found = total_in_sales(desk, "invoices", charge, header_tax, lines)
        assert found == header["TotalInvoiceAmount"]
