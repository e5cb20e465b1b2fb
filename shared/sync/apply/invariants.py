"""What must be true of every commit (protocol A6, A9; invariants I1, I2, I5), checked before anything is stored. A
contradiction is a defect of this package. To list the record costs less than to store a state that nothing can
repair."""

from collections.abc import Iterator
from enum import StrEnum

from shared.errors import InvariantBroken
from shared.records import fold
from shared.state.link_parts import ClaimKind
from shared.state.links import Link, LinkState, Place
from shared.sync.apply.batch import OnItsWay
from shared.sync.apply.outcome import DECIDED, Kind, Outcome
from shared.sync.apply.record import Concluded

_STATES = {
    Kind.CREATED: LinkState.WRITTEN,
    Kind.UPDATED: LinkState.WRITTEN,
    Kind.UNCHANGED: LinkState.WRITTEN,
    Kind.FILTERED: LinkState.FILTERED,
    Kind.ENDED: LinkState.ENDED,
    Kind.WAITING: LinkState.WAITING,
    Kind.REJECTED: LinkState.REJECTED,
    Kind.DELETED: LinkState.DELETED,
}


class Invariant(StrEnum):
    """The checked rules, by the name in the event `invariant_broken`."""

    NO_OUTCOME = "no_outcome"
    OTHER_STATE = "other_state"
    KEY_WITHOUT_OWNER = "key_without_owner"
    LINKED_WITHOUT_KEY = "linked_without_key"
    WRITTEN_WITHOUT_TARGET = "written_without_target"
    REJECTED_WITHOUT_FAILURE = "rejected_without_failure"
    FAILURE_WITHOUT_REJECTION = "failure_without_rejection"
    WAIT_WITHOUT_PARENT = "wait_without_parent"
    CLAIM_LEFT = "claim_left"


def check(of: OnItsWay) -> Concluded:
    """Check a record with its outcome, as the stages have left it. Raises InvariantBroken, naming the rule that its
    commit would contradict."""
    if not isinstance(of, Concluded):
        raise InvariantBroken(Invariant.NO_OUTCOME, f"the link of {of.id} of {of.record.link.flow}")
    outcome, link = of.outcome, of.outcome.link
    broken = next(_broken(of.record.stored, outcome), None)
    if broken is not None:
        raise InvariantBroken(broken, f"the link of {of.id} of {link.flow}, {outcome.kind} in state {link.state},")
    return of


def _broken(stored: Link, outcome: Outcome) -> Iterator[Invariant]:
    link, decided = outcome.link, outcome.kind in DECIDED
    if decided and link.state is not _STATES[outcome.kind]:
        yield Invariant.OTHER_STATE
    if not _rows_of(stored) <= link.owned:
        yield Invariant.KEY_WITHOUT_OWNER
    if link.linked and (link.route is None or not link.held_key):
        yield Invariant.LINKED_WITHOUT_KEY
    if link.state is LinkState.WRITTEN and decided and not _is_written(link):
        yield Invariant.WRITTEN_WITHOUT_TARGET
    if outcome.kind is Kind.REJECTED and outcome.rejection is None:
        yield Invariant.REJECTED_WITHOUT_FAILURE
    if outcome.rejection is not None and outcome.kind is not Kind.REJECTED:
        yield Invariant.FAILURE_WITHOUT_REJECTION
    if (outcome.kind is Kind.WAITING and not outcome.waits) or not all(wait.parent for wait in outcome.waits):
        yield Invariant.WAIT_WITHOUT_PARENT
    if decided and link.claim.id is not None and link.claim.kind is not ClaimKind.UNSETTLED:
        yield Invariant.CLAIM_LEFT


def _rows_of(link: Link) -> frozenset[Place]:
    """The keys of the rows that a record has in the target. Only an operator may remove one, or a record that takes
    over the key of a record that is gone."""
    at = {(link.route, fold(link.target_key))} if link.route is not None and link.target_key else set()
    return frozenset(at | {(left.route, fold(left.key)) for left in link.former if not left.inherited})


def _is_written(link: Link) -> bool:
    return link.linked and link.held_key == link.target_key and not link.dirty and link.intent is None
