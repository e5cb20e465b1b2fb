"""What a posted line costs, as Sales can say it, and the lines that it needs where it cannot (docs/rules.md, Invoices).

F&O says what a line costs (`LineAmount`). Sales calculates it: quantity x price - discount, each rounded. A price for
several units, or a discount that is part of the amount only, would cost something else there. Sales has no discount and
no charge below zero either, as a credit note has them: such an amount becomes a line of its own, a text with a price.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, ROUND_UP, Context, Decimal

from shared.flows.finops_documents.amounts import DISCOUNT_TEXT, LineAmounts, lines_below_zero
from shared.flows.finops_documents.references import LINE_NUMBER_FIELD
from shared.flows.finops_documents.words import CURRENCY_DECIMALS
from shared.flows.sales_documents.discounts import number_of
from shared.mapping.amounts import DECIMALS
from shared.mapping.plain_word import PlainWord
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Column, TargetField, value_of
from shared.records import Json, Values

QUANTITY, PRICE, DISCOUNT, AMOUNT = "InvoicedQuantity", "SalesPrice", "LineTotalDiscountAmount", "LineAmount"
TAX = "LineTotalTaxAmount"
CHARGES_FIELD, DISCOUNT_FIELD = "TotalChargeAmount", "TotalDiscountCustomerGroupCode"
_PRICE_COLUMN, _DISCOUNT_COLUMN = "priceperunit", "manualdiscountamount"
_DECIMAL_COLUMNS = tuple(Column(name, Decimal) for name in (QUANTITY, PRICE, DISCOUNT, AMOUNT))

# The numbers of the lines for discounts of lines: behind those of F&O, before those of the whole invoice.
DISCOUNTS_FROM = 1_000_000_000

# Digits for the product of any two numbers of F&O.
_EXACT = Context(prec=80)


def amounts_of(line: Values) -> LineAmounts:
    """Price and discount of a line: those of F&O if they give its amount, otherwise a price that does. What a rounded
    price costs too much is part of the discount."""
    quantity, discount = number_of(line, QUANTITY), _rounded(number_of(line, DISCOUNT), line, CURRENCY_DECIMALS)
    price = _rounded(number_of(line, PRICE), line, DECIMALS)
    if value_of(line, AMOUNT) is None:
        return LineAmounts(price, discount)
    amount = _rounded(number_of(line, AMOUNT), line, CURRENCY_DECIMALS)
    if quantity and _base(quantity, price, line) - discount != amount:
        whole = _EXACT.divide(_EXACT.add(amount, discount), quantity)
        price = _rounded(whole, line, DECIMALS, ROUND_UP)
    return LineAmounts(price, _base(quantity, price, line) - amount)


def cost_of(line: Values) -> Decimal:
    """What Sales must calculate for a line, with its tax."""
    amounts = amounts_of(line)
    base = _base(number_of(line, QUANTITY), amounts.price, line)
    return base - max(amounts.discount, Decimal(0)) + _rounded(number_of(line, TAX), line, CURRENCY_DECIMALS)


def added_lines(header: Values, lines: Mapping[int, Values]) -> Iterator[tuple[int, dict[str, Json]]]:
    """The lines, by number, for what Sales has no column below zero: charges and discount of the invoice, and the
    discount of a line."""
    for number, text, price in lines_below_zero(header, CHARGES_FIELD, DISCOUNT_FIELD):
        yield number, _of_text(text, price)
    for number, line in lines.items():
        of_line = amounts_of(line).discount
        if of_line < 0:
            yield DISCOUNTS_FROM + number, _of_text(f"{DISCOUNT_TEXT}, line {number}", -of_line)


def _of_text(text: str, price: Decimal) -> dict[str, Json]:
    return {LINE_NUMBER_FIELD: None, "ProductName": text, QUANTITY: 1, PRICE: price}


@dataclass(frozen=True, slots=True)
class PriceAndDiscount(PlainWord):
    """The word for price and discount of a line."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it reads."""
        return _DECIMAL_COLUMNS

    @property
    def fields(self) -> tuple[TargetField, ...]:
        """What it writes."""
        return tuple(TargetField(name, type=Decimal, empty=None) for name in (_PRICE_COLUMN, _DISCOUNT_COLUMN))

    @property
    def meaning(self) -> str:
        """How."""
        return (
            f"`{PRICE}` and `{DISCOUNT}`, rounded half up as Sales keeps them; where quantity x price - discount is "
            f"not `{AMOUNT}`, a price and a discount that give it; a discount below zero is a line of its own"
        )

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:  # noqa: ARG002 - the row says everything
        """The values of its fields."""
        amounts = amounts_of(row)
        return {_PRICE_COLUMN: amounts.price, _DISCOUNT_COLUMN: max(amounts.discount, Decimal(0))}

    def sources(self, field: str) -> tuple[str, ...]:  # noqa: ARG002 - both are made of all
        """The columns from which one of its fields is made."""
        return tuple(column.name for column in self.columns)


def _base(quantity: Decimal, price: Decimal, line: Values) -> Decimal:
    return _rounded(_EXACT.multiply(quantity, price), line, CURRENCY_DECIMALS)


def _rounded(number: Decimal, line: Values, decimals: str, rounding: str = ROUND_HALF_UP) -> Decimal:
    places = line[decimals]
    assert isinstance(places, int)
    return number.quantize(Decimal(1).scaleb(-places), rounding, _EXACT)
