"""The only place where the parts are put together."""

import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from azure.core.credentials import TokenCredential

from shared.clients.channel import Channel
from shared.clients.correlation import correlated
from shared.clients.credentials import TokenProvider, managed_identity
from shared.clients.dataverse import DataverseSystem, DataverseTable
from shared.clients.dataverse_lookup import DataverseLookup, LookupTable
from shared.clients.dataverse_rows import Table as RowTable
from shared.clients.dataverse_target import DataverseTarget, Detail, RecordTable
from shared.clients.finops import ACCEPT, FinopsCollection, FinopsSystem
from shared.clients.finops_source import FinopsSource
from shared.clients.origin import Origin
from shared.clients.throttle import Throttle
from shared.clients.transport import HttpTransport
from shared.errors import System
from shared.mapping import accounts, catalogue, products
from shared.mapping.accounts import AccountChoices, AccountMapper, DeliveryAddress, OnHold, PartyNumber
from shared.mapping.addresses import AddressRules
from shared.mapping.products import PriceItems, ProductChoices, ProductMapper, Vanished, ZeroPrice
from shared.mapping.scope import Scope
from shared.mapping.value_maps import read_value_maps
from shared.settings import Settings
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control
from shared.state.failures import Failures
from shared.state.links import Links
from shared.state.queues import Queues
from shared.state.rows import Table
from shared.state.runs import Runs
from shared.state.storage import Account, Storage
from shared.state.waiting import Waits
from shared.sync.apply import Apply
from shared.sync.environment import Environment
from shared.sync.flow import Flow, Route, Tracked, Walked
from shared.sync.gates import Gates
from shared.sync.parts import Limits, Parts, State, new_id
from shared.sync.poison import Poison
from shared.sync.ports import Clock
from shared.sync.ports import System as SystemPort
from shared.sync.pull import Pull
from shared.sync.sweep import Sweep
from shared.telemetry import quiet_libraries

ACCOUNTS = "accounts"
PRODUCTS = "products"
FLOWS = (ACCOUNTS, PRODUCTS)
_DAY_S = 24 * 3600.0


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Service:
    """What the triggers call: one method per kind of function."""

    parts: Parts
    gates: Gates

    def pull(self, flow: str) -> None:
        """Find out which records changed and queue hints."""
        with correlated(new_id()):
            Pull(self.parts, self.parts.flows[flow], self.gates).run()

    def apply(self, flow: str, body: bytes) -> None:
        """Write the records that a message names."""
        with correlated(new_id()):
            Apply(self.parts, self.parts.flows[flow], self.gates).run(_text(body))

    def poison(self, flow: str, body: bytes) -> None:
        """Split or list a message that failed too often."""
        Poison(self.parts, self.parts.flows[flow]).run(_text(body))

    def sweep(self) -> None:
        """Bring back what waits for something else than a change."""
        with correlated(new_id()):
            Sweep(self.parts, self.gates).run()


_making = threading.Lock()


def service() -> Service:
    """The service of this process, made at the first invocation; its throttles are those of all the others.

    Raises SettingsInvalid, with every mistake in one message, and StorageTrouble.
    """
    with _making:
        return _service()


@lru_cache(maxsize=1)
def _service() -> Service:
    quiet_libraries()
    return build(Settings.read(os.environ))


def forget_service() -> None:
    """Make it anew at the next call: the settings have changed."""
    _service.cache_clear()


def build(settings: Settings) -> Service:
    """The service of a deployment: its storage account, its identity, real time."""
    credential = managed_identity(settings.AZURE_CLIENT_ID)
    storage = Storage(account_of(settings, lambda: credential))
    storage.create(FLOWS)
    return assemble(settings, state_of(storage.table), storage.queues, credential, SystemClock())


def state_of(table: Callable[[str], Table]) -> State:
    """What is remembered, in tables that are known by name."""
    links = table("links")
    return State(
        links=Links(links),
        failures=Failures(links),
        waits=Waits(links),
        checkpoints=Checkpoints(table("checkpoints")),
        control=Control(table("control")),
        runs=Runs(table("runs")),
        keys=table("keys"),
        snapshots=table("checkpoints"),
    )


