"""A small world around the engine: two systems as plain dictionaries, a host that redelivers, a clock that is moved.

The doubles obey the rules that the engine relies on and nothing else, so that thousands of runs with crashes take
seconds. What the real systems do is tested against the simulators.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from shared import systems
from shared.errors import SyncError
from shared.mapping.results import ResultColumns
from shared.service import Service
from shared.state.audit import Audit
from shared.state.batches import Batches
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control, FlowControl
from shared.state.failures import Failures
from shared.state.links import Links
from shared.state.results import Results
from shared.state.runs import Runs
from shared.state.storage.memory import MemoryQueues, MemoryTable
from shared.state.storage.queues import Message, hold_queue, poison_queue
from shared.state.storage.tables import Delete, Put, Row
from shared.state.waiting import Waits
from shared.sync.environment import Environment
from shared.sync.flow import Flow, OnConflict, OnTargetDeleted, ResultRows, Route, Tracked, Walked
from shared.sync.gates import Gates
from shared.sync.limits import Limits
from shared.sync.state import State
from tests.support.clock import ManualClock
from tests.support.doubles import (
    ROUTE,
    BulkTarget,
    FakeMapper,
    FakeSource,
    FakeSystem,
    FakeTarget,
    SourceRows,
    WalkedTable,
    WatchedTarget,
    unnumbered,
)
from tests.support.rest import Rest
from tests.support.steps import Crash, Steps
from tests.support.trade import (
    CONTACT,
    CONTACT_RULES,
    CUSTOMER,
    CUSTOMER_RULES,
    DOCUMENT,
    DocumentMapper,
    DocumentSource,
    DocumentTarget,
    PeopleMapper,
)

LEASE_S = 600.0
PROBE_LEASE_S = 120.0
MAX_DEQUEUES = 5
POISON_LIVES_S = 7 * 86_400.0


FAMILY = ("parents", "children")
PRODUCTS = ("products",)
TRADE = ("parents", "people", "documents")


class World:
    """Flows over one storage, with a host that redelivers: `parents` and `children` (which wait for parents);
    `products`, which are walked and written in bulk and in parts; or `people`, who are contacts of parents or
    customers, and `documents`, which have lines and wait for customers."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        hold_on_end: bool = False,
        adopt: bool = False,
        flows: tuple[str, ...] = FAMILY,
    ) -> None:
        self.flows = flows
        self.steps = Steps()
        self.clock = ManualClock()
        tables = {name: MemoryTable(self.clock, name, self.steps.step) for name in _TABLES}
        self.links_table = tables["links"]
        self.keys_table = tables["keys"]
        self.checkpoints_table = tables["checkpoints"]
        self._rest = Rest(self.clock, tables["links"], tables["control"])
        self.queues = MemoryQueues(self.clock, self.steps.step)
        self.source = FakeSource(self.steps)
        self.target = FakeTarget(self.steps, self.clock)
        self.child_source = FakeSource(self.steps)
        self.child_target = FakeTarget(self.steps, self.clock)
        self.stock = WalkedTable(self.steps)
        self.product_target = BulkTarget(self.steps, self.clock)
        self.people = FakeSource(self.steps)
        self.contacts = FakeTarget(self.steps, self.clock)
        self.customers = FakeTarget(self.steps, self.clock)
        self.documents = DocumentSource(self.steps)
        self.document_target = DocumentTarget(self.steps, self.clock)
        self.sources: dict[str, FakeSource | WalkedTable] = {
            "parents": self.source,
            "children": self.child_source,
            "products": self.stock,
            "people": self.people,
            "documents": self.documents,
        }
        self.systems = {s: FakeSystem(str(s)) for s in systems.System}
        self.mappers: dict[str, FakeMapper] = {
            "parents": FakeMapper(hold_on_end=hold_on_end),
            "children": FakeMapper(parent_flow="parents", target_entity="Contacts"),
            "products": FakeMapper(target_entity="Products"),
            "people": PeopleMapper(),
            "documents": DocumentMapper(),
        }
        self.adopt = adopt
        self.policies: dict[str, tuple[OnConflict, OnTargetDeleted]] = {}
        self.results: dict[str, ResultColumns] = {}
        self.watched: dict[str, WatchedTarget] = {}
        self.source_rows = {
            name: SourceRows(self.steps, self.clock, of=source) for name, source in _tracked(self.sources)
        }
        self.company = "usmf"
        self.settings = {"dataverse_origin": "https://a", "finops_origin": "https://b", "company": "usmf"}
        self.limits = limits or Limits(hints_per_message=4)
        links = tables["links"]
        self.state = State(
            Links(links), Failures(links), Waits(links), Results(links, tables["control"]), Batches(links),
            Checkpoints(tables["checkpoints"]), Control(tables["control"]), Runs(tables["runs"]),
            Audit(tables["runs"]), tables["keys"], tables["checkpoints"],
        )  # fmt: skip
        self._ids = iter(range(10**9))
        self._dequeues: dict[str, int] = {}
        self._environment: Environment | None = None
        for flow in flows:
            self.state.control.save_flow(FlowControl(flow, paused=False))

    def service(self) -> Service:
        """The app as an invocation meets it; settings may have changed since the last one."""
        flows = {name: self._flow(name) for name in self.flows}
        environment = Environment(self.settings, self.systems, self.state.control, self.clock)
        return Service(
            flows, self.systems, environment, self.gates(), self.state, self.queues, self.clock, self.limits,
            lambda: f"id{next(self._ids)}",
        )  # fmt: skip

    def _flow(self, name: str) -> Flow:
        sales, finops = systems.System
        ways = (finops, sales) if name == "products" else (sales, finops)
        routes = {route.name: self._by_policy(name, route) for route in self._routes(name)}
        waits_for = {"children": ("parents",), "people": ("parents",), "documents": ("people",)}
        mapper = self.mappers[name]
        return Flow(
            name, *ways, self.company, self._feed(name), routes, mapper, unnumbered, parents=waits_for.get(name, ()),
            results=self._results(name),
        )  # fmt: skip

    def _by_policy(self, name: str, route: Route) -> Route:
        conflict, deleted = self.policies.get(name, (route.on_conflict, route.on_target_deleted))
        return replace(route, on_conflict=conflict, on_target_deleted=deleted)

    def _results(self, name: str) -> ResultRows | None:
        columns = self.results.get(name)
        if columns is None:
            return None
        return ResultRows(columns, lambda row: row.id, self.source_rows[name], self.watched.get(name))

    def _feed(self, name: str) -> Tracked | Walked:
        source = self.sources[name]
        if isinstance(source, WalkedTable):
            return Walked(source)
        return Tracked(source, {"lines": source.lines} if isinstance(source, DocumentSource) else {})

    def _routes(self, name: str) -> tuple[Route, ...]:
        mapper, adopt = self.mappers[name], self.adopt
        match name:
            case "people":
                contact = Route(CONTACT, "Contacts", self.contacts, CONTACT_RULES, adopt_existing=adopt, moves=True)
                return contact, Route(CUSTOMER, "Customers", self.customers, CUSTOMER_RULES, adopt_existing=adopt)
            case "documents":
                assert isinstance(mapper, DocumentMapper)
                return (
                    Route(
                        DOCUMENT,
                        "Documents",
                        self.document_target,
                        mapper,
                        adopt_existing=adopt,
                        document=mapper,
                    ),
                )
        targets = {"parents": self.target, "children": self.child_target, "products": self.product_target}
        return (Route(ROUTE, mapper.target_entity, targets[name], mapper, adopt_existing=adopt),)

    def targets_of(self, flow: str) -> list[FakeTarget]:
        """The targets of a flow, in the order of its routes."""
        return [route.target for route in self._routes(flow) if isinstance(route.target, FakeTarget)]

    def gates(self) -> Gates:
        """Gates as an invocation sees them."""
        return Gates(self.state.control, self.systems, self.clock, PROBE_LEASE_S)

    def pull(self, flow: str = "parents") -> None:
        """One tick of a pull."""
        self.service().pull(flow)

    def sweep(self) -> None:
        """One tick of the sweep."""
        self.service().sweep()

    def clean_up(self) -> None:
        """One tick of the cleanup."""
        self.service().cleanup()

    def apply(self, body: str, flow: str = "parents") -> None:
        """One invocation of an apply function."""
        self.service().apply(flow, body.encode())

    def host_once(self, flow: str = "parents") -> bool:
        """Run the function of a queue on its next visible message, as the host does; False when there is none."""
        received = self.queues.receive(flow, limit=1, invisible_s=LEASE_S)
        for message in received:
            self._invoke(flow, message)
        return bool(received)

    def _invoke(self, flow: str, message: Message) -> None:
        count = self._dequeues[message.id] = self._dequeues.get(message.id, 0) + 1
        if count > MAX_DEQUEUES:
            self._make_poison(flow, message)
            return
        try:
            self.apply(message.body, flow)
        except SyncError:
            if count >= MAX_DEQUEUES:
                self._make_poison(flow, message)
            return
        self.queues.delete(flow, message)

    def _make_poison(self, flow: str, message: Message) -> None:
        """The host's copy vanishes, whatever the message had."""
        self.queues.copy(poison_queue(flow), message.body, lives_s=POISON_LIVES_S)
        self.queues.delete(flow, message)

    def poison_once(self, flow: str = "parents") -> bool:
        """Run the poison function on its next message."""
        received = self.queues.receive(poison_queue(flow), limit=1, invisible_s=LEASE_S)
        for message in received:
            self.service().poison(flow, message.body.encode())
            self.queues.delete(poison_queue(flow), message)
        return bool(received)

    def drain(self, flows: Iterable[str] | None = None) -> None:
        """Run every message that is visible now."""
        for _ in range(500):
            busy = [self.host_once(flow) or self.poison_once(flow) for flow in flows or self.flows]
            if not any(busy):
                return
        raise AssertionError("the queues do not run dry")

    def settle(self, hours: float = 0.6) -> None:
        """Let the timers tick and the host work for so long, and survive crashes on the way. Time in which nothing is
        left to do passes at once."""
        end = self.clock.seconds + hours * 3600
        while self.clock.seconds < end:
            well = self._play_minute()
            self.clock.sleep(60)
            if well and self.at_rest():
                self._rest.pass_time(end)

    def at_rest(self) -> bool:
        """Whether the round that was played now, and the one before it, leave nothing to do."""
        return self._rest.reached() and not self.depth() and not self.steps.disturbed

    def _play_minute(self) -> bool:
        """Every timer and the host; whether none of them failed."""
        pulls: list[Callable[[], None]] = [partial(self.pull, flow) for flow in self.flows]
        timers: list[Callable[[], None]] = [*pulls, self.sweep, self.drain]
        well = 0
        for timer in timers:
            with contextlib.suppress(Crash, SyncError):
                timer()
                well += 1
        return well == len(timers)

    def depth(self) -> int:
        """How many messages lie anywhere."""
        names = [name for flow in self.flows for name in (flow, hold_queue(flow), poison_queue(flow))]
        return sum(self.queues.depth(name) for name in names)


def _tracked(sources: Mapping[str, FakeSource | WalkedTable]) -> list[tuple[str, FakeSource]]:
    return [(name, source) for name, source in sources.items() if isinstance(source, FakeSource)]


def restore(table: MemoryTable, rows: Mapping[tuple[str, str], Row]) -> None:
    """Let a table hold what it has held before, as after a restored backup."""
    for place, row in table.content().items():
        table.transact([Put(rows[place]) if place in rows else Delete(row)])
    for place, row in rows.items():
        if place not in table.content():
            table.transact([Put(row)])


_TABLES = ("links", "checkpoints", "control", "runs", "keys")
