"""The states of a sales order, and the order that a quote becomes (dataverse-web-api, sections 11.4 and 11.6)."""

from local.dataverse import quotes
from local.dataverse.organisation import Organisation, number
from local.dataverse.payloads import Reference, set_lookup
from local.dataverse.refusals import business_rule
from local.dataverse.salesdocuments import (
    ORDER,
    QUOTE,
    check_header,
    copied,
    copied_lines,
    refuse_state,
    require_status,
)
from local.simulator.store import Row

ACTIVE, SUBMITTED, CANCELED, FULFILLED, INVOICED = range(5)
_WIN_QUOTE = 776160001

_ACTION_OF = {CANCELED: "CancelSalesOrder", FULFILLED: "FulfillSalesOrder", INVOICED: "ConvertSalesOrderToInvoice"}
_STATE_NAMES = {
    ACTIVE: "Active",
    SUBMITTED: "Submitted",
    CANCELED: "Canceled",
    FULFILLED: "Fulfilled",
    INVOICED: "Invoiced",
}


def check_order(organisation: Organisation, before: Row, after: Row) -> Row:
    """An order as the platform lets it be stored. Raises Refused (400)."""
    if before:
        refuse_state(before, after, _ACTION_OF, _STATE_NAMES, "SalesOrder")
        old, new = (number(each["statecode"]) for each in (before, after))
        if old != new and (old, new) != (ACTIVE, SUBMITTED):
            # No source describes another way: that there is none is our decision.
            raise business_rule(
                "0x80048408", f"An order that is {_STATE_NAMES[old]} cannot become {_STATE_NAMES[new]}."
            )
    return check_header(organisation, ORDER, before, after)


def close(organisation: Organisation, order: Row, state: int, status: int) -> Row:
    """The changes that cancel or fulfil an order. Raises Refused (400) for one that is neither active nor submitted:
    which states the actions take is our decision."""
    if order["statecode"] not in (ACTIVE, SUBMITTED):
        raise business_rule("0x80048408", f"The order is {_state_of(order)}, neither Active nor Submitted.")
    require_status(organisation, ORDER.header, state, status)
    return {"statecode": state, "statuscode": status}


def invoiced(organisation: Organisation) -> Row:
    """The changes of an order that becomes invoiced."""
    status = organisation.entity(ORDER.header).properties["statuscode"].status_of_state[INVOICED]
    return {"statecode": INVOICED, "statuscode": status}


def from_quote(organisation: Organisation, quote: Row) -> tuple[Row, list[Row]]:
    """Header and lines of the order that a quote becomes, the lines still without their order. Raises Refused (400)
    for a quote that is neither active nor won: which states the action takes is our decision."""
    if quote["statecode"] not in (quotes.ACTIVE, quotes.WON):
        raise business_rule("0x80048408", "Only an active or won quote becomes an order.")
    quote_of, order_of = organisation.entity(QUOTE.header), organisation.entity(ORDER.header)
    leave = frozenset({"quoteid", "statecode", "statuscode", "overriddencreatedon"})
    header = copied(quote_of, quote, order_of, without=leave)
    header |= set_lookup(order_of.columns["quoteid"], Reference(QUOTE.header, str(quote["quoteid"])))
    lines = copied_lines(organisation, QUOTE, quote, ORDER)
    return {**header, "ordercreationmethod": _WIN_QUOTE}, lines


def _state_of(order: Row) -> str:
    return _STATE_NAMES[number(order["statecode"])]
