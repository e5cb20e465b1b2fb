"""Changes by walking a source without versions and comparing with a snapshot of our own (protocol P3)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from shared.clock import Clock
from shared.records import Change
from shared.state.checkpoint_parts import Phase, Position, Scans, Walk
from shared.state.checkpoints import Checkpoint
from shared.state.control import Control
from shared.state.decided_contents import DecidedContents
from shared.state.links import Link, Links
from shared.state.snapshots import CLOSED, Sight, Snapshot
from shared.state.storage.tables import Table
from shared.sync.flow import Flow, Walked
from shared.sync.hints import Hint, unusable_id
from shared.sync.pull.changes import ABSENT_PAGE, Step, look_at, may_be_gone
from shared.telemetry import log_event


class WalkedReader:
    """Walks by key; satisfies Reader.

    A record is queued again if its digest is neither the last one queued nor the one of a later decision. What a
    complete walk did not meet may be gone: those links are looked up in the source, and only what a read confirms is
    queued. A walk over the open records also queues what is there and has left them.
    """

    saves_each_step = False
    source_name: str | None = None

    def __init__(
        self,
        flow: Flow,
        feed: Walked,
        run_id: str,
        *,
        links: Links,
        control: Control,
        snapshots: Table,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._links = links
        self._control = control
        self._snapshots = snapshots
        self._clock = clock
        self._new_id = new_id
        self._flow = flow
        self._feed = feed
        self._run_id = run_id
        self._snapshot: Snapshot
        self._decided = DecidedContents(links.table, flow.name)

    def begin(self, checkpoint: Checkpoint | None) -> Checkpoint:
        """Where to continue. A walk ignores the snapshot if it is the first, if the mapping has changed since the last
        such walk, or if that one was too long ago."""
        began = self._begun(checkpoint)
        self._snapshot = Snapshot(self._snapshots, self._flow.name, began.walk.id)
        if self._snapshot.is_damaged and not began.walk.ignores_snapshot:
            # An ordinary walk asks only the snapshot what is gone, or has left the open records: the next one reads
            # everything, and looks at every link.
            began = replace(began, scans=replace(began.scans, full_at=None))
        for record in self._decided.take():
            # A walk over the open records does not meet a closed one again.
            left = record.content == CLOSED and self._reads_open(began)
            self._snapshot.correct(record.id, None if left else record.content)
        return began

    def next(self, checkpoint: Checkpoint) -> Step:
        """Read one page."""
        if checkpoint.position.phase is Phase.ABSENT:
            return self._look_for_absent(checkpoint)
        walk_open = self._feed.walk_open if self._reads_open(checkpoint) else None
        page = (walk_open or self._feed.source.walk)(checkpoint.position.cursor)
        hints: list[Hint] = []
        news: list[Change] = []
        for record in page.records:
            sight = self._snapshot.note(record.id, CLOSED if record.closed else record.digest)
            # A record that no message can carry is listed by every walk, as long as it exists.
            if sight is not Sight.SAME or checkpoint.walk.ignores_snapshot or unusable_id(record.id):
                hints.append(Hint(record.id))
            if sight is Sight.CHANGED and not (checkpoint.walk.remapped or self._feed.changes_together):
                news.append(Change(record.id, None))
        if page.last is not None:
            return Step(tuple(hints), checkpoint.at(page.last), news=tuple(news), pages=1)
        return self._walk_ended(checkpoint, tuple(hints), tuple(news))

    def is_news(self, link: Link, change: Change) -> bool:  # noqa: ARG002 - the digests differ
        """Whether a linked record on a page is not as it was seen; its content may be the same."""
        return True

    def forget(self, parts: Sequence[str]) -> None:
        """A walk does not tell of parts."""

    def keep(self, checkpoint: Checkpoint) -> bool:
        """Save what belongs to the checkpoint, before it; False if another pull is ahead."""
        if not self._snapshot.save(finished=checkpoint.position.is_between_walks):
            return False
        self._decided.remove_taken()
        return True

    def _begun(self, checkpoint: Checkpoint | None) -> Checkpoint:
        now, fingerprint = self._clock.now(), self._flow.fingerprint
        if checkpoint is None:
            new = self._new_id
            checkpoint = Checkpoint(self._flow.name, epoch=new(), walk=Walk(new()), position=Position(Phase.WALK))
        checkpoint = self._counted(checkpoint)
        if not checkpoint.position.is_between_walks:
            return checkpoint
        scans, full_every_s = checkpoint.scans, self._feed.full_every_s
        is_remapped = checkpoint.made_for.fingerprint != fingerprint
        if is_remapped or scans.full_at is None or (now - scans.full_at).total_seconds() >= full_every_s:
            log_event("full_walk", flow=self._flow.name, run=self._run_id)
            walk, scans = replace(checkpoint.walk, ignores_snapshot=True), replace(scans, full_at=now)
            return replace(checkpoint, walk=walk, scans=scans).with_mapping(fingerprint)
        return checkpoint

    def _counted(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint, unless a newer one has been saved before. If it was restored, its snapshot is too old to say
        what was queued: every record is evaluated again."""
        control, flow = self._control, self._flow.name
        walks, number = control.flow(flow).walks, checkpoint.scans.number
        if number < walks:
            log_event("checkpoint_restored", flow=flow, run=self._run_id)
            return replace(self._next_walk(checkpoint), scans=Scans(walks + 1))
        if number > walks:
            control.change_flow(flow, lambda now: replace(now, walks=max(now.walks, number)))
        return checkpoint

    def _reads_open(self, checkpoint: Checkpoint) -> bool:
        """Whether a walk reads only the open records."""
        return self._feed.walk_open is not None and not checkpoint.walk.ignores_snapshot

    def _walk_ended(self, checkpoint: Checkpoint, hints: tuple[Hint, ...], news: tuple[Change, ...]) -> Step:
        """A full walk looks at every link: the snapshot itself may have been lost. What a walk over the open records
        has not met may be closed, so it counts as gone only if a read confirms it."""
        unseen, known = self._snapshot.unseen, self._snapshot.known
        if unseen or checkpoint.walk.ignores_snapshot:
            gone = 0 if self._reads_open(checkpoint) else unseen
            return Step(hints, checkpoint.in_phase(Phase.ABSENT), gone=gone, news=news, known=known, pages=1)
        return Step(hints, self._next_walk(checkpoint), news=news, pages=1, caught_up=True)

    def _next_walk(self, checkpoint: Checkpoint) -> Checkpoint:
        scans = replace(checkpoint.scans, number=checkpoint.scans.number + 1)
        return replace(checkpoint.in_phase(Phase.WALK), walk=Walk(self._new_id()), scans=scans)

    def _look_for_absent(self, checkpoint: Checkpoint) -> Step:
        flow = self._flow
        links, after = self._links.page(flow.name, checkpoint.position.cursor or "", ABSENT_PAGE)
        reads_open, snapshot = self._reads_open(checkpoint), self._snapshot
        # Of records that are closed for long the snapshot knows nothing, and a walk over the open ones does not ask.
        is_doubtful = snapshot.missed if reads_open else lambda id: not snapshot.saw(id)
        looked = look_at(flow, [link.id for link in links if may_be_gone(link) and is_doubtful(link.id)])
        hints = (*looked.gone, *(looked.left if reads_open else ()))
        gone, known = checkpoint.walk.gone + len(looked.gone), snapshot.known or None
        if after is None:
            return Step(hints, self._next_walk(checkpoint), gone, known=known, caught_up=True)
        return Step(hints, checkpoint.at(after).with_gone(gone), gone, known=known)
