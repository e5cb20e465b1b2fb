"""What is sent once the outcomes of a message are stored, to whom, when and why (protocol A11, W1, W4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.errors import Transient
from shared.mapping.verdicts import Parent
from shared.state.checkpoint_parts import MadeFor, Walk
from shared.state.checkpoints import Checkpoint
from shared.state.keys import Owner
from shared.state.link_parts import Seen
from shared.state.links import Link, LinkState
from shared.state.storage.queues import hold_queue
from shared.state.storage.tables import Insert
from shared.state.waiting import Wait
from shared.sync.apply.claim import Claimed
from shared.sync.apply.commit import Committed
from shared.sync.apply.follow_up import FollowUp
from shared.sync.apply.outcome import Kind, Outcome
from shared.sync.apply.record import Concluded, Record
from shared.sync.hints import Hint, HintMessage, Why, read_message
from shared.systems import System
from tests.support.doubles import ROUTE
from tests.support.events import Heard, listening
from tests.support.world import World

MESSAGE = HintMessage("parents", "pull", (Hint("1"),), "e1", "ended", Why.RETRY, "act")
NOTHING = Claimed((), (), {}, (), {})
NEW = Link("parents", "1", seen=Seen(1, "e1", "f1"))
LINKED = replace(NEW, route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K")


@dataclass
class Sent:
    """What was sent: each message with its queue and its delay."""

    world: World
    heard: Heard

    def to(self, queue: str) -> list[tuple[HintMessage, float]]:
        return [(read_message(body), delay_s) for body, delay_s in self.world.queues.delayed(queue)]

    def ids(self, queue: str) -> list[str]:
        return [hint.id for message, _ in self.to(queue) for hint in message.hints]


def sent(
    *decided: Concluded,
    claimed: Claimed = NOTHING,
    overtaken: Sequence[str] = (),
    overwritten: Sequence[Owner] = (),
    world: World | None = None,
    at_once: int = 4,
    not_after: float = 99.0,
    flow: Mapping[str, Any] | None = None,
    children: Mapping[str, Any] | None = None,
    message: HintMessage = MESSAGE,
) -> Sent:
    """Follow-ups of a message of `parents`; `flow` and `children` change both flows."""
    world = world or World()
    service = world.service()
    flows = {
        "parents": replace(service.flows["parents"], **(flow or {})),
        "children": replace(service.flows["children"], **(children or {})),
    }
    following = FollowUp(
        flows["parents"], "run", flows=flows, children=[flows["children"]], gates=world.gates(), state=world.state,
        queues=world.queues, clock=world.clock, hints_per_message=4, not_after=not_after,
    )  # fmt: skip
    committed = Committed(decided, frozenset(overtaken), overwritten)
    with listening() as heard:
        following.send(message, claimed, committed, sent_back_at_once=at_once)
    assert heard.breaches == set()
    return Sent(world, heard)


def concluded(
    kind: Kind, link: Link = LINKED, *, found: Link = LINKED, hint: Hint | None = None, delay_s: float | None = None,
    waits: tuple[Wait, ...] = (), parents: tuple[Parent, ...] = (),
) -> Concluded:  # fmt: skip
    record = Record.of(hint or Hint(link.id, 7), replace(found, id=link.id), trusted=True)
    return Concluded(replace(record, parents=parents), Outcome(kind, link, waits=waits, delay_s=delay_s))


def test_busy_records_come_back_after_their_delay_for_the_reason_for_which_they_came() -> None:
    busy = {15.0: [Hint("1", 7), Hint("2")], 305.0: [Hint("3")]}
    found = sent(claimed=replace(NOTHING, busy=busy)).to("parents")
    same = replace(MESSAGE, run="run", asked_by="act")
    assert found == [
        (replace(same, hints=(Hint("1", 7), Hint("2"))), 15),
        (replace(same, hints=(Hint("3"),)), 305),
    ]


def test_records_that_a_worker_has_not_finished_come_back_at_once_each_alone() -> None:
    found = sent(claimed=replace(NOTHING, alone=[Hint("1", 7), Hint("2", 8)])).to("parents")
    assert [(message.hints, message.epoch, message.ended, delay) for message, delay in found] == [
        ((Hint("1", 7),), "e1", None, 0),
        ((Hint("2", 8),), "e1", None, 0),
    ]


def test_what_was_overtaken_or_overwritten_is_looked_at_again_in_any_case_after_a_moment() -> None:
    found = sent(
        concluded(Kind.UPDATED), concluded(Kind.UPDATED, replace(LINKED, id="2")), overtaken=["1"],
        overwritten=[Owner("children", ROUTE, "c1")],
    )  # fmt: skip
    assert found.to("parents") == [(replace(MESSAGE, run="run", hints=(Hint("1"),), epoch=None, ended=None), 15)]
    assert found.to("children") == [(HintMessage("children", "run", (Hint("c1"),), why=Why.AGAIN), 15)]


@pytest.mark.parametrize(
    ("kind", "delay_s", "hint", "waits_s"),
    [
        (Kind.RETRIED, 30.0, Hint("1", 7), 30),
        (Kind.RETRIED, 0.0, Hint("1", 7), 0),
        (Kind.RETRIED, None, Hint("1", 7), 5),
        (Kind.UNSETTLED, 305.0, Hint("1"), 305),
    ],
)
def test_an_undecided_record_comes_back_and_one_that_may_have_been_written_in_any_case(
    kind: Kind, delay_s: float | None, hint: Hint, waits_s: float
) -> None:
    ((message, delay),) = sent(concluded(kind, delay_s=delay_s)).to("parents")
    assert (message.hints, delay) == ((hint,), waits_s)
    assert (message.why, message.asked_by, message.epoch, message.ended) == (Why.RETRY, "act", "e1", None)


def test_a_decided_or_listed_record_does_not_come_back() -> None:
    kinds = [kind for kind in Kind if kind not in {Kind.RETRIED, Kind.UNSETTLED, Kind.SKIPPED, Kind.WAITING}]
    assert sent(*(concluded(kind) for kind in kinds)).to("parents") == []


def test_undecided_records_wait_where_the_gate_says_so_in_messages_of_the_size_that_has_time() -> None:
    world = World()
    world.gates().close(Transient(System.FINOPS, "busy", retry_after_s=900))
    back = [concluded(Kind.RETRIED, replace(LINKED, id=str(number))) for number in range(3)]
    found = sent(*back, world=world, at_once=2)
    assert [len(message.hints) for message, _ in found.to(hold_queue("parents"))] == [2, 1]
    assert found.to("parents") == []


OTHER = MadeFor("f2", ("f1", "f0"))


@pytest.mark.parametrize(
    ("made_for", "decided", "skipped", "again", "looks"),
    [
        (MadeFor("f1"), True, True, [], False),
        (MadeFor(), True, True, [], False),
        (OTHER, True, False, ["1"], False),
        (OTHER, False, True, ["9"], False),
        (OTHER, True, True, ["9", "1"], False),
        (OTHER, False, False, [], False),
        (MadeFor("f2", ("f0",)), True, False, [], True),
        (MadeFor("f2", ("f0",)), False, False, [], False),
        (None, True, True, [], False),
    ],
)
def test_nothing_stays_committed_with_another_mapping_than_that_of_the_last_walk(
    made_for: MadeFor | None, decided: bool, skipped: bool, again: list[str], looks: bool
) -> None:
    world = World()
    if made_for is not None:
        assert world.state.checkpoints.save(Checkpoint("parents", "e1", Walk("w1"), made_for=made_for)) is not None
    of = [concluded(Kind.UNCHANGED)] if decided else [concluded(Kind.RETRIED, replace(LINKED, id="5"), delay_s=9)]
    claimed = replace(NOTHING, skipped=[replace(LINKED, id="9")] if skipped else [])
    found = sent(*of, claimed=claimed, world=world)
    told = [(message, delay) for message, delay in found.to("parents") if delay != 9]
    assert [hint.id for message, _ in told for hint in message.hints] == again
    assert all((message.why, delay) == (Why.AGAIN, 60) for message, delay in told)
    assert world.state.control.flow("parents").look_again is looks


def waiting(world: World, *waits: tuple[str, str, str]) -> World:
    """Children that wait: by id, route and parent."""
    for child, route, parent in waits:
        world.links_table.transact([Insert(Wait("children", child, "parents", route, parent).to_row())])
    return world


FILTERED, ENDED = replace(NEW, state=LinkState.FILTERED), replace(LINKED, state=LinkState.ENDED)
BY_HAND = replace(LINKED, state=LinkState.RETRYING, seen=Seen())


@pytest.mark.parametrize(
    ("kind", "found", "link", "releases"),
    [
        (Kind.CREATED, NEW, LINKED, True),
        (Kind.UPDATED, LINKED, LINKED, False),
        (Kind.UPDATED, replace(LINKED, route="person"), LINKED, True),
        (Kind.UPDATED, BY_HAND, LINKED, True),
        (Kind.RETRIED, NEW, NEW, False),
        (Kind.FILTERED, NEW, FILTERED, True),
        (Kind.FILTERED, FILTERED, FILTERED, False),
        (Kind.ENDED, LINKED, ENDED, True),
        (Kind.ENDED, ENDED, ENDED, False),
        (Kind.FILTERED, ENDED, replace(ENDED, state=LinkState.FILTERED), False),
        (Kind.REJECTED, NEW, replace(NEW, state=LinkState.REJECTED), False),
    ],
)
def test_children_go_on_once_their_parent_is_linked_or_filtered_by_this_commit(
    kind: Kind, found: Link, link: Link, releases: bool
) -> None:
    world = waiting(World(), ("c1", ROUTE, "1"), ("c2", ROUTE, "1"), ("c3", ROUTE, "2"), ("c4", "person", "1"))
    result = sent(concluded(kind, link, found=found, delay_s=9), world=world)
    messages = result.to("children")
    assert [hint for message, _ in messages for hint in message.hints] == (
        [Hint("c1", released=True), Hint("c2", released=True)] if releases else []
    )
    assert all((message.why, message.run, delay) == (Why.RELEASED, "run", 0) for message, delay in messages)
    told = [event["records"] for event in result.heard.of("waiting_released", flow="children", run="run", by="parents")]
    assert told == ([2] if releases else [])


def test_children_that_name_their_parent_by_its_key_go_on_with_it() -> None:
    world = World()
    world.links_table.transact([Insert(Wait("children", "c1", "Customers", Parent.BY_KEY, "k").to_row())])
    world = waiting(world, ("c2", ROUTE, "1"))
    result = sent(
        concluded(Kind.CREATED, found=NEW), world=world, children={"parents": (), "parents_by_key": ("Customers",)}
    )
    assert result.ids("children") == ["c1"]


@pytest.mark.parametrize(("not_after", "children"), [(99, 5), (0.5, 0), (0, 0)])
def test_children_for_which_there_is_no_time_are_left_to_the_sweep(not_after: float, children: int) -> None:
    world = waiting(World(), *((f"c{number}", ROUTE, "1") for number in range(5)))
    world.clock.sleep(0.5)
    result = sent(concluded(Kind.CREATED, found=NEW), world=world, not_after=not_after)
    assert len(result.ids("children")) == children
    assert len(result.heard.of("waiting_released")) == bool(children)


@pytest.mark.parametrize(
    ("comes_back", "off", "found", "known", "told"),
    [
        ("Customers", "", NEW, False, ["K"]),
        ("Customers", "", NEW, True, ["K"]),
        ("Customers", "", LINKED, False, ["K"]),
        ("Customers", "", LINKED, True, []),
        ("Customers", "off", NEW, False, []),
        ("Customers", "off", LINKED, False, []),
        ("Orders", "", NEW, False, []),
        ("Orders", "", LINKED, False, []),
    ],
)
def test_a_flow_of_the_other_direction_looks_at_the_rows_that_were_made_and_that_it_does_not_know(
    comes_back: str, off: str, found: Link, known: bool, told: list[str]
) -> None:
    world = World()
    if known:
        world.links_table.transact([Insert(Link("children", "K").to_row())])
    how = {"comes_back_from": comes_back, "off": off}
    result = sent(concluded(Kind.UPDATED, found=found), world=world, children=how)
    assert result.ids("children") == told
    assert all(message.why is Why.CHANGE for message, _ in result.to("children"))


def test_it_looks_at_the_row_of_a_record_that_was_skipped_as_well() -> None:
    result = sent(claimed=replace(NOTHING, skipped=[LINKED]), children={"comes_back_from": "Customers"})
    assert result.ids("children") == ["K"]


@pytest.mark.parametrize(
    ("kind", "state", "again"),
    [
        (Kind.WAITING, LinkState.WRITTEN, True),
        (Kind.WAITING, LinkState.FILTERED, True),
        (Kind.WAITING, LinkState.NEW, False),
        (Kind.FILTERED, LinkState.WRITTEN, False),
    ],
)
def test_a_record_that_has_just_been_parked_looks_once_more_at_its_parent(
    kind: Kind, state: LinkState, again: bool
) -> None:
    world = World()
    linked = {"route": ROUTE, "target_key": "P"} if state is LinkState.WRITTEN else {}
    world.links_table.transact([Insert(replace(Link("parents", "p", state=state), **linked).to_row())])  # type: ignore[arg-type]
    parent = Parent("parents", ROUTE, "p")
    child = concluded(kind, NEW, found=NEW, parents=(parent,), waits=(Wait("parents", "1", "parents", ROUTE, "p"),))
    messages = sent(child, world=world).to("parents")
    assert [(message.hints, message.why, delay) for message, delay in messages] == (
        [((Hint("1", released=True),), Why.RELEASED, 0)] if again else []
    )


@pytest.mark.parametrize(
    ("route", "parked", "asked"), [(Parent.LOOK, False, ["c9"]), (Parent.LOOK, True, []), (ROUTE, False, [])]
)
def test_a_record_that_waits_for_a_look_has_it_made(route: str, parked: bool, asked: list[str]) -> None:
    wait = Wait("parents", "1", "children", route, "c9", is_parked=parked)
    child = concluded(Kind.FILTERED, NEW, found=NEW, waits=(wait, wait))
    result = sent(child)
    assert [hint for message, _ in result.to("children") for hint in message.hints] == [
        Hint(id, awaited=True) for id in asked
    ]


@pytest.mark.parametrize(
    ("kind", "state", "awaited", "first", "answered"),
    [
        (Kind.UNCHANGED, LinkState.WRITTEN, True, True, True),
        (Kind.UNCHANGED, LinkState.WRITTEN, False, True, False),
        (Kind.UNCHANGED, LinkState.WRITTEN, True, False, False),
        (Kind.WAITING, LinkState.WAITING, True, True, False),
        (Kind.RETRIED, LinkState.WRITTEN, True, True, False),
        (Kind.REJECTED, LinkState.REJECTED, True, True, True),
    ],
)
def test_a_look_that_was_made_is_answered_to_those_that_wait_for_it(
    kind: Kind, state: LinkState, awaited: bool, first: bool, answered: bool
) -> None:
    world = waiting(World(), ("c1", Parent.LOOK, "1"), ("c2", ROUTE, "1"))
    of = concluded(kind, replace(LINKED, state=state), hint=Hint("1", awaited=awaited), delay_s=9)
    result = sent(of, world=world, children={"looks_first": ("parents",)} if first else {})
    assert [hint for message, _ in result.to("children") for hint in message.hints] == (
        [Hint("c1", released=True, answered=True)] if answered else []
    )
    told = [event["records"] for event in result.heard.of("waiting_released", flow="children", by="parents")]
    assert told == ([1] if answered else [])
