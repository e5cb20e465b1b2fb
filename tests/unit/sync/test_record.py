"""What the link of a record says after each way to end (protocol A6, A8, A9)."""

from dataclasses import replace

import pytest

from shared.mapping.verdicts import Mapped
from shared.records import Json, Write
from shared.state.link_parts import Claim, ClaimKind, LinkContent
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.state.waiting import Wait
from shared.sync.apply.outcome import Kind, Rejection, WrittenTarget
from shared.sync.apply.record import Judged, Planned, Record, Sent
from shared.sync.hints import Hint

CLAIM = Claim("mine", ClaimKind.WORKING, last="theirs", unfinished=1, overwrites=True)
ENDED_CLAIM = replace(CLAIM, id=None, kind=None)


def named(text: str) -> dict[str, Json]:
    return {"name": text}


A, B, C, D = map(named, "abcd")
INTENT = Intent("K", (A,))
NEW = Link("parents", "1", claim=CLAIM)
LINKED = replace(
    NEW,
    route="customer",
    state=LinkState.WRITTEN,
    target_key="K",
    target_id="id1",
    held_key="K",
    content=LinkContent(applied={"name": "old"}, touched=("phone",), overruled={"name": "x"}, sent=(A,)),
    attempts=2,
    unknowns=3,
    unanswered=4,
    waits=("W|parents|customer|2|1",),
    rule="foreign",
)
FORMER = FormerTarget("customer", "J", ended=True)
WAIT = Wait("parents", "1", "parents", "customer", "3")
REJECTION = Rejection("bad", "bad is x", "clear it")


def record(link: Link = LINKED, *, trusted: bool = True, found: Link | None = None) -> Record:
    return replace(Record.of(Hint("1"), link, trusted=trusted), found=found or link)


@pytest.mark.parametrize(
    ("link", "trusted", "applied", "dirty", "intent"),
    [
        (LINKED, True, None, False, None),
        (LINKED, False, None, True, None),
        (LINKED, True, {"name": "new"}, False, None),
        (LINKED, False, {"name": "new"}, False, None),
        (replace(LINKED, intent=INTENT), True, None, False, INTENT),
        (replace(LINKED, intent=INTENT), False, {"name": "new"}, False, None),
    ],
)
def test_only_content_that_was_written_in_full_makes_a_doubtful_link_clean_and_ends_its_creation(
    link: Link, trusted: bool, applied: dict[str, Json] | None, dirty: bool, intent: Intent | None
) -> None:
    kept: dict[str, Json] = {"fax": "1"}
    after = record(link, trusted=trusted).concluded(Kind.UPDATED, LinkState.WRITTEN, applied=applied, kept=kept)
    assert (after.outcome.link.dirty, after.outcome.link.intent) == (dirty, intent)
    content = link.content if applied is None else LinkContent(applied=applied, kept=kept)
    assert after.outcome.link.content == content


def test_a_decision_ends_the_claim_and_the_counts_of_tries_and_names_its_rule_and_waits() -> None:
    link = record().concluded(Kind.FILTERED, LinkState.FILTERED, reason="other", waits=(WAIT,)).outcome.link
    assert (link.attempts, link.unknowns, link.unanswered) == (0, 0, 0)
    assert (link.claim, link.state, link.rule, link.waits) == (ENDED_CLAIM, LinkState.FILTERED, "other", (WAIT.key,))
    assert record().concluded(Kind.FILTERED, LinkState.FILTERED).outcome.link.rule is None
    rejected = record().rejected("bad", "bad is x", "clear it").outcome
    assert (rejected.link.unknowns, rejected.link.unanswered, rejected.link.rule) == (3, 0, "bad")
    assert (rejected.reason, rejected.rejection) == ("bad", REJECTION)


@pytest.mark.parametrize(
    ("link", "target", "held"),
    [
        (replace(LINKED, held_key="L"), None, "K"),
        (replace(NEW, held_key="L"), None, "L"),
        (NEW, None, None),
        (replace(NEW, held_key="L"), WrittenTarget("customer", "M"), "M"),
    ],
)
def test_a_decided_record_owns_the_key_of_its_row_or_else_the_one_that_it_has_taken(
    link: Link, target: WrittenTarget | None, held: str | None
) -> None:
    assert record(link).concluded(Kind.UPDATED, LinkState.WRITTEN, target=target).outcome.link.held_key == held


@pytest.mark.parametrize(
    ("kind", "link", "frees"),
    [
        (Kind.DELETED, replace(NEW, route="customer", held_key="K", intent=INTENT), True),
        (Kind.DELETED, LINKED, False),
        (Kind.FILTERED, replace(NEW, route="customer", held_key="K", intent=INTENT), False),
    ],
)
def test_a_record_that_is_gone_and_has_nothing_in_the_target_gives_its_number_up(
    kind: Kind, link: Link, frees: bool
) -> None:
    after = record(link).concluded(kind, LinkState.DELETED).outcome.link
    kept = (link.route, link.held_key, link.intent)
    assert (after.route, after.held_key, after.intent) == ((None, None, None) if frees else kept)


