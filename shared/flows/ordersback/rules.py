"""What the engine must know of orders in Sales that follow sales orders of F&O: when they are left alone, and which
ones are taken over."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.flows.finops_documents.rules import FinopsDocumentRules
from shared.flows.ordersback.created import MARK
from shared.mapping.verdicts import Filtered, Rejected
from shared.records import Json, TargetRow

STATE = "statecode"
INVOICED = 4
# The states of an order in Sales in which it is read-only: submitted, canceled, fulfilled, invoiced.
READ_ONLY = frozenset({1, 2, 3, INVOICED})


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
