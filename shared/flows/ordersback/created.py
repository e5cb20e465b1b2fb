"""ordersback <- CDSSalesOrderHeaders and -Lines: orders that were made in F&O, as orders of Sales with their lines.

Rules: docs/rules.md. The two tables below are the mapping, one for the header and one for its lines. F&O is the writer
of these orders for good; totals are never sent, Sales calculates them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from shared.clients.quoting import is_guid
from shared.flows.finops_documents.amounts import lines_below_zero
from shared.flows.finops_documents.references import (
    ACCOUNT_COLUMN,
    CONTACT_COLUMN,
    CURRENCY_FIELD,
    FIXED_IN_HEADER,
    FIXED_IN_LINES,
    HEADER_LOOKUPS,
    LINE_LOOKUPS,
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
    row_of,
)
from shared.flows.finops_documents.totals import LINE_TOTAL, TOTAL, to_the_cent
from shared.flows.finops_documents.words import (
    HEADER_RANGES,
    IS_TAX,
    LINE_RANGES,
    FinopsAddress,
    amount,
    amount_from_zero,
    sales_day,
    text_without,
    whether,
)
from shared.flows.orders import mapping as orders
from shared.flows.ordersback.amounts import (
    DISCOUNT,
    EXACT,
    PRICE,
    QUANTITY,
    line_discount,
    price_per_unit,
)
from shared.flows.ordersback.states import STATUS_FIELD, ClosingChoices
from shared.flows.products.catalogue import PRICE_LIST, NotThere
from shared.flows.quotations import mapping as quotations
from shared.flows.sales_documents.discounts import number_of
from shared.flows.sales_documents.words import RequestedDate
from shared.mapping.date_columns import DateColumns, behaviors_of, beside
from shared.mapping.dates import local_day
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.lookups import looked_up, looked_up_name
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Known, Mapped, MappedLine, Parent, Rejected
from shared.mapping.words import Column, Ownership, Unmappable, Word, constant, copy, mapped_option, value_of
from shared.records import Json, SourceRow, Values
from shared.systems import System

ENTITY_SET = orders.TARGET_SET
TARGET_SET, TARGET_LINE_SET = orders.HEADER_SET, orders.LINE_SET
ID_COLUMN, LINE_ID_COLUMN, KEY_COLUMN = orders.NAMES.header_id, orders.NAMES.line_id, orders.NAMES.number
POSITION_COLUMN = "sequencenumber"
CUSTOMER_FIELD, QUOTATION_FIELD, CREATED_FIELD = orders.CUSTOMER_FIELD, orders.QUOTATION_FIELD, "OrderCreationDateTime"
QUOTE_ID = "quoteid"
LOOKUPS = {**HEADER_LOOKUPS, QUOTE_ID: quotations.HEADER_SET}
LINES_LOOKUPS = {ID_COLUMN: TARGET_SET, **LINE_LOOKUPS}
MARK = "msdynce_ismaintainedexternally"
DATE_COLUMNS: DateColumns = orders.DATE_COLUMNS

# The parts of the map document's `ownership`.
HEADER_PART, LINE_PART = "orders_back", "order_lines_back"

_CHARGES, _HEADER_TAX, _TOTAL_FIELD = "OrderTotalChargesAmount", "OrderHeaderTaxAmount", "OrderTotalAmount"
_AMOUNT, _TAX = "LineAmount", "TotalTaxAmount"
_REQUESTED = {RequestedDate.SHIPPING: "RequestedShippingDate", RequestedDate.RECEIPT: "RequestedReceiptDate"}
_ON_CREATE = Ownership.ON_CREATE


@dataclass(frozen=True, slots=True)
class CreatedChoices:
    """What a deployment decides for orders that were made in F&O (settings). `linked_only` and `since` are the scope
    of the first run, `zone` is the business's time zone."""

    requested_date: RequestedDate = RequestedDate.SHIPPING
    linked_only: bool = False
    since: date | None = None
    street_number: bool = False
    closing: ClosingChoices = field(default_factory=ClosingChoices)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


