"""Failures: rejected records, listed until resolved. Row `F|id` in the flow's partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared import exact_json
from shared.errors import Damage, RowConflict, StateUnreadable
from shared.state.storage.cells import Cells, once_per_row
from shared.state.storage.tables import Cell, Put, Replace, Row, Stored, Table, apply_where_possible, escape, unescape

STATE_UNREADABLE = "state_unreadable"
"""The cause of a record with an unreadable row."""

FIRST_RETRY = timedelta(hours=1)
LAST_RETRY = timedelta(hours=24)
_PREFIX = "F|"
# Replaces a moment that a damaged row no longer holds.
_UNKNOWN = datetime(2000, 1, 1, tzinfo=UTC)
_MESSAGE_KEPT, _NUMBER_KEPT, _VALUE_KEPT = 8000, 500, 200
_ASSIGNED_KEPT, _NOTE_KEPT = 200, 1000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record is not in step and what to do. `number` is the one by which people know it, if it has one. `value`
    is what is wrong in the record, if failures of one cause differ in it; `rival` is the record that already has what
    this one needs, as its flow and id, and `lacks` the entry that a value map would need for it: map, name and code, of
    which one is a word in capitals that an operator replaces. `next_try` None: only an operator can retry. `asked_at`
    is when an operator last had it retried, and `retried` how often; `dismissed` is why an operator dismissed it, empty
    if it is open. `assigned` is who looks after it, and `note` what an operator has noted."""

    flow: str
    id: str
    cause: str
    message: str
    remedy: str
    first_seen: datetime
    last_seen: datetime
    tries: int = 0
    next_try: datetime | None = None
    asked_at: datetime | None = None
    retried: int = 0
    dismissed: str = ""
    assigned: str = ""
    note: str = ""
    number: str = ""
    value: str = ""
    rival: tuple[str, str] | None = None
    lacks: tuple[str, ...] = ()
    etag: str | None = None

    @property
    def is_asked(self) -> bool:
        """Whether an operator has had it retried since it was last seen: it is already queued."""
        return self.asked_at is not None and self.asked_at > self.last_seen

    @property
    def tried(self) -> int:
        """How often it was tried again: by the sweep, and for an operator."""
        return self.tries + self.retried

    @property
    def is_unread(self) -> bool:
        """Whether its row could not be read: then it does not yet say why its record fails."""
        return self.first_seen == _UNKNOWN

    def to_row(self) -> Row:
        """The row as stored; the message is shortened to what a property can hold."""
        cells: dict[str, Cell | None] = {
            "record_id": self.id,
            "cause": self.cause,
            "message": self.message[:_MESSAGE_KEPT],
            "remedy": self.remedy[:2000],
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "tries": self.tries,
            "next_try": self.next_try,
            "asked_at": self.asked_at,
            "retried": self.retried or None,
            "dismissed": self.dismissed or None,
            "assigned": self.assigned[:_ASSIGNED_KEPT] or None,
            "note": self.note[:_NOTE_KEPT] or None,
            "number": self.number[:_NUMBER_KEPT] or None,
            "value": self.value[:_VALUE_KEPT] or None,
            "rival_flow": self.rival[0] if self.rival else None,
            "rival": self.rival[1] if self.rival else None,
            "lacks": exact_json.dumps([word[:_VALUE_KEPT] for word in self.lacks]) if self.lacks else None,
        }
        return Row(escape(self.flow), failure_key(self.id), {k: v for k, v in cells.items() if v is not None})


def failure_key(id: str) -> str:
    """The row key of a record's failure."""
    return escape(f"{_PREFIX}{id}")


def retry_after(tries: int) -> timedelta:
    """How long the sweep waits before it tries a failure again: 1 h doubling to 24 h (protocol F2)."""
    doublings: int = min(tries, 10)
    return min(FIRST_RETRY * (1 << doublings), LAST_RETRY)


