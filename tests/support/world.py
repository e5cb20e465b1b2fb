"""A small world around the engine: two systems as plain dictionaries, a host that redelivers, a clock that is moved.

The doubles obey the rules that the engine relies on and nothing else, so that thousands of runs with crashes take
seconds. What the real systems do is tested against the simulators.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from shared import errors
from shared.errors import NotSent, PartlyApplied, RecordMissing, RecordRejected, SyncError
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import Change, ChangePage, Json, SourceRow, TargetRow, WalkPage, Write
from shared.records import Walked as Met
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control, FlowControl
from shared.state.failures import Failures
from shared.state.links import Links
from shared.state.memory import MemoryQueues, MemoryTable
from shared.state.queues import Message
from shared.state.runs import Runs
from shared.state.snapshots import digest
from shared.state.waiting import Waits
from shared.sync.apply import Apply
from shared.sync.environment import Environment
from shared.sync.flow import Flow, Route, Tracked, Walked
from shared.sync.gates import Gates
from shared.sync.parts import Limits, Parts, State, hold_queue, poison_queue
from shared.sync.poison import Poison
from shared.sync.pull import Pull
from shared.sync.sweep import Sweep
from tests.support.clock import ManualClock
from tests.support.steps import Crash, Steps

LEASE_S = 600.0
MAX_DEQUEUES = 5
ROUTE = "customer"


@dataclass
class FakeSource:
    """A table with change tracking: tokens are version numbers, pages are small."""

    steps: Steps
    rows: dict[str, SourceRow] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    version: int = 0
    page_size: int = 3
    trouble: Callable[[str], None] | None = None

    def save(self, id: str, **values: Json) -> None:
        """Create or change a row."""
        self.version += 1
        earlier = dict(self.rows[id].values) if id in self.rows else {}
        self.deleted.pop(id, None)
        self.rows[id] = SourceRow(id, self.version, {**earlier, **values})

    def remove(self, id: str) -> None:
        """Delete a row."""
        self.version += 1
        del self.rows[id]
        self.deleted[id] = self.version

    def _io(self, name: str) -> None:
        self.steps.step(f"source.{name}")
        if self.trouble is not None:
            self.trouble(name)

    def track_changes(self) -> ChangePage:
        self._io("track_changes")
        return self._page(0, (0, 0), self.version)

    def list_rows(self) -> ChangePage:
        self._io("list_rows")
        return self._page(0, (0, 0), None)

    def follow(self, link: str) -> ChangePage:
        self._io("follow")
        since, section, after, token = link.split(":")
        if token == "delta":
            return self._page(int(since), (0, 0), self.version)
        return self._page(int(since), (int(section), int(after)), None if token == "list" else int(token))

    def _page(self, since: int, after: tuple[int, int], token: int | None) -> ChangePage:
        """The entries behind a cookie: rows by version, then deletions; a token names what the walk has covered."""
        rows = [((0, row.version or 0), Change(row.id, row.version)) for row in self.rows.values()]
        gone = [((1, at), Change(id, None, gone=True)) for id, at in self.deleted.items()]
        entries = sorted(rows + (gone if since else []), key=lambda entry: entry[0])
        entries = [entry for entry in entries if entry[0][1] > since and entry[0] > after]
        page, rest = entries[: self.page_size], entries[self.page_size :]
        changes = tuple(change for _, change in page)
        if rest:
            section, version = page[-1][0]
            return ChangePage(changes, next_link=f"{since}:{section}:{version}:{'list' if token is None else token}")
        return ChangePage(changes, delta_link=None if token is None else f"{token}:0:0:delta")

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        self._io("read")
        return {id: self.rows[id] for id in ids if id in self.rows}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        self._io("existing")
        return frozenset(id for id in ids if id in self.rows)


@dataclass
class WalkedTable:
    """A table without versions, walked by id; a row's digest moves when any of its values does."""

    steps: Steps
    rows: dict[str, SourceRow] = field(default_factory=dict)
    page_size: int = 3
    trouble: Callable[[str], None] | None = None

    def save(self, id: str, **values: Json) -> None:
        """Create or change a row."""
        earlier = dict(self.rows[id].values) if id in self.rows else {}
        self.rows[id] = SourceRow(id, None, {**earlier, **values})

    def remove(self, id: str) -> None:
        """Let a row vanish."""
        del self.rows[id]

    def _io(self, name: str) -> None:
        self.steps.step(f"source.{name}")
        if self.trouble is not None:
            self.trouble(name)

    def walk(self, after: str | None) -> WalkPage:
        self._io("walk")
        ids = sorted(id for id in self.rows if after is None or id > after)
        page = tuple(Met(id, digest(str(sorted(self.rows[id].values.items())))) for id in ids[: self.page_size])
        return WalkPage(page, page[-1].id if len(ids) > self.page_size else None)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        self._io("read")
        return {id: self.rows[id] for id in ids if id in self.rows}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        self._io("existing")
        return frozenset(id for id in ids if id in self.rows)


