"""Decided contents: row `D|id` in a record's own partition, written with its commit, names the content of the source
record that the commit is based on. Only for sources that are walked: their pull moves the rows into its snapshot, so
that the next walk compares with what was applied and not with what was queued (protocol P3)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from shared.errors import StateUnreadable
from shared.state.snapshots import DIGEST_BYTES, UNKNOWN
from shared.state.storage.cells import Cells
from shared.state.storage.tables import (
    Cell,
    Delete,
    Row,
    Stored,
    Table,
    by_transaction,
    escape,
    unescape,
)
from shared.telemetry import tell_damage

# The most that one pull moves: some twenty requests to read, and two hundred to remove. The others stay
# for the next one.
MOST_TAKEN = 20_000
_PREFIX, _END = "D|", "D}"
_PAGE = 1000
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class DecidedContent:
    """The digest of the content that the last decision is based on; None if the record did not exist."""

    id: str
    content: bytes | None


def decided_row(flow: str, id: str, content: bytes | None) -> Row:
    """The row as stored."""
    cells: dict[str, Cell] = {} if content is None else {"content": content}
    return Row(escape(flow), escape(f"{_PREFIX}{id}"), {"record_id": id, **cells})


def read_decided(flow: str, stored: Stored) -> DecidedContent:
    """A decided content from its stored row. Raises StateUnreadable."""
    cells = Cells("links", stored.row, f"nothing: the next walk evaluates the record again; or p2c sync {flow} RECORD")
    id = cells.text("record_id")
    if stored.row.key != escape(f"{_PREFIX}{id}"):
        raise cells.unreadable("record_id", "is not that of the row's key")
    content = cells.packed("content") if "content" in stored.row.cells else None
    if content is not None and len(content) != DIGEST_BYTES:
        raise cells.unreadable("content", f"does not have {DIGEST_BYTES} bytes")
    return DecidedContent(id, content)


class DecidedContents:
    """The decided contents of one flow, as one pull moves them."""

    def __init__(self, table: Table, flow: str) -> None:
        self._table = table
        self._flow = flow
        self._taken: dict[str, str] = {}

    def take(self) -> Iterator[DecidedContent]:
        """The first of them. An unreadable one is logged as an event, and only its record is known."""
        for stored in self._rows(_END):
            if len(self._taken) == MOST_TAKEN:
                break
            self._taken[stored.row.key] = stored.etag
            try:
                yield read_decided(self._flow, stored)
            except StateUnreadable as unreadable:
                tell_damage(unreadable.damage, flow=self._flow)
                yield DecidedContent(unescape(stored.row.key).removeprefix(_PREFIX), UNKNOWN)

    def remove_taken(self) -> None:
        """Remove what was moved, except for records that have been decided again since. Raises StorageTrouble.

        While a sync runs, many records are decided again. A conflict names one of them, so all that were to be removed
        with it are looked at again. What stays after some rounds is moved once more by the next pull.
        """
        if not self._taken:
            return
        pending = by_transaction(self._as_taken(self._rows(max(self._taken) + " ")))
        for _ in range(_ROUNDS):
            deletions = [[Delete(row, self._taken[row.key]) for row in rows] for rows in pending]
            conflicts = self._table.transact_each(deletions)
            met = [rows for rows, conflict in zip(pending, conflicts, strict=True) if conflict]
            pending = [left for rows in met if (left := self._left_of(rows))]

    def _left_of(self, rows: Sequence[Row]) -> list[Row]:
        """Those of some neighbours that have not been decided again."""
        first, end = rows[0].key, rows[-1].key + " "
        return self._as_taken(self._table.scan(escape(self._flow), start=first, end=end, limit=_PAGE))

    def _as_taken(self, found: Iterable[Stored]) -> list[Row]:
        return [
            Row(each.row.partition, each.row.key, {}) for each in found if self._taken.get(each.row.key) == each.etag
        ]

    def _rows(self, end: str) -> Iterator[Stored]:
        start: str | None = _PREFIX
        while start is not None:
            page = self._table.scan(escape(self._flow), start=start, end=end, limit=_PAGE)
            yield from page
            start = page[-1].row.key + " " if len(page) == _PAGE else None
