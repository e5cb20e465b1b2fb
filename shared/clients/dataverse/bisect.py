"""Finds the rows that a bulk call refuses: the call is all or nothing, and the refusal names no row.

A call that is refused is split and its halves are sent again. If a first half succeeds, the second one must contain the
bad row and is split without being sent whole: one bad row among n costs at most 2*log2(n)+1 further calls.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from shared.errors import RecordMissing, RecordRejected, SyncError

REFUSED_ROWS = 3

Row = TypeVar("Row")
Result = SyncError | None
Send = Callable[[Sequence[Row]], Result]
SendEach = Callable[[Sequence[Row]], list[Result]]


def write_in_halves(rows: Sequence[Row], send: Send[Row], send_each: SendEach[Row]) -> list[Result]:
    """The result of every row. `send` writes all rows or none; after some refused rows the rest is sent by `send_each`,
    which costs one call and answers for every row: if many are bad, bisecting would cost two calls each."""
    return _Halving(rows, send, send_each).run()


class _Halving:
    def __init__(self, rows: Sequence[Row], send: Send[Row], send_each: SendEach[Row]) -> None:
        self._rows = rows
        self._send = send
        self._send_each = send_each
        self._results: list[Result] = [None] * len(rows)
        self._refused = 0

    def run(self) -> list[Result]:
        if self._rows:
            self._write(0, len(self._rows))
        return self._results

    def _write(self, low: int, high: int) -> bool:
        """Send a part; whether it was applied as a whole."""
        if self._refused >= REFUSED_ROWS:
            self._write_each(low, high)
            return False
        result = self._send(self._rows[low:high])
        if not isinstance(result, RecordRejected | RecordMissing):
            self._results[low:high] = [result] * (high - low)
            return result is None
        if high - low == 1:
            self._results[low] = result
            self._refused += 1
        else:
            self._split(low, high)
        return False

    def _split(self, low: int, high: int) -> None:
        middle = (low + high) // 2
        applied = self._write(low, middle)
        if applied and high - middle > 1 and self._refused < REFUSED_ROWS:
            self._split(middle, high)
        else:
            self._write(middle, high)

    def _write_each(self, low: int, high: int) -> None:
        self._results[low:high] = self._send_each(self._rows[low:high])