def assemble(settings: Settings, state: State, queues: Queues, credential: TokenCredential, clock: Clock) -> Service:
    """Put the parts together. Raises SettingsInvalid for a wrong value-map document."""
    dataverse = DataverseSystem(_channel(System.DATAVERSE, settings.DATAVERSE_URL, settings, credential, clock))
    finops = FinopsSystem(
        _channel(System.FINOPS, settings.FINOPS_URL, settings, credential, clock, accept=ACCEPT), settings.COMPANY
    )
    flows = (_accounts_flow(settings, dataverse, finops), _products_flow(settings, dataverse, finops))
    systems: dict[System, SystemPort] = {System.DATAVERSE: dataverse, System.FINOPS: finops}
    environment = Environment(_environment_ids(settings), systems, state.control, clock)
    parts = Parts({flow.name: flow for flow in flows}, systems, environment, state, queues, clock, limits_of(settings))
    return Service(parts, Gates(state.control, systems, clock))


def _accounts_flow(settings: Settings, dataverse: DataverseSystem, finops: FinopsSystem) -> Flow:
    mapper = account_mapper(settings)
    customers = FinopsCollection(
        finops, accounts.TARGET_SET, accounts.KEY_FIELD, settings.COMPANY, mapper.table.target_fields
    )
    route = Route("customer", accounts.TARGET_SET, customers, mapper, adopt_existing=mapper.adopts_existing)
    return Flow(
        name=ACCOUNTS,
        source_system=System.DATAVERSE,
        target_system=System.FINOPS,
        company=settings.COMPANY.casefold(),
        feed=Tracked(
            DataverseTable(dataverse, accounts.ENTITY_SET, accounts.ID_COLUMN, mapper.select, mapper.table.expand)
        ),
        routes={route.name: route},
        mapper=mapper,
    )


def _products_flow(settings: Settings, dataverse: DataverseSystem, finops: FinopsSystem) -> Flow:
    mapper = product_mapper(settings)
    company = settings.COMPANY
    source = FinopsSource(finops, products.ENTITY_SET, products.KEY_FIELD, company, mapper.select)
    lookups = {name: LookupTable(select) for name, select in catalogue.TABLES.items()}
    namespace = f"{PRODUCTS}|{company.casefold()}"
    target = DataverseTarget(dataverse, _product_table(mapper.choices), namespace, bulk_rows=settings.BULK_ROWS)
    route = Route("product", products.TARGET_SET, target, mapper, adopt_existing=mapper.adopts_existing)
    return Flow(
        name=PRODUCTS,
        source_system=System.FINOPS,
        target_system=System.DATAVERSE,
        company=company.casefold(),
        feed=Walked(source, settings.PRODUCTS_FULL_WALK_DAYS * _DAY_S),
        routes={route.name: route},
        mapper=mapper,
        lookup=DataverseLookup(dataverse, lookups),
    )


def _product_table(choices: ProductChoices) -> RecordTable:
    """A product in Dataverse with its price list item and its state."""
    item = Detail(
        field=products.ITEM,
        table=RowTable(products.ITEM_SET, products.ITEM, products.ITEM_ID_COLUMN, products.ITEM_LOOKUPS),
        parent=products.ID_COLUMN,
        place=("pricelevelid",),
        also_set=("uomid",),
        amount=products.AMOUNT,
        constants=products.CURRENCY_AMOUNT,
        written_by_others=choices.price_items is PriceItems.AUTOMATION,
    )
    return RecordTable(
        table=RowTable(products.TARGET_SET, products.LOGICAL_NAME, products.ID_COLUMN, products.LOOKUPS),
        key_column=products.KEY_COLUMN,
        late=products.late_columns(choices),
        status_of=products.STATUS_OF,
        already={products.ACTIVE: frozenset({products.ACTIVE, products.UNDER_REVISION})},
        detail=item,
    )


