"""The rows of every collection, in SQLite: one table per collection, one column per property."""

import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from local.finops.etags import FRESH_VERSION, Pair
from local.finops.schema import EntityType, Kind, Schema, load_schema
from local.finops.served import SERVED
from local.finops.sqlfunctions import install
from local.finops.values import Stored
from local.simulator.filters import Condition
from local.simulator.store import Column, Store, Table, listed

FIRST_RECORD = 5_637_144_576
LARGEST_VERSION = 2**31 - 1

# A statement takes some 32,000 values; more rows in one are not faster.
_ROWS_A_STATEMENT = 500

_PAIRS = ("_version", "_record", "_joined_version", "_joined_record")

Row = Mapping[str, Stored]
Order = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A stored row with the pairs of its tag: the table itself, then a joined one."""

    row: Row
    pairs: tuple[Pair, ...]


class KeyTaken(Exception):
    """Another row has this key."""


class Tables:
    """All collections. Every call is safe from any thread; `writing` makes several calls one transaction."""

    def __init__(self, path: Path | None, *, seed: int, schema: Schema | None = None) -> None:
        """Open the database file, or one in memory if `path` is None; missing tables and columns are created. Without a
        `schema` the collections are as they are shipped."""
        self._seed = seed
        self.schema = schema or load_schema()
        stored = [self.schema.entities[name] for name in SERVED if not SERVED[name].view_of]
        self._store = Store([_table(kind) for kind in stored], path)
        install(self._store)
        for kind in stored:
            self._fill(kind)

    def copied(self) -> "Tables":
        """A copy of the same rows in memory."""
        tables = copy(self)
        tables._store = self._store.copied()
        install(tables._store)
        return tables

    def close(self) -> None:
        """Close the database; a file keeps its rows."""
        self._store.close()

    def writing(self) -> AbstractContextManager[None]:
        """One transaction: all calls inside are kept, or none when an error leaves the block."""
        return self._store.transaction()

    def is_empty(self) -> bool:
        """Whether no collection has a row."""
        return not any(self.count(self.schema.entities[name], Condition("1")) for name in SERVED)

    def find(self, of: EntityType, key: Row) -> Record | None:
        """The row with this key."""
        question = (of.set_name, *key, *key.values())
        return self._store.remembered(_stored_in(of), question, lambda: self._first(of, equal(key)))

    def select(
        self, of: EntityType, where: Condition, *, names: tuple[str, ...], order: Order, limit: int, offset: int
    ) -> Iterator[Record]:
        """These properties of the rows that meet a condition, ordered by (property, descending), then by key."""
        words = [f'"{name}" DESC' if descending else f'"{name}"' for name, descending in order]
        words += [f'"{name}"' for name in of.key]
        columns = listed((*_PAIRS, *names))
        sql = f'SELECT {columns} FROM "{_stored_in(of)}" WHERE {where.sql} ORDER BY {", ".join(words)} LIMIT ? OFFSET ?'
        found = self._store.tuples(sql, (*where.parameters, limit, offset))
        return (_record(of, names, row) for row in found)

    def count(self, of: EntityType, where: Condition) -> int:
        """How many rows meet a condition."""
        sql = f'SELECT COUNT(*) FROM "{_stored_in(of)}" WHERE {where.sql}'
        return int(self._store.tuples(sql, where.parameters)[0][0] or 0)

    def insert(self, of: EntityType, row: Row) -> Record:
        """Add a row; a row of a joined table is shared with all that have the same link. Raises KeyTaken."""
        with self._store.joined():
            joined = self._joined_pair(of, row)
            record = self._store.next_value("_record", first=FIRST_RECORD)
            columns: dict[str, Stored] = {**row, "_record": record, "_version": FRESH_VERSION}
            columns |= {"_joined_record": joined.record, "_joined_version": joined.version}
            try:
                self._store.insert(of.set_name, columns)
            except sqlite3.IntegrityError as error:
                raise KeyTaken from error
        return Record(row, _pairs(of, Pair(FRESH_VERSION, record), joined))

    def insert_all(self, of: EntityType, rows: Iterable[Row]) -> None:
        """Add many rows that hold every property and join no table, all or none. Raises KeyTaken.

        It is fastest for rows in the order of their keys.
        """
        names = (*of.properties, *_PAIRS)
        columns = listed(names)
        marks = f"({', '.join('?' * len(names))})"
        remaining = iter(rows)
        with self.writing():
            while several := list(islice(remaining, _ROWS_A_STATEMENT)):
                sql = f'INSERT INTO "{of.set_name}" ({columns}) VALUES {", ".join([marks] * len(several))}'
                values = [value for row in several for value in self._fresh_values(of, row)]
                try:
                    self._store.execute(of.set_name, sql, values)
                except sqlite3.IntegrityError as error:
                    raise KeyTaken from error

    def update(self, of: EntityType, key: Row, own: Row, joined: Row) -> None:
        """Change properties of the row's own table and of its joined table, which every row of the link shows.

        Only a table that is changed gets a new version.
        """
        with self._store.joined():
            if own:
                self._store.update(of.set_name, key, {**own, "_version": self._version()})
            if joined:
                rules = SERVED[of.set_name]
                assert rules.joined is not None
                found = self.find(of, key)
                assert found is not None
                self.update_linked(of, str(found.row[rules.joined.link]), joined)

    def update_linked(self, of: EntityType, link: str, joined: Row) -> None:
        """Change properties of the joined table that all rows with this link show, if there are any."""
        rules = SERVED[of.set_name]
        assert rules.joined is not None
        with self._store.joined():
            self._store.update(of.set_name, {rules.joined.link: link}, {**joined, "_joined_version": self._version()})

    def delete(self, of: EntityType, key: Row) -> int:
        """Remove the rows with these values, by their key the only one; returns how many there were."""
        return self._store.delete(of.set_name, key)

    def next_number(self, sequence: str) -> int:
        """Draw the next number of a sequence, from 1; numbers of a failed transaction are given again."""
        return self._store.next_value(sequence)

    def _fill(self, of: EntityType) -> None:
        """Rows that are older than a field of the organisation's own hold what a new row has."""
        for own in (each for each in of.properties.values() if each.own and each.initial is not None):
            self._store.update(of.set_name, {own.name: None}, {own.name: own.initial})

    def _fresh_values(self, of: EntityType, row: Row) -> Iterator[Stored]:
        yield from (row[name] for name in of.properties)
        yield from (FRESH_VERSION, self._store.next_value("_record", first=FIRST_RECORD), 0, 0)

    def _version(self) -> int:
        # Counted in the database: a restart must not use the same versions again.
        drawn = self._store.next_value("_version")
        return random.Random(f"{self._seed}:{drawn}").randint(FRESH_VERSION + 1, LARGEST_VERSION)

    def _first(self, of: EntityType, where: Condition) -> Record | None:
        return next(self.select(of, where, names=tuple(of.properties), order=(), limit=1, offset=0), None)

    def _joined_pair(self, of: EntityType, row: Row) -> Pair:
        joined = SERVED[of.set_name].joined
        if joined is None or not row[joined.link]:
            return Pair(0, 0)
        shared = self._first(of, equal({joined.link: row[joined.link]}))
        return shared.pairs[1] if shared else Pair(FRESH_VERSION, self._store.next_value("_record", first=FIRST_RECORD))


