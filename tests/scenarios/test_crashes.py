"""A crash at every single I/O step loses nothing, doubles nothing and heals by itself (invariants I1 to I6)."""

import contextlib
from collections.abc import Callable

import pytest

from shared.errors import SyncError
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.world import World


def first_sync(world: World) -> None:
    """Parents and children that meet for the first time, children first."""
    for number in range(1, 6):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Parent {number}")
    world.source.save("p6", number="P6", name="Gone before", state="inactive")
    world.source.save("p7", number="P7", name="Bad", bad="yes")
    world.child_source.save("c1", number="C1", name="Child 1", parent="p1")
    world.child_source.save("c2", number="C2", name="Child of filtered", parent="p6")
    world.child_source.save("c3", number="C3", name="Child of bad", parent="p7")
    run(world, "children", "parents", "children")


def run(world: World, *flows: str) -> None:
    """One round without a clock tick: pulls and whatever is visible."""
    for flow in flows:
        world.pull(flow)
        world.drain([flow])


def synced() -> World:
    """A world in step."""
    world = World()
    first_sync(world)
    world.settle()
    check(world)
    return world


def edits(world: World) -> None:
    """Every kind of change at once."""
    world.source.save("p1", name="Renamed", phone="1")
    world.source.save("p2", phone=None, name=None)
    world.source.save("p3", state="inactive")
    world.source.remove("p4")
    world.source.save("p6", state=None)
    world.source.save("p7", bad=None)
    world.source.save("p8", number="P8", name="New")
    del world.target.rows["p5"]
    world.source.save("p5", name="Target row was deleted")
    world.child_source.save("c1", name="Child renamed", parent="p8")
    run(world, "parents", "children")


def steps_of(scenario: Callable[[World], None], make: Callable[[], World]) -> int:
    """How many I/O steps a clean run takes."""
    world = make()
    before = world.steps.count
    scenario(world)
    return world.steps.count - before


@pytest.mark.parametrize(("scenario", "make"), [(first_sync, World), (edits, synced)], ids=["first sync", "edits"])
def test_a_crash_at_any_step_heals_by_itself(scenario: Callable[[World], None], make: Callable[[], World]) -> None:
    total = steps_of(scenario, make)
    assert total > 50
    for number in range(1, total + 1):
        world = make()
        world.steps.crash_at(world.steps.count + number)
        with contextlib.suppress(Crash, SyncError):
            scenario(world)
        name = world.steps.names[-1]
        world.settle()
        try:
            check(world)
        except AssertionError as broken:
            raise AssertionError(f"after a crash at step {number} of {total} ({name}): {broken}") from broken
