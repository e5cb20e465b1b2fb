"""Which records the sweep has looked at again because of an outdated mapping or key, and when it looks (protocol P7,
W3)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.state.checkpoint_parts import MadeFor, Phase, Position, Walk
from shared.state.checkpoints import Checkpoint
from shared.state.link_parts import Claim, ClaimKind, KnownKey, Seen
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert
from shared.sync.flow_states import Observing
from shared.sync.limits import Limits
from shared.sync.outdated import Outdated
from tests.scenarios.test_fault_damage import damage
from tests.support.doubles import ROUTE
from tests.support.events import listening
from tests.support.world import World

CHECKPOINT = Checkpoint(
    "children", "e1", Walk("w1"), Position(Phase.DELTA, delta_link="a/1"), MadeFor("f1"), current_at=None
)
CHILD = Link("children", "c", route=ROUTE, state=LinkState.WRITTEN, target_key="C", held_key="C")
PARENT = Link("parents", "p", route=ROUTE, state=LinkState.WRITTEN, target_key="P-2", held_key="P-2")


def known(key: str) -> Seen:
    return Seen(1, "e1", "f1", (KnownKey("parents", ROUTE, "p", key),))


def stored(*links: Link, checkpoint: Checkpoint | None = CHECKPOINT, queued: int = 0) -> World:
    """A world with these links, and a look asked for."""
    world = World(limits=Limits(sweep_messages=3))
    for link in links:
        world.links_table.transact([Insert(link.to_row())])
    if checkpoint is not None:
        assert world.state.checkpoints.save(checkpoint) is not None
    for _ in range(queued):
        world.queues.send("children", "x")
    world.state.control.ask_to_look_again("children")
    return world


def looked_at(world: World, has_time: Callable[[], bool] = lambda: True) -> list[str]:
    """The records that are sent by a look."""
    sent, service = list[str](), world.service()
    outdated = Outdated(
        service.flows, "run", lambda _, ids: sent.extend(ids),
        gates=service.gates, state=service.state, queues=service.queues, clock=world.clock, limits=service.limits,
    )  # fmt: skip
    outdated.look(service.flows["children"], world.state.control.flow("children"), has_time)
    return sent


@pytest.mark.parametrize(
    ("link", "is_sent"),
    [
        (CHILD, False),
        (replace(CHILD, seen=Seen(1, "e1", "f1")), False),
        (replace(CHILD, seen=Seen(1, "e1", "f0")), True),
        (replace(CHILD, seen=known("P-2")), False),
        (replace(CHILD, seen=known("p-2 ")), False),
        (replace(CHILD, seen=known("P-1")), True),
        (replace(CHILD, claim=Claim("theirs", ClaimKind.WORKING)), True),
        (replace(CHILD, seen=Seen(1, "e1", "f0"), state=LinkState.DELETED), False),
        (replace(CHILD, seen=Seen(1, "e1", "f0"), state=LinkState.FILTERED), True),
    ],
)
def test_a_record_is_sent_if_its_mapping_or_the_key_of_its_parent_is_another_one_or_it_is_in_work(
    link: Link, is_sent: bool
) -> None:
    world = stored(link, PARENT)
    assert looked_at(world) == (["c"] if is_sent else [])
    control = world.state.control.flow("children")
    assert (control.look_again, control.look_cursor) == (False, "")


OUTDATED = replace(CHILD, seen=Seen(1, "e1", "f0"))


@pytest.mark.parametrize(
    ("checkpoint", "queued", "looks"),
    [
        (CHECKPOINT, 0, True),
        (CHECKPOINT, 3, True),
        (CHECKPOINT, 4, False),
        (None, 0, False),
        (replace(CHECKPOINT, made_for=MadeFor("f0")), 0, False),
        (replace(CHECKPOINT, made_for=MadeFor()), 0, False),
        (CHECKPOINT.at("a/next"), 0, False),
        (CHECKPOINT.in_phase(Phase.FULL), 0, False),
        (CHECKPOINT.in_phase(Phase.ABSENT), 0, False),
    ],
)
def test_the_sweep_looks_once_what_the_last_walk_has_sent_is_applied(
    checkpoint: Checkpoint | None, queued: int, looks: bool
) -> None:
    world = stored(OUTDATED, checkpoint=checkpoint, queued=queued)
    assert looked_at(world) == (["c"] if looks else [])
    assert world.state.control.flow("children").look_again is not looks


def test_nothing_is_read_where_no_look_is_asked_for() -> None:
    world = stored(OUTDATED)
    world.state.control.change_flow("children", lambda now: replace(now, look_again=False))
    assert looked_at(world) == []


def test_a_look_for_which_there_is_no_time_continues_at_the_next_run() -> None:
    world = stored(OUTDATED)
    assert looked_at(world, lambda: False) == []
    assert world.state.control.flow("children").look_cursor != ""
    assert looked_at(world) == ["c"]
    assert looked_at(world) == []


def test_a_checkpoint_that_cannot_be_read_is_told_with_the_state_of_its_flow() -> None:
    world = stored()
    ((partition, key),) = world.checkpoints_table.content()
    damage(world.checkpoints_table, partition, key, {"phase": "x"})
    observing = Observing("run", state=world.state, queues=world.queues, clock=world.clock)
    with listening() as heard:
        told = observing.flow(world.service().flows["children"])
    assert told.checkpoint_age_s is None
    (event,) = heard.of("state_unreadable")
    assert (event["flow"], event["run"], event["table"], event["property"]) == (
        "children",
        "run",
        "checkpoints",
        "phase",
    )
