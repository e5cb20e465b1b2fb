"""The invoices flow: its mapping as the settings want it, and how it reaches both systems."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from shared.clients import quoting
from shared.clients.dataverse.document_target import DataverseDocumentTarget, DocumentHeaders, DocumentLines
from shared.clients.dataverse.origins import Origins, OriginTable
from shared.clients.dataverse.rows import WriteTable as RowTable
from shared.clients.finops.document_source import FinopsDocumentSource, LineCollection
from shared.clients.finops.source import ClosedAfterDays, FinopsSource
from shared.clients.finops.walk_keys import WalkKey
from shared.flows.accounts import ACCOUNTS
from shared.flows.choices import once_per_deployment, zone_of
from shared.flows.contacts import CONTACTS
from shared.flows.finops_documents import references
from shared.flows.finops_documents.totals import LINE_TOTAL, TOTAL, totals_differ
from shared.flows.finops_documents.wiring import (
    finder_of,
    lookup_of,
    products_finder,
    read_fields,
    used_products,
    used_small_tables,
)
from shared.flows.finops_documents.words import CountryNames
from shared.flows.invoices import INVOICES
from shared.flows.invoices import mapping as invoices
from shared.flows.invoices.mapping import InvoiceChoices, InvoiceMapper
from shared.flows.invoices.preflight import checks_of_finops
from shared.flows.invoices.rules import ORDER_STATE
from shared.flows.invoices.settings import InvoiceSettings
from shared.flows.orders import ORDERS
from shared.flows.orders import mapping as order_mapping
from shared.flows.ordersback import ORDERSBACK
from shared.flows.ordersback.settings import OrdersBackSettings
from shared.flows.products import PRODUCTS
from shared.flows.required_columns import RequiredColumns, UsedCollection, UsedTable, keyed_by, written_columns
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.dates import Behavior
from shared.mapping.field_table import FieldTable
from shared.mapping.map_document import PolicyChoices
from shared.mapping.type_names import LOOKUP, TypeNames, in_finops, in_sales
from shared.mapping.verdicts import Filter
from shared.mapping.words import Column
from shared.records import Values
from shared.sync.flow import Route, Walked
from shared.systems import System

INVOICE = "invoice"
KEY = WalkKey(
    (invoices.NUMBER_FIELD, invoices.DATE_FIELD, invoices.VOUCHER_FIELD),
    (invoices.DATE_FIELD, invoices.NUMBER_FIELD, invoices.VOUCHER_FIELD),
    frozenset({invoices.DATE_FIELD}),
)
_DAY_S = 24 * 3600.0
_DATES = {invoices.DATE_COLUMN: Behavior.DATE_ONLY}


@once_per_deployment
def invoice_mapper(deployment: Deployment) -> InvoiceMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(InvoiceSettings)
    scope = settings.INVOICES_SCOPE
    by_number = settings.INVOICES_NAME == "invoice_number"
    choices = InvoiceChoices(
        name_of=invoices.NUMBER_FIELD if by_number else invoices.ORDER_FIELD,
        adopt_existing=deployment.adopts(INVOICES),
        linked_only=scope == "linked",
        since="" if scope in ("all", "linked") else scope,
        street_number=settings.MAP_STREET_NUMBER,
        settles_order=settings.INVOICES_ORDER == "sync",
        order_first=deployment.settings_for(OrdersBackSettings).ORDERS_BACK != "off",
        zone=zone_of(settings),
    )
    return InvoiceMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Posted invoices of F&O with their lines, and invoices of Sales."""
    settings = deployment.settings_for(InvoiceSettings)
    mapper = invoice_mapper(deployment)
    source = _source(settings, systems, mapper)
    target = DataverseDocumentTarget(
        systems.dataverse,
        _headers(mapper),
        _lines(mapper),
        f"{INVOICES}|{deployment.company}",
        bulk_rows=settings.BULK_ROWS,
        origins=_origins(systems, mapper),
    )
    route = Route(
        INVOICE,
        invoices.TARGET_SET,
        target,
        mapper.rules,
        adopt_existing=mapper.choices.adopt_existing,
        document=mapper.rules,
        disagreement=totals_differ,
        when_taken="remove it from Sales: the number of a posted invoice never changes",
    )
    return Wiring(
        feed=Walked(source, settings.INVOICES_FULL_WALK_DAYS * _DAY_S, source.walk_open),
        routes=(route,),
        mapper=mapper,
        numbered=source.as_written,
        number_column=invoices.NUMBER_FIELD,
        off="INVOICES is off" if settings.INVOICES == "off" else "",
        lookup=lookup_of(systems.dataverse),
        finders={
            invoices.ORDERS: finder_of(systems.dataverse, invoices.ORDERS, invoices.ORDER_ID, invoices.ORDER_NUMBER),
            references.PRODUCTS: products_finder(systems.dataverse),
        },
    )


