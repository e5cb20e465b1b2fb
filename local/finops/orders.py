"""What is particular to sales orders: where they come from, how far they are, and when their totals are out of date."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from local.finops import salesheaders
from local.finops.values import Stored

SET_NAME = "CDSSalesOrderHeaders"
NUMBER, STATUS, TOTALS = "SalesOrderNumber", "SalesOrderProcessingStatus", "AreTotalsUpdated"
ACTIVE = "Active"

# Codes and types of sales origins; the types are those of the service, the codes are of this simulator.
ORIGINS: Mapping[str, str] = MappingProxyType(
    {"Sales": "SalesOrderIntegration", "Field": "WorkOrderIntegration", "Phone": "NotSpecified"}
)
_TYPES = {code.casefold(): kind for code, kind in ORIGINS.items()}

# What the service keeps itself, beyond what the names of properties tell: that clients cannot write it is inferred.
KEPT = frozenset(
    {
        TOTALS,
        "OrderHeaderTaxAmount",
        "OrderingCustomerIsExternallyMaintained",
        "InvoiceCustomerIsExternallyMaintained",
        "SalesOrderOriginType",
    }
)

Row = Mapping[str, Stored]


def refusal(name: str, value: str) -> str | None:
    """Why a given value is impossible, None if it is not."""
    if name == "SalesOrderOriginCode" and value and value.rstrip(" ").casefold() not in _TYPES:
        return f"The value '{value}' in field 'Sales origin' is not found in the related table 'Sales origin'."
    return salesheaders.refusal(name, value)


def from_customer(customer: Row) -> Row:
    """What a new order takes over from its customer."""
    return salesheaders.from_customer(customer, named="SalesOrderName")


def computed(row: Row) -> Row:
    """The row with the type of its origin."""
    code = str(row["SalesOrderOriginCode"]).rstrip(" ").casefold()
    return {**row, "SalesOrderOriginType": _TYPES.get(code, "NotSpecified")}


def status_of(lines: Iterable[Stored]) -> str:
    """The status of an order by those of its lines: as its slowest line. That an order has no status without lines is
    known, the rest is what the product is known to do."""
    found = frozenset(lines)
    return next((status for status in ("Backorder", "Delivered", "Invoiced", "Canceled") if status in found), "None")


def of_lines(statuses: Iterable[Stored]) -> Row:
    """What an order shows once one of its lines was changed, by the status of each: its totals are out of date."""
    return {"SalesOrderStatus": status_of(statuses), TOTALS: "No"}


def complaints(row: Row) -> tuple[str, ...]:
    """What an order lacks."""
    return salesheaders.complaints(row, customer="OrderingCustomerAccountNumber")


def kept_because(row: Row) -> str | None:
    """Why an order cannot be deleted, None if it can. That an order stays from its confirmation on is our decision."""
    if row[STATUS] == ACTIVE:
        return None
    return f"Sales order {row[NUMBER]} has status {row[STATUS]}."
