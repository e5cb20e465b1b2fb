"""invoices <- ExternallyMaintainedCustomerSalesInvoiceHeaders and -LinesV2: posted invoices of F&O to Dataverse
`invoice` and `invoicedetail`.

Rules: docs/rules.md. The two tables below are the mapping, one for the header and one for its lines; the rest filters,
and looks up what an invoice refers to in Sales.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from shared.flows.finops_documents.references import (
    ACCOUNT_COLUMN,
    CONTACT_COLUMN,
    CURRENCY_FIELD,
    FIXED_IN_HEADER,
    FIXED_IN_LINES,
    HEADER_LOOKUPS,
    LINE_NUMBER_FIELD,
    NAMED_IN_HEADER,
    NAMED_IN_LINES,
    NEEDED_IN_LINES,
    PRODUCT_FIELD,
    PRODUCT_ID,
    UNIT_COLUMN,
    UNIT_FIELD,
    DocumentReferences,
    lines_of,
    named_in_line,
    numbered,
    parent_of,
    row_of,
)
from shared.flows.finops_documents.references import LINE_LOOKUPS as PRODUCT_LOOKUPS
from shared.flows.finops_documents.totals import LINE_TOTAL, TOTAL, to_the_cent
from shared.flows.finops_documents.words import (
    HEADER_RANGES,
    IS_TAX,
    LINE_RANGES,
    FinopsAddress,
    amount,
    amount_from_zero,
    option,
    text_without,
    whether,
)
from shared.flows.invoices import INVOICES
from shared.flows.invoices.amounts import (
    CHARGES_FIELD,
    DISCOUNT_FIELD,
    PRICE,
    QUANTITY,
    TAX,
    PriceAndDiscount,
    added_lines,
    cost_of,
)
from shared.flows.invoices.rules import ORDER_STATE, InvoiceRules
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products.catalogue import PRICE_LIST, NotThere
from shared.flows.sales_documents.discounts import number_of
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.lookups import looked_up, looked_up_name
from shared.mapping.numbers import Numbering
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Filtered, Known, Mapped, MappedLine, Parent, Verdict
from shared.mapping.words import Column, Line, Ownership, TargetField, Unmappable, Word, constant, copy, value_of
from shared.records import Json, SourceRow, Values
from shared.systems import System

ENTITY_SET = "ExternallyMaintainedCustomerSalesInvoiceHeaders"
LINE_ENTITY_SET = "ExternallyMaintainedCustomerSalesInvoiceLinesV2"
NUMBER_FIELD, DATE_FIELD, VOUCHER_FIELD = "InvoiceNumber", "InvoiceDate", "LedgerVoucher"
ORDER_FIELD, CUSTOMER_FIELD = "SalesOrderNumber", "InvoiceCustomerAccountNumber"

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

# The orders of Sales, as an invoice refers to them.
ORDERS, ORDER_NUMBER, ORDER_ID = "salesorders", "ordernumber", "salesorderid"

# The states of an order that becomes no invoice (any more): canceled, invoiced.
CANCELED, INVOICED = 2, 4
CONVERSION, CONVERTED = "ConvertSalesOrderToInvoice", "SalesOrderId"

LOOKUPS = {ORDER_ID: ORDERS, **HEADER_LOOKUPS}
LINE_LOOKUPS = {ID_COLUMN: TARGET_SET, **PRODUCT_LOOKUPS}
BILLED = 4

# The parts of the map document's `ownership`.
HEADER_PART, LINE_PART = "invoices", "invoice_lines"

_HEADER_TAX, _TOTAL_FIELD = "InvoiceHeaderTaxAmount", "TotalInvoiceAmount"
_ON_CREATE = Ownership.ON_CREATE
_ISO_DAY = 10


@dataclass(frozen=True, slots=True)
class InvoiceChoices:
    """What a deployment decides for invoices (settings). With `settles_order` the sync gives an invoice the owner of
    its order, and makes the order invoiced; with `order_first` what F&O says of an order is told in Sales before its
    invoice makes the order read-only. `zone` is the business's time zone."""

    name_of: str = NUMBER_FIELD
    adopt_existing: bool = False
    linked_only: bool = False
    since: str = ""
    street_number: bool = False
    settles_order: bool = False
    order_first: bool = False
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
        looked_up(CURRENCY_FIELD, "transactioncurrencyid", "the currency with this ISO code", ownership=_ON_CREATE),
        looked_up(CURRENCY_FIELD, "pricelevelid", "the price list of the currency", ownership=_ON_CREATE),
        # Users may correct an address in Sales.
        FinopsAddress("InvoiceAddress", "billto", "State", choices.street_number, _ON_CREATE),
        amount_from_zero(CHARGES_FIELD, "freightamount"),
        amount_from_zero(DISCOUNT_FIELD, "discountamount"),
        amount(_HEADER_TAX, "msdynce_misctax"),
        copy("CustomersOrderReference", "description", ownership=_ON_CREATE, empty=None, max_length=2000),
        option("statuscode", BILLED),
        constant("msdynce_ismaintainedexternally", True, ownership=_ON_CREATE),
    )


