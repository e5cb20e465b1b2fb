"""invoices <- ExternallyMaintainedCustomerSalesInvoiceHeaders and -LinesV2: posted invoices of F&O to Dataverse
`invoice` and `invoicedetail`.

Rules: docs/rules.md. The two tables below are the mapping, one for the header and one for its lines; the rest filters,
and looks up what an invoice refers to in Sales.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices.rules import PRODUCT_COLUMN, InvoiceRules
from shared.flows.invoices.words import (
    CURRENCY_DECIMALS,
    BillingAddress,
    amount,
    invoice_day,
    option,
    text_without,
    unit_price,
    whether,
)
from shared.flows.products import catalogue
from shared.flows.products.catalogue import Catalogue, Currency, NotThere
from shared.mapping.amounts import DECIMALS
from shared.mapping.dates import today
from shared.mapping.field_table import FieldTable, require_known
from shared.mapping.numbers import Numbering
from shared.mapping.ranges import Range, Ranges
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Filtered, Known, Mapped, MappedLine, Parent, Verdict
from shared.mapping.words import (
    Column,
    Ownership,
    Unmappable,
    Word,
    constant,
    copy,
    looked_up,
    looked_up_name,
    value_of,
)
from shared.records import Json, References, SourceRow, Values
from shared.systems import System

ENTITY_SET = "ExternallyMaintainedCustomerSalesInvoiceHeaders"
LINE_ENTITY_SET = "ExternallyMaintainedCustomerSalesInvoiceLinesV2"
NUMBER_FIELD, DATE_FIELD, VOUCHER_FIELD = "InvoiceNumber", "InvoiceDate", "LedgerVoucher"
ORDER_FIELD, CUSTOMER_FIELD = "SalesOrderNumber", "InvoiceCustomerAccountNumber"
LINE_NUMBER_FIELD, PRODUCT_FIELD = "LineCreationSequenceNumber", "ProductNumber"
LINES = "lines"

TARGET_SET, TARGET_LINE_SET = "invoices", "invoicedetails"
LOGICAL_NAME, LINE_LOGICAL_NAME = "invoice", "invoicedetail"
ID_COLUMN, LINE_ID_COLUMN = "invoiceid", "invoicedetailid"
KEY_COLUMN, DATE_COLUMN = "invoicenumber", "msdynce_invoicedate"
POSITION_COLUMN = "sequencenumber"
NUMBERING = Numbering(
    NUMBER_FIELD,
    needed_as=KEY_COLUMN,
    length=100,
    when_missing="tell whoever runs F&O: a posted invoice always has a number",
    when_too_long="shorten the number sequence of invoices in F&O",
)

# The collections whose rows an invoice refers to by their number.
CUSTOMERS, ORDERS, PRODUCTS = "CustomersV3", "salesorders", "products"
ORDER_NUMBER, PRODUCT_NUMBER = "ordernumber", "productnumber"
ORDER_ID, PRODUCT_ID = "salesorderid", "productid"

ACCOUNT_COLUMN, CONTACT_COLUMN, CUSTOMER_COLUMN = "customerid_account", "customerid_contact", "customerid"
LOOKUPS = {
    "salesorderid": ORDERS,
    ACCOUNT_COLUMN: "accounts",
    CONTACT_COLUMN: "contacts",
    "transactioncurrencyid": catalogue.CURRENCIES,
    "pricelevelid": catalogue.PRICE_LISTS,
}
READ_AS = {ACCOUNT_COLUMN: CUSTOMER_COLUMN, CONTACT_COLUMN: CUSTOMER_COLUMN}
LINE_LOOKUPS = {ID_COLUMN: TARGET_SET, PRODUCT_COLUMN: PRODUCTS, "uomid": catalogue.UNITS}
BILLED = 4

# The small tables of Sales that the mapping looks up.
TABLES = {
    **catalogue.TABLES,
    catalogue.CURRENCIES: (*catalogue.TABLES[catalogue.CURRENCIES], "currencyprecision"),
}

_MONEY, _POSITIVE = Range(-922337203685477, 922337203685477), Range(0, 10**12)
RANGES: Ranges = {"freightamount": _POSITIVE, "discountamount": _POSITIVE, "msdynce_misctax": _MONEY}
LINE_RANGES: Ranges = {
    "quantity": Range(-(10**11), 10**11),
    "priceperunit": _MONEY,
    "manualdiscountamount": _POSITIVE,
    "tax": Range(-(10**12), 10**12),
    "lineitemnumber": Range(0, 10**9),
}

# The parts of the value-map document's `ownership`.
HEADER_PART, LINE_PART = "invoices", "invoice_lines"

_HEADER_TAX = "InvoiceHeaderTaxAmount"
# The line that carries the tax of no line, as orders have it; F&O numbers its lines from 1.
TAX_LINE, TAX_LINE_TEXT = 0, "Freight Tax"
_IS_TAX = "=is tax"
_ON_CREATE = Ownership.ON_CREATE


@dataclass(frozen=True, slots=True)
class InvoiceChoices:
    """What a deployment decides for invoices (settings); `zone` is the business's time zone."""

    name_of: str = NUMBER_FIELD
    adopt_existing: bool = False
    linked_only: bool = False
    since: str = ""
    street_number: bool = False
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


