"""Results that are to be written into the rows of their records in the source. Row `T|id` in the record's own
partition, written with its commit: so no crash separates the two. Whoever has written it removes the version that was
read.

One worker at a time writes the results of a flow (`ResultTurn`, a row of the control table): otherwise a request that
lands late could overwrite a newer result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared import exact_json
from shared.errors import Damage, RowConflict, StateUnreadable
from shared.records import Json
from shared.state.failures import retry_after
from shared.state.storage.cells import Cells
from shared.state.storage.tables import (
    Cell,
    Delete,
    Insert,
    Operation,
    Replace,
    Row,
    Stored,
    Table,
    apply_where_possible,
    escape,
    unescape,
)

TURN = "results"
"""The row key of a flow's turn in the control table."""

_PREFIX, _END = "T|", "T}"
_TEXT_KEPT = 2000


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a record: the columns `values` of its row in the source, whose id is `row`. If that was refused,
    `cause`, `message` and `remedy` say why, and it is tried again at `next_try`, in a request of its own. `damage` says
    that the stored row cannot be read: then only the id of the record is known."""

    flow: str
    id: str
    row: str
    values: dict[str, Json]
    cause: str = ""
    message: str = ""
    remedy: str = ""
    tries: int = 0
    next_try: datetime | None = None
    etag: str | None = None
    damage: Damage | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be written now. A time that is further away than the longest pause was set by a wrong
        clock."""
        return self.next_try is None or not now < self.next_try <= now + retry_after(self.tries)

    def refused(self, cause: str, message: str, remedy: str, now: datetime) -> "Result":
        """The same, to be tried again after a growing pause (protocol F2)."""
        tries = self.tries + 1
        return replace(
            self, cause=cause, message=message, remedy=remedy, tries=tries, next_try=now + retry_after(tries - 1)
        )

    def to_row(self) -> Row:
        """The row as stored."""
        cells: dict[str, Cell | None] = {
            "record_id": self.id,
            "row": self.row,
            "values": exact_json.dumps(self.values),
            "cause": self.cause or None,
            "message": self.message[:_TEXT_KEPT] or None,
            "remedy": self.remedy[:_TEXT_KEPT] or None,
            "tries": self.tries or None,
            "next_try": self.next_try,
        }
        return Row(escape(self.flow), result_key(self.id), {k: v for k, v in cells.items() if v is not None})


def result_key(id: str) -> str:
    """The row key of a record's result."""
    return escape(f"{_PREFIX}{id}")


def read_result(flow: str, stored: Stored) -> Result:
    """A result from its stored row. Raises StateUnreadable."""
    cells = Cells("links", stored.row, "nothing: the next sweep evaluates the record again")
    id = cells.text("record_id")
    if result_key(id) != stored.row.key:
        raise cells.unreadable("record_id", "is not that of the row's key")
    return Result(
        flow,
        id,
        row=cells.text("row"),
        values=cells.json_object("values"),
        cause=cells.text("cause", ""),
        message=cells.text("message", ""),
        remedy=cells.text("remedy", ""),
        tries=cells.number("tries", 0),
        next_try=cells.maybe_time("next_try"),
        etag=stored.etag,
    )


def _to_result(flow: str, stored: Stored) -> Result:
    try:
        return read_result(flow, stored)
    except StateUnreadable as unreadable:
        id = unescape(stored.row.key).removeprefix(_PREFIX)
        return Result(flow, id, "", {}, etag=stored.etag, damage=unreadable.damage)


