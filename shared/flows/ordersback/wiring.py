"""The ordersback flow: its mapping as the settings want it, and how it reaches both systems."""

from datetime import date
from decimal import Decimal

from shared.clients.dataverse.closings import STATE, Closings
from shared.clients.dataverse.document_target import DataverseDocumentTarget, DocumentHeaders, DocumentLines
from shared.clients.dataverse.record_table import RecordTable
from shared.clients.dataverse.rows import WriteTable as RowTable
from shared.clients.dataverse.target import DataverseTarget
from shared.clients.finops.document_source import FinopsDocumentSource, LineCollection
from shared.clients.finops.source import ClosedBy, FinopsSource
from shared.clients.quoting import EnumMember
from shared.flows.accounts import ACCOUNTS
from shared.flows.choices import once_per_deployment, zone_of
from shared.flows.contacts import CONTACTS
from shared.flows.finops_documents import references
from shared.flows.finops_documents.totals import LINE_TOTAL, TOTAL, totals_differ
from shared.flows.finops_documents.wiring import (
    lookup_of,
    products_finder,
    read_fields,
    used_products,
    used_small_tables,
)
from shared.flows.orders import ORDERS
from shared.flows.orders import mapping as orders
from shared.flows.orders.settings import OrderSettings
from shared.flows.ordersback import ORDERSBACK, created
from shared.flows.ordersback import mapping as back
from shared.flows.ordersback.created import CreatedChoices, CreatedOrders
from shared.flows.ordersback.mapping import FILTERS, OrdersBackMapper
from shared.flows.ordersback.preflight import checks_of_finops
from shared.flows.ordersback.rules import CreatedOrderRules
from shared.flows.ordersback.settings import OrdersBackSettings
from shared.flows.ordersback.states import ACTIONS, ClosingChoices, left_out
from shared.flows.ordersback.value_maps import OrderStatusMaps
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.required_columns import RequiredColumns, UsedCollection, UsedTable, keyed_by, written_columns
from shared.flows.sales_documents.words import RequestedDate
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.field_table import FieldTable
from shared.mapping.type_names import LOOKUP, in_finops, in_sales
from shared.records import Values
from shared.sync.flow import Route, Walked
from shared.systems import System

_DAY_S = 24 * 3600.0
# Each page of sales orders is followed by the pages of its lines.
_PAGE_ROWS = 5_000
_CLOSED = ClosedBy(back.STATUS, tuple(EnumMember(back.STATUS_TYPE, member) for member in back.CLOSED))


@once_per_deployment
def created_orders(deployment: Deployment) -> CreatedOrders:
    """The mapping of orders that were made in F&O. Raises SettingsInvalid for what settings and document forbid
    together."""
    settings = deployment.settings_for(OrdersBackSettings)
    scope = settings.ORDERS_BACK_SCOPE
    choices = CreatedChoices(
        requested_date=RequestedDate(deployment.settings_for(OrderSettings).ORDERS_REQUESTED_DATE),
        linked_only=scope == "linked",
        since=None if scope in ("all", "linked") else date.fromisoformat(scope),
        street_number=settings.MAP_STREET_NUMBER,
        closing=_closing(settings),
        zone=zone_of(settings),
    )
    return CreatedOrders(deployment.maps, choices)


def _closing(settings: OrdersBackSettings) -> ClosingChoices:
    return ClosingChoices(settings.ORDERS_BACK_CANCEL == "on", settings.ORDERS_BACK_FULFILL == "on")


