"""A model of F&O: collections by company and key, documents with lines, and released products as a source.

It knows for each row which record the sync has written it for, and which fields people have changed since: only the
oracle looks at that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shared.clients.finops.keys import FinopsKey
from shared.clients.http.sending import Sending
from shared.clock import Clock
from shared.errors import OperatorNeeded, RecordMissing, RecordRejected, SyncError
from shared.records import Json, LineAction, MarkedRow, SourceRow, TargetRow, WalkedRecord, WalkPage, Write, fold
from shared.state.snapshots import digest
from shared.systems import System
from tests.simulation.targets import CUSTOMERS, ORDERS, PERSONS, PHONE, QUOTATIONS, REFUSED_PHONE, Record, Row
from tests.simulation.watching import Decided, Place, Watch
from tests.simulation.weather import Weather

PAGE_ROWS = 3
COMPANIES = ("usmf", "usrt")
_SYSTEM = System.FINOPS
# What a row must refer to, by collection and field: a customer.
_REFERENCES = {QUOTATIONS: "RequestingCustomerAccountNumber", ORDERS: "OrderingCustomerAccountNumber"}
# What tells apart of which order of Sales one of F&O was made.
_SIGN = "Email"
# A posted invoice: its header, and its lines.
Invoice = tuple[dict[str, Json], list[dict[str, Json]]]


@dataclass(slots=True)
class Doubled:
    """A record has written the row of another one, by a worker that was not late, although that other one was never
    gone since it was last written."""

    entity: str
    key: str
    former: Record
    now: Record


class Finops:
    """One environment of F&O with two companies."""

    def __init__(self, weather: Weather, clock: Clock) -> None:
        self.weather = weather
        self.clock = clock
        self.empty()

    def empty(self) -> None:
        """Begin anew, without rows."""
        self.collections: dict[tuple[str, str], dict[str, Row]] = {}
        self.products: dict[str, dict[str, dict[str, Json]]] = {}
        self.writes = 0
        self.doubled: list[Doubled] = []
        self.exists: Callable[[Record], bool] = lambda _record: True
        self.removed: set[tuple[str, str, str]] = set()
        self.removed_orders: dict[tuple[str, str], Row] = {}
        self.invoices: dict[str, dict[str, Invoice]] = {}
        self.rewritten: list[str] = []
        self.watch: Watch | None = None

    def rows_of(self, company: str, entity: str) -> dict[str, Row]:
        """A collection of a company, by folded key."""
        return self.collections.setdefault((company, entity), {})

    def note_gone(self) -> None:
        """Records have been removed from their sources: from now on their rows may go to others (protocol A6)."""
        for rows in self.collections.values():
            for row in rows.values():
                row.passable = row.passable or (row.of is not None and not self.exists(row.of))

    def answer(self, what: str) -> None:
        """A request is answered, or not. Raises SystemTrouble."""
        self.weather.threads.step(f"finops {what}")
        self.weather.read(_SYSTEM, f"finops {what}")


@dataclass(frozen=True, slots=True)
class Company:
    """The environment as a deployment for one company sees it; satisfies the engine's System."""

    environment: Finops
    company: str

    def probe(self) -> None:
        self.environment.answer("probe")

    def identity(self) -> str:
        self.environment.answer("identity")
        if self.company not in COMPANIES:
            raise OperatorNeeded(_SYSTEM, f"F&O has no company {self.company!r}")
        return self.company


