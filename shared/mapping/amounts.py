"""Amounts of money: how they are rounded, and the word that rounds them. Never a float."""

from decimal import ROUND_HALF_UP, Context, Decimal

from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Column, Line, TargetField, value_of
from shared.records import Json, Values

# How many decimals a price keeps, as one of the row's columns.
DECIMALS = "=decimals"
# Digits for any amount of F&O (Edm.Decimal, up to 32 digits) with the decimals of Sales (up to 10).
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


def rounded(source: str, target: str, *, blank_zero: bool = False) -> Line:
    """An amount, rounded half up to the precision of the target; `blank_zero` leaves an amount of 0 out."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        value, decimals = value_of(row, source), row.get(DECIMALS)
        if value is None or not isinstance(decimals, int):
            return None
        amount = rounded_half_up(value, decimals)
        return None if blank_zero and amount == 0 else amount

    meaning = "rounded half up to the organisation's pricing precision" + ("; 0: blank" if blank_zero else "")
    return Line((Column(source, Decimal),), TargetField(target, type=Decimal, empty=None), meaning, read)


def rounded_half_up(value: Json, decimals: int) -> Decimal:
    """A number rounded half up to some decimals."""
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return _EXACT.quantize(number, Decimal(1).scaleb(-decimals))