def line_words() -> tuple[Word, ...]:
    """The mapping of a line."""
    return (
        looked_up(PRODUCT_FIELD, PRODUCT_ID, "the product with this number in Sales"),
        text_without(PRODUCT_FIELD, "ProductName", "productdescription", "the name, if there is no product"),
        whether(PRODUCT_FIELD, "isproductoverridden", "true if there is no product", when_blank=True),
        looked_up(
            UNIT_FIELD,
            "uomid",
            "value map `units`, then the unit of this name in the unit group; none without a product",
            ownership=_ON_CREATE,
        ),
        copy(QUANTITY, "quantity", type=Decimal, empty=None),
        PriceAndDiscount(),
        constant("ispriceoverridden", True, ownership=_ON_CREATE),
        amount(TAX, "tax"),
        copy("ProductName", "description", ownership=_ON_CREATE, empty=None, max_length=2000),
        copy(LINE_NUMBER_FIELD, "lineitemnumber", type=int, ownership=_ON_CREATE, empty=None),
        copy(NUMBER_FIELD, "msdynce_invoicenumber", ownership=_ON_CREATE, max_length=100),
        invoice_day("msdynce_invoicedate", ownership=_ON_CREATE),
        whether(IS_TAX, "msdynce_ismisctax", "true for the tax of no line", when_blank=False),
        constant("msdynce_ismaintainedexternally", True, ownership=_ON_CREATE),
    )


