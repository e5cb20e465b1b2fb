"""What the engine must know of orders in Sales that were made in F&O: which ones are taken over."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.flows.finops_documents.rules import FinopsDocumentRules
from shared.flows.ordersback.created import MARK
from shared.mapping.verdicts import Rejected
from shared.records import Json, TargetRow


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