def _mapper(deployment: Deployment, created_ones: CreatedOrders | None) -> OrdersBackMapper:
    closing = _closing(deployment.settings_for(OrdersBackSettings))
    return OrdersBackMapper(deployment.maps, created_ones, closing)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Sales orders of F&O, and orders of Sales. Both routes are there whatever the setting says: an order that was
    created in Sales stays linked."""
    settings, orders_of_finops = deployment.settings_for(OrdersBackSettings), created_orders(deployment)
    creates = settings.ORDERS_BACK == "all"
    mapper = _mapper(deployment, orders_of_finops if creates else None)
    headers = FinopsSource(
        systems.finops,
        back.ENTITY_SET,
        back.KEY_FIELD,
        settings.COMPANY,
        mapper.select,
        page_rows=_PAGE_ROWS,
        closed=_CLOSED,
    )
    lines = LineCollection(_line_set(deployment), back.LINE_KEY_FIELD, mapper.line_select, _CLOSED)
    source = FinopsDocumentSource(headers, lines)
    namespace = f"{ORDERSBACK}|{deployment.company}"
    table = _order_table(mapper)
    closings = Closings(systems.dataverse, table.table, ACTIONS)
    status = DataverseTarget(systems.dataverse, table, namespace, bulk_rows=settings.BULK_ROWS, closings=closings)
    rules = CreatedOrderRules(table=orders_of_finops.header, lines=orders_of_finops.lines)
    whole = DataverseDocumentTarget(
        systems.dataverse,
        _headers(orders_of_finops),
        _lines(orders_of_finops),
        namespace,
        bulk_rows=settings.BULK_ROWS,
        closings=closings,
    )
    return Wiring(
        feed=Walked(source, settings.ORDERS_BACK_FULL_WALK_DAYS * _DAY_S, source.walk_open, changes_together=True),
        routes=(
            Route(back.STATUS_ROUTE, back.TARGET_SET, status, mapper, updates=True, left_out=left_out),
            Route(
                back.CREATED_ROUTE,
                back.TARGET_SET,
                whole,
                rules,
                adopt_existing=deployment.adopts(ORDERSBACK),
                document=rules,
                adoption=rules,
                left_out=left_out,
                disagreement=totals_differ,
            ),
        ),
        mapper=mapper,
        numbered=source.as_written,
        number_column=back.KEY_FIELD,
        off="ORDERS_BACK is off" if settings.ORDERS_BACK == "off" else "",
        lookup=lookup_of(systems.dataverse, created.DATE_COLUMNS) if creates else None,
        finders={references.PRODUCTS: products_finder(systems.dataverse)} if creates else {},
    )


def _line_set(deployment: Deployment) -> str:
    """The collection of the lines: that in which they are written."""
    return deployment.settings_for(OrderSettings).ORDERS_LINES


def _order_table(mapper: OrdersBackMapper) -> RecordTable:
    """An order of Sales by its id, since a number may occur twice. Only the status is written."""
    return RecordTable(
        table=RowTable(back.TARGET_SET, back.LOGICAL_NAME, back.ID_COLUMN, keyed=keyed_by(mapper.table)),
        key_column=back.ID_COLUMN,
        columns=mapper.table.target_fields,
        also_read=(STATE,),
        late=frozenset(),
        status_of={},
        already={},
    )


def _headers(mapper: CreatedOrders) -> DocumentHeaders:
    keyed = keyed_by(mapper.header)
    table = RowTable(
        back.TARGET_SET, back.LOGICAL_NAME, back.ID_COLUMN, created.LOOKUPS, references.READ_AS, keyed=keyed
    )
    return DocumentHeaders(
        table, mapper.header.target_fields, created.KEY_COLUMN, str, _is_under, also_read=(STATE, TOTAL)
    )


def _is_under(_key: str, _row: Values) -> bool:
    """Any order of Sales with the number of a sales order stands in its way."""
    return True


def _lines(mapper: CreatedOrders) -> DocumentLines:
    keyed = keyed_by(mapper.lines)
    table = RowTable(
        created.TARGET_LINE_SET, orders.LINE_TABLE, created.LINE_ID_COLUMN, created.LINES_LOOKUPS, keyed=keyed
    )
    return DocumentLines(
        table,
        mapper.lines.target_fields,
        back.ID_COLUMN,
        created.POSITION_COLUMN,
        also_read=(LINE_TOTAL,),
    )


def tables(deployment: Deployment) -> tuple[FieldTable, ...]:
    """The mappings of the flow."""
    whole = created_orders(deployment)
    return _mapper(deployment, None).table, whole.header, whole.lines


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes; nothing if it is off."""
    setting = deployment.settings_for(OrdersBackSettings).ORDERS_BACK
    if setting == "off":
        return RequiredColumns((), ())
    whole = created_orders(deployment) if setting == "all" else None
    mapper = _mapper(deployment, whole)
    written = written_columns(mapper.table, {})
    order = UsedTable(back.TARGET_SET, back.ID_COLUMN, {STATE: in_sales(int), **written})
    headers = dict(read_fields(mapper.table.columns, ()))
    lines = {column.name: in_finops(column.type) for column in back.LINE_COLUMNS}
    line_keys = {back.KEY_FIELD: in_finops(str), back.LINE_KEY_FIELD: in_finops(int)}
    if whole is not None:
        headers |= read_fields(whole.header.columns, ())
        lines |= read_fields([column for column in whole.lines.columns if column.name in whole.line_select], ())
    return RequiredColumns(
        (order, *(_created_tables(whole) if whole is not None else ())),
        (UsedCollection(back.ENTITY_SET, headers), UsedCollection(_line_set(deployment), {**line_keys, **lines})),
    )


def _created_tables(whole: CreatedOrders) -> tuple[UsedTable, ...]:
    """The tables of Sales in which orders are created, and those that these refer to."""
    header_dates, line_dates = (created.DATE_COLUMNS[table] for table in (orders.HEADER_TABLE, orders.LINE_TABLE))
    header = {
        created.KEY_COLUMN: in_sales(str),
        TOTAL: in_sales(Decimal),
        **written_columns(whole.header, created.LOOKUPS, read_as=references.READ_AS, dates=header_dates),
    }
    line = {
        back.ID_COLUMN: LOOKUP,
        created.POSITION_COLUMN: in_sales(int),
        LINE_TOTAL: in_sales(Decimal),
        **written_columns(whole.lines, created.LINES_LOOKUPS, dates=line_dates),
    }
    return (
        UsedTable(back.TARGET_SET, back.ID_COLUMN, header, dates=header_dates),
        UsedTable(created.TARGET_LINE_SET, created.LINE_ID_COLUMN, line, dates=line_dates),
        used_products(),
        *used_small_tables(),
    )


ORDERSBACK_FLOW = FlowSpec(
    name=ORDERSBACK,
    source=System.FINOPS,
    target=System.DATAVERSE,
    settings=OrdersBackSettings,
    setting_prefix="ORDERS_BACK",
    value_maps=OrderStatusMaps,
    lengths=(),
    ownership=(back.PART, created.HEADER_PART, created.LINE_PART),
    wire=wire,
    tables=tables,
    required_columns=required_columns,
    checks_of_finops=checks_of_finops,
    filters=FILTERS,
    parents=(ORDERS,),
    parents_by_key=(back.ENTITY_SET,),
    comes_back_from=back.ENTITY_SET,
    starts_after=(ACCOUNTS, CONTACTS, PRODUCTS, QUOTATIONS),
)
