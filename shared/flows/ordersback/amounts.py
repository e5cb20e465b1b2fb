"""What a line of a sales order costs, as Sales can say it (prospect-to-cash, section 10.4).

F&O has a price for one or several units, a discount per unit, percentages, and a charge of the line. Sales calculates
quantity x price - discount, with a discount of the whole line that is never below zero. Where the discount would be,
since a charge makes the line dearer or the quantity is below zero, the price of a unit makes up for it.
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from shared.flows.finops_documents.amounts import LineAmounts
from shared.flows.finops_documents.words import CURRENCY_DECIMALS
from shared.flows.sales_documents.discounts import number_of
from shared.mapping.amounts import DECIMALS, rounded_half_up
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Column, Line, TargetField, Unmappable
from shared.records import Json, Values

QUANTITY, PRICE, PRICE_QUANTITY = "OrderedSalesQuantity", "SalesPrice", "SalesPriceQuantity"
_PER_UNIT, _CHARGE, DISCOUNT = "LineDiscountAmount", "FixedPriceCharges", "TotalDiscountAmount"
# With one of these a discount is more than an amount per unit.
_COMBINED = ("LineDiscountPercentage", "MultilineDiscountAmount", "MultilineDiscountPercentage")
_COLUMNS = tuple(
    Column(name, Decimal) for name in (QUANTITY, PRICE, PRICE_QUANTITY, _PER_UNIT, _CHARGE, *_COMBINED, DISCOUNT)
)
# Digits for the product of any two amounts of F&O.
EXACT = Context(prec=80)


def amounts_of(line: Values) -> LineAmounts:
    """Price and discount of a line, rounded as Sales keeps them: those of F&O, or another price where the discount
    would be below zero. Raises Unmappable if no price makes up for it."""
    quantity, whole = number_of(line, QUANTITY), number_of(line, PRICE)
    price = EXACT.divide(whole, number_of(line, PRICE_QUANTITY) or Decimal(1))
    discount = _discount(line, quantity)
    if discount >= 0:
        return LineAmounts(_rounded(price, line, DECIMALS), _rounded(discount, line, CURRENCY_DECIMALS))
    if not quantity:
        raise Unmappable(
            "charge_of_line",
            f"{_CHARGE} makes a line without quantity cost {-discount}; Sales has no charges of a line",
            remedy="make it a charge of the whole order in F&O",
        )
    amount = EXACT.subtract(EXACT.multiply(quantity, price), discount)
    # What the rounded price costs too much is the discount, so it is rounded to the side on which there is some.
    towards = ROUND_CEILING if quantity > 0 else ROUND_FLOOR
    raised = EXACT.divide(amount, quantity).quantize(Decimal(1).scaleb(-_places(line, DECIMALS)), towards, EXACT)
    base = _rounded(EXACT.multiply(quantity, raised), line, CURRENCY_DECIMALS)
    return LineAmounts(raised, EXACT.subtract(base, _rounded(amount, line, CURRENCY_DECIMALS)))


def price_per_unit(target: str) -> Line:
    """The price of one unit: F&O may have it for several."""
    meaning = (
        f"`{PRICE}` / `{PRICE_QUANTITY}`, rounded half up to the organisation's pricing precision; where the discount "
        "would be below zero, the price that gives what the line costs"
    )
    return _word(target, meaning, lambda amounts: amounts.price)


def line_discount(target: str) -> Line:
    """The discount of a whole line. Sales has no discount below zero."""
    meaning = (
        f"D = quantity x discount per unit - charge; with a percentage or a multiline discount `{DISCOUNT}`; rounded "
        "half up to the decimals of the currency in Sales. Never below zero: the price makes up for it"
    )
    return _word(target, meaning, lambda amounts: amounts.discount)


def _word(target: str, meaning: str, part: Callable[[LineAmounts], Decimal]) -> Line:
    def read(row: Values, _maps: ValueMaps) -> Json:
        return part(amounts_of(row))

    return Line(_COLUMNS, TargetField(target, type=Decimal, empty=None), meaning, read)


def _discount(line: Values, quantity: Decimal) -> Decimal:
    if any(number_of(line, name) for name in _COMBINED):
        return number_of(line, DISCOUNT)
    return EXACT.subtract(EXACT.multiply(quantity, number_of(line, _PER_UNIT)), number_of(line, _CHARGE))


def _rounded(number: Decimal, line: Values, decimals: str) -> Decimal:
    return rounded_half_up(number, _places(line, decimals))


def _places(line: Values, decimals: str) -> int:
    places = line[decimals]
    assert isinstance(places, int)
    return places
