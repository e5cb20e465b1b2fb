"""Routes on which records only update rows that are there: the way back of records that the other direction has made
(protocol A6, A8)."""

import random

import pytest

from shared.errors import RecordMissing
from shared.records import Write
from shared.state.links import LinkState
from shared.sync.flow import NO_TARGET_ROW
from tests.support.invariants import check, check_at_rest
from tests.support.replies import REPLIES, Replying
from tests.support.steps import Crash
from tests.support.thinned import share_of_steps


def answering() -> Replying:
    """Parent p1 is in F&O as C-1, and reply r1 names it."""
    world = Replying(until=True, into=True)
    world.parent("p1", "C-1")
    world.run("parents")
    world.reply("r1", to="C-1", status="confirmed")
    return world


def sync(world: Replying, reply: str = "r1") -> None:
    """An operator syncs a reply."""
    world.service().sender.send(REPLIES, [reply])
    world.drain([REPLIES])


def test_a_record_updates_the_row_of_the_one_that_it_names_and_creates_none() -> None:
    world = answering()
    world.run(REPLIES)
    assert world.rows.rows == {"p1": {"status": "confirmed"}}
    assert [write.create for write in world.rows.writes] == [False]
    assert (world.link_of("r1").target_key, world.link_of("r1").target_id) == ("p1", "id-p1")
    check_at_rest(world)


def test_a_record_without_a_row_is_filtered_and_no_failure() -> None:
    world = answering()
    world.rows.take_by_hand("p1")
    world.run(REPLIES)
    assert (world.link_of("r1").state, world.link_of("r1").rule) == (LinkState.FILTERED, NO_TARGET_ROW)
    assert world.state.failures.page(REPLIES, "", 10)[0] == []
    assert world.rows.writes == []
    world.rows.put_by_hand("p1")
    sync(world)
    assert world.rows.rows == {"p1": {"status": "confirmed"}}


@pytest.mark.parametrize("was_linked", [False, True])
def test_a_row_that_vanishes_before_the_write_makes_its_record_filtered(was_linked: bool) -> None:
    world = answering()
    if was_linked:
        world.run(REPLIES)
        world.reply("r1", to="C-1", status="delivered")

    def vanish(write: Write) -> RecordMissing:
        world.rows.rows.pop("p1", None)
        return RecordMissing(write.key)

    world.rows.fault = vanish
    world.run(REPLIES)
    assert (world.link_of("r1").state, world.link_of("r1").rule) == (LinkState.FILTERED, NO_TARGET_ROW)
    assert world.rows.rows == {}
    assert world.queues.depth(REPLIES) == 0


def test_a_row_that_must_not_be_changed_makes_its_record_filtered_and_no_failure() -> None:
    world = answering()
    world.run(REPLIES)
    world.rows.put_by_hand("p1", state="invoiced")
    world.reply("r1", to="C-1", status="delivered")
    world.run(REPLIES)
    assert (world.link_of("r1").state, world.link_of("r1").rule) == (LinkState.FILTERED, "invoiced")
    assert world.rows.rows["p1"]["status"] == "confirmed"
    assert world.state.failures.page(REPLIES, "", 10)[0] == []
    world.rows.put_by_hand("p1", state="open")
    sync(world)
    assert world.rows.rows["p1"]["status"] == "delivered"
    check(world)


def test_a_row_that_is_equal_already_is_not_written_and_belongs_to_its_record() -> None:
    world = answering()
    world.rows.put_by_hand("p1", status="confirmed")
    world.run(REPLIES)
    assert world.rows.writes == []
    assert world.link_of("r1").target_key == "p1"
    world.reply("r1", to="C-1", status="delivered")
    world.rows.put_by_hand("p1", status="delivered")
    world.run(REPLIES)
    assert world.rows.writes == []
    check(world)


def test_two_records_never_write_to_one_row() -> None:
    world = answering()
    world.reply("r2", to="C-1", status="other")
    world.run(REPLIES)
    states = {reply: world.link_of(reply).state for reply in ("r1", "r2")}
    assert sorted(states.values()) == [LinkState.REJECTED, LinkState.WRITTEN]
    assert len(world.rows.writes) == 1


def test_a_record_that_is_gone_leaves_its_row_as_it_is() -> None:
    world = answering()
    world.run(REPLIES)
    world.replies.remove("r1")
    world.run(REPLIES)
    assert world.link_of("r1").state is LinkState.DELETED
    assert world.rows.rows == {"p1": {"status": "confirmed"}}


@share_of_steps(5)
def test_a_crash_at_any_step_of_a_first_and_of_a_later_write_loses_nothing(every: int) -> None:
    for changed in (False, True):

        def prepared(changed: bool = changed) -> Replying:
            world = answering()
            if changed:
                world.run(REPLIES)
                world.reply("r1", to="C-1", status="delivered")
            return world

        counting = prepared()
        before = counting.steps.count
        counting.run(REPLIES)
        for step in range(1, counting.steps.count - before + 1, every):
            world = prepared()
            world.steps.crash_at(world.steps.count + step)
            with pytest.raises(Crash):
                world.run(REPLIES)
            world.settle()
            assert world.rows.rows == counting.rows.rows, step
            check(world)


@pytest.mark.parametrize("seed", range(12))
def test_after_any_history_on_both_sides_no_write_answers_a_write(seed: int) -> None:
    dice, world = random.Random(seed), Replying(until=True, into=True)
    for _ in range(80):
        number = dice.randrange(5)
        match dice.randrange(8):
            case 0 | 1:
                world.parent(f"p{number}", f"C-{number}", phone=str(dice.random()))
            case 2 | 3:
                world.reply(f"r{number}", to=f"C-{number}", status=dice.choice(["confirmed", "delivered"]))
            case 4:
                world.parent(f"p{number}", f"C-{number}", note=str(dice.random()))
            case 5:
                world.pull(dice.choice(["parents", REPLIES]))
            case 6:
                world.host_once(dice.choice(["parents", REPLIES]))
            case _:
                world.sweep()
    world.settle()
    check(world)
    written = [len(world.target.writes), len(world.rows.writes)]
    assert world.rows.made == set()
    world.settle(hours=30)
    assert [len(world.target.writes), len(world.rows.writes)] == written
