"""Snapshots: what a pull last queued of a source that has no versions, or apply has decided by since (protocol P3),
packed.

A record is 16 bytes: a digest of its key and a digest of its content. They are in 256 buckets by the first byte of the
key's digest, one row each (`snapshot-000` to `snapshot-255` beside the checkpoint), so that a million records need
some 16 MB of storage, and about as much memory, and a change rewrites one row.
"""

import hashlib
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from shared.errors import RowConflict, StateUnreadable
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Insert, Replace, Row, Stored, Table, escape, split_into_transactions
from shared.telemetry import tell_damage

BUCKETS = 256
DIGEST_BYTES = 8
UNKNOWN = bytes(DIGEST_BYTES)
"""Replaces an unknown content: whatever a walk reads differs from it."""
CLOSED = b"\xff" * DIGEST_BYTES
"""Replaces the content of a closed record, which only a walk over everything meets: the snapshot forgets the record at
the end of that walk."""
_PREFIX = "snapshot-"
_KEY = re.compile(f"{_PREFIX}([0-9]{{3}})")
_PART = re.compile(r"p[0-9]{2}")
_ITEM_BYTES = 8
_CLOSED = int.from_bytes(CLOSED)
_CELL_BYTES = 64_000
# The first byte of a key's digest is the number of its bucket.
_BUCKET_SHIFT = 56
_ROWS_AT_ONCE = 64


class Sight(Enum):
    """How a walk finds a record."""

    NEW = auto()
    CHANGED = auto()
    SAME = auto()


