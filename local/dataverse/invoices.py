"""The states of an invoice, and the invoice that an order becomes (dataverse-web-api, sections 11.6 and 11.7)."""

from local.dataverse import orders
from local.dataverse.organisation import Organisation, number
from local.dataverse.payloads import Reference, set_lookup
from local.dataverse.refusals import business_rule
from local.dataverse.salesdocuments import INVOICE, ORDER, check_header, copied, copied_lines
from local.simulator.store import Row

ACTIVE, CLOSED, PAID, CANCELED = range(4)

_STATE_NAMES = {ACTIVE: "Active", CLOSED: "Closed", PAID: "Paid", CANCELED: "Canceled"}


def check_invoice(organisation: Organisation, before: Row, after: Row) -> Row:
    """An invoice as the platform lets it be stored. Raises Refused (400)."""
    if before and before["statecode"] != after["statecode"]:
        old, new = (number(each["statecode"]) for each in (before, after))
        if new == PAID and old != ACTIVE:
            raise business_rule("0x80100000", "The invoice cannot be paid because it is not in active state.")
        if new == CANCELED and old not in (ACTIVE, PAID):
            raise business_rule("0x80100001", "The invoice cannot be canceled because it is neither active nor paid.")
        if new in (ACTIVE, CLOSED):
            # No source describes a way back to Active, and Closed is deprecated: that there is none is our decision.
            raise business_rule(
                "0x80048408", f"An invoice that is {_STATE_NAMES[old]} cannot become {_STATE_NAMES[new]}."
            )
    return check_header(organisation, INVOICE, before, after)


def from_order(organisation: Organisation, order: Row) -> tuple[Row, list[Row]]:
    """Header and lines of the invoice that an order becomes, the lines still without their invoice. Raises Refused
    (400) for an order that is canceled or invoiced: which states the action takes is our decision."""
    if order["statecode"] in (orders.CANCELED, orders.INVOICED):
        raise business_rule("0x80048408", "A canceled or invoiced order becomes no invoice.")
    order_of, invoice_of = organisation.entity(ORDER.header), organisation.entity(INVOICE.header)
    leave = frozenset({"salesorderid", "statecode", "statuscode", "overriddencreatedon"})
    header = copied(order_of, order, invoice_of, without=leave)
    header |= set_lookup(invoice_of.columns["salesorderid"], Reference(ORDER.header, str(order["salesorderid"])))
    return header, copied_lines(organisation, ORDER, order, INVOICE)
