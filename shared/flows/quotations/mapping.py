"""quotations -> CDSSalesQuotationHeaders and -Lines: the active revision of a Dataverse `quote`, by its number.

Rules: docs/rules.md. The two tables below are the mapping, one for the header and one for its lines; the rest chooses
the revision, filters, and numbers the lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from zoneinfo import ZoneInfo

from shared.flows.quotations import QUOTATIONS
from shared.flows.quotations.quote_rows import (
    HEADER_ID_COLUMN,
    KEY_COLUMN,
    LINE_ID_COLUMN,
    chosen_of,
    id_of,
    ids_of,
    is_active,
    require_one_quote,
    why_none_is_active,
)
from shared.flows.quotations.revisions import chain_of, reuse_of
from shared.flows.quotations.rules import ORDER_FIELD, STATUS_FIELD, QuotationRules, QuotationStatus
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
    filter_of,
    has_discount,
    headers_of,
    require_customer,
)
from shared.flows.sales_documents.rules import PRODUCT_FIELD
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
from shared.mapping.dates import EMPTY_DATE, Behavior
from shared.mapping.days import day
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.lookups import looked_up_name
from shared.mapping.numbers import Numbering, record_number
from shared.mapping.scope import Scope
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Verdict
from shared.mapping.words import Column, Line, TargetField, Unmappable, Word, constant, copy, default
from shared.records import Json, SourceRow, Values

HEADER_SET, LINE_SET = "quotes", "quotedetails"
HEADER_TABLE, LINE_TABLE = "quote", "quotedetail"
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

TARGET_SET = "CDSSalesQuotationHeaders"
TARGET_LINE_SET = "CDSSalesQuotationLines"
KEY_FIELD = "SalesQuotationNumber"
KEY_LENGTH = 20
NUMBERING = Numbering(
    KEY_COLUMN,
    needed_as=KEY_FIELD,
    length=KEY_LENGTH,
    when_missing="give the quote a number",
    when_too_long="shorten the pattern of quote numbers in Sales, and create the quote again: its number never changes",
)
CUSTOMER_FIELD = "RequestingCustomerAccountNumber"

# The parts of the map document's `ownership`.
HEADER_PART, LINE_PART = "quotations", "quotation_lines"

DATE_COLUMNS: DateColumns = {
    HEADER_TABLE: {
        "requestdeliveryby": Behavior.USER_LOCAL,
        "effectiveto": Behavior.USER_LOCAL,
        "expireson": Behavior.DATE_ONLY,
    },
    LINE_TABLE: {"requestdeliveryby": Behavior.USER_LOCAL},
}

_HEADER_ALSO_READ = (
    Column(HEADER_ID_COLUMN),
    Column(KEY_COLUMN),
    Column("revisionnumber", int),
    Column("statecode", int),
    Column("statuscode", int),
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
    Column(WRITE_IN, bool),
    Column(PRODUCT),
    Column(EXTERNAL, bool),
)


@dataclass(frozen=True, slots=True)
class QuotationChoices:
    """What a deployment decides for quotations (settings). `statuses` are those in which a quotation may be changed,
    `zone` is the business's time zone."""

    statuses: tuple[QuotationStatus, ...] = (
        QuotationStatus.CREATED,
        QuotationStatus.MODIFIED,
        QuotationStatus.RESET,
        QuotationStatus.REVISED,
    )
    requested_date: RequestedDate = RequestedDate.SHIPPING
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    adopt_existing: bool = False
    scope: Scope = field(default_factory=Scope)
    addresses: AddressRules = field(default_factory=AddressRules)


def header_words(choices: QuotationChoices) -> tuple[Word, ...]:
    """The mapping of a quote."""
    requested = {RequestedDate.SHIPPING: "RequestedShippingDate", RequestedDate.RECEIPT: "ReceiptDateRequested"}
    return (
        copy("name", "SalesQuotationName"),
        customer_account(CUSTOMER_FIELD),
        CURRENCY,
        constant("ArePricesIncludingSalesTax", "No"),
        default("DefaultShippingSiteId", "site"),
        default("DefaultShippingWarehouseId", "warehouse"),
        day("requestdeliveryby", requested[choices.requested_date], choices.zone),
        _expiry("SalesQuotationExpiryDate", choices.zone),
        copy("shipto_name", "DeliveryAddressName"),
        delivery_address(choices.addresses),
        copy("emailaddress", "Email"),
    )


