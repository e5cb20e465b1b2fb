"""What the batch job that calculates sales totals makes of an order: tax, discounts and sums."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from local.finops import orderlines, orders, saleslines
from local.finops.settings import Settings
from local.finops.values import Stored

# What the job reads of an order and writes to it.
CHARGES, TAX_OF_CHARGES, DISCOUNT = "OrderTotalChargesAmount", "OrderHeaderTaxAmount", "TotalDiscountAmount"
LINE_DISCOUNT, LINE_TAX = "TotalDiscountAmount", "TotalTaxAmount"

Row = Mapping[str, Stored]


def of_line(line: Row, settings: Settings) -> Row:
    """A line with its tax and its discount: all that makes its amount less than price times quantity, charges of the
    line included, which is an assumption."""
    decimals = settings.amount_decimals
    amount = saleslines.number(line, saleslines.AMOUNT)
    price = saleslines.number(line, "SalesPrice") / (saleslines.number(line, "SalesPriceQuantity") or 1)
    gross = Decimal(saleslines.rounded(price * saleslines.number(line, orderlines.QUANTITY), decimals))
    return {
        LINE_DISCOUNT: saleslines.rounded(gross - amount, decimals),
        LINE_TAX: tax_of(amount, settings),
        orderlines.TOTALS: "Yes",
    }


def of_order(header: Row, lines: Sequence[Row], settings: Settings) -> Row:
    """The totals of an order whose lines are calculated; the tax of its charges is in no line."""
    charges, discount = saleslines.number(header, CHARGES), saleslines.number(header, DISCOUNT)
    tax_of_charges = Decimal(tax_of(charges, settings))
    tax = _sum(lines, LINE_TAX) + tax_of_charges
    totals = {
        TAX_OF_CHARGES: tax_of_charges,
        "OrderTotalTaxAmount": tax,
        "OrderTotalDiscountAmount": _sum(lines, LINE_DISCOUNT) + discount,
        "OrderTotalAmount": _sum(lines, saleslines.AMOUNT) - discount + charges + tax,
    }
    shown = {name: saleslines.rounded(value, settings.amount_decimals) for name, value in totals.items()}
    return {**shown, orders.TOTALS: "Yes"}


def tax_of(amount: Decimal, settings: Settings) -> str:
    """The sales tax on an amount."""
    return saleslines.rounded(amount * settings.sales_tax / 100, settings.amount_decimals)


def _sum(lines: Sequence[Row], name: str) -> Decimal:
    return sum((saleslines.number(line, name) for line in lines), Decimal(0))
