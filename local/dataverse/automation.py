"""What Microsoft's Prospect-to-cash solution does when rows are written."""

import string
from collections.abc import Mapping
from typing import Protocol

from local.dataverse import orders
from local.dataverse.organisation import Organisation, number
from local.dataverse.payloads import Reference, set_lookup
from local.dataverse.refusals import business_rule
from local.dataverse.salesdocuments import INVOICE, ORDER, Document
from local.dataverse.schema import EntityType
from local.dataverse.values import moment
from local.simulator.store import Row

_NUMBERED = {"account": "accountnumber", "contact": "msdynce_contactnumber"}
_PRICED_BY = frozenset({"price", "pricelevelid", "defaultuomid", "transactioncurrencyid"})
_EXTERNAL = "msdynce_ismaintainedexternally"
_OF_HEADER = "msdynce_hasexternallymaintainedproductsonly"
# What lines keep of their header: the flag, whose name differs in one syllable, and what tells them whose they are.
_OF_LINES: Mapping[str, Mapping[str, str]] = {
    "quotedetail": {
        "msdynce_quotehasexternalmaintainedproductsonly": _OF_HEADER,
        "msdynce_quoterevisionnumber": "revisionnumber",
    },
    "salesorderdetail": {
        "msdynce_orderhasexternalmaintainedproductsonly": _OF_HEADER,
        "msdynce_ordernumber": "ordernumber",
    },
}
# The documents whose customer is an active one, each with the columns whose change counts.
_ACTIVITY = {
    "quote": frozenset({"customerid"}),
    "salesorder": frozenset({"customerid"}),
    "invoice": frozenset({"customerid", "salesorderid"}),
}
_IS_CUSTOMER = "msdynce_isactivecustomer"
_DATE = slice(len("2026-01-31"))


class RowWriter(Protocol):
    """What the automation writes other rows with."""

    def create(self, entity: EntityType, changes: Row) -> Row:
        """A new row."""
        ...

    def update(self, entity: EntityType, before: Row, changes: Row) -> Row:
        """The row with the changes."""
        ...

    def set_state(self, entity: EntityType, before: Row, changes: Row) -> Row:
        """The row in a state that only an action of its own reaches."""
        ...


def install(organisation: Organisation) -> None:
    """What the solution's installation does to rows that are there: it numbers accounts and contacts, and marks the
    contacts with sales activity (prospect-to-cash, sections 5 and 7)."""
    for table, name in _NUMBERED.items():
        entity = organisation.entity(table)
        for row in organisation.rows(table):
            added: Row = {} if row.get(name) else {name: _next_number(organisation, table)}
            if table == "contact":
                customer: Row = {"customerid": row["contactid"], "customerid__type": "contact"}
                active = any(organisation.rows(document, **customer) for document in _ACTIVITY)
                added |= {**_company_flag(row), _IS_CUSTOMER: int(active)}
            if added:
                organisation.change(entity, str(row[entity.primary_id]), added)


def before_create(organisation: Organisation, entity: EntityType, row: Row) -> Row:
    """Numbers of accounts and contacts, and the flag of a contact that belongs to an account."""
    added: Row = {}
    name = _NUMBERED.get(entity.name)
    if name is not None and not row.get(name):
        added[name] = _next_number(organisation, entity.name)
    if entity.name == "contact":
        added |= _company_flag(row)
    return added


def before_update(entity: EntityType, changes: Row) -> Row:
    """The flag of a contact whose company is in the update."""
    return _company_flag(changes) if entity.name == "contact" and "parentcustomerid" in changes else {}


def after_write(
    organisation: Organisation, writer: RowWriter, entity: EntityType, row: Row, changed: frozenset[str] | None
) -> None:
    """The price of a product that comes from Finance & Operations, the mark of a contact that a document names as its
    customer, and the order of an invoice; `changed` is None after a creation."""
    if entity.name in _ACTIVITY and (changed is None or changed & _ACTIVITY[entity.name]):
        _mark_customer(organisation, writer, row)
    if entity.name == INVOICE.header and changed is None:
        _invoice_order(organisation, writer, row)
    if entity.name != "product" or not row.get(_EXTERNAL):
        return
    if changed is None or changed & _PRICED_BY:
        _assign_price(organisation, writer, row)


