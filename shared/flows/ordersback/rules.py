"""What the engine must know of orders in Sales that follow sales orders of F&O: when they are left alone, which ones
are taken over, and whether their totals are right."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.flows.finops_documents.rules import FinopsDocumentRules
from shared.flows.ordersback.created import LINE_TOTAL, MARK, TOTAL
from shared.flows.sales_documents.discounts import plain
from shared.mapping.verdicts import Filtered, Mapped, Rejected
from shared.records import Json, TargetRow

STATE = "statecode"
INVOICED = 4
# The states of an order in Sales in which it is read-only: submitted, canceled, fulfilled, invoiced.
READ_ONLY = frozenset({1, 2, 3, INVOICED})
_TOLD = 10


def left_out(row: TargetRow) -> Filtered | None:
    """Why Sales lets nobody change an order; None if it does."""
    state = row.values.get(STATE)
    if state == INVOICED:
        return Filtered("invoiced_in_sales")
    return Filtered("closed_in_sales") if state in READ_ONLY else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedOrderRules(FinopsDocumentRules):
    """What the engine must know of orders that were made in F&O; satisfies its TargetRules, DocumentRules and
    AdoptionRules."""

    def adopt(self, row: TargetRow) -> Mapping[str, Json] | Rejected:
        """Only an order that is marked as one of F&O is taken over: any other one belongs to Sales."""
        if row.values.get(MARK) is True:
            return {}
        return Rejected(
            "order_of_sales",
            f"Sales has an order with this number, and {MARK} is not true in it: it was made in Sales",
            "if it is the same order, let the flow orders link it: set ORDERS_ON_EXISTING to adopt, and activate the "
            "order; otherwise number ranges overlap, and one of the two must be made again",
        )


def totals_differ(row: TargetRow, content: Mapped) -> Rejected | None:
    """Why an order that needs no write does not cost in Sales what it costs in F&O; None if it does."""
    ours, theirs = content.calculated.get(TOTAL), row.values.get(TOTAL)
    if ours is None or ours == theirs:
        return None
    lines = list(_differing(row, content))
    more = f" and {len(lines) - _TOLD} more" if len(lines) > _TOLD else ""
    why = f"it differs in {'; '.join(lines[:_TOLD])}{more}" if lines else "no line that the sync has written differs"
    remedy = (
        "look at the price and the discount of these lines: Sales rounds each line to the decimals of its currency"
        if lines
        else "look for lines, a discount or freight that people have added to the order in Sales"
    )
    return Rejected("totals_differ", f"{TOTAL} is {_plain(theirs)} in Sales, and {_plain(ours)} in F&O: {why}", remedy)


def _differing(row: TargetRow, content: Mapped) -> Iterator[str]:
    for number, line in sorted(content.lines.items()):
        ours, theirs = line.calculated.get(LINE_TOTAL), row.lines.get(number, {}).get(LINE_TOTAL)
        if ours != theirs:
            yield f"line {number}, {_plain(theirs)} and {_plain(ours)}"


def _plain(amount: Json) -> str:
    return f"{plain(amount)}" if isinstance(amount, Decimal) else str(amount)
