"""The numbers that the fields of a target take: ranges of Dataverse's metadata, and those of the types of F&O.

A number out of range is refused before anything is sent: a record of several parts would otherwise be written in part.
Contract tests check this list against the schemas.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from shared.mapping.words import TargetField, Unmappable
from shared.records import Json


@dataclass(frozen=True, slots=True)
class Range:
    """The smallest and the largest number, and how many digits it may have; None is no limit."""

    minimum: int | None = None
    maximum: int | None = None
    digits: int | None = None

    def holds(self, number: int | Decimal) -> bool:
        """Whether a field with this range accepts a number."""
        low = self.minimum is None or self.minimum <= number
        high = self.maximum is None or number <= self.maximum
        return low and high and (self.digits is None or _digits_of(Decimal(number)) <= self.digits)

    def __str__(self) -> str:
        return f"at most {self.digits} digits" if self.minimum is None else f"{self.minimum} to {self.maximum}"


# MinValue and MaxValue of the columns of a table of Dataverse, by column.
Ranges = Mapping[str, Range]
INT32 = Range(-(2**31), 2**31 - 1)
_EXACT = Context(prec=200)
# The digits of F&O's type for amounts and quantities.
DECIMAL = Range(digits=32)


def range_of(field: TargetField, columns: Ranges | None) -> Range | None:
    """The numbers that a field accepts; None if it holds no number, or an option or a lookup. `columns` are the ranges
    of the table, where it is one of Dataverse."""
    if columns is not None:
        return columns.get(field.name)
    return {int: INT32, Decimal: DECIMAL}.get(field.type)


def is_in_range(known: Range | None, value: Json) -> bool:
    """Whether a field accepts a value, as far as it is a number."""
    return known is None or isinstance(value, bool) or not isinstance(value, int | Decimal) or known.holds(value)


def check_range(name: str, field: str, known: Range | None, number: Json, *, target_set: str) -> None:
    """Raises Unmappable for a number that the field does not accept. `name` says where it comes from."""
    if is_in_range(known, number):
        return
    raise Unmappable(
        "number_out_of_range",
        f"{name} is {Decimal(str(number)):f}; {field} of {target_set} takes {known}",
        remedy=f"correct {name}",
        value=name,
    )


def _digits_of(number: Decimal) -> int:
    """How many digits a number needs before and after its point."""
    short = _EXACT.normalize(number)
    return max(short.adjusted() + 1, 1) + max(-int(short.as_tuple().exponent), 0)
