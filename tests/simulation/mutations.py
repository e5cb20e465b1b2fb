"""The kinds of faults that the engine once had: each brought back by taking one repair away, in one place.

Each has a seed that finds it, and a shortened history of it in `histories/`. Where the dice have changed:
`python -m tests.simulation --mutation NAME --seeds 1000` names new ones.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from shared.clients.dataverse import environment as dataverse
from shared.errors import RecordMissing, SyncError
from shared.operations import repair
from shared.operations.retarget import Retargeting
from shared.records import TargetRow, Write
from shared.state import links
from shared.state.control import Control, FlowControl, Gate
from shared.state.links import Link
from shared.state.map_entries import MapEntries
from shared.state.storage.tables import Put
from shared.sync.apply import commit as committing
from shared.sync.apply import late, plan, planning, result
from shared.sync.apply import settle as settling
from shared.sync.apply.changes import Changes
from shared.sync.apply.commit import Committing
from shared.sync.apply.follow_up import FollowUp
from shared.sync.apply.outcome import Kind
from shared.sync.apply.ownership import KeyOwnership
from shared.sync.apply.record import Concluded, Judged, Planned, Record
from shared.sync.flow import Route
from shared.sync.gates import Gates
from shared.sync.pull import run as pull
from shared.sync.pull import tracked, walked
from shared.sync.pull.changes import Looked, look_at
from shared.sync.pull.run import Pull
from shared.sync.pull.tracked import FurtherReader
from shared.sync.sweep import Sweep
from tests.simulation.finops import Collection


@dataclass(frozen=True, slots=True)
class Mutation:
    """One repair taken away. `what` happens then; `seed` finds it, by a problem that begins with `finds`."""

    what: str
    seed: int
    finds: str
    undo: Callable[[], AbstractContextManager[Any]]


def _instead(owner: Any, name: str, value: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(owner, name, value)


def _nothing(*_: Any, **__: Any) -> None:
    return None


# What follows is how the engine did it before its repair.


_commit_failures = Committing._failure_operations


def _failures_of_the_living(self: Committing, record: Record, outcome: Any) -> Any:
    return [] if outcome.kind is Kind.DELETED else _commit_failures(self, record, outcome)


def _agrees_everywhere(route: Any, sent: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(route.rules.agree(name, value, row.get(name)) for name, value in sent.items())


def _only_dirty(_of: Concluded, now: Link) -> Link | None:
    return None if now.etag is None else replace(now, dirty=True)


@contextmanager
def _counts_at_once() -> Iterator[None]:
    """A repair did not know then of which order a sales order was made."""
    with patch.object(Link, "is_unconfirmed", False), patch.object(repair, "_revisions", lambda _: {}):
        yield


def _until_its_end(self: Gates, gate: Gate) -> float:
    if gate.blocked_until is None:
        return 0.0
    return max(0.0, (gate.blocked_until - self._clock.now()).total_seconds())


_probe = Gates._probe


def _probed_by_the_clock(self: Gates, gate: Gate) -> Any:
    """The lease of whoever probes ends by a clock that may be another one."""
    is_free = gate.probed_until is None or gate.probed_until <= self._clock.now()
    return _probe(self, replace(gate, age_s=self.probe_lease_s if is_free else 0.0))


def _accept_all(self: FlowControl) -> FlowControl:
    no_end = 10**9
    return replace(self.unblock(), accepted_walk=self.block_walk, accepted_gone=no_end, accepted_changed=no_end)


def _settled_in_a_dry_run_only(*given: Any, **looking: Any) -> Iterator[Record | Concluded]:
    """Apply leaves the records as they are."""
    return settling.settle(*given, **looking) if looking else iter(given[-1])


_unsettled = Record.unsettled


def _left_as_known(self: Record, **how: Any) -> Concluded:
    of = _unsettled(self, **how)
    clean = replace(of.outcome.link, dirty=not self.trusted, claim=of.outcome.link.claim.ended())
    return replace(of, outcome=replace(of.outcome, link=clean))


_refusal = Collection.refusal


def _refuses_no_upsert(self: Collection, write: Write) -> SyncError | None:
    refused = _refusal(self, write)
    return None if isinstance(refused, RecordMissing) else refused


def _written_whoever_holds_it(link: Link) -> Put:
    return Put(link.to_row())


@contextmanager
def _checkpoint_first() -> Iterator[None]:
    """A page's hints are sent behind the checkpoint that says they were."""
    send, save = Pull._send, Pull._save
    held: dict[Pull, list[tuple[Any, ...]]] = {}

    def hold(self: Pull, *sent: Any) -> None:
        held.setdefault(self, []).append(sent)

    def save_first(self: Pull, checkpoint: Any) -> Any:
        saved = save(self, checkpoint)
        for sent in held.pop(self, []):
            send(self, *sent)
        return saved

    with patch.object(Pull, "_send", hold), patch.object(Pull, "_save", save_first):
        yield