class Collection:
    """Records of one collection, written for one flow; satisfies the engine's Target."""

    def __init__(
        self,
        environment: Finops,
        flow: str,
        entity: str,
        key: FinopsKey,
        fields: Sequence[str],
        mark: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = environment
        self._flow = flow
        self._entity = entity
        self._key = key
        self._fields = tuple(fields)
        self._mark = mark or {}
        self.decided = Decided()

    @property
    def _rows(self) -> dict[str, Row]:
        return self._environment.rows_of(self._key.company.casefold(), self._entity)

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        self._environment.answer(f"find {self._entity}")
        rows = self._rows
        wanted = [key for key in dict.fromkeys(keys) if self._key.can_be_found(key)]
        if self._environment.watch is not None:
            for folded in {self._key.folded(key) for key in wanted} & rows.keys():
                self._environment.watch.note_read(self._place(folded), dict(rows[folded].values))
        return {key: self._shown(rows[folded]) for key in wanted if (folded := self._key.folded(key)) in rows}

    def _place(self, folded: str) -> Place:
        return self._key.company.casefold(), self._entity, folded

    def _shown(self, row: Row) -> TargetRow:
        return TargetRow({name: row.values.get(name) for name in self._fields}, etag=_etag(row))

    def check_key(self, key: str) -> None:
        self._key.values(key)

    def marked(self) -> Iterator[MarkedRow]:
        self._environment.answer(f"marked {self._entity}")
        if not self._mark:
            return
        for row in list(self._rows.values()):
            if all(row.values.get(name) == value for name, value in self._mark.items()):
                yield MarkedRow(row.key, row.key.partition("/")[0])

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        sending = Sending(self._environment.clock, not_after)
        results: dict[str, SyncError | None] = {}
        for write in writes:
            try:
                sending.require_turn()
                error = self._one(write)
            except SyncError as refused:
                error = refused
            sending.note(error)
            results[write.id] = error
        return results

    def _one(self, write: Write) -> SyncError | None:
        environment = self._environment
        self._key.values(write.key)
        step = f"finops write {self._entity}"
        environment.weather.threads.step(step)
        folded = self._key.folded(write.key)
        if environment.watch is not None:
            environment.watch.judge_creation(self.decided, self._place(folded), (self._flow, write.id), write)
        fault = environment.weather.write(_SYSTEM, step, folded)
        worker = environment.weather.threads.current
        late = worker is not None and worker.is_late
        if fault is None:
            error = self._land(write, late=late)
            environment.weather.threads.step(f"{step} done")
            return error
        if fault.lands:
            return self._land(write, late=late) or fault.error
        if fault.lands_after_s is not None:
            environment.weather.threads.later(fault.lands_after_s, partial(self._land, write, late=late))
        return fault.error

    def _land(self, write: Write, *, late: bool) -> SyncError | None:
        refusal = self.refusal(write)
        if refusal is None:
            if self._environment.watch is not None:
                row = self._rows.get(self._key.folded(write.key))
                self._environment.watch.judge_change(self.decided, row, (self._flow, write.id), write)
            self._apply(write, late=late)
        elif isinstance(refusal, RecordMissing):
            self._environment.weather.met("row missing")
        return refusal

    def refusal(self, write: Write) -> SyncError | None:
        """Why F&O refuses a write, None when it does not."""
        there = self._rows.get(self._key.folded(write.key))
        if write.create and there is not None:
            return RecordRejected("target_exists", f"{write.key} exists", remedy="adopt it")
        if not write.create and there is None:
            return RecordMissing(f"{write.key} does not exist")
        if there is not None and write.if_match not in (None, _etag(there)):
            return RecordRejected("finops.update_conflict", "it has changed", remedy="wait", repeatable=True)
        if self._entity == CUSTOMERS and write.values.get(PHONE) == REFUSED_PHONE:
            return RecordRejected("simulated.refused", f"the phone {REFUSED_PHONE} is refused", remedy="change it")
        return self._dangling(write)

    def _dangling(self, write: Write) -> RecordRejected | None:
        customer: Json = None
        if self._entity == PERSONS and write.create:
            customer = write.key.partition("/")[2]
        elif self._entity in _REFERENCES:
            customer = write.values.get(_REFERENCES[self._entity])
        if customer is None:
            return None
        customers = self._environment.rows_of(self._key.company.casefold(), CUSTOMERS)
        if fold(str(customer)) in customers:
            return None
        return RecordRejected("finops.reference_not_found", f"no customer {customer}", remedy="create it")

    def _apply(self, write: Write, *, late: bool) -> None:
        rows, folded, record = self._rows, self._key.folded(write.key), (self._flow, write.id)
        row, owner, overwritten, passable = rows.get(folded), record, None, False
        if row is None:
            row = rows[folded] = Row(write.key, {}, of=record, made=True)
            # Another record may have got the number of a late worker's record. Then the row is that one's.
            passable = late
        elif row.of is not None and row.of != record and not row.doubtful:
            if row.passable:
                # A late worker may have written it for a record that has it no more. Then the other one writes it.
                passable = late
            elif late:
                # No target can refuse it (protocol A3): the row stays the other record's, which is to mend it.
                self._environment.weather.met("rows of others met by a late write")
                owner, overwritten = row.of, record
            else:
                self._environment.doubled.append(Doubled(self._entity, write.key, row.of, record))
        elif row.of is None and not row.made:
            self._environment.weather.met("rows adopted")
        row.of, row.doubtful, row.overwritten = owner, False, overwritten
        row.passable = passable or not self._environment.exists(owner)
        row.change(write.values)
        row.touched.difference_update(write.values)
        self._environment.writes += 1


class Documents(Collection):
    """Documents with lines; header and lines of a write take effect together, or not at all. `new` and `new_line` are
    what F&O gives them beside what is sent."""

    def __init__(
        self,
        environment: Finops,
        flow: str,
        entity: str,
        key: FinopsKey,
        fields: Sequence[str],
        lines: Sequence[str],
        *,
        new: Mapping[str, Json],
        new_line: Mapping[str, Json] | None = None,
    ) -> None:
        super().__init__(environment, flow, entity, key, fields)
        self._line_fields = tuple(lines)
        self._new = new
        self._new_line = new_line or {}

    def _shown(self, row: Row) -> TargetRow:
        lines = {number: {name: line.get(name) for name in self._line_fields} for number, line in row.lines.items()}
        return TargetRow({name: row.values.get(name) for name in self._fields}, lines=lines, etag=_etag(row))

    def refusal(self, write: Write) -> SyncError | None:
        """As of a record; and a line must be there, or must not."""
        refused = super().refusal(write)
        row = self._rows.get(self._key.folded(write.key))
        held = row.lines if row is not None else {}
        moved = [line.number for line in write.lines if (line.action is LineAction.CREATE) == (line.number in held)]
        if refused is None and moved:
            return RecordRejected("finops.lines_changed", f"lines {moved} moved", remedy="wait", repeatable=True)
        return refused

    def _apply(self, write: Write, *, late: bool) -> None:
        super()._apply(write, late=late)
        row = self._rows[self._key.folded(write.key)]
        row.values = {**self._new, **row.values}
        # A document is compared, and written again only where it differs.
        row.overwritten = None
        for line in write.lines:
            if line.action is LineAction.DELETE:
                del row.lines[line.number]
            else:
                row.lines[line.number] = {**self._new_line, **row.lines.get(line.number, {}), **line.values}


class Orders(Documents):
    """Sales orders, which the sync makes once: whatever it writes to one later is noted."""

    def _apply(self, write: Write, *, late: bool) -> None:
        folded, environment = self._key.folded(write.key), self._environment
        if not write.create and (write.values or write.lines):
            environment.rewritten.append(f"I3 orders {write.id}: {write.key} is written after it was made")
        former = environment.removed_orders.get((self._key.company.casefold(), folded))
        if former is not None and former.of is not None and former.values.get(_SIGN) == write.values.get(_SIGN):
            environment.rewritten.append(f"I2 orders {write.id}: people have deleted {write.key}, and it is made again")
        super()._apply(write, late=late)
        row = self._rows[folded]
        if write.create:
            row.sent, row.sent_lines = dict(write.values), [dict(line.values) for line in write.lines]


def _etag(row: Row) -> str:
    """The version of a row, or of the header of a document."""
    return f'W/"{row.version}"'


class Products:
    """Released products of one company, walked by number; satisfies the engine's WalkedSource."""

    def __init__(self, environment: Finops, company: str) -> None:
        self._environment = environment
        self._company = company

    @property
    def _rows(self) -> dict[str, dict[str, Json]]:
        return self._environment.products.setdefault(self._company, {})

    def walk(self, after: str | None) -> WalkPage:
        self._environment.answer("walk")
        ids = sorted(id for id in self._rows if after is None or id > after)
        page = tuple(WalkedRecord(id, self._digest(id)) for id in ids[:PAGE_ROWS])
        return WalkPage(page, page[-1].id if len(ids) > PAGE_ROWS else None)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        self._environment.answer("read products")
        return {id: SourceRow(id, None, dict(self._rows[id]), self._digest(id)) for id in ids if id in self._rows}

    def _digest(self, id: str) -> bytes:
        return digest(repr(sorted(self._rows[id].items())))

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        self._environment.answer("existing products")
        return frozenset(id for id in ids if id in self._rows)

    def as_written(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Those of the numbers that exist, as F&O writes them."""
        written = {fold(id): id for id in self._rows}
        return {id: [written[fold(id)]] for id in ids if fold(id) in written}
