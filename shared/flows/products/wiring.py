"""The products flow: its mapping as the settings want it, and how it reaches both systems."""

from collections.abc import Iterator
from decimal import Decimal

from shared.clients.dataverse.lookup import DataverseLookup, LookupTable
from shared.clients.dataverse.record_table import Detail, RecordTable
from shared.clients.dataverse.rows import WriteTable as RowTable
from shared.clients.dataverse.rows import own_id
from shared.clients.dataverse.target import DataverseTarget
from shared.clients.finops.source import FinopsSource
from shared.flows.choices import how_dates_behave, once_per_deployment, zone_of
from shared.flows.products import PRODUCTS, catalogue, price_lists
from shared.flows.products import mapping as products
from shared.flows.products.catalogue import ProductMaps
from shared.flows.products.deployments import OtherDeployments, company_columns
from shared.flows.products.mapping import PriceItems, ProductChoices, ProductMapper, Vanished, ZeroPrice
from shared.flows.products.preflight import catalogue_checks
from shared.flows.products.settings import ProductSettings
from shared.flows.required_columns import (
    RequiredColumns,
    UsedCollection,
    UsedTable,
    keyed_by,
    of_types,
    written_columns,
)
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.type_names import LOOKUP, in_finops, in_sales
from shared.mapping.words import Column
from shared.sync.flow import Route, Walked
from shared.systems import System

_DAY_S = 24 * 3600.0


@once_per_deployment
def product_mapper(deployment: Deployment) -> ProductMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(ProductSettings)
    choices = ProductChoices(
        publish=settings.PRODUCTS_PUBLISH,
        when_vanished=Vanished(settings.PRODUCTS_WHEN_VANISHED),
        price_items=PriceItems(settings.PRODUCTS_PRICE_ITEMS),
        zero_price=ZeroPrice(settings.PRODUCTS_ZERO_PRICE),
        adopt_existing=deployment.adopts(PRODUCTS),
        linked_only=settings.PRODUCTS_SCOPE == "linked",
        zone=zone_of(settings),
    )
    return ProductMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Released products of F&O, and products of Sales with their price list items."""
    settings = deployment.settings_for(ProductSettings)
    mapper = product_mapper(deployment)
    source = FinopsSource(systems.finops, products.ENTITY_SET, products.KEY_FIELD, settings.COMPANY, mapper.select)
    lookups = {name: LookupTable(select) for name, select in catalogue.TABLES.items()}
    lookups |= how_dates_behave(price_lists.DATE_COLUMNS)
    namespace = _namespace(deployment.company)
    others = OtherDeployments(systems.finops, deployment.company, _id_in, company_columns(mapper.table))
    records = _product_table(mapper, looks_first=deployment.looks_for_conflicts(PRODUCTS))
    target = DataverseTarget(systems.dataverse, records, namespace, bulk_rows=settings.BULK_ROWS)
    route = Route(
        "product",
        products.TARGET_SET,
        target,
        mapper,
        adopt_existing=mapper.choices.adopt_existing,
        detail=mapper,
        adoption=mapper,
        maintained_elsewhere=others.refusal,
        begins=products.late_columns(mapper.choices),
    )
    return Wiring(
        feed=Walked(source, settings.PRODUCTS_FULL_WALK_DAYS * _DAY_S),
        routes=(route,),
        mapper=mapper,
        numbered=source.as_written,
        number_column=products.KEY_FIELD,
        name_columns=("ProductName",),
        lookup=DataverseLookup(systems.dataverse, lookups),
        basis=mapper.basis,
    )


def _namespace(company: str) -> str:
    return f"{PRODUCTS}|{company}"


def _id_in(company: str, folded_number: str) -> str:
    """The id that the sync of a company gives to the product with a number."""
    return own_id(_namespace(company), products.LOGICAL_NAME, folded_number)


def _product_table(mapper: ProductMapper, *, looks_first: bool) -> RecordTable:
    """A product in Dataverse with its price list item and its state. `looks_first` says that products are looked up
    before they are changed."""
    item = Detail(
        field=products.ITEM,
        table=RowTable(products.ITEM_SET, products.ITEM, products.ITEM_ID_COLUMN, products.ITEM_LOOKUPS),
        parent=products.ID_COLUMN,
        place=("pricelevelid",),
        also_set=("uomid",),
        amount=products.AMOUNT,
        constants=products.CURRENCY_AMOUNT,
        proof=products.OURS,
        written_by_others=mapper.choices.price_items is PriceItems.AUTOMATION,
        read_together=looks_first,
    )
    return RecordTable(
        table=RowTable(
            products.TARGET_SET,
            products.LOGICAL_NAME,
            products.ID_COLUMN,
            products.LOOKUPS,
            keyed=keyed_by(mapper.table),
        ),
        key_column=products.KEY_COLUMN,
        columns=mapper.table.target_fields,
        also_read=(products.STATE, products.STRUCTURE),
        late=frozenset(products.late_columns(mapper.choices)),
        status_of=products.STATUS_OF,
        already=products.COUNTS_AS,
        detail=item,
    )


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes."""
    table = product_mapper(deployment).table
    read = UsedCollection(
        products.ENTITY_SET,
        {column.name: in_finops(column.type, is_date=column.is_date) for column in table.columns},
    )
    names = written_columns(table, products.LOOKUPS)
    also_read = dict.fromkeys((products.STATE, products.STRUCTURE), in_sales(int))
    product = UsedTable(
        products.TARGET_SET, products.ID_COLUMN, {products.KEY_COLUMN: in_sales(str), **also_read, **names}
    )
    constants = dict.fromkeys(products.CURRENCY_AMOUNT, in_sales(int))
    item = UsedTable(
        products.ITEM_SET,
        products.ITEM_ID_COLUMN,
        {**dict.fromkeys(products.ITEM_LOOKUPS, LOOKUP), products.AMOUNT: in_sales(Decimal), **constants},
    )
    return RequiredColumns((product, item, *_small_tables()), (read,))


def _small_tables() -> Iterator[UsedTable]:
    for name, columns in catalogue.TABLES.items():
        id_column = columns[0]
        dates = price_lists.DATE_COLUMNS.get(id_column.removesuffix("id"), {})
        kinds = [
            Column(column, int if column in catalogue.NUMBERS else str, is_date=column in dates) for column in columns
        ]
        yield UsedTable(name, id_column, of_types(kinds), dates=dates)


PRODUCTS_FLOW = FlowSpec(
    name=PRODUCTS,
    source=System.FINOPS,
    target=System.DATAVERSE,
    settings=ProductSettings,
    value_maps=ProductMaps,
    lengths=(products.TARGET_SET,),
    ownership=(products.TARGET_SET,),
    wire=wire,
    tables=lambda deployment: (product_mapper(deployment).table,),
    required_columns=required_columns,
    checks_of_sales=catalogue_checks,
    referred_as=("product", "productnumber"),
)
