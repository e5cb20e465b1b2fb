"""What is sent after the commit: delayed and undecided records, and children whose parent has moved (protocol A11)."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from shared.clock import Clock
from shared.errors import StateUnreadable
from shared.mapping.verdicts import Parent
from shared.records import fold
from shared.state.links import Link, LinkState
from shared.state.storage.queues import Queues, hold_queue
from shared.sync.apply.claim import BUSY_DELAY_S, Claimed
from shared.sync.apply.commit import Committed
from shared.sync.apply.outcome import DECIDED, Kind
from shared.sync.apply.parents import is_looked_at, may_continue, parent_links
from shared.sync.apply.record import Concluded
from shared.sync.flow import Flow, waiting_for_looks
from shared.sync.gates import Closed, Gates
from shared.sync.hints import Hint, HintMessage, Why, messages
from shared.sync.state import State
from shared.telemetry import log_event

# If a gate opens sooner than this, the message waits in the flow's own queue: the sweep would take longer.
_SOON_S = 300.0
# A message that comes back after trouble although the gate is open needs a pause.
_RESENT_DELAY_S = 5.0
_SUPERSEDED_DELAY_S = 60.0


def place_to_wait(flow: Flow, closed: Closed) -> tuple[str, float]:
    """The queue and the delay for a message that meets a closed gate: the flow's own queue if the gate opens soon,
    otherwise the hold queue until the sweep finds the gate open (protocol A1)."""
    if closed.opens_in_s is None or closed.opens_in_s > _SOON_S:
        return hold_queue(flow.name), 0.0
    return flow.name, max(float(math.ceil(closed.opens_in_s)), _RESENT_DELAY_S)


def place_of_undecided(flow: Flow, gates: Gates) -> tuple[str, float]:
    """The queue and the delay for records that could not be decided."""
    closed = gates.closed_for_apply(flow)
    return (flow.name, _RESENT_DELAY_S) if closed is None else place_to_wait(flow, closed)


class FollowUp:
    """Sends what follows from one message. `children` are those of all `flows` whose records wait for this one's: such
    records are released until `not_after` on the monotonic clock."""

    def __init__(
        self,
        flow: Flow,
        run_id: str,
        *,
        flows: Mapping[str, Flow],
        children: Sequence[Flow],
        gates: Gates,
        state: State,
        queues: Queues,
        clock: Clock,
        hints_per_message: int,
        not_after: float,
    ) -> None:
        self._flow = flow
        self._run_id = run_id
        self._flows = flows
        self._children = children
        self._gates = gates
        self._state = state
        self._queues = queues
        self._clock = clock
        self._hints_per_message = hints_per_message
        self._not_after = not_after

    def send(self, message: HintMessage, claimed: Claimed, committed: Committed, *, sent_back_at_once: int) -> None:
        """Send everything; undecided records in messages of `sent_back_at_once` records. Raises StorageTrouble."""
        for delay_s, hints in claimed.busy.items():
            self._send_again(message, self._flow.name, message.epoch, hints, delay_s, ended=message.ended)
        self._send_again(message, self._flow.name, message.epoch, claimed.alone, 0, at_once=1)
        if committed.overtaken:
            overtaken = [each.record.hint.again for each in committed.decided if each.id in committed.overtaken]
            self._send_again(message, self._flow.name, None, overtaken, BUSY_DELAY_S)
        for owner in committed.overwritten:
            for again in messages(owner.flow, self._run_id, [Hint(owner.id)], 1, why=Why.AGAIN):
                self._queues.send(owner.flow, again.to_body(), delay_s=BUSY_DELAY_S)
        self._send_back(message, committed.kept, sent_back_at_once)
        self._tell_of_another_mapping(claimed.skipped, committed.kept)
        self._release_children(committed.kept)
        self._tell_what_nobody_has_told(claimed.skipped, committed.kept)
        self._look_once_more(committed.kept)
        self._ask_for_looks(committed.kept)
        self._answer(committed.kept)

    def _send_back(self, message: HintMessage, kept: Sequence[Concluded], at_once: int) -> None:
        """Records that are not decided come back: after their delay, or when the gate opens."""
        delays: dict[float | None, list[Hint]] = defaultdict(list)
        for each in kept:
            if each.outcome.kind is Kind.RETRIED:
                delays[each.outcome.delay_s].append(each.record.hint)
            elif each.outcome.kind is Kind.UNSETTLED:
                delays[each.outcome.delay_s].append(each.record.hint.again)
        for delay_s, hints in delays.items():
            in_place = place_of_undecided(self._flow, self._gates) if delay_s is None else (self._flow.name, delay_s)
            queue, wait_s = in_place
            self._send_again(message, queue, message.epoch, hints, wait_s, at_once=at_once)

    def _tell_of_another_mapping(self, skipped: Sequence[Link], kept: Sequence[Concluded]) -> None:
        """Make sure that nothing stays committed with another mapping than that of the last walk. This happens after
        the commit, so that a walk or look that begins later finds these records. If the worker dies before this, the
        message comes back to another worker.

        After a deployment, an instance with the former mapping may take a message of the new walk. It leaves the
        records to the new instances: the pull has noted the new mapping before it sent the message. A mapping that no
        walk knows is a new one, or was taken back. Then the next walk, or the sweep's look at the links, decides.
        """
        ids = [link.id for link in skipped] + [each.id for each in kept if each.needs_no_second_try]
        try:
            checkpoint = self._state.checkpoints.load(self._flow.name)
        except StateUnreadable:
            # The pull reports it, and reads everything again once the row is dropped.
            return
        if not ids or checkpoint is None or checkpoint.made_for.fingerprint in (None, self._flow.fingerprint):
            return
        if self._flow.fingerprint in checkpoint.made_for.superseded:
            self._send([Hint(id) for id in ids], _SUPERSEDED_DELAY_S, Why.AGAIN)
        else:
            self._state.control.ask_to_look_again(self._flow.name)

    def _release_children(self, kept: Sequence[Concluded]) -> None:
        """Send the children that wait for a parent which was linked or filtered by this commit (protocol W1)."""
        # A dictionary keeps the order and a set does not: the children of each run get the same messages.
        released: dict[str, dict[str, None]] = defaultdict(dict)
        keys: dict[str, dict[str, None]] = defaultdict(dict)
        for each in kept:
            for name in self._routes_that_release(each):
                released[name][each.id] = None
                if (key := each.outcome.link.key_on(name)) is not None:
                    keys[self._flow.route(name).entity][key] = None
        waits = self._state.waits
        for flow in self._children:
            children: dict[str, None] = {}
            for route, parents in released.items() if self._flow.name in flow.parents else ():
                children |= dict.fromkeys(waits.of_parents(flow.name, self._flow.name, route, parents))
            for collection in flow.parents_by_key:
                folded = dict.fromkeys(map(fold, keys.get(collection, {})))
                children |= dict.fromkeys(waits.of_parents(flow.name, collection, Parent.BY_KEY, folded))
            self._tell_what_comes_back(flow, keys.get(flow.comes_back_from, {}))
            released_children = self._send_in_time(flow, [Hint(child, released=True) for child in children])
            if released_children:
                log_event(
                    "waiting_released", flow=flow.name, run=self._run_id, by=self._flow.name, records=released_children
                )

    def _tell_what_comes_back(self, flow: Flow, keys: Iterable[str]) -> None:
        """Let another flow look at the target rows that this one has just made, so that it knows them from now on."""
        if not flow.off:
            hints, limit = [Hint(key) for key in keys], self._hints_per_message
            for message in messages(flow.name, self._run_id, hints, limit, why=Why.CHANGE):
                self._queues.send(flow.name, message.to_body())

    def _tell_what_nobody_has_told(self, skipped: Sequence[Link], kept: Sequence[Concluded]) -> None:
        """Let another flow look also at the rows of records that were linked before and that it does not know: the
        worker that made them may have died after its commit, and has left its message to this one."""
        linked = [*skipped, *(each.outcome.link for each in kept if not self._routes_that_release(each))]
        for flow in self._children:
            routes = [name for name, route in self._flow.routes.items() if route.entity == flow.comes_back_from]
            keys = [key for link in linked for name in routes if (key := link.key_on(name)) is not None]
            if keys and not flow.off:
                links = self._state.links.load(flow.name, keys)
                self._tell_what_comes_back(flow, [key for key in keys if links[key].etag is None])

    def _send_in_time(self, flow: Flow, hints: Sequence[Hint]) -> int:
        """Send the records of another flow; how many there was time for. The sweep finds the others."""
        sent = 0
        for message in messages(flow.name, self._run_id, hints, self._hints_per_message, why=Why.RELEASED):
            if self._clock.monotonic() >= self._not_after:
                break
            self._queues.send(flow.name, message.to_body())
            sent += len(message.hints)
        return sent

    def _routes_that_release(self, of: Concluded) -> Iterable[str]:
        """The routes on which a record's children may continue now: the one on which it was linked, or all if it is
        filtered or has ended."""
        outcome, found = of.outcome, of.record.found
        is_off = outcome.kind in (Kind.FILTERED, Kind.ENDED)
        if is_off and found.state not in (LinkState.FILTERED, LinkState.ENDED):
            return self._flow.routes
        link = outcome.link
        known_before = found.linked and found.route == link.route and not found.is_unconfirmed
        newly = link.linked and not known_before
        return (link.route,) if newly and link.route is not None else ()

    def _look_once_more(self, kept: Sequence[Concluded]) -> None:
        """Look at the parents once more: one may have been committed between the first look and the parking, and then
        nothing else sends the child."""
        parked = [each for each in kept if each.outcome.waits]
        parents = parent_links(self._state, self._flow, asks_target=False)(
            {p for each in parked for p in each.record.parents}
        )
        moved = [
            Hint(each.id, released=True)
            for each in parked
            if each.outcome.kind is Kind.WAITING
            and all(may_continue(parent, parents[parent]) for parent in each.record.parents)
        ]
        self._send(moved, 0, Why.RELEASED)

    def _ask_for_looks(self, kept: Sequence[Concluded]) -> None:
        """Let other flows look at the records that these wait to be looked at (protocol W4)."""
        asked: dict[str, dict[str, None]] = defaultdict(dict)
        for wait in (wait for each in kept for wait in each.outcome.waits):
            if wait.parent_route == Parent.LOOK and not wait.is_parked:
                asked[wait.parent_flow][wait.parent] = None
        for name, ids in asked.items():
            self._send_in_time(self._flows[name], [Hint(id, awaited=True) for id in ids])

    def _answer(self, kept: Sequence[Concluded]) -> None:
        """Send the records that have waited until these were looked at."""
        looked_at = [
            each.id
            for each in kept
            if each.record.hint.awaited and each.outcome.kind in DECIDED and is_looked_at(self._flow, each.outcome.link)
        ]
        for flow in waiting_for_looks(self._flows, self._flow.name) if looked_at else ():
            children = self._state.waits.of_parents(flow.name, self._flow.name, Parent.LOOK, looked_at)
            hints = [Hint(child, released=True, answered=True) for child in dict.fromkeys(children)]
            sent = self._send_in_time(flow, hints)
            if sent:
                log_event("waiting_released", flow=flow.name, run=self._run_id, by=self._flow.name, records=sent)

    def _send(self, hints: Sequence[Hint], delay_s: float, why: Why) -> None:
        """Have records of this flow looked at for a reason of our own."""
        for message in messages(self._flow.name, self._run_id, hints, self._hints_per_message, why=why):
            self._queues.send(self._flow.name, message.to_body(), delay_s=delay_s)

    def _send_again(
        self,
        of: HintMessage,
        queue: str,
        epoch: str | None,
        hints: Sequence[Hint],
        delay_s: float,
        *,
        at_once: int | None = None,
        ended: str | None = None,
    ) -> None:
        """Send records of a message back, for the reason for which it came."""
        limit, flow = at_once or self._hints_per_message, self._flow.name
        why, asked_by = of.why, of.origin
        for message in messages(flow, self._run_id, hints, limit, epoch=epoch, ended=ended, why=why, asked_by=asked_by):
            self._queues.send(queue, message.to_body(), delay_s=delay_s)
