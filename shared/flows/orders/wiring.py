"""The orders flow: its mapping as the settings want it, and how it reaches both systems."""

from shared.clients.dataverse.documents import DataverseDocuments
from shared.clients.dataverse.lookup import DataverseLookup
from shared.flows.accounts import ACCOUNTS
from shared.flows.choices import address_rules_of, how_dates_behave, once_per_deployment, scope_of, zone_of
from shared.flows.contacts import CONTACTS
from shared.flows.orders import ORDERS, order_rows, preflight
from shared.flows.orders import mapping as orders
from shared.flows.orders.mapping import OrderChoices, OrderMapper
from shared.flows.orders.settings import OrderSettings
from shared.flows.quotations import QUOTATIONS, quote_rows
from shared.flows.quotations import mapping as quotations
from shared.flows.required_columns import Behind, RequiredColumns
from shared.flows.sales_documents.value_maps import SalesDocumentMaps
from shared.flows.sales_documents.wiring import DocumentCollections, feed_of, required_columns_of, tables_of, target_of
from shared.flows.sales_documents.words import RequestedDate
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.field_table import FieldTable
from shared.mapping.map_document import PolicyChoices
from shared.mapping.verdicts import Filter
from shared.sync.flow import Route
from shared.systems import System

ORDER = "order"


@once_per_deployment
def order_mapper(deployment: Deployment) -> OrderMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(OrderSettings)
    choices = OrderChoices(
        origin=settings.ORDERS_ORIGIN,
        line_set=settings.ORDERS_LINES,
        requested_date=RequestedDate(settings.ORDERS_REQUESTED_DATE),
        zone=zone_of(settings),
        adopt_existing=deployment.adopts(ORDERS),
        scope=scope_of(settings.ORDERS_SCOPE, settings),
        addresses=address_rules_of(settings),
    )
    return OrderMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Orders of Sales with their lines, and sales orders of F&O."""
    mapper = order_mapper(deployment)
    tables = tables_of(mapper)
    documents = DataverseDocuments(systems.dataverse, tables, systems.owners, ORDERS)
    route = Route(
        ORDER,
        orders.TARGET_SET,
        target_of(deployment, systems, mapper, _into(mapper)),
        mapper.rules,
        adopt_existing=mapper.choices.adopt_existing,
        once=True,
        document=mapper.rules,
        when_taken="create the order again: its number never changes",
    )
    return Wiring(
        feed=feed_of(documents, systems, ORDERS),
        routes=(route,),
        mapper=mapper,
        numbered=documents.as_written,
        number_column=order_rows.KEY_COLUMN,
        lookup=DataverseLookup(systems.dataverse, how_dates_behave(orders.DATE_COLUMNS)),
        basis=mapper.basis,
    )


def tables(deployment: Deployment) -> tuple[FieldTable, ...]:
    """The mappings of the flow."""
    mapper = order_mapper(deployment)
    return mapper.header, mapper.lines


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes."""
    mapper = order_mapper(deployment)
    quote = Behind(quote_rows.HEADER_ID_COLUMN, quotations.HEADER_SET, quote_rows.HEADER_ID_COLUMN)
    return required_columns_of(mapper, _into(mapper), orders.DATE_COLUMNS, {quote.column: quote})


def _into(mapper: OrderMapper) -> DocumentCollections:
    return DocumentCollections(orders.TARGET_SET, mapper.choices.line_set, orders.KEY_FIELD)


ORDERS_FLOW = FlowSpec(
    name=ORDERS,
    source=System.DATAVERSE,
    target=System.FINOPS,
    settings=OrderSettings,
    value_maps=SalesDocumentMaps,
    lengths=(orders.TARGET_SET, orders.TARGET_LINE_SET),
    ownership=(orders.HEADER_PART, orders.LINE_PART),
    wire=wire,
    tables=tables,
    policies=PolicyChoices(
        on_conflict=(),
        on_target_deleted=("unlink", "list"),
        why={
            "on_conflict": "an order is sent once, so nothing of it is written over",
            "on_target_deleted": "an order that was deleted is never sent again by itself",
        },
    ),
    required_columns=required_columns,
    checks_of_sales=preflight.checks_of_sales,
    checks_of_finops=preflight.checks_of_finops,
    filters={
        "came_from_finops": Filter("the order was created in F&O", "nothing: F&O has it"),
        "processed": Filter(
            "its processing status says that F&O has processed it, and it is not linked",
            "nothing: F&O has it; if it has not, set the processing status to Active",
        ),
        "draft": Filter("the order is not activated", "activate it"),
        "header_discount": Filter("the order as a whole has a discount", "move the discount to the lines"),
        "no_lines": Filter("the order is empty", "add lines"),
        "write_in_line": Filter("a line has no product, only a text", "order a product of F&O"),
        "own_product": Filter("a line has a product that does not come from F&O", "order the product of F&O"),
        "activation_incomplete": Filter(
            "a line of the activated order is not marked yet",
            "nothing: it continues with the last mark, or activate it again",
        ),
    },
    sales_table=orders.HEADER_TABLE,
    row_in_sales=order_rows.latest_order,
    results_in=orders.HEADER_SET,
    parents=(ACCOUNTS, CONTACTS, QUOTATIONS),
)
