"""Apply: claim the records that a message names, read what they are now, write what differs, commit every outcome.

The order of the stages is the protocol's (A1 to A11): gate, claim, read, settle, judge, plan, note, own keys, send,
read the answers, commit, follow-ups. Those from the read to the plan are in `planning.py`. Each takes what the one
before has left undecided. The host deletes the message after the function has returned.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from shared.clock import Clock
from shared.errors import NotSent, StorageTrouble, SystemTrouble
from shared.state.runs import Run
from shared.state.storage.queues import Queues
from shared.sync.apply.answers import blame_for, read_answers
from shared.sync.apply.batch import Batch
from shared.sync.apply.claim import Claimed, Claiming
from shared.sync.apply.commit import Committed, Committing
from shared.sync.apply.crashed import list_crashed
from shared.sync.apply.follow_up import FollowUp, place_of_undecided, place_to_wait
from shared.sync.apply.keys import own
from shared.sync.apply.note import note
from shared.sync.apply.outcome import Kind
from shared.sync.apply.ownership import KeyOwnership
from shared.sync.apply.parents import parent_links
from shared.sync.apply.plan import plan_taken_over
from shared.sync.apply.planning import Planning
from shared.sync.apply.record import Planned, Record
from shared.sync.apply.release import release
from shared.sync.apply.send import send
from shared.sync.environment import Environment
from shared.sync.failure_list import Listing
from shared.sync.flow import Flow, FlowsAt, Route, dependents
from shared.sync.gates import Closed, Gates
from shared.sync.hints import HintMessage, read_message
from shared.sync.limits import Limits
from shared.sync.state import State
from shared.telemetry import log_event, tell_trouble

_STORAGE_DELAY_S = 60.0
# Children are released after the work, within this share of its time.
_RELEASING = 1.4


class Apply:
    """One queue invocation of one flow."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        flow: str,
        flows_at: FlowsAt,
        run_id: str,
        *,
        claim_id: str,
        gates: Gates,
        environment: Environment,
        state: State,
        queues: Queues,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._flows = flows
        self._flow = flows[flow]
        self._flows_at = flows_at
        self._run_id = run_id
        self._claim_id = claim_id
        self._gates = gates
        self._environment = environment
        self._state = state
        self._control = state.control
        self._queues = queues
        self._clock = clock
        self._limits = limits
        self._began = clock.monotonic()
        self._sent_back_at_once = limits.hints_per_message

    def run(self, body: str) -> None:
        """Apply one message.

        If a table fails, the message is sent again, so that its records do not become poison in an outage of hours.
        Raises HintUnreadable for a body that is no hint, and StorageTrouble if the queue fails as well: then the host
        delivers the message again and counts it.
        """
        message = read_message(body)
        try:
            self._run(message, body)
        except StorageTrouble as trouble:
            again = replace(message, ended=self._claim_id).to_body()
            self._queues.send(self._flow.name, again, delay_s=_STORAGE_DELAY_S)
            tell_trouble(trouble, flow=self._flow.name, run=self._run_id)

    def _run(self, message: HintMessage, body: str) -> None:
        self._control = self._state.control.at_once()
        self._flows = self._flows_at(self._control)
        self._flow = self._flows[self._flow.name]
        closed = self._closed()
        if closed is not None:
            queue, delay_s = place_to_wait(self._flow, closed)
            self._queues.send(queue, body, delay_s=delay_s)
            return
        run, began = Run(self._flow.name, "apply", self._run_id, self._clock.now(), 0.0, {}), self._now()
        if not self._know_the_basis():
            queue, delay_s = place_of_undecided(self._flow, self._gates)
            self._queues.send(queue, body, delay_s=delay_s)
            return
        flow, state, limits = self._flow, self._state, self._limits
        claimed = Claiming(flow, state.links, state.failures, limits, self._claim_id).claim(message)
        # A record whose row cannot be read is listed as its own failure.
        Listing(flow, self._run_id, failures=state.failures, clock=self._clock).damaged(claimed.damaged)
        if flow.has_parts and claimed.records:
            state.batches.note(flow.name, self._claim_id, [record.id for record in claimed.records])
        batch = Batch(claimed.records)
        self._decide(batch, claimed.records, not_after=began + limits.run_budget_s)
        children = dependents(self._flows, flow.name)
        committing = Committing(
            flow,
            message,
            self._claim_id,
            self._run_id,
            links=state.links,
            keys_of=partial(state.keys_of, flow),
            waited_for=bool(children),
            clock=self._clock,
            flows=self._flows,
            keeps_values=self._limits.history_values,
        )
        committed = committing.commit(batch.latest())
        following = FollowUp(
            flow,
            self._run_id,
            flows=self._flows,
            children=children,
            gates=self._gates,
            state=state,
            queues=self._queues,
            clock=self._clock,
            hints_per_message=limits.hints_per_message,
            not_after=self._began + _RELEASING * limits.run_budget_s,
        )
        following.send(message, claimed, committed, sent_back_at_once=self._sent_back_at_once)
        self._report(message, claimed, committed, replace(run, seconds=self._now() - began))

    def _decide(self, batch: Batch, claimed: Sequence[Record], *, not_after: float) -> None:
        """The stages up to the commit."""
        records = batch.take(list_crashed(claimed))
        if not records:
            return
        flow, state = self._flow, self._state
        planning = Planning(
            flow=flow,
            flows=self._flows,
            state=state,
            clock=self._clock,
            limits=self._limits,
            links_of=parent_links(state, flow),
        )
        try:
            judged = planning.judged(batch, records)
            for ownership, planned in planning.planned(batch, judged):
                self._write(batch, ownership, planned, not_after=not_after)
        except NotSent:
            # So many records cannot be read in time, so they come back in smaller messages.
            self._sent_back_at_once = max(1, len(records) // 2)
            batch.take(record.retried() for record in batch.undecided())
        except SystemTrouble as trouble:
            # Nothing of the undecided records has been sent: writes report their own troubles one by one.
            self._gates.meet(trouble, flow, run=self._run_id, record=records[0].id)
            batch.take(record.retried() for record in batch.undecided())

    def _write(self, batch: Batch, ownership: KeyOwnership, planned: Sequence[Planned], *, not_after: float) -> None:
        """The stages of the records that take one route, from the note on."""
        route, links = ownership.route, self._state.links
        release_keys = partial(release, self._flow, links, partial(self._state.keys_of, self._flow))
        noted = batch.take(note(route, links, release_keys, planned))
        owned = batch.take(own(ownership, noted))
        planned = batch.take(plan_taken_over(route, owned))
        again = self._send(batch, route, planned, not_after=not_after)
        if again:
            noted = batch.take(note(route, links, release_keys, again))
            self._send(batch, route, noted, not_after=not_after)

    def _send(self, batch: Batch, route: Route, planned: Sequence[Planned], *, not_after: float) -> list[Planned]:
        """Send, and read the answers. Returns what is to be sent once more, as complete records."""
        sent = batch.take(send(route.target, planned, not_after=not_after))
        blame = blame_for(self._gates, self._control, self._flow, self._run_id, sent)
        return batch.take(read_answers(self._flow, route, self._limits, blame, sent))

    def _closed(self) -> Closed | None:
        closed = self._gates.closed_for_apply(self._flow, self._control)
        if closed is None and (change := self._environment.change_by_settings(self._flow.name, self._control)):
            closed = Closed(change)
        if closed is not None:
            log_event("message_held", flow=self._flow.name, run=self._run_id, reason=closed.reason)
        return closed

    def _know_the_basis(self) -> bool:
        """Read what the mapping looks up for every record: the committed links name it in their fingerprint. False if
        the small tables cannot be read."""
        try:
            self._flow = self._flow.as_of(self._clock.now())
        except NotSent:
            return False
        except SystemTrouble as trouble:
            self._gates.meet(trouble, self._flow, run=self._run_id)
            return False
        return True

    def _now(self) -> float:
        return self._clock.monotonic()

    def _report(self, message: HintMessage, claimed: Claimed, committed: Committed, run: Run) -> None:
        counts: Counter[str] = Counter(each.outcome.kind for each in committed.decided)
        counts[Kind.REJECTED] += len(claimed.damaged)
        counts["skipped"] += len(claimed.skipped)
        counts["alone"] += len(claimed.alone)
        counts["busy"] += sum(map(len, claimed.busy.values()))
        counts["overtaken"] += len(committed.overtaken)
        keeping = [each for each in committed.decided if each.outcome.kept and each.outcome.rejection is None]
        counts["kept"] += len(keeping)
        counts["read"] += sum(each.record.row is not None for each in committed.decided)
        counts = +counts
        self._state.runs.add(replace(run, counts=counts))
        ms = round(run.seconds * 1000)
        log_event("batch_applied", flow=run.flow, run=run.id, sent_by=message.run, ms=ms, **counts)
        for item in keeping:
            log_event("fields_kept", flow=run.flow, run=run.id, id=item.id, fields=",".join(item.outcome.kept))
        for item in committed.decided:
            if item.outcome.rejection is not None:
                log_event("record_rejected", flow=run.flow, run=run.id, id=item.id, cause=item.outcome.reason)