@pytest.mark.parametrize(
    ("intent", "dropped", "key", "sent"),
    [
        (None, None, "K", ()),
        (INTENT, None, "K", (A,)),
        (INTENT, None, "k ", (A,)),
        (INTENT, None, "L", ()),
        (None, INTENT, "K", (A,)),
        (Intent("K", (B,)), INTENT, "K", (B,)),
    ],
)
def test_what_earlier_creates_have_sent_is_known_by_the_key_in_any_case_also_where_no_row_was_found(
    intent: Intent | None, dropped: Intent | None, key: str, sent: tuple[dict[str, Json], ...]
) -> None:
    of = replace(record(replace(NEW, intent=intent)), dropped=dropped)
    assert of.sent_for(key) == sent
    assert of.intent_of(Write("1", key, D, create=True)) == Intent(key, (*sent, D))


def test_of_the_creates_under_a_key_the_last_three_are_known() -> None:
    of = record(replace(NEW, intent=Intent("K", (A, B, C))))
    assert of.intent_of(Write("1", "K", D, create=True)).sent == (B, C, D)


NOTED = replace(NEW, route="customer", held_key="K", intent=INTENT, etag="2")


@pytest.mark.parametrize(
    ("before", "link", "dropped", "held", "intent", "etag"),
    [
        (NEW, NOTED, None, None, None, "2"),
        (replace(NEW, held_key="J"), NOTED, None, None, None, "2"),
        (replace(NEW, held_key="J"), NOTED, INTENT, "J", None, "2"),
        (replace(NEW, held_key="J", intent=Intent("J", ())), NOTED, None, "J", Intent("J", ()), "2"),
        (LINKED, replace(LINKED, held_key="L", etag="2"), None, "K", None, "2"),
        (None, NOTED, None, "K", INTENT, "2"),
        (None, replace(NEW, held_key="K", etag="1"), None, None, None, "1"),
    ],
    ids=["new", "another key", "a create may come", "an earlier intent", "linked", "not noted", "nothing there"],
)
def test_a_note_is_taken_back_and_the_key_is_kept_only_where_something_is_or_may_come_under_it(
    before: Link | None, link: Link, dropped: Intent | None, held: str | None, intent: Intent | None, etag: str
) -> None:
    of = replace(record(link), before=before, dropped=dropped).taken_back()
    assert (of.link.held_key, of.link.intent, of.link.etag, of.before) == (held, intent, etag, None)


@pytest.mark.parametrize(("before", "sent"), [(None, (A, B)), (replace(LINKED, content=LinkContent(sent=(A,))), (A,))])
def test_what_was_not_applied_is_not_known_as_sent(before: Link | None, sent: tuple[dict[str, Json], ...]) -> None:
    noted = replace(LINKED, content=LinkContent(applied={"name": "old"}, touched=("phone",), sent=(A, B)))
    of = replace(record(noted), before=before)
    assert of.not_applied().link == replace(noted, content=replace(noted.content, sent=sent))
    planned = Planned(Judged(of, Mapped("K", {}, {})), Write("1", "K", {}, create=False))
    assert Sent(planned, None).unwritten == of.not_applied()
    assert Sent(planned, None, is_begun=True).unwritten == of


def test_an_inherited_row_stays_the_records_whatever_becomes_of_its_write() -> None:
    named = replace(NOTED, former=(replace(FORMER, inherited=True),))
    of = replace(record(NOTED), before=NEW).with_inheritance(named)
    assert (of.link, of.stored, of.taken_back().link.former) == (named, named, named.former)
    assert record(NEW).with_inheritance(named).before is None


def test_a_record_whose_row_has_ended_comes_back_at_once_as_one_that_has_left_it_and_holds_its_next_key() -> None:
    outcome = record(replace(LINKED, held_key="L")).at_its_next_target().outcome
    link = outcome.link
    assert (outcome.kind, outcome.delay_s) == (Kind.RETRIED, 0.0)
    assert (link.state, link.claim) == (LinkState.RETRYING, ENDED_CLAIM)
    assert (link.route, link.held_key, link.target_key) == ("customer", "L", None)
    assert link.former == (FormerTarget("customer", "K", ended=True),)


def test_a_record_whose_row_was_another_records_comes_back_at_once_as_a_new_one_that_owns_the_key() -> None:
    outcome = record(replace(LINKED, former=(FORMER,))).as_new().outcome
    link = outcome.link
    assert (outcome.kind, outcome.delay_s) == (Kind.RETRIED, 0.0)
    assert (link.state, link.claim) == (LinkState.RETRYING, ENDED_CLAIM)
    assert (link.route, link.held_key, link.target_key, link.former) == ("customer", "K", None, (FORMER,))
    assert link.content == LinkContent()


