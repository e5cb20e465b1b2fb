"""What an answer of the target means for its record, for the system's gate and for the flow (protocol A8, A9, F1,
F2)."""

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import (
    NotSent,
    OperatorNeeded,
    OutcomeUnknown,
    RecordMissing,
    RecordRejected,
    SchemaDrift,
    SyncError,
    Transient,
)
from shared.mapping.verdicts import Mapped
from shared.records import TargetRow, Write
from shared.state.link_parts import ClaimKind, LinkContent
from shared.state.link_targets import Intent
from shared.state.links import Link, LinkState
from shared.sync.apply.answers import Blame, blame_for, read_answers
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Ending, Judged, Planned, Record, Sent
from shared.sync.flow import NO_TARGET_ROW, OnConflict, OnTargetDeleted
from shared.sync.hints import Hint
from shared.sync.limits import Limits
from shared.systems import System
from tests.support.doubles import ROUTE
from tests.support.world import World

FINOPS = System.FINOPS
NEW = Link("parents", "1", route=ROUTE, held_key="K", intent=Intent("K", ({"name": "new"},)))
LINKED = replace(
    NEW,
    state=LinkState.WRITTEN,
    target_key="K",
    intent=None,
    content=LinkContent(applied={"name": "old"}),
)
CONTENT = Mapped("K", {"name": "new"}, {"group": "9"})
ROW = TargetRow({"name": "old"})
LIMITS = Limits(max_attempts=3)


def sent(
    answer: SyncError | None,
    link: Link = LINKED,
    *,
    id: str = "1",
    trusted: bool = True,
    begun: bool = False,
    before: TargetRow | None = None,
    create: bool | None = None,
    **judged: Any,
) -> Sent:
    """A record whose write got this answer."""
    link = replace(link, id=id)
    is_create = not link.linked if create is None else create
    write = Write(id, "K", {"name": "new"}, create=is_create, before=before)
    record = Record.of(Hint(id), link, trusted=trusted)
    return Sent(Planned(Judged(record, CONTENT, **judged), write), answer, begun)


def read(of: Sent, blame: Blame = Blame(), **how: Any) -> Planned | Concluded:  # noqa: B008 - a value
    """What becomes of the record; `how` changes its route."""
    flow = World().service().flows["parents"]
    (found,) = read_answers(flow, replace(flow.route(ROUTE), **how), LIMITS, blame, [of])
    return found


def ended(of: Sent, blame: Blame = Blame(), **how: Any) -> Concluded:  # noqa: B008 - a value
    found = read(of, blame, **how)
    assert isinstance(found, Concluded)
    return found


@pytest.mark.parametrize(("link", "kind"), [(NEW, Kind.CREATED), (LINKED, Kind.UPDATED)])
def test_a_write_that_was_applied_links_the_record_and_makes_it_clean(link: Link, kind: Kind) -> None:
    outcome = ended(sent(None, replace(link, dirty=True), trusted=False)).outcome
    assert (outcome.kind, outcome.fields) == (kind, ("name",))
    now = outcome.link
    assert (now.state, now.target_key, now.dirty, now.intent) == (LinkState.WRITTEN, "K", False, None)
    assert now.content.applied == {"name": "new"}


def test_a_record_whose_former_row_has_ended_comes_back_at_once_for_its_next_one() -> None:
    outcome = ended(sent(None, leaves=True)).outcome
    assert (outcome.kind, outcome.delay_s, outcome.link.linked) == (Kind.RETRIED, 0, False)
    assert [(left.key, left.ended) for left in outcome.link.former] == [("K", True)]
    gone = ended(sent(RecordMissing("K"), leaves=True)).outcome
    assert (gone.kind, gone.link) == (outcome.kind, outcome.link)


ENDING = Ending(Kind.ENDED, LinkState.ENDED, "inactive")


