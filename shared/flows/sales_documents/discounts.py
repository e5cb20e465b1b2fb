"""Line discounts: one amount for the whole line in Sales, an amount per unit and a charge in F&O (docs/rules.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

from shared.mapping.amounts import DECIMALS, rounded_half_up
from shared.mapping.plain_word import PlainWord
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Column, TargetField, Unmappable, value_of
from shared.records import Json, Values

_QUANTITY, _MANUAL, _VOLUME = "quantity", "manualdiscountamount", "volumediscountamount"
_PER_UNIT, _CHARGE = "LineDiscountAmount", "FixedPriceCharges"
# Digits for the product of any two numbers of Sales (up to 13 digits with 10 decimals): nothing is rounded unasked.
_EXACT = Context(prec=80, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Split:
    """A line discount as F&O holds it: quantity x `per_unit` - `charge` is the discount again, to the last digit."""

    per_unit: Decimal
    charge: Decimal


def split_discount(discount: Decimal, quantity: Decimal, decimals: int) -> Split:
    """Split a line's discount; `decimals` is F&O's precision for the currency. A line of quantity 0 has no discount
    per unit: all of it becomes a (negative) charge."""
    per_unit = Decimal(0)
    if quantity:
        per_unit = rounded_half_up(_EXACT.divide(discount, quantity), decimals)
    return Split(plain(per_unit), plain(_EXACT.subtract(_EXACT.multiply(quantity, per_unit), discount)))


def line_discount(row: Values) -> Decimal:
    """What Sales takes off a line: the manual discount, and the volume discount, which is one per unit."""
    manual, volume = number_of(row, _MANUAL), number_of(row, _VOLUME)
    return _EXACT.add(manual, _EXACT.multiply(volume, number_of(row, _QUANTITY)))


def number_of(row: Values, column: str) -> Decimal:
    """A number of a row; blank counts as 0."""
    value = value_of(row, column)
    return Decimal(0) if value is None else value if isinstance(value, Decimal) else Decimal(str(value))


def plain(number: Decimal) -> Decimal:
    """The same number without trailing zeros, however many decimals it came with: one number, one text."""
    short = number.normalize(_EXACT)
    if not short:
        return Decimal(0)
    return short if int(short.as_tuple().exponent) <= 0 else short.quantize(Decimal(1), context=_EXACT)


def require_decimals(column: str, amount: Decimal, row: Values) -> None:
    """Raises Unmappable for an amount with more decimals than F&O keeps: it would round it on its own."""
    decimals = decimals_of(row)
    if -int(plain(amount).as_tuple().exponent) > decimals:
        raise Unmappable(
            "too_many_decimals",
            f"{column} is {plain(amount)}, and F&O keeps {decimals} decimals of an amount in this currency",
            remedy="round the amount in Sales, or correct `amount_decimals` of the map document",
        )


def decimals_of(row: Values) -> int:
    """F&O's precision for the document's currency, which the mapping puts beside the row's own columns."""
    decimals = row[DECIMALS]
    assert isinstance(decimals, int)
    return decimals


@dataclass(frozen=True, slots=True)
class DiscountSplit(PlainWord):
    """The word for a line's discount: both fields are always sent, also 0."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that it reads."""
        return Column(_MANUAL, Decimal), Column(_VOLUME, Decimal), Column(_QUANTITY, Decimal)

    @property
    def fields(self) -> tuple[TargetField, ...]:
        """Both fields of the discount."""
        return tuple(TargetField(name, type=Decimal, empty=0) for name in (_PER_UNIT, _CHARGE))

    @property
    def meaning(self) -> str:
        """The calculation, for the documentation."""
        return (
            "D = manual discount + volume discount x quantity; per unit d = D / quantity, rounded half up to F&O's "
            "precision; charge = quantity x d - D"
        )

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:  # noqa: ARG002 - the row says everything
        """The values of its fields; None is blank."""
        discount = line_discount(row)
        require_decimals(f"the discount ({_MANUAL} + {_VOLUME} x {_QUANTITY})", discount, row)
        split = split_discount(discount, number_of(row, _QUANTITY), decimals_of(row))
        return {_PER_UNIT: split.per_unit, _CHARGE: split.charge}

    def sources(self, field: str) -> tuple[str, ...]:  # noqa: ARG002 - both are made of all
        """The columns from which one of its fields is made."""
        return tuple(column.name for column in self.columns)