def header_words(choices: InvoiceChoices) -> tuple[Word, ...]:
    """The mapping of the header."""
    by_customer = "the {} that is linked under the customer account"
    return (
        copy(choices.name_of, "name", ownership=_ON_CREATE, max_length=300),
        invoice_day(DATE_COLUMN),
        looked_up(ORDER_FIELD, ORDER_ID, "the order with this number in Sales", ownership=_ON_CREATE),
        looked_up(CUSTOMER_FIELD, ACCOUNT_COLUMN, by_customer.format("account"), ownership=_ON_CREATE),
        looked_up(CUSTOMER_FIELD, CONTACT_COLUMN, by_customer.format("contact"), ownership=_ON_CREATE),
        looked_up("CurrencyCode", "transactioncurrencyid", "the currency with this ISO code", ownership=_ON_CREATE),
        looked_up("CurrencyCode", "pricelevelid", "the price list of the currency", ownership=_ON_CREATE),
        BillingAddress(choices.street_number),
        amount("TotalChargeAmount", "freightamount"),
        amount("TotalDiscountCustomerGroupCode", "discountamount"),
        amount(_HEADER_TAX, "msdynce_misctax"),
        copy("CustomersOrderReference", "description", ownership=_ON_CREATE, empty=None, max_length=2000),
        option("statuscode", BILLED),
        constant("msdynce_ismaintainedexternally", True, ownership=_ON_CREATE),
    )


def line_words() -> tuple[Word, ...]:
    """The mapping of a line."""
    return (
        looked_up(PRODUCT_FIELD, PRODUCT_COLUMN, "the product with this number in Sales"),
        text_without(PRODUCT_FIELD, "ProductName", "productdescription", "the name, if there is no product"),
        whether(PRODUCT_FIELD, "isproductoverridden", "true if there is no product", when_blank=True),
        looked_up(
            "SalesUnitSymbol",
            "uomid",
            "value map `units`, then the unit of this name in the unit group; none without a product",
            ownership=_ON_CREATE,
        ),
        copy("InvoicedQuantity", "quantity", type=Decimal, empty=None),
        unit_price("SalesPrice", "priceperunit"),
        constant("ispriceoverridden", True, ownership=_ON_CREATE),
        amount("LineTotalDiscountAmount", "manualdiscountamount"),
        amount("LineTotalTaxAmount", "tax"),
        copy("ProductName", "description", ownership=_ON_CREATE, empty=None, max_length=2000),
        copy(LINE_NUMBER_FIELD, "lineitemnumber", type=int, ownership=_ON_CREATE, empty=None),
        copy(NUMBER_FIELD, "msdynce_invoicenumber", ownership=_ON_CREATE, max_length=100),
        invoice_day("msdynce_invoicedate", ownership=_ON_CREATE),
        whether(_IS_TAX, "msdynce_ismisctax", "true for the tax of no line", when_blank=False),
        constant("msdynce_ismaintainedexternally", True, ownership=_ON_CREATE),
    )