@pytest.mark.parametrize(
    ("of", "how", "kind", "reason"),
    [
        (sent(RecordMissing("K")), {}, None, ""),
        (sent(RecordMissing("K")), {"on_target_deleted": OnTargetDeleted.UNLINK}, Kind.FILTERED, "target_deleted"),
        (sent(RecordMissing("K")), {"on_target_deleted": OnTargetDeleted.LIST}, Kind.REJECTED, "target_gone"),
        (sent(RecordMissing("K")), {"once": True, "on_target_deleted": OnTargetDeleted.LIST}, None, ""),
        (sent(RecordMissing("K")), {"updates": True}, Kind.FILTERED, NO_TARGET_ROW),
        (sent(RecordMissing("K"), ending=ENDING), {}, Kind.ENDED, "inactive"),
        (sent(RecordMissing("K"), NEW), {}, Kind.RETRIED, ""),
        (sent(RecordMissing("K"), create=True), {}, Kind.RETRIED, ""),
    ],
)
def test_a_row_that_is_gone_is_made_again_as_a_whole_once_or_not_as_the_policy_says(
    of: Sent, how: dict[str, Any], kind: Kind | None, reason: str
) -> None:
    found = read(of, **how)
    if kind is None:
        assert isinstance(found, Planned)
        assert (found.write.create, found.write.values) == (True, {"group": "9", "name": "new"})
        assert not found.record.trusted
        return
    assert isinstance(found, Concluded)
    assert (found.outcome.kind, found.outcome.reason) == (kind, reason)
    if kind is Kind.RETRIED:
        assert (found.outcome.delay_s, found.outcome.link.attempts) == (30, 1)


BUSY = RecordRejected("finops.busy", "it is locked", remedy="wait", repeatable=True)
BAD = RecordRejected("finops.bad", "it is wrong", remedy="correct it")
THERE = RecordRejected("target_exists", "it is there", remedy="?")


@pytest.mark.parametrize(
    ("answer", "attempts", "listed"),
    [(BAD, 0, True), (BUSY, 0, False), (BUSY, 1, False), (BUSY, 2, True), (THERE, 0, False), (THERE, 1, False),
     (THERE, 2, True)],
)  # fmt: skip
def test_a_refusal_that_may_pass_is_tried_again_until_the_attempts_are_used_up(
    answer: RecordRejected, attempts: int, listed: bool
) -> None:
    outcome = ended(sent(answer, replace(NEW, attempts=attempts))).outcome
    if not listed:
        assert (outcome.kind, outcome.delay_s, outcome.link.attempts) == (Kind.RETRIED, 30, attempts + 1)
        return
    assert (outcome.kind, outcome.reason, outcome.link.attempts) == (Kind.REJECTED, answer.cause, 0)
    assert outcome.rejection is not None
    assert outcome.rejection.message == str(answer)
    exists = World().service().flows["parents"].route(ROUTE).remedy_if_exists
    assert outcome.rejection.remedy == (exists if answer is THERE else answer.remedy)


@pytest.mark.parametrize(
    ("answer", "trusted", "keeps"), [(BAD, True, False), (BAD, False, True), (BUSY, True, False), (THERE, True, True)]
)
def test_after_a_definite_refusal_nothing_of_ours_can_be_there_unless_an_earlier_create_is_unsettled(
    answer: RecordRejected, trusted: bool, keeps: bool
) -> None:
    outcome = ended(sent(answer, NEW, trusted=trusted)).outcome
    assert (outcome.link.intent is not None) is keeps


@pytest.mark.parametrize(
    ("before", "policy", "dirty"),
    [
        (ROW, OnConflict.TARGET_WINS, False),
        (ROW, OnConflict.SOURCE_WINS, True),
        (None, OnConflict.TARGET_WINS, True),
    ],
)
def test_a_record_that_was_read_because_of_others_stays_clean_while_it_is_tried_again(
    before: TargetRow | None, policy: OnConflict, dirty: bool
) -> None:
    assert ended(sent(BUSY, before=before), on_conflict=policy).outcome.link.dirty is dirty


