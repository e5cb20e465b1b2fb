"""The pricelists flow: its mapping as the settings want it, and how it reaches both systems."""

from functools import partial

from shared.clients.dataverse.sources import DataverseTable
from shared.clients.finops.environment import FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.flows.choices import route_to, scope_of
from shared.flows.required_columns import RequiredColumns, UsedCollection, source_tables, written
from shared.flows.sales_records import OF_SALES
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.sync.flow import Tracked
from shared.systems import System
from tests.flows.pricelists import PRICELISTS
from tests.flows.pricelists import mapping as pricelists
from tests.flows.pricelists.mapping import PriceListChoices, PriceListMapper
from tests.flows.pricelists.settings import PriceListSettings


def pricelist_mapper(deployment: Deployment) -> PriceListMapper:
    """The mapping as the settings want it."""
    settings = deployment.settings_for(PriceListSettings)
    choices = PriceListChoices(
        adopt_existing=deployment.adopts(PRICELISTS),
        scope=scope_of(settings.PRICELISTS_SCOPE, settings),
    )
    return PriceListMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Price lists of Sales, and customer groups of F&O."""
    mapper = pricelist_mapper(deployment)
    table = DataverseTable(systems.dataverse, pricelists.ENTITY_SET, pricelists.ID_COLUMN, mapper.select, mapper.expand)
    key = FinopsKey(deployment.settings.COMPANY, (pricelists.KEY_FIELD,))
    groups = FinopsTable(systems.finops, pricelists.TARGET_SET, key, mapper.table.target_fields)
    return Wiring(
        feed=Tracked(table),
        routes=(route_to(groups, "group", mapper.rules, adopt=mapper.choices.adopt_existing),),
        mapper=mapper,
        numbered=partial(table.ids_by, pricelists.KEY_COLUMN),
        number_column=pricelists.KEY_COLUMN,
    )


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes."""
    mapper, key = pricelist_mapper(deployment), pricelists.KEY_FIELD
    read = source_tables(pricelists.ENTITY_SET, pricelists.ID_COLUMN, (mapper.table,), {})
    groups = UsedCollection(pricelists.TARGET_SET, written(mapper.table.fields, key), key=key)
    return RequiredColumns(tuple(read), (groups,))


PRICELISTS_FLOW = FlowSpec(
    name=PRICELISTS,
    source=System.DATAVERSE,
    target=System.FINOPS,
    settings=PriceListSettings,
    lengths=(pricelists.TARGET_SET,),
    ownership=(pricelists.PART,),
    wire=wire,
    tables=lambda deployment: (pricelist_mapper(deployment).table,),
    required_columns=required_columns,
    filters=OF_SALES,
    sales_table="pricelevel",
)
