"""What is particular to the lines of sales quotations."""

from collections.abc import Mapping

from local.finops import saleslines
from local.finops.values import Stored

SET_NAME = "CDSSalesQuotationLines"
TOTAL = "QuotationTotalAmount"

Row = Mapping[str, Stored]


def normalised(name: str, value: Stored) -> Stored:
    """The form in which the service keeps a value."""
    return saleslines.normalised(SET_NAME, name, value)


def from_quotation(header: Row) -> Row:
    """What a new line takes over from its quotation."""
    return {
        **saleslines.from_header(header),
        "RequestedReceiptDate": header["ReceiptDateRequested"],
    }


def computed(row: Row) -> Row:
    """The row with its amount."""
    return saleslines.with_amount(row, quantity="RequestedSalesQuantity")
