"""A sweep on slow storage: it ends in time, tells how everything stands, and no flow is left out for good."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from shared.state.failures import Failure
from shared.state.storage.queues import Message, hold_queue
from shared.sync.limits import Limits
from tests.support.events import Heard
from tests.support.world import World


def swept(heard: Heard) -> list[str]:
    """The flows that the sweeps so far have looked at."""
    return [event["flow"] for event in heard.of("held_returned")]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world where taking messages takes longer than a sweep has time; each flow has a message held."""
    world = World(limits=Limits(run_budget_s=10))
    receive = world.queues.receive

    def after_a_while(queue: str, *, limit: int, invisible_s: float) -> Sequence[Message]:
        world.clock.sleep(11)
        return receive(queue, limit=limit, invisible_s=invisible_s)

    monkeypatch.setattr(world.queues, "receive", after_a_while)
    for flow in world.flows:
        world.queues.send(hold_queue(flow), "x")
    return world


def test_a_sweep_without_time_begins_with_no_further_flow_and_says_so(slow: World, heard: Heard) -> None:
    slow.sweep()
    assert len(swept(heard)) == 1
    assert {event["flow"] for event in heard.of("sweep_skipped")} == set(slow.flows) - set(swept(heard))
    assert "no time" in heard.of("sweep_skipped")[0]["reason"]


def test_a_sweep_without_time_still_tells_how_every_flow_stands(slow: World, heard: Heard) -> None:
    slow.sweep()
    assert {event["flow"] for event in heard.of("flow_state")} == set(slow.flows)


def test_every_flow_has_its_turn_when_no_sweep_reaches_them_all(slow: World, heard: Heard) -> None:
    for _ in range(20):
        for flow in slow.flows:
            slow.queues.send(hold_queue(flow), "x")
        slow.sweep()
    assert set(swept(heard)) == set(slow.flows)


def test_a_sweep_whose_time_ends_among_held_messages_leaves_the_rest_on_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(limits=Limits(run_budget_s=10))
    send = world.queues.send
    returned = list[str]()

    def slowly(queue: str, body: str, *, delay_s: float = 0.0) -> None:
        world.clock.sleep(6)
        returned.append(queue)
        send(queue, body, delay_s=delay_s)

    flow = next(iter(world.flows))
    for _ in range(5):
        world.queues.send(hold_queue(flow), "x")
    monkeypatch.setattr(world.queues, "send", slowly)
    world.sweep()
    assert returned == [flow, flow]
    assert len(world.queues.bodies(hold_queue(flow))) == 3


@pytest.mark.parametrize(("seconds", "tried"), [(-1, 1), (0, 1), (1, 0), (86_400, 0), (86_401, 1)])
def test_a_failure_is_tried_at_its_time_and_at_once_if_that_is_further_away_than_the_longest_pause(
    seconds: float, tried: int
) -> None:
    world = World()
    now = world.clock.now()
    due = now + timedelta(seconds=seconds)
    world.state.failures.put(
        Failure("parents", "p1", "x", "x", "x", first_seen=now, last_seen=now, tries=9, next_try=due)
    )
    world.sweep()
    assert world.queues.depth("parents") == tried
