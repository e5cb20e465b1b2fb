"""quotations -> CDSSalesQuotationHeaders and -Lines: the active revision of a Dataverse `quote`, by its number.

Rules: docs/rules.md. The two tables below are the mapping, one for the header and one for its lines; the rest chooses
the revision, filters, and numbers the lines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from shared.flows.quotations.discounts import DiscountSplit, number_of
from shared.flows.quotations.lines import Place, number_lines
from shared.flows.quotations.revisions import chain_of, reuse_of
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
from shared.mapping.date_columns import DateColumns, behaviors_of, beside
from shared.mapping.dates import Behavior
from shared.mapping.field_table import FieldTable, require_known
from shared.mapping.numbers import Numbering, record_number
from shared.mapping.scope import Scope
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.mapping.verdicts import Filtered, Known, Mapped, MappedLine, Parent, Rejected, Verdict
from shared.mapping.words import (
    DECIMALS,
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
    rounded_half_up,
    value_of,
)
from shared.records import Json, References, SourceRow, TargetRow, Values, fold

HEADER_SET = "quotes"
HEADER_ID_COLUMN = "quoteid"
LINE_SET = "quotedetails"
LINE_ID_COLUMN = "quotedetailid"
LINE_HEADER = "quoteid"
LINE_POSITION = "lineitemnumber"
KEY_COLUMN = "quotenumber"
REVISIONS = "revisions"
LINES = "lines"

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
    when_too_long="shorten the pattern of quote numbers in Sales, and create the quote anew: its number never changes",
)
CUSTOMER_FIELD = "RequestingCustomerAccountNumber"
PRODUCT_FIELD = "ProductNumber"
STATUS_FIELD = "SalesQuotationStatus"
ORDER_FIELD = "GeneratedSalesOrderNumber"

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

_DRAFT, _ACTIVE, _WON, _CLOSED = 0, 1, 2, 3
# Why a number has no active revision, by state and status reason: the first one that any of its revisions has is told.
ENDS: Mapping[str, tuple[int, int | None]] = {
    "draft": (_DRAFT, None),
    "won": (_WON, None),
    "lost": (_CLOSED, 5),
    "canceled": (_CLOSED, 6),
    "submitted": (_CLOSED, 647390000),
    "revised": (_CLOSED, 7),
}
# Every rule by which a quote is not for F&O.
FILTERS = (*ENDS, "closed", "header_discount", "no_lines", "write_in_line", "own_product")
# F&O's type holds so many decimals: what is beyond is lost there.
STORED_DECIMALS = 6

_EXTERNAL_ONLY = "msdynce_hasexternallymaintainedproductsonly"
_EXTERNAL = "productid.msdynce_ismaintainedexternally"
_WRITE_IN = "isproductoverridden"
_HEADER_DISCOUNTS = ("discountamount", "discountpercentage")
_CURRENCY = currency("transactioncurrencyid.isocurrencycode", "CurrencyCode", ownership=Ownership.OWNED)

_HEADER_ALSO_READ = (
    Column(HEADER_ID_COLUMN),
    Column(KEY_COLUMN),
    Column("revisionnumber", int),
    Column("statecode", int),
    Column("statuscode", int),
    Column(_EXTERNAL_ONLY, bool),
    *(Column(name, Decimal) for name in _HEADER_DISCOUNTS),
    Column(ACCOUNT),
    Column(CONTACT),
    *_CURRENCY.columns,
    Column("createdon", is_date=True),
    Column("modifiedon", is_date=True),
)
_LINE_ALSO_READ = (
    Column(LINE_ID_COLUMN),
    Column("lineitemnumber", int),
    Column(_WRITE_IN, bool),
    Column(PRODUCT),
    Column(_EXTERNAL, bool),
)


class QuotationStatus(StrEnum):
    """The members of SalesQuotationStatus."""

    CREATED = "Created"
    SENT = "Sent"
    CONFIRMED = "Confirmed"
    LOST = "Lost"
    CANCELLED = "Cancelled"
    RESET = "Reset"
    MODIFIED = "Modified"
    SUBMITTED = "Submitted"
    APPROVED = "Approved"
    REVISED = "Revised"


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


@dataclass(frozen=True, slots=True)
class QuotationRules:
    """What the engine must know of quotations in F&O; satisfies its TargetRules and DocumentRules."""

    header: FieldTable
    lines: FieldTable
    statuses: tuple[QuotationStatus, ...]

    def ended(self) -> Mapping[str, Json]:
        """A quotation stays as it is when its quote is won, lost, set back to draft or deleted."""
        return {}

    def empty(self, field: str) -> Json:
        """What empties a field in F&O."""
        return self.header.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether F&O's value is ours, after its normalisation."""
        return self.header.agree(field, ours, theirs)

    def same_line(self, ours: Values, theirs: Values) -> bool:
        """Whether a line of F&O is one of ours: it has the same product."""
        return fold(str(ours.get(PRODUCT_FIELD))) == fold(str(theirs.get(PRODUCT_FIELD)))

    def empty_line(self, field: str) -> Json:
        """What empties a field of a line in F&O."""
        return self.lines.empty(field)

    def agree_on_line(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether F&O's value of a line is ours, as far as F&O stores it."""
        return self.lines.agree(field, _stored(ours), _stored(theirs))

    def refusal(self, row: TargetRow) -> Rejected | None:
        """A quotation whose status says that it has gone on, or that became an order, must not be changed any more."""
        order, status = row.values.get(ORDER_FIELD), row.values.get(STATUS_FIELD)
        if order:
            return Rejected(
                "quotation_ordered",
                f"the quotation became the sales order {order} in F&O ({ORDER_FIELD}); it is not changed any more",
                "carry the change over to the order in F&O",
            )
        if status not in self.statuses:
            return Rejected(
                "quotation_status",
                f"{STATUS_FIELD} of the quotation is {status}; the sync changes it in {', '.join(self.statuses)} only",
                "set the quotation back in F&O, or extend QUOTATIONS_STATUSES",
            )
        return None


class QuotationMapper:
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: QuotationChoices | None = None) -> None:
        self._choices = choices = choices or QuotationChoices()
        self._maps = as_known_to(QuotationMaps, maps)
        require_known(maps, HEADER_PART, TARGET_SET, [word for every in _EVERY_FIELD for word in header_words(every)])
        require_known(maps, LINE_PART, TARGET_LINE_SET, [word for every in _EVERY_FIELD for word in line_words(every)])
        self.header = FieldTable(HEADER_PART, TARGET_SET, header_words(choices), maps, also_read=_HEADER_ALSO_READ)
        self.lines = FieldTable(LINE_PART, TARGET_LINE_SET, line_words(choices), maps, also_read=_LINE_ALSO_READ)
        self.rules = QuotationRules(self.header, self.lines, choices.statuses)
        self.fingerprint = self.header.fingerprint(choices, self.lines.fingerprint())

    @property
    def adopts_existing(self) -> bool:
        """Whether a quotation that exists already and is not linked becomes the quote's (rules.md, Adoption)."""
        return self._choices.adopt_existing

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
        return _is_active(header) and not _has_discount(header)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The quote's customer."""
        header = _chosen(_revisions(row))
        customer = None if header is None else _customer(header)
        return () if customer is None else (customer,)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one quote. Raises SchemaDrift, also for a date column."""
        revisions = _revisions(row)
        for revision in revisions:
            self.header.check_source(revision)
        header = _chosen(revisions)
        if header is None:
            return Filtered(_why_none_is_active(revisions), ends=True)
        lines = _lines(header)
        for line in lines:
            self.lines.check_source(line)
        try:
            _require_one_quote(header, revisions)
            rule = _filter(header, lines)
            return self._map(header, revisions, known) if rule is None else Filtered(rule)
        except Unmappable as unmappable:
            return unmappable.rejected()

    def in_scope(self, row: SourceRow) -> bool:
        """Whether a quote without a link belongs to the first run: by its revision that changed last."""
        newest = max(_revisions(row), key=lambda header: str(header.get("modifiedon") or ""), default={})
        return self._choices.scope.holds(SourceRow(row.id, row.version, newest))

    def basis(self, references: References, now: datetime) -> Json:  # noqa: ARG002 - the day counts for no quote
        """What is looked up for every quote: how its date columns behave. Raises SchemaDrift."""
        return {table: dict(behaviors_of(references, table, columns)) for table, columns in DATE_COLUMNS.items()}

    def _map(self, header: Values, revisions: Sequence[Values], known: Known) -> Mapped:
        lines, ids, chosen = _lines(header), _ids(revisions), _id(header)
        key, customer = NUMBERING.of(header), _require_customer(header)
        behaviors = {table: _behaviors(known.references, table) for table in DATE_COLUMNS}
        content = self.header.content(
            {**header, **behaviors[HEADER_TABLE], looked_up_name(CUSTOMER_FIELD): known.keys.get(customer)}
        )
        decimals = self._maps.decimals(str(_CURRENCY.read(header, self._maps)))
        numbered = number_lines([_place(line) for line in lines], known.numbers)
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
            raise Unmappable(wrong.cause, f"{_named(line)}: {wrong}", remedy=wrong.remedy, value=wrong.value) from wrong
        return MappedLine(content.owned, content.on_create)


def _behaviors(references: References, table: str) -> Values:
    return beside(behaviors_of(references, table, DATE_COLUMNS[table]))


def latest_revision(row: SourceRow) -> str | None:
    """The id of the quote that has the number of a document now: of several its latest revision."""
    latest = max(_revisions(row), key=_revision_number, default=None)
    return None if latest is None else _id(latest)


def _revisions(row: SourceRow) -> list[Values]:
    return _rows(row.values.get(REVISIONS))


def _lines(header: Values) -> list[Values]:
    return _rows(header.get(LINES))


def _rows(nested: Json) -> list[Values]:
    return [row for row in nested if isinstance(row, dict)] if isinstance(nested, list) else []


def _is_active(header: Values) -> bool:
    return header.get("statecode") == _ACTIVE


def _revision_number(header: Values) -> int:
    number = header.get("revisionnumber")
    return number if isinstance(number, int) else 0


def _id(header: Values) -> str:
    return str(header.get(HEADER_ID_COLUMN)).lower()


def _ids(revisions: Sequence[Values]) -> dict[str, int]:
    return {_id(revision): _revision_number(revision) for revision in revisions}


def _chosen(revisions: Sequence[Values]) -> Values | None:
    """The highest active revision."""
    return max(filter(_is_active, revisions), key=_revision_number, default=None)


def _require_one_quote(chosen: Values, revisions: Sequence[Values]) -> None:
    """Revisions of one quote differ in their number; two quotes that were given the same one would take turns."""
    number = _revision_number(chosen)
    rivals = [of for of in revisions if _is_active(of) and _revision_number(of) == number]
    if len(rivals) > 1:
        ids = ", ".join(sorted(f"{of.get('name')!r} ({of.get(HEADER_ID_COLUMN)})" for of in rivals))
        raise Unmappable(
            "number_ambiguous",
            f"{KEY_COLUMN} {chosen.get(KEY_COLUMN)} is the number of several active quotes of revision {number}: {ids}",
            remedy="close or delete all of these quotes but one",
        )


def _why_none_is_active(revisions: Sequence[Values]) -> str:
    for rule, (state, reason) in ENDS.items():
        if any(of.get("statecode") == state and reason in (None, of.get("statuscode")) for of in revisions):
            return rule
    return "closed"


def _filter(header: Values, lines: Sequence[Values]) -> str | None:
    """The rule by which an active quote is not for F&O."""
    if _has_discount(header):
        return "header_discount"
    if not lines:
        return "no_lines"
    if any(line.get(_WRITE_IN) is True or value_of(line, PRODUCT) is None for line in lines):
        return "write_in_line"
    if header.get(_EXTERNAL_ONLY) is False or any(value_of(line, _EXTERNAL) is not True for line in lines):
        return "own_product"
    return None


def _has_discount(header: Values) -> bool:
    return any(number_of(header, column) != 0 for column in _HEADER_DISCOUNTS)


def _customer(header: Values) -> Parent | None:
    for column, flow in ((ACCOUNT, "accounts"), (CONTACT, "contacts")):
        id = value_of(header, column)
        if id is not None:
            return Parent(flow, "customer", str(id).lower())
    return None


def _require_customer(header: Values) -> Parent:
    customer = _customer(header)
    if customer is None:
        raise Unmappable(
            "customer_missing",
            "customerid names no account and no contact, and a quotation in F&O needs a customer",
            remedy="choose the quote's potential customer in Sales",
        )
    return customer


def _place(line: Values) -> Place:
    number = line.get("lineitemnumber")
    own = number if isinstance(number, int) else None
    return Place(str(line.get(LINE_ID_COLUMN)), own, str(value_of(line, PRODUCT)))


def _named(line: Values) -> str:
    """A line as its seller finds it."""
    number = line.get("lineitemnumber")
    return f"line {number}" if number else f"the line without number of product {value_of(line, PRODUCT)}"


def _stored(value: Json) -> Json:
    return rounded_half_up(value, STORED_DECIMALS) if isinstance(value, Decimal) else value
