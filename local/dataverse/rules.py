"""What the platform itself requires and fills in, table by table, for every caller."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from local.dataverse import invoices, orders, quotes
from local.dataverse.organisation import Organisation, number
from local.dataverse.payloads import Reference, set_lookup
from local.dataverse.refusals import business_rule, invalid_argument
from local.dataverse.salesdocuments import BY_LINE, check_line
from local.dataverse.schema import EntityType, Property
from local.dataverse.values import rounded
from local.simulator.store import Row, Value

ACTIVE, RETIRED, DRAFT, UNDER_REVISION = 0, 1, 2, 3
_PRODUCT, _DEPTH_LIMIT = 1, 100
_DOCUMENTS = {each.header for each in BY_LINE.values()}

Check = Callable[[Organisation, Row, Row], Row]
"""Takes the row before (empty on create) and the whole row after; returns what the platform adds to it."""


def apply(organisation: Organisation, entity: EntityType, before: Row, after: Row) -> Row:
    """The row as the platform lets it be stored. Raises Refused (400)."""
    row = {**after, **_priced(organisation, entity, before, after)}
    row = {**row, **_composed(entity, row)}
    check = _CHECKS.get(entity.name)
    if check is None:
        return row
    row = {**row, **check(organisation, before, row)}
    return {**row, **_base_amounts(organisation, entity, row)}


def decimals(organisation: Organisation, of: Property, row: Row) -> int | None:
    """How many decimals a number keeps: the column's own, or those of the organisation or currency."""
    match of.precision_source:
        case "organization.pricingdecimalprecision":
            return number(organisation.setting("pricingdecimalprecision"))
        case "transactioncurrency.currencyprecision":
            currency = _row(organisation, "transactioncurrency", row.get("transactioncurrencyid"))
            if currency is not None and currency["currencyprecision"] is not None:
                return number(currency["currencyprecision"])
            return number(organisation.setting("currencydecimalprecision"))
    return of.precision


def state_changes(entity: EntityType, before: Row, changes: Row) -> Row:
    """Changes with state and status that fit each other. Raises Refused (400) if they do not."""
    status_of = entity.properties.get("statuscode")
    if status_of is None or not {"statecode", "statuscode"} & set(changes):
        return changes
    state = changes.get("statecode", before.get("statecode"))
    status = changes.get("statuscode")
    if status is None or status == -1:
        status = status_of.status_of_state.get(number(state))
    if status is None or status_of.state_of_status.get(number(status)) != state:
        raise business_rule(
            "0x80048408",
            "State code is invalid or state code is valid but status code is invalid for a specified state code.",
        )
    return {**changes, "statecode": state, "statuscode": status}


def _priced(organisation: Organisation, entity: EntityType, before: Row, after: Row) -> Row:
    """Money: its currency and rate, the amounts in base currency, the decimals that are kept."""
    row: Row = {}
    # The amounts of a new document are reckoned later.
    is_new_document = not before and entity.name in _DOCUMENTS
    given = is_new_document or any(after.get(each.column) is not None for each in entity.money)
    if given and "transactioncurrencyid" in entity.columns and after.get("transactioncurrencyid") is None:
        row["transactioncurrencyid"] = organisation.setting("basecurrencyid")
    full = {**after, **row}
    currency = _row(organisation, "transactioncurrency", full.get("transactioncurrencyid"))
    if currency is not None and "exchangerate" in entity.columns:
        row["exchangerate"] = currency["exchangerate"]
    for property_ in entity.amounts:
        value = after.get(property_.column)
        if isinstance(value, str) and value != before.get(property_.column):
            row[property_.column] = _trimmed(value, decimals(organisation, property_, full))
    row.update(_base_amounts(organisation, entity, {**full, **row}))
    return row


def _base_amounts(organisation: Organisation, entity: EntityType, row: Row) -> Row:
    rate = row.get("exchangerate")
    if rate is None or not Decimal(str(rate)):
        return {}
    precision = number(organisation.setting("basecurrencyprecision"))
    found: Row = {}
    for each in entity.money:
        base = f"{each.column}_base"
        if base in entity.columns:
            value = row.get(each.column)
            found[base] = None if value is None else _divided(str(value), str(rate), precision)
    return found


def _composed(entity: EntityType, row: Row) -> Row:
    """Columns that are put together from others: names and addresses."""
    found: Row = {}
    if entity.name in ("contact", "systemuser"):
        # fullnameconventioncode 1: first name, last name.
        found["fullname"] = " ".join(str(row[name]) for name in ("firstname", "lastname") if row.get(name)) or None
        if "yomifullname" in entity.columns:
            parts = (row.get("yomifirstname") or row.get("firstname"), row.get("yomilastname") or row.get("lastname"))
            found["yomifullname"] = " ".join(str(part) for part in parts if part) or None
    for name in entity.columns:
        if name.endswith("_composite"):
            found[name] = _address(row, name.removesuffix("_composite"))
    return found


