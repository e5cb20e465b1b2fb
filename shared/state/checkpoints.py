"""Checkpoints: how far a flow has read. One row per source of a flow, saved by its ETag."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.errors import RowConflict
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Insert, Replace, Row, Stored, Table, escape, unescape

_ROW = "pull"
_SUPERSEDED_KEPT = 5


class Phase(StrEnum):
    """The phase of a pull (protocol P2 and P3)."""

    BASELINE = "baseline"
    """Walking with track-changes to the end, to keep that delta link before anything is read."""
    FULL = "full"
    """Reading every row."""
    ABSENT = "absent"
    """Looking for linked records that the full walk did not return."""
    DELTA = "delta"
    """Continuing from the stored delta link."""
    WALK = "walk"
    """Walking a source without versions; the cursor is the last key."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a flow has read. `source` names a further source of the flow (see Tracked), None the records' own.

    `cursor` is a next link (or, in phase absent, a row key) to resume in the middle; None = the start of the phase.
    `walk` names the walk in progress: an operator's acceptance of a threshold holds for that walk only.
    `superseded` are the fingerprints of earlier mappings, the latest first: an instance that still uses one of them is
    being replaced. `remapped` says that this walk reads every row because of a changed mapping: its changes are
    intended.
    For sources without versions: `ignores_snapshot` says that this walk queues every record, `full_at` when the last
    such walk began, `number` counts the walks.
    `current_at` is when the source was last read to its end; before the first time, when reading began.
    """

    flow: str
    epoch: str
    walk: str
    source: str | None = None
    phase: Phase = Phase.BASELINE
    cursor: str | None = None
    delta_link: str | None = None
    fingerprint: str | None = None
    superseded: tuple[str, ...] = ()
    remapped: bool = False
    restarts: int = 0
    gone: int = 0
    changed: int = 0
    ignores_snapshot: bool = False
    full_at: datetime | None = None
    number: int = 0
    current_at: datetime | None = None
    etag: str | None = None

    def with_mapping(self, fingerprint: str) -> "Checkpoint":
        """The same position, for a mapping that may have changed."""
        former = [each for each in (self.fingerprint, *self.superseded) if each is not None and each != fingerprint]
        superseded = tuple(dict.fromkeys(former))[:_SUPERSEDED_KEPT]
        remapped = self.fingerprint is not None and self.fingerprint != fingerprint
        return replace(self, fingerprint=fingerprint, superseded=superseded, remapped=remapped)

    def begun_anew(self, new_id: Callable[[], str]) -> "Checkpoint":
        """The same flow before its first page: no link is stored, and versions seen before no longer count."""
        return replace(
            self,
            epoch=new_id(),
            walk=new_id(),
            phase=Phase.BASELINE,
            cursor=None,
            delta_link=None,
            gone=0,
            changed=0,
        )

    def to_row(self) -> Row:
        """The row as stored."""
        cells: dict[str, Cell | None] = {
            "epoch": self.epoch,
            "walk": self.walk,
            "phase": self.phase.value,
            "cursor": self.cursor,
            "delta_link": self.delta_link,
            "fingerprint": self.fingerprint,
            "superseded": " ".join(self.superseded) or None,
            "remapped": self.remapped,
            "restarts": self.restarts,
            "gone": self.gone,
            "changed": self.changed,
            "ignores_snapshot": self.ignores_snapshot,
            "full_at": self.full_at,
            "number": self.number,
            "current_at": self.current_at,
        }
        return Row(escape(self.flow), _row_key(self.source), {k: v for k, v in cells.items() if v is not None})


def _row_key(source: str | None) -> str:
    return _ROW if source is None else escape(f"{_ROW}|{source}")


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
        walk=cells.text("walk"),
        source=source if of else None,
        phase=cells.word("phase", Phase),
        cursor=cells.maybe_text("cursor"),
        delta_link=cells.maybe_text("delta_link"),
        fingerprint=cells.maybe_text("fingerprint"),
        superseded=tuple(cells.text("superseded", "").split()),
        remapped=cells.flag("remapped"),
        restarts=cells.number("restarts"),
        gone=cells.number("gone"),
        changed=cells.number("changed"),
        ignores_snapshot=cells.flag("ignores_snapshot"),
        full_at=cells.maybe_time("full_at"),
        number=cells.number("number", 0),
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
