"""What contradicts the protocol is not committed: an error that names the rule, and the record on the list."""

import json
import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest

from shared.errors import InvariantBroken
from shared.state.link_parts import Claim, ClaimKind
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.state.waiting import Wait
from shared.sync.apply.batch import OnItsWay
from shared.sync.apply.claim import Claiming
from shared.sync.apply.commit import Committing
from shared.sync.apply.invariants import check
from shared.sync.apply.outcome import Kind, Outcome, Rejection, WrittenTarget
from shared.sync.apply.record import Concluded, Record
from shared.sync.hints import Hint, HintMessage
from tests.support.doubles import ROUTE
from tests.support.world import World

Break = Callable[[Record], OnItsWay]
LINKED = Link("parents", "p1", route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K")
REJECTION = Rejection("bad", "bad is x", "clear it")
WAIT = Wait("parents", "p1", "others", ROUTE, "o1")


def ended(kind: Kind, state: LinkState, change: Callable[[Link], Link] = lambda link: link, **more: object) -> Break:
    """The record ends so, and its link is changed behind that."""

    def end(of: Record) -> Concluded:
        decided = of.concluded(kind, state, **more)  # type: ignore[arg-type]
        return replace(decided, outcome=replace(decided.outcome, link=change(decided.outcome.link)))

    return end


def record(link: Link = LINKED) -> Record:
    return Record.of(Hint(link.id), link, trusted=True)


SOUND: dict[str, Break] = {
    "written": ended(Kind.CREATED, LinkState.WRITTEN, applied={"name": "x"}, target=WrittenTarget(ROUTE, "K")),
    "filtered": ended(Kind.FILTERED, LinkState.FILTERED, reason="foreign"),
    "ended": ended(Kind.ENDED, LinkState.ENDED, reason="inactive"),
    "deleted": ended(Kind.DELETED, LinkState.DELETED),
    "waiting": ended(Kind.WAITING, LinkState.WAITING, waits=(WAIT,)),
    "rejected": ended(Kind.REJECTED, LinkState.REJECTED, reason="bad", rejection=REJECTION),
    "retried": lambda each: each.retried(delay_s=30.0, attempts=1),
    "left its row": lambda each: each.at_its_next_target(),
    "lost its row": lambda each: each.as_new(),
    "unsettled": lambda each: each.unsettled(delay_s=5.0, unknowns=1, unanswered=1),
    "unsettled for good": lambda each: each.unsettled(delay_s=None, unknowns=0, unanswered=1, rejection=REJECTION),
}
BROKEN: dict[str, Break] = {
    "no_outcome": lambda each: each,
    "other_state": ended(Kind.FILTERED, LinkState.WRITTEN),
    "key_without_owner": ended(Kind.FILTERED, LinkState.FILTERED, lambda link: link.without_key(ROUTE, "K")),
    "linked_without_key": ended(Kind.FILTERED, LinkState.FILTERED, lambda link: replace(link, held_key=None)),
    "written_without_target": ended(Kind.UPDATED, LinkState.WRITTEN, lambda link: replace(link, dirty=True)),
    "rejected_without_failure": ended(Kind.REJECTED, LinkState.REJECTED),
    "failure_without_rejection": ended(Kind.FILTERED, LinkState.FILTERED, rejection=REJECTION),
    "wait_without_parent": ended(Kind.WAITING, LinkState.WAITING),
    "claim_left": ended(Kind.FILTERED, LinkState.FILTERED, lambda link: replace(link, claim=Claim("c"))),
}  # fmt: skip


@pytest.mark.parametrize("end", SOUND.values(), ids=SOUND)
@pytest.mark.parametrize(
    "link",
    [
        LINKED,
        replace(LINKED, former=(FormerTarget(ROUTE, "J", ended=True),)),
        replace(LINKED, held_key="L"),
        replace(LINKED, former=(FormerTarget(ROUTE, "J", ended=True, inherited=True),)),
    ],
    ids=["linked", "moved", "moving", "heir"],
)
def test_every_way_in_which_a_record_ends_is_sound(link: Link, end: Break) -> None:
    check(end(record(link)))


@pytest.mark.parametrize("end", [SOUND[name] for name in ("filtered", "deleted", "waiting", "rejected", "retried")])
def test_a_record_that_was_never_written_may_give_its_key_up(end: Break) -> None:
    check(end(record(Link("parents", "p1", route=ROUTE, held_key="K", intent=Intent("K", ({"name": "x"},))))))


@pytest.mark.parametrize("rule", BROKEN)
def test_what_contradicts_a_rule_is_an_error_that_names_it(rule: str) -> None:
    of = BROKEN[rule](record())
    with pytest.raises(InvariantBroken, match=rule) as raised:
        check(of)
    assert raised.value.rule == rule


def concluded(link: Link, kind: Kind = Kind.FILTERED, rejection: Rejection | None = None) -> Concluded:
    """A record that ends with this link, whatever its stored one was."""
    return Concluded(record(), Outcome(kind, link, "rule", rejection))


LEFT, HEIR = FormerTarget(ROUTE, "J", ended=True), FormerTarget(ROUTE, "H", ended=True, inherited=True)


@pytest.mark.parametrize(
    ("former", "kept", "is_sound"),
    [
        ((LEFT,), (LEFT,), True),
        ((LEFT,), (), False),
        ((HEIR,), (), True),
        ((LEFT, HEIR), (LEFT,), True),
        ((LEFT, HEIR), (HEIR,), False),
    ],
)
def test_a_record_keeps_the_rows_that_it_has_left_and_may_give_up_those_that_it_has_inherited(
    former: tuple[FormerTarget, ...], kept: tuple[FormerTarget, ...], is_sound: bool
) -> None:
    before, after = replace(LINKED, former=former), replace(LINKED, former=kept, state=LinkState.FILTERED)
    of = Concluded(record(before), Outcome(Kind.FILTERED, after, "rule"))
    with nullcontext() if is_sound else pytest.raises(InvariantBroken, match="key_without_owner"):
        check(of)


STATES = {
    Kind.CREATED: LinkState.WRITTEN,
    Kind.UPDATED: LinkState.WRITTEN,
    Kind.UNCHANGED: LinkState.WRITTEN,
    Kind.FILTERED: LinkState.FILTERED,
    Kind.ENDED: LinkState.ENDED,
    Kind.DELETED: LinkState.DELETED,
}


@pytest.mark.parametrize("kind", STATES)
def test_each_outcome_has_its_own_state(kind: Kind) -> None:
    for state in LinkState:
        of = concluded(replace(LINKED, state=state), kind)
        with nullcontext() if state is STATES[kind] else pytest.raises(InvariantBroken, match="other_state"):
            check(of)


@pytest.mark.parametrize("state", LinkState)
@pytest.mark.parametrize("kind", [Kind.RETRIED, Kind.UNSETTLED, Kind.SKIPPED])
def test_what_is_not_decided_may_have_any_state_and_keep_its_claim(kind: Kind, state: LinkState) -> None:
    check(concluded(replace(LINKED, state=state, claim=Claim("c", ClaimKind.WORKING)), kind))


@pytest.mark.parametrize(
    ("link", "rule"),
    [
        (replace(LINKED, route=None), "key_without_owner"),
        (replace(LINKED, held_key=""), "linked_without_key"),
        (replace(LINKED, held_key="L"), "written_without_target"),
        (replace(LINKED, intent=Intent("K", ())), "written_without_target"),
        (replace(LINKED, dirty=True), "written_without_target"),
        (replace(LINKED, target_key=None), "written_without_target"),
        (replace(LINKED, claim=Claim("c", ClaimKind.WORKING)), "claim_left"),
        (replace(LINKED, claim=Claim("c", ClaimKind.UNSETTLED)), None),
        (LINKED, None),
    ],
)
def test_a_written_record_is_clean_and_free_at_the_row_whose_key_it_holds(link: Link, rule: str | None) -> None:
    with nullcontext() if rule is None else pytest.raises(InvariantBroken, match=rule):
        check(concluded(link, Kind.UPDATED))


def test_a_wait_for_nobody_is_an_error() -> None:
    of = record().concluded(Kind.WAITING, LinkState.WAITING, waits=(replace(WAIT, parent=""),))
    with pytest.raises(InvariantBroken, match="wait_without_parent"):
        check(of)


@pytest.mark.parametrize("rule", BROKEN)
def test_a_commit_that_contradicts_a_rule_stores_nothing_of_it_and_lists_the_record(
    rule: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.source.save("p1", number="K", name="Personal name")
    world.settle(hours=0.1)
    service = world.service()
    flow = service.flows["parents"]
    message = HintMessage("parents", "run", (Hint("p1"),))
    claiming = Claiming(flow, world.state.links, world.state.failures, service.limits, "claim")
    (claimed,) = claiming.claim(message).records
    of = BROKEN[rule](claimed)
    links, keys_of = world.state.links, partial(world.state.keys_of, flow)
    committing = Committing(
        flow, message, "claim", "run", links=links, keys_of=keys_of, waited_for=False, clock=world.clock, flows={}
    )
    caplog.clear()
    with caplog.at_level(logging.ERROR, "p2c"):
        assert committing.commit([of]).overtaken == frozenset()
    (line,) = caplog.records
    assert json.loads(line.getMessage()) == {
        "event": "invariant_broken", "flow": "parents", "run": "run", "id": "p1", "rule": rule,
    }  # fmt: skip
    link = world.state.links.load("parents", ["p1"])["p1"]
    assert (link.state, link.target_key, link.held_key, link.dirty) == (LinkState.REJECTED, "K", "K", True)
    listed = world.state.failures.load("parents", ["p1"])["p1"]
    assert (listed.cause, listed.next_try is not None) == ("invariant_broken", True)
    assert set(service.state.keys_of(flow, flow.route(ROUTE)).owners(["K"])) == {"K"}
    world.settle(hours=2)
    assert world.state.failures.load("parents", ["p1"]) == {}
    assert world.state.links.load("parents", ["p1"])["p1"].state is LinkState.WRITTEN
