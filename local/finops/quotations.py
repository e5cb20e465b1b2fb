"""What is particular to sales quotations: who they are for, and when they cannot be changed any more."""

from collections.abc import Mapping

from local.finops import salesheaders
from local.finops.values import Stored

SET_NAME = "CDSSalesQuotationHeaders"

# No source says what the service does with these; that it changes no quotation that has gone out is our decision.
CLOSED = frozenset({"Sent", "Confirmed", "Lost", "Cancelled"})

Row = Mapping[str, Stored]


def refusal(name: str, value: str) -> str | None:
    """Why a given value is impossible, None if it is not."""
    if name == "ProspectId" and value:
        return f"The value '{value}' in field 'Prospect' is not found in the related table 'Prospects'."
    return salesheaders.refusal(name, value)


def from_customer(customer: Row) -> Row:
    """What a new quotation takes over from its customer."""
    return salesheaders.from_customer(customer, named="SalesQuotationName")


def complaints(row: Row) -> tuple[str, ...]:
    """What a quotation lacks."""
    return salesheaders.complaints(row, customer="RequestingCustomerAccountNumber")


def locked(row: Row) -> str | None:
    """Why neither the quotation nor its lines can be changed, None if they can; the texts are our decision."""
    if row["SalesQuotationStatus"] in CLOSED:
        return f"Sales quotation {row['SalesQuotationNumber']} has status {row['SalesQuotationStatus']}."
    if row["GeneratedSalesOrderNumber"]:
        return f"Sales quotation {row['SalesQuotationNumber']} became order {row['GeneratedSalesOrderNumber']}."
    return None
