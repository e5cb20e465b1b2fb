"""Rows in SQLite: one typed table per entity, exact decimals, text compared as SQL Server does."""

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from local import space
from local.simulator.remembered import Found, Key, Remembered

# What is prepared once: each table is read and written in a few shapes.
_STATEMENTS = 512

Value = str | int | None
Row = dict[str, Value]


class Column(StrEnum):
    """How a column is stored. The declaration carries the collation, so comparisons and ORDER BY follow it."""

    TEXT = "TEXT COLLATE padded"
    """Any text; compared as SQL Server does, without regard to case and to blanks at its end."""
    EXACT_TEXT = "TEXT COLLATE BINARY"
    """GUIDs in small letters, moments as 2026-01-31T13:05:00Z, dates as 2026-01-31."""
    DECIMAL = "TEXT COLLATE decimal"
    """A plain decimal number as text; compared as a number."""
    INTEGER = "INTEGER"
    """Whole numbers, and 0 or 1 for booleans."""


@dataclass(frozen=True, slots=True)
class Table:
    """One entity: its columns, the columns of its primary key, and further indexes (each a tuple of columns)."""

    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()


class _Connection(sqlite3.Connection):
    """Names the folder whose disk is full."""

    folder = Path(tempfile.gettempdir())

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Run a statement. Raises NoSpaceLeft."""
        # Without a context manager: most of what a simulator does is statements.
        try:
            return super().execute(sql, parameters)
        except space.FAILURES as error:
            if space.is_full(error, self.folder):
                raise space.NoSpaceLeft(self.folder) from error
            raise


class Store:
    """The rows of one simulator, in a file or in memory. One statement at a time, from any thread."""

    def __init__(self, tables: Iterable[Table], file: Path | None = None) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._remembered = Remembered()
        self.file = file
        self._connection = sqlite3.connect(
            file or ":memory:",
            isolation_level=None,
            check_same_thread=False,
            factory=_Connection,
            cached_statements=_STATEMENTS,
        )
        _register(self._connection)
        if file is not None:
            self._connection.folder = file.absolute().parent
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS _counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
        for table in tables:
            self.define(table)

    def define(self, table: Table) -> None:
        """Make the table, or add the columns and indexes that a file of an earlier version lacks."""
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in table.columns.items())
        key = ", ".join(map(quoted, table.primary_key))
        with self.transaction():
            self._connection.execute(
                f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID"
            )
            present = {str(row["name"]) for row in self.select(f"PRAGMA table_info({quoted(table.name)})")}
            for name, kind in table.columns.items():
                if name not in present:
                    self._connection.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(name)} {kind}")
            for index in table.indexes:
                self._define_index(table.name, index)
            self._remembered.written(table.name)

    def copied(self) -> "Store":
        """A store in memory with the same rows, without the functions that were added."""
        copy = Store(())
        with self._lock:
            self._connection.backup(copy._connection)
        return copy

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Part of the transaction that has begun, which an error must end, or else one of its own."""
        with self._lock:
            if self._depth:
                yield
                return
            with self.transaction():
                yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; transactions nest, an inner one that fails undoes its own part only."""
        with self._lock:
            point = f"level_{self._depth}" if self._depth else None
            self._connection.execute("BEGIN" if point is None else f"SAVEPOINT {point}")
            self._depth += 1
            try:
                yield
                # It may fail, too: a disk is often found to be full only now.
                self._connection.execute("COMMIT" if point is None else f"RELEASE {point}")
            except BaseException:
                self._remembered.undone()
                self._undo(point)
                raise
            finally:
                self._depth -= 1

    def select(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """All rows of a query, each as a dictionary by column name."""
        with self._lock:
            cursor = self._connection.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def tuples(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """All rows of a query as tuples: for large pages."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def remembered(self, table: str, question: Key, read: Callable[[], Found]) -> Found:
        """What `read` finds in one table, without a look at it if it was asked and the table was not written since.
        The caller does not change it."""
        with self._lock:
            return self._remembered.answer(table, question, read)

    def get(self, table: str, key: Mapping[str, Value]) -> Row | None:
        """The row with these key values, None if there is none."""
        row = self.remembered(table, (*key, *key.values()), lambda: self._get(table, key))
        return None if row is None else row.copy()

    def _get(self, table: str, key: Mapping[str, Value]) -> Row | None:
        rows = self.select(f"SELECT * FROM {quoted(table)} WHERE {_equal(key)}", tuple(key.values()))
        return rows[0] if rows else None

    def insert(self, table: str, row: Mapping[str, Value]) -> None:
        """Add a row. Raises sqlite3.IntegrityError if the primary key is taken."""
        marks = ", ".join("?" * len(row))
        sql = f"INSERT INTO {quoted(table)} ({listed(tuple(row))}) VALUES ({marks})"
        self.execute(table, sql, tuple(row.values()))

    def update(self, table: str, key: Mapping[str, Value], changes: Mapping[str, Value]) -> int:
        """Change the rows with these key values; returns how many there were."""
        if not changes:
            return 0
        sets = ", ".join(f"{quoted(name)} = ?" for name in changes)
        sql = f"UPDATE {quoted(table)} SET {sets} WHERE {_equal(key)}"
        return self.execute(table, sql, (*changes.values(), *key.values()))

    def delete(self, table: str, key: Mapping[str, Value]) -> int:
        """Remove the rows with these key values; returns how many there were."""
        return self.execute(table, f"DELETE FROM {quoted(table)} WHERE {_equal(key)}", tuple(key.values()))

    def execute(self, table: str, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run a statement that writes this table; returns the number of rows that it touched."""
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).rowcount
            finally:
                self._remembered.written(table)

    def next_value(self, counter: str, *, first: int = 1) -> int:
        """The next number of a named sequence, kept with the rows."""
        sql = (
            "INSERT INTO _counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + 1 "  # upsert
            "RETURNING value"
        )
        with self._lock:
            return int(self._connection.execute(sql, (counter, first)).fetchone()[0])

    def counter(self, counter: str) -> int:
        """The last number of a named sequence, 0 if none was taken."""
        rows = self.tuples("SELECT value FROM _counters WHERE name = ?", (counter,))
        return int(rows[0][0] or 0) if rows else 0

    def add_function(self, name: str, arity: int, function: Callable[..., Value]) -> None:
        """Let SQL call a pure function of a simulator's own."""
        with self._lock:
            self._connection.create_function(name, arity, function, deterministic=True)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _define_index(self, table: str, columns: tuple[str, ...]) -> None:
        name = quoted(f"{table}_by_{'_'.join(columns)}")
        listed = ", ".join(map(quoted, columns))
        self._connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {quoted(table)} ({listed})")

    def _undo(self, point: str | None) -> None:
        if not self._connection.in_transaction:
            # A full disk has ended it already.
            return
        if point is None:
            self._connection.execute("ROLLBACK")
            return
        self._connection.execute(f"ROLLBACK TO {point}")
        self._connection.execute(f"RELEASE {point}")


@lru_cache(maxsize=16_384)
def quoted(name: str) -> str:
    """A table or column name as SQL takes it. Names come from the schemas, never from a request."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=1024)
def listed(names: tuple[str, ...]) -> str:
    """Columns as SQL lists them: some have hundreds."""
    return ", ".join(map(quoted, names))


def caseless(text: str) -> str:
    """The form in which parts of texts are compared."""
    return text.casefold()


def padded(text: str) -> str:
    """The form in which whole texts are compared: without case, and without blanks (U+0020) at the end."""
    return caseless(text.rstrip(" "))


def _equal(key: Mapping[str, Value]) -> str:
    return " AND ".join(f"{quoted(name)} IS ?" for name in key)


def _register(connection: sqlite3.Connection) -> None:
    connection.create_collation("padded", _compare_padded)
    connection.create_collation("decimal", _compare_decimals)
    connection.create_function("text_contains", 2, _contains, deterministic=True)
    connection.create_function("text_starts", 2, _starts, deterministic=True)
    connection.create_function("text_ends", 2, _ends, deterministic=True)


def _compare_padded(left: str, right: str) -> int:
    if left == right:
        return 0
    first, second = padded(left), padded(right)
    return (first > second) - (first < second)


def _compare_decimals(left: str, right: str) -> int:
    first, second = _decimal(left), _decimal(right)
    return (first > second) - (first < second)


@lru_cache(maxsize=65_536)
def _decimal(text: str) -> Decimal:
    return Decimal(text)


def _contains(text: str | None, part: str | None) -> bool | None:
    return None if text is None or part is None else caseless(part) in caseless(text)


def _starts(text: str | None, part: str | None) -> bool | None:
    return None if text is None or part is None else caseless(text).startswith(caseless(part))


def _ends(text: str | None, part: str | None) -> bool | None:
    return None if text is None or part is None else caseless(text).endswith(caseless(part))