@pytest.mark.parametrize(
    ("link", "blame", "listed"),
    [
        (LINKED, Blame(), False),
        (LINKED, Blame(counts=True), False),
        (replace(LINKED, unknowns=1), Blame(counts=True), False),
        (replace(LINKED, unknowns=2), Blame(counts=True), True),
        (replace(LINKED, unknowns=2), Blame(), False),
        (replace(LINKED, unanswered=58), Blame(lone=True), False),
        (replace(LINKED, unanswered=59), Blame(lone=True), True),
        (replace(LINKED, unanswered=99), Blame(), False),
    ],
)
def test_a_record_without_an_answer_comes_back_after_five_minutes_and_is_listed_in_the_end(
    link: Link, blame: Blame, listed: bool
) -> None:
    outcome = ended(sent(OutcomeUnknown(FINOPS, "no answer"), link), blame).outcome
    now = outcome.link
    assert (now.dirty, now.claim.kind) == (True, ClaimKind.UNSETTLED)
    if listed:
        assert (outcome.kind, outcome.reason, outcome.delay_s) == (Kind.REJECTED, "outcome_unknown", None)
        assert (now.unknowns, now.unanswered) == (0, 1)
    else:
        assert (outcome.kind, outcome.delay_s) == (Kind.UNSETTLED, 305)
        assert (now.unknowns, now.unanswered) == (link.unknowns + blame.counts, link.unanswered + 1)


@pytest.mark.parametrize(
    "answer", [NotSent("no time"), Transient(FINOPS, "busy"), OperatorNeeded(FINOPS, "no access")], ids=repr
)
def test_what_was_not_applied_for_the_systems_sake_counts_no_attempt_and_waits_for_the_gate(answer: SyncError) -> None:
    outcome = ended(sent(answer)).outcome
    assert (outcome.kind, outcome.delay_s, outcome.link) == (Kind.RETRIED, None, LINKED)


UNKNOWN = OutcomeUnknown(FINOPS, "no answer")
ONE, TWO, THREE = (OutcomeUnknown(FINOPS, f"no answer {number}") for number in range(3))
OWN = RecordRejected("too_long", "it is too long", remedy="shorten it", sent=False)


@pytest.mark.parametrize(
    ("answers", "blame", "closed"),
    [
        ([None], Blame(counts=True), False),
        ([BAD], Blame(counts=True), False),
        ([RecordMissing("K")], Blame(counts=True), False),
        ([OWN], Blame(), False),
        ([NotSent("no time")], Blame(), False),
        ([], Blame(), False),
        ([None, UNKNOWN], Blame(counts=True), False),
        ([BAD, UNKNOWN], Blame(counts=True), False),
        ([OWN, UNKNOWN], Blame(counts=True, lone=True), True),
        ([UNKNOWN], Blame(counts=True, lone=True), True),
        ([UNKNOWN, UNKNOWN, UNKNOWN], Blame(counts=True), True),
        ([ONE, TWO], Blame(counts=True), True),
        ([ONE, TWO, THREE], Blame(), True),
        ([None, Transient(FINOPS, "busy")], Blame(), True),
        ([UNKNOWN, OperatorNeeded(FINOPS, "no access")], Blame(), True),
    ],
)
def test_an_unknown_result_counts_against_its_record_only_if_the_system_answers_others(
    answers: list[SyncError | None], blame: Blame, closed: bool
) -> None:
    world = World()
    of = [sent(answer, id=str(number)) for number, answer in enumerate(answers)]
    flow, before = world.service().flows["parents"], world.state.control.at_once()
    assert blame_for(world.gates(), before, flow, "run", of) == blame
    assert world.state.control.gate(FINOPS).closed is closed


def test_a_system_that_has_answered_nothing_since_its_last_trouble_blames_nobody() -> None:
    world = World()
    gates, flow = world.gates(), world.service().flows["parents"]
    gates.close(Transient(FINOPS, "busy"))
    world.clock.sleep(5)
    assert gates.closed(FINOPS) is None
    before = world.state.control.at_once()
    assert blame_for(gates, before, flow, "run", [sent(UNKNOWN)]) == Blame(lone=True)


def test_a_drift_blocks_the_flow_and_names_the_record_that_met_it_and_closes_no_gate() -> None:
    world = World()
    of = [sent(Transient(FINOPS, "busy"), id="1"), sent(SchemaDrift(FINOPS, "no such field"), id="2")]
    flow, before = world.service().flows["parents"], world.state.control.at_once()
    assert blame_for(world.gates(), before, flow, "run", of) == Blame()
    control = world.state.control.flow("parents")
    assert control.met is not None
    assert (control.met.record, "no such field" in control.blocked) == ("2", True)
    assert not world.state.control.gate(FINOPS).closed