def header_words(choices: CreatedChoices) -> tuple[Word, ...]:
    """The mapping of the header."""
    by_customer = "the {} that is linked under the customer account"
    number = choices.street_number
    return (
        copy("SalesOrderName", "name", empty=None, max_length=300),
        looked_up(CUSTOMER_FIELD, ACCOUNT_COLUMN, by_customer.format("account"), ownership=_ON_CREATE),
        looked_up(CUSTOMER_FIELD, CONTACT_COLUMN, by_customer.format("contact"), ownership=_ON_CREATE),
        looked_up(CURRENCY_FIELD, "transactioncurrencyid", "the currency with this ISO code", ownership=_ON_CREATE),
        looked_up(CURRENCY_FIELD, "pricelevelid", "the price list of the currency", ownership=_ON_CREATE),
        looked_up(QUOTATION_FIELD, QUOTE_ID, "the quote of the quotation; none if that was made in F&O"),
        mapped_option(STATUS_FIELD, "msdynce_processingstatus", "processing_status"),
        *choices.closing.words,
        sales_day(_REQUESTED[choices.requested_date], "requestdeliveryby", choices.zone),
        copy("Email", "emailaddress", empty=None, max_length=100),
        copy("DeliveryAddressName", "shipto_name", empty=None, max_length=200),
        FinopsAddress("DeliveryAddress", "shipto", "StateId", number),
        FinopsAddress("InvoiceAddress", "billto", "StateId", number),
        amount_from_zero(_CHARGES, "freightamount"),
        amount_from_zero(DISCOUNT, "discountamount"),
        amount(_HEADER_TAX, "msdynce_misctax"),
        constant(MARK, True),
    )


def line_words(choices: CreatedChoices) -> tuple[Word, ...]:
    """The mapping of a line."""
    return (
        looked_up(PRODUCT_FIELD, PRODUCT_ID, "the product with this number in Sales"),
        text_without(PRODUCT_FIELD, "ProductName", "productdescription", "the name, if there is no product"),
        whether(PRODUCT_FIELD, "isproductoverridden", "true if there is no product", when_blank=True),
        looked_up(
            UNIT_FIELD,
            "uomid",
            "value map `units`, then the unit of this name in the unit group; none without a product",
        ),
        copy(QUANTITY, "quantity", type=Decimal, empty=None),
        price_per_unit("priceperunit"),
        constant("ispriceoverridden", True),
        line_discount("manualdiscountamount"),
        amount(_TAX, "tax"),
        copy("ProductName", "description", empty=None, max_length=2000),
        sales_day(_REQUESTED[choices.requested_date], "requestdeliveryby", choices.zone),
        copy("DeliveryAddressName", "shipto_name", empty=None, max_length=200),
        FinopsAddress("DeliveryAddress", "shipto", "StateId", choices.street_number),
        copy(LINE_NUMBER_FIELD, "lineitemnumber", type=int, ownership=_ON_CREATE, empty=None),
        whether(IS_TAX, "msdynce_ismisctax", "true for the tax of no line", when_blank=False),
        constant(MARK, True, ownership=_ON_CREATE),
    )


_EVERY_FIELD = (CreatedChoices(), CreatedChoices(closing=ClosingChoices(cancels=True, fulfills=True)))


