"""History: what was done with a record, when and by which run. Row `H|id|inverted time|claim`: the newest first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from shared.errors import StateUnreadable
from shared.state.failures import STATE_UNREADABLE
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Row, Stored, Table, escape, unescape

_PAGE = 1000
_END_OF_TIME_MS = 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEHIND_THE_ID = re.compile(r"\|[0-9]{15}\|[^|]*")
_INVERTED = re.compile(r"(?:^|\|)([0-9]{15})(?:\||$)")


def inverted(time: datetime) -> str:
    """A text that sorts later times first."""
    return f"{_END_OF_TIME_MS - int(time.timestamp() * 1000):015d}"


def told_by_key(key: str) -> datetime:
    """The time in a key made by `inverted`; the earliest time if there is none."""
    found = _INVERTED.findall(unescape(key))
    return _EPOCH + timedelta(milliseconds=max(0, _END_OF_TIME_MS - int(found[-1]))) if found else _EPOCH


def history_row(flow: str, id: str, *, time: datetime, claim: str, run: str, outcome: str, fields: str) -> Row:
    """One entry: field names only, never values."""
    cells: dict[str, Cell] = {"record_id": id, "time": time, "run": run, "outcome": outcome, "fields": fields[:16000]}
    return Row(escape(flow), escape(f"H|{id}|{inverted(time)}|{claim}"), cells)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done with a record: `outcome` as committed, the names of the fields that were written, or
    that an operator did something."""

    time: datetime
    run: str
    outcome: str
    fields: tuple[str, ...] = ()


class Histories:
    """The history of every record."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def latest(self, flow: str, id: str, limit: int) -> list[Entry]:
        """At most `limit` entries of a record, the newest first."""
        return [_to_entry(row) for row in islice(self.rows(flow, id, min(limit, _PAGE)), limit)]

    def rows(self, flow: str, id: str, page: int = _PAGE) -> Iterator[Stored]:
        """Every entry of a record as stored, the newest first, page by page."""
        prefix = escape(f"H|{id}")
        start, more = f"{prefix}|", True
        while more:
            stored = self._table.scan(escape(flow), start=start, end=f"{prefix}}}", limit=page)
            # The id of another record may begin with this one and continue after a bar.
            yield from (row for row in stored if _is_of(id, prefix, row.row))
            more = len(stored) == page
            start = stored[-1].row.key + " " if stored else start


def _is_of(id: str, prefix: str, row: Row) -> bool:
    """Whether an entry belongs to this record: by its key if it does not say so."""
    named = row.cells.get("record_id")
    return named == id if isinstance(named, str) else bool(_BEHIND_THE_ID.fullmatch(row.key[len(prefix) :]))


def _to_entry(stored: Stored) -> Entry:
    """An entry from its stored row; if the row cannot be read, the entry says so, with the time of its key."""
    try:
        return read_entry(stored)
    except StateUnreadable as unreadable:
        return Entry(told_by_key(stored.row.key), "", f"{STATE_UNREADABLE}: {unreadable.damage}")


def read_entry(stored: Stored) -> Entry:
    """An entry from its stored row. Raises StateUnreadable."""
    cells = Cells("links", stored.row, drop("links", stored.row))
    cells.text("record_id")
    fields = cells.text("fields", "").split(",")
    return Entry(
        cells.time("time"), cells.text("run"), cells.text("outcome"), tuple(field for field in fields if field)
    )