def digest(text: str) -> bytes:
    """A digest of 8 bytes: of a million texts two are equal once in some ten million snapshots."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _empty() -> "array[int]":
    return array("Q")


@dataclass(slots=True)
class _Bucket:
    """The records of one bucket by ascending key digest; those that this walk has met for the first time are
    separate."""

    number: int
    keys: "array[int]" = field(default_factory=_empty)
    contents: "array[int]" = field(default_factory=_empty)
    seen: bytearray = field(default_factory=bytearray)
    new_keys: "array[int]" = field(default_factory=_empty)
    new_contents: "array[int]" = field(default_factory=_empty)
    changed: bool = False
    etag: str | None = None

    def note(self, key: int, content: int) -> Sight:
        at = self._find(key)
        if at is None:
            self.new_keys.append(key)
            self.new_contents.append(content)
            self.changed = True
            return Sight.NEW
        self.seen[at] = 1
        if self.contents[at] == content:
            return Sight.SAME
        self.contents[at] = content
        self.changed = True
        return Sight.CHANGED

    def correct(self, key: int, content: int | None) -> int:
        at = bisect_left(self.keys, key)
        is_known = at < len(self.keys) and self.keys[at] == key
        if is_known and content is not None:
            self.changed = self.changed or self.contents[at] != content
            self.contents[at] = content
            return 0
        if not is_known and content is None:
            return 0
        self.changed = True
        if content is None:
            del self.keys[at], self.contents[at], self.seen[at]
            return -1
        self.keys.insert(at, key)
        self.contents.insert(at, content)
        self.seen.insert(at, 0)
        return 1

    def saw(self, key: int) -> bool:
        at = self._find(key)
        return key in self.new_keys if at is None else bool(self.seen[at])

    def missed(self, key: int) -> bool:
        at = self._find(key)
        return at is not None and not self.seen[at]

    def _find(self, key: int) -> int | None:
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else None

    def keep(self, *, finished: bool) -> None:
        """Merge new records; a finished walk drops what it has not met, and what is closed."""

        def stays(content: int, seen: int) -> bool:
            return not finished or bool(seen and content != _CLOSED)

        kept = [at for at in range(len(self.keys)) if stays(self.contents[at], self.seen[at])]
        if len(kept) == len(self.keys) and not self.new_keys:
            return
        self.changed = self.changed or len(kept) < len(self.keys)
        found = [(self.keys[at], self.contents[at], self.seen[at]) for at in kept]
        new = zip(self.new_keys, self.new_contents, strict=True)
        found += [(key, content, 1) for key, content in new if stays(content, 1)]
        # A walk may meet a record twice if the pages move: the later content counts.
        records = {key: (content, seen) for key, content, seen in found}
        self.keys = array("Q", sorted(records))
        self.contents = array("Q", (records[key][0] for key in self.keys))
        self.seen = bytearray(records[key][1] for key in self.keys)
        self.new_keys, self.new_contents = _empty(), _empty()

    def to_row(self, partition: str, walk: str | None) -> Row:
        packed = _interleaved(self.keys, self.contents)
        parts: dict[str, Cell] = {
            f"p{at // _CELL_BYTES:02d}": packed[at : at + _CELL_BYTES] for at in range(0, len(packed), _CELL_BYTES)
        }
        # Without the count an empty bucket and one that has lost its records would look alike.
        cells = parts | {"records": len(self.keys)}
        if walk is not None:
            cells |= {"walk": walk, "seen": _bits(self.seen)}
        return Row(partition, f"{_PREFIX}{self.number:03d}", cells)


class Snapshot:
    """The snapshot of one flow, as used by one walk."""

    def __init__(self, table: Table, flow: str, walk: str) -> None:
        """Load it. What an unfinished part of this very walk has met counts as met. An unreadable bucket is logged as
        an event and counts as empty: its records are new for this walk, which queues them again."""
        self._table = table
        self._partition = escape(flow)
        self._walk = walk
        self._buckets: dict[int, _Bucket] = {}
        self.is_damaged = False
        """Whether a bucket could not be read, so that not every record of the last walk is known."""
        for stored in self._rows():
            bucket: _Bucket | None
            try:
                bucket = read_bucket(stored, walk)
            except StateUnreadable as unreadable:
                tell_damage(unreadable.damage, flow=flow)
                bucket, self.is_damaged = _empty_bucket(stored), True
            if bucket is not None:
                self._buckets[bucket.number] = bucket
        self.known = sum(len(bucket.keys) for bucket in self._buckets.values())

    def _bucket(self, number: int) -> _Bucket:
        if number not in self._buckets:
            self._buckets[number] = _Bucket(number)
        return self._buckets[number]

    def _rows(self) -> Iterator[Stored]:
        start = _PREFIX
        while True:
            rows = self._table.scan(self._partition, start=start, end=f"{_PREFIX}~", limit=_ROWS_AT_ONCE)
            yield from rows
            if len(rows) < _ROWS_AT_ONCE:
                return
            start = rows[-1].row.key + " "

    def correct(self, id: str, content: bytes | None) -> None:
        """Before the walk continues: the content that a record's decision is based on, None if it did not exist. A
        record that was queued but is unknown, because its walk was never saved, is known from now on."""
        key = digest(id)
        number = None if content is None else int.from_bytes(content)
        self.known += self._bucket(key[0]).correct(int.from_bytes(key), number)

    def note(self, id: str, content: bytes) -> Sight:
        """Note that the walk has met a record."""
        key = digest(id)
        return self._bucket(key[0]).note(int.from_bytes(key), int.from_bytes(content))

    def saw(self, id: str) -> bool:
        """Whether this walk has met the record."""
        key = digest(id)
        return self._bucket(key[0]).saw(int.from_bytes(key))

    def missed(self, id: str) -> bool:
        """Whether the record is known, and this walk has not met it."""
        key = digest(id)
        return self._bucket(key[0]).missed(int.from_bytes(key))

    @property
    def unseen(self) -> int:
        """How many known records this walk has not met."""
        return sum(bucket.seen.count(0) for bucket in self._buckets.values())

    def save(self, *, finished: bool) -> bool:
        """Write what has changed; False if another pull was faster. A finished walk drops what it has not met, and what
        is closed; an unfinished one keeps what it has met."""
        buckets = [self._buckets[number] for number in sorted(self._buckets)]
        for bucket in buckets:
            bucket.keep(finished=finished)
        due = [b for b in buckets if b.changed or (not finished and any(b.seen))]
        operations = [self._operation(bucket, None if finished else self._walk) for bucket in due]
        by_key = {operation.row.key: bucket for operation, bucket in zip(operations, due, strict=True)}
        for transaction in split_into_transactions([[operation] for operation in operations]):
            flat = [operation for group in transaction for operation in group]
            try:
                etags = self._table.transact(flat)
            except RowConflict:
                return False
            for operation, etag in zip(flat, etags, strict=True):
                bucket = by_key[operation.row.key]
                bucket.etag, bucket.changed = etag, False
        return True

    def _operation(self, bucket: _Bucket, walk: str | None) -> Insert | Replace:
        row = bucket.to_row(self._partition, walk)
        return Replace(row, bucket.etag) if bucket.etag else Insert(row)


def _empty_bucket(stored: Stored) -> _Bucket | None:
    """What replaces an unreadable row; None for a row that is not a bucket."""
    number = _number(stored.row)
    return None if number is None else _Bucket(number, etag=stored.etag, changed=True)


def _number(row: Row) -> int | None:
    found = _KEY.fullmatch(row.key)
    return int(found[1]) if found and int(found[1]) < BUCKETS else None


def read_bucket(stored: Stored, walk: str) -> _Bucket:
    """A bucket from its stored row. Raises StateUnreadable."""
    row = stored.row
    cells = Cells("checkpoints", row, f"nothing: the next walk rewrites it; or {drop('checkpoints', row)}")
    number = _number(row)
    if number is None:
        raise cells.unreadable("RowKey", "is not that of a bucket")
    parts = sorted(name for name in row.cells if _PART.fullmatch(name))
    if parts != [f"p{at:02d}" for at in range(len(parts))]:
        raise cells.unreadable("p00", "and what follows it are not complete")
    packed = b"".join(cells.packed(name) for name in parts)
    if len(packed) != 2 * _ITEM_BYTES * cells.number("records"):
        raise cells.unreadable("p00", "and what follows it are not of as many records")
    items = array("Q", packed)
    keys, contents = items[0::2], items[1::2]
    if any(key >> _BUCKET_SHIFT != number for key in keys) or any(
        keys[at] >= keys[at + 1] for at in range(len(keys) - 1)
    ):
        raise cells.unreadable("p00", "and what follows it hold records of another bucket, or in another order")
    seen = bytearray(len(keys))
    if cells.maybe_text("walk") == walk:
        bits = cells.packed("seen")
        if int.from_bytes(bits).bit_length() != len(keys) + 1:
            raise cells.unreadable("seen", "is not of as many records")
        seen = _unpacked(bits, len(keys))
    return _Bucket(number, keys, contents, seen, etag=stored.etag)


def _interleaved(keys: "array[int]", contents: "array[int]") -> bytes:
    items = array("Q", bytes(2 * _ITEM_BYTES * len(keys)))
    items[0::2], items[1::2] = keys, contents
    return items.tobytes()


def _bits(flags: bytearray) -> bytes:
    number = int("1" + "".join("1" if flag else "0" for flag in flags), 2)
    return number.to_bytes(len(flags) // 8 + 1)


def _unpacked(bits: bytes, count: int) -> bytearray:
    return bytearray(int(flag) for flag in f"{int.from_bytes(bits):b}"[1 : count + 1])
