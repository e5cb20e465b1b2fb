"""What the engine must know of invoices in Sales: they are made once."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.flows.finops_documents.rules import FinopsDocumentRules
from shared.mapping.verdicts import Rejected
from shared.records import TargetRow

# The field that says whether an order is invoiced, where the sync looks after that.
ORDER_STATE = "salesorderid.statecode"
_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRules(FinopsDocumentRules):
    """What the engine must know of invoices in Sales; satisfies its TargetRules and DocumentRules."""

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:  # noqa: ARG002 - in whatever state
        """An invoice that is complete is never changed: a posted invoice does not change in F&O, so a difference is
        somebody's change in Sales, or of what the mapping makes of it. The state of its order is no part of it."""
        changed = [name for name in changed if name != ORDER_STATE]
        if not changed:
            return None
        more = f" and {len(changed) - _TOLD} more" if len(changed) > _TOLD else ""
        return Rejected(
            "invoice_differs",
            f"the invoice in Sales is not what the posted invoice in F&O says, in {', '.join(changed[:_TOLD])}{more}",
            "correct it in Sales; or delete it there, and `p2c reconcile invoices --repair` creates it again",
        )
