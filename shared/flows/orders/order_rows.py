"""An order as Sales has it: whether it is for F&O, and which one is meant where several have a number."""

from collections.abc import Iterable, Mapping, Sequence

from shared.flows.quotations import QUOTATIONS
from shared.flows.sales_documents.rows import CONTENT_FILTERS, filter_of, headers_of, lines_of
from shared.mapping.verdicts import Parent, Rejected
from shared.mapping.words import Unmappable, value_of
from shared.records import SourceRow, Values

HEADER_ID_COLUMN = "salesorderid"
LINE_ID_COLUMN = "salesorderdetailid"
KEY_COLUMN = "ordernumber"

PROCESSING_STATUS = "msdynce_processingstatus"
FROM_FINOPS = "msdynce_ismaintainedexternally"
SUBMITTED = "msdynce_orderissubmitted"
QUOTE = "quoteid.quotenumber"
DRAFT, ACTIVE = 647390011, 647390000
# Why an order that is not activated is not for F&O: the first one that an order of the number has is shown.
BEFORE_LINES = ("came_from_finops", "processed", "draft")
# Every rule by which an order is not for F&O.
FILTERS = (*BEFORE_LINES, *CONTENT_FILTERS, "activation_incomplete")


def latest_order(row: SourceRow) -> str | None:
    """The id of the order that has the number of a document: of several the one that is activated."""
    orders = headers_of(row)
    latest = next(iter(activated(orders)), orders[0] if orders else None)
    return None if latest is None else id_of(latest)


def id_of(order: Values) -> str:
    """The id of an order, in the form that Sales compares."""
    return str(order.get(HEADER_ID_COLUMN)).lower()


def activated(orders: Iterable[Values]) -> list[Values]:
    """The orders that were activated in Sales, and that nobody has processed since."""
    return [order for order in orders if _why_not_activated(order) is None]


def why_none_is_activated(orders: Iterable[Values]) -> str:
    """The rule by which none of these is for F&O."""
    reasons = {_why_not_activated(order) for order in orders}
    return next(rule for rule in BEFORE_LINES if rule in reasons or rule == BEFORE_LINES[-1])


def _why_not_activated(order: Values) -> str | None:
    if order.get(FROM_FINOPS) is True:
        return "came_from_finops"
    status = order.get(PROCESSING_STATUS)
    if status in (None, DRAFT):
        return "draft"
    return None if status == ACTIVE else "processed"


def order_filter(order: Values) -> str | None:
    """The rule by which an activated order is not for F&O, or not yet: its lines are marked one by one."""
    lines = lines_of(order)
    rule = filter_of(order, lines)
    if rule is None and not all(line.get(SUBMITTED) is True for line in lines):
        return "activation_incomplete"
    return rule


def quotation_of(order: Values) -> Parent | None:
    """The quotation of the quote that an order was made from. A quotation that is not for F&O keeps no order off."""
    number = value_of(order, QUOTE)
    return None if number is None else Parent(QUOTATIONS, "quotation", str(number), optional=True)


def require_one_order(orders: Sequence[Values]) -> None:
    """Raises Unmappable if several orders have the number: F&O would get only one of them."""
    if len(orders) > 1:
        ids = ", ".join(sorted(f"{order.get('name')!r} ({order.get(HEADER_ID_COLUMN)})" for order in orders))
        raise Unmappable(
            "number_ambiguous",
            f"{KEY_COLUMN} {orders[0].get(KEY_COLUMN)} is the number of several activated orders: {ids}",
            remedy="create all of these orders but one again, with numbers of their own, and delete the former ones",
        )


def reuse_of(number: str, order: str, known: Mapping[str, int]) -> Rejected | None:
    """Why `order` is not the one that the order in F&O was made from; None if it is."""
    if not known or order in known:
        return None
    return Rejected(
        "number_reused",
        f"the sales order {number} in F&O was made from the order {min(known)}, which is gone; the order {order} has "
        "the same number and is another one",
        "create the new order again with a number of its own; or, if it should take over the order in F&O, set "
        "ORDERS_ON_EXISTING to adopt; or delete the order in F&O, so that the number is free",
    )
