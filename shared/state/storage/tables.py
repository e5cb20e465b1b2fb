"""Rows of Table Storage and the narrow interface through which all of them are read and written.

Everything that the sync stores goes through `Table`, so that a test can count, crash and reorder each step.
Limits: learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from shared.errors import RowConflict, RowTooLarge
from shared.visible import has_half_pair, whole_characters


@dataclass(frozen=True, slots=True)
class Foreign:
    """A cell of a type that this app never writes."""

    type: str


Cell = str | int | bool | datetime | bytes | Foreign
MAX_TEXT_BYTES = 64 * 1024
MAX_ROW_BYTES = 1024 * 1024
MAX_TRANSACTION_ROWS = 100
MAX_TRANSACTION_BYTES = 4 * 1024 * 1024
MAX_KEY_CHARACTERS = 512
# After every row key: no letter comes later in the order of the service.
LAST_KEY = "\uffff"
_ROW_OVERHEAD_BYTES = 256
_PART_OVERHEAD_BYTES = 4096
_CELL_OVERHEAD_BYTES = 128
_LAST_CHARACTER = 0x10FFFF
# A worker names the rows of its records again and again.
_KEYS_KEPT = 4096
_ESCAPED = re.compile("=([0-9A-F]{6})")
_Item = TypeVar("_Item")
_FORBIDDEN = re.compile(r"[/\\#?%=\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One entity: both keys and its properties. A property without a value is absent."""

    partition: str
    key: str
    cells: Mapping[str, Cell]
    known: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was read of it already (see once_per_row), and its size."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as read: its version, and its age by the storage service's own clock at the time of reading."""

    row: Row
    etag: str
    age_s: float


@dataclass(frozen=True, slots=True)
class Insert:
    """Write a row that does not exist yet."""

    row: Row


@dataclass(frozen=True, slots=True)
class Replace:
    """Overwrite exactly the version that was read."""

    row: Row
    etag: str


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row whether or not it exists."""

    row: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row; `etag` None removes any version."""

    row: Row
    etag: str | None = None


Operation = Insert | Replace | Put | Delete