@dataclass
class FakeTarget:
    """A collection that refuses a second row under one key and an update of a row that is not there.

    `fault` may answer a write with an error of its own; when it answers OutcomeUnknown, `lands` decides whether the
    write takes effect all the same.
    """

    steps: Steps
    clock: ManualClock
    rows: dict[str, dict[str, Json]] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    fault: Callable[[Write], SyncError | None] = lambda _write: None
    lands: bool = True
    trouble: Callable[[str], None] | None = None

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        self.steps.step("target.find")
        if self.trouble is not None:
            self.trouble("find")
        return {key: TargetRow(dict(self.rows[key.casefold()])) for key in keys if key.casefold() in self.rows}

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        return {write.id: self._one(write, not_after) for write in writes}

    def _one(self, write: Write, not_after: float) -> SyncError | None:
        if self.clock.monotonic() > not_after:
            return NotSent("no time left")
        self.steps.step("target.write")
        error = self.fault(write)
        if error is not None and not (isinstance(error, errors.OutcomeUnknown) and self.lands):
            return error
        refused = self._land(write)
        self.steps.step("target.write done")
        return error or refused

    def _land(self, write: Write) -> SyncError | None:
        refused = self._refusal(write)
        if refused is None:
            self.writes.append(write)
            self.rows.setdefault(write.key.casefold(), {}).update(write.values)
        return refused

    def _refusal(self, write: Write) -> SyncError | None:
        there = write.key.casefold() in self.rows
        if write.create and there:
            return RecordRejected("target_exists", f"{write.key} exists", remedy="")
        return None if write.create or there else RecordMissing(write.key)


@dataclass
class BulkTarget(FakeTarget):
    """Takes several writes per request, all or nothing, and records in two parts: the row, then its `later` fields.

    The records of a request share its trouble as one object. A refusal names its record: the others of that request
    are sent again without it. A row's id is made of its key, so that we know our own rows.
    """

    bulk: int = 3
    later: frozenset[str] = frozenset({"phone"})
    later_fault: Callable[[Write], SyncError | None] = lambda _write: None
    requests: list[tuple[str, ...]] = field(default_factory=list)

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        made = {write.key.casefold() for write in self.writes if write.create}
        found = super().find(keys)
        return {
            key: TargetRow(row.values, f"id-{key.casefold()}", key.casefold() in made) for key, row in found.items()
        }

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        firsts = [replace(write, values=self._part(write, later=False)) for write in writes]
        results = self._stage([first for first in firsts if first.create or first.values], self.fault, not_after)
        due = [write for write in writes if results.get(write.id) is None]
        laters = [replace(write, values=self._part(write, later=True), create=False) for write in due]
        laters = [write for write in laters if write.values]
        for id, error in self._stage(laters, self.later_fault, not_after).items():
            results[id] = PartlyApplied(error) if error is not None and id in results else error
        return {write.id: results.get(write.id) for write in writes}

    def _part(self, write: Write, *, later: bool) -> dict[str, Json]:
        return {name: value for name, value in write.values.items() if (name in self.later) == later}

    def _stage(
        self, writes: Sequence[Write], fault: Callable[[Write], SyncError | None], not_after: float
    ) -> dict[str, SyncError | None]:
        results: dict[str, SyncError | None] = {}
        for request in self._requests(writes):
            results |= self._send(request, fault, not_after)
        return results

    def _requests(self, writes: Sequence[Write]) -> list[list[Write]]:
        requests = [[write] for write in writes if write.alone]
        for creates in (True, False):
            together = [write for write in writes if write.create == creates and not write.alone]
            requests += [together[at : at + self.bulk] for at in range(0, len(together), self.bulk)]
        return requests

    def _send(
        self, request: Sequence[Write], fault: Callable[[Write], SyncError | None], not_after: float
    ) -> dict[str, SyncError | None]:
        if self.clock.monotonic() > not_after:
            return dict.fromkeys((write.id for write in request), NotSent("no time left"))
        self.steps.step("target.write")
        self.requests.append(tuple(write.id for write in request))
        errors_by_id = {write.id: fault(write) for write in request}
        trouble = next((error for error in errors_by_id.values() if isinstance(error, errors.SystemTrouble)), None)
        if trouble is not None:
            if isinstance(trouble, errors.OutcomeUnknown) and self.lands:
                self._land_all(request)
            return dict.fromkeys((write.id for write in request), trouble)
        refused = {write.id: errors_by_id[write.id] or self._refusal(write) for write in request}
        accepted = [write for write in request if refused[write.id] is None]
        self._land_all(accepted)
        self.steps.step("target.write done")
        return refused

    def _land_all(self, request: Sequence[Write]) -> None:
        if not any(self._refusal(write) for write in request):
            for write in request:
                self._land(write)


