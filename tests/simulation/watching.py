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
    again. `ended` are the fields that the end of a record writes, whatever others have put there."""

    counts: bool = False
    makes_again: bool = True
    ended: Mapping[str, Json] = field(default_factory=dict)

    def is_end(self, write: Write) -> bool:
        """Whether a write is the end of its record."""
        return all(name in self.ended and self.ended[name] == value for name, value in write.values.items())


@dataclass(slots=True)
class Watch:
    """Watches the writes of one history. `links` are the links as they are stored: what is written over counts only if
    the product knows what it had written there. `overwriting` are the flows in which changes of others did not count,
    at least for a while."""

    threads: Threads
    links: Table
    overwriting: set[str] = field(default_factory=set)
    _read: dict[tuple[Place, int], tuple[Worker, Values]] = field(default_factory=dict)
    _overruled: set[tuple[Record, str, str]] = field(default_factory=set)
    _deleted: dict[Place, Record] = field(default_factory=dict)
    _wrong: list[tuple[Record, str]] = field(default_factory=list)

    def note_read(self, place: Place, values: Values) -> None:
        """A worker is shown a row."""
        worker = self.threads.current
        if worker is not None:
            self._read[place, id(worker)] = worker, values

    def last_read(self, place: Place) -> Values | None:
        """The row as this worker was shown it last; None if it has not looked."""
        worker = self.threads.current
        return None if worker is None else self._read.get((place, id(worker)), (worker, None))[1]

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

    @property
    def may_be_overtaken(self) -> bool:
        """Whether nobody can hold up who is at work: a worker that is late (protocol A3)."""
        return self.threads.current is None or self.threads.current.is_late

    def judge_creation(self, decided: Decided, place: Place, record: Record, write: Write) -> None:
        """A worker sends a write of a record, whatever becomes of it."""
        if not write.create or self.may_be_overtaken:
            return
        if self._deleted.get(place) == record and not decided.makes_again:
            self._wrong.append((record, f"people have deleted {write.key}, and it is made again"))
        self.forget_deleted(record)

    def judge_change(
        self, decided: Decided, row: Row | None, record: Record, write: Write, shown: Values | None = None
    ) -> None:
        """A write changes a row. Where the target cannot refuse the write to a row that has changed since, only what
        the worker was `shown` counts; None if it has not looked, or if the target can."""
        if write.create or not decided.counts or decided.is_end(write):
            return
        if row is None or row.of != record or row.doubtful:
            return
        if record[0] in self.overwriting and self._cells(record).get("overwrites"):
            # A write is in doubt that did not ask about it: what is there may be ours.
            return
        applied = self._applied(record)
        for name in row.touched & write.values.keys():
            there = row.values.get(name)
            is_known = shown is None or shown.get(name) == there
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
