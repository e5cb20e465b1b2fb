"""orders -> CDSSalesOrderHeaders and -Lines: an activated Dataverse `salesorder`, by its number, once.

Rules: docs/rules.md. The two tables below are the mapping, one for the header and one for its lines. Everything is sent
at creation only: from activation on the order belongs to F&O.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from shared.flows.orders import ORDERS
from shared.flows.orders.order_rows import (
    FROM_FINOPS,
    HEADER_ID_COLUMN,
    KEY_COLUMN,
    LINE_ID_COLUMN,
    PROCESSING_STATUS,
    QUOTE,
    SUBMITTED,
    activated,
    id_of,
    order_filter,
    quotation_of,
    require_one_order,
    reuse_of,
    why_none_is_activated,
)
from shared.flows.sales_documents.discounts import DiscountSplit
from shared.flows.sales_documents.mapping import (
    CURRENCY,
    FIXED_IN_LINES,
    NEEDED_IN_LINES,
    DocumentNames,
    SalesDocumentMapper,
)
from shared.flows.sales_documents.rows import (
    EXTERNAL,
    EXTERNAL_ONLY,
    HEADER_DISCOUNTS,
    LINE_POSITION,
    WRITE_IN,
    customer_of,
    has_discount,
    headers_of,
    require_customer,
)
from shared.flows.sales_documents.rules import PRODUCT_FIELD, SalesDocumentRules
from shared.flows.sales_documents.words import (
    ACCOUNT,
    CONTACT,
    PRODUCT,
    RequestedDate,
    always,
    customer_account,
    delivery_address,
    price,
    quantity,
    sales_unit_symbol,
    storage,
)
from shared.mapping.addresses import AddressRules
from shared.mapping.date_columns import DateColumns
from shared.mapping.dates import Behavior
from shared.mapping.days import day
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.lookups import looked_up, looked_up_name
from shared.mapping.numbers import Numbering, record_number
from shared.mapping.scope import Scope
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Verdict
from shared.mapping.words import Column, Unmappable, Word, constant, copy, default
from shared.records import SourceRow, Values

HEADER_SET, LINE_SET = "salesorders", "salesorderdetails"
HEADER_TABLE, LINE_TABLE = "salesorder", "salesorderdetail"
NAMES = DocumentNames(
    header_set=HEADER_SET,
    header_table=HEADER_TABLE,
    header_id=HEADER_ID_COLUMN,
    number=KEY_COLUMN,
    line_set=LINE_SET,
    line_table=LINE_TABLE,
    line_id=LINE_ID_COLUMN,
    line_header=HEADER_ID_COLUMN,
)

TARGET_SET, TARGET_LINE_SET, TARGET_LINE_SET_V2 = "CDSSalesOrderHeaders", "CDSSalesOrderLines", "CDSSalesOrderLinesV2"
KEY_FIELD = "SalesOrderNumber"
KEY_LENGTH = 20
NUMBERING = Numbering(
    KEY_COLUMN,
    needed_as=KEY_FIELD,
    length=KEY_LENGTH,
    when_missing="give the order a number",
    when_too_long="shorten the pattern of order numbers in Sales, and create the order again: its number never changes",
)
CUSTOMER_FIELD, QUOTATION_FIELD = "OrderingCustomerAccountNumber", "QuotationNumber"

# The parts of the map document's `ownership`.
HEADER_PART, LINE_PART = "orders", "order_lines"

DATE_COLUMNS: DateColumns = {table: {"requestdeliveryby": Behavior.USER_LOCAL} for table in (HEADER_TABLE, LINE_TABLE)}

_HEADER_ALSO_READ = (
    Column(HEADER_ID_COLUMN),
    Column(KEY_COLUMN),
    Column(PROCESSING_STATUS, int),
    Column(FROM_FINOPS, bool),
    Column(EXTERNAL_ONLY, bool),
    *(Column(name, Decimal) for name in HEADER_DISCOUNTS),
    Column(ACCOUNT),
    Column(CONTACT),
    *CURRENCY.columns,
    Column("createdon", is_date=True),
    Column("modifiedon", is_date=True),
)
_LINE_ALSO_READ = (
    Column(LINE_ID_COLUMN),
    Column(LINE_POSITION, int),
    Column(SUBMITTED, bool),
    Column(WRITE_IN, bool),
    Column(PRODUCT),
    Column(EXTERNAL, bool),
)


_REQUESTED = {RequestedDate.SHIPPING: "RequestedShippingDate", RequestedDate.RECEIPT: "RequestedReceiptDate"}


@dataclass(frozen=True, slots=True)
class OrderChoices:
    """What a deployment decides for orders (settings). `origin` is the sales origin of every order in F&O (empty: none
    is sent), `line_set` the collection of their lines, `zone` the business's time zone."""

    origin: str = ""
    line_set: str = TARGET_LINE_SET
    requested_date: RequestedDate = RequestedDate.SHIPPING
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    adopt_existing: bool = False
    scope: Scope = field(default_factory=Scope)
    addresses: AddressRules = field(default_factory=AddressRules)


def header_words(choices: OrderChoices) -> tuple[Word, ...]:
    """The mapping of an order."""
    origin = (constant("SalesOrderOriginCode", choices.origin),) if choices.origin else ()
    return (
        copy("name", "SalesOrderName"),
        customer_account(CUSTOMER_FIELD),
        looked_up(QUOTE, QUOTATION_FIELD, "the number under which its quotation is in F&O; none if it is not for F&O"),
        CURRENCY,
        *origin,
        constant("ArePricesIncludingSalesTax", "No"),
        default("DefaultShippingSiteId", "site"),
        default("DefaultShippingWarehouseId", "warehouse"),
        day("requestdeliveryby", _REQUESTED[choices.requested_date], choices.zone),
        copy("shipto_name", "DeliveryAddressName"),
        delivery_address(choices.addresses),
        copy("emailaddress", "Email"),
    )


