"""The words that only the mappings of quotations and orders have: amounts, units, storage, customer and delivery
address."""

from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from shared.discretion import named
from shared.flows.sales_documents.discounts import number_of, plain, require_decimals
from shared.flows.sales_documents.value_maps import SalesDocumentMaps
from shared.mapping.addresses import AddressBlock, AddressRules
from shared.mapping.lookups import looked_up_name
from shared.mapping.texts import default_text, unit_symbols
from shared.mapping.units import finops_unit
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.mapping.words import Column, Line, Ownership, TargetField, Unmappable, Word, value_of
from shared.records import Json, Values

ACCOUNT, CONTACT = "customerid_account.accountid", "customerid_contact.contactid"
PRODUCT = "productid.productnumber"
_PRODUCT_TYPE, _LINE_TYPE = "productid.producttypecode", "producttypecode"
# What a service is: a member of the value map `product_types` for products, an option for lines.
_SERVICE, PROJECT_BASED_SERVICE = "Service", 5


class RequestedDate(StrEnum):
    """Which date of F&O the requested delivery date of Sales is."""

    SHIPPING = "shipping"
    RECEIPT = "receipt"


def customer_account(target: str) -> Line:
    """The customer account of the document's account or contact, which the mapping has looked up beforehand."""
    name, columns = looked_up_name(target), (Column(ACCOUNT), Column(CONTACT))
    meaning = "the customer account under which the account or contact is linked"
    return Line(columns, TargetField(target), meaning, lambda row, _maps: row.get(name))


def sales_unit_symbol(source: str, target: str) -> Line:
    """The symbol of a unit by value map; a unit that is missing or not listed is refused."""

    def read(row: Values, maps: ValueMaps) -> Json:
        name = value_of(row, source)
        if name is None:
            raise Unmappable("unit_missing", f"{source} is blank", remedy="give the line a unit in Sales")
        symbol = finops_unit(maps.units, str(name))
        if symbol is None:
            raise Unmappable(
                "unit_unknown",
                f"{source} is {name!r}, which is not in the value map `units`",
                remedy="add the unit to the value map with its symbol in F&O, or correct the line's unit",
                value=str(name),
                lacks=("units", str(name), "SYMBOL"),
            )
        return symbol

    return Line((Column(source),), TargetField(target), "value map `units`", read, unit_symbols)


def quantity(source: str, target: str) -> Line:
    """A quantity as it is; a blank one is refused."""
    into = TargetField(target, type=Decimal, empty=0)
    return Line((Column(source, Decimal),), into, "as it is, also 0", lambda row, _maps: plain(_required(row, source)))


def price(source: str, target: str) -> Line:
    """A price as it is; a blank one is refused, and one that F&O would round."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        given = _required(row, source)
        require_decimals(source, given, row)
        return plain(given)

    meaning = "as it is, also 0; with more decimals than F&O keeps: rejected"
    return Line((Column(source, Decimal),), TargetField(target, type=Decimal, empty=0), meaning, read)


def always(target: str, amount: int) -> Line:
    """Always the same number, also 0."""
    into = TargetField(target, type=Decimal, empty=0)
    return Line((), into, f"always `{amount}`", lambda _row, _maps: Decimal(amount))


def storage(target: str, part: Literal["site", "warehouse"]) -> Line:
    """Site or warehouse of a line: by product, otherwise the default. A service is not stored and has none."""

    def read(row: Values, maps: ValueMaps) -> Json:
        if _is_service(row, maps):
            return None
        stored = as_known_to(SalesDocumentMaps, maps).storage_of(str(value_of(row, PRODUCT)))
        return maps.defaults.value(part) if stored is None else stored.value(part)

    def texts(maps: ValueMaps) -> tuple[tuple[str, str], ...]:
        listed = as_known_to(SalesDocumentMaps, maps).storage.items()
        by_product = ((f"storage.{named(product)}.{part}", stored.value(part)) for product, stored in listed)
        return (*default_text(part, maps), *((place, text) for place, text in by_product if text is not None))

    columns = (Column(PRODUCT), Column(_PRODUCT_TYPE, int), Column(_LINE_TYPE, int))
    meaning = f"value map `storage` by product number, otherwise default `{part}`; none for services"
    return Line(columns, TargetField(target, Ownership.ON_CREATE), meaning, read, texts)


def delivery_address(rules: AddressRules) -> Word:
    """The shipping address of a header or line; it has no county."""
    return AddressBlock("shipto", "DeliveryAddress", replace(rules, county=False), code="Id")


def _is_service(row: Values, maps: ValueMaps) -> bool:
    kind = value_of(row, _PRODUCT_TYPE)
    listed = kind is not None and kind == maps.product_types.get(_SERVICE)
    return listed or value_of(row, _LINE_TYPE) == PROJECT_BASED_SERVICE


def _required(row: Values, column: str) -> Decimal:
    if value_of(row, column) is None:
        raise Unmappable(
            f"{column}_missing",
            f"{column} is blank, and a line in F&O needs it",
            remedy="complete the line in Sales; its pricing error says why there is none",
        )
    return number_of(row, column)
