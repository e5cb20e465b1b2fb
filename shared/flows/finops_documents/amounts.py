"""Amounts of documents of F&O, as Sales can say them.

Charges and discounts of a whole document below zero, as credits have them, are not among these: so each becomes a line
of its own, a text with a price.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from shared.flows.sales_documents.discounts import number_of
from shared.records import Values

# The numbers of these lines: behind those of F&O, which numbers the lines of an order from 1.
CHARGES_LINE, DISCOUNT_LINE = 2_000_000_000, 2_000_000_001
CHARGES_TEXT, DISCOUNT_TEXT = "Charges", "Discount"


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """A line as Sales calculates it: quantity x `price`, rounded, less `discount` is what it costs."""

    price: Decimal
    discount: Decimal


def lines_below_zero(header: Values, charges: str, discount: str) -> Iterator[tuple[int, str, Decimal]]:
    """Number, text and price of each of these lines. `charges` and `discount` are the fields of the header."""
    charged, reduced = number_of(header, charges), number_of(header, discount)
    if charged < 0:
        yield CHARGES_LINE, CHARGES_TEXT, charged
    if reduced < 0:
        yield DISCOUNT_LINE, DISCOUNT_TEXT, -reduced
