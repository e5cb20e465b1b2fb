"""What a pull needs from a way to find changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.records import Change
from shared.state.checkpoints import Checkpoint
from shared.state.links import Link, LinkState
from shared.sync.flow import Flow
from shared.sync.hints import Hint

ABSENT_PAGE = 500
ENDED = (LinkState.DELETED, LinkState.NEW)


@dataclass(frozen=True, slots=True)
class Step:
    """One page read: what to queue, and the checkpoint that is true once it is queued.

    `gone` counts the walk so far, this page included; `known` is the number of records that `gone` is a part of, None
    for all linked ones. `news` are the records of this page that count as changed if they are linked and would change
    (see Thresholds). `gone_parts` are deleted parts of records: once the hints are queued, nobody needs to know what
    they belonged to.
    """

    hints: tuple[Hint, ...]
    after: Checkpoint
    gone: int = 0
    news: tuple[Change, ...] = ()
    known: int | None = None
    pages: int = 0
    caught_up: bool = False
    gone_parts: tuple[str, ...] = ()


class Reader(Protocol):
    """One way to find out what has changed. `saves_each_step` is false if a checkpoint is true only together with what
    `keep` writes, which is too much for every page. `source_name` names a further source (see Tracked)."""

    saves_each_step: bool
    source_name: str | None

    def begin(self, checkpoint: Checkpoint | None) -> Checkpoint:
        """Where to continue from what was saved; None is the very first run."""

    def next(self, checkpoint: Checkpoint) -> Step:
        """Read one page. Raises SystemTrouble."""

    def is_news(self, link: Link, change: Change) -> bool:
        """Whether a linked record on a page is not as it was seen; its content may be the same."""

    def forget(self, parts: Sequence[str]) -> None:
        """What these deleted parts of records belonged to is queued. Raises StorageTrouble."""

    def keep(self, checkpoint: Checkpoint) -> bool:
        """Save what belongs to the checkpoint, before it; False if another pull is ahead."""


@dataclass(frozen=True, slots=True)
class Looked:
    """Hints for records that a walk has not met: those that are gone, and those that are there all the same."""

    gone: tuple[Hint, ...]
    left: tuple[Hint, ...]


def may_be_gone(link: Link) -> bool:
    """Whether a record that a walk has not met must be looked at: one that is known to be gone, or of which nothing has
    been made, need not be, unless a worker has claimed it and not finished."""
    return link.state not in ENDED or link.claim.id is not None


def gone_hints(flow: Flow, doubtful: Iterable[str]) -> tuple[Hint, ...]:
    """Hints for the doubtful records that a read confirms to be gone (protocol P4)."""
    return look_at(flow, doubtful).gone


def look_at(flow: Flow, doubtful: Iterable[str]) -> Looked:
    """Which of the doubtful records are gone, and which are there."""
    ids = list(doubtful)
    existing = flow.source.existing(ids) if ids else frozenset()
    gone, left = ([Hint(id) for id in ids if (id in existing) is there] for there in (False, True))
    return Looked(tuple(gone), tuple(left))
