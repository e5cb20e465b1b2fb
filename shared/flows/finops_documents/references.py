"""What documents of F&O refer to in Sales: customers, products, currencies, price lists, units; and their lines."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from shared.clients.finops.document_source import LINES
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.finops_documents.words import CURRENCY_DECIMALS, IS_TAX
from shared.flows.products import catalogue
from shared.flows.products.catalogue import Catalogue, Currency
from shared.mapping.amounts import DECIMALS
from shared.mapping.dates import today
from shared.mapping.lookups import looked_up_name
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Known, Parent
from shared.mapping.words import Unmappable, value_of
from shared.records import Json, References, Values

# The collections in which documents name what they refer to.
CUSTOMERS, PRODUCTS = "CustomersV3", "products"
PRODUCT_ID, PRODUCT_NUMBER = "productid", "productnumber"
UNIT_COLUMN = "uomid"
CURRENCY_FIELD, PRODUCT_FIELD, UNIT_FIELD = "CurrencyCode", "ProductNumber", "SalesUnitSymbol"
LINE_NUMBER_FIELD = "LineCreationSequenceNumber"
# The line that carries the tax of no line; F&O numbers its lines from 1.
TAX_LINE, TAX_LINE_TEXT = 0, "Freight Tax"

ACCOUNT_COLUMN, CONTACT_COLUMN, CUSTOMER_COLUMN = "customerid_account", "customerid_contact", "customerid"
HEADER_LOOKUPS = {
    ACCOUNT_COLUMN: "accounts",
    CONTACT_COLUMN: "contacts",
    "transactioncurrencyid": catalogue.CURRENCIES,
    "pricelevelid": catalogue.PRICE_LISTS,
}
READ_AS = {ACCOUNT_COLUMN: CUSTOMER_COLUMN, CONTACT_COLUMN: CUSTOMER_COLUMN}
LINE_LOOKUPS = {PRODUCT_ID: PRODUCTS, UNIT_COLUMN: catalogue.UNITS}
# What the map document cannot give another word, and what it may give by name.
FIXED_IN_HEADER = frozenset({ACCOUNT_COLUMN, CONTACT_COLUMN, "transactioncurrencyid"})
FIXED_IN_LINES = frozenset({PRODUCT_ID, UNIT_COLUMN})
NAMED_IN_HEADER = {catalogue.PRICE_LIST: "price list"}
NAMED_IN_LINES = {UNIT_COLUMN: "unit group"}
# What a line cannot do without.
NEEDED_IN_LINES = frozenset({"quantity", "priceperunit", "isproductoverridden", "productdescription"})

# The small tables of Sales that these mappings look up.
TABLES = {
    **catalogue.TABLES,
    catalogue.CURRENCIES: (*catalogue.TABLES[catalogue.CURRENCIES], "currencyprecision"),
}
_USUAL_DECIMALS = 2


class DocumentReferences:
    """Finds what a document refers to. `zone` is the business's, `customer` the field of the customer's account."""

    def __init__(self, maps: ValueMaps, zone: ZoneInfo, customer: str) -> None:
        self._maps = maps
        self._zone = zone
        self._customer = customer
        self._kept: tuple[References, Catalogue] | None = None

    def parents(self, header: Values) -> tuple[Parent, ...]:
        """The customer, and each product once."""
        named = [
            parent_of(CUSTOMERS, value_of(header, self._customer)),
            *(parent_of(PRODUCTS, value_of(line, PRODUCT_FIELD)) for line in lines_of(header)),
        ]
        return tuple(dict.fromkeys(parent for parent in named if parent is not None))

    def of_header(self, header: Values, known: Known, price_list: str | None) -> dict[str, Json]:
        """The customer, the currency and its price list, which may be given by its name, as the words read them. Raises
        Unmappable."""
        customer = parent_of(CUSTOMERS, value_of(header, self._customer))
        if customer is None:
            raise Unmappable(
                "customer_missing",
                f"{self._customer} is blank, and Sales needs a customer",
                remedy="tell whoever runs F&O: each order and each posted invoice has a customer there",
            )
        currency, tables = self._currency(header, known), self._catalogue(known.references)
        of = known.flows.get(customer)
        return {
            looked_up_name(ACCOUNT_COLUMN): known.rows.get(customer) if of == ACCOUNTS else None,
            looked_up_name(CONTACT_COLUMN): known.rows.get(customer) if of == CONTACTS else None,
            looked_up_name("transactioncurrencyid"): currency.id,
            looked_up_name(catalogue.PRICE_LIST): tables.price_list(
                currency, today=today(known.now, self._zone), kept=None, name=price_list
            ),
            CURRENCY_DECIMALS: _decimals_of(known.references, currency),
        }

    def of_line(self, line: Values, header: Values, known: Known, unit_group: str | None) -> dict[str, Json]:
        """The product and its unit, whose group may be given by its name; both are None for a line without a product.
        Raises Unmappable."""
        tables = self._catalogue(known.references)
        product, symbol = parent_of(PRODUCTS, value_of(line, PRODUCT_FIELD)), value_of(line, UNIT_FIELD)
        unit = None if product is None else tables.unit(None if symbol is None else str(symbol), unit_group)[1]
        return {
            looked_up_name(PRODUCT_ID): row_of(known, product),
            looked_up_name(UNIT_COLUMN): unit,
            CURRENCY_DECIMALS: _decimals_of(known.references, self._currency(header, known)),
            DECIMALS: tables.price_decimals,
        }

    def _currency(self, header: Values, known: Known) -> Currency:
        code = value_of(header, CURRENCY_FIELD)
        return self._catalogue(known.references).currency(None if code is None else str(code))

    def _catalogue(self, references: References) -> Catalogue:
        """The small tables by name. They are the same object until they are read again."""
        kept = self._kept
        if kept is None or kept[0] is not references:
            kept = self._kept = references, Catalogue(references, self._maps, self._zone)
        return kept[1]


def parent_of(collection: str, number: Json) -> Parent | None:
    """What a number names; None if it is blank."""
    return None if number is None else Parent.with_key(collection, str(number).strip())


def row_of(known: Known, parent: Parent | None) -> str | None:
    """The id of its row in Sales, if it is known."""
    return None if parent is None else known.rows.get(parent)


def lines_of(header: Values) -> list[Mapping[str, Json]]:
    """The lines of a document that was read."""
    lines: Json | Sequence[Json] = header.get(LINES)
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def numbered(lines: Sequence[Values], tax: Json, of_tax: Mapping[str, Json]) -> list[tuple[int, Values]]:
    """The lines by number, with one for the tax of no line, such as that on charges: Sales adds up the tax of lines
    only (prospect-to-cash, section 10.5). `of_tax` are the fields of that line in F&O's own names."""
    found = [(int(str(line[LINE_NUMBER_FIELD])), line) for line in lines]
    if tax:
        named: dict[str, Json] = {LINE_NUMBER_FIELD: TAX_LINE, "ProductName": TAX_LINE_TEXT, IS_TAX: "yes"}
        found.insert(0, (TAX_LINE, {**named, **of_tax}))
    return found


def named_in_line(wrong: Unmappable, number: Json) -> Unmappable:
    """What is wrong in a line, with the number of the line; the kind of the error stays."""
    told = f"line {number}: {wrong}"
    return type(wrong)(wrong.cause, told, remedy=wrong.remedy, value=wrong.value, lacks=wrong.lacks)


def _decimals_of(references: References, currency: Currency) -> int:
    """How many decimals Sales keeps of amounts in a currency."""
    for row in references.get(catalogue.CURRENCIES, ()):
        decimals = row.get("currencyprecision")
        if str(row["transactioncurrencyid"]).lower() == currency.id and isinstance(decimals, int):
            return decimals
    return _USUAL_DECIMALS
