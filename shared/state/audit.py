"""What operators have done: who, what, on what, when and why. Partition `audit` of the runs table, the newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.errors import StateUnreadable
from shared.state.failures import STATE_UNREADABLE
from shared.state.history import inverted, told_by_key
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Put, Row, Stored, Table, escape

PARTITION = "audit"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One action of an operator. `flow` is empty if it concerns all; `subject` names or counts records. `run`
    is the id under which it has queued them or stands in the history of the record, empty if it has done neither."""

    time: datetime
    who: str
    what: str
    flow: str
    subject: str = ""
    reason: str = ""
    run: str = ""


class Audit:
    """The actions of all operators."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, entry: AuditEntry, id: str) -> None:
        """Write an action; `id` distinguishes it from others of the same moment. Raises StorageTrouble: no action
        without an entry."""
        cells: dict[str, Cell] = {
            "time": entry.time,
            "who": entry.who[:200],
            "what": entry.what,
            "flow": entry.flow,
            "subject": entry.subject[:8000],
            "reason": entry.reason[:2000],
        }
        if entry.run:
            cells["run"] = entry.run
        self._table.transact([Put(Row(PARTITION, escape(f"{inverted(entry.time)}|{id}"), cells))])

    def latest(self, limit: int) -> list[AuditEntry]:
        """At most `limit` actions, the newest first."""
        return [_to_entry(row) for row in self._table.scan(PARTITION, start="0", end="~", limit=limit)]

    def walk(self) -> Iterator[AuditEntry]:
        """Every action, the newest first, page by page."""
        start: str | None = "0"
        while start is not None:
            page = self._table.scan(PARTITION, start=start, end="~", limit=_PAGE)
            yield from map(_to_entry, page)
            start = page[-1].row.key + " " if len(page) == _PAGE else None


def _to_entry(stored: Stored) -> AuditEntry:
    """An action from its stored row; if the row cannot be read, the entry says so, with the time of its key."""
    try:
        return read_audit_entry(stored)
    except StateUnreadable as unreadable:
        return AuditEntry(told_by_key(stored.row.key), "", STATE_UNREADABLE, "", str(unreadable.damage))


def read_audit_entry(stored: Stored) -> AuditEntry:
    """An action from its stored row. Raises StateUnreadable."""
    cells = Cells("runs", stored.row, drop("runs", stored.row))
    who, what, flow, subject, reason = (cells.text(name) for name in ("who", "what", "flow", "subject", "reason"))
    return AuditEntry(cells.time("time"), who, what, flow, subject, reason, cells.text("run", ""))
