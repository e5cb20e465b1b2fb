"""The ordersback flow: its mapping, and how it reaches both systems."""

from shared.clients.dataverse.rows import WriteTable as RowTable
from shared.clients.dataverse.target import DataverseTarget, RecordTable
from shared.clients.finops.document_source import FinopsDocumentSource, LineCollection
from shared.clients.finops.source import ClosedBy, FinopsSource
from shared.clients.quoting import EnumMember
from shared.flows.orders import ORDERS
from shared.flows.orders.settings import OrderSettings
from shared.flows.ordersback import ORDERSBACK
from shared.flows.ordersback import mapping as back
from shared.flows.ordersback.mapping import FILTERS, OrderStatusMapper
from shared.flows.ordersback.settings import OrdersBackSettings
from shared.flows.ordersback.value_maps import OrderStatusMaps
from shared.flows.required_columns import RequiredColumns, UsedCollection, UsedTable
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.type_names import in_finops, in_sales
from shared.sync.flow import Route, Walked
from shared.systems import System

_DAY_S = 24 * 3600.0
# Each page of sales orders is followed by the pages of its lines.
_PAGE_ROWS = 5_000
_CLOSED = ClosedBy(back.STATUS, tuple(EnumMember(back.STATUS_TYPE, member) for member in back.CLOSED))


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Sales orders of F&O, and orders of Sales."""
    settings, mapper = deployment.settings_for(OrdersBackSettings), OrderStatusMapper(deployment.maps)
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
    target = DataverseTarget(systems.dataverse, _order_table(mapper), namespace, bulk_rows=settings.BULK_ROWS)
    return Wiring(
        feed=Walked(source, settings.ORDERS_BACK_FULL_WALK_DAYS * _DAY_S, source.walk_open, changes_together=True),
        routes=(Route("status", back.TARGET_SET, target, mapper, updates=True, left_out=mapper.left_out),),
        mapper=mapper,
        numbered=source.as_written,
        number_column=back.KEY_FIELD,
        off="ORDERS_BACK is off" if settings.ORDERS_BACK == "off" else "",
    )


def _line_set(deployment: Deployment) -> str:
    """The collection of the lines: that in which they are written."""
    return deployment.settings_for(OrderSettings).ORDERS_LINES


def _order_table(mapper: OrderStatusMapper) -> RecordTable:
    """An order of Sales by its id, since a number may occur twice. Only the status is written."""
    return RecordTable(
        table=RowTable(back.TARGET_SET, back.LOGICAL_NAME, back.ID_COLUMN),
        key_column=back.ID_COLUMN,
        columns=mapper.table.target_fields,
        also_read=(back.STATE,),
        late=frozenset(),
        status_of={},
        already={},
    )


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes; nothing if it is off."""
    if deployment.settings_for(OrdersBackSettings).ORDERS_BACK == "off":
        return RequiredColumns((), ())
    mapper = OrderStatusMapper(deployment.maps)
    written = {field.name: in_sales(field.type) for field in mapper.table.fields}
    order = UsedTable(back.TARGET_SET, back.ID_COLUMN, {back.STATE: in_sales(int), **written})
    headers = {column.name: in_finops(column.type) for column in mapper.table.columns}
    lines = {column.name: in_finops(column.type) for column in back.LINE_COLUMNS}
    line_keys = {back.KEY_FIELD: in_finops(str), back.LINE_KEY_FIELD: in_finops(int)}
    return RequiredColumns(
        (order,),
        (UsedCollection(back.ENTITY_SET, headers), UsedCollection(_line_set(deployment), {**line_keys, **lines})),
    )


ORDERSBACK_FLOW = FlowSpec(
    name=ORDERSBACK,
    source=System.FINOPS,
    target=System.DATAVERSE,
    settings=OrdersBackSettings,
    setting_prefix="ORDERS_BACK",
    value_maps=OrderStatusMaps,
    lengths=(),
    ownership=(back.PART,),
    wire=wire,
    tables=lambda deployment: (OrderStatusMapper(deployment.maps).table,),
    required_columns=required_columns,
    filters=FILTERS,
    parents=(ORDERS,),
    parents_by_key=(back.ENTITY_SET,),
    comes_back_from=back.ENTITY_SET,
)
