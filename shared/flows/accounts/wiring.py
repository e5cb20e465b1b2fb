"""The accounts flow: its mapping as the settings want it, and how it reaches both systems."""

from collections.abc import Iterator
from functools import partial

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.sources import DataverseTable
from shared.clients.finops.environment import FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.accounts.mapping import (
    AccountChoices,
    AccountMapper,
    DeliveryAddress,
    OnHold,
    PartyNumber,
)
from shared.flows.accounts.preflight import others_customers
from shared.flows.accounts.settings import AccountSettings
from shared.flows.checks import Check
from shared.flows.choices import address_rules_of, once_per_deployment, route_to, scope_of
from shared.flows.required_columns import (
    RequiredColumns,
    UsedCollection,
    source_tables,
    written,
)
from shared.flows.sales_records import OF_SALES
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.sync.flow import Tracked
from shared.systems import System


@once_per_deployment
def account_mapper(deployment: Deployment) -> AccountMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(AccountSettings)
    choices = AccountChoices(
        party_number=PartyNumber(settings.ACCOUNTS_PARTY_NUMBER),
        delivery_address=DeliveryAddress(settings.ACCOUNTS_DELIVERY_ADDRESS),
        on_hold_when_ended=OnHold(settings.ACCOUNTS_ON_HOLD_WHEN_ENDED),
        adopt_existing=deployment.adopts(ACCOUNTS),
        scope=scope_of(settings.ACCOUNTS_SCOPE, settings),
        addresses=address_rules_of(settings),
    )
    return AccountMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Accounts of Sales, and customers of F&O."""
    mapper = account_mapper(deployment)
    key = FinopsKey(deployment.settings.COMPANY, (accounts.KEY_FIELD,))
    customers = FinopsTable(systems.finops, accounts.TARGET_SET, key, mapper.table.target_fields, accounts.MARK)
    table = DataverseTable(
        systems.dataverse, accounts.ENTITY_SET, accounts.ID_COLUMN, mapper.select, mapper.table.expand
    )
    return Wiring(
        feed=Tracked(table),
        routes=(route_to(customers, "customer", mapper.rules, adopt=mapper.choices.adopt_existing),),
        mapper=mapper,
        numbered=partial(table.ids_by, accounts.KEY_COLUMN),
        number_column=accounts.KEY_COLUMN,
        name_columns=("name",),
    )


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes."""
    mapper = account_mapper(deployment)
    return RequiredColumns(
        tuple(source_tables(accounts.ENTITY_SET, accounts.ID_COLUMN, (mapper.table,), {})),
        (
            UsedCollection(
                accounts.TARGET_SET, written(mapper.table.fields, accounts.KEY_FIELD), key=accounts.KEY_FIELD
            ),
        ),
    )


def checks_of_finops(deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem) -> Iterator[Check]:
    """What F&O tells of the accounts that this deployment keeps."""
    return others_customers(account_mapper(deployment), deployment, dataverse, finops)


ACCOUNTS_FLOW = FlowSpec(
    name=ACCOUNTS,
    source=System.DATAVERSE,
    target=System.FINOPS,
    settings=AccountSettings,
    lengths=(accounts.TARGET_SET,),
    ownership=(accounts.ENTITY_SET,),
    wire=wire,
    tables=lambda deployment: (account_mapper(deployment).table,),
    required_columns=required_columns,
    checks_of_finops=checks_of_finops,
    filters=OF_SALES,
    sales_table="account",
    referred_as=("account", "accountid"),
    results_in=accounts.ENTITY_SET,
)
