"""quotations -> CDSSalesQuotationHeaders and -Lines: the active revision of a Dataverse `quote`, by its number.

Rules: docs/rules.md. The two tables below are the mapping, one for the header and one for its lines; the rest chooses
the revision, filters, and numbers the lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.flows.quotations.discounts import DiscountSplit
from shared.flows.quotations.lines import number_lines
from shared.flows.quotations.quote_rows import (
    EXTERNAL,
    EXTERNAL_ONLY,
    HEADER_DISCOUNTS,
    HEADER_ID_COLUMN,
    KEY_COLUMN,
    LINE_ID_COLUMN,
    WRITE_IN,
    chosen_of,
    customer_of,
    filter_of,
    has_discount,
    id_of,
    ids_of,
    is_active,
    lines_of,
    named,
    place_of,
    require_customer,
    require_one_quote,
    revisions_of,
    why_none_is_active,
)
from shared.flows.quotations.revisions import chain_of, reuse_of
from shared.flows.quotations.rules import ORDER_FIELD, PRODUCT_FIELD, STATUS_FIELD, QuotationRules, QuotationStatus
from shared.flows.quotations.value_maps import QuotationMaps
from shared.flows.quotations.words import (
    ACCOUNT,
    CONTACT,
    PRODUCT,
    always,
    customer_account,
    expiry,
    price,
    quantity,
    sales_unit_symbol,
    storage,
)
from shared.mapping.addresses import AddressBlock, AddressRules
from shared.mapping.amounts import DECIMALS
from shared.mapping.date_columns import DateColumns, behaviors_of, beside
from shared.mapping.dates import Behavior
from shared.mapping.field_table import FieldTable, require_known
from shared.mapping.numbers import Numbering, record_number
from shared.mapping.scope import Scope
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.mapping.verdicts import Filtered, Known, Mapped, MappedLine, Parent, Verdict
from shared.mapping.words import (
    Column,
    Ownership,
    Unmappable,
    Word,
    constant,
    copy,
    currency,
    day,
    default,
    looked_up_name,
)
from shared.records import Json, References, SourceRow, Values

HEADER_SET = "quotes"
LINE_SET = "quotedetails"
LINE_HEADER = "quoteid"
LINE_POSITION = "lineitemnumber"

TARGET_SET = "CDSSalesQuotationHeaders"
TARGET_LINE_SET = "CDSSalesQuotationLines"
KEY_FIELD = "SalesQuotationNumber"
LINE_KEY_FIELD = "LineCreationSequenceNumber"
KEY_LENGTH = 20
NUMBERING = Numbering(
    KEY_COLUMN,
    needed_as=KEY_FIELD,
    length=KEY_LENGTH,
    when_missing="give the quote a number",
    when_too_long="shorten the pattern of quote numbers in Sales, and create the quote again: its number never changes",
)
CUSTOMER_FIELD = "RequestingCustomerAccountNumber"

# The parts of the value-map document's `ownership`.
HEADER_PART, LINE_PART = "quotations", "quotation_lines"

HEADER_TABLE, LINE_TABLE = "quote", "quotedetail"
DATE_COLUMNS: DateColumns = {
    HEADER_TABLE: {
        "requestdeliveryby": Behavior.USER_LOCAL,
        "effectiveto": Behavior.USER_LOCAL,
        "expireson": Behavior.DATE_ONLY,
    },
    LINE_TABLE: {"requestdeliveryby": Behavior.USER_LOCAL},
}

_CURRENCY = currency("transactioncurrencyid.isocurrencycode", "CurrencyCode", ownership=Ownership.OWNED)

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
    *_CURRENCY.columns,
    Column("createdon", is_date=True),
    Column("modifiedon", is_date=True),
)
_LINE_ALSO_READ = (
    Column(LINE_ID_COLUMN),
    Column("lineitemnumber", int),
    Column(WRITE_IN, bool),
    Column(PRODUCT),
    Column(EXTERNAL, bool),
)


class RequestedDate(StrEnum):
    """Which date of F&O the requested delivery date of Sales is."""

    SHIPPING = "shipping"
    RECEIPT = "receipt"


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
        _CURRENCY,
        constant("ArePricesIncludingSalesTax", "No"),
        default("DefaultShippingSiteId", "site"),
        default("DefaultShippingWarehouseId", "warehouse"),
        day("requestdeliveryby", requested[choices.requested_date], choices.zone),
        expiry("SalesQuotationExpiryDate", choices.zone),
        copy("shipto_name", "DeliveryAddressName"),
        _delivery_address(choices.addresses),
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
        _delivery_address(choices.addresses),
    )


def _delivery_address(rules: AddressRules) -> Word:
    """The shipping address of a quote or line; it has no county."""
    return AddressBlock("shipto", "DeliveryAddress", replace(rules, county=False), code="Id")


_EVERY_FIELD = tuple(
    QuotationChoices(requested_date=requested, addresses=AddressRules(street_number=True))
    for requested in RequestedDate
)


class QuotationMapper:
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: QuotationChoices | None = None) -> None:
        self.choices = choices = choices or QuotationChoices()
        self._maps = as_known_to(QuotationMaps, maps)
        require_known(maps, HEADER_PART, TARGET_SET, [word for every in _EVERY_FIELD for word in header_words(every)])
        require_known(maps, LINE_PART, TARGET_LINE_SET, [word for every in _EVERY_FIELD for word in line_words(every)])
        self.header = FieldTable(HEADER_PART, TARGET_SET, header_words(choices), maps, also_read=_HEADER_ALSO_READ)
        self.lines = FieldTable(LINE_PART, TARGET_LINE_SET, line_words(choices), maps, also_read=_LINE_ALSO_READ)
        self.rules = QuotationRules(table=self.header, lines=self.lines, statuses=choices.statuses)
        self.fingerprint = self.header.fingerprint(choices, self.lines.fingerprint())

    @property
    def header_select(self) -> tuple[str, ...]:
        """The columns of a quote to read."""
        return self.header.select

    @property
    def header_expand(self) -> dict[str, tuple[str, ...]]:
        """The navigations of a quote to expand, with their columns."""
        return self.header.expand

    @property
    def line_select(self) -> tuple[str, ...]:
        """The columns of a line to read."""
        return self.lines.select

    @property
    def line_expand(self) -> dict[str, tuple[str, ...]]:
        """The navigations of a line to expand, with their columns."""
        return self.lines.expand

    @property
    def header_fields(self) -> tuple[str, ...]:
        """The fields of a quotation to read in F&O: those that are written, and those that forbid a change."""
        return (*self.header.target_fields, STATUS_FIELD, ORDER_FIELD)

    @property
    def line_fields(self) -> tuple[str, ...]:
        """The fields of a line to read in F&O."""
        return self.lines.target_fields

    def reads_lines_of(self, header: Values) -> bool:
        """Whether the lines of a revision say anything that its header does not say alone."""
        return is_active(header) and not has_discount(header)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The quote's customer."""
        header = chosen_of(revisions_of(row))
        customer = None if header is None else customer_of(header)
        return () if customer is None else (customer,)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one quote. Raises SchemaDrift, also for a date column."""
        revisions = revisions_of(row)
        for revision in revisions:
            self.header.check_source(revision)
        header = chosen_of(revisions)
        if header is None:
            return Filtered(why_none_is_active(revisions), ends=True)
        lines = lines_of(header)
        for line in lines:
            self.lines.check_source(line)
        try:
            require_one_quote(header, revisions)
            rule = filter_of(header, lines)
            return self._map(header, revisions, known) if rule is None else Filtered(rule)
        except Unmappable as unmappable:
            return unmappable.rejected()

    def in_scope(self, row: SourceRow) -> bool:
        """Whether a quote without a link belongs to the first run: by its revision that changed last."""
        newest = max(revisions_of(row), key=lambda header: str(header.get("modifiedon") or ""), default={})
        return self.choices.scope.holds(SourceRow(row.id, row.version, newest))

    def basis(self, references: References, now: datetime) -> Json:  # noqa: ARG002 - the day counts for no quote
        """What is looked up for every quote: how its date columns behave. Raises SchemaDrift."""
        return {table: dict(behaviors_of(references, table, columns)) for table, columns in DATE_COLUMNS.items()}

    def _map(self, header: Values, revisions: Sequence[Values], known: Known) -> Mapped:
        lines, ids, chosen = lines_of(header), ids_of(revisions), id_of(header)
        key, customer = NUMBERING.of(header), require_customer(header)
        behaviors = {table: _behaviors(known.references, table) for table in DATE_COLUMNS}
        content = self.header.content(
            {**header, **behaviors[HEADER_TABLE], looked_up_name(CUSTOMER_FIELD): known.keys.get(customer)}
        )
        decimals = self._maps.decimals(str(_CURRENCY.read(header, self._maps)))
        numbered = number_lines([place_of(line) for line in lines], known.numbers)
        also = {**behaviors[LINE_TABLE], DECIMALS: decimals}
        mapped = {number: self._map_line(line, also) for number, line in zip(numbered.numbers, lines, strict=True)}
        remarks = (*content.remarks, *(remark for line in lines for remark in self.lines.remarks(line)))
        return Mapped(
            key,
            content.owned,
            content.on_create,
            parents=(customer,),
            lines=mapped,
            numbers=numbered.ever,
            revisions=chain_of(chosen, ids, known.revisions),
            reused=reuse_of(key, chosen, ids, known.revisions),
            remarks=remarks,
        )

    def _map_line(self, line: Values, also: Values) -> MappedLine:
        try:
            content = self.lines.content({**line, **also})
        except Unmappable as wrong:
            raise Unmappable(wrong.cause, f"{named(line)}: {wrong}", remedy=wrong.remedy, value=wrong.value) from wrong
        return MappedLine(content.owned, content.on_create)


def _behaviors(references: References, table: str) -> Values:
    return beside(behaviors_of(references, table, DATE_COLUMNS[table]))
