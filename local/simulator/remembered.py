"""What was read last: the same few rows are looked up again and again, for each line of a document."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

Found = TypeVar("Found")
Key = tuple[Hashable, ...]

# Answers of one table: the lines of a document name some ten rows, and the documents of a page some hundred.
_KEPT = 512
_UNKNOWN = object()


class Remembered:
    """What was read from each table, until that table is written. Whoever calls it has the lock of the store."""

    def __init__(self) -> None:
        self._answers: defaultdict[str, dict[Key, object]] = defaultdict(dict)

    def answer(self, table: str, question: Key, read: Callable[[], Found]) -> Found:
        """What `read` finds in this table alone; it is asked only if nobody asked since the table was written."""
        answers = self._answers[table]
        known = answers.get(question, _UNKNOWN)
        if known is not _UNKNOWN:
            return cast(Found, known)
        found = read()
        if len(answers) >= _KEPT:
            answers.clear()
        answers[question] = found
        return found

    def written(self, table: str) -> None:
        """Forget what was read from a table that was written."""
        self._answers[table].clear()

    def undone(self) -> None:
        """Forget all: a transaction is undone, and what was read since it began is not so."""
        self._answers.clear()