def line_words(choices: QuotationChoices) -> tuple[Word, ...]:
    """The mapping of a line."""
    requested = {RequestedDate.SHIPPING: "RequestedShippingDate", RequestedDate.RECEIPT: "RequestedReceiptDate"}
    return (
        record_number(PRODUCT, PRODUCT_FIELD),
        sales_unit_symbol("uomid.name", "SalesUnitSymbol"),
        quantity("quantity", "RequestedSalesQuantity"),
        price("priceperunit", "SalesPrice"),
        always("SalesPriceQuantity", 1),
        DiscountSplit(),
        always("LineDiscountPercentage", 0),
        always("MultilineDiscountAmount", 0),
        always("MultilineDiscountPercentage", 0),
        storage("ShippingSiteId", "site"),
        storage("ShippingWarehouseId", "warehouse"),
        day("requestdeliveryby", requested[choices.requested_date], choices.zone),
        copy("shipto_name", "DeliveryAddressName"),
        delivery_address(choices.addresses),
    )


def _expiry(target: str, zone: ZoneInfo) -> Line:
    """The last day of a quote: of its two columns the first that is filled."""
    first, otherwise = day("expireson", target, zone), day("effectiveto", target, zone)

    def read(row: Values, maps: ValueMaps) -> Json:
        return first.read(row, maps) or otherwise.read(row, maps)

    meaning = f"`expireson`, blank: `effectiveto`; {first.meaning}"
    return Line((*first.columns, *otherwise.columns), TargetField(target, empty=EMPTY_DATE), meaning, read)


_EVERY_FIELD = tuple(
    QuotationChoices(requested_date=requested, addresses=AddressRules(street_number=True))
    for requested in RequestedDate
)


class QuotationMapper(SalesDocumentMapper):
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    # What forbids a change.
    also_read = (STATUS_FIELD, ORDER_FIELD)

    def __init__(self, maps: ValueMaps, choices: QuotationChoices | None = None) -> None:
        self.choices = choices = choices or QuotationChoices()
        header = FieldTable(
            HEADER_PART,
            TARGET_SET,
            header_words(choices),
            maps,
            also_read=_HEADER_ALSO_READ,
            reads=HEADER_SET,
            every=[word for every in _EVERY_FIELD for word in header_words(every)],
            fixed=frozenset({CUSTOMER_FIELD}),
            zone=choices.zone,
            flow=QUOTATIONS,
        )
        lines = FieldTable(
            LINE_PART,
            TARGET_LINE_SET,
            line_words(choices),
            maps,
            also_read=_LINE_ALSO_READ,
            reads=LINE_SET,
            every=[word for every in _EVERY_FIELD for word in line_words(every)],
            needed=NEEDED_IN_LINES | {"RequestedSalesQuantity"},
            fixed=FIXED_IN_LINES,
            zone=choices.zone,
        )
        require_sound(header, lines)
        super().__init__(NAMES, header, lines, DATE_COLUMNS, maps)
        self.rules = QuotationRules(table=header, lines=lines, statuses=choices.statuses)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return self.rules.table.fingerprint(self.choices, self.rules.lines.fingerprint())

    def reads_lines_of(self, header: Values) -> bool:
        """Whether the lines of a revision say anything that its header does not say alone."""
        return is_active(header) and not has_discount(header)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The quote's customer."""
        header = chosen_of(headers_of(row))
        customer = None if header is None else customer_of(header)
        return () if customer is None else (customer,)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one quote. Raises SchemaDrift, also for a date column."""
        revisions = headers_of(row)
        self.check_headers(revisions)
        header = chosen_of(revisions)
        if header is None:
            return Filtered(why_none_is_active(revisions), ends=True)
        lines = self.checked_lines(header)
        try:
            require_one_quote(header, revisions)
            rule = filter_of(header, lines)
            if rule is not None:
                return Filtered(rule)
            return self.header.kept_out(header) or self._map(header, revisions, known)
        except Unmappable as unmappable:
            return unmappable.rejected()

    def in_scope(self, row: SourceRow) -> bool:
        """Whether a quote without a link belongs to the first run: by its revision that changed last."""
        newest = max(headers_of(row), key=lambda header: str(header.get("modifiedon") or ""), default={})
        return self.choices.scope.holds(SourceRow(row.id, row.version, newest))

    def _map(self, header: Values, revisions: Sequence[Values], known: Known) -> Mapped:
        ids, chosen, key = ids_of(revisions), id_of(header), NUMBERING.of(header)
        customer = require_customer(
            header, needed_by="a quotation", remedy="choose the quote's potential customer in Sales"
        )
        content = self.header_content(header, known, {looked_up_name(CUSTOMER_FIELD): known.keys.get(customer)})
        lines = self.mapped_lines(header, known)
        return Mapped(
            key,
            content.owned,
            content.on_create,
            parents=(customer,),
            lines=lines.lines,
            numbers=lines.numbers,
            revisions=chain_of(chosen, ids, known.revisions),
            reused=reuse_of(key, chosen, ids, known.revisions),
            remarks=(*content.remarks, *lines.remarks),
        )
