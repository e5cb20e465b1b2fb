"""What the platform does with quotes and lines: states, numbers, prices, totals (dataverse-web-api, section 11)."""

import string
from collections.abc import Mapping
from decimal import Decimal

from local.dataverse.organisation import Organisation, number
from local.dataverse.payloads import Reference, set_lookup
from local.dataverse.refusals import business_rule
from local.dataverse.schema import EntityType
from local.dataverse.values import rounded
from local.simulator.store import Row, Value

QUOTE, LINE = "quote", "quotedetail"
DRAFT, ACTIVE, WON, CLOSED = 0, 1, 2, 3
REVISED = 7
_ACTIVE_PRODUCT = 0
_NUMBERS, _FIRST_NUMBER, _SUFFIX = "quote numbers", 1000, 6
_NOT_IN_PRICE_LIST = 11
_NO_CODE = "0x80040216"

# What may change in a quote that is not a draft, of what a client may write: its state, and what the solution keeps.
_ALWAYS = frozenset({"statecode", "statuscode", "closedon", "msdynce_hasexternallymaintainedproductsonly"})
_ACTION_OF = {WON: "WinQuote", CLOSED: "CloseQuote"}
_STATE_NAMES = {DRAFT: "Draft", ACTIVE: "Active", WON: "Won", CLOSED: "Closed"}


def check_quote(organisation: Organisation, before: Row, after: Row) -> Row:
    """A quote as the platform lets it be stored. Raises Refused (400)."""
    _check_currency(organisation, before, after)
    if before:
        _check_transition(before, after)
        _check_editable(organisation, before, after)
        return totals(organisation, after)
    filled: Row = {"revisionnumber": after.get("revisionnumber") or 0}
    if not after.get("quotenumber"):
        filled["quotenumber"] = _next_number(organisation)
    return {**filled, **totals(organisation, {**after, **filled})}


def check_line(organisation: Organisation, before: Row, after: Row) -> Row:
    """A line as the platform lets it be stored, with price and amounts. Raises Refused (400)."""
    quote = _quote_of(organisation, after)
    require_open(organisation, quote)
    product = _product_of(organisation, before, after)
    if after.get("quantity") is None:
        raise business_rule("0x80040203", "The quantity of the line is missing.")
    row = {**after, **_of_quote(organisation, quote), **_numbered(organisation, quote, after)}
    if product is not None:
        _check_decimals(product, after)
        row |= {"quotedetailname": product["name"], "productname": product["name"]}
        row |= _priced(organisation, quote, row)
    else:
        row |= {"quotedetailname": after["productdescription"], "productname": after["productdescription"]}
    return {**row, **_amounts(organisation, row)}


def require_open(organisation: Organisation, quote: Row) -> None:
    """Lines change while their quote is a draft; an administrator may save them all the same. Raises Refused (400)."""
    if quote["statecode"] != DRAFT and not organisation.settings.administrator:
        raise business_rule("0x80043b09", "The parent record is read only: the quote is not a draft.")


def totals(organisation: Organisation, quote: Row) -> Row:
    """The amounts of a quote by its lines (system pricing)."""
    lines = organisation.rows(LINE, quoteid=quote["quoteid"]) if quote.get("quoteid") else []
    places = _places(organisation, quote)
    items = sum((_decimal(line["baseamount"]) - _discount(line) for line in lines), Decimal(0))
    of_lines = sum(map(_discount, lines), Decimal(0))
    tax = sum((_decimal(line["tax"]) for line in lines), Decimal(0))
    discount = _decimal(quote.get("discountamount")) + items * _decimal(quote.get("discountpercentage")) / 100
    less = items - Decimal(rounded(str(discount), places))
    amounts = {
        "totallineitemamount": items,
        "totallineitemdiscountamount": of_lines,
        "totaldiscountamount": discount,
        "totalamountlessfreight": less,
        "totaltax": tax,
        "totalamount": less + _decimal(quote.get("freightamount")) + tax,
    }
    return {name: rounded(str(amount), places) for name, amount in amounts.items()}


