"""How many keys one filter may name.

Services on Microsoft's OData stack may refuse a filter of more than 100 nodes, which 20 comparisons exceed; no
documentation says which of them do. So a read asks for many keys at once, is split in halves if the answer says that
this was too much, and the size that passed is stored for the system.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from shared.clients.http.responses import FilterTooLong
from shared.clock import Clock

_ASK_AGAIN_AFTER_S = 300.0

T = TypeVar("T")


class SizeMemory(Protocol):
    """What is known about a system's filters, for all instances of the app. It raises nothing: at worst it forgets."""

    def known(self) -> int | None:
        """How many keys a filter may name; None if no limit is known."""

    def remember(self, size: int) -> None:
        """Note that so many keys passed, and more did not."""


class NoMemory:
    """Knows nothing and forgets everything; satisfies SizeMemory."""

    def known(self) -> int | None:
        """Nothing is known."""
        return None

    def remember(self, size: int) -> None:
        """Forget it."""


class FilterSize:
    """Reads by key of one system, `most` keys at a time as long as the system accepts them. Safe for use by many
    threads."""

    def __init__(self, most: int, memory: SizeMemory, clock: Clock) -> None:
        self.most = most
        self._memory = memory
        self._clock = clock
        self._lock = threading.Lock()
        self._size = most
        self._asked_at: float | None = None

    def at_once(self) -> int:
        """How many keys a filter should name. The results of other instances are read every few minutes."""
        with self._lock:
            now = self._clock.monotonic()
            if self._asked_at is None or now - self._asked_at >= _ASK_AGAIN_AFTER_S:
                self._asked_at = now
                self._size = min(self._memory.known() or self.most, self.most)
            return self._size

    def read(self, keys: Sequence[str], read: Callable[[Sequence[str]], T]) -> list[T]:
        """What `read` answers: once for all keys, or for parts of them if the system refuses such a long filter.

        Raises what `read` raises, and FilterTooLong only if a single key is too much.
        """
        found: list[T] = []
        passed = 0
        pending = [keys]
        while pending:
            part = pending.pop()
            try:
                found.append(read(part))
            except FilterTooLong:
                if len(part) == 1:
                    raise
                middle = len(part) // 2
                pending += [part[middle:], part[:middle]]
            else:
                passed = max(passed, len(part))
        if found and passed < len(keys):
            self._note(passed)
        return found

    def in_groups(self, count: int, read: Callable[[int], T]) -> T:
        """What `read` answers for `count` keys in groups of the size that it is given: of half the size if the system
        refuses such long filters. Raises as `read` does."""
        size = min(self.at_once(), count)
        while True:
            try:
                found = read(size)
            except FilterTooLong:
                if size == 1:
                    raise
                size //= 2
            else:
                break
        if size < count:
            self._note(size)
        return found

    def try_out(self, keys: Sequence[str], read: Callable[[Sequence[str]], object]) -> int:
        """How many of the keys one filter may name, ignoring what was known; by halves, from all of them downwards.
        Raises as `read` does."""
        part = keys
        while True:
            try:
                read(part)
            except FilterTooLong:
                if len(part) == 1:
                    raise
                part = part[: len(part) // 2]
            else:
                break
        if len(part) < len(keys):
            self._note(len(part))
        return len(part)

    def _note(self, passed: int) -> None:
        with self._lock:
            if passed < self._size:
                self._size = passed
                self._memory.remember(passed)
