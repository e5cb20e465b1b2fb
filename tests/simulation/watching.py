"""What people have put into targets, and have deleted there, judged when a worker is about to write over it or to make
it again: a deployment may decide that their changes count (docs/mapping.md, Policies)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from shared import exact_json
from shared.records import Json, Values, Write, fold
from shared.state.links import link_key
from shared.state.storage.tables import escape
from tests.simulation.storage import Table
from tests.simulation.targets import Record, Row
from tests.simulation.threads import Threads, Worker

# A company, a collection, and a folded key.
Place = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a route does about changes of others: whether they count, and whether a row that they have deleted is made
    again."""

    counts: bool = False
    makes_again: bool = True


@dataclass(slots=True)
class Watch:
    """Watches the writes of one history. `links` are the links as they are stored: what is written over counts only if
    the product knows what it had written there."""

    threads: Threads
    links: Table
    _read: dict[tuple[Place, int], tuple[Worker, list[Values]]] = field(default_factory=dict)
    _overruled: set[tuple[Record, str, str]] = field(default_factory=set)
    _deleted: dict[Place, Record] = field(default_factory=dict)
    _wrong: list[tuple[Record, str]] = field(default_factory=list)

    def note_read(self, place: Place, values: Values) -> None:
        """A worker is shown a row."""
        worker = self.threads.current
        if worker is not None:
            self._read.setdefault((place, id(worker)), (worker, []))[1].append(values)

    def note_overruled(self, record: Record, name: str, there: Json) -> None:
        """An operator decides that the source's value replaces this one."""
        self._overruled.add((record, name, repr(there)))

    def note_deleted(self, place: Place, row: Row) -> None:
        """People delete a row."""
        if row.of is not None and fold(str(self._cells(row.of).get("target_key"))) == fold(row.key):
            self._deleted[place] = row.of

    def forget_deleted(self, record: Record) -> None:
        """A record may have its row again: an operator has taken it off."""
        self._deleted = {place: owner for place, owner in self._deleted.items() if owner != record}

    def forget_flow(self, flow: str) -> None:
        """Everything of a flow may be made again: it has another target."""
        self._deleted = {place: owner for place, owner in self._deleted.items() if owner[0] != flow}

    def judge(self, decided: Decided, place: Place, row: Row | None, record: Record, write: Write) -> None:
        """A worker sends a write of a record, whatever becomes of it."""
        worker = self.threads.current
        if worker is None or worker.is_late:
            # Nobody can hold it up (protocol A3).
            return
        if write.create:
            if self._deleted.get(place) == record and not decided.makes_again:
                self._wrong.append((record, f"people have deleted {write.key}, and it is made again"))
            self.forget_deleted(record)
        elif decided.counts and row is not None and row.of == record and not row.doubtful:
            self._written_over(worker, place, row, record, write)

    def _written_over(self, worker: Worker, place: Place, row: Row, record: Record, write: Write) -> None:
        applied = self._applied(record)
        _, shown = self._read.get((place, id(worker)), (worker, []))
        for name in row.touched & write.values.keys():
            there = row.values.get(name)
            is_known = bool(shown) and all(values.get(name) == there for values in shown)
            is_theirs = there != write.values[name] and name in applied and applied[name] != there
            if is_known and is_theirs and (record, name, repr(there)) not in self._overruled:
                self._wrong.append((record, f"{name} of {write.key} is {there!r} by people, and is written over"))

    def problems(self, mended: set[Record]) -> Iterator[str]:
        """What must not have been sent. Of a record that an operator has begun anew nobody knows what was written."""
        yield from (f"I3 {record[0]} {record[1]}: {text}" for record, text in self._wrong if record not in mended)

    def _cells(self, record: Record) -> Mapping[str, object]:
        return self.links.cells_of(escape(record[0]), link_key(record[1])) or {}

    def _applied(self, record: Record) -> Mapping[str, Json]:
        try:
            applied = exact_json.loads(str(self._cells(record).get("applied") or "{}"))
        except ValueError:
            return {}
        return applied if isinstance(applied, dict) else {}
