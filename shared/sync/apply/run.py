"""Apply: claim the records that a message names, read what they are now, write what differs, commit every outcome.

The order of the steps is the protocol's (A1 to A11): gate, load, claim, read, judge, own keys, compare, write,
commit, follow-ups. The host deletes the message after the function has returned.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from shared.errors import NotSent, StateUnreadable, StorageTrouble, SystemTrouble
from shared.state.links import LinkState
from shared.state.runs import Run
from shared.sync.apply.claim import BUSY_DELAY_S, Claimed, Claiming
from shared.sync.apply.commit import Committing
from shared.sync.apply.crashed import list_crashed
from shared.sync.apply.judge import Judging
from shared.sync.apply.keys import Owning
from shared.sync.apply.send import Writing
from shared.sync.apply.settle import return_to_former_targets, settle_intents
from shared.sync.apply.work import Kind, Work
from shared.sync.failure_list import Listing
from shared.sync.flow import Flow, Tracked
from shared.sync.gates import Closed, Gates
from shared.sync.hints import Hint, HintMessage, messages, read_message
from shared.sync.parts import Parts, hold_queue
from shared.telemetry import log_event, tell_trouble

# A gate that opens sooner than this is waited for in the flow's own queue: the sweep would take longer.
_SOON_S = 300.0
# What comes back after trouble, though the gate is open, must not go round at full speed.
_RESENT_DELAY_S = 5.0
_SUPERSEDED_DELAY_S = 60.0
_STORAGE_DELAY_S = 60.0
# Children are released after the work, within this share of its time.
_RELEASING = 1.4


@dataclass(slots=True)
class Batch:
    """What one message became."""

    works: list[Work] = field(default_factory=list)
    again: list[Work] = field(default_factory=list)


class Apply:
    """One queue invocation of one flow."""

    def __init__(self, parts: Parts, flow: Flow, gates: Gates, run_id: str) -> None:
        self._parts = parts
        self._flow = flow
        self._gates = gates
        self._run_id = run_id
        self._claim_id = parts.new_id()
        self._began = parts.clock.monotonic()
        self._sent_back_at_once = parts.limits.hints_per_message

    def run(self, body: str) -> None:
        """Apply one message.

        When a table fails, the message is sent again, so that an outage of hours is no poison of its records. Raises
        HintUnreadable for a body that is no hint, and StorageTrouble when the queue fails as well: the message then
        comes back by its dequeue count.
        """
        message = read_message(body)
        try:
            self._run(message, body)
        except StorageTrouble as trouble:
            again = replace(message, ended=self._claim_id).to_body()
            self._parts.queues.send(self._flow.name, again, delay_s=_STORAGE_DELAY_S)
            tell_trouble(trouble, flow=self._flow.name, run=self._run_id)

    def _run(self, message: HintMessage, body: str) -> None:
        closed = self._closed()
        if closed is not None:
            queue, delay_s = self._place_to_wait(closed)
            self._parts.queues.send(queue, body, delay_s=delay_s)
            return
        started, began = self._parts.clock.now(), self._parts.clock.monotonic()
        if not self._know_the_basis():
            queue, delay_s = self._place_of_undecided()
            self._parts.queues.send(queue, body, delay_s=delay_s)
            return
        claimed = Claiming(self._parts, self._flow, self._claim_id).claim(message)
        # Its own row cannot be read: that is this one record's failure.
        Listing(self._parts, self._flow, self._run_id).damaged(claimed.damaged)
        batch = Batch(claimed.works)
        if batch.works:
            list_crashed(self._parts, batch.works)
            if undecided := [work for work in batch.works if work.outcome is None]:
                self._work(undecided, began)
            committing = Committing(self._parts, self._flow, message, self._claim_id, self._run_id)
            batch.again = committing.commit(batch.works)
        self._follow_up(message, claimed, batch)
        self._report(message, claimed, batch, Run(self._flow.name, "apply", self._run_id, started, 0.0, {}), began)

    def _know_the_basis(self) -> bool:
        """What the mapping looks up belongs to it: the links that this invocation commits say what they were made
        with. False when the small tables cannot be read."""
        try:
            self._flow = self._flow.as_of(self._parts.clock.now())
        except NotSent:
            return False
        except SystemTrouble as trouble:
            self._gates.meet(trouble, self._flow, run=self._run_id)
            return False
        return True

    def _closed(self) -> Closed | None:
        closed = self._gates.closed_for_apply(self._flow)
        if closed is None and (change := self._parts.environment.change_by_settings(self._flow.name)):
            closed = Closed(change)
        if closed is not None:
            log_event("message_held", flow=self._flow.name, run=self._run_id, reason=closed.reason)
        return closed

    def _place_to_wait(self, closed: Closed) -> tuple[str, float]:
        """The queue and the delay for what meets a closed gate: the own queue when it opens soon, else the hold queue
        until the sweep finds it open (protocol A1)."""
        if closed.opens_in_s is None or closed.opens_in_s > _SOON_S:
            return hold_queue(self._flow.name), 0.0
        return self._flow.name, max(float(math.ceil(closed.opens_in_s)), _RESENT_DELAY_S)

    def _work(self, works: Sequence[Work], began: float) -> None:
        judging = Judging(self._parts, self._flow)
        not_after = began + self._parts.limits.run_budget_s
        writing = Writing(self._parts, self._flow, judging, self._gates, run_id=self._run_id, not_after=not_after)
        try:
            rows = self._flow.source.read([work.id for work in works])
            if isinstance(self._flow.feed, Tracked):
                # A part that was made since the last pull, and is deleted before the next one, is known only from here.
                self._flow.feed.remember_parts(rows.values())
            for work in works:
                work.row = rows.get(work.id)
            settle_intents(self._parts, self._flow, works)
            self._confirm_inherited(works, judging)
            return_to_former_targets(works)
            judging.judge([work for work in works if work.outcome is None])
            writing.write([work for work in works if work.outcome is None])
        except NotSent:
            # So many records cannot be read in time: they come back in smaller messages.
            self._sent_back_at_once = max(1, len(works) // 2)
            self._retry_undecided(works)
        except SystemTrouble as trouble:
            # Nothing of the undecided records has been sent: writes report their own troubles one by one.
            self._gates.meet(trouble, self._flow, run=self._run_id, record=works[0].id)
            self._retry_undecided(works)

    def _confirm_inherited(self, works: Sequence[Work], judging: Judging) -> None:
        """Whoever died in the middle of it has left its claim."""
        for work in works:
            for route in {left.route for left in work.link.former if left.inherited and not work.trusted}:
                Owning(self._parts, self._flow, self._flow.route(route), judging).confirm(work)

    def _retry_undecided(self, works: Sequence[Work]) -> None:
        for work in works:
            if work.outcome is None:
                work.retry()

    def _follow_up(self, message: HintMessage, claimed: Claimed, batch: Batch) -> None:
        for delay_s, hints in claimed.busy.items():
            self._send(self._flow.name, message.epoch, hints, delay_s, ended=message.ended)
        self._send(self._flow.name, message.epoch, claimed.alone, 0, at_once=1)
        if batch.again:
            self._send(self._flow.name, None, [Hint(work.id) for work in batch.again], BUSY_DELAY_S)
        lost = {work.id for work in batch.again}
        kept = [work for work in batch.works if work.id not in lost]
        self._send_back(message, kept)
        self._tell_of_another_mapping(claimed.skipped, kept)
        self._release_children(kept)
        self._look_once_more(kept)

    def _send_back(self, message: HintMessage, works: Sequence[Work]) -> None:
        """Records that are not decided come back: after their delay, or when the gate opens."""
        delays: dict[float | None, list[Hint]] = defaultdict(list)
        for work in works:
            outcome = work.outcome
            if outcome is not None and outcome.kind is Kind.RETRIED:
                delays[outcome.delay_s].append(work.hint)
            elif outcome is not None and outcome.kind is Kind.UNSETTLED:
                delays[outcome.delay_s].append(Hint(work.id))
        for delay_s, hints in delays.items():
            queue, wait_s = (self._flow.name, delay_s) if delay_s is not None else self._place_of_undecided()
            self._send(queue, message.epoch, hints, wait_s, at_once=self._sent_back_at_once)

    def _place_of_undecided(self) -> tuple[str, float]:
        closed = self._gates.closed_for_apply(self._flow)
        return (self._flow.name, _RESENT_DELAY_S) if closed is None else self._place_to_wait(closed)

    def _tell_of_another_mapping(self, skipped: Sequence[Hint], works: Sequence[Work]) -> None:
        """What was committed with another mapping than that of the last walk must not stay so. Told after the commit:
        a walk or a look that begins later finds it, and a worker that dies before it leaves the message to another.

        After a deployment an instance with the former mapping may take a message of the new walk: it leaves its records
        to the new ones, since the pull has noted the new mapping before it sent that message. A mapping of which no
        walk knows is a new one, or was taken back: the next walk, or the sweep's look at the links, says which."""
        ids = [hint.id for hint in skipped] + [work.id for work in works if work.is_decided]
        try:
            checkpoint = self._parts.state.checkpoints.load(self._flow.name)
        except StateUnreadable:
            # The pull tells it, and reads everything anew once it is gone.
            return
        if not ids or checkpoint is None or checkpoint.fingerprint in (None, self._flow.fingerprint):
            return
        if self._flow.fingerprint in checkpoint.superseded:
            self._send(self._flow.name, None, [Hint(id) for id in ids], _SUPERSEDED_DELAY_S)
        else:
            self._parts.state.control.ask_to_look_again(self._flow.name)

    def _release_children(self, works: Sequence[Work]) -> None:
        """A parent that got linked, or is filtered now, sends the children that wait for it (protocol W1)."""
        released: dict[str, set[str]] = defaultdict(set)
        for work in works:
            for route in self._routes_that_release(work):
                released[route].add(work.id)
        waits = self._parts.state.waits
        for flow in self._parts.dependents(self._flow.name):
            children: dict[str, None] = {}
            for route, parents in released.items():
                children |= dict.fromkeys(waits.of_parents(flow.name, self._flow.name, route, parents))
            released_children = self._send_in_time(flow, [Hint(child, released=True) for child in children])
            if released_children:
                log_event(
                    "waiting_released", flow=flow.name, run=self._run_id, by=self._flow.name, records=released_children
                )

    def _send_in_time(self, flow: Flow, hints: Sequence[Hint]) -> int:
        """Send the records of another flow; how many there was time for. The sweep finds the others."""
        not_after = self._began + _RELEASING * self._parts.limits.run_budget_s
        sent = 0
        for message in messages(flow.name, self._run_id, hints, self._parts.limits.hints_per_message):
            if self._parts.clock.monotonic() >= not_after:
                break
            self._parts.queues.send(flow.name, message.to_body())
            sent += len(message.hints)
        return sent

    def _routes_that_release(self, work: Work) -> Iterable[str]:
        """The routes on which a record's children may move now: the one on which it got linked, or all of them when it
        is filtered or has ended now."""
        outcome = work.outcome
        if outcome is None:
            return ()
        is_off = outcome.kind in (Kind.FILTERED, Kind.ENDED)
        if is_off and work.was_state not in (LinkState.FILTERED, LinkState.ENDED):
            return self._flow.routes
        link = outcome.link
        newly = link.linked and not (work.was_linked and work.was_route == link.route)
        return (link.route,) if newly and link.route is not None else ()

    def _look_once_more(self, works: Sequence[Work]) -> None:
        """A parent may have been committed between our look and our parking: then nobody else sends the child."""
        parked = [work for work in works if work.outcome is not None and work.outcome.waits]
        parents = Judging(self._parts, self._flow).load_parents({p for work in parked for p in work.parents})
        moved = [
            Hint(work.id, released=True)
            for work in parked
            if work.outcome is not None
            and work.outcome.kind is Kind.WAITING
            and all(
                parents[parent].key_on(parent.route) is not None or parents[parent].keeps_off(parent.route)
                for parent in work.parents
            )
        ]
        self._send(self._flow.name, None, moved, 0)

    def _send(
        self,
        queue: str,
        epoch: str | None,
        hints: Sequence[Hint],
        delay_s: float,
        *,
        at_once: int | None = None,
        ended: str | None = None,
    ) -> None:
        limit = at_once or self._parts.limits.hints_per_message
        for message in messages(self._flow.name, self._run_id, hints, limit, epoch=epoch, ended=ended):
            self._parts.queues.send(queue, message.to_body(), delay_s=delay_s)

    def _report(self, message: HintMessage, claimed: Claimed, batch: Batch, run: Run, began: float) -> None:
        counts: Counter[str] = Counter(work.outcome.kind for work in batch.works if work.outcome)
        counts[Kind.REJECTED] += len(claimed.damaged)
        counts["skipped"] += len(claimed.skipped)
        counts["alone"] += len(claimed.alone)
        counts["busy"] += sum(map(len, claimed.busy.values()))
        counts["overtaken"] += len(batch.again)
        counts["read"] += sum(work.row is not None for work in batch.works)
        counts = +counts
        seconds = self._parts.clock.monotonic() - began
        self._parts.state.runs.add(Run(run.flow, run.kind, run.id, run.started, seconds, counts))
        log_event("batch_applied", flow=run.flow, run=run.id, sent_by=message.run, ms=round(seconds * 1000), **counts)
        for work in batch.works:
            if work.outcome is not None and work.outcome.failure is not None:
                log_event("record_rejected", flow=run.flow, run=run.id, id=work.id, cause=work.outcome.reason)