@pytest.mark.parametrize(
    ("attempts", "state", "kept"), [(0, LinkState.WAITING, 2), (1, LinkState.RETRYING, 1), (3, LinkState.RETRYING, 3)]
)
def test_a_record_that_comes_back_without_a_refusal_keeps_the_state_of_its_last_decision(
    attempts: int, state: LinkState, kept: int
) -> None:
    of = record(found=replace(LINKED, state=LinkState.WAITING)).retried(delay_s=7.0, attempts=attempts).outcome
    assert (of.kind, of.link.state, of.link.attempts, of.delay_s) == (Kind.RETRIED, state, kept, 7.0)
    assert of.link.claim == ENDED_CLAIM


@pytest.mark.parametrize(
    ("link", "intent"), [(NEW, INTENT), (LINKED, None), (replace(NEW, intent=Intent("J", ())), Intent("J", ()))]
)
def test_a_create_that_may_still_come_is_remembered_while_its_record_is_not_decided(
    link: Link, intent: Intent | None
) -> None:
    assert replace(record(link), dropped=INTENT).retried().outcome.link.intent == intent
    assert record(replace(NEW, intent=INTENT)).without_intent().dropped == INTENT


@pytest.mark.parametrize(
    ("rejection", "kind", "state", "reason", "waits"),
    [
        (None, Kind.UNSETTLED, LinkState.RETRYING, "", LINKED.waits),
        (REJECTION, Kind.REJECTED, LinkState.REJECTED, "bad", ()),
    ],
)
def test_a_request_that_may_still_arrive_keeps_its_claim_and_leaves_the_link_dirty(
    rejection: Rejection | None, kind: Kind, state: LinkState, reason: str, waits: tuple[str, ...]
) -> None:
    of = record().unsettled(delay_s=305.0, unknowns=1, unanswered=2, rejection=rejection).outcome
    assert (of.kind, of.reason, of.rejection, of.delay_s) == (kind, reason, rejection, 305.0)
    assert (of.link.dirty, of.link.state, of.link.waits) == (True, state, waits)
    assert (of.link.unknowns, of.link.unanswered) == (1, 2)
    assert of.link.claim == replace(CLAIM, kind=ClaimKind.UNSETTLED)


@pytest.mark.parametrize(
    ("link", "leaves", "needs_key"), [(LINKED, False, False), (LINKED, True, True), (NEW, False, True)]
)
def test_a_record_needs_a_key_for_its_first_write_and_for_its_next_row(
    link: Link, leaves: bool, needs_key: bool
) -> None:
    planned = Planned(Judged(record(link), Mapped("L", {}, {}), leaves=leaves), Write("1", "K", {}, create=False))
    assert (planned.needs_key, planned.key) == (needs_key, "L")


@pytest.mark.parametrize(
    ("stays", "before", "newly"),
    [
        (None, {"name": "x"}, {}),
        ({}, {"name": "x"}, {}),
        ({"name": "theirs"}, {}, {"name": ("theirs", "ours")}),
        ({"name": "theirs"}, {"name": "theirs"}, {}),
        ({"name": "theirs"}, {"name": "x"}, {"name": ("theirs", "ours")}),
        ({"name": None}, {"name": None}, {}),
    ],
)
def test_a_value_of_the_target_that_stays_is_told_once(
    stays: dict[str, Json] | None, before: dict[str, Json], newly: dict[str, tuple[Json, Json]]
) -> None:
    found = replace(LINKED, content=LinkContent(kept=before))
    judged = Judged(record(LINKED, found=found), Mapped("K", {"name": "ours"}, {}), stays=stays)
    assert judged.newly_kept() == newly


@pytest.mark.parametrize(
    ("given", "trusted", "after"), [(None, True, True), (None, False, False), (False, True, False)]
)
def test_a_judged_record_with_another_link_stays_trusted_unless_said_otherwise(
    given: bool | None, trusted: bool, after: bool
) -> None:
    judged = Judged(record(trusted=trusted), Mapped("K", {}, {})).with_link(NEW, trusted=given)
    assert (judged.record.link, judged.record.trusted) == (NEW, after)


TARGET = WrittenTarget(
    "customer", "K", "id2", {1: "d"}, {1: "a"}, ("price",), ({"list": "a"},), {"r1": 0}
)  # fmt: skip


def test_a_written_record_has_all_of_its_place_and_has_not_left_it() -> None:
    left = (FormerTarget("customer", "k"), FormerTarget("customer", "J"), FormerTarget("person", "K"))
    link = TARGET.on(replace(NEW, former=left, content=LinkContent(applied={"name": "x"}, noted=(3,))))
    assert (link.route, link.target_key, link.target_id, link.held_key) == ("customer", "K", "id2", "K")
    assert link.former == left[1:]
    assert link.content == LinkContent(
        applied={"name": "x"},
        lines={1: "d"},
        numbers={1: "a"},
        line_fields=("price",),
        places=({"list": "a"},),
        revisions={"r1": 0},
    )
    assert TARGET.on(link) is link
