"""A source without versions changes between its walk and apply's read, and back before the next walk: whoever dies, and
whoever works beside, the target ends in step without the weekly walk (protocol P3, invariant I3)."""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from shared.state.decided_contents import DecidedContents, decided_row
from shared.state.links import LinkState
from tests.scenarios.test_apply_rules import link
from tests.scenarios.test_crashes import fresh, moments
from tests.scenarios.test_fault_damage import damage
from tests.support.invariants import check, check_at_rest
from tests.support.steps import Crash
from tests.support.thinned import share, share_of_steps
from tests.support.world import PRODUCTS, World

FLOW = "products"
Deed = Callable[[World], None]


def in_step() -> World:
    """A world of three products, of which i1 stands in the target as First."""
    return fresh(_in_step)


def _in_step() -> World:
    world = World(flows=PRODUCTS)
    for number, name in enumerate(["First", "Other", "Another"], start=1):
        world.stock.save(f"i{number}", number=f"K{number}", name=name)
    world.settle(hours=0.1)
    assert world.product_target.rows["k1"]["name"] == "First"
    return world


def named(name: str) -> Deed:
    """Somebody edits the product, or enters it anew."""
    return lambda world: world.stock.save("i1", number="K1", name=name)


def removed(world: World) -> None:
    world.stock.remove("i1")


def pull(world: World) -> None:
    world.pull(FLOW)


def look(world: World) -> None:
    """Something lets the product be looked at that is no walk: a retry, the sweep, an operator."""
    world.service().sender.send(FLOW, ["i1"])


def drain(world: World) -> None:
    world.drain()


HISTORIES: dict[str, Sequence[Deed]] = {
    "changed back before the next walk": [named("Changed"), look, drain, named("First"), pull, drain],
    "changed twice, and back to what the walk saw": [
        named("Changed"), pull, named("Later"), drain, named("Changed"), pull, drain,
    ],
    "changed back after the walk": [named("Changed"), pull, drain, named("First"), pull, drain],
    "an old message comes late": [
        named("Changed"), pull, named("Later"), pull, drain, named("Changed"), look, drain, named("Later"), pull, drain,
    ],
    "gone, and back as it was": [removed, look, drain, named("First"), pull, drain],
    "gone, seen gone, back and gone again": [removed, pull, named("First"), drain, removed, pull, drain],
    "new, and gone before the walk": [removed, pull, drain, named("Anew"), look, drain, removed, pull, drain],
}  # fmt: skip


def play(world: World, history: Sequence[Deed]) -> None:
    """Do it all; who dies is not replaced before the next deed."""
    for deed in history:
        with contextlib.suppress(Crash):
            deed(world)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_product_that_changes_between_walk_and_read_ends_in_step(history: Sequence[Deed]) -> None:
    world = in_step()
    play(world, history)
    world.settle(hours=0.3)
    check_at_rest(world, hours=0.3)


@share_of_steps(8)
@pytest.mark.parametrize("history", HISTORIES)
def test_whoever_dies_at_whatever_step_of_it_the_product_ends_in_step(history: str, every: int) -> None:
    clean, deeds = in_step(), HISTORIES[history]
    # A crash before a step that leaves nothing behind is the crash before the next one.
    tried = share(moments(clean, lambda: play(clean, deeds)), every, [*HISTORIES].index(history))
    assert len(tried) > 15 / every
    for step in tried:
        world = in_step()
        world.steps.crash_at(world.steps.count + step)
        play(world, deeds)
        world.settle()
        check(world)


@pytest.mark.parametrize("history", HISTORIES, ids=str)
@share_of_steps(12)
def test_whoever_works_beside_at_whatever_step_of_it_the_product_ends_in_step(history: str, every: int) -> None:
    """Another pull and another worker, while the product is another one for a moment. Each history has other steps of
    a share."""

    def beside(world: World) -> None:
        kept = dict(world.stock.rows)
        named("Meanwhile")(world)
        world.pull(FLOW)
        world.host_once(FLOW)
        world.stock.rows = kept

    counting = in_step()
    before = counting.steps.count
    play(counting, HISTORIES[history])
    steps = range(1, counting.steps.count - before + 1)
    for step in share(steps, every, [*HISTORIES].index(history)):
        world = in_step()
        world.steps.at[world.steps.count + step] = partial(beside, world)
        play(world, HISTORIES[history])
        world.settle()
        check(world)


def test_a_pull_that_has_sent_and_died_is_told_what_became_of_it() -> None:
    world = in_step()
    named("Changed")(world)
    world.queues.step = _die_after(f"send {FLOW} done", world)
    with pytest.raises(Crash):
        pull(world)
    world.queues.step = world.steps.step
    drain(world)
    assert world.product_target.rows["k1"]["name"] == "Changed"
    named("First")(world)
    pull(world)
    drain(world)
    assert world.product_target.rows["k1"]["name"] == "First"


def test_what_was_applied_is_not_looked_at_once_more() -> None:
    world = in_step()
    named("Changed")(world)
    look(world)
    drain(world)
    pull(world)
    assert world.depth() == 0
    named("Later")(world)
    pull(world)
    assert world.depth() == 1


def test_a_product_of_which_only_apply_knows_is_told_when_it_is_gone() -> None:
    world = in_step()
    world.stock.save("i9", number="K9", name="New")
    world.service().sender.send(FLOW, ["i9"])
    drain(world)
    world.stock.remove("i9")
    pull(world)
    drain(world)
    assert link(world, "i9", FLOW).state is LinkState.DELETED


def test_a_product_of_which_the_row_is_damaged_is_looked_at_by_the_next_walk() -> None:
    world = in_step()
    named("Changed")(world)
    look(world)
    drain(world)
    damage(world.links_table, FLOW, decided_row(FLOW, "i1", None).key, {"content": "no bytes"})
    named("First")(world)
    pull(world)
    drain(world)
    assert world.product_target.rows["k1"]["name"] == "First"
    pull(world)
    assert world.depth() == 0


def test_a_pull_leaves_no_content_that_it_has_taken_over_and_a_flow_with_versions_none_at_all() -> None:
    world = in_step()
    assert list(DecidedContents(world.links_table, FLOW).take()) == []
    tracked = World()
    tracked.source.save("p1", number="K", name="First")
    tracked.settle(hours=0.1)
    assert not any(key.startswith("D|") for _, key in tracked.links_table.content())


def _die_after(name: str, world: World) -> Callable[[str], None]:
    def step(here: str) -> None:
        world.steps.step(here)
        if here == name:
            raise Crash

    return step