def _source(settings: InvoiceSettings, systems: Systems, mapper: InvoiceMapper) -> FinopsDocumentSource:
    closed = ClosedAfterDays(invoices.DATE_FIELD, settings.INVOICES_OVERLAP_DAYS, systems.finops.channel.clock)
    headers = FinopsSource(systems.finops, invoices.ENTITY_SET, KEY, settings.COMPANY, mapper.select, closed=closed)
    select = tuple(name for name in mapper.line_select if name not in (*KEY.fields, references.LINE_NUMBER_FIELD))
    return FinopsDocumentSource(
        headers, LineCollection(invoices.LINE_ENTITY_SET, references.LINE_NUMBER_FIELD, select, closed)
    )


def _origins(systems: Systems, mapper: InvoiceMapper) -> Origins | None:
    """The orders, if the sync looks after them."""
    if not mapper.choices.settles_order:
        return None
    orders = OriginTable(
        RowTable(invoices.ORDERS, order_mapping.HEADER_TABLE, invoices.ORDER_ID),
        lookup=invoices.ORDER_ID,
        action=invoices.CONVERSION,
        argument=invoices.CONVERTED,
        done=invoices.INVOICED,
        closed=frozenset({invoices.CANCELED, invoices.INVOICED}),
        field=ORDER_STATE,
        never_copied=(invoices.DATE_COLUMN,) if invoices.DATE_COLUMN in mapper.header.target_fields else (),
    )
    return Origins(systems.dataverse, orders, _header_table(mapper))


def _header_table(mapper: InvoiceMapper) -> RowTable:
    return RowTable(
        invoices.TARGET_SET,
        invoices.LOGICAL_NAME,
        invoices.ID_COLUMN,
        invoices.LOOKUPS,
        references.READ_AS,
        keyed=keyed_by(mapper.header),
    )


def _headers(mapper: InvoiceMapper) -> DocumentHeaders:
    columns = mapper.header.target_fields
    has_day = invoices.DATE_COLUMN in columns
    return DocumentHeaders(
        _header_table(mapper),
        columns,
        invoices.KEY_COLUMN,
        number_of_key,
        is_under if has_day else is_under_number,
        also_read=(TOTAL,),
    )


def _lines(mapper: InvoiceMapper) -> DocumentLines:
    table = RowTable(
        invoices.TARGET_LINE_SET,
        invoices.LINE_LOGICAL_NAME,
        invoices.LINE_ID_COLUMN,
        invoices.LINE_LOOKUPS,
        keyed=keyed_by(mapper.lines),
    )
    return DocumentLines(
        table, mapper.lines.target_fields, invoices.ID_COLUMN, invoices.POSITION_COLUMN, also_read=(LINE_TOTAL,)
    )


def number_of_key(key: str) -> str:
    """The number of an invoice, without outer blanks."""
    return KEY.number_of(key).strip()


