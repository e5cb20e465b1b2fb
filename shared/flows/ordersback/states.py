"""The states in which an order of Sales is read-only, and how it gets there (dataverse-web-api, section 11.6)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clients.dataverse.closings import STATE, ClosingAction
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Filtered
from shared.mapping.words import Column, Line, TargetField, Word, value_of
from shared.records import Json, TargetRow, Values

STATUS_FIELD = "SalesOrderProcessingStatus"
SUBMITTED, CANCELED, FULFILLED, INVOICED = 1, 2, 3, 4
READ_ONLY = frozenset({SUBMITTED, CANCELED, FULFILLED, INVOICED})
# By which action, and with which status, an order is closed.
ACTIONS: Mapping[int, ClosingAction] = {
    CANCELED: ClosingAction("CancelSalesOrder", "OrderClose", "orderclose", "Canceled in F&O", 4),
    FULFILLED: ClosingAction("FulfillSalesOrder", "OrderClose", "orderclose", "Delivered in F&O", 100001),
}


@dataclass(frozen=True, slots=True)
class ClosingChoices:
    """Which orders a deployment closes in Sales (settings)."""

    cancels: bool = False
    fulfills: bool = False

    @property
    def words(self) -> tuple[Word, ...]:
        """The mapping of the state; none if no order is closed."""
        states = {"Canceled": CANCELED} if self.cancels else {}
        states |= {"Delivered": FULFILLED} if self.fulfills else {}
        return (_closing(states),) if states else ()


def left_out(row: TargetRow) -> Filtered | None:
    """Why Sales lets nobody change an order; None if it does."""
    state = row.values.get(STATE)
    if state == INVOICED:
        return Filtered("invoiced_in_sales")
    return Filtered("closed_in_sales") if state in READ_ONLY else None


def _closing(states: Mapping[str, int]) -> Line:
    """The state in which an order with some statuses is closed; any other status leaves the state as it is."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        return states.get(str(value_of(row, STATUS_FIELD)))

    told = ", ".join(f"`{status}` = {state}" for status, state in states.items())
    meaning = f"{told}, by an action of its own; otherwise it stays as it is"
    return Line((Column(STATUS_FIELD),), TargetField(STATE, type=int, empty=None), meaning, read)
