"""The product as one deployment of it runs, over the models instead of both systems' services."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from shared.records import MapEntry, References
from shared.service import Service
from shared.settings import Settings
from shared.state.owners import Owners
from shared.state.storage.tables import Table
from shared.sync.environment import Environment
from shared.sync.flow import Flow, OnConflict, OnTargetDeleted, Route, Walked
from shared.sync.gates import Gates
from shared.sync.ports import Lookup, SystemPort, Target
from shared.systems import System
from tests.simulation.finops import COMPANIES, Collection, Company, Documents, Orders, Products
from tests.simulation.sales import ModelDocuments, ModelResults, ModelTarget, Sales
from tests.simulation.salesorders import NEW_LINE, NEW_ORDER, WalkedDocuments
from tests.simulation.script import ALL_FLOWS, FLOWS
from tests.simulation.settings import (
    Entry,
    Mappers,
    SettingsKey,
    deployment_of,
    mappers_of,
    settings_of,
    with_entries,
)
from tests.simulation.stage import Stage
from tests.simulation.threads import WorkerClock
from tests.simulation.watching import Decided


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

    def mappers_with(self, entries: Sequence[Entry]) -> Mappers:
        """The mappings with these entries of value maps above the document."""
        return mappers_of(_with_entries(self.key, entries))

    @property
    def company(self) -> str:
        """The legal entity that it is for."""
        return self.key.company

    @property
    def flows(self) -> tuple[str, ...]:
        """The names of the flows that are played: those of orders and invoices only where a history has them."""
        return ALL_FLOWS if self.key.trade else FLOWS

    def flows_that(self, decides: Callable[[Route], bool]) -> frozenset[str]:
        """The flows of which a route decides so about changes of others."""
        flows = self.service.flows
        return frozenset(name for name in self.flows if any(map(decides, flows[name].routes.values())))

    @property
    def mappers(self) -> Mappers:
        """Its mappings."""
        return mappers_of(self.key)


def unlinks(route: Route) -> bool:
    """Whether a row that people delete stays deleted."""
    return route.on_target_deleted is OnTargetDeleted.UNLINK


def lists_what_is_gone(route: Route) -> bool:
    """Whether a row that people delete is a failure of its record."""
    return route.on_target_deleted is OnTargetDeleted.LIST


def stops(route: Route) -> bool:
    """Whether a change of others stops a record."""
    return route.on_conflict is OnConflict.STOP


def overwrites(route: Route) -> bool:
    """Whether changes of others are written over."""
    return route.on_conflict is OnConflict.SOURCE_WINS


def deploy(stage: Stage, key: SettingsKey, ids: str, *, wrong_by_s: float = 0.0) -> Deployment:
    """Start a process with these settings; `ids` begins each of the random ids that it makes."""
    settings = settings_of(key)
    clock = WorkerClock(stage.threads, wrong_by_s)
    flows = _of_process(stage, key, clock)
    made: dict[SettingsKey, Mapping[str, Flow]] = {}

    def flows_with(entries: Sequence[MapEntry]) -> Mapping[str, Flow]:
        changed = _with_entries(key, [Entry(each.flow, each.map, each.name, each.code) for each in entries])
        if changed not in made:
            made[changed] = _of_process(stage, changed, clock)
        return made[changed]

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
        flows_with=flows_with,
    )
    return Deployment(key, service, clock)


class _Companies(FinopsSystem):
    """Knows the companies of the model; nothing else is asked of it. The flows keep them from one history to the next,
    so to ask is no step of a worker."""

    def companies(self) -> Iterator[tuple[str, str]]:
        yield from ((company, "") for company in COMPANIES)


def _with_entries(key: SettingsKey, entries: Sequence[Entry]) -> SettingsKey:
    return key._replace(maps=with_entries(key.maps, entries)) if entries else key


def _of_process(stage: Stage, key: SettingsKey, clock: WorkerClock) -> Mapping[str, Flow]:
    """The flows of a process, with its own small tables."""
    return {name: _with_lookup(stage, flow, clock) for name, flow in _flows(stage, key, settings_of(key)).items()}


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
            route.name: replace(route, target=_decided(_target(stage, settings, mappers, flow, route), route))
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
        results = flow.results
        if results is not None and isinstance(results.target, DataverseTarget):
            results = replace(results, target=ModelResults(stage.sales, results.target, settings.BULK_ROWS))
        made[name] = replace(flow, routes=routes, feed=feed, numbered=numbered, results=results)
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


def _decided(target: Target, route: Route) -> Target:
    """A target that knows what its route does about changes of others."""
    if isinstance(target, Collection | ModelTarget):
        makes_again = route.on_target_deleted is OnTargetDeleted.RECREATE
        target.decided = Decided(not overwrites(route), makes_again, route.rules.ended())
    return target


def _with_lookup(stage: Stage, flow: Flow, clock: WorkerClock) -> Flow:
    """A process has small tables of its own."""
    if flow.lookup is None:
        return flow
    names = tuple(flow.lookup._tables)  # type: ignore[attr-defined]
    lookup: Lookup = TablesLookup(stage.sales, names, clock)
    return replace(flow, lookup=lookup)
