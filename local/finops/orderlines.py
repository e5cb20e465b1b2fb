"""What is particular to the lines of sales orders. Two collections show the same lines, the second one more of them."""

from collections.abc import Mapping

from local.finops import orders, saleslines
from local.finops.values import Stored

SET_NAME, V1_SET_NAME = "CDSSalesOrderLinesV2", "CDSSalesOrderLines"
QUANTITY, STATUS, TOTALS = "OrderedSalesQuantity", "SalesOrderLineStatus", "AreTotalsCalculated"
OPEN = "Backorder"

# What a line shows of its order, by the property of the order.
OF_ORDER: Mapping[str, str] = {
    **{name: name for name in orders.KEPT if name.endswith("CustomerIsExternallyMaintained")},
    "SalesOrderOriginType": "SalesOrderOriginType",
    orders.STATUS: orders.STATUS,
    "AreSalesOrderTotalsUpdated": orders.TOTALS,
}
# What the service keeps itself: that clients cannot write it is inferred.
KEPT = frozenset(OF_ORDER) | {"PickedQuantity", "TotalTaxAmount", "TotalChargesAmount", "TotalDiscountAmount"}

Row = Mapping[str, Stored]


def normalised(name: str, value: Stored) -> Stored:
    """The form in which the service keeps a value."""
    return saleslines.normalised(SET_NAME, name, value)


def from_order(header: Row) -> Row:
    """What a new line takes over from its order."""
    return {**saleslines.from_header(header), "RequestedReceiptDate": header["RequestedReceiptDate"], STATUS: OPEN}


def computed(row: Row) -> Row:
    """The row with its amount."""
    return saleslines.with_amount(row, quantity=QUANTITY)


def locked(row: Row) -> str | None:
    """Why a line cannot be changed any more, None if it can; that a line stays from its delivery on is our decision."""
    if row[STATUS] == OPEN:
        return None
    return f"Line {row[saleslines.NUMBER]} of sales order {row[orders.NUMBER]} has status {row[STATUS]}."
