"""A document of Sales as it is read: the headers of one number, each with its lines; why it is not for F&O, and who
its customer is."""

from collections.abc import Sequence

from shared.flows.sales_documents.discounts import number_of
from shared.flows.sales_documents.lines import Place
from shared.flows.sales_documents.words import ACCOUNT, CONTACT, PRODUCT
from shared.mapping.verdicts import Parent
from shared.mapping.words import Unmappable, value_of
from shared.records import Json, SourceRow, Values

# The headers that share a number, and the lines of each, among the values of a document.
HEADERS = "revisions"
LINES = "lines"
LINE_POSITION = "lineitemnumber"

EXTERNAL_ONLY = "msdynce_hasexternallymaintainedproductsonly"
EXTERNAL = "productid.msdynce_ismaintainedexternally"
WRITE_IN = "isproductoverridden"
HEADER_DISCOUNTS = ("discountamount", "discountpercentage")
# The rules by which a document is not for F&O, whatever its state is.
CONTENT_FILTERS = ("header_discount", "no_lines", "write_in_line", "own_product")


def headers_of(row: SourceRow) -> list[Values]:
    """Every header that has the number of a document."""
    return _rows(row.values.get(HEADERS))


def lines_of(header: Values) -> list[Values]:
    """The lines of a header, as far as they were read."""
    return _rows(header.get(LINES))


def _rows(nested: Json) -> list[Values]:
    return [row for row in nested if isinstance(row, dict)] if isinstance(nested, list) else []


def filter_of(header: Values, lines: Sequence[Values]) -> str | None:
    """The rule of CONTENT_FILTERS by which a document is not for F&O."""
    if has_discount(header):
        return "header_discount"
    if not lines:
        return "no_lines"
    if any(line.get(WRITE_IN) is True or value_of(line, PRODUCT) is None for line in lines):
        return "write_in_line"
    if header.get(EXTERNAL_ONLY) is False or any(value_of(line, EXTERNAL) is not True for line in lines):
        return "own_product"
    return None


def has_discount(header: Values) -> bool:
    """Whether a document has a discount as a whole, which F&O cannot store."""
    return any(number_of(header, column) != 0 for column in HEADER_DISCOUNTS)


def customer_of(header: Values) -> Parent | None:
    """The account or contact that is the customer; None if there is none."""
    for column, flow in ((ACCOUNT, "accounts"), (CONTACT, "contacts")):
        id = value_of(header, column)
        if id is not None:
            return Parent(flow, "customer", str(id).lower())
    return None


def require_customer(header: Values, *, needed_by: str, remedy: str) -> Parent:
    """The customer. Raises Unmappable if there is none."""
    customer = customer_of(header)
    if customer is None:
        raise Unmappable(
            "customer_missing",
            f"customerid names no account and no contact, and {needed_by} in F&O needs a customer",
            remedy=remedy,
        )
    return customer


def place_of(line: Values, id_column: str) -> Place:
    """What identifies a line."""
    number = line.get(LINE_POSITION)
    own = number if isinstance(number, int) else None
    return Place(str(line.get(id_column)), own, str(value_of(line, PRODUCT)))


def named(line: Values) -> str:
    """The name of a line for the user."""
    number = line.get(LINE_POSITION)
    return f"line {number}" if number else f"the line without number of product {value_of(line, PRODUCT)}"
