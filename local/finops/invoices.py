"""Posted invoices of orders: what an invoice says of its order, and whose invoices the service shows."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from local.finops import orderlines, ordertotals, saleslines
from local.finops.settings import Settings
from local.finops.values import Stored

HEADERS = "ExternallyMaintainedCustomerSalesInvoiceHeaders"
LINES = "ExternallyMaintainedCustomerSalesInvoiceLinesV2"
KEY = ("InvoiceNumber", "InvoiceDate", "LedgerVoucher")

# Only the invoices of customers that are externally maintained now are shown, with their lines.
_OF_CUSTOMER = (
    '(SELECT 1 FROM "CustomersV3" AS "customer" WHERE "customer"."dataAreaId" = "{0}"."dataAreaId" AND '
    '"customer"."CustomerAccount" = "{0}"."InvoiceCustomerAccountNumber" AND '
    '"customer"."IsExternallyMaintained" = \'Yes\')'
)
SHOWN_HEADERS = f"EXISTS {_OF_CUSTOMER.format(HEADERS)}"
SHOWN_LINES = (
    f'EXISTS (SELECT 1 FROM "{HEADERS}" AS "invoice" WHERE '
    + " AND ".join(f'"invoice"."{name}" = "{LINES}"."{name}"' for name in ("dataAreaId", *KEY))
    + f" AND EXISTS {_OF_CUSTOMER.format('invoice')})"
)

_FROM_ORDER = (
    *("dataAreaId", "SalesOrderNumber", "SalesOrderOriginType", "InvoiceCustomerAccountNumber", "ContactPersonId"),
    *("CustomersOrderReference", "CurrencyCode", "PaymentTermsName", "DeliveryTermsCode", "DeliveryModeCode"),
)
_FROM_LINE = ("ProductNumber", "ProductName", "SalesUnitSymbol", "SalesPrice", "CurrencyCode", "ConfirmedShippingDate")
# The address of an invoice, with the names that it has in the order and in each block of the customer.
_ADDRESS = {
    "Street": ("Street", "Street"),
    "StreetNumber": ("StreetNumber", "StreetNumber"),
    "City": ("City", "City"),
    "State": ("StateId", "State"),
    "ZipCode": ("ZipCode", "ZipCode"),
    "CountryRegionId": ("CountryRegionId", "CountryRegionId"),
    "CountryRegionISOCode": ("CountryRegionISOCode", "CountryRegionISOCode"),
}

Row = Mapping[str, Stored]


def line_of(line: Row, before: Decimal, quantity: Decimal, settings: Settings) -> Row:
    """The invoice line for a quantity of an order line of which `before` was invoiced already. Discount and tax of
    several invoices add up to those of the order line; how the service divides them is not known."""
    decimals, ordered = settings.amount_decimals, saleslines.number(line, orderlines.QUANTITY)
    price = saleslines.number(line, "SalesPrice") / (saleslines.number(line, "SalesPriceQuantity") or 1)
    whole = saleslines.number(ordertotals.of_line(line, settings), ordertotals.LINE_DISCOUNT)
    shares = [Decimal(saleslines.rounded(whole * part / ordered, decimals)) for part in (before, before + quantity)]
    amount = Decimal(saleslines.rounded(price * quantity, decimals)) - (shares[1] - shares[0])
    return {
        **{name: line[name] for name in _FROM_LINE},
        saleslines.NUMBER: line[saleslines.NUMBER],
        "ProductDescription": line["LineDescription"],
        "InvoicedQuantity": saleslines.rounded(quantity, saleslines.STORED_DECIMALS),
        saleslines.AMOUNT: saleslines.rounded(amount, decimals),
        "LineTotalDiscountAmount": saleslines.rounded(shares[1] - shares[0], decimals),
        "LineTotalTaxAmount": ordertotals.tax_of(amount, settings),
    }


def header_of(order: Row, customer: Row, lines: Sequence[Row], settings: Settings, *, first: bool) -> Row:
    """The header of an invoice with these lines. That the `first` invoice of an order bears all charges and the
    discount of the whole order is our decision."""
    charges = saleslines.number(order, ordertotals.CHARGES) if first else Decimal(0)
    discount = saleslines.number(order, ordertotals.DISCOUNT) if first else Decimal(0)
    tax_of_charges = Decimal(ordertotals.tax_of(charges, settings))
    tax = _sum(lines, "LineTotalTaxAmount") + tax_of_charges
    amounts = {
        "TotalChargeAmount": charges,
        "InvoiceHeaderTaxAmount": tax_of_charges,
        "TotalTaxAmount": tax,
        "TotalDiscountAmount": _sum(lines, "LineTotalDiscountAmount") + discount,
        # A decimal in spite of its name: the discount on the whole order.
        "TotalDiscountCustomerGroupCode": discount,
        "TotalInvoiceAmount": _sum(lines, saleslines.AMOUNT) - discount + charges + tax,
    }
    return {
        **{name: order[name] for name in _FROM_ORDER},
        **_address(order, customer),
        **{name: saleslines.rounded(value, settings.amount_decimals) for name, value in amounts.items()},
    }


def _address(order: Row, customer: Row) -> Row:
    """The invoice address of the order, else of the customer, else the customer's own; which one the service takes is
    not known."""
    blocks = (
        {name: order[f"InvoiceAddress{of_order}"] for name, (of_order, _) in _ADDRESS.items()},
        {name: customer[f"InvoiceAddress{of_customer}"] for name, (_, of_customer) in _ADDRESS.items()},
        {name: customer[f"Address{of_customer}"] for name, (_, of_customer) in _ADDRESS.items()},
    )
    filled = next((block for block in blocks if any(block.values())), blocks[0])
    return {f"InvoiceAddress{name}": value for name, value in filled.items()}


def _sum(lines: Sequence[Row], name: str) -> Decimal:
    return sum((saleslines.number(line, name) for line in lines), Decimal(0))