@dataclass(frozen=True)
class FakeMapper:
    """number -> key, name and phone owned, group on create; rules by the columns `state`, `bad` and `parent`."""

    fingerprint: str = "f1"
    target_entity: str = "Customers"
    parent_flow: str = ""
    hold_on_end: bool = False
    scope: Callable[[SourceRow], bool] = lambda _row: True

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        values = row.values
        if values.get("state") == "inactive":
            return Filtered("inactive", ends=True)
        if values.get("state") == "foreign":
            return Filtered("foreign")
        if values.get("bad"):
            return Rejected("bad", f"bad is {values['bad']}", "clear it")
        owned = {"name": values.get("name"), "phone": values.get("phone")}
        if self.hold_on_end:
            owned["hold"] = "No"
        return Mapped(str(values["number"]), owned, {"group": "10"}, self.parents(row))

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        parent = row.values.get("parent")
        return (Parent(self.parent_flow, ROUTE, str(parent)),) if parent else ()

    def ended(self) -> Mapping[str, Json]:
        return {"hold": "All"} if self.hold_on_end else {}

    def empty(self, field: str) -> Json:
        return ""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        return (ours or "") == (theirs or "")

    def in_scope(self, row: SourceRow) -> bool:
        return self.scope(row)


@dataclass
class FakeSystem:
    """A system that answers, or does not."""

    name: str
    trouble: Callable[[], None] | None = None
    probes: int = 0

    def probe(self) -> None:
        self.probes += 1
        if self.trouble is not None:
            self.trouble()

    def identity(self) -> str:
        return self.name


FAMILY = ("parents", "children")
PRODUCTS = ("products",)


