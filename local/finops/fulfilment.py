"""How far an order and its lines are, by what was picked, delivered and invoiced of each line. A line of a quantity
below zero is a credit: what comes back counts below zero as well."""

from collections.abc import Mapping, Sequence

from local.finops import orderlines, orders, saleslines
from local.finops.values import Stored

PICKED = "PickedQuantity"
# Quantities that the service keeps of a line and shows in no collection.
DELIVERED, INVOICED = "_delivered", "_invoiced"
HIDDEN = (DELIVERED, INVOICED)
CANCELED = "Canceled"

Row = Mapping[str, Stored]


def is_open(line: Row) -> bool:
    """Whether anything can still be done with a line."""
    return line[orderlines.STATUS] not in ("Invoiced", CANCELED)


def line_status(line: Row) -> str:
    """The status of a line that is not canceled."""
    if line[orderlines.STATUS] == CANCELED:
        return CANCELED
    if _is_complete(line, INVOICED):
        return "Invoiced"
    return "Delivered" if _is_complete(line, DELIVERED) else orderlines.OPEN


def _is_complete(line: Row, name: str) -> bool:
    ordered = saleslines.number(line, orderlines.QUANTITY)
    return bool(ordered) and saleslines.number(line, name) / ordered >= 1


def processing_status(order: Row, lines: Sequence[Row]) -> Stored:
    """The processing status of an order with these lines; that it follows them like this is inferred from the names of
    the statuses."""
    kept = [line for line in lines if line[orderlines.STATUS] != CANCELED]
    statuses = {line[orderlines.STATUS] for line in kept}
    invoiced, delivered, picked = (
        any(saleslines.number(line, name) for line in kept) for name in (INVOICED, DELIVERED, PICKED)
    )
    all_delivered = orderlines.OPEN not in statuses
    if not kept:
        return CANCELED
    if statuses == {"Invoiced"}:
        return "Invoiced"
    if invoiced:
        return "DeliveredPartiallyInvoiced" if all_delivered else "PartiallyInvoiced"
    if delivered:
        return "Delivered" if all_delivered else "PartiallyDelivered"
    return "Picked" if picked else order[orders.STATUS]