_concluded = Record.concluded


def _concluded_with_its_key(self: Record, kind: Kind, state: Any, **how: Any) -> Concluded:
    of = _concluded(self, kind, state, **how)
    if kind is not Kind.DELETED or self.link.linked:
        return of
    kept = replace(of.outcome.link, route=self.link.route, held_key=self.link.held_key)
    return replace(of, outcome=replace(of.outcome, link=kept))


def _only_gone(flow: Any, doubtful: Any) -> Looked:
    return replace(look_at(flow, doubtful), left=())


_plan_row = plan._plan_row


def _planned_for_any_version(route: Route, judged: Judged, row: TargetRow) -> Planned | Concluded:
    planned = _plan_row(route, judged, row)
    if isinstance(planned, Planned):
        return replace(planned, write=replace(planned.write, if_match=None))
    return planned


MUTATIONS: Mapping[str, Mutation] = {
    "withdrawn_mapping_stays": Mutation(
        "a mapping is changed and taken back; what was applied with it stays",
        321, "I1", _instead(Control, "ask_to_look_again", _nothing),
    ),
    "links_of_another_target_stay": Mutation(
        "another environment or company is accepted, and its links count as in step",
        821, "I2", _instead(Retargeting, "bring", _nothing),
    ),
    "link_of_another_origin_is_followed": Mutation(
        "the links of an environment's former address are followed, and its gate closes for ever",
        209, "Restless", _instead(dataverse, "is_at", lambda _link, _origin: True),
    ),
    "children_of_a_relinked_parent_stay": Mutation(
        "records that wait for a parent do not learn that it has another number",
        947, "I3", _instead(Committing, "_relinked", lambda *_: []),
    ),
    "key_of_a_deleted_record_stays": Mutation(
        "a record that was refused and then deleted keeps its number",
        223, "I2", _instead(Record, "concluded", _concluded_with_its_key),
    ),
    "taken_for_a_row_of_others": Mutation(
        "a record is rejected as key_taken although somebody else's row is the reason",
        230, "I5", _instead(KeyOwnership, "_has_made", lambda *_: True),
    ),
    "fields_that_are_not_read": Mutation(
        "a create of unknown outcome is compared by fields that are not read",
        397, "I2", _instead(settling, "_agrees", _agrees_everywhere),
    ),
    "intents_are_ignored": Mutation(
        "a create without an answer is never settled",
        816, "I2", _instead(planning, "settle", _settled_in_a_dry_run_only),
    ),
    "row_of_a_late_worker_has_no_owner": Mutation(
        "a row that a worker created while another one had the record has no owner",
        30, "I2", _instead(late, "_after_late_write", _only_dirty),
    ),
    "failure_of_a_gone_record_stays": Mutation(
        "a failure stays listed when its record is gone",
        72, "I5", _instead(Committing, "_failure_operations", _failures_of_the_living),
    ),
    "deletion_in_a_gap_is_missed": Mutation(
        "what was deleted between two delta links stays written",
        563, "I1", _instead(tracked, "gone_hints", lambda *_: ()),
    ),
    "document_has_no_outcome": Mutation(
        "changes of lines between two delta links are missed",
        48, "I1", _instead(FurtherReader, "keep", lambda *_: True),
    ),
    "damaged_link_ends_the_sweep": Mutation(
        "one link that cannot be read ends everything that reads it",
        60, "AssertionError", _instead(links, "to_link", links.read_link),
    ),
    "half_a_pair_stops_the_pull": Mutation(
        "a number that no message can carry holds up its page at every tick",
        272, "Restless", _instead(pull, "unusable_id", lambda _id: ""),
    ),
    "wrong_clock_closes_a_gate": Mutation(
        "a gate is closed until a time that a wrong clock has set",
        411, "Restless", _instead(Gates, "_blocked_s", _until_its_end),
    ),
    "dead_probe_keeps_a_gate_closed": Mutation(
        "a worker dies while it probes a closed system, and others wait by its wrong clock",
        411, "Restless", _instead(Gates, "_probe", _probed_by_the_clock),
    ),
    "accepted_without_end": Mutation(
        "a walk that was accepted may remove any number of records",
        19, "P4", _instead(FlowControl, "accept", _accept_all),
    ),
    "waiting_child_is_forgotten": Mutation(
        "the sweep looks at no waiting record",
        991, "I1", _instead(Sweep, "_release_waiting", lambda _self, _flow, control: control.waiting_cursor),
    ),
    "checkpoint_before_its_hints": Mutation(
        "a checkpoint is saved before its hints are sent",
        150, "I1", _checkpoint_first,
    ),
    "commit_over_another_claim": Mutation(
        "a commit is written although another worker has claimed the record",
        20, "I5", _instead(committing, "link_operation", _written_whoever_holds_it),
    ),
    "unknown_outcome_is_forgotten": Mutation(
        "a write without an answer leaves neither claim nor mark",
        266, "I3", _instead(Record, "unsettled", _left_as_known),
    ),
    "difference_makes_a_row": Mutation(
        "a difference is sent by a call that can create",
        55, "I3", _instead(Collection, "refusal", _refuses_no_upsert),
    ),
    "closed_order_is_never_met": Mutation(
        "an order that F&O closes before a walk has met it gets no status",
        87, "I1", _instead(FollowUp, "_tell_what_comes_back", _nothing),
    ),
    "order_that_was_closed_is_missed": Mutation(
        "an order that has left the open ones is not looked at once more",
        87, "I1", _instead(walked, "look_at", _only_gone),
    ),
    "status_after_the_invoice": Mutation(
        "a status is sent to an order that Sales lets nobody change",
        0, "I1", _instead(plan, "_left_out", _nothing),
    ),
    "repaired_order_counts_at_once": Mutation(
        "an order whose link was made by hand counts before a worker has confirmed it",
        182, "I1", _counts_at_once,
    ),
    "changes_of_others_are_lost": Mutation(
        "what people have put into the target is written over where it is to stay",
        46, "I3", _instead(Changes, "conflicts", lambda *_: []),
    ),
    "nobody_looks_for_changes_of_others": Mutation(
        "a difference is sent without a look at the target, also where changes of others count",
        46, "I3", _instead(Route, "looks_for_conflicts", False),
    ),
    "changes_after_the_look_are_lost": Mutation(
        "what people put into the target between the read and the write is written over where it counts",
        145, "I3", _instead(plan, "_plan_row", _planned_for_any_version),
    ),
    "deleted_row_is_made_again": Mutation(
        "a row that people have deleted is made again where it is to stay deleted",
        46, "I3", _instead(plan, "gone", plan._plan_creation),
    ),
    "entry_set_by_hand_is_lost": Mutation(
        "an entry of a value map that an operator sets is not kept",
        29, "entry", _instead(MapEntries, "change", _nothing),
    ),
    "first_result_stays": Mutation(
        "the result of a record in its row is that of its first time",
        30, "A13", _instead(result, "digest_of", lambda *_: "one"),
    ),
}  # fmt: skip


def as_mutated(name: str) -> AbstractContextManager[Any]:
    """The engine without one of its repairs; as it is, where the name is empty."""
    return MUTATIONS[name].undo() if name else nullcontext()