class InvoiceMapper:
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: InvoiceChoices | None = None) -> None:
        self.choices = choices = choices or InvoiceChoices()
        self._maps = maps
        words = header_words(choices)
        require_known(maps, HEADER_PART, TARGET_SET, words)
        require_known(maps, LINE_PART, TARGET_LINE_SET, line_words())
        also_read = tuple(map(Column, (NUMBER_FIELD, VOUCHER_FIELD, ORDER_FIELD, CUSTOMER_FIELD, "CurrencyCode")))
        self.header = FieldTable(
            HEADER_PART, TARGET_SET, words, maps, also_read=also_read, source=System.FINOPS, ranges=RANGES
        )
        self.lines = FieldTable(
            LINE_PART,
            TARGET_LINE_SET,
            line_words(),
            maps,
            also_read=(Column(PRODUCT_FIELD), Column("SalesUnitSymbol"), Column(LINE_NUMBER_FIELD, int)),
            source=System.FINOPS,
            ranges=LINE_RANGES,
        )
        self.rules = InvoiceRules(table=self.header, lines=self.lines)
        self.fingerprint = f"{self.header.fingerprint(choices)}{self.lines.fingerprint()}"
        self._kept: tuple[References, Catalogue] | None = None

    @property
    def select(self) -> tuple[str, ...]:
        """The fields of the header to read."""
        return self.header.select

    @property
    def line_select(self) -> tuple[str, ...]:
        """The fields of a line to read."""
        return tuple(name for name in self.lines.select if name != _IS_TAX)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The order and the products, which are found in Sales by their numbers, and the customer."""
        header = row.values
        named = [
            _parent(ORDERS, value_of(header, ORDER_FIELD)),
            _parent(CUSTOMERS, value_of(header, CUSTOMER_FIELD)),
            *(_parent(PRODUCTS, value_of(line, PRODUCT_FIELD)) for line in _lines_of(header)),
        ]
        return tuple(dict.fromkeys(parent for parent in named if parent is not None))

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one invoice. Raises SchemaDrift."""
        header, lines = row.values, _lines_of(row.values)
        self.header.check_source(header)
        for line in lines:
            self.lines.check_source(line)
        if value_of(header, ORDER_FIELD) is None:
            return Filtered("no_sales_order")
        try:
            NUMBERING.of(header)
            content = self.header.content({**header, **self._looked_up(header, known)})
            mapped = {number: self._line(line, header, known) for number, line in self._numbered(header, lines)}
        except NotThere as missing:
            return missing.rejected(looked_up=True)
        except Unmappable as unmappable:
            return unmappable.rejected()
        return Mapped(
            row.id,
            content.owned,
            content.on_create,
            self.parents(row),
            lines=mapped,
            numbers={number: f"line {number}" for number in mapped},
        )

    def in_scope(self, row: SourceRow) -> bool:
        """Whether an invoice without a link belongs to the first run."""
        if self.choices.linked_only:
            return False
        return not self.choices.since or str(row.values.get(DATE_FIELD)) >= self.choices.since

    def _looked_up(self, header: Values, known: Known) -> Values:
        code = value_of(header, "CurrencyCode")
        tables = self._catalogue(known.references)
        currency = tables.currency(None if code is None else str(code))
        prices = tables.price_list(currency, today=today(known.now, self.choices.zone), kept=None)
        customer = _parent(CUSTOMERS, value_of(header, CUSTOMER_FIELD))
        if customer is None:
            raise Unmappable(
                "customer_missing",
                f"{CUSTOMER_FIELD} is blank, and an invoice in Sales needs a customer",
                remedy="tell whoever runs F&O: a posted invoice always has a customer",
            )
        of = known.flows.get(customer)
        return {
            looked_up_name(ORDER_ID): _row_of(known, _parent(ORDERS, value_of(header, ORDER_FIELD))),
            looked_up_name(ACCOUNT_COLUMN): known.rows.get(customer) if of == ACCOUNTS else None,
            looked_up_name(CONTACT_COLUMN): known.rows.get(customer) if of == CONTACTS else None,
            looked_up_name("transactioncurrencyid"): currency.id,
            looked_up_name("pricelevelid"): prices,
            CURRENCY_DECIMALS: _decimals_of(known.references, currency),
        }

    def _numbered(self, header: Values, lines: Sequence[Values]) -> list[tuple[int, Values]]:
        """The lines by number, with one for the tax of no line: the totals of Sales know the tax of lines only."""
        numbered = [(int(str(line[LINE_NUMBER_FIELD])), line) for line in lines]
        tax = header.get(_HEADER_TAX)
        if tax:
            of_tax: dict[str, Json] = {
                **{name: header.get(name) for name in (NUMBER_FIELD, DATE_FIELD)},
                LINE_NUMBER_FIELD: TAX_LINE,
                "ProductName": TAX_LINE_TEXT,
                "InvoicedQuantity": 1,
                "SalesPrice": tax,
                _IS_TAX: "yes",
            }
            numbered.insert(0, (TAX_LINE, of_tax))
        return numbered

    def _line(self, line: Values, header: Values, known: Known) -> MappedLine:
        tables = self._catalogue(known.references)
        product, symbol = _parent(PRODUCTS, value_of(line, PRODUCT_FIELD)), value_of(line, "SalesUnitSymbol")
        code = value_of(header, "CurrencyCode")
        try:
            unit = None if product is None else tables.unit(None if symbol is None else str(symbol))[1]
            content = self.lines.content(
                {
                    **line,
                    looked_up_name(PRODUCT_COLUMN): _row_of(known, product),
                    looked_up_name("uomid"): unit,
                    CURRENCY_DECIMALS: _decimals_of(known.references, tables.currency(str(code))),
                    DECIMALS: tables.price_decimals,
                }
            )
        except Unmappable as wrong:
            said = f"line {line[LINE_NUMBER_FIELD]}: {wrong}"
            raise type(wrong)(wrong.cause, said, remedy=wrong.remedy, value=wrong.value) from wrong
        return MappedLine(content.owned, content.on_create)

    def _catalogue(self, references: References) -> Catalogue:
        """The small tables by name. They are the same object until they are read again."""
        kept = self._kept
        if kept is None or kept[0] is not references:
            kept = self._kept = references, Catalogue(references, self._maps, self.choices.zone)
        return kept[1]


def _parent(collection: str, number: Json) -> Parent | None:
    return None if number is None else Parent.with_key(collection, str(number).strip())


def _row_of(known: Known, parent: Parent | None) -> str | None:
    return None if parent is None else known.rows.get(parent)


def _lines_of(header: Values) -> list[Mapping[str, Json]]:
    lines = header.get(LINES)
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []


def _decimals_of(references: References, currency: Currency) -> int:
    """How many decimals Sales keeps of amounts in a currency."""
    for row in references.get(catalogue.CURRENCIES, ()):
        decimals = row.get("currencyprecision")
        if str(row["transactioncurrencyid"]).lower() == currency.id and isinstance(decimals, int):
            return decimals
    return 2