def _address(row: Row, prefix: str) -> str | None:
    def part(name: str) -> str:
        return str(row.get(f"{prefix}_{name}") or "")

    region = " ".join(filter(None, (part("stateorprovince"), part("postalcode"))))
    town = ", ".join(filter(None, (part("city"), region)))
    lines = (part("line1"), part("line2"), part("line3"), town, part("country"))
    return "\r\n".join(filter(None, lines)) or None


def _account(organisation: Organisation, _before: Row, after: Row) -> Row:
    parent = after.get("parentaccountid")
    for _ in range(_DEPTH_LIMIT):
        if parent is None:
            return {}
        if parent == after["accountid"]:
            raise business_rule("0x80040507", "Creating this parental association would create a loop in Account")
        above = _row(organisation, "account", parent)
        parent = above["parentaccountid"] if above else None
    return {}


def _product(organisation: Organisation, before: Row, after: Row) -> Row:
    _check_product_number(organisation, after)
    if after.get("productstructure") == _PRODUCT or after.get("defaultuomid") or after.get("defaultuomscheduleid"):
        _check_product_units(organisation, after)
    if after.get("quantitydecimal") is None and after.get("productstructure") == _PRODUCT:
        raise invalid_argument("The attribute 'quantitydecimal' of the 'product' entity is required.")
    _check_product_price_list(organisation, before, after)
    if before:
        _check_product_state(organisation, before, after)
    return {"organizationid": organisation.setting("organizationid")}


def _check_product_number(organisation: Organisation, after: Row) -> None:
    if not after.get("productnumber"):
        raise business_rule("0x80043b05", "The product number is missing.")
    others = organisation.rows("product", productnumber=after["productnumber"])
    if any(other["productid"] != after["productid"] for other in others):
        raise business_rule("0x80043b06", f"The product number {after['productnumber']} is used already.")


def _check_product_units(organisation: Organisation, after: Row) -> None:
    if after.get("defaultuomscheduleid") is None:
        raise business_rule("0x80043b13", "The unit schedule id of the product is missing.")
    if after.get("defaultuomid") is None:
        raise business_rule("0x80043b0d", "The unit id is missing.")
    unit = _row(organisation, "uom", after["defaultuomid"])
    if unit is None or unit["uomscheduleid"] != after["defaultuomscheduleid"]:
        raise business_rule("0x80043b16", "The default unit is not in the unit schedule of the product.")


def _check_product_price_list(organisation: Organisation, before: Row, after: Row) -> None:
    names = ("pricelevelid", "transactioncurrencyid")
    prices = _row(organisation, "pricelevel", after.get("pricelevelid"))
    if prices is None or all(before.get(name) == after.get(name) for name in names):
        return
    if after.get("transactioncurrencyid") not in (None, prices["transactioncurrencyid"]):
        # Three codes are known for this; which of them a product gets is not.
        raise business_rule("0x80048cee", "The currency of the product differs from that of its default price list.")


_FORBIDDEN: Mapping[tuple[int, int], tuple[str, str]] = {
    (ACTIVE, DRAFT): ("0x8004f912", "An active product cannot be set to draft."),
    (DRAFT, RETIRED): ("0x8004f978", "A draft product cannot be retired."),
    (RETIRED, DRAFT): ("0x8004f979", "A retired product cannot be set to draft."),
    (DRAFT, UNDER_REVISION): ("0x80048408", "A draft product cannot be revised."),
    (RETIRED, UNDER_REVISION): ("0x80048408", "A retired product cannot be revised."),
    (UNDER_REVISION, DRAFT): ("0x80048408", "A product under revision cannot be set to draft."),
}


def _check_product_state(organisation: Organisation, before: Row, after: Row) -> None:
    old, new = number(before["statecode"]), number(after["statecode"])
    if (old, new) in _FORBIDDEN:
        raise business_rule(*_FORBIDDEN[old, new])
    if (old, new) == (RETIRED, ACTIVE) and after["productstructure"] != _PRODUCT:
        raise business_rule("0x8004f977", "A retired family or bundle cannot be activated.")
    editable = old in (DRAFT, UNDER_REVISION) or not organisation.settings.products_only_in_draft
    if not editable and any(before[name] != after[name] for name in ("name", "price", "defaultuomid", "productnumber")):
        raise business_rule("0x8004f995", "Products can only be updated in the draft state.")