def renewed(earlier: Failure | None, current: Failure) -> Failure:
    """`current`, with the first sighting and the tries of an earlier failure of the same record kept. A dismissed one
    stays dismissed while its reason is the same."""
    if earlier is None:
        return replace(current, next_try=current.next_try or current.last_seen + retry_after(0))
    same = (earlier.cause, earlier.message) == (current.cause, current.message[:_MESSAGE_KEPT])
    first_seen = current.first_seen if earlier.is_unread else earlier.first_seen
    kept = replace(current, first_seen=first_seen, tries=earlier.tries, retried=earlier.retried)
    kept = replace(kept, assigned=earlier.assigned, note=earlier.note)
    if earlier.dismissed and same:
        return replace(kept, dismissed=earlier.dismissed, next_try=None)
    return replace(kept, next_try=current.next_try or current.last_seen + retry_after(earlier.tries))


class Failures:
    """The failures of every flow."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, flow: str, ids: Sequence[str]) -> Mapping[str, Failure]:
        """The failures that are listed for `ids`."""
        stored = self._table.read(escape(flow), [failure_key(id) for id in ids])
        return {failure.id: failure for failure in (_to_failure(flow, row) for row in stored.values())}

    def page(self, flow: str, after: str, limit: int) -> tuple[list[Failure], str | None]:
        """Some failures in key order from `after` ("" = the first), and where to continue (None: the end)."""
        stored = self._table.scan(escape(flow), start=after or escape(_PREFIX), end=escape("F}"), limit=limit)
        return [_to_failure(flow, row) for row in stored], stored[-1].row.key + " " if len(stored) == limit else None

    def put(self, failure: Failure) -> None:
        """List a failure outside a commit: a poison message."""
        self._table.transact([Put(failure.to_row())])

    def save(self, failure: Failure) -> bool:
        """Overwrite the version that was read; False if it has been resolved or renewed meanwhile."""
        try:
            self._table.transact([Replace(failure.to_row(), failure.etag or "")])
        except RowConflict:
            return False
        return True

    def save_all(self, failures: Sequence[Failure]) -> int:
        """Overwrite the versions that were read; how many were written. Failures that were resolved or renewed
        meanwhile are left as they are."""
        return apply_where_possible(
            self._table, [Replace(failure.to_row(), failure.etag or "") for failure in failures]
        )


def _to_failure(flow: str, stored: Stored) -> Failure:
    """A failure from its stored row. If the row cannot be read, that is the record's failure: it is due at once, and
    the next outcome of the record rewrites it."""
    try:
        return read_failure(flow, stored)
    except StateUnreadable as unreadable:
        return _damaged(flow, stored, unreadable.damage)


@once_per_row
def read_failure(flow: str, stored: Stored) -> Failure:
    """A failure from its stored row. Raises StateUnreadable."""
    cells = _cells(flow, stored)
    id = cells.text("record_id")
    if failure_key(id) != stored.row.key:
        raise cells.unreadable("record_id", "is not that of the row's key")
    rival = cells.maybe_text("rival")
    return Failure(
        flow=flow,
        id=id,
        cause=cells.text("cause"),
        message=cells.text("message"),
        remedy=cells.text("remedy"),
        first_seen=cells.time("first_seen"),
        last_seen=cells.time("last_seen"),
        tries=cells.number("tries"),
        next_try=cells.maybe_time("next_try"),
        asked_at=cells.maybe_time("asked_at"),
        retried=cells.number("retried", 0),
        dismissed=cells.text("dismissed", ""),
        assigned=cells.text("assigned", ""),
        note=cells.text("note", ""),
        number=cells.text("number", ""),
        value=cells.text("value", ""),
        rival=None if rival is None else (cells.text("rival_flow"), rival),
        lacks=cells.texts("lacks"),
        etag=stored.etag,
    )


def _cells(flow: str, stored: Stored) -> Cells:
    return Cells("links", stored.row, f"p2c retry {flow} {unescape(stored.row.key).removeprefix(_PREFIX)}")


def _damaged(flow: str, stored: Stored, damage: Damage) -> Failure:
    id = unescape(stored.row.key).removeprefix(_PREFIX)
    seen = _UNKNOWN
    failure = Failure(flow, id, STATE_UNREADABLE, str(damage), damage.remedy, first_seen=seen, last_seen=seen)
    return replace(failure, next_try=seen, etag=stored.etag)