def _stored_in(of: EntityType) -> str:
    """The table that holds the rows of a collection."""
    return SERVED[of.set_name].view_of or of.set_name


def _table(of: EntityType) -> Table:
    own = dict.fromkeys(_PAIRS, Column.INTEGER)
    hidden = dict.fromkeys(SERVED[of.set_name].hidden, Column.DECIMAL)
    columns = {name: _column(property_.kind) for name, property_ in of.properties.items()}
    return Table(of.set_name, own | hidden | columns, of.key, tuple(_indexes(of)))


def _indexes(of: EntityType) -> Iterator[tuple[str, ...]]:
    """What rows are looked up by, besides their key: what they share, what they belong to, what must be unique."""
    rules = SERVED[of.set_name]
    yield from ((name,) for name in rules.unique)
    if rules.joined is not None:
        yield (rules.joined.link,)
    if rules.owner is not None:
        yield (rules.owner.link,)
    for served in SERVED.values():
        yield from ((dependent.link,) for dependent in served.dependents if dependent.target == of.set_name)


def _column(kind: Kind) -> Column:
    match kind:
        case Kind.INT32 | Kind.INT64:
            return Column.INTEGER
        case Kind.DECIMAL:
            return Column.DECIMAL
        case Kind.STRING:
            return Column.TEXT
    return Column.EXACT_TEXT


def equal(key: Row) -> Condition:
    """The rows with these values."""
    return Condition(" AND ".join(f'"{name}" = ?' for name in key), tuple(key.values()))


def _record(of: EntityType, names: tuple[str, ...], row: tuple[Stored, ...]) -> Record:
    version, record, joined_version, joined_record = (int(part or 0) for part in row[: len(_PAIRS)])
    pairs = _pairs(of, Pair(version, record), Pair(joined_version, joined_record))
    return Record(dict(zip(names, row[len(_PAIRS) :], strict=True)), pairs)


def _pairs(of: EntityType, own: Pair, joined: Pair) -> tuple[Pair, ...]:
    return (own, joined) if SERVED[of.set_name].joined else (own,)
