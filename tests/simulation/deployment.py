"""The product as one deployment of it runs, over the models instead of both systems' services."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from shared.bootstrap import limits_of, state_of
from shared.clients.dataverse.document_target import DataverseDocumentTarget
from shared.clients.dataverse.target import DataverseTarget
from shared.clients.finops.document_source import FinopsDocumentSource
from shared.clients.finops.environment import FinopsSystem
from shared.clients.finops.keys import FinopsKey
from shared.clients.http.origin import Origin
from shared.clients.quoting import EnumMember
from shared.flows.accounts import mapping as accounts
from shared.flows.contacts import mapping as contacts
from shared.flows.orders import mapping as orders
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations import rules as quotation_rules
from shared.flows.spec import Systems
from shared.records import References
from shared.service import Service
from shared.settings import Settings
from shared.state.owners import Owners
from shared.state.storage.tables import Table
from shared.sync.environment import Environment
from shared.sync.flow import Flow, Route, Walked
from shared.sync.gates import Gates
from shared.sync.ports import Lookup, SystemPort, Target
from shared.systems import System
from tests.simulation.finops import COMPANIES, Collection, Company, Documents, Orders, Products
from tests.simulation.sales import ModelDocuments, ModelTarget, Sales
from tests.simulation.salesorders import NEW_LINE, NEW_ORDER, WalkedDocuments
from tests.simulation.script import ALL_FLOWS, FLOWS
from tests.simulation.settings import Mappers, SettingsKey, deployment_of, mappers_of, settings_of
from tests.simulation.stage import Stage
from tests.simulation.threads import WorkerClock


class TablesLookup:
    """The small tables of Sales, as one process keeps them; satisfies the engine's Lookup."""

    system = System.DATAVERSE

    def __init__(self, sales: Sales, names: tuple[str, ...], clock: WorkerClock) -> None:
        self._sales = sales
        self._names = names
        self._clock = clock
        self._kept: tuple[float, References] | None = None

    def rows(self, *, max_age_s: float) -> References:
        """The tables, read again when they are older than that."""
        now = self._clock.monotonic()
        if self._kept is None or now - self._kept[0] > max_age_s:
            read = {name: tuple(dict(row) for row in self._sales.rows(name, "")) for name in self._names}
            self._kept = now, read
        return self._kept[1]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One process of the app with its settings. `wrong_by_s` is how wrong the clock of its computer is."""

    key: SettingsKey
    service: Service
    clock: WorkerClock

    @property
    def company(self) -> str:
        """The legal entity that it is for."""
        return self.key.company

    @property
    def flows(self) -> tuple[str, ...]:
        """The names of the flows that are played: those of orders and invoices only where a history has them."""
        return ALL_FLOWS if self.key.trade else FLOWS

    @property
    def mappers(self) -> Mappers:
        """Its mappings."""
        return mappers_of(self.key)


def deploy(stage: Stage, key: SettingsKey, ids: str, *, wrong_by_s: float = 0.0) -> Deployment:
    """Start a process with these settings; `ids` begins each of the random ids that it makes."""
    settings = settings_of(key)
    clock = WorkerClock(stage.threads, wrong_by_s)
    flows = {name: _with_lookup(stage, flow, clock) for name, flow in _flows(stage, key, settings).items()}
    company = Company(stage.finops, settings.COMPANY)
    systems: dict[System, SystemPort] = {System.DATAVERSE: stage.sales, System.FINOPS: company}
    named = {
        "dataverse_origin": str(Origin.parse(settings.DATAVERSE_URL)),
        "finops_origin": str(Origin.parse(settings.FINOPS_URL)),
        "company": settings.COMPANY.casefold(),
    }
    tables: Mapping[str, Table] = stage.tables
    state = state_of(lambda name: tables[name])
    environment = Environment(named, systems, state.control, clock)
    count = iter(range(10**9))
    service = Service(
        flows,
        systems,
        environment,
        Gates(state.control, systems, clock, settings.request_timeout_s),
        state,
        stage.queues,
        clock,
        limits_of(settings),
        lambda: f"{ids}-{next(count)}",
    )
    return Deployment(key, service, clock)


class _Companies(FinopsSystem):
    """Knows the companies of the model; nothing else is asked of it. The flows keep them from one history to the next,
    so to ask is no step of a worker."""

    def companies(self) -> Iterator[tuple[str, str]]:
        yield from ((company, "") for company in COMPANIES)


def _flows(stage: Stage, key: SettingsKey, settings: Settings) -> Mapping[str, Flow]:
    """The flows of these settings; made once, since the models are the same objects in every history."""
    if key not in stage.flows:
        stage.flows[key] = _made_flows(stage, key, settings)
    return stage.flows[key]


def _made_flows(stage: Stage, key: SettingsKey, settings: Settings) -> dict[str, Flow]:
    mappers = mappers_of(key)
    finops = _Companies(stage.sales.channel, settings.COMPANY)
    flows = deployment_of(key).wired(Systems(stage.sales, finops, Owners(stage.tables["links"])))
    made: dict[str, Flow] = {}
    for name, flow in flows.items():
        routes = {
            route.name: replace(route, target=_target(stage, settings, mappers, flow, route))
            for route in flow.routes.values()
        }
        feed = flow.feed
        numbered = flow.numbered
        if isinstance(feed, Walked):
            source: Products | WalkedDocuments
            if isinstance(feed.source, FinopsDocumentSource):
                source = WalkedDocuments(stage.finops, feed.source)
                feed = replace(feed, walk_open=source.walk_open)
            else:
                source = Products(stage.finops, settings.COMPANY)
            feed, numbered = replace(feed, source=source), source.as_written
        made[name] = replace(flow, routes=routes, feed=feed, numbered=numbered)
    return made


def _target(stage: Stage, settings: Settings, mappers: Mappers, flow: Flow, route: Route) -> Target:
    company, finops = settings.COMPANY, stage.finops
    number = FinopsKey(company, (accounts.KEY_FIELD,))
    match flow.name, route.name:
        case "accounts", _:
            fields = mappers.accounts.table.target_fields
            return Collection(finops, flow.name, route.entity, number, fields, accounts.MARK)
        case "contacts", contacts.CUSTOMER:
            fields = mappers.contacts.customer.target_fields
            return Collection(finops, flow.name, route.entity, number, fields, contacts.CUSTOMER_MARK)
        case "contacts", _:
            constants = {
                name: EnumMember(contacts.ASSOCIATED_CONTACT_TYPE, member)
                for name, member in contacts.PERSON_CONSTANT_KEY.items()
            }
            key = FinopsKey(company, contacts.PERSON_KEY, constants)
            fields = mappers.contacts.person.target_fields
            return Collection(finops, flow.name, route.entity, key, fields, contacts.PERSON_MARK)
        case "orders", _:
            of_orders, key = mappers.orders, FinopsKey(company, (orders.KEY_FIELD,))
            fields, lines = of_orders.header_fields, of_orders.line_fields
            return Orders(finops, flow.name, route.entity, key, fields, lines, new=NEW_ORDER, new_line=NEW_LINE)
    target = route.target
    if isinstance(target, DataverseTarget):
        return ModelTarget(stage.sales, target._records, target._namespace, settings.BULK_ROWS, flow.name)
    if isinstance(target, DataverseDocumentTarget):
        return ModelDocuments(stage.sales, target, settings.BULK_ROWS, flow.name)
    of, key = mappers.quotations, FinopsKey(company, (quotations.KEY_FIELD,))
    new = {quotation_rules.STATUS_FIELD: "Created"}
    return Documents(finops, flow.name, route.entity, key, of.header_fields, of.line_fields, new=new)


def _with_lookup(stage: Stage, flow: Flow, clock: WorkerClock) -> Flow:
    """A process has small tables of its own."""
    if flow.lookup is None:
        return flow
    names = tuple(flow.lookup._tables)  # type: ignore[attr-defined]
    lookup: Lookup = TablesLookup(stage.sales, names, clock)
    return replace(flow, lookup=lookup)