def _uomschedule(_organisation: Organisation, before: Row, after: Row) -> Row:
    if not before and not after.get("baseuomname"):
        raise business_rule("0x80043810", "The name of the base unit is missing.")
    return {}


def _uom(organisation: Organisation, _before: Row, after: Row) -> Row:
    if after.get("uomscheduleid") is None:
        raise business_rule("0x80043b0a", "The unit schedule id is missing.")
    if after.get("baseuom") is not None:
        base = _row(organisation, "uom", after["baseuom"])
        if base is None or base["uomscheduleid"] != after["uomscheduleid"]:
            raise business_rule("0x80043b0b", "The base unit is not in the unit schedule.")
    return {"organizationid": organisation.setting("organizationid")}


def _pricelevel(organisation: Organisation, before: Row, after: Row) -> Row:
    namesakes = organisation.rows("pricelevel", name=after["name"])
    if any(other["pricelevelid"] != after["pricelevelid"] for other in namesakes):
        raise business_rule("0x80043b0f", f"A price list named {after['name']} exists already.")
    if before and before["statecode"] == ACTIVE and after["statecode"] != ACTIVE:
        _check_default_of_nobody(organisation, after)
    return {}


def _check_default_of_nobody(organisation: Organisation, after: Row) -> None:
    users = (("product", "pricelevelid"), ("account", "defaultpricelevelid"), ("contact", "defaultpricelevelid"))
    for table, name in users:
        if organisation.rows(table, **{name: after["pricelevelid"]}):
            raise business_rule("0x80043b04", f"The price list is the default of a {table} and cannot be deactivated.")


def _productpricelevel(organisation: Organisation, _before: Row, after: Row) -> Row:
    for name, code in (("pricelevelid", "0x80043b12"), ("productid", "0x80043b11"), ("uomid", "0x80043b0d")):
        if after.get(name) is None:
            raise business_rule(code, f"The {name} of the price list item is missing.")
    unit = _row(organisation, "uom", after["uomid"])
    product = _row(organisation, "product", after["productid"])
    if unit is None or product is None or unit["uomscheduleid"] != product["defaultuomscheduleid"]:
        raise business_rule("0x80043b14", "The unit is not valid for the product.")
    # A product has few items, a price list may have a million.
    items = organisation.rows("productpricelevel", productid=after["productid"])
    others = [item for item in items if item["productpricelevelid"] != after["productpricelevelid"]]
    if any(other["pricelevelid"] == after["pricelevelid"] and other["uomid"] == after["uomid"] for other in others):
        raise business_rule("0x80043b08", "The price list already has this product and unit.")
    return _of_price_list(organisation, after, unit, product)


def _of_price_list(organisation: Organisation, after: Row, unit: Row, product: Row) -> Row:
    """What an item takes over from its list, its product and its unit."""
    prices = _row(organisation, "pricelevel", after["pricelevelid"])
    currency = prices["transactioncurrencyid"] if prices else None
    filled: Row = {
        "transactioncurrencyid": currency,
        "productnumber": product["productnumber"],
        "uomscheduleid": unit["uomscheduleid"],
        "organizationid": organisation.setting("organizationid"),
    }
    entity = organisation.entity("productpricelevel")
    rated = _row(organisation, "transactioncurrency", currency)
    if rated is not None:
        filled["exchangerate"] = rated["exchangerate"]
        filled.update(_base_amounts(organisation, entity, {**after, **filled}))
    return filled


_CHECKS: Mapping[str, Check] = {
    "account": _account,
    "product": _product,
    "uomschedule": _uomschedule,
    "uom": _uom,
    "pricelevel": _pricelevel,
    "productpricelevel": _productpricelevel,
    "quote": quotes.check_quote,
    "salesorder": orders.check_order,
    "invoice": invoices.check_invoice,
    **{line: partial(check_line, of=document) for line, document in BY_LINE.items()},
}


def base_unit(organisation: Organisation, schedule: Row) -> Row:
    """The unit that comes with a new unit schedule."""
    entity = organisation.entity("uom")
    schedule_of = entity.columns["uomscheduleid"]
    return {
        "name": schedule["baseuomname"],
        "quantity": "1",
        "isschedulebaseuom": 1,
        **set_lookup(schedule_of, Reference("uomschedule", str(schedule["uomscheduleid"]))),
    }


def _row(organisation: Organisation, table: str, row_id: Value) -> Row | None:
    return None if row_id is None else organisation.find(organisation.entity(table), str(row_id))


def _trimmed(value: str, places: int | None) -> str:
    return value if places is None else rounded(value, places)


def _divided(value: str, rate: str, places: int) -> str:
    return rounded(str(Decimal(value) / Decimal(rate)), places)
