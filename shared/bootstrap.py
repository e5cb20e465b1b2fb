"""The only place where the parts are put together."""

import os
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from azure.core.credentials import TokenCredential

from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import ACCEPT, FinopsSystem
from shared.clients.http.channel import Channel
from shared.clients.http.credentials import TokenProvider, identity
from shared.clients.http.origin import Origin
from shared.clients.http.throttle import Throttle
from shared.clients.http.transport import Carrier, HttpTransport
from shared.clock import Clock, SystemClock
from shared.collector import settle_memory
from shared.flows.hand_set import HandSet
from shared.flows.spec import Deployment, Flows, Systems
from shared.outbound import Way, straight
from shared.service import Service
from shared.settings import Settings
from shared.state.audit import Audit
from shared.state.batches import Batches
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control
from shared.state.failures import Failures
from shared.state.filter_sizes import FILTER_TOGETHER, FilterSizes
from shared.state.links import Links
from shared.state.owners import Owners
from shared.state.results import Results
from shared.state.runs import Runs
from shared.state.storage.account import Account, Storage
from shared.state.storage.queues import Queues
from shared.state.storage.tables import Table
from shared.state.waiting import Waits
from shared.sync.environment import Environment
from shared.sync.gates import Gates
from shared.sync.limits import Limits
from shared.sync.ports import SystemPort
from shared.sync.state import State
from shared.systems import System
from shared.telemetry import quiet_libraries

_making = threading.Lock()


def service(flows: Flows) -> Service:
    """The service of this process, made at the first invocation; its throttles are those of all the others.

    Raises SettingsInvalid, with every mistake in one message, and StorageTrouble.
    """
    with _making:
        return _service(flows)


@lru_cache(maxsize=1)
def _service(flows: Flows) -> Service:
    quiet_libraries()
    made = build(flows, os.environ)
    settle_memory()
    return made


def forget_service() -> None:
    """Build it again at the next call: the settings have changed."""
    _service.cache_clear()


def build(flows: Flows, environ: Mapping[str, str]) -> Service:
    """The service of a deployment: its storage account, its identity (on a developer's computer, the user's own), real
    time. Raises SettingsInvalid, with every mistake in one message, and StorageTrouble."""
    settings = flows.read_settings(environ)
    credential = identity(environ, settings.AZURE_CLIENT_ID)
    storage = Storage(account_of(settings, lambda: credential))
    storage.create(flows.names)
    return assemble(flows.deployment(settings), state_of(storage.table), storage.queues, credential, SystemClock())


def state_of(table: Callable[[str], Table]) -> State:
    """The state, in tables that are known by name."""
    links = table("links")
    return State(
        links=Links(links),
        failures=Failures(links),
        waits=Waits(links),
        results=Results(links, table("control")),
        batches=Batches(links),
        checkpoints=Checkpoints(table("checkpoints")),
        control=Control(table("control")),
        runs=Runs(table("runs")),
        audit=Audit(table("runs")),
        keys=table("keys"),
        snapshots=table("checkpoints"),
    )


def assemble(
    deployment: Deployment,
    state: State,
    queues: Queues,
    credential: TokenCredential,
    clock: Clock,
    *,
    way: Way = straight,
    carrier: Carrier = HttpTransport,
) -> Service:
    """Put the parts together; `carrier` makes what carries the calls to a system. Raises SettingsInvalid if settings
    and map document contradict each other."""
    settings = deployment.settings
    to = _Channels(settings, credential, clock, way, carrier)
    sizes = {system: FilterSizes(state.control.table, system, clock.now) for system in System}
    together = FilterSizes(state.control.table, System.DATAVERSE, clock.now, FILTER_TOGETHER)
    dataverse = DataverseSystem(to(System.DATAVERSE, settings.DATAVERSE_URL), sizes[System.DATAVERSE], together)
    finops = FinopsSystem(to(System.FINOPS, settings.FINOPS_URL, accept=ACCEPT), settings.COMPANY, sizes[System.FINOPS])
    both = Systems(dataverse, finops, Owners(state.links.table))
    flows = deployment.wired(both)
    systems: dict[System, SystemPort] = {System.DATAVERSE: dataverse, System.FINOPS: finops}
    environment = Environment(_environment_ids(settings), systems, state.control, clock)
    gates = Gates(state.control, systems, clock, settings.request_timeout_s)
    return Service(
        flows,
        systems,
        environment,
        gates,
        state,
        queues,
        clock,
        limits_of(settings),
        history_days=settings.HISTORY_DAYS,
        history_values_days=settings.HISTORY_VALUES_DAYS,
        flows_with=HandSet(deployment, both).flows_with,
    )


def account_of(settings: Settings, credential: Callable[[], TokenCredential], way: Way = straight) -> Account:
    """How the settings reach the storage account."""
    if settings.AzureWebJobsStorage:
        return Account(connection_string=settings.AzureWebJobsStorage, way=way)
    return Account(
        table_url=settings.AzureWebJobsStorage__tableServiceUri,
        queue_url=settings.AzureWebJobsStorage__queueServiceUri,
        credential=credential(),
        way=way,
    )


def limits_of(settings: Settings) -> Limits:
    """The engine's limits."""
    return Limits(
        hints_per_message=settings.HINTS_PER_MESSAGE,
        pull_budget_s=settings.pull_budget_s,
        run_budget_s=settings.run_budget_s,
        claim_live_s=settings.claim_live_s,
        unsettled_live_s=settings.unsettled_live_s,
        gone_limit_count=settings.GONE_LIMIT_COUNT,
        gone_limit_percent=settings.GONE_LIMIT_PERCENT,
        change_limit_percent=settings.CHANGE_LIMIT_PERCENT,
        history_values=settings.HISTORY_VALUES_DAYS > 0,
        rejection_limit=settings.REJECTION_LIMIT,
        rejection_window_s=60 * settings.REJECTION_MINUTES,
    )


@dataclass(frozen=True, slots=True)
class _Channels:
    """Makes the channels to both systems."""

    settings: Settings
    credential: TokenCredential
    clock: Clock
    way: Way
    carrier: Carrier

    def __call__(self, system: System, url: str, **options: str) -> Channel:
        origin, parallel = Origin.parse(url), self.settings.MAX_PARALLELISM
        transport = self.carrier(
            system,
            origin,
            self.clock,
            pool_size=parallel,
            read_timeout_s=self.settings.request_timeout_s,
            outbound=self.way(url),
        )
        return Channel(
            system,
            origin,
            transport,
            tokens=TokenProvider(system, origin, self.credential, self.clock),
            throttle=Throttle(system, self.clock, maximum=parallel),
            clock=self.clock,
            jitter=random.SystemRandom().random,
            **options,
        )


def _environment_ids(settings: Settings) -> Mapping[str, str]:
    return {
        "dataverse_origin": str(Origin.parse(settings.DATAVERSE_URL)),
        "finops_origin": str(Origin.parse(settings.FINOPS_URL)),
        "company": settings.COMPANY.casefold(),
    }