def product_mapper(settings: Settings) -> ProductMapper:
    """The products mapping as these settings want it. Raises SettingsInvalid for a wrong value-map document."""
    choices = ProductChoices(
        publish=settings.PRODUCTS_PUBLISH,
        when_vanished=Vanished(settings.PRODUCTS_WHEN_VANISHED),
        price_items=PriceItems(settings.PRODUCTS_PRICE_ITEMS),
        zero_price=ZeroPrice(settings.PRODUCTS_ZERO_PRICE),
        adopt_existing=settings.PRODUCTS_ON_EXISTING == "adopt",
        linked_only=settings.PRODUCTS_SCOPE == "linked",
    )
    return ProductMapper(read_value_maps(settings.VALUE_MAPS), choices)


def account_mapper(settings: Settings) -> AccountMapper:
    """The accounts mapping as these settings want it. Raises SettingsInvalid for a wrong value-map document."""
    scope = settings.ACCOUNTS_SCOPE
    choices = AccountChoices(
        party_number=PartyNumber(settings.ACCOUNTS_PARTY_NUMBER),
        delivery_address=DeliveryAddress(settings.ACCOUNTS_DELIVERY_ADDRESS),
        on_hold_when_ended=OnHold(settings.ACCOUNTS_ON_HOLD_WHEN_ENDED),
        adopt_existing=settings.ACCOUNTS_ON_EXISTING == "adopt",
        scope=Scope(scope == "linked", None if scope in ("all", "linked") else date.fromisoformat(scope)),
        addresses=AddressRules(
            leave_unknown_state_out=settings.UNKNOWN_STATE == "leave_out",
            county=settings.MAP_COUNTY,
            street_number=settings.MAP_STREET_NUMBER,
        ),
    )
    return AccountMapper(read_value_maps(settings.VALUE_MAPS), choices)


def account_of(settings: Settings, credential: Callable[[], TokenCredential]) -> Account:
    """How the settings reach the storage account."""
    if settings.AzureWebJobsStorage:
        return Account(connection_string=settings.AzureWebJobsStorage)
    return Account(
        table_url=settings.AzureWebJobsStorage__tableServiceUri,
        queue_url=settings.AzureWebJobsStorage__queueServiceUri,
        credential=credential(),
    )


def limits_of(settings: Settings) -> Limits:
    """The engine's limits."""
    return Limits(
        hints_per_message=settings.HINTS_PER_MESSAGE,
        pull_budget_s=settings.PULL_BUDGET_S,
        apply_budget_s=settings.function_timeout_s / 2,
        claim_live_s=settings.claim_live_s,
        unsettled_live_s=settings.unsettled_live_s,
        gone_limit_count=settings.GONE_LIMIT_COUNT,
        gone_limit_percent=settings.GONE_LIMIT_PERCENT,
        change_limit_percent=settings.CHANGE_LIMIT_PERCENT,
    )


def _channel(
    system: System, url: str, settings: Settings, credential: TokenCredential, clock: Clock, **options: str
) -> Channel:
    origin = Origin.parse(url)
    throttle = Throttle(system, clock, maximum=settings.MAX_PARALLELISM)
    transport = HttpTransport(
        system, origin, clock, pool_size=settings.MAX_PARALLELISM, read_timeout_s=float(settings.REQUEST_TIMEOUT_S)
    )
    tokens = TokenProvider(system, origin, credential, clock)
    jitter = random.SystemRandom().random
    return Channel(system, origin, transport, tokens=tokens, throttle=throttle, clock=clock, jitter=jitter, **options)


def _environment_ids(settings: Settings) -> Mapping[str, str]:
    return {
        "dataverse_origin": str(Origin.parse(settings.DATAVERSE_URL)),
        "finops_origin": str(Origin.parse(settings.FINOPS_URL)),
        "company": settings.COMPANY.casefold(),
    }


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
