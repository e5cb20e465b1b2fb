"""Pull: find out which records changed and queue hints. It never writes to a target (protocol P1, P2, P4, P5)."""

from collections import Counter
from dataclasses import dataclass, replace

from shared.errors import LinkRefused, OperatorNeeded, SystemTrouble, Transient
from shared.records import Change, ChangePage
from shared.state.checkpoints import Checkpoint, Phase
from shared.state.links import LinkState
from shared.state.runs import Run
from shared.sync.flow import Flow
from shared.sync.gates import Gates
from shared.sync.hints import Hint, HintMessage, in_chunks
from shared.sync.parts import Parts
from shared.telemetry import log_event

MAX_PAGES = 10_000
_ABSENT_PAGE = 500


@dataclass(frozen=True, slots=True)
class Step:
    """One page read: what to queue, and the checkpoint that is true once it is queued.

    `gone` and `changed` count the walk so far, this page included.
    """

    hints: tuple[Hint, ...]
    after: Checkpoint
    gone: int = 0
    changed: int = 0
    caught_up: bool = False


class Pull:
    """One timer invocation of one flow."""

    def __init__(self, parts: Parts, flow: Flow, gates: Gates) -> None:
        self._parts = parts
        self._flow = flow
        self._gates = gates
        self._run_id = parts.new_id()
        self._counts: Counter[str] = Counter()

    def run(self) -> None:
        """Read pages and queue hints until caught up, out of time, or closed.

        Raises OperatorNeeded when the source has refused its own links too often.
        """
        reason = self._gates.closed_for_pull(self._flow)
        if reason:
            log_event("pull_skipped", flow=self._flow.name, reason=reason)
            return
        started, began = self._parts.clock.now(), self._parts.clock.monotonic()
        try:
            self._pull(began + self._parts.limits.pull_budget_s)
        except SystemTrouble as trouble:
            self._gates.close(trouble)
            if isinstance(trouble.__cause__, LinkRefused):
                raise
        finally:
            log_event("pull_run", flow=self._flow.name, run=self._run_id, **self._counts)
        seconds = self._parts.clock.monotonic() - began
        if self._counts:
            self._parts.state.runs.add(Run(self._flow.name, "pull", self._run_id, started, seconds, self._counts))

    def _pull(self, deadline: float) -> None:
        if self._environment_changed():
            return
        checkpoint = self._load()
        for _ in range(MAX_PAGES):
            step = self._next(checkpoint)
            excess = self._excess(checkpoint, step)
            if excess:
                self._block(f"{excess} in one walk; look at the source, then accept the walk {checkpoint.walk}")
                return
            self._send(step)
            etag = self._parts.state.checkpoints.save(step.after)
            if etag is None:
                log_event("pull_overtaken", flow=self._flow.name, run=self._run_id)
                return
            checkpoint = replace(step.after, etag=etag)
            if step.caught_up or self._parts.clock.monotonic() >= deadline:
                return

    def _environment_changed(self) -> bool:
        change = self._parts.environment.change()
        if change:
            self._block(f"the environment changed: {change}")
        return bool(change)

    def _load(self) -> Checkpoint:
        flow = self._flow
        checkpoint = self._parts.state.checkpoints.load(flow.name)
        if checkpoint is None:
            new = self._parts.new_id
            return Checkpoint(flow.name, epoch=new(), walk=new(), fingerprint=flow.mapper.fingerprint)
        idle = checkpoint.phase is Phase.DELTA and checkpoint.cursor is None
        if idle and checkpoint.fingerprint != flow.mapper.fingerprint:
            log_event("mapping_changed", flow=flow.name, run=self._run_id)
            return replace(checkpoint, phase=Phase.FULL, fingerprint=flow.mapper.fingerprint)
        return checkpoint

    def _next(self, checkpoint: Checkpoint) -> Step:
        if checkpoint.phase is Phase.ABSENT:
            return self._look_for_absent(checkpoint)
        try:
            page = self._fetch(checkpoint)
        except LinkRefused as refused:
            return Step((), self._restarted(checkpoint, refused))
        self._counts["pages"] += 1
        if checkpoint.phase is not Phase.FULL and page.next_link is None and page.delta_link is None:
            text = f"{self._flow.name}: a tracked page came with neither a next link nor a delta link"
            raise Transient(self._flow.source_system, text)
        match checkpoint.phase:
            case Phase.BASELINE:
                return Step((), self._after_baseline(checkpoint, page))
            case Phase.FULL:
                return Step(_hints(page.changes), self._after_full(checkpoint, page))
        return self._delta_step(checkpoint, page)

    def _fetch(self, checkpoint: Checkpoint) -> ChangePage:
        source = self._flow.source
        if checkpoint.cursor is not None:
            return source.follow(checkpoint.cursor)
        match checkpoint.phase:
            case Phase.BASELINE:
                return source.track_changes()
            case Phase.FULL:
                return source.list_rows()
        if checkpoint.delta_link is None:
            raise LinkRefused("no delta link is kept")
        return source.follow(checkpoint.delta_link)

    def _restarted(self, checkpoint: Checkpoint, refused: LinkRefused) -> Checkpoint:
        restarts = checkpoint.restarts + 1
        log_event("link_refused", flow=self._flow.name, run=self._run_id, phase=checkpoint.phase, restarts=restarts)
        again = replace(checkpoint, cursor=None, restarts=restarts, gone=0, changed=0, walk=self._parts.new_id())
        if checkpoint.phase is Phase.DELTA and checkpoint.cursor is None:
            again = replace(again, phase=Phase.BASELINE, delta_link=None, epoch=self._parts.new_id())
        if restarts >= self._parts.limits.max_restarts:
            self._parts.state.checkpoints.save(again)
            raise OperatorNeeded(
                self._flow.source_system,
                f"{self._flow.name}: {self._flow.source_system} has refused its own links {restarts} times in a row "
                f"({refused}); the walk begins anew at each tick, look at the source's health",
            ) from refused
        return again

    def _after_baseline(self, checkpoint: Checkpoint, page: ChangePage) -> Checkpoint:
        if page.delta_link is None:
            return replace(checkpoint, cursor=page.next_link)
        return replace(checkpoint, phase=Phase.FULL, cursor=None, delta_link=page.delta_link)

    def _after_full(self, checkpoint: Checkpoint, page: ChangePage) -> Checkpoint:
        if page.next_link is not None:
            return replace(checkpoint, cursor=page.next_link)
        return replace(checkpoint, phase=Phase.ABSENT, cursor=None, gone=0)

    def _delta_step(self, checkpoint: Checkpoint, page: ChangePage) -> Step:
        hints = _hints(page.changes)
        gone = self._known([c.id for c in page.changes if c.gone], checkpoint.gone)
        changed = self._known([c.id for c in page.changes if not c.gone], checkpoint.changed)
        if page.delta_link is None:
            after = replace(checkpoint, cursor=page.next_link, gone=gone, changed=changed)
            return Step(hints, after, gone, changed)
        after = replace(self._walk_ended(checkpoint), delta_link=page.delta_link, restarts=0)
        return Step(hints, after, gone, changed, caught_up=True)

    def _known(self, ids: list[str], so_far: int) -> int:
        """How many linked records a walk meets, `ids` included. Links are asked only once the lower limit is
        passed: until then every id counts as one of a linked record."""
        if so_far + len(ids) <= self._parts.limits.gone_limit_count:
            return so_far + len(ids)
        links = self._parts.state.links.load(self._flow.name, self._flow.route, ids)
        return so_far + sum(link.linked for link in links.values())

    def _walk_ended(self, checkpoint: Checkpoint) -> Checkpoint:
        new = replace(checkpoint, cursor=None, gone=0, changed=0, walk=self._parts.new_id())
        return replace(new, phase=Phase.DELTA)

    def _look_for_absent(self, checkpoint: Checkpoint) -> Step:
        """Linked records that the full walk did not bring, confirmed by a read: their deletion fell into a gap."""
        flow = self._flow
        links, after = self._parts.state.links.page(flow.name, flow.route, checkpoint.cursor or "", _ABSENT_PAGE)
        ended = (LinkState.DELETED, LinkState.NEW)
        doubtful = [link.id for link in links if link.state not in ended and link.seen_epoch != checkpoint.epoch]
        existing = flow.source.existing(doubtful) if doubtful else frozenset()
        missing = tuple(Hint(id) for id in doubtful if id not in existing)
        gone = checkpoint.gone + len(missing)
        if after is None:
            return Step(missing, self._walk_ended(checkpoint), gone)
        return Step(missing, replace(checkpoint, cursor=after, gone=gone), gone)

    def _excess(self, checkpoint: Checkpoint, step: Step) -> str:
        """What the walk would take away or change beyond the limits (protocol P4), empty when nothing."""
        floor = self._parts.limits.gone_limit_count
        if max(step.gone, step.changed) <= floor:
            return ""
        if self._parts.state.control.flow(self._flow.name).accepted_walk == checkpoint.walk:
            return ""
        linked = self._parts.state.links.count_linked(self._flow.name, self._flow.route)
        if step.gone > max(floor, linked * self._parts.limits.gone_limit_percent // 100):
            return f"{step.gone} of {linked} linked records would be gone"
        if step.changed > max(floor, linked * self._parts.limits.change_limit_percent // 100):
            return f"{step.changed} of {linked} linked records would change"
        return ""

    def _send(self, step: Step) -> None:
        limits = self._parts.limits
        for chunk in in_chunks(step.hints, limits.hints_per_message):
            message = HintMessage(self._flow.name, self._run_id, chunk, step.after.epoch)
            self._parts.queues.send(self._flow.name, message.to_body())
        if step.hints:
            self._counts["hints"] += len(step.hints)

    def _block(self, reason: str) -> None:
        control = self._parts.state.control.flow(self._flow.name)
        self._parts.state.control.save_flow(replace(control, blocked=reason))
        log_event("flow_blocked", flow=self._flow.name, run=self._run_id, reason=reason)


def _hints(changes: tuple[Change, ...]) -> tuple[Hint, ...]:
    return tuple(Hint(change.id, None if change.gone else change.version) for change in changes)