def is_under(key: str, row: Values) -> bool:
    """Whether an invoice of Sales, which has the number of a key, has its day and may be the one of the key. The
    voucher is not in Sales: two invoices of one day may share a number, and so may those of two companies. An invoice
    that a sync has made has an id that belongs to its own key, so it is not the one of this key."""
    day = row.get(invoices.DATE_COLUMN)
    same_day = isinstance(day, str) and KEY.parts(key)[invoices.DATE_FIELD].startswith(day)
    return same_day and is_under_number(key, row)


def is_under_number(_key: str, row: Values) -> bool:
    """The same where Sales has no column for the day."""
    return not quoting.is_name_based(str(row[invoices.ID_COLUMN]))


def tables(deployment: Deployment) -> tuple[FieldTable, ...]:
    """The mappings of the flow."""
    mapper = invoice_mapper(deployment)
    return mapper.header, mapper.lines


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes; nothing if it is off."""
    if deployment.settings_for(InvoiceSettings).INVOICES == "off":
        return RequiredColumns((), ())
    mapper = invoice_mapper(deployment)
    header = UsedTable(
        invoices.TARGET_SET,
        invoices.ID_COLUMN,
        {
            invoices.KEY_COLUMN: in_sales(str),
            TOTAL: in_sales(Decimal),
            **written_columns(mapper.header, invoices.LOOKUPS, read_as=references.READ_AS, dates=_DATES),
        },
        dates=_DATES,
    )
    line = UsedTable(
        invoices.TARGET_LINE_SET,
        invoices.LINE_ID_COLUMN,
        {
            invoices.ID_COLUMN: LOOKUP,
            invoices.POSITION_COLUMN: in_sales(int),
            LINE_TOTAL: in_sales(Decimal),
            **written_columns(mapper.lines, invoices.LINE_LOOKUPS, dates=_DATES),
        },
        dates=_DATES,
    )
    settled = (
        {"statecode": in_sales(int), "owningteam": LOOKUP, "owninguser": LOOKUP} if mapper.choices.settles_order else {}
    )
    order = UsedTable(invoices.ORDERS, invoices.ORDER_ID, {invoices.ORDER_NUMBER: in_sales(str), **settled})
    read = (
        UsedCollection(invoices.ENTITY_SET, _read(mapper.header.columns, KEY.fields)),
        UsedCollection(
            invoices.LINE_ENTITY_SET,
            _read([column for column in mapper.lines.columns if column.name in mapper.line_select], KEY.fields),
        ),
    )
    return RequiredColumns((header, line, order, used_products(), *used_small_tables()), read)


def _read(columns: Sequence[Column], key: Sequence[str]) -> Mapping[str, TypeNames]:
    return {**read_fields(columns, key), invoices.DATE_FIELD: in_finops(str, is_date=True)}


INVOICES_FLOW = FlowSpec(
    name=INVOICES,
    source=System.FINOPS,
    target=System.DATAVERSE,
    settings=InvoiceSettings,
    value_maps=CountryNames,
    lengths=(invoices.TARGET_SET, invoices.TARGET_LINE_SET),
    ownership=(invoices.HEADER_PART, invoices.LINE_PART),
    wire=wire,
    tables=tables,
    policies=PolicyChoices(
        on_conflict=(),
        on_target_deleted=("unlink", "list"),
        why={
            "on_conflict": "an invoice is written once, and a difference is listed",
            "on_target_deleted": "an invoice that was deleted is created again by an operator only",
        },
    ),
    required_columns=required_columns,
    checks_of_finops=checks_of_finops,
    looks_first=(ORDERSBACK,),
    starts_after=(ACCOUNTS, CONTACTS, PRODUCTS, ORDERS, ORDERSBACK),
    filters={
        "no_sales_order": Filter(
            "the invoice has no sales order: a free text invoice", "nothing: only invoices of orders are in Sales"
        ),
    },
)
