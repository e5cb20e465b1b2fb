"""Where a message waits that meets a closed gate (protocol A1)."""

from dataclasses import replace

import pytest

from shared.state.storage.queues import hold_queue
from shared.sync.apply.follow_up import place_of_undecided, place_to_wait
from shared.sync.gates import Closed
from tests.support.world import World


@pytest.mark.parametrize(
    ("opens_in_s", "is_held", "delay_s"),
    [
        (None, True, 0),
        (300.1, True, 0),
        (301, True, 0),
        (300, False, 300),
        (299.2, False, 300),
        (5.2, False, 6),
        (5, False, 5),
        (4.2, False, 5),
        (0, False, 5),
    ],
)
def test_a_message_waits_in_its_own_queue_for_a_gate_that_opens_within_five_minutes(
    opens_in_s: float | None, is_held: bool, delay_s: float
) -> None:
    flow = World().service().flows["parents"]
    queue = hold_queue("parents") if is_held else "parents"
    assert place_to_wait(flow, Closed("busy", opens_in_s)) == (queue, delay_s)


def test_undecided_records_come_back_soon_where_the_flow_runs_and_are_held_where_it_is_paused() -> None:
    world = World()
    flow = world.service().flows["parents"]
    assert place_of_undecided(flow, world.gates()) == ("parents", 5)
    world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    assert place_of_undecided(flow, world.gates()) == (hold_queue("parents"), 0)
