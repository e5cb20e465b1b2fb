"""Checkpoints: how far a flow has read. One row per source of a flow, saved by its ETag."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.errors import RowConflict
from shared.state.checkpoint_parts import (
    MadeFor,
    Phase,
    Position,
    Scans,
    Walk,
    read_made_for,
    read_position,
    read_scans,
    read_walk,
)
from shared.state.storage.cells import Cells, drop, once_per_row
from shared.state.storage.tables import Cell, Insert, Replace, Row, Stored, Table, escape, unescape

_ROW = "pull"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a flow has read. `source` names a further source of the flow (see Tracked), None the records' own.
    Versions can be compared within one `epoch`. `current_at` is when the source was last read to its end; before the
    first time, when reading began."""

    flow: str
    epoch: str
    walk: Walk
    position: Position = field(default_factory=Position)
    made_for: MadeFor = field(default_factory=MadeFor)
    scans: Scans = field(default_factory=Scans)
    source: str | None = None
    current_at: datetime | None = None
    etag: str | None = None

    def at(self, cursor: str | None) -> "Checkpoint":
        """Further on in the same phase."""
        return replace(self, position=replace(self.position, cursor=cursor))

    def in_phase(self, phase: Phase) -> "Checkpoint":
        """At the start of a phase."""
        return replace(self, position=replace(self.position, phase=phase, cursor=None))

    def with_gone(self, gone: int) -> "Checkpoint":
        """With so many records that the walk takes away."""
        return replace(self, walk=replace(self.walk, gone=gone))

    def with_changed(self, changed: int) -> "Checkpoint":
        """With so many records that the walk changes."""
        return replace(self, walk=replace(self.walk, changed=changed))

    def with_mapping(self, fingerprint: str) -> "Checkpoint":
        """The same position, for a mapping that may have changed."""
        remapped = self.made_for.fingerprint not in (None, fingerprint)
        made_for = self.made_for.followed_by(fingerprint)
        return replace(self, made_for=made_for, walk=replace(self.walk, remapped=remapped))

    def begun_anew(self, new_id: Callable[[], str], *, restarts: int = 0) -> "Checkpoint":
        """The same flow before its first page: no link is stored, and versions seen before no longer count."""
        position = Position(restarts=restarts)
        return replace(self, epoch=new_id(), walk=self.walk.begun_anew(new_id()), position=position)

    def to_row(self) -> Row:
        """The row as stored."""
        cells: dict[str, Cell | None] = {"epoch": self.epoch, "current_at": self.current_at}
        for part in (self.walk, self.position, self.made_for, self.scans):
            cells |= part.cells()
        return Row(escape(self.flow), _row_key(self.source), {k: v for k, v in cells.items() if v is not None})


def _row_key(source: str | None) -> str:
    return _ROW if source is None else escape(f"{_ROW}|{source}")


@once_per_row
def read_checkpoint(flow: str, stored: Stored) -> Checkpoint:
    """A checkpoint from its stored row. Raises StateUnreadable."""
    helps = (
        f"{drop('checkpoints', stored.row)}: the next pull reads everything again, and what is unchanged is not written"
    )
    cells = Cells("checkpoints", stored.row, helps)
    _, of, source = unescape(stored.row.key).partition("|")
    return Checkpoint(
        flow=flow,
        epoch=cells.text("epoch"),
        walk=read_walk(cells),
        position=read_position(cells),
        made_for=read_made_for(cells),
        scans=read_scans(cells),
        source=source if of else None,
        current_at=cells.maybe_time("current_at"),
        etag=stored.etag,
    )


class Checkpoints:
    """The checkpoints of every flow."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load(self, flow: str, source: str | None = None) -> Checkpoint | None:
        """The checkpoint of a flow's source, or None if it has never been read. Raises StateUnreadable."""
        key = _row_key(source)
        stored = self._table.read(escape(flow), [key])
        return read_checkpoint(flow, stored[key]) if key in stored else None

    def save(self, checkpoint: Checkpoint) -> str | None:
        """Overwrite the version that was read; the new etag, or None if another pull was faster."""
        row = checkpoint.to_row()
        try:
            etags = self._table.transact([Replace(row, checkpoint.etag) if checkpoint.etag else Insert(row)])
        except RowConflict:
            return None
        return etags[0]
