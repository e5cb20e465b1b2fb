"""Messages in a poison queue that nobody takes: told, and kept beyond the seven days that the host gives its copies."""

from dataclasses import replace

import pytest

from shared.errors import StorageTrouble
from shared.sync.hints import Hint, HintMessage
from tests.support.events import Heard
from tests.support.world import POISON_LIVES_S, World

BODY = HintMessage("parents", "r", (Hint("p1"),)).to_body()
DAY_S = 86_400.0


@pytest.fixture
def world() -> World:
    """A world in which the host has given up a message, and nobody listens to the poison queue."""
    world = World()
    world.source.save("p1", number="P1", name="New")
    world.queues.copy("parents-poison", BODY, lives_s=POISON_LIVES_S)
    return world


def test_a_copy_of_the_host_vanishes_where_no_sweep_keeps_it(world: World) -> None:
    world.clock.sleep(POISON_LIVES_S + 1)
    assert world.queues.depth("parents-poison") == 0


@pytest.mark.parametrize("paused", [False, True])
def test_a_poison_message_that_nobody_takes_is_kept_for_ever(world: World, heard: Heard, paused: bool) -> None:
    if paused:
        world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    for _ in range(30):
        world.clock.sleep(DAY_S / 2)
        world.sweep()
    assert world.queues.bodies("parents-poison") == [BODY]
    assert [event["messages"] for event in heard.of("poison_returned")] == [1], "what was put anew never expires"


def test_a_poison_message_is_left_alone_while_it_has_time(world: World, heard: Heard) -> None:
    for _ in range(4):
        world.clock.sleep(DAY_S)
        world.sweep()
    assert heard.of("poison_returned") == []
    assert world.poison_once(), "the sweep has not taken it out of sight"


def test_many_poison_messages_are_kept_all(world: World) -> None:
    for _ in range(99):
        world.queues.copy("parents-poison", BODY, lives_s=POISON_LIVES_S)
    world.clock.sleep(6 * DAY_S)
    world.sweep()
    world.clock.sleep(2 * DAY_S)
    assert world.queues.depth("parents-poison") == 100


def test_every_sweep_tells_how_old_the_message_is_that_is_next(world: World, heard: Heard) -> None:
    world.clock.sleep(3700)
    world.sweep()
    (told,) = [event for event in heard.of("flow_state") if event["flow"] == "parents"]
    assert (told["poison"], told["poison_s"]) == (1, 3700)


def test_a_poison_message_that_meets_storage_trouble_is_put_again_and_listed_when_it_is_over(world: World) -> None:
    step = world.links_table.step

    def fails(name: str) -> None:
        if name.startswith("links."):
            raise StorageTrouble("the table does not answer")

    world.links_table.step = fails
    assert world.poison_once()
    assert world.queues.bodies("parents-poison") == [BODY]
    world.links_table.step = step
    world.clock.sleep(POISON_LIVES_S + 1)
    assert world.poison_once()
    assert world.state.failures.load("parents", ["p1"])["p1"].cause == "poison"
