"""Whether a document of F&O costs the same in Sales, which calculates its totals itself."""

from collections.abc import Iterator
from decimal import Decimal

from shared.flows.finops_documents.words import CURRENCY_DECIMALS
from shared.flows.sales_documents.discounts import plain
from shared.mapping.amounts import rounded_half_up
from shared.mapping.verdicts import Mapped, Rejected
from shared.records import Json, TargetRow, Values

# What Sales calculates, and what it must be by the amounts of F&O.
TOTAL, LINE_TOTAL = "totalamount", "extendedamount"
_TOLD = 10


def to_the_cent(amount: Decimal, looked_up: Values) -> Decimal:
    """An amount in the decimals of its currency in Sales."""
    decimals = looked_up[CURRENCY_DECIMALS]
    assert isinstance(decimals, int)
    return rounded_half_up(amount, decimals)


def totals_differ(row: TargetRow, content: Mapped) -> Rejected | None:
    """Why a document that needs no write does not cost in Sales what it costs in F&O; None if it does."""
    ours, theirs = content.calculated.get(TOTAL), row.values.get(TOTAL)
    if ours is None or ours == theirs:
        return None
    lines = list(_differing(row, content))
    more = f" and {len(lines) - _TOLD} more" if len(lines) > _TOLD else ""
    why = f"it differs in {'; '.join(lines[:_TOLD])}{more}" if lines else "no line that the sync has written differs"
    remedy = (
        "look at the price and the discount of these lines: Sales rounds each line to the decimals of its currency"
        if lines
        else "look for lines, a discount or freight that people have added in Sales"
    )
    return Rejected("totals_differ", f"{TOTAL} is {_plain(theirs)} in Sales, and {_plain(ours)} in F&O: {why}", remedy)


def _differing(row: TargetRow, content: Mapped) -> Iterator[str]:
    for number, line in sorted(content.lines.items()):
        ours, theirs = line.calculated.get(LINE_TOTAL), row.lines.get(number, {}).get(LINE_TOTAL)
        if ours != theirs:
            yield f"line {number}, {_plain(theirs)} and {_plain(ours)}"


def _plain(amount: Json) -> str:
    return f"{plain(amount)}" if isinstance(amount, Decimal) else str(amount)