def close(organisation: Organisation, quote: Row, state: int, status: int) -> Row:
    """The changes that win or close a quote. Raises Refused (400) for one that is not active."""
    if quote["statecode"] != ACTIVE:
        raise business_rule("0x80048408", f"The quote is {_STATE_NAMES[number(quote['statecode'])]}, not Active.")
    status_of = organisation.entity(QUOTE).properties["statuscode"]
    if status_of.state_of_status.get(status) != state:
        raise business_rule("0x80048408", f"{status} is not a valid status code for state {_STATE_NAMES[state]}.")
    return {"statecode": state, "statuscode": status, "closedon": organisation.clock().date().isoformat()}


def check_revisable(organisation: Organisation, quote: Row) -> None:
    """Only a closed quote can be revised, and only one revision is open at a time. Raises Refused (400)."""
    if quote["statecode"] != CLOSED:
        raise business_rule("0x80048408", "Only a closed quote can be revised.")
    namesakes = organisation.rows(QUOTE, quotenumber=quote["quotenumber"])
    if any(other["statecode"] in (DRAFT, ACTIVE) for other in namesakes):
        raise business_rule(
            "0x80048d00", "The quote cannot be revised as there already exists another quote in Draft/Active state."
        )


def revision_of(organisation: Organisation, quote: Row) -> int:
    """The number of the next revision."""
    revisions = organisation.rows(QUOTE, quotenumber=quote["quotenumber"])
    return max(number(other["revisionnumber"]) for other in revisions) + 1


def copied(entity: EntityType, row: Row, *, without: frozenset[str]) -> Row:
    """The columns of a row that a copy of it brings."""
    kept: Row = {}
    for property_ in entity.properties.values():
        if property_.on_create and property_.column not in without and row.get(property_.column) is not None:
            kept[property_.column] = row[property_.column]
            if property_.type_column:
                kept[property_.type_column] = row[property_.type_column]
    return kept


def _check_currency(organisation: Organisation, before: Row, after: Row) -> None:
    prices = organisation.find(organisation.entity("pricelevel"), str(after.get("pricelevelid")))
    currency = after.get("transactioncurrencyid")
    if before and before["transactioncurrencyid"] != currency and organisation.rows(LINE, quoteid=after["quoteid"]):
        raise business_rule("0x8004480e", "The currency of a quote with products cannot change.")
    changed = any(before.get(name) != after.get(name) for name in ("pricelevelid", "transactioncurrencyid"))
    if changed and prices is not None and currency not in (None, prices["transactioncurrencyid"]):
        raise business_rule("0x80048cee", "The currency of the quote differs from that of its price list.")


def _check_transition(before: Row, after: Row) -> None:
    old, new = number(before["statecode"]), number(after["statecode"])
    if old == new:
        return
    if new == ACTIVE and old != DRAFT:
        raise business_rule("0x80100003", "The quote cannot be activated because it is not in draft state.")
    if new in _ACTION_OF:
        # Text by the pattern of the other tables; its code is not known.
        name, action = _STATE_NAMES[new], _ACTION_OF[new]
        raise business_rule(
            _NO_CODE,
            f"This message can not be used to set the state of Quote to {name}. In order to set state of Quote to "
            f"{name}, use the {action}Request message instead.",
        )


def _check_editable(organisation: Organisation, before: Row, after: Row) -> None:
    if before["statecode"] == DRAFT or organisation.settings.administrator:
        return
    of_clients = {
        property_.column for property_ in organisation.entity(QUOTE).properties.values() if property_.on_update
    } - _ALWAYS
    if any(name in of_clients and value != before.get(name) for name, value in after.items()):
        raise business_rule(_NO_CODE, "Cannot Update a Read-Only Entity")


def _quote_of(organisation: Organisation, line: Row) -> Row:
    quote = organisation.find(organisation.entity(QUOTE), str(line.get("quoteid")))
    if quote is None:
        raise business_rule("0x80040203", "The attribute 'quoteid' of the 'quotedetail' entity is required.")
    return quote


