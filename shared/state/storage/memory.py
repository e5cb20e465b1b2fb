"""In-memory doubles of tables and queues with the rules of the real ones, for tests that crash and reorder.

`step` is called before and after each operation takes effect: a test raises there to play a crash.
"""

import itertools
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import RowConflict
from shared.state.storage.queues import Head, Message
from shared.state.storage.tables import (
    MAX_TRANSACTION_ROWS,
    Delete,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
    Stored,
    check_size,
    conflict_of,
    key_order,
    storable,
)


class Seconds(Protocol):
    """A clock that gives seconds, and the time of day."""

    def now(self) -> datetime:
        """The wall clock in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow."""


def _no_step(_name: str) -> None:
    return None


@dataclass
class MemoryTable:
    """A table: optimistic concurrency, atomic transactions within one partition, ages by the given clock."""

    clock: Seconds
    name: str = "table"
    step: Callable[[str], None] = _no_step
    _rows: dict[tuple[str, str], tuple[Row, str, float]] = field(default_factory=dict)
    _version: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # The keys of each partition in their order.
    _in_order: dict[str, list[tuple[bytes, str]]] = field(default_factory=dict)

    def __deepcopy__(self, memo: dict[int, object]) -> "MemoryTable":
        """An independent table with the same rows, which are never changed in place."""
        clock, step = deepcopy((self.clock, self.step), memo)
        with self._lock:
            places = {partition: list(keys) for partition, keys in self._in_order.items()}
            return MemoryTable(clock, self.name, step, dict(self._rows), self._version, _in_order=places)

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""
        self.step(f"{self.name}.read")
        with self._lock:
            now = self.clock.monotonic()
            return {key: self._stored(partition, key, now) for key in keys if (partition, key) in self._rows}

    def scan(self, partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        """At most `limit` rows with start <= key < end, in key order."""
        self.step(f"{self.name}.scan")
        with self._lock:
            places = self._in_order.get(partition, [])
            first, last = (bisect_left(places, (key_order(key), "")) for key in (start, end))
            now = self.clock.monotonic()
            return [self._stored(partition, key, now) for _, key in places[first : min(last, first + limit)]]

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        self.step(f"{self.name}.whole")
        with self._lock:
            now = self.clock.monotonic()
            return [self._stored(partition, key, now) for partition, key in sorted(self._rows)[:limit]]

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, or none; returns the new etags in order. Raises RowConflict."""
        self.step(f"{self.name}.transact")
        with self._lock:
            self._check(operations)
            etags = [self._apply(operation) for operation in operations]
        self.step(f"{self.name}.transact done")
        return etags

    def transact_each(self, transactions: Sequence[Sequence[Operation]]) -> Sequence[RowConflict | None]:
        """Apply each transaction by itself, one after the other: a test must be able to repeat what it has seen."""
        return [conflict_of(self, operations) for operations in transactions]

    def content(self) -> dict[tuple[str, str], Row]:
        """Every row by partition and key."""
        with self._lock:
            return {place: row for place, (row, _, _) in self._rows.items()}

    def _stored(self, partition: str, key: str, now: float) -> Stored:
        row, etag, written = self._rows[partition, key]
        return Stored(row, etag, now - written)

    def _check(self, operations: Sequence[Operation]) -> None:
        if not 0 < len(operations) <= MAX_TRANSACTION_ROWS or len({o.row.partition for o in operations}) != 1:
            raise ValueError("a transaction has 1 to 100 operations on one partition")
        if len({operation.row.key for operation in operations}) != len(operations):
            raise ValueError("a transaction names a row once")
        for index, operation in enumerate(operations):
            check_size(operation.row)
            held = self._rows.get((operation.row.partition, operation.row.key))
            if not _allowed(operation, held[1] if held else None):
                raise RowConflict(index)

    def _apply(self, operation: Operation) -> str:
        address = operation.row.partition, operation.row.key
        if isinstance(operation, Delete):
            self._drop(*address)
            return ""
        if address not in self._rows:
            insort(self._in_order.setdefault(operation.row.partition, []), _place(operation.row.key))
        etag, self._version = f"W/{self._version}", self._version + 1
        self._rows[address] = storable(operation.row), etag, self.clock.monotonic()
        return etag

    def _drop(self, partition: str, key: str) -> None:
        places = self._in_order[partition]
        del self._rows[partition, key], places[bisect_left(places, _place(key))]


def _place(key: str) -> tuple[bytes, str]:
    return key_order(key), key


def _allowed(operation: Operation, etag: str | None) -> bool:
    match operation:
        case Insert():
            return etag is None
        case Put():
            return True
        case Replace(etag=expected):
            return etag == expected
        case Delete(etag=expected):
            return etag is not None and expected in (None, etag)


@dataclass
class MemoryQueues:
    """Queues of text messages with visibility times by the given clock."""

    clock: Seconds
    step: Callable[[str], None] = _no_step
    _queues: dict[str, dict[str, tuple[str, float]]] = field(default_factory=dict)
    _put_at: dict[str, float] = field(default_factory=dict)
    _expires: dict[str, float] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def __deepcopy__(self, memo: dict[int, object]) -> "MemoryQueues":
        """Independent queues with the same messages."""
        clock, step = deepcopy((self.clock, self.step), memo)
        queues = {name: dict(messages) for name, messages in self._queues.items()}
        return MemoryQueues(
            clock, step, queues, dict(self._put_at), dict(self._expires), itertools.count(next(self._ids))
        )

    def send(self, queue: str, body: str, *, delay_s: float = 0) -> None:
        """Put a message, visible after `delay_s` seconds."""
        self.step(f"send {queue}")
        body.encode()  # Half of a surrogate pair cannot be sent.
        id, now = str(next(self._ids)), self.clock.monotonic()
        self._queues.setdefault(queue, {})[id] = body, now + delay_s
        self._put_at[id] = now
        self.step(f"send {queue} done")

    def copy(self, queue: str, body: str, *, lives_s: float) -> None:
        """The host puts its own copy of a message, which expires."""
        id, now = str(next(self._ids)), self.clock.monotonic()
        self._queues.setdefault(queue, {})[id] = body, now
        self._put_at[id], self._expires[id] = now, now + lives_s

    def receive(self, queue: str, *, limit: int, invisible_s: float) -> Sequence[Message]:
        """Take up to `limit` messages; they reappear after `invisible_s` unless deleted."""
        self.step(f"receive {queue}")
        now, there = self.clock.monotonic(), self._there(queue)
        visible = [(id, body) for id, (body, at) in there.items() if at <= now][:limit]
        found = [Message(id, body, expires_at=self._expires_at(id)) for id, body in visible]
        for message in found:
            self._queues[queue][message.id] = message.body, now + invisible_s
        return found

    def delete(self, queue: str, message: Message) -> None:
        """Remove a received message; it is not an error if it is gone."""
        self.step(f"delete {queue}")
        self._queues.get(queue, {}).pop(message.id, None)

    def depth(self, queue: str) -> int:
        """About how many messages are in the queue, invisible ones included."""
        return len(self._there(queue))

    def head(self, queue: str) -> Head | None:
        """The message that is next to be received; None if none is visible."""
        now = self.clock.monotonic()
        visible = [id for id, (_, at) in self._there(queue).items() if at <= now]
        return Head(self._moment(self._put_at[visible[0]]), self._expires_at(visible[0])) if visible else None

    def bodies(self, queue: str) -> list[str]:
        """The messages in a queue, visible or not: for assertions."""
        return [body for body, _ in self.delayed(queue)]

    def delayed(self, queue: str) -> list[tuple[str, float]]:
        """The messages in a queue, each with the seconds until it is visible: for assertions."""
        now = self.clock.monotonic()
        return [(body, at - now) for body, at in self._queues.get(queue, {}).values()]

    def lose(self, queue: str) -> None:
        """Every message of a queue is lost."""
        self._queues.pop(queue, None)

    def _there(self, queue: str) -> dict[str, tuple[str, float]]:
        """The messages of a queue that have not expired."""
        now, messages = self.clock.monotonic(), self._queues.get(queue, {})
        for id in [id for id in messages if self._expires.get(id, now) < now]:
            del messages[id]
        return messages

    def _expires_at(self, id: str) -> datetime | None:
        return self._moment(self._expires[id]) if id in self._expires else None

    def _moment(self, at: float) -> datetime:
        return self.clock.now() + timedelta(seconds=at - self.clock.monotonic())
