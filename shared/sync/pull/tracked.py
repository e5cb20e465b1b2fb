"""Changes by the source's own change tracking (protocol P2)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from shared.errors import LinkElsewhere, LinkRefused, OperatorNeeded, Transient
from shared.records import Change, ChangePage
from shared.state.checkpoint_parts import Phase, Position, Walk
from shared.state.checkpoints import Checkpoint
from shared.state.links import Link
from shared.sync.flow import Flow, Tracked
from shared.sync.hints import Hint
from shared.sync.limits import Limits
from shared.sync.ports import TrackedSource
from shared.sync.pull.changes import ABSENT_PAGE, ENDED, Step, gone_hints, may_be_gone
from shared.sync.state import State
from shared.telemetry import log_event


class TrackedReader:
    """Follows next links and delta links; satisfies Reader."""

    saves_each_step = True
    source_name: str | None = None

    def __init__(
        self,
        flow: Flow,
        feed: Tracked,
        run_id: str,
        *,
        state: State,
        limits: Limits,
        new_id: Callable[[], str],
    ) -> None:
        self._links = state.links
        self._batches = state.batches
        self._checkpoints = state.checkpoints
        self._limits = limits
        self._new_id = new_id
        self._flow = flow
        self._source: TrackedSource = feed.source
        # One version does not say what has been seen of a document: its parts have versions of their own.
        self._is_of_parts = flow.has_parts
        self._run_id = run_id
        # A document whose lines are on several pages changes once.
        self._met: set[str] = set()

    def begin(self, checkpoint: Checkpoint | None) -> Checkpoint:
        """Where to continue. If the mapping has changed, every row is read again, and the delta link is kept. Without a
        delta link a new epoch begins, also from a checkpoint that was restored: the changes before it are unknown."""
        flow, new = self._flow, self._new_id
        if checkpoint is None:
            first = Checkpoint(flow.name, epoch=new(), walk=Walk(new()))
            return first.with_mapping(flow.fingerprint)
        position = checkpoint.position
        if position.phase is Phase.BASELINE and position.cursor is None:
            return replace(checkpoint, epoch=new())
        if position.is_between_walks and checkpoint.made_for.fingerprint != flow.fingerprint:
            log_event("mapping_changed", flow=flow.name, run=self._run_id)
            return checkpoint.in_phase(Phase.FULL).with_mapping(flow.fingerprint)
        return checkpoint

    def next(self, checkpoint: Checkpoint) -> Step:
        """Read one page. Raises SystemTrouble; OperatorNeeded if the source has refused its own links too often."""
        phase = checkpoint.position.phase
        if phase is Phase.ABSENT:
            return self._look_for_absent(checkpoint)
        try:
            page = self._fetch(checkpoint)
        except LinkRefused as refused:
            return Step((), self._restarted(checkpoint, refused))
        if phase is not Phase.FULL and page.next_link is None and page.delta_link is None:
            text = f"{self._flow.name}: a tracked page came with neither a next link nor a delta link"
            raise Transient(self._flow.source_system, text)
        match phase:
            case Phase.BASELINE:
                return Step((), self._after_baseline(checkpoint, page), pages=1)
            case Phase.FULL:
                return self._full_step(checkpoint, page)
        return self._delta_step(checkpoint, page)

    def is_news(self, link: Link, change: Change) -> bool:
        """Whether its version is not the one that was seen. A record that another source of the flow or an operator has
        named meanwhile does not count. Versions go back if an older state was restored."""
        return link.seen.version != change.version

    def keep(self, checkpoint: Checkpoint) -> bool:  # noqa: ARG002 - the checkpoint says everything
        """Save what belongs to the checkpoint, before it; False if another pull is ahead."""
        return True

    def forget(self, parts: Sequence[str]) -> None:
        """What these deleted parts of records belonged to is queued. Raises StorageTrouble."""
        if parts:
            self._source.forget(parts)

    def _fetch(self, checkpoint: Checkpoint) -> ChangePage:
        position = checkpoint.position
        if position.cursor is not None:
            return self._source.follow(position.cursor)
        match position.phase:
            case Phase.BASELINE:
                return self._source.track_changes()
            case Phase.FULL:
                return self._source.list_rows()
        if position.delta_link is None:
            raise LinkRefused("no delta link is kept")
        return self._source.follow(position.delta_link)

    def _restarted(self, checkpoint: Checkpoint, refused: LinkRefused) -> Checkpoint:
        """After a refused next link the walk restarts from the delta link. After a refused delta link, or a link that
        leads elsewhere, everything is read again."""
        position = checkpoint.position
        restarts = position.restarts + 1
        if isinstance(refused, LinkElsewhere):
            log_event("link_dropped", flow=self._flow.name, run=self._run_id, reason=str(refused))
        else:
            log_event("link_refused", flow=self._flow.name, run=self._run_id, phase=position.phase, restarts=restarts)
        if isinstance(refused, LinkElsewhere) or position.is_between_walks:
            again = checkpoint.begun_anew(self._new_id, restarts=restarts)
        else:
            from_start = replace(position, cursor=None, restarts=restarts)
            again = replace(checkpoint, position=from_start, walk=checkpoint.walk.begun_anew(self._new_id()))
        if restarts >= self._limits.max_restarts:
            self._checkpoints.save(again)
            raise OperatorNeeded(
                self._flow.source_system,
                f"{self._flow.name}: {self._flow.source_system} has refused its own links {restarts} times in a row "
                f"({refused}); the walk restarts at each tick, check the source's health",
                said=refused.said,
            ) from refused
        return again

    def _after_baseline(self, checkpoint: Checkpoint, page: ChangePage) -> Checkpoint:
        if page.delta_link is None:
            return checkpoint.at(page.next_link)
        return _keeping(page.delta_link, checkpoint.in_phase(Phase.FULL))

    def _full_step(self, checkpoint: Checkpoint, page: ChangePage) -> Step:
        """A full walk in a new epoch may bring a restored or replaced table (protocol P4). The changes of a walk for a
        changed mapping are intended."""
        news = () if checkpoint.walk.remapped else page.changes
        return Step(self._hints(page.changes), self._after_full(checkpoint, page), news=news, pages=1)

    def _hints(self, changes: tuple[Change, ...]) -> tuple[Hint, ...]:
        return tuple(Hint(c.id, None if c.gone or self._is_of_parts else c.version) for c in changes)

    def _after_full(self, checkpoint: Checkpoint, page: ChangePage) -> Checkpoint:
        if page.next_link is not None:
            return checkpoint.at(page.next_link)
        return checkpoint.in_phase(Phase.ABSENT).with_gone(0)

    def _delta_step(self, checkpoint: Checkpoint, page: ChangePage) -> Step:
        hints = self._hints(page.changes)
        if page.has_unknown_parts:
            # Made and deleted since the last pull: only a batch that was read meanwhile can have met them.
            hints += tuple(Hint(id) for id in self._batches.ids(self._flow.name))
        gone = self._count_gone(self._gone(page), checkpoint.walk.gone)
        news = {c.id: c for c in page.changes if not c.gone and c.id not in self._met}
        self._met |= news.keys()
        told = tuple(news.values())
        if page.delta_link is None:
            after = checkpoint.at(page.next_link).with_gone(gone)
            return Step(hints, after, gone, told, pages=1, gone_parts=page.gone_parts)
        ended = self._walk_ended(checkpoint)
        after = replace(ended, position=Position(Phase.DELTA, delta_link=page.delta_link))
        return Step(hints, after, gone, told, pages=1, caught_up=True, gone_parts=page.gone_parts)

    def _gone(self, page: ChangePage) -> list[str]:
        """The records that a page removes. A document with one deleted header may have others."""
        ids = [change.id for change in page.changes if change.gone]
        existing = self._source.existing(ids) if ids and self._is_of_parts else frozenset()
        return [id for id in ids if id not in existing]

    def _count_gone(self, ids: list[str], so_far: int) -> int:
        """How many linked records the walk removes, these included; a record that has been seen gone is not counted
        again. Links are read only once the lower limit is passed: until then every id counts. A damaged link counts:
        what it says of its target cannot be read."""
        if so_far + len(ids) <= self._limits.gone_limit_count:
            return so_far + len(ids)
        links = self._links.load(self._flow.name, ids).values()
        return so_far + sum(link.damage is not None or (link.linked and link.state not in ENDED) for link in links)

    def _walk_ended(self, checkpoint: Checkpoint) -> Checkpoint:
        return replace(checkpoint.in_phase(Phase.DELTA), walk=Walk(self._new_id()))

    def _look_for_absent(self, checkpoint: Checkpoint) -> Step:
        """Linked records that the full walk did not bring, confirmed by a read: their deletion was not reported."""
        flow = self._flow
        links, after = self._links.page(flow.name, checkpoint.position.cursor or "", ABSENT_PAGE)
        doubtful = (link.id for link in links if may_be_gone(link) and link.seen.epoch != checkpoint.epoch)
        missing = gone_hints(flow, doubtful)
        gone = checkpoint.walk.gone + len(missing)
        if after is None:
            return Step(missing, self._walk_ended(checkpoint), gone)
        return Step(missing, checkpoint.at(after).with_gone(gone), gone)


class FurtherReader(TrackedReader):
    """Follows a further source, whose changes name records of the flow (protocol P2). It needs no walk over everything:
    the first read of the flow's own source reads every record, after this one's delta link is kept."""

    def __init__(
        self,
        flow: Flow,
        feed: Tracked,
        run_id: str,
        name: str,
        *,
        state: State,
        limits: Limits,
        new_id: Callable[[], str],
    ) -> None:
        super().__init__(flow, feed, run_id, state=state, limits=limits, new_id=new_id)
        self._source = feed.further[name]
        self.source_name = name
        self._lost_changes = False

    def begin(self, checkpoint: Checkpoint | None) -> Checkpoint:
        """Where to continue from what was saved; None is the very first run."""
        if checkpoint is not None:
            return checkpoint
        new = self._new_id
        return Checkpoint(self._flow.name, epoch=new(), walk=Walk(new()), source=self.source_name)

    def keep(self, checkpoint: Checkpoint) -> bool:
        """Let every record be read again if changes before a new delta link, and after the refused one, are unknown.
        False if another pull is ahead."""
        if not (self._lost_changes and checkpoint.position.phase is Phase.DELTA):
            return True
        own = self._checkpoints.load(self._flow.name)
        if own is not None and own.position.phase is not Phase.BASELINE:
            again = replace(own.in_phase(Phase.FULL), walk=own.walk.begun_anew(own.walk.id))
            if self._checkpoints.save(again) is None:
                return False
        self._lost_changes = False
        return True

    def _after_baseline(self, checkpoint: Checkpoint, page: ChangePage) -> Checkpoint:
        if page.delta_link is None:
            return checkpoint.at(page.next_link)
        self._lost_changes = True
        return _keeping(page.delta_link, checkpoint.in_phase(Phase.DELTA))


def _keeping(delta_link: str, checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, position=replace(checkpoint.position, delta_link=delta_link))
