"""The doubles around the engine: sources and targets as plain dictionaries, a mapping in a few lines.

They obey the rules that the engine relies on and nothing else, so that thousands of runs with crashes take seconds.
What the real systems do is tested against the simulators.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared import errors
from shared.errors import LinkElsewhere, NotSent, PartlyApplied, RecordMissing, RecordRejected, SyncError
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import Change, ChangePage, Json, MarkedRow, SourceRow, TargetRow, WalkPage, Write
from shared.records import WalkedRecord as Met
from shared.state.snapshots import digest
from tests.support.clock import ManualClock
from tests.support.steps import Steps

ROUTE = "customer"


@dataclass
class FakeSource:
    """A table with change tracking: tokens are version numbers, pages are small. Links lead to its host."""

    steps: Steps
    rows: dict[str, SourceRow] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    version: int = 0
    page_size: int = 3
    host: str = "a"
    trouble: Callable[[str], None] | None = None
    read_ids: list[str] = field(default_factory=list)

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
        host, _, given = link.rpartition("/")
        if host not in (self.host, ""):
            raise LinkElsewhere(f"a link leads to {host} instead of {self.host}")
        self._io("follow")
        since, section, after, token = given.split(":")
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
            return ChangePage(
                changes, next_link=f"{self.host}/{since}:{section}:{version}:{'list' if token is None else token}"
            )
        return ChangePage(changes, delta_link=None if token is None else f"{self.host}/{token}:0:0:delta")

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        self._io("read")
        self.read_ids += ids
        return {id: self.rows[id] for id in ids if id in self.rows}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        self._io("existing")
        return frozenset(id for id in ids if id in self.rows)

    def forget(self, parts: Sequence[str]) -> None:
        """A row is a record, and has no parts."""


@dataclass
class WalkedTable:
    """A table without versions, walked by id; a row's digest moves when any of its values does, and is the same for
    whoever walks or reads."""

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
        page = tuple(Met(id, self._digest(id)) for id in ids[: self.page_size])
        return WalkPage(page, page[-1].id if len(ids) > self.page_size else None)

    def _digest(self, id: str) -> bytes:
        return digest(str(sorted(self.rows[id].values.items())))

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        self._io("read")
        return {id: replace(self.rows[id], digest=self._digest(id)) for id in ids if id in self.rows}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        self._io("existing")
        return frozenset(id for id in ids if id in self.rows)


def unnumbered(_numbers: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Of records that have no numbers."""
    return {}


@dataclass
class FakeTarget:
    """A collection that refuses a second row under one key and an update of a row that is not there.

    `fault` may answer a write with an error of its own; when it answers OutcomeUnknown, `lands` decides whether the
    write takes effect all the same. One that is `late` by then takes effect so many seconds later. `made` are the
    rows that were created by a write and are still there.
    """

    steps: Steps
    clock: ManualClock
    rows: dict[str, dict[str, Json]] = field(default_factory=dict)
    writes: list[Write] = field(default_factory=list)
    fault: Callable[[Write], SyncError | None] = lambda _write: None
    lands: bool = True
    late: float | None = None
    made: set[str] = field(default_factory=set)
    trouble: Callable[[str], None] | None = None
    _on_their_way: list[tuple[float, Write]] = field(default_factory=list)

    def put_by_hand(self, key: str, **values: Json) -> None:
        """Somebody else enters a row, or edits one."""
        self.arrive()
        self.rows.setdefault(key.casefold(), {}).update(values)

    def take_by_hand(self, key: str) -> None:
        """Somebody else deletes a row, where there is one."""
        self.arrive()
        self.rows.pop(key.casefold(), None)
        self.made.discard(key.casefold())

    def arrive(self) -> None:
        """The late writes that are due take effect."""
        now = self.clock.monotonic()
        due = [write for at, write in self._on_their_way if at <= now]
        self._on_their_way = [(at, write) for at, write in self._on_their_way if at > now]
        for write in due:
            self._land(write)

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        self.steps.step("target.find")
        self.arrive()
        if self.trouble is not None:
            self.trouble("find")
        return {key: TargetRow(dict(self.rows[key.casefold()])) for key in keys if key.casefold() in self.rows}

    def check_key(self, key: str) -> None:
        """Every key will do."""

    def marked(self) -> Iterator[MarkedRow]:
        yield from (MarkedRow(key, key) for key in self.rows)

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        return {write.id: self._one(write, not_after) for write in writes}

    def _one(self, write: Write, not_after: float) -> SyncError | None:
        if self.clock.monotonic() > not_after:
            return NotSent("no time left")
        self.steps.step("target.write")
        self.arrive()
        error = self.fault(write)
        if error is not None and self.late is not None and isinstance(error, errors.OutcomeUnknown):
            self._on_their_way.append((self.clock.monotonic() + self.late, write))
            return error
        if error is not None and not (isinstance(error, errors.OutcomeUnknown) and self.lands):
            return error
        refused = self._land(write)
        self.steps.step("target.write done")
        return error or refused

    def _land(self, write: Write) -> SyncError | None:
        refused = self._refusal(write)
        if refused is None:
            self.writes.append(write)
            if write.create:
                self.made.add(write.key.casefold())
            self.rows.setdefault(write.key.casefold(), {}).update(write.values)
        return refused

    def _refusal(self, write: Write) -> SyncError | None:
        there = write.key.casefold() in self.rows
        if write.create and there:
            return RecordRejected("target_exists", f"{write.key} exists", remedy="")
        return None if write.create or there else RecordMissing(write.key)


@dataclass
class SourceRows(FakeTarget):
    """The rows of a source, which results are written into: only those that are there, and each write is a change."""

    of: FakeSource = field(kw_only=True)

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        self.steps.step("target.find")
        self.arrive()
        return {key: TargetRow(dict(self.of.rows[key].values)) for key in keys if key in self.of.rows}

    def _land(self, write: Write) -> SyncError | None:
        if write.key not in self.of.rows:
            return RecordMissing(write.key)
        self.writes.append(write)
        self.of.save(write.key, **write.values)
        return None


@dataclass
class WatchedTarget:
    """One field of the rows of a target, by the column that gets it, in small pages."""

    of: FakeTarget
    column: str
    field: str
    page_size: int = 2

    def page(self, after: str | None) -> tuple[Mapping[str, Mapping[str, Json]], str | None]:
        self.of.steps.step("watched.page")
        keys = sorted(key for key in self.of.rows if after is None or key > after)
        page = keys[: self.page_size]
        return {key: self._shown(key) for key in page}, page[-1] if len(keys) > len(page) else None

    def read(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, Json]]:
        self.of.steps.step("watched.read")
        return {key: self._shown(key.casefold()) for key in keys if key.casefold() in self.of.rows}

    def _shown(self, key: str) -> Mapping[str, Json]:
        return {self.column: self.of.rows[key].get(self.field)}


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
        found = super().find(keys)
        return {
            key: TargetRow(row.values, f"id-{key.casefold()}", key.casefold() in self.made)
            for key, row in found.items()
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
        if rule := values.get("rule", "foreign" if values.get("state") == "foreign" else ""):
            return Filtered(str(rule))
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
