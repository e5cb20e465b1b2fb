"""History: what was done with a record, when and by which run. Row `H|id|inverted time|claim`: the newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from shared.state.rows import Cell, Row, Stored, Table, escape

_PAGE = 1000
_END_OF_TIME_MS = 253_402_300_799_999


def inverted(time: datetime) -> str:
    """A text that sorts later times first."""
    return f"{_END_OF_TIME_MS - int(time.timestamp() * 1000):015d}"


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
            # The id of another record may begin with this one and go on behind a bar.
            yield from (row for row in stored if row.row.cells["record_id"] == id)
            more = len(stored) == page
            start = stored[-1].row.key + " " if stored else start


def _to_entry(stored: Stored) -> Entry:
    cells = stored.row.cells
    time = cells["time"]
    if not isinstance(time, datetime):
        raise TypeError("an entry of a history without its time")
    fields: Sequence[str] = str(cells.get("fields", "")).split(",")
    return Entry(time, str(cells["run"]), str(cells["outcome"]), tuple(field for field in fields if field))
