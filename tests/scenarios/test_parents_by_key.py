"""Parents that are named by their target key: the record of any flow that is linked under it (protocol W1, W2)."""

import pytest

from shared.errors import OutcomeUnknown
from shared.state.links import LinkState
from shared.sync.flow import dependents
from shared.systems import System
from tests.support.invariants import check, check_at_rest
from tests.support.replies import REPLIES, Replying
from tests.support.steps import Crash
from tests.support.thinned import share_of_steps


def test_a_record_waits_for_whoever_is_linked_under_a_key_and_learns_the_id_of_its_row() -> None:
    world = Replying()
    world.reply("r1", to="C-1")
    world.run(REPLIES)
    assert world.link_of("r1").state is LinkState.WAITING
    world.parent("p1", "c-1")
    world.run("parents")
    world.drain([REPLIES])
    assert world.rows.rows["r1"] == {"status": "open", "row": "p1"}
    check(world)


def test_the_commit_of_a_parent_releases_only_those_that_name_its_key() -> None:
    world = Replying()
    for reply, key in (("r1", "C-1"), ("r2", "C-2"), ("r3", "C-11")):
        world.reply(reply, to=key)
    world.run(REPLIES)
    world.parent("p1", "C-1")
    world.run("parents")
    assert world.queues.depth(REPLIES) == 1
    world.drain([REPLIES])
    assert list(world.rows.made) == ["r1"]


def test_the_sweep_releases_a_record_whose_release_was_lost() -> None:
    world = Replying()
    world.reply("r1", to="C-1")
    world.run(REPLIES)
    world.parent("p1", "C-1")
    world.run("parents")
    world.queues.lose(REPLIES)
    world.sweep()
    world.drain([REPLIES])
    assert list(world.rows.made) == ["r1"]


def test_a_key_that_is_owned_but_not_linked_yet_is_waited_for() -> None:
    world = Replying()
    world.reply("r1", to="C-1")
    world.run(REPLIES)
    world.parent("p1", "C-1")
    world.target.fault = lambda _write: OutcomeUnknown(System.FINOPS, "no answer")
    world.run("parents")
    assert world.queues.depth(REPLIES) == 0
    world.target.fault = lambda _write: None
    world.settle()
    assert world.rows.rows["r1"] == {"status": "open", "row": "p1"}
    check_at_rest(world)


def test_a_parent_that_was_filtered_after_it_was_linked_is_still_the_one_that_has_the_key() -> None:
    world = Replying()
    world.parent("p1", "C-1")
    world.run("parents")
    world.source.save("p1", state="foreign")
    world.run("parents")
    world.reply("r1", to="C-1")
    world.run(REPLIES)
    assert world.rows.rows["r1"] == {"status": "open", "row": "p1"}


def test_a_record_may_be_filtered_until_a_parent_is_linked_and_no_sweep_sends_it_before() -> None:
    world = Replying(until=True)
    world.reply("r1", to="C-1")
    world.run(REPLIES)
    assert (world.link_of("r1").state, world.link_of("r1").rule) == (LinkState.FILTERED, "nobody")
    for _ in range(3):
        world.sweep()
    assert world.queues.depth(REPLIES) == 0
    world.parent("p1", "C-1")
    world.run("parents")
    world.drain([REPLIES])
    assert world.rows.rows["r1"] == {"status": "open", "row": "p1"}
    assert world.state.waits.page(REPLIES, "", 10)[0] == []
    check_at_rest(world)


def test_a_record_that_is_filtered_until_a_parent_is_linked_is_no_waiting_record() -> None:
    world = Replying(until=True)
    world.reply("r1", to="C-1")
    world.run(REPLIES)
    (status,) = world.service().status([REPLIES]).flows
    assert status.state.waiting == 0


def test_the_flows_that_name_a_collection_are_dependents_of_those_that_write_to_it() -> None:
    flows = Replying().service().flows
    assert [flow.name for flow in dependents(flows, "parents")] == [REPLIES]
    assert dependents(flows, REPLIES) == []


@pytest.mark.parametrize("until", [False, True])
def test_a_record_that_waits_for_a_key_is_explained(until: bool) -> None:
    world = Replying(until=until)
    world.reply("r1", to="C-1")
    world.run(REPLIES)
    told = world.service().explaining(REPLIES).explain("r1")
    assert until or "Now: it waits for Customers c-1, under which no record is linked." in told.sentences
    world.parent("p1", "C-1")
    world.target.fault = lambda _write: OutcomeUnknown(System.FINOPS, "no answer")
    world.run("parents")
    told = world.service().explaining(REPLIES).explain("r1")
    assert until or "it waits for parents C-1 (p1), which is not written yet" in " ".join(told.sentences)


@share_of_steps(10)
@pytest.mark.parametrize("until", [False, True])
@pytest.mark.parametrize("flow", ["parents", REPLIES])
def test_a_crash_at_any_step_loses_nothing(until: bool, flow: str, every: int) -> None:
    def prepared() -> Replying:
        world = Replying(until=until)
        for number in range(3):
            world.reply(f"r{number}", to=f"C-{number % 2}")
            world.parent(f"p{number}", f"C-{number}")
        if flow == "parents":
            world.run(REPLIES)
        return world

    counting = prepared()
    before = counting.steps.count
    counting.run(flow)
    for step in range(1, counting.steps.count - before + 1, every):
        world = prepared()
        world.steps.crash_at(world.steps.count + step)
        with pytest.raises(Crash):
            world.run(flow)
        world.settle()
        assert world.rows.made == {"r0", "r1", "r2"}, step
        check(world)


def test_many_records_wait_for_one_key() -> None:
    world = Replying()
    for number in range(30):
        world.reply(f"r{number:02d}", to="C-1")
    world.run(REPLIES)
    world.parent("p1", "C-1")
    world.settle(hours=0.1)
    assert len(world.rows.made) == 30
    check(world)
