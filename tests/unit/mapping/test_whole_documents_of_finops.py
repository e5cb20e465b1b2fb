"""An order and an invoice of F&O with everything filled, and what Sales gets of them, field by field."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from shared.flows.invoices.mapping import InvoiceMapper
from shared.flows.ordersback.created import CreatedOrders
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.mapping.verdicts import Mapped, MappedLine, Parent
from shared.records import Json, SourceRow
from tests.unit.mapping.samples import maps
from tests.unit.mapping.test_catalogue import EACH, LIST, USD
from tests.unit.mapping.test_documents_of_finops import INVOICE, KNOWN, LINE, MADE_ROW, ORDER, ROW, mapped

QUOTATION = Parent.with_key("CDSSalesQuotationHeaders", "Q-1")
EVERYTHING_KNOWN = replace(KNOWN, rows={**KNOWN.rows, QUOTATION: MADE_ROW})
TEXT_LINE: dict[str, Json] = {"LineCreationSequenceNumber": 2, "ProductName": "Setup", "SalesPrice": Decimal(7)}


def address_of_finops(block: str, state: str) -> dict[str, Json]:
    return {
        f"{block}Street": "1 Way\nFloor 2",
        f"{block}City": "Seattle",
        f"{block}{state}": "WA",
        f"{block}ZipCode": "98052",
        f"{block}CountryRegionISOCode": "US",
    }


def address_of_sales(block: str, *, blank: bool = False) -> dict[str, Json]:
    filled: dict[str, Json] = {
        f"{block}_line1": "1 Way",
        f"{block}_line2": "Floor 2",
        f"{block}_line3": None,
        f"{block}_city": "Seattle",
        f"{block}_stateorprovince": "WA",
        f"{block}_postalcode": "98052",
        f"{block}_country": "US",
    }
    return dict.fromkeys(filled) if blank else filled


def lines_of(verdict: Mapped, column: str) -> dict[int, Json]:
    """One column of every line, by number."""
    return {
        number: {**line.owned, **line.on_create, **line.calculated}[column] for number, line in sorted_lines(verdict)
    }


def sorted_lines(verdict: Mapped) -> list[tuple[int, MappedLine]]:
    return sorted(verdict.lines.items())


def order_of_finops() -> Mapped:
    """A text of an order has no product; its charges are below zero, so they are a line of their own."""
    product_line = {
        **LINE,
        "OrderedSalesQuantity": Decimal(3),
        "LineDiscountAmount": Decimal("0.2"),
        "FixedPriceCharges": Decimal("0.1"),
        "LineAmount": Decimal("5.5"),
        "TotalTaxAmount": Decimal("0.555"),
        "RequestedShippingDate": "2026-07-15T12:00:00Z",
        "DeliveryAddressName": "Gate",
        **address_of_finops("DeliveryAddress", "StateId"),
    }
    header: dict[str, Json] = {
        **ORDER,
        "QuotationNumber": "Q-1",
        "Email": "a@example.com",
        "DeliveryAddressName": "Dock",
        "RequestedShippingDate": "2026-07-14T12:00:00Z",
        "OrderTotalChargesAmount": Decimal("-1.005"),
        "TotalDiscountAmount": Decimal("2.495"),
        "OrderHeaderTaxAmount": Decimal("0.30"),
        "OrderTotalAmount": Decimal("9.994"),
        **address_of_finops("DeliveryAddress", "StateId"),
        **address_of_finops("InvoiceAddress", "StateId"),
        "lines": [
            {**line, "AreTotalsCalculated": "Yes"}
            for line in (product_line, {**TEXT_LINE, "OrderedSalesQuantity": Decimal(1)})
        ],
    }
    of = maps()
    return mapped(OrdersBackMapper(of, CreatedOrders(of)).evaluate(SourceRow("F-1", None, header), EVERYTHING_KNOWN))


def invoice_of_finops() -> Mapped:
    """Its discount is below zero, so it is a line of its own."""
    header: dict[str, Json] = {
        **INVOICE,
        "CustomersOrderReference": "ref",
        "InvoiceHeaderTaxAmount": Decimal("0.30"),
        "TotalChargeAmount": Decimal("4.005"),
        "TotalDiscountCustomerGroupCode": Decimal(-2),
        "TotalInvoiceAmount": Decimal("9.994"),
        **address_of_finops("InvoiceAddress", "State"),
        "lines": [
            {
                **LINE,
                "InvoicedQuantity": Decimal(3),
                "LineAmount": Decimal("5.5"),
                "LineTotalDiscountAmount": Decimal("0.5"),
                "LineTotalTaxAmount": Decimal("0.555"),
            },
            {**TEXT_LINE, "InvoicedQuantity": Decimal(1), "LineAmount": Decimal(7)},
        ],
    }
    return mapped(InvoiceMapper(maps()).evaluate(SourceRow("I-1", None, header), EVERYTHING_KNOWN))


REFERENCES_OF_HEADER: Mapping[str, Json] = {
    "customerid_account": ROW,
    "customerid_contact": None,
    "pricelevelid": LIST,
    "transactioncurrencyid": USD,
}


def test_an_order_of_finops_becomes_an_order_of_sales() -> None:
    found = order_of_finops()
    assert found.owned == {
        "name": "Shop",
        "quoteid": MADE_ROW,
        "msdynce_processingstatus": 647390001,
        "requestdeliveryby": "2026-07-14T00:00:00Z",
        "emailaddress": "a@example.com",
        "shipto_name": "Dock",
        **address_of_sales("shipto"),
        **address_of_sales("billto"),
        "freightamount": Decimal(0),
        "discountamount": Decimal("2.50"),
        "msdynce_misctax": Decimal("0.30"),
        "msdynce_ismaintainedexternally": True,
    }
    assert found.on_create == REFERENCES_OF_HEADER
    assert (found.key, found.route, found.calculated) == ("F-1", "order", {"totalamount": Decimal("9.99")})


def test_a_line_of_an_order_of_finops_becomes_one_of_sales() -> None:
    line = order_of_finops().lines[1]
    assert line.owned == {
        "productid": ROW,
        "productdescription": None,
        "uomid": EACH,
        "quantity": Decimal(3),
        "priceperunit": Decimal(2),
        "ispriceoverridden": True,
        "manualdiscountamount": Decimal("0.50"),
        "tax": Decimal("0.56"),
        "description": "Bike",
        "requestdeliveryby": "2026-07-15T00:00:00Z",
        "shipto_name": "Gate",
        **address_of_sales("shipto"),
    }
    assert line.on_create == {
        "isproductoverridden": False,
        "lineitemnumber": 1,
        "msdynce_ismisctax": False,
        "msdynce_ismaintainedexternally": True,
    }
    assert line.calculated == {"extendedamount": Decimal("6.06")}


def test_what_an_order_of_finops_has_no_product_for_is_a_line_with_a_text() -> None:
    found = order_of_finops()
    assert lines_of(found, "productdescription") == {0: "Freight Tax", 1: None, 2: "Setup", 2_000_000_000: "Charges"}
    assert lines_of(found, "isproductoverridden") == {0: True, 1: False, 2: True, 2_000_000_000: True}
    assert lines_of(found, "msdynce_ismisctax") == {0: True, 1: False, 2: False, 2_000_000_000: False}
    assert lines_of(found, "lineitemnumber") == {0: 0, 1: 1, 2: 2, 2_000_000_000: None}
    assert lines_of(found, "quantity") == {0: 1, 1: 3, 2: 1, 2_000_000_000: 1}
    assert lines_of(found, "priceperunit") == {
        0: Decimal("0.30"), 1: Decimal(2), 2: Decimal(7), 2_000_000_000: Decimal("-1.01"),
    }  # fmt: skip
    assert lines_of(found, "extendedamount") == {
        0: Decimal("0.30"), 1: Decimal("6.06"), 2: 0, 2_000_000_000: Decimal("-1.01"),
    }  # fmt: skip
    assert found.numbers == {0: "line 0", 1: "line 1", 2: "line 2", 2_000_000_000: "line 2000000000"}
    assert found.lines[2].owned == {
        **dict.fromkeys(found.lines[1].owned),
        "productdescription": "Setup",
        "quantity": 1,
        "priceperunit": 7,
        "ispriceoverridden": True,
        "manualdiscountamount": 0,
        "tax": 0,
        "description": "Setup",
    }


def test_an_invoice_of_finops_becomes_an_invoice_of_sales() -> None:
    found = invoice_of_finops()
    assert found.owned == {
        "msdynce_invoicedate": "2026-07-01",
        "freightamount": Decimal("4.01"),
        "discountamount": Decimal(0),
        "msdynce_misctax": Decimal("0.30"),
    }
    assert found.on_create == {
        **REFERENCES_OF_HEADER,
        "name": "I-1",
        "salesorderid": ROW,
        **address_of_sales("billto"),
        "description": "ref",
        "statuscode": 4,
        "msdynce_ismaintainedexternally": True,
    }
    assert (found.key, found.calculated) == ("I-1", {"totalamount": Decimal("9.99")})


def test_a_line_of_an_invoice_of_finops_becomes_one_of_sales() -> None:
    line = invoice_of_finops().lines[1]
    assert line.owned == {
        "productid": ROW,
        "productdescription": None,
        "quantity": Decimal(3),
        "priceperunit": Decimal(2),
        "manualdiscountamount": Decimal("0.50"),
        "tax": Decimal("0.56"),
    }
    assert line.on_create == {
        "uomid": EACH,
        "isproductoverridden": False,
        "ispriceoverridden": True,
        "description": "Bike",
        "lineitemnumber": 1,
        "msdynce_invoicenumber": "I-1",
        "msdynce_invoicedate": "2026-07-01",
        "msdynce_ismisctax": False,
        "msdynce_ismaintainedexternally": True,
    }
    assert line.calculated == {"extendedamount": Decimal("6.06")}


def test_what_an_invoice_of_finops_has_no_product_for_is_a_line_with_a_text() -> None:
    found = invoice_of_finops()
    assert lines_of(found, "productdescription") == {0: "Freight Tax", 1: None, 2: "Setup", 2_000_000_001: "Discount"}
    assert lines_of(found, "isproductoverridden") == {0: True, 1: False, 2: True, 2_000_000_001: True}
    assert lines_of(found, "msdynce_ismisctax") == {0: True, 1: False, 2: False, 2_000_000_001: False}
    assert lines_of(found, "lineitemnumber") == {0: 0, 1: 1, 2: 2, 2_000_000_001: None}
    assert lines_of(found, "quantity") == {0: 1, 1: 3, 2: 1, 2_000_000_001: 1}
    assert lines_of(found, "priceperunit") == {0: Decimal("0.30"), 1: 2, 2: 7, 2_000_000_001: 2}
    assert lines_of(found, "uomid") == {0: None, 1: EACH, 2: None, 2_000_000_001: None}
    assert lines_of(found, "extendedamount") == {0: Decimal("0.30"), 1: Decimal("6.06"), 2: 7, 2_000_000_001: 2}
    assert found.numbers == {0: "line 0", 1: "line 1", 2: "line 2", 2_000_000_001: "line 2000000001"}
