"""What a pull needs of a way to find changes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from shared.state.checkpoints import Checkpoint
from shared.state.links import Link, LinkState
from shared.sync.flow import Flow
from shared.sync.hints import Hint
from shared.sync.parts import Parts

ABSENT_PAGE = 500
ENDED = (LinkState.DELETED, LinkState.NEW)


@dataclass(frozen=True, slots=True)
class Step:
    """One page read: what to queue, and the checkpoint that is true once it is queued.

    `gone` and `changed` count the walk so far, this page included; `known` is of how many records `gone` is a part,
    None for all linked ones.
    """

    hints: tuple[Hint, ...]
    after: Checkpoint
    gone: int = 0
    changed: int = 0
    known: int | None = None
    pages: int = 0
    caught_up: bool = False


class Reader(Protocol):
    """One way to find out what has changed. `saves_each_step` is false where a checkpoint is true only together with
    what `keep` writes, which is too much for every page. `source_name` names a further source (see Tracked)."""

    saves_each_step: bool
    source_name: str | None

    def begin(self, checkpoint: Checkpoint | None) -> Checkpoint:
        """Where to go on from what was saved; None is the very first run."""

    def next(self, checkpoint: Checkpoint) -> Step:
        """Read one page. Raises SystemTrouble."""

    def keep(self, checkpoint: Checkpoint) -> bool:
        """Save what belongs to the checkpoint, before it; False when another pull is ahead."""


def linked_among(
    parts: Parts, flow: Flow, ids: list[str], so_far: int, counts: Callable[[Link], bool] = lambda _link: True
) -> int:
    """How many linked records a walk meets, `ids` included; of those only the ones that `counts`. Links are asked only
    once the lower limit is passed: until then every id counts."""
    if so_far + len(ids) <= parts.limits.gone_limit_count:
        return so_far + len(ids)
    links = parts.state.links.load(flow.name, ids)
    return so_far + sum(link.linked and counts(link) for link in links.values())


def gone_hints(flow: Flow, doubtful: Iterable[str]) -> tuple[Hint, ...]:
    """Hints for those of the doubtful records that a read confirms to be gone (protocol P4)."""
    ids = list(doubtful)
    existing = flow.source.existing(ids) if ids else frozenset()
    return tuple(Hint(id) for id in ids if id not in existing)