@dataclass(frozen=True, slots=True)
class ResultTurn:
    """Whose turn it is to write the results of a flow: `holder` is the id of the run, empty if nobody's. `is_unsure`
    says that a request of the last holder may still land. `trouble` is what the last holder has met, in our words, and
    `said` in those of the system; then nobody writes until `next_try`. `strikes` counts such troubles in a row.
    `looked_at` is when a look at the target's rows was last finished, `look_walk` the id of one that is under way and
    `look_cursor` the key after which it continues (empty: none is). `age_s` is how long ago this was written, by the
    storage service's own clock."""

    flow: str
    holder: str = ""
    is_unsure: bool = False
    trouble: str = ""
    said: str = ""
    strikes: int = 0
    next_try: datetime | None = None
    looked_at: datetime | None = None
    look_walk: str = ""
    look_cursor: str = ""
    etag: str | None = None
    age_s: float = 0.0

    def to_row(self) -> Row:
        """The row as stored."""
        cells: dict[str, Cell | None] = {
            "holder": self.holder,
            "is_unsure": self.is_unsure,
            "trouble": self.trouble[:_TEXT_KEPT],
            "said": self.said[:_TEXT_KEPT],
            "strikes": self.strikes,
            "next_try": self.next_try,
            "looked_at": self.looked_at,
            "look_walk": self.look_walk,
            "look_cursor": self.look_cursor,
        }
        return Row(escape(self.flow), TURN, {k: v for k, v in cells.items() if v is not None})


def read_turn(flow: str, stored: Stored) -> ResultTurn:
    """A turn from its stored row. Raises StateUnreadable."""
    cells = Cells("control", stored.row, "nothing: the next sweep writes it again")
    return ResultTurn(
        flow,
        holder=cells.text("holder"),
        is_unsure=cells.flag("is_unsure"),
        trouble=cells.text("trouble"),
        said=cells.text("said"),
        strikes=cells.number("strikes"),
        next_try=cells.maybe_time("next_try"),
        looked_at=cells.maybe_time("looked_at"),
        look_walk=cells.text("look_walk", ""),
        look_cursor=cells.text("look_cursor", ""),
        etag=stored.etag,
        age_s=stored.age_s,
    )


class Results:
    """The results of every flow that are not written yet."""

    def __init__(self, links: Table, control: Table) -> None:
        self._links = links
        self._control = control

    def page(self, flow: str, after: str, limit: int) -> tuple[list[Result], str | None]:
        """Some results in key order from `after` ("" = the first), and where to continue (None: the end)."""
        stored = self._links.scan(escape(flow), start=after or _PREFIX, end=_END, limit=limit)
        return [_to_result(flow, row) for row in stored], stored[-1].row.key + " " if len(stored) == limit else None

    def load(self, flow: str, id: str) -> Result | None:
        """The result of a record, if it is not written yet."""
        stored = self._links.read(escape(flow), [result_key(id)]).get(result_key(id))
        return None if stored is None else _to_result(flow, stored)

    def remove(self, results: Sequence[Result]) -> None:
        """Remove what was read, except where another result has come since. Raises StorageTrouble."""
        self._apply([Delete(Row(escape(each.flow), result_key(each.id), {}), each.etag) for each in results])

    def ask(self, results: Sequence[Result]) -> None:
        """Ask for these to be written, except where a result of the record waits already. Raises StorageTrouble."""
        self._apply([Insert(each.to_row()) for each in results])

    def save(self, results: Sequence[Result]) -> int:
        """Overwrite what was read, except where another result has come since; how many. Raises StorageTrouble."""
        return self._apply([Replace(each.to_row(), each.etag or "") for each in results])

    def turn(self, flow: str) -> ResultTurn:
        """Whose turn it is. One that cannot be read counts as that of a holder whose requests may still land."""
        stored = self._control.read(escape(flow), [TURN]).get(TURN)
        if stored is None:
            return ResultTurn(flow)
        try:
            return read_turn(flow, stored)
        except StateUnreadable:
            return ResultTurn(flow, holder=TURN, etag=stored.etag, age_s=stored.age_s)

    def save_turn(self, turn: ResultTurn) -> ResultTurn | None:
        """Overwrite the version that was read; None if another worker was first. Raises StorageTrouble."""
        operation: Operation = Replace(turn.to_row(), turn.etag) if turn.etag else Insert(turn.to_row())
        try:
            (etag,) = self._control.transact([operation])
        except RowConflict:
            return None
        return replace(turn, etag=etag, age_s=0.0)

    def _apply(self, operations: Sequence[Operation]) -> int:
        return apply_where_possible(self._links, operations)