def invoice_day(target: str, *, ownership: Ownership = Ownership.OWNED) -> Line:
    """The day of the invoice: F&O writes it as a moment of that day."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        value = value_of(row, DATE_FIELD)
        return None if value is None else str(value)[:_ISO_DAY]

    return Line((Column(DATE_FIELD, is_date=True),), TargetField(target, ownership, empty=None), "its day", read)


class InvoiceMapper:
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: InvoiceChoices | None = None) -> None:
        self.choices = choices = choices or InvoiceChoices()
        words = header_words(choices)
        read = (NUMBER_FIELD, VOUCHER_FIELD, ORDER_FIELD, CUSTOMER_FIELD, CURRENCY_FIELD)
        also_read = (*map(Column, read), Column(_TOTAL_FIELD, Decimal))
        self.header = FieldTable(
            HEADER_PART,
            TARGET_SET,
            words,
            maps,
            also_read=also_read,
            source=System.FINOPS,
            ranges=HEADER_RANGES,
            reads=ENTITY_SET,
            needed=frozenset({"statuscode"}),
            fixed=FIXED_IN_HEADER | {ORDER_ID},
            named=NAMED_IN_HEADER,
            zone=choices.zone,
            flow=INVOICES,
        )
        self.lines = FieldTable(
            LINE_PART,
            TARGET_LINE_SET,
            line_words(),
            maps,
            also_read=(Column(PRODUCT_FIELD), Column(UNIT_FIELD), Column(LINE_NUMBER_FIELD, int)),
            source=System.FINOPS,
            ranges=LINE_RANGES,
            reads=LINE_ENTITY_SET,
            needed=NEEDED_IN_LINES,
            fixed=FIXED_IN_LINES,
            named=NAMED_IN_LINES,
            zone=choices.zone,
        )
        require_sound(self.header, self.lines)
        self.rules = InvoiceRules(table=self.header, lines=self.lines)
        self._references = DocumentReferences(maps, choices.zone, CUSTOMER_FIELD)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return f"{self.header.fingerprint(self.choices)}{self.lines.fingerprint()}"

    @property
    def select(self) -> tuple[str, ...]:
        """The fields of the header to read."""
        return self.header.select

    @property
    def line_select(self) -> tuple[str, ...]:
        """The fields of a line to read."""
        return tuple(name for name in self.lines.select if name != IS_TAX)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The order and the products, which are found in Sales by their numbers, and the customer; and the sales order
        of F&O, which must be looked at before."""
        number = value_of(row.values, ORDER_FIELD)
        order = [] if number is None else [Parent.with_key(ORDERS, str(number).strip())]
        told = [Parent.looked_at(ORDERSBACK, str(number))] if self.choices.order_first and number is not None else []
        return (*order, *self._references.parents(row.values), *told)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one invoice. Raises SchemaDrift."""
        header, lines = row.values, lines_of(row.values)
        self.header.check_source(header)
        for line in lines:
            self.lines.check_source(line)
        if value_of(header, ORDER_FIELD) is None:
            return Filtered("no_sales_order")
        kept_out = self.header.kept_out(header)
        if kept_out is not None:
            return kept_out
        try:
            NUMBERING.of(header)
            looked_up = self._looked_up(header, known)
            content = self.header.content({**header, **looked_up})
            mapped = {number: self._line(number, line) for number, line in self._priced(header, known)}
        except NotThere as missing:
            return missing.rejected(looked_up=True)
        except Unmappable as unmappable:
            return unmappable.rejected()
        of_order: dict[str, Json] = {ORDER_STATE: INVOICED} if self.choices.settles_order else {}
        return Mapped(
            row.id,
            {**content.owned, **of_order},
            content.on_create,
            self.parents(row),
            lines=mapped,
            numbers={number: f"line {number}" for number in mapped},
            calculated={TOTAL: to_the_cent(number_of(header, _TOTAL_FIELD), looked_up)},
        )

    def in_scope(self, row: SourceRow) -> bool:
        """Whether an invoice without a link belongs to the first run."""
        if self.choices.linked_only:
            return False
        return not self.choices.since or str(row.values.get(DATE_FIELD)) >= self.choices.since

    def _looked_up(self, header: Values, known: Known) -> Values:
        order = row_of(known, parent_of(ORDERS, value_of(header, ORDER_FIELD)))
        price_list = self.header.name_for(PRICE_LIST, header)
        return {looked_up_name(ORDER_ID): order, **self._references.of_header(header, known, price_list)}

    def _priced(self, header: Values, known: Known) -> Iterator[tuple[int, Values]]:
        """The lines by number with what they refer to, and those that are added to them."""
        tax = header.get(_HEADER_TAX)
        of_finops = dict(numbered(lines_of(header), tax, {QUANTITY: 1, PRICE: tax}))
        priced = {number: self._with_references(number, line, header, known) for number, line in of_finops.items()}
        yield from priced.items()
        for number, line in added_lines(header, priced):
            yield number, self._with_references(number, line, header, known)

    def _with_references(self, number: int, line: Values, header: Values, known: Known) -> Values:
        key = {name: header.get(name) for name in (NUMBER_FIELD, DATE_FIELD)}
        try:
            group = self.lines.name_for(UNIT_COLUMN, line)
            return {**key, **line, **self._references.of_line(line, header, known, group)}
        except Unmappable as wrong:
            raise named_in_line(wrong, number) from wrong

    def _line(self, number: int, line: Values) -> MappedLine:
        try:
            content = self.lines.content(line)
        except Unmappable as wrong:
            raise named_in_line(wrong, number) from wrong
        return MappedLine(content.owned, content.on_create, calculated={LINE_TOTAL: cost_of(line)})
