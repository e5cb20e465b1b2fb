"""A quote as Sales has it: all revisions of one number, each with its lines; which revision counts, and why a quote is
not for F&O."""

from collections.abc import Mapping, Sequence

from shared.flows.quotations.discounts import number_of
from shared.flows.quotations.lines import Place
from shared.flows.quotations.words import ACCOUNT, CONTACT, PRODUCT
from shared.mapping.verdicts import Parent
from shared.mapping.words import Unmappable, value_of
from shared.records import Json, SourceRow, Values

HEADER_ID_COLUMN = "quoteid"
LINE_ID_COLUMN = "quotedetailid"
KEY_COLUMN = "quotenumber"
REVISIONS = "revisions"
LINES = "lines"

_DRAFT, _ACTIVE, _WON, _CLOSED = 0, 1, 2, 3
# Why a number has no active revision, by state and status reason: the first one that a revision has is shown.
ENDS: Mapping[str, tuple[int, int | None]] = {
    "draft": (_DRAFT, None),
    "won": (_WON, None),
    "lost": (_CLOSED, 5),
    "canceled": (_CLOSED, 6),
    "submitted": (_CLOSED, 647390000),
    "revised": (_CLOSED, 7),
}
# Every rule by which a quote is not for F&O.
FILTERS = (*ENDS, "closed", "header_discount", "no_lines", "write_in_line", "own_product")

EXTERNAL_ONLY = "msdynce_hasexternallymaintainedproductsonly"
EXTERNAL = "productid.msdynce_ismaintainedexternally"
WRITE_IN = "isproductoverridden"
HEADER_DISCOUNTS = ("discountamount", "discountpercentage")


def latest_revision(row: SourceRow) -> str | None:
    """The id of the quote that has the number of a document now: of several its latest revision."""
    latest = max(revisions_of(row), key=revision_number, default=None)
    return None if latest is None else id_of(latest)


def revisions_of(row: SourceRow) -> list[Values]:
    return _rows(row.values.get(REVISIONS))


def lines_of(header: Values) -> list[Values]:
    return _rows(header.get(LINES))


def _rows(nested: Json) -> list[Values]:
    return [row for row in nested if isinstance(row, dict)] if isinstance(nested, list) else []


def is_active(header: Values) -> bool:
    return header.get("statecode") == _ACTIVE


def revision_number(header: Values) -> int:
    number = header.get("revisionnumber")
    return number if isinstance(number, int) else 0


def id_of(header: Values) -> str:
    return str(header.get(HEADER_ID_COLUMN)).lower()


def ids_of(revisions: Sequence[Values]) -> dict[str, int]:
    return {id_of(revision): revision_number(revision) for revision in revisions}


def chosen_of(revisions: Sequence[Values]) -> Values | None:
    """The highest active revision."""
    return max(filter(is_active, revisions), key=revision_number, default=None)


def require_one_quote(chosen: Values, revisions: Sequence[Values]) -> None:
    """Revisions of one quote differ in their number. Two quotes with the same one would overwrite each other in
    turn."""
    number = revision_number(chosen)
    rivals = [revision for revision in revisions if is_active(revision) and revision_number(revision) == number]
    if len(rivals) > 1:
        ids = ", ".join(sorted(f"{rival.get('name')!r} ({rival.get(HEADER_ID_COLUMN)})" for rival in rivals))
        raise Unmappable(
            "number_ambiguous",
            f"{KEY_COLUMN} {chosen.get(KEY_COLUMN)} is the number of several active quotes of revision {number}: {ids}",
            remedy="close or delete all of these quotes but one",
        )


def why_none_is_active(revisions: Sequence[Values]) -> str:
    for rule, (state, reason) in ENDS.items():
        if any(
            revision.get("statecode") == state and reason in (None, revision.get("statuscode"))
            for revision in revisions
        ):
            return rule
    return "closed"


def filter_of(header: Values, lines: Sequence[Values]) -> str | None:
    """The rule by which an active quote is not for F&O."""
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
    return any(number_of(header, column) != 0 for column in HEADER_DISCOUNTS)


def customer_of(header: Values) -> Parent | None:
    for column, flow in ((ACCOUNT, "accounts"), (CONTACT, "contacts")):
        id = value_of(header, column)
        if id is not None:
            return Parent(flow, "customer", str(id).lower())
    return None


def require_customer(header: Values) -> Parent:
    customer = customer_of(header)
    if customer is None:
        raise Unmappable(
            "customer_missing",
            "customerid names no account and no contact, and a quotation in F&O needs a customer",
            remedy="choose the quote's potential customer in Sales",
        )
    return customer


def place_of(line: Values) -> Place:
    number = line.get("lineitemnumber")
    own = number if isinstance(number, int) else None
    return Place(str(line.get(LINE_ID_COLUMN)), own, str(value_of(line, PRODUCT)))


def named(line: Values) -> str:
    """The name of a line for the user."""
    number = line.get("lineitemnumber")
    return f"line {number}" if number else f"the line without number of product {value_of(line, PRODUCT)}"
