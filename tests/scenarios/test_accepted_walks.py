"""What an operator accepts of a walk is what was shown, and no more (protocol P4)."""

import re
from copy import deepcopy
from functools import cache

import pytest

from shared.errors import NotSent
from shared.state.links import LinkState, link_key
from shared.sync.limits import Limits
from tests.scenarios.test_fault_damage import damage
from tests.support.invariants import check
from tests.support.world import PRODUCTS, World

COUNT = 200
FLOWS = pytest.mark.parametrize("flow", ["parents", "products"])


def in_step(flow: str, count: int = COUNT) -> World:
    """So many records, all written; a walk has many pages. It is made once and copied."""
    return deepcopy(_made_in_step(flow, count))


@cache
def _made_in_step(flow: str, count: int) -> World:
    world = World(flows=("parents",) if flow == "parents" else PRODUCTS, limits=Limits(hints_per_message=100))
    world.sources[flow].page_size = 15
    for number in range(count):
        world.sources[flow].save(f"r{number:03d}", number=f"R{number:03d}", name=f"Name {number}")
    world.settle()
    check(world)
    return world


def remove(world: World, flow: str, first: int, last: int) -> None:
    for number in range(first, last):
        world.sources[flow].remove(f"r{number:03d}")


def blocked(world: World, flow: str) -> str:
    return world.state.control.flow(flow).blocked


def accept(world: World, flow: str) -> None:
    service = world.service()
    assert service.commands(service.audit_log("operator")).accept(flow, blocked(world, flow))


def gone(world: World, flow: str) -> int:
    return sum(link.state is LinkState.DELETED for link in world.state.links.walk(flow))


@FLOWS
def test_a_walk_is_shown_as_a_whole_and_goes_to_its_end_once_accepted(flow: str) -> None:
    world = in_step(flow)
    remove(world, flow, 0, 180)
    world.pull(flow)
    assert f"180 of {COUNT} known records would be gone in walk" in blocked(world, flow)
    assert not blocked(world, flow).startswith("at least")
    accept(world, flow)
    world.settle()
    assert (blocked(world, flow), gone(world, flow)) == ("", 180)
    check(world)


def test_a_walk_that_changes_and_takes_away_too_much_continues_once_both_were_accepted() -> None:
    world = in_step("parents")
    world.source.page_size = 2 * COUNT
    for number in range(100, COUNT):
        world.source.save(f"r{number:03d}", name="Changed")
    world.pull("parents")
    assert "linked records would change" in blocked(world, "parents")
    remove(world, "parents", 0, 50)
    accept(world, "parents")
    world.pull("parents")
    assert "50 of 200 known records would be gone" in blocked(world, "parents")
    accept(world, "parents")
    world.settle()
    assert (blocked(world, "parents"), gone(world, "parents")) == ("", 50)
    check(world)


@FLOWS
def test_more_than_was_shown_blocks_again_and_shows_all(flow: str) -> None:
    world = in_step(flow)
    remove(world, flow, 0, 50)
    world.pull(flow)
    assert "50 of 200 known records would be gone" in blocked(world, flow)
    remove(world, flow, 50, 180)
    accept(world, flow)
    world.settle()
    assert "180 of 200 known records would be gone" in blocked(world, flow)
    assert gone(world, flow) <= 50
    accept(world, flow)
    world.settle()
    assert (blocked(world, flow), gone(world, flow)) == ("", 180)
    check(world)


def test_a_walk_that_cannot_be_measured_to_its_end_says_so_and_blocks_again_beyond() -> None:
    world = in_step("parents")
    remove(world, "parents", 0, 180)
    world.source.trouble = lambda name: world.clock.sleep(100) if name == "follow" else None
    shown, rounds = 0, 0
    while gone(world, "parents") < 180:
        world.pull()
        if blocked(world, "parents"):
            told = re.match(r"(at least )?(\d+) of 200 known records would be gone", blocked(world, "parents"))
            assert told is not None
            assert bool(told[1]) == ("more than that will block again" in blocked(world, "parents"))
            shown = int(told[2])
            accept(world, "parents")
            rounds += 1
        world.drain()
        assert gone(world, "parents") <= shown
    assert (shown, rounds > 1) == (180, True)


@FLOWS
def test_a_walk_whose_reads_find_no_time_any_more_is_shown_as_far_as_it_was_read(flow: str) -> None:
    world = in_step(flow)
    for number in range(100):
        world.sources[flow].save(f"r{number:03d}", name="Mass update")
    left = iter(range(4))

    def late(name: str) -> None:
        if name in ("follow", "walk") and next(left, None) is None:
            raise NotSent("no time left")

    world.sources[flow].trouble = late
    world.pull(flow)
    assert "at least " in blocked(world, flow)
    assert "more than that will block again" in blocked(world, flow)
    world.sources[flow].trouble = None
    accept(world, flow)
    world.settle()
    assert f"100 of {COUNT} linked records would change" in blocked(world, flow)


@FLOWS
def test_changes_are_shown_as_a_whole_and_as_many_more_pass_as_never_block(flow: str) -> None:
    world = in_step(flow)
    for number in range(100):
        world.sources[flow].save(f"r{number:03d}", name="Mass update")
    world.pull(flow)
    assert f"100 of {COUNT} linked records would change, such as r" in blocked(world, flow)
    for number in range(100, 120):
        world.sources[flow].save(f"r{number:03d}", name="Somebody at work")
    accept(world, flow)
    world.settle()
    assert blocked(world, flow) == ""
    check(world)


@FLOWS
def test_many_more_changes_than_were_shown_block_again(flow: str) -> None:
    world = in_step(flow)
    for number in range(100):
        world.sources[flow].save(f"r{number:03d}", name="Mass update")
    world.pull(flow)
    for number in range(100, 150):
        world.sources[flow].save(f"r{number:03d}", name="Another one")
    accept(world, flow)
    world.pull(flow)
    assert f"150 of {COUNT} linked records would change" in blocked(world, flow)


def test_what_is_gone_and_what_changes_is_shown_together() -> None:
    world = in_step("parents")
    remove(world, "parents", 0, 60)
    for number in range(60, 160):
        world.source.save(f"r{number:03d}", name="Mass update")
    world.pull()
    assert "60 of 200 known records would be gone and 100 of 200 linked records would change" in blocked(
        world, "parents"
    )
    accept(world, "parents")
    world.settle()
    assert (blocked(world, "parents"), gone(world, "parents")) == ("", 60)
    check(world)


def test_what_was_accepted_of_deletions_is_not_accepted_of_changes() -> None:
    world = in_step("parents")
    remove(world, "parents", 0, 60)
    world.pull()
    for number in range(60, 160):
        world.source.save(f"r{number:03d}", name="Mass update")
    accept(world, "parents")
    world.settle()
    assert "100 of 200 linked records would change" in blocked(world, "parents")


def test_a_deleted_record_whose_link_is_damaged_is_shown_and_counted() -> None:
    world = in_step("parents")
    remove(world, "parents", 0, 50)
    damage(world.links_table, "parents", link_key("r000"), {"applied": "{"})
    world.pull("parents")
    assert "50 of 200 known records would be gone" in blocked(world, "parents")
