"""History: what was done with a record, when and by which run. Row `H|id|inverted time|claim`: the newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.state.rows import Cell, Row, Stored, Table, escape

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
        prefix = escape(f"H|{id}")
        stored = self._table.scan(escape(flow), start=f"{prefix}|", end=f"{prefix}}}", limit=limit)
        return [_to_entry(row) for row in stored]


def _to_entry(stored: Stored) -> Entry:
    cells = stored.row.cells
    time = cells["time"]
    if not isinstance(time, datetime):
        raise TypeError("an entry of a history without its time")
    fields: Sequence[str] = str(cells.get("fields", "")).split(",")
    return Entry(time, str(cells["run"]), str(cells["outcome"]), tuple(field for field in fields if field))
