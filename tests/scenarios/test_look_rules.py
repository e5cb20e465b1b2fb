"""Records that wait until one of another flow is looked at (protocol W4)."""

from dataclasses import replace

import pytest

from shared.errors import NotSent, RecordRejected
from shared.operations.examine import Examining
from shared.operations.trace import Child, Tracing, some_children_of
from shared.state.links import LinkState
from shared.systems import System
from tests.support.invariants import check, check_at_rest
from tests.support.replies import REPLIES, Replying
from tests.support.steps import Crash
from tests.support.thinned import share_of_steps

# A reply to it is written after what was changed in it before.
PARENT = "p1"
LATE_S = 300.0


def replying(*, known: bool = True) -> Replying:
    """A world with a parent; if it is `known`, it was written, and its name has changed since."""
    world = Replying(looks=True)
    world.parent(PARENT, "C-1")
    if known:
        world.run("parents")
        world.source.save(PARENT, number="C-1", name="renamed")
    world.reply("r1", to=PARENT)
    return world


def name_of(world: Replying) -> object:
    """The name that the parent has in the target; None if it is not there."""
    return world.target.rows.get("c-1", {}).get("name")


def written(world: Replying) -> bool:
    return "r1" in world.rows.rows


@pytest.mark.parametrize("known", [True, False])
def test_w4_what_has_changed_in_a_record_is_written_before_the_one_that_waits_for_a_look(known: bool) -> None:
    world = replying(known=known)
    world.run(REPLIES)
    assert (world.link_of("r1").state, written(world)) == (LinkState.WAITING, False)
    # No pull has reported the change.
    world.drain(["parents"])
    assert (name_of(world), written(world)) == ("renamed" if known else PARENT, False)
    world.drain([REPLIES])
    assert written(world)
    assert world.state.waits.page(REPLIES, "", 10)[0] == []
    world.settle()
    check_at_rest(world)


def test_w4_several_records_that_wait_for_one_are_sent_after_one_look() -> None:
    world = replying()
    for number in (2, 3):
        world.reply(f"r{number}", to=PARENT)
    world.run(REPLIES)
    assert world.queues.depth("parents") == 1
    world.drain(["parents", REPLIES])
    assert sorted(world.rows.made) == ["r1", "r2", "r3"]


@pytest.mark.parametrize("values", [{"state": "foreign"}, {"bad": "yes"}, None])
def test_w4_whatever_becomes_of_a_record_that_is_looked_at_the_other_one_continues(
    values: dict[str, str] | None,
) -> None:
    """It is filtered, rejected, or not there."""
    world = replying(known=False)
    if values is None:
        world.source.remove(PARENT)
    else:
        world.source.save(PARENT, **{"number": "C-1", "name": PARENT, **values})
    world.run(REPLIES)
    world.drain(["parents", REPLIES])
    assert (name_of(world), written(world)) == (None, True)


def test_w4_a_record_that_is_listed_is_not_looked_at_again() -> None:
    world = replying(known=False)
    world.source.save(PARENT, number="C-1", bad="yes")
    world.run("parents")
    world.run(REPLIES)
    assert (world.queues.depth("parents"), written(world)) == (0, True)


def test_w4_a_record_that_is_filtered_by_a_rule_that_passes_is_waited_for() -> None:
    world = replying()
    world.source.save(PARENT, number="C-1", name="renamed", rule="unready")
    world.run(REPLIES)
    world.drain()
    for _ in range(20):
        world.clock.sleep(60)
        world.sweep()
        assert world.depth() == 0
    assert not written(world)
    world.source.save(PARENT, rule="")
    world.settle(0.2)
    assert (name_of(world), written(world)) == ("renamed", True)


def test_w4_the_sweep_asks_once_more_if_a_request_is_lost() -> None:
    world = replying()
    world.run(REPLIES)
    world.queues.lose("parents")
    world.sweep()
    assert world.queues.depth("parents") == 0
    world.clock.sleep(LATE_S)
    world.sweep()
    world.drain()
    assert (name_of(world), written(world)) == ("renamed", True)


def test_w4_while_the_other_flow_is_paused_nothing_is_asked_twice() -> None:
    world = replying()
    world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    world.run(REPLIES)
    world.drain()
    for _ in range(10):
        world.clock.sleep(LATE_S)
        world.sweep()
        world.drain()
    assert (world.depth(), written(world)) == (1, False)
    world.state.control.change_flow("parents", lambda now: replace(now, paused=False))
    world.settle()
    assert (name_of(world), written(world)) == ("renamed", True)


def test_w4_a_look_that_comes_back_is_still_the_one_that_was_asked_for() -> None:
    world = replying()
    world.run(REPLIES)
    world.target.fault = lambda _write: NotSent(System.FINOPS, "no time")
    world.host_once("parents")
    assert not written(world)
    world.target.fault = lambda _write: None
    world.clock.sleep(60)
    world.drain()
    assert (name_of(world), written(world)) == ("renamed", True)


def test_w4_only_the_first_write_waits_for_a_look() -> None:
    world = replying()
    world.run(REPLIES)
    world.drain()
    world.reply("r1", to=PARENT, status="closed")
    world.run(REPLIES)
    assert world.queues.depth("parents") == 0
    assert world.rows.rows["r1"]["status"] == "closed"


def test_w4_a_write_that_is_refused_waits_for_another_look_before_the_next_try() -> None:
    world = replying()
    world.rows.fault = lambda _write: RecordRejected("full", "no place", remedy="make room")
    world.run(REPLIES)
    world.drain()
    assert world.link_of("r1").state is LinkState.REJECTED
    world.source.save(PARENT, number="C-1", name="again")
    world.rows.fault = lambda _write: None
    world.settle(2)
    assert (name_of(world), written(world)) == ("again", True)


def test_w4_a_trace_names_the_record_that_is_looked_at_and_why_it_takes_long() -> None:
    world = replying()
    world.run(REPLIES)
    service = world.service()
    examining = Examining(service.flows, world.state, world.clock, world.limits)
    (examined,) = examining.examine(service.flows[REPLIES], ["r1"])
    traced = Tracing(examining, service.flows[REPLIES]).trace(examined.parents)
    assert "parents" in traced.words
    assert "is to be looked at before" in traced.words
    assert traced.remedy.startswith("nothing")
    found = some_children_of(world.state, service.flows, "parents", PARENT, clock=world.clock)
    assert found == ([Child(REPLIES, "r1")], None)
    world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    traced = Tracing(examining, service.flows[REPLIES]).trace(examined.parents)
    assert "the flow parents is paused" in traced.words
    assert "let the flow parents run again" in traced.remedy


@share_of_steps(5)
def test_w4_a_crash_at_any_step_loses_neither_the_look_nor_the_write(every: int) -> None:
    world = replying()
    before = world.steps.count
    world.run(REPLIES)
    world.drain()
    total = world.steps.count - before
    assert total > 10
    for step in range(1, total + 1, every):
        world = replying()
        world.steps.crash_at(world.steps.count + step)
        try:
            world.run(REPLIES)
            world.drain()
        except Crash:
            pass
        world.steps.at.clear()
        world.settle()
        assert (name_of(world), list(world.rows.made)) == ("renamed", ["r1"]), step
        check(world)
