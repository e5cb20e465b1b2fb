"""What the platform does with every sales document and its lines: numbers, prices, totals, who may change them
(dataverse-web-api, section 11). The states of each document are in a module of their own."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from local.dataverse.organisation import Organisation, number
from local.dataverse.payloads import Reference, set_lookup
from local.dataverse.refusals import business_rule
from local.dataverse.schema import EntityType
from local.dataverse.values import rounded
from local.simulator.store import Row, Value

# The state of a document that can be changed: a draft quote, an active order, an active invoice.
OPEN = 0
NO_CODE = "0x80040216"
_ACTIVE_PRODUCT = 0
_FIRST_NUMBER, _SUFFIX = 1000, 6
_NOT_IN_PRICE_LIST = 11
_DISCOUNTED_BY = ("manualdiscountamount", "volumediscountamount", "quantity")

# What may change in a document that is read-only, of what a client may write: its state, and what the solution keeps.
_ALWAYS = frozenset({"statecode", "statuscode", "closedon", "msdynce_hasexternallymaintainedproductsonly"})


@dataclass(frozen=True, slots=True)
class Document:
    """A sales document: the tables of its header and its lines, the column of its number and how numbers begin."""

    header: str
    line: str
    number: str
    prefix: str

    @property
    def link(self) -> str:
        """The id of the header, in the header and in each line."""
        return f"{self.header}id"

    @property
    def line_name(self) -> str:
        """The column that names a line."""
        return f"{self.line}name"

    def header_of(self, organisation: Organisation, line: Row) -> Row:
        """The header that a line belongs to. Raises Refused (400)."""
        found = organisation.find(organisation.entity(self.header), str(line.get(self.link)))
        if found is None:
            raise business_rule("0x80040203", f"The attribute '{self.link}' of the '{self.line}' entity is required.")
        return found

    def lines_of(self, organisation: Organisation, header: Row) -> list[Row]:
        """The lines of a header that is stored, in no order."""
        return organisation.rows(self.line, **{self.link: header[self.link]}) if header.get(self.link) else []

    def parts_of_lines(self, organisation: Organisation, header: Row, *names: str) -> list[Row]:
        """These columns of the lines of a header, in no order."""
        return organisation.parts(self.line, names, **{self.link: header[self.link]}) if header.get(self.link) else []

    def lines_in_order(self, organisation: Organisation, header: Row) -> list[Row]:
        """The lines of a header by their item numbers."""
        lines = self.lines_of(organisation, header)
        return sorted(lines, key=lambda line: (number(line["lineitemnumber"] or 0), str(line[f"{self.line}id"])))


QUOTE = Document("quote", "quotedetail", "quotenumber", "QUO")
ORDER = Document("salesorder", "salesorderdetail", "ordernumber", "ORD")
INVOICE = Document("invoice", "invoicedetail", "invoicenumber", "INV")
BY_LINE: Mapping[str, Document] = {each.line: each for each in (QUOTE, ORDER, INVOICE)}


def check_header(organisation: Organisation, of: Document, before: Row, after: Row) -> Row:
    """A header as the platform lets it be stored, apart from its states. Raises Refused (400)."""
    _check_currency(organisation, of, before, after)
    if before:
        _check_editable(organisation, of, before, after)
        return totals(organisation, of, after)
    filled: Row = {} if after.get(of.number) else {of.number: _next_number(organisation, of)}
    return {**filled, **totals(organisation, of, {**after, **filled})}


def check_line(organisation: Organisation, before: Row, after: Row, of: Document) -> Row:
    """A line as the platform lets it be stored, with price and amounts. Raises Refused (400)."""
    header = of.header_of(organisation, after)
    require_open(organisation, header)
    product = _product_of(organisation, before, after)
    if after.get("quantity") is None:
        raise business_rule("0x80040203", "The quantity of the line is missing.")
    row = {**after, **_of_header(organisation, of, header), **_numbered(organisation, of, header, after)}
    if product is not None:
        _check_price_list(organisation, of, header)
        _check_decimals(product, after)
        row |= {of.line_name: product["name"], "productname": product["name"]}
        row |= _priced(organisation, header, row)
    else:
        row |= {of.line_name: after["productdescription"], "productname": after["productdescription"]}
    return {**row, **_amounts(organisation, row)}


def require_open(organisation: Organisation, header: Row) -> None:
    """Lines change while their document can; an administrator may save them all the same. Raises Refused (400)."""
    if header["statecode"] != OPEN and not organisation.caller_is_administrator:
        raise business_rule("0x80043b09", "The parent record is read only: its state does not let it change.")


def totals(organisation: Organisation, of: Document, header: Row) -> Row:
    """The amounts of a document by its lines (system pricing)."""
    lines = of.parts_of_lines(organisation, header, "baseamount", "tax", *_DISCOUNTED_BY)
    places = _places(organisation, header)
    items = sum((_decimal(line["baseamount"]) - _discount(line) for line in lines), Decimal(0))
    of_lines = sum(map(_discount, lines), Decimal(0))
    tax = sum((_decimal(line["tax"]) for line in lines), Decimal(0))
    discount = _decimal(header.get("discountamount")) + items * _decimal(header.get("discountpercentage")) / 100
    less = items - Decimal(rounded(str(discount), places))
    amounts = {
        "totallineitemamount": items,
        "totallineitemdiscountamount": of_lines,
        "totaldiscountamount": discount,
        "totalamountlessfreight": less,
        "totaltax": tax,
        "totalamount": less + _decimal(header.get("freightamount")) + tax,
    }
    return {name: rounded(str(amount), places) for name, amount in amounts.items()}


def copied(source: EntityType, row: Row, target: EntityType, *, without: frozenset[str]) -> Row:
    """The columns that a row of `target` made from this one brings: those that both tables have."""
    kept: Row = {}
    for property_ in target.properties.values():
        name = property_.column
        if property_.on_create and name in source.columns and name not in without and row.get(name) is not None:
            kept[name] = row[name]
            if property_.type_column:
                kept[property_.type_column] = row[property_.type_column]
    return kept


def copied_lines(organisation: Organisation, source: Document, header: Row, target: Document) -> list[Row]:
    """The lines that a document made from this one brings, in order and still without their header."""
    source_of, target_of = organisation.entity(source.line), organisation.entity(target.line)
    leave = frozenset({f"{target.line}id", target.link, "baseamount", "extendedamount", "overriddencreatedon"})
    lines = source.lines_in_order(organisation, header)
    return [copied(source_of, line, target_of, without=leave) for line in lines]


def refuse_state(before: Row, after: Row, action_of: Mapping[int, str], names: Mapping[int, str], table: str) -> None:
    """Raises Refused (400) for a change to a state that only an action of its own reaches."""
    new = number(after["statecode"])
    if new == number(before["statecode"]) or new not in action_of:
        return
    # Text by the pattern of orders; its code is not known.
    raise business_rule(
        NO_CODE,
        f"This message can not be used to set the state of {table} to {names[new]}. In order to set state of {table} "
        f"to {names[new]}, use the {action_of[new]}Request Request message instead.",
    )


def require_status(organisation: Organisation, table: str, state: int, status: int) -> None:
    """Raises Refused (400) if a status does not belong to a state."""
    if organisation.entity(table).properties["statuscode"].state_of_status.get(status) != state:
        raise business_rule("0x80048408", f"{status} is not a valid status code for state {state} of {table}.")


def _check_currency(organisation: Organisation, of: Document, before: Row, after: Row) -> None:
    prices = organisation.find(organisation.entity("pricelevel"), str(after.get("pricelevelid")))
    currency = after.get("transactioncurrencyid")
    if before and before["transactioncurrencyid"] != currency and of.lines_of(organisation, after):
        raise business_rule("0x8004480e", f"The currency of a {of.header} with products cannot change.")
    changed = any(before.get(name) != after.get(name) for name in ("pricelevelid", "transactioncurrencyid"))
    if changed and prices is not None and currency not in (None, prices["transactioncurrencyid"]):
        raise business_rule("0x80048cee", f"The currency of the {of.header} differs from that of its price list.")


def _check_editable(organisation: Organisation, of: Document, before: Row, after: Row) -> None:
    if before["statecode"] == OPEN or organisation.caller_is_administrator:
        return
    of_clients = {
        property_.column for property_ in organisation.entity(of.header).properties.values() if property_.on_update
    } - _ALWAYS
    if any(name in of_clients and value != before.get(name) for name, value in after.items()):
        raise business_rule(NO_CODE, "Cannot Update a Read-Only Entity")


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


def _check_price_list(organisation: Organisation, of: Document, header: Row) -> None:
    """Lines of products need a price list, except those of quotes: these are let through and keep what is wrong."""
    mandatory = organisation.setting("ispricelistmandatory")
    if of is not QUOTE and mandatory and header.get("pricelevelid") is None:
        raise business_rule("0x80043b12", f"The price level id of the {of.header} is missing.")


def _check_decimals(product: Row, line: Row) -> None:
    given = max(0, -number(Decimal(str(line["quantity"])).normalize().as_tuple().exponent))
    if given > number(product["quantitydecimal"] or 0):
        raise business_rule("0x80043b07", "The quantity has more decimals than the product allows.")


def _of_header(organisation: Organisation, of: Document, header: Row) -> Row:
    """What a line takes over from its header."""
    currency_of = organisation.entity(of.line).columns["transactioncurrencyid"]
    currency = header["transactioncurrencyid"]
    bound = set_lookup(currency_of, Reference("transactioncurrency", str(currency))) if currency is not None else {}
    owner: Row = {name: header.get(name) for name in ("ownerid", "ownerid__type")}
    return {**bound, **owner, "exchangerate": header["exchangerate"]}


def _numbered(organisation: Organisation, of: Document, header: Row, line: Row) -> Row:
    missing = [name for name in ("lineitemnumber", "sequencenumber") if line.get(name) is None]
    if not missing:
        return {}
    others = of.parts_of_lines(organisation, header, *missing)
    highest = {name: max((number(other[name] or 0) for other in others), default=0) for name in missing}
    return {name: highest[name] + 1 for name in missing}


def _priced(organisation: Organisation, header: Row, line: Row) -> Row:
    """The price of the price list, unless the line has its own. What is wrong with it is kept in the line."""
    if line.get("ispriceoverridden"):
        return {"pricingerrorcode": 0}
    items = organisation.rows("productpricelevel", productid=line["productid"], uomid=line["uomid"])
    found = next((item for item in items if item["pricelevelid"] == header["pricelevelid"]), None)
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
    return number(organisation.setting("currencydecimalprecision"))


def _next_number(organisation: Organisation, of: Document) -> str:
    counter = organisation.store.next_value(f"{of.header} numbers", first=_FIRST_NUMBER)
    suffix = organisation.random.choices(string.ascii_uppercase + string.digits, k=_SUFFIX)
    return f"{of.prefix}-{counter:05d}-{''.join(suffix)}"


def _decimal(value: Value) -> Decimal:
    return Decimal(str(value)) if value is not None else Decimal(0)