def flags_of_lines(organisation: Organisation, document: Document, header: Row) -> Row:
    """Whether all products of a quote or an order come from Finance & Operations, one without lines included; its
    lines get a copy of that and of what tells them whose they are."""
    kept = _OF_LINES.get(document.line)
    if kept is None:
        return {}
    line_of, product_of = organisation.entity(document.line), organisation.entity("product")
    lines = document.parts_of_lines(organisation, header, line_of.primary_id, "productid", *kept)
    products = [organisation.find(product_of, str(line["productid"])) for line in lines]
    flag: Row = {_OF_HEADER: int(all(product is not None and bool(product[_EXTERNAL]) for product in products))}
    copy: Row = {name: {**header, **flag}[source] for name, source in kept.items()}
    for line in lines:
        if any(line[name] != value for name, value in copy.items()):
            organisation.change(line_of, str(line[line_of.primary_id]), copy)
    return flag


def _mark_customer(organisation: Organisation, writer: RowWriter, document: Row) -> None:
    """A contact that is the customer of a document is an active customer from then on."""
    contact_of = organisation.entity("contact")
    if document.get("customerid__type") != contact_of.name:
        return
    contact = organisation.find(contact_of, str(document["customerid"]))
    if contact is not None and not contact[_IS_CUSTOMER]:
        writer.update(contact_of, contact, {_IS_CUSTOMER: 1})


def _invoice_order(organisation: Organisation, writer: RowWriter, invoice: Row) -> None:
    """The order of a new invoice is invoiced, and its owner owns the invoice."""
    order_of, invoice_of = organisation.entity(ORDER.header), organisation.entity(INVOICE.header)
    if invoice.get("salesorderid") is None:
        return
    order = organisation.get(order_of, str(invoice["salesorderid"]))
    writer.set_state(order_of, order, orders.invoiced(organisation))
    owner: Row = {name: order[name] for name in ("ownerid", "ownerid__type")}
    if any(invoice[name] != value for name, value in owner.items()):
        writer.update(invoice_of, invoice, owner)


def _company_flag(row: Row) -> Row:
    return {"msdynce_iscompanyanaccount": int(row.get("parentcustomerid__type") == "account")}


def _next_number(organisation: Organisation, table: str) -> str:
    sequence_of = organisation.entity("msdynce_p2cautonumber")
    sequences = organisation.rows(sequence_of.name, msdynce_entityname=table)
    if not sequences:
        raise business_rule("0x80040265", f"No number sequence of {table} in msdynce_p2cautonumber.")
    sequence = sequences[0]
    current = number(sequence["msdynce_numbersequence"])
    organisation.change(sequence_of, str(sequence[sequence_of.primary_id]), {"msdynce_numbersequence": current + 1})
    suffix = organisation.random.choices(string.ascii_uppercase, k=number(sequence["msdynce_suffixlength"]))
    return f"{sequence['msdynce_prefix']}-{current:05d}-{''.join(suffix)}"


def _assign_price(organisation: Organisation, writer: RowWriter, product: Row) -> None:
    if product["price"] is None or product["defaultuomid"] is None:
        return
    item_of = organisation.entity("productpricelevel")
    key = {
        "productid": product["productid"],
        "uomid": product["defaultuomid"],
        "pricelevelid": product["pricelevelid"] or _first_price_list(organisation, product),
    }
    # A product has few items, a price list may have a million.
    items = organisation.rows(item_of.name, productid=key["productid"])
    found = next((item for item in items if all(item[name] == value for name, value in key.items())), None)
    if found is not None:
        writer.update(item_of, found, {"amount": product["price"]})
        return
    bound: Row = {"amount": product["price"]}
    for name, row_id in key.items():
        of = item_of.columns[name]
        bound |= set_lookup(of, Reference(of.targets[0], str(row_id)))
    writer.create(item_of, bound)


def _first_price_list(organisation: Organisation, product: Row) -> str:
    """The first valid price list in the product's currency, by name: active, and today within its dates."""
    currency = product["transactioncurrencyid"]
    active = organisation.rows("pricelevel", transactioncurrencyid=currency, statecode=0)
    today = moment(organisation.clock())[_DATE]
    lists = [each for each in active if _holds(each, today)]
    if not lists:
        raise business_rule("0x80040265", f"No valid price list in the currency {currency} of the product.")
    return str(min(lists, key=lambda each: str(each["name"]).casefold())["pricelevelid"])


def _holds(price_list: Row, today: str) -> bool:
    """Whether a price list is valid on a day; both of its dates are days that count, and either may be open."""
    begin, end = price_list["begindate"], price_list["enddate"]
    return (begin is None or str(begin)[_DATE] <= today) and (end is None or today <= str(end)[_DATE])
