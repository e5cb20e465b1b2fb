"""What a checkpoint holds: where to continue, the walk in progress, the mapping that it is made for, and the scans so
far. Each part knows its columns of the checkpoint's row."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.state.storage.cells import Cells
from shared.state.storage.tables import Cell

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
class Position:
    """Where to continue. `cursor` is a next link (or, in phase absent and walk, a row key) to resume in the middle;
    None: the start of the phase. `restarts` counts how often in a row the source has refused its own links."""

    phase: Phase = Phase.BASELINE
    cursor: str | None = None
    delta_link: str | None = None
    restarts: int = 0

    @property
    def is_between_walks(self) -> bool:
        """Whether the last walk has ended, and the next one has not begun."""
        return self.cursor is None and self.phase in (Phase.DELTA, Phase.WALK)

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return {
            "phase": self.phase.value,
            "cursor": self.cursor,
            "delta_link": self.delta_link,
            "restarts": self.restarts,
        }


def read_position(cells: Cells) -> Position:
    """A position from its columns. Raises StateUnreadable."""
    return Position(
        phase=cells.word("phase", Phase),
        cursor=cells.maybe_text("cursor"),
        delta_link=cells.maybe_text("delta_link"),
        restarts=cells.number("restarts"),
    )


@dataclass(frozen=True, slots=True)
class Walk:
    """The walk in progress, or the next one. An operator's acceptance of a threshold holds for the walk with this `id`
    only. `gone` and `changed` count the records that it takes away and changes. `remapped` says that it reads every
    row because of a changed mapping: its changes are intended. `ignores_snapshot` says of a scan that it queues every
    record."""

    id: str
    gone: int = 0
    changed: int = 0
    remapped: bool = False
    ignores_snapshot: bool = False

    def begun_anew(self, id: str) -> "Walk":
        """A walk for the same purpose that has counted nothing yet."""
        return replace(self, id=id, gone=0, changed=0)

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return {
            "walk": self.id,
            "gone": self.gone,
            "changed": self.changed,
            "remapped": self.remapped,
            "ignores_snapshot": self.ignores_snapshot,
        }


def read_walk(cells: Cells) -> Walk:
    """A walk from its columns. Raises StateUnreadable."""
    return Walk(
        id=cells.text("walk"),
        gone=cells.number("gone"),
        changed=cells.number("changed"),
        remapped=cells.flag("remapped"),
        ignores_snapshot=cells.flag("ignores_snapshot"),
    )


@dataclass(frozen=True, slots=True)
class MadeFor:
    """The mapping that the records are read for. `superseded` are the fingerprints of earlier mappings, the latest
    first: an instance that still uses one of them is being replaced."""

    fingerprint: str | None = None
    superseded: tuple[str, ...] = ()

    def followed_by(self, fingerprint: str) -> "MadeFor":
        """A mapping that may be another one."""
        former = [each for each in (self.fingerprint, *self.superseded) if each is not None and each != fingerprint]
        return MadeFor(fingerprint, tuple(dict.fromkeys(former))[:_SUPERSEDED_KEPT])

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return {"fingerprint": self.fingerprint, "superseded": " ".join(self.superseded) or None}


def read_made_for(cells: Cells) -> MadeFor:
    """A mapping from its columns. Raises StateUnreadable."""
    return MadeFor(cells.maybe_text("fingerprint"), tuple(cells.text("superseded", "").split()))


@dataclass(frozen=True, slots=True)
class Scans:
    """The walks of a source without versions so far: their `number`, and when the last one that ignored the snapshot
    began; None: the next one ignores it."""

    number: int = 0
    full_at: datetime | None = None

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return {"number": self.number, "full_at": self.full_at}


def read_scans(cells: Cells) -> Scans:
    """The scans from their columns. Raises StateUnreadable."""
    return Scans(cells.number("number", 0), cells.maybe_time("full_at"))