def _product_of(organisation: Organisation, before: Row, after: Row) -> Row | None:
    """The product of a line, None of a write-in line."""
    if after.get("isproductoverridden"):
        if after.get("uomid") is not None:
            raise business_rule("0x80043afa", "The unit id should not be set together with a product description.")
        if after.get("productid") is not None:
            raise business_rule("0x80043afb", "The product id should not be set together with a product description.")
        if not after.get("productdescription"):
            raise business_rule("0x80043b11", "The product description of a write-in line is missing.")
        return None
    for name, code in (("productid", "0x80043b11"), ("uomid", "0x80043b0d")):
        if after.get(name) is None:
            raise business_rule(code, f"The {name} of the line is missing.")
    product = organisation.get(organisation.entity("product"), str(after["productid"]))
    unit = organisation.get(organisation.entity("uom"), str(after["uomid"]))
    if before.get("productid") != after["productid"] and product["statecode"] != _ACTIVE_PRODUCT:
        raise business_rule("0x8004f908", "You can only add active products.")
    if unit["uomscheduleid"] != product["defaultuomscheduleid"]:
        raise business_rule("0x80043b14", "The unit is not valid for the product.")
    return product


def _check_decimals(product: Row, line: Row) -> None:
    given = max(0, -number(Decimal(str(line["quantity"])).normalize().as_tuple().exponent))
    if given > number(product["quantitydecimal"] or 0):
        raise business_rule("0x80043b07", "The quantity has more decimals than the product allows.")


def _of_quote(organisation: Organisation, quote: Row) -> Row:
    """What a line takes over from its quote."""
    of = organisation.entity(LINE).columns["transactioncurrencyid"]
    currency = quote["transactioncurrencyid"]
    bound = set_lookup(of, Reference("transactioncurrency", str(currency))) if currency is not None else {}
    owner: Row = {name: quote.get(name) for name in ("ownerid", "ownerid__type")}
    return {**bound, **owner, "exchangerate": quote["exchangerate"]}


def _numbered(organisation: Organisation, quote: Row, line: Row) -> Row:
    missing = [name for name in ("lineitemnumber", "sequencenumber") if line.get(name) is None]
    if not missing:
        return {}
    others = organisation.rows(LINE, quoteid=quote["quoteid"])
    highest = {name: max((number(other[name] or 0) for other in others), default=0) for name in missing}
    return {name: highest[name] + 1 for name in missing}


def _priced(organisation: Organisation, quote: Row, line: Row) -> Row:
    """The price of the price list, unless the line has its own. What is wrong with it is kept in the line."""
    if line.get("ispriceoverridden"):
        return {"pricingerrorcode": 0}
    items = organisation.rows("productpricelevel", productid=line["productid"], uomid=line["uomid"])
    found = next((item for item in items if item["pricelevelid"] == quote["pricelevelid"]), None)
    if found is None:
        return {"priceperunit": None, "pricingerrorcode": _NOT_IN_PRICE_LIST}
    return {"priceperunit": found["amount"], "pricingerrorcode": 0}


def _amounts(organisation: Organisation, line: Row) -> Row:
    places = _places(organisation, line)
    base = Decimal(rounded(str(_decimal(line.get("quantity")) * _decimal(line.get("priceperunit"))), places))
    extended = base - _discount(line) + _decimal(line.get("tax"))
    return {"baseamount": rounded(str(base), places), "extendedamount": rounded(str(extended), places)}


def _discount(line: Mapping[str, Value]) -> Decimal:
    """The discount of a whole line."""
    volume = _decimal(line.get("volumediscountamount")) * _decimal(line.get("quantity"))
    return _decimal(line.get("manualdiscountamount")) + volume


def _places(organisation: Organisation, row: Row) -> int:
    """How many decimals amounts have: those of the currency."""
    currency = organisation.find(organisation.entity("transactioncurrency"), str(row.get("transactioncurrencyid")))
    if currency is not None and currency["currencyprecision"] is not None:
        return number(currency["currencyprecision"])
    return number(organisation.settings_row()["currencydecimalprecision"])


def _next_number(organisation: Organisation) -> str:
    counter = organisation.store.next_value(_NUMBERS, first=_FIRST_NUMBER)
    suffix = organisation.random.choices(string.ascii_uppercase + string.digits, k=_SUFFIX)
    return f"QUO-{counter:05d}-{''.join(suffix)}"


def _decimal(value: Value) -> Decimal:
    return Decimal(str(value)) if value is not None else Decimal(0)