def line_words(choices: OrderChoices) -> tuple[Word, ...]:
    """The mapping of a line."""
    return (
        record_number(PRODUCT, PRODUCT_FIELD),
        sales_unit_symbol("uomid.name", "SalesUnitSymbol"),
        quantity("quantity", "OrderedSalesQuantity"),
        price("priceperunit", "SalesPrice"),
        always("SalesPriceQuantity", 1),
        DiscountSplit(),
        always("LineDiscountPercentage", 0),
        always("MultilineDiscountAmount", 0),
        always("MultilineDiscountPercentage", 0),
        storage("ShippingSiteId", "site"),
        storage("ShippingWarehouseId", "warehouse"),
        day("requestdeliveryby", _REQUESTED[choices.requested_date], choices.zone),
        copy("shipto_name", "DeliveryAddressName"),
        delivery_address(choices.addresses),
    )


_EVERY_FIELD = tuple(
    OrderChoices(origin="*", requested_date=requested, addresses=AddressRules(street_number=True))
    for requested in RequestedDate
)


class OrderMapper(SalesDocumentMapper):
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: OrderChoices | None = None) -> None:
        self.choices = choices = choices or OrderChoices()
        header = FieldTable(
            HEADER_PART,
            TARGET_SET,
            header_words(choices),
            maps,
            also_read=_HEADER_ALSO_READ,
            once=True,
            reads=HEADER_SET,
            every=[word for every in _EVERY_FIELD for word in header_words(every)],
            fixed=frozenset({CUSTOMER_FIELD}),
            zone=choices.zone,
            flow=ORDERS,
        )
        lines = FieldTable(
            LINE_PART,
            choices.line_set,
            line_words(choices),
            maps,
            also_read=_LINE_ALSO_READ,
            lengths=TARGET_LINE_SET,
            once=True,
            reads=LINE_SET,
            every=[word for every in _EVERY_FIELD for word in line_words(every)],
            needed=NEEDED_IN_LINES | {"OrderedSalesQuantity"},
            fixed=FIXED_IN_LINES,
            zone=choices.zone,
        )
        require_sound(header, lines)
        super().__init__(NAMES, header, lines, DATE_COLUMNS, maps)
        self.rules = SalesDocumentRules(table=header, lines=lines)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return self.rules.table.fingerprint(self.choices, self.rules.lines.fingerprint())

    def reads_lines_of(self, header: Values) -> bool:
        """Whether the lines of an order say anything that its header does not say alone."""
        return bool(activated([header])) and not has_discount(header)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The order's customer, and its quotation if its number is to be sent."""
        order = next(iter(activated(headers_of(row))), None)
        parents = () if order is None else (customer_of(order), self._quotation_of(order))
        return tuple(parent for parent in parents if parent is not None)

    def _quotation_of(self, order: Values) -> Parent | None:
        return quotation_of(order) if QUOTATION_FIELD in self.header.target_fields else None

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one order. Raises SchemaDrift, also for a date column. An order that is in F&O stays
        there, whatever becomes of it in Sales."""
        orders = headers_of(row)
        self.check_headers(orders)
        own = [order for order in orders if not known.revisions or id_of(order) in known.revisions]
        try:
            if known.route is not None and own:
                others = [order for order in activated(orders) if order not in own]
                require_one_order([own[0], *others])
                return Mapped(NUMBERING.of(own[0]), {}, {}, numbers=known.numbers, revisions={id_of(own[0]): 0})
            candidates = activated(orders)
            if not candidates:
                return Filtered(why_none_is_activated(orders))
            for order in candidates:
                self.checked_lines(order)
            require_one_order(candidates)
            rule = order_filter(candidates[0])
            if rule is not None:
                return Filtered(rule)
            return self.header.kept_out(candidates[0]) or self._map(candidates[0], known)
        except Unmappable as unmappable:
            return unmappable.rejected()

    def in_scope(self, row: SourceRow) -> bool:
        """Whether an order without a link belongs to the first run."""
        newest = max(headers_of(row), key=lambda order: str(order.get("modifiedon") or ""), default={})
        return self.choices.scope.holds(SourceRow(row.id, row.version, newest))

    def _map(self, order: Values, known: Known) -> Mapped:
        key = NUMBERING.of(order)
        customer = require_customer(order, needed_by="an order", remedy="choose the order's customer in Sales")
        quotation = self._quotation_of(order)
        found = {looked_up_name(CUSTOMER_FIELD): known.keys.get(customer)}
        if quotation is not None:
            found[looked_up_name(QUOTATION_FIELD)] = known.keys.get(quotation)
        reused = reuse_of(key, id_of(order), known.revisions)
        content = self.header_content(order, known, found)
        # The lines of another order have numbers of their own.
        lines = self.mapped_lines(order, known if reused is None else replace(known, numbers={}))
        return Mapped(
            key,
            content.owned,
            content.on_create,
            parents=(customer,) if quotation is None else (customer, quotation),
            lines=lines.lines,
            numbers=lines.numbers,
            revisions={id_of(order): 0},
            reused=reused,
            remarks=(*content.remarks, *lines.remarks),
        )