class CreatedOrders:
    """The mapping with the value maps and choices of a deployment."""

    def __init__(self, maps: ValueMaps, choices: CreatedChoices | None = None) -> None:
        self.choices = choices = choices or CreatedChoices()
        self.header = FieldTable(
            HEADER_PART,
            TARGET_SET,
            header_words(choices),
            maps,
            also_read=(
                *map(Column, (CUSTOMER_FIELD, CURRENCY_FIELD, QUOTATION_FIELD)),
                Column(CREATED_FIELD, is_date=True),
                Column(_HEADER_TAX, Decimal),
                Column(_TOTAL_FIELD, Decimal),
            ),
            source=System.FINOPS,
            ranges=HEADER_RANGES,
            reads=ENTITY_SET,
            every=[word for every in _EVERY_FIELD for word in header_words(every)],
            fixed=FIXED_IN_HEADER,
            named=NAMED_IN_HEADER,
            zone=choices.zone,
        )
        self.lines = FieldTable(
            LINE_PART,
            TARGET_LINE_SET,
            line_words(choices),
            maps,
            also_read=(
                *map(Column, (PRODUCT_FIELD, UNIT_FIELD)),
                Column(LINE_NUMBER_FIELD, int),
                Column(_AMOUNT, Decimal),
                Column(_TAX, Decimal),
            ),
            source=System.FINOPS,
            ranges=LINE_RANGES,
            reads=orders.TARGET_LINE_SET,
            needed=NEEDED_IN_LINES,
            fixed=FIXED_IN_LINES,
            named=NAMED_IN_LINES,
            zone=choices.zone,
        )
        require_sound(self.header, self.lines)
        self._choices = choices
        self._references = DocumentReferences(maps, choices.zone, CUSTOMER_FIELD)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return f"{self.header.fingerprint(self._choices)}{self.lines.fingerprint()}"

    @property
    def line_select(self) -> tuple[str, ...]:
        """The fields of a line to read, besides its number."""
        return tuple(name for name in self.lines.select if name not in (IS_TAX, LINE_NUMBER_FIELD))

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The customer and the products, and the quote."""
        quote = _quotation_of(row.values)
        return (*self._references.parents(row.values), *([] if quote is None else [quote]))

    def in_scope(self, values: Values) -> bool:
        """Whether an order without a link belongs to the first run."""
        if self.choices.linked_only:
            return False
        created = value_of(values, CREATED_FIELD)
        since = self.choices.since
        return since is None or (created is not None and local_day(str(created), self.choices.zone) >= since)

    def check_source(self, header: Values, lines: list[Values]) -> None:
        """Raises SchemaDrift if a field is not of the type that the mapping knows."""
        self.header.check_source(header)
        for line in lines:
            self.lines.check_source(line)

    def evaluate(self, row: SourceRow, known: Known, *, route: str, has_totals: bool) -> Mapped | Rejected:
        """Map and validate one order. Raises SchemaDrift for a date column of Sales."""
        header = row.values
        try:
            looked_up = self._looked_up(header, known)
            content = self.header.content({**header, **looked_up})
            lines = numbered(lines_of(header), header.get(_HEADER_TAX), _text_line(header.get(_HEADER_TAX)))
            lines += [
                (number, {LINE_NUMBER_FIELD: None, "ProductName": text, **_text_line(price)})
                for number, text, price in lines_below_zero(header, _CHARGES, DISCOUNT)
            ]
            mapped = {number: self._line(number, line, header, known) for number, line in lines}
        except NotThere as missing:
            return missing.rejected(looked_up=True)
        except Unmappable as unmappable:
            return unmappable.rejected()
        quote = _quotation_of(header)
        # A quotation that was made in F&O has no quote; one that is just being made has one in a moment.
        begun = () if quote is None or quote not in known.begun else (quote,)
        return Mapped(
            row.id,
            content.owned,
            content.on_create,
            parents=(*self._references.parents(header), *begun),
            route=route,
            lines=mapped,
            numbers={number: f"line {number}" for number in mapped},
            calculated={TOTAL: to_the_cent(number_of(header, _TOTAL_FIELD), looked_up)} if has_totals else {},
        )

    def _looked_up(self, header: Values, known: Known) -> Values:
        quote = row_of(known, _quotation_of(header))
        return {
            **self._references.of_header(header, known, self.header.name_for(PRICE_LIST, header)),
            **beside(behaviors_of(known.references, orders.HEADER_TABLE, DATE_COLUMNS[orders.HEADER_TABLE])),
            looked_up_name(QUOTE_ID): quote if quote is not None and is_guid(quote) else None,
        }

    def _line(self, number: int, line: Values, header: Values, known: Known) -> MappedLine:
        behaviors = behaviors_of(known.references, orders.LINE_TABLE, DATE_COLUMNS[orders.LINE_TABLE])
        try:
            group = self.lines.name_for(UNIT_COLUMN, line)
            looked_up = self._references.of_line(line, header, known, group)
            content = self.lines.content({**line, **beside(behaviors), **looked_up})
        except Unmappable as wrong:
            raise named_in_line(wrong, number) from wrong
        total = to_the_cent(EXACT.add(number_of(line, _AMOUNT), number_of(line, _TAX)), looked_up)
        return MappedLine(content.owned, content.on_create, calculated={LINE_TOTAL: total})


def _quotation_of(header: Values) -> Parent | None:
    number = value_of(header, QUOTATION_FIELD)
    return None if number is None else Parent.with_key(quotations.TARGET_SET, str(number))


def _text_line(price: Json) -> Mapping[str, Json]:
    """What a line of F&O would have that is only a text with a price, such as the tax of no line."""
    return {QUANTITY: 1, PRICE: price, _AMOUNT: price}
