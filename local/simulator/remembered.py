"""What was read last: the same few rows are looked up again and again, for each line of a document."""

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

Found = TypeVar("Found")
Key = tuple[Hashable, ...]

# Answers of one table: the lines of a document name some ten rows, and the documents of a page some hundred.
_KEPT = 512
_UNKNOWN = object()


class Remembered:
    """What was read from each table, until that table is written. Every call is safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: defaultdict[str, dict[Key, object]] = defaultdict(dict)
        self._writes: defaultdict[str, int] = defaultdict(int)
        self._undone = 0

    def answer(self, table: str, question: Key, read: Callable[[], Found]) -> Found:
        """What `read` finds in this table alone; it is asked only if nobody asked since the table was written."""
        known = self._answers[table].get(question, _UNKNOWN)
        if known is not _UNKNOWN:
            return cast(Found, known)
        state = self._state(table)
        found = read()
        with self._lock:
            # Another thread may have written meanwhile.
            if state == self._state(table):
                answers = self._answers[table]
                if len(answers) >= _KEPT:
                    answers.clear()
                answers[question] = found
        return found

    def written(self, table: str) -> None:
        """Forget what was read from a table, before anybody else can read what was written there."""
        with self._lock:
            self._writes[table] += 1
            self._answers[table].clear()

    def undone(self) -> None:
        """Forget all: a transaction is undone, and what was read since it began is not so."""
        with self._lock:
            self._undone += 1
            self._answers.clear()

    def _state(self, table: str) -> tuple[int, int]:
        return self._undone, self._writes[table]