class World:
    """Flows over one storage, with a host that redelivers: `parents` and `children` (which wait for parents), or
    `products`, which are walked and written in bulk and in parts."""

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
        self.queues = MemoryQueues(self.clock, self.steps.step)
        self.source = FakeSource(self.steps)
        self.target = FakeTarget(self.steps, self.clock)
        self.child_source = FakeSource(self.steps)
        self.child_target = FakeTarget(self.steps, self.clock)
        self.stock = WalkedTable(self.steps)
        self.product_target = BulkTarget(self.steps, self.clock)
        self.sources: dict[str, FakeSource | WalkedTable] = {
            "parents": self.source,
            "children": self.child_source,
            "products": self.stock,
        }
        self.targets: dict[str, FakeTarget] = {
            "parents": self.target,
            "children": self.child_target,
            "products": self.product_target,
        }
        self.systems = {s: FakeSystem(str(s)) for s in errors.System}
        self.mappers = {
            "parents": FakeMapper(hold_on_end=hold_on_end),
            "children": FakeMapper(parent_flow="parents", target_entity="Contacts"),
            "products": FakeMapper(target_entity="Products"),
        }
        self.adopt = adopt
        self.settings = {"origin": "https://a", "company": "usmf"}
        self.limits = limits or Limits(hints_per_message=4)
        links = tables["links"]
        self.state = State(
            Links(links), Failures(links), Waits(links), Checkpoints(tables["checkpoints"]),
            Control(tables["control"]), Runs(tables["runs"]), tables["keys"], tables["checkpoints"],
        )  # fmt: skip
        self._ids = iter(range(10**9))
        self._dequeues: dict[str, int] = {}
        self._environment: Environment | None = None
        for flow in flows:
            self.state.control.save_flow(FlowControl(flow, paused=False))

    def parts(self) -> Parts:
        """Everything that an invocation is given; settings may have changed since the last one."""
        flows = {name: self._flow(name) for name in self.flows}
        environment = Environment(self.settings, self.systems, self.state.control, self.clock)
        return Parts(
            flows, self.systems, environment, self.state, self.queues, self.clock, self.limits,
            lambda: f"id{next(self._ids)}",
        )  # fmt: skip

    def _flow(self, name: str) -> Flow:
        sales, finops = errors.System
        feed = (
            Walked(self.stock)
            if name == "products"
            else Tracked(self.child_source if name == "children" else self.source)
        )
        ways = (finops, sales) if name == "products" else (sales, finops)
        mapper = self.mappers[name]
        route = Route(ROUTE, mapper.target_entity, self.targets[name], mapper, adopt_existing=self.adopt)
        parents = ("parents",) if name == "children" else ()
        return Flow(name, *ways, "usmf", feed, {ROUTE: route}, mapper, parents=parents)

    def gates(self) -> Gates:
        """Gates as an invocation sees them."""
        return Gates(self.state.control, self.systems, self.clock)

    def pull(self, flow: str = "parents") -> None:
        """One tick of a pull."""
        parts = self.parts()
        Pull(parts, parts.flows[flow], self.gates()).run()

    def sweep(self) -> None:
        """One tick of the sweep."""
        Sweep(self.parts(), self.gates()).run()

    def apply(self, body: str, flow: str = "parents") -> None:
        """One invocation of an apply function."""
        parts = self.parts()
        Apply(parts, parts.flows[flow], self.gates()).run(body)

    def host_once(self, flow: str = "parents") -> bool:
        """Run the function of a queue on its next visible message, as the host does; False when there is none."""
        received = self.queues.receive(flow, limit=1, invisible_s=LEASE_S)
        for message in received:
            self._invoke(flow, message)
        return bool(received)

    def _invoke(self, flow: str, message: Message) -> None:
        count = self._dequeues[message.id] = self._dequeues.get(message.id, 0) + 1
        if count > MAX_DEQUEUES:
            self.queues.send(poison_queue(flow), message.body)
            self.queues.delete(flow, message)
            return
        try:
            self.apply(message.body, flow)
        except SyncError:
            if count >= MAX_DEQUEUES:
                self.queues.send(poison_queue(flow), message.body)
                self.queues.delete(flow, message)
            return
        self.queues.delete(flow, message)

    def poison_once(self, flow: str = "parents") -> bool:
        """Run the poison function on its next message."""
        received = self.queues.receive(poison_queue(flow), limit=1, invisible_s=LEASE_S)
        for message in received:
            parts = self.parts()
            Poison(parts, parts.flows[flow]).run(message.body)
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
        """Let the timers tick and the host work until everything is quiet, and survive crashes on the way."""
        end = self.clock.seconds + hours * 3600
        while self.clock.seconds < end:
            pulls: list[Callable[[], None]] = [partial(self.pull, flow) for flow in self.flows]
            timers: list[Callable[[], None]] = [*pulls, self.sweep, self.drain]
            for timer in timers:
                with contextlib.suppress(Crash, SyncError):
                    timer()
            self.clock.sleep(60)

    def depth(self) -> int:
        """How many messages lie anywhere."""
        names = [name for flow in self.flows for name in (flow, hold_queue(flow), poison_queue(flow))]
        return sum(self.queues.depth(name) for name in names)


_TABLES = ("links", "checkpoints", "control", "runs", "keys")
