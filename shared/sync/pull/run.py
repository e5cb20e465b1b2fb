"""Pull: find out which records changed and queue hints. It never writes to a target (protocol P1 to P5).

How the changes are found depends on the source: `tracked.py` follows Dataverse's change tracking, `walked.py` walks a
source without versions. What both have in common is here: gate, environment, thresholds, sending, checkpoint.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.clock import Clock
from shared.errors import LinkRefused, NotSent, SchemaDrift, SystemTrouble
from shared.state.checkpoint_parts import Phase
from shared.state.checkpoints import Checkpoint
from shared.state.control import BlockKind, Control
from shared.state.runs import Run
from shared.state.storage.queues import Queues
from shared.state.storage.tables import key_order
from shared.sync.environment import Environment
from shared.sync.failure_list import Listing
from shared.sync.flow import Flow, Tracked, Walked
from shared.sync.gates import Gates
from shared.sync.hints import Hint, Why, messages, unusable_id
from shared.sync.limits import Limits
from shared.sync.pull.changes import Reader, Step
from shared.sync.pull.thresholds import Measured, Thresholds
from shared.sync.pull.tracked import FurtherReader, TrackedReader
from shared.sync.pull.walked import WalkedReader
from shared.sync.state import State
from shared.telemetry import log_event

MAX_PAGES = 10_000
# If a page has more than so many messages, they begin with a small one. Messages of documents take long by their lines.
_FEW_MESSAGES, _FEW_OF_DOCUMENTS, _FIRST_HINTS = 2, 1, 50


@dataclass(frozen=True, slots=True)
class Held:
    """What a further source of a flow reports last, which waits for the first page of the flow's own source: a document
    of which header and lines have changed is then queued once. Until it is queued, its checkpoint is not saved."""

    reader: Reader
    step: Step
    checkpoint: Checkpoint


class PullEnd(StrEnum):
    """How a pull ended."""

    CAUGHT_UP = "caught_up"
    OUT_OF_TIME = "out_of_time"
    OVERTAKEN = "overtaken"
    BLOCKED = "blocked"
    TROUBLE = "trouble"


class Pull:
    """One timer invocation of one flow, as `control`, the control rows at its beginning, wants it."""

    def __init__(
        self,
        flow: Flow,
        run_id: str,
        *,
        control: Control,
        gates: Gates,
        environment: Environment,
        state: State,
        queues: Queues,
        clock: Clock,
        limits: Limits,
        new_id: Callable[[], str],
    ) -> None:
        self._flow = flow
        self._control = control
        self._gates = gates
        self._environment = environment
        self._state = state
        self._queues = queues
        self._clock = clock
        self._limits = limits
        self._new_id = new_id
        self._run_id = run_id
        self._ended = PullEnd.TROUBLE
        self._counts: Counter[str] = Counter()
        self._held: list[Held] = []
        self._thresholds = Thresholds(flow, state=state, clock=clock, limits=limits)

    def run(self) -> None:
        """Read pages and queue hints until caught up, out of time, or closed.

        Raises OperatorNeeded if the source has refused its own links too often.
        """
        closed = self._gates.closed_for_pull(self._flow, self._control)
        if closed is not None:
            log_event("pull_skipped", flow=self._flow.name, run=self._run_id, reason=closed.reason)
            return
        started, began = self._clock.now(), self._clock.monotonic()
        try:
            self._flow = self._with_basis()
            self._ended = self._pull(began + self._limits.pull_budget_s)
        except NotSent:
            # What this step has queued already is queued again at the next tick.
            self._ended = PullEnd.OUT_OF_TIME
        except SystemTrouble as trouble:
            self._gates.meet(trouble, self._flow, run=self._run_id)
            if isinstance(trouble, SchemaDrift):
                self._ended = PullEnd.BLOCKED
            if isinstance(trouble.__cause__, LinkRefused):
                raise
        finally:
            seconds = self._clock.monotonic() - began
            self._tell(seconds)
        if self._counts:
            self._state.runs.add(Run(self._flow.name, "pull", self._run_id, started, seconds, self._counts))

    def _with_basis(self) -> Flow:
        """The flow as of now. While the target does not answer the look-ups of the mapping, the source is read all the
        same (hints may queue up), with what is known about the target."""
        flow, now = self._flow, self._clock.now()
        if flow.lookup is None or flow.lookup.system is flow.source_system:
            return flow.as_of(now)
        if self._gates.closed(flow.lookup.system) is None:
            try:
                return flow.as_of(now)
            except SchemaDrift:
                raise
            except SystemTrouble as trouble:
                self._gates.close(trouble)
        self._thresholds.blind = True
        checkpoint = self._state.checkpoints.load(flow.name)
        return flow if checkpoint is None else flow.as_read_for(checkpoint.made_for.fingerprint)

    def _tell(self, seconds: float) -> None:
        counts = {name: self._counts[name] for name in ("pages", "hints")}
        ms = round(seconds * 1000)
        log_event("pull_run", flow=self._flow.name, run=self._run_id, ended=str(self._ended), ms=ms, **counts)

    def _pull(self, deadline: float) -> PullEnd:
        if self._environment_changed():
            return PullEnd.BLOCKED
        batches, flow = self._state.batches, self._flow
        # Nobody works on these batches any more, and this pull reports what has been deleted meanwhile.
        ended_before = batches.older_than(flow.name, self._limits.claim_live_s) if flow.has_parts else []
        ended = self._read_all(deadline)
        # The flow's own source did not come that far.
        if not self._send_held():
            return PullEnd.OVERTAKEN
        if ended is PullEnd.CAUGHT_UP:
            batches.remove(ended_before)
        return ended

    def _read_all(self, deadline: float) -> PullEnd:
        for number, reader in enumerate(self._readers()):
            if number and self._clock.monotonic() >= deadline:
                return PullEnd.OUT_OF_TIME
            ended = self._read(reader, deadline)
            if ended is not PullEnd.CAUGHT_UP:
                return ended
        return PullEnd.CAUGHT_UP

    def _read(self, reader: Reader, deadline: float) -> PullEnd:
        """Read a source up to now, as far as time and limits allow."""
        checkpoint = self._begin(reader)
        if checkpoint is None:
            return PullEnd.OVERTAKEN
        for _ in range(MAX_PAGES):
            step = reader.next(checkpoint)
            self._counts["pages"] += step.pages
            measured = self._thresholds.measure(reader, checkpoint, step, deadline)
            if measured.excess:
                reason = f"{measured.excess} in walk {checkpoint.walk.id}; {self._what_helps()}"
                self._block(BlockKind.THRESHOLD, reason, checkpoint.walk.id, measured)
                return PullEnd.BLOCKED
            # A look at the next page may take as long as any before.
            done = step.caught_up or self._clock.monotonic() + self._thresholds.longest_s >= deadline
            changed = measured.changed if step.after.walk.id == checkpoint.walk.id else 0
            after = replace(step.after, etag=checkpoint.etag).with_changed(changed)
            if step.caught_up:
                after = replace(after, current_at=self._clock.now())
            if step.caught_up and reader.source_name is not None and checkpoint.position.is_between_walks:
                self._held.append(Held(reader, step, after))
                return PullEnd.CAUGHT_UP
            self._send(step, reader, _why(checkpoint))
            reader.forget(step.gone_parts)
            if not self._save_held():
                return PullEnd.OVERTAKEN
            checkpoint = after
            if done or reader.saves_each_step:
                saved = self._save(checkpoint) if reader.keep(checkpoint) else None
                if saved is None:
                    return PullEnd.OVERTAKEN
                checkpoint = saved
            if done:
                return PullEnd.CAUGHT_UP if step.caught_up else PullEnd.OUT_OF_TIME
        return PullEnd.OUT_OF_TIME

    def _begin(self, reader: Reader) -> Checkpoint | None:
        """Where to continue. A new walk, above all its mapping, is stored before anything of it is sent: so an instance
        with the former mapping knows that it is superseded, and an operator can accept the walk. None if another pull
        is ahead."""
        loaded = self._state.checkpoints.load(self._flow.name, reader.source_name)
        checkpoint = reader.begin(loaded)
        if checkpoint.current_at is None:
            checkpoint = replace(checkpoint, current_at=self._clock.now())
        return checkpoint if checkpoint == loaded else self._save(checkpoint)

    def _readers(self) -> list[Reader]:
        """The sources of the flow, its own last: by then the delta links of the others are kept, and report what
        changes in them while every record is read."""
        flow, run_id, new_id, state = self._flow, self._run_id, self._new_id, self._state
        match flow.feed:
            case Tracked() as feed:
                limits = self._limits
                further = [
                    FurtherReader(flow, feed, run_id, name, state=state, limits=limits, new_id=new_id)
                    for name in feed.further
                ]
                return [*further, TrackedReader(flow, feed, run_id, state=state, limits=limits, new_id=new_id)]
            case Walked() as feed:
                walking = WalkedReader(
                    flow,
                    feed,
                    run_id,
                    links=state.links,
                    control=state.control,
                    snapshots=state.snapshots,
                    clock=self._clock,
                    new_id=new_id,
                )
                return [walking]

    def _save(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """Save how far the walk has come; None if another pull is ahead."""
        etag = self._state.checkpoints.save(checkpoint)
        return None if etag is None else replace(checkpoint, etag=etag)

    def _environment_changed(self) -> bool:
        change = self._environment.change(self._flow.name)
        if change:
            self._block(BlockKind.ENVIRONMENT, change)
        return bool(change)

    def _what_helps(self) -> str:
        name = self._flow.name
        return (
            f"look at the source (`p2c reconcile {name}` names the records), then `p2c accept {name}`, or correct it "
            f"and `p2c unblock {name}`"
        )

    def _send(self, step: Step, reader: Reader, why: Why) -> None:
        """Queue the hints of a step. A record that a held source has named as well is named once."""
        held = {hint.id for each in self._held for hint in each.step.hints}
        named = {hint.id for hint in step.hints}
        # What was seen counts in the epoch of the records' own source.
        epoch = step.after.epoch if reader.source_name is None else None
        self._queue([Hint(id) for id in held - named], None)
        self._queue([Hint(hint.id) if hint.id in held else hint for hint in step.hints], epoch, why)

    def _send_held(self) -> bool:
        """Queue what is held, and save how far its sources are read; False if another pull is ahead."""
        self._queue(list({hint.id: hint for each in self._held for hint in each.step.hints}.values()), None)
        return self._save_held()

    def _save_held(self) -> bool:
        """Save how far the held sources are read, now that their hints are sent; False if another pull is ahead."""
        held, self._held = self._held, []
        for each in held:
            each.reader.forget(each.step.gone_parts)
            if not each.reader.keep(each.checkpoint) or self._save(each.checkpoint) is None:
                return False
        return True

    def _queue(self, hints: Sequence[Hint], epoch: str | None, why: Why = Why.CHANGE) -> None:
        limit = self._limits.hints_per_message
        # The links of a message lie side by side in storage, and are read at once.
        usable = sorted((hint for hint in hints if not unusable_id(hint.id)), key=lambda hint: key_order(hint.id))
        # A host has several messages in hand. If the first ones are of one size, nothing is written before all of them
        # are read and planned.
        few = _FEW_OF_DOCUMENTS if self._flow.has_parts else _FEW_MESSAGES
        first = _FIRST_HINTS if len(usable) > few * limit else limit
        for message in messages(self._flow.name, self._run_id, usable, limit, first=first, epoch=epoch, why=why):
            self._queues.send(self._flow.name, message.to_body())
        if len(usable) < len(hints):
            unusable = (hint.id for hint in hints if unusable_id(hint.id))
            Listing(self._flow, self._run_id, failures=self._state.failures, clock=self._clock).unusable(unusable)
        if hints:
            self._counts["hints"] += len(usable)

    def _block(self, kind: BlockKind, reason: str, walk: str = "", shown: Measured | None = None) -> None:
        gone, changed = (shown.gone, shown.shown_changed) if shown is not None else (0, 0)
        self._state.control.change_flow(
            self._flow.name, lambda now: now.block(kind, reason, walk, gone=gone, changed=changed)
        )
        log_event("flow_blocked", flow=self._flow.name, run=self._run_id, kind=kind, reason=reason)


def _why(checkpoint: Checkpoint) -> Why:
    """Why the records of its next page are looked at: those that are gone are never so because of a mapping."""
    is_remapping = checkpoint.walk.remapped and checkpoint.position.phase is not Phase.ABSENT
    return Why.AGAIN if is_remapping else Why.CHANGE