class Table(Protocol):
    """One table. Every call may raise StorageTrouble."""

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions: for a small table."""

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, which share one partition, or none; returns the new etags in order.

        Raises RowConflict with the index of the operation that met another version.
        """

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Apply each transaction by itself, in any order or some of them at once; for each the conflict that it met,
        None if it was applied. For transactions that may be seen in any order.

        No transaction is under way any more when this returns or raises. If one fails, any of the others may have been
        applied.
        """


@lru_cache(maxsize=_KEYS_KEPT)
def escape(text: str) -> str:
    """A partition or row key for any text: characters that Table Storage forbids become `=` and six hex digits."""
    return _FORBIDDEN.sub(lambda found: f"={ord(found[0]):06X}", text)


def unescape(key: str) -> str:
    """The text that `escape` turned into a key; other texts stay as they are."""
    if "=" not in key:
        return key
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if int(found[1], 16) <= _LAST_CHARACTER else found[0], key)


def key_order(key: str) -> bytes:
    """Sorts keys as the service does: by UTF-16, and not by characters."""
    return key.encode("utf-16-be", "surrogatepass")


def is_key(text: str) -> bool:
    """Whether a text can be a key, or a place between two keys."""
    return escape(unescape(text)) == text


def storable(row: Row) -> Row:
    """The row with texts that storage can hold: half of a surrogate pair becomes its number."""
    if not any(isinstance(cell, str) and has_half_pair(cell) for cell in row.cells.values()):
        return row
    whole = {name: whole_characters(cell) if isinstance(cell, str) else cell for name, cell in row.cells.items()}
    return replace(row, cells=whole)


def check_size(row: Row) -> int:
    """The size of a row in bytes as Table Storage counts it, counted once for a row, which several steps ask for.

    Raises RowTooLarge, naming the property: the emulator accepts what the service refuses, so we check it.
    """
    size = row.known.get(check_size)
    if size is None:
        size = row.known[check_size] = _counted_size(row)
    return int(size)


def _counted_size(row: Row) -> int:
    if max(len(row.partition), len(row.key)) > MAX_KEY_CHARACTERS:
        raise RowTooLarge(f"row key of {max(len(row.partition), len(row.key))} characters; {MAX_KEY_CHARACTERS} fit")
    total = _ROW_OVERHEAD_BYTES + 2 * (len(row.partition) + len(row.key))
    for name, cell in row.cells.items():
        # Nearly every cell is such a text; the check of a row is what storage in memory spends most of its time with.
        size = 2 * len(cell) if isinstance(cell, str) and cell.isascii() else _cell_bytes(cell)
        if size > MAX_TEXT_BYTES:
            raise RowTooLarge(f"{name} has {size} bytes; {MAX_TEXT_BYTES} fit into one property")
        total += size + 2 * len(name) + 8
    if total > MAX_ROW_BYTES:
        raise RowTooLarge(f"the row has {total} bytes; {MAX_ROW_BYTES} fit")
    return total


def _cell_bytes(cell: Cell) -> int:
    match cell:
        case str():
            return len(cell.encode("utf-16-le", "surrogatepass"))
        case bytes():
            return len(cell)
    return 8


def _fits_a_hundred_times(row: Row, size: int) -> bool:
    """Whether a hundred such rows of `size` bytes fit into a transaction in any case: JSON escapes two bytes of a text
    with six at most. Nearly every row does, so it need not be measured as it is sent."""
    most_bytes = 3 * size + _CELL_OVERHEAD_BYTES * len(row.cells) + _PART_OVERHEAD_BYTES
    return most_bytes * MAX_TRANSACTION_ROWS <= MAX_TRANSACTION_BYTES


def _wire_bytes(row: Row) -> int:
    """The most bytes that a row takes in a request, which is what the limit of a transaction counts: JSON with escaped
    letters and bytes as base64, plus the headers of its part."""
    return _PART_OVERHEAD_BYTES + sum(len(name) * 2 + _wire_cell_bytes(cell) for name, cell in row.cells.items())


def _wire_cell_bytes(cell: Cell) -> int:
    match cell:
        case str():
            if cell.isascii() and cell.isprintable():
                return len(cell) + cell.count('"') + cell.count("\\") + 66
            return len(json.dumps(cell)) + 64
        case bytes():
            return len(cell) * 4 // 3 + 64
    return _CELL_OVERHEAD_BYTES


def split_into_transactions(groups: Sequence[Sequence[Operation]]) -> list[list[Sequence[Operation]]]:
    """Pack groups, each of which must stay in one transaction, into as few transactions as the limits allow.

    Raises RowTooLarge if a single row or a single group does not fit.
    """
    packed: list[list[Sequence[Operation]]] = []
    rows = size = 0
    sized = [(operation.row, check_size(operation.row)) for group in groups for operation in group]
    only_rows_count = all(_fits_a_hundred_times(row, row_size) for row, row_size in sized)
    for group in groups:
        group_size = 0 if only_rows_count else sum(_wire_bytes(operation.row) for operation in group)
        if len(group) > MAX_TRANSACTION_ROWS or group_size > MAX_TRANSACTION_BYTES:
            raise RowTooLarge(f"{len(group)} rows of {group_size} bytes do not fit into one transaction")
        if not packed or rows + len(group) > MAX_TRANSACTION_ROWS or size + group_size > MAX_TRANSACTION_BYTES:
            packed.append([])
            rows = size = 0
        packed[-1].append(group)
        rows += len(group)
        size += group_size
    return packed


def by_transaction(items: Sequence[_Item]) -> list[Sequence[_Item]]:
    """The items in parts, each of as many as there may be rows in a transaction."""
    return [items[at : at + MAX_TRANSACTION_ROWS] for at in range(0, len(items), MAX_TRANSACTION_ROWS)]


def conflict_of(table: Table, operations: Sequence[Operation]) -> RowConflict | None:
    """Apply a transaction; the conflict that it met, None if it was applied. Raises StorageTrouble."""
    try:
        table.transact(operations)
    except RowConflict as conflict:
        return conflict
    return None


def remove_as_read(table: Table, stored: Stored) -> bool:
    """Remove a row unless it has changed since it was read; False if it has. A row that is gone by now is removed: the
    client of the storage repeats a request whose answer got lost, and meets its own first success (protocol A10).
    Raises StorageTrouble."""
    row = stored.row
    try:
        table.transact([Delete(row, stored.etag)])
    except RowConflict:
        return row.key not in table.read(row.partition, [row.key])
    return True


def remove(table: Table, rows: Sequence[Row]) -> int:
    """Remove rows of one partition, whatever they hold by now; missing rows are skipped. How many were removed. Raises
    StorageTrouble."""
    return apply_where_possible(table, [Delete(row) for row in rows])


def apply_where_possible(table: Table, operations: Sequence[Operation]) -> int:
    """Apply the operations of one partition, except those that meet another version than they expect; how many. Raises
    StorageTrouble."""
    applied = 0
    pending = by_transaction(operations)
    while pending:
        again: list[Sequence[Operation]] = []
        for part, conflict in zip(pending, table.transact_each(pending), strict=True):
            if conflict is None:
                applied += len(part)
            elif len(part) > 1:
                again.append([*part[: conflict.index], *part[conflict.index + 1 :]])
        pending = again
    return applied
