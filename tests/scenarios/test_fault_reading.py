"""What can go wrong between the source and the queue: lost and stale checkpoints, tables that change under a walk."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from shared.state.checkpoints import Checkpoint, Checkpoints
from shared.state.links import LinkState
from shared.state.storage.memory import MemoryTable
from shared.sync.hints import read_message
from tests.support.invariants import check
from tests.support.thinned import share_of_steps
from tests.support.world import World

EVERYTHING = 8


def in_step() -> World:
    """A world with eight records in step. It is made once and copied."""
    return deepcopy(_made_in_step())


@cache
def _made_in_step() -> World:
    world = World()
    for number in range(EVERYTHING):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Name {number}")
    world.settle()
    check(world)
    return world


def checkpoint(world: World) -> Checkpoint:
    """How far the flow has read."""
    found = world.state.checkpoints.load("parents")
    assert found is not None
    return found


def lose_checkpoints(world: World) -> None:
    """The table of checkpoints is empty."""
    world.state = replace(world.state, checkpoints=Checkpoints(MemoryTable(world.clock, "checkpoints")))


def roll_back(world: World, to: Checkpoint) -> None:
    """Put an earlier checkpoint back."""
    assert world.state.checkpoints.save(replace(to, etag=checkpoint(world).etag)) is not None


def change_a_lot(world: World) -> None:
    """A change, an end, a new record, a deletion."""
    world.source.save("p0", name="Changed")
    world.source.save("p1", state="inactive")
    world.source.save("p8", number="P8", name="New")
    world.source.remove("p2")


def link_state(world: World, id: str) -> LinkState:
    """How a record stands."""
    return world.state.links.load("parents", [id])[id].state


def test_a_lost_checkpoint_means_a_full_read_that_also_finds_what_was_deleted_meanwhile() -> None:
    world = in_step()
    before = checkpoint(world).epoch
    change_a_lot(world)
    lose_checkpoints(world)
    world.settle()
    check(world)
    assert checkpoint(world).epoch != before
    assert link_state(world, "p2") is LinkState.DELETED


def test_a_lost_checkpoint_writes_nothing_that_is_in_step_already() -> None:
    world = in_step()
    writes = len(world.target.writes)
    lose_checkpoints(world)
    world.settle()
    check(world)
    assert len(world.target.writes) == writes


def test_a_checkpoint_that_was_rolled_back_brings_old_hints_and_changes_nothing() -> None:
    world = in_step()
    earlier = checkpoint(world)
    change_a_lot(world)
    world.settle()
    writes = len(world.target.writes)
    roll_back(world, earlier)
    world.pull()
    assert world.queues.depth("parents") > 0, "the rolled-back checkpoint reads the changes once more"
    world.settle()
    check(world)
    assert len(world.target.writes) == writes


def test_a_checkpoint_of_an_earlier_epoch_ends_in_step() -> None:
    world = in_step()
    earlier = checkpoint(world)
    lose_checkpoints(world)
    change_a_lot(world)
    world.settle()
    roll_back(world, earlier)
    world.source.save("p3", name="Changed after the rollback")
    world.source.remove("p4")
    world.settle()
    check(world)
    assert link_state(world, "p4") is LinkState.DELETED


def grow(world: World) -> None:
    world.source.save("new", number="NEW", name="Came while others were read")


def change_what_was_read(world: World) -> None:
    world.source.save("p0", name="Changed behind the walk")


def change_what_was_not_read(world: World) -> None:
    world.source.save("p7", name="Changed in front of the walk")


def shrink(world: World) -> None:
    world.source.remove("p5")


@share_of_steps(8)
@pytest.mark.parametrize("walk", ["first read", "changes"])
@pytest.mark.parametrize("change", [grow, change_what_was_read, change_what_was_not_read, shrink])
def test_a_table_that_changes_at_any_step_of_a_walk_ends_in_step(
    change: Callable[[World], None], walk: str, every: int
) -> None:
    def begin() -> World:
        world = World()
        for number in range(EVERYTHING):
            world.source.save(f"p{number}", number=f"P{number}", name=f"Name {number}")
        if walk == "changes":
            world.settle(hours=0.05)
            for number in range(EVERYTHING):
                world.source.save(f"p{number}", name=f"Second name {number}")
        return world

    begun = begin()
    clean = deepcopy(begun)
    before = clean.steps.count
    clean.pull()
    for step in range(1, clean.steps.count - before + 1, every):
        world = deepcopy(begun)
        world.steps.at[world.steps.count + step] = lambda world=world: change(world)  # type: ignore[misc]
        world.pull()
        world.settle(hours=0.2)
        try:
            check(world)
        except AssertionError as broken:
            raise AssertionError(f"{change.__name__} at step {step}: {broken}") from broken


def test_a_record_that_was_deleted_and_restored_under_its_id_continues_with_its_own_target_row() -> None:
    world = in_step()
    world.source.remove("p1")
    world.settle()
    assert link_state(world, "p1") is LinkState.DELETED
    world.source.save("p1", number="P1", name="Restored")
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Restored"
    assert sum(write.create for write in world.target.writes if write.key == "P1") == 1


def test_hints_in_any_order_end_in_step() -> None:
    for turn in range(EVERYTHING):
        world = in_step()
        bodies: list[str] = []
        for name in ("first", "second", "third"):
            world.source.save("p0", name=name)
            world.source.save("p1", number="P1", name=name)
            world.pull()
            bodies = [*bodies, *(body for body in world.queues.bodies("parents") if body not in bodies)]
        assert len(bodies) == 3
        order = [bodies[(turn + offset * (1 if turn % 2 else 2)) % 3] for offset in range(3)]
        for body in order:
            assert {hint.id for hint in read_message(body).hints} == {"p0", "p1"}
            world.apply(body)
        assert {world.target.rows[key]["name"] for key in ("p0", "p1")} == {"third"}, f"order {order}"
        world.settle()
        check(world)
