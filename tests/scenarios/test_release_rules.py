"""Children whose parent has moved: each is looked at, and once (protocol W1)."""

from collections import Counter

import pytest

from shared.state.links import Link
from shared.sync.hints import Hint, HintMessage, read_message
from shared.sync.limits import Limits
from shared.sync.link_writer import mark_dirty
from tests.support.doubles import FakeMapper
from tests.support.invariants import check
from tests.support.world import World


def child_link(world: World) -> Link:
    """The link of the only child."""
    return world.state.links.load("children", ["c1"])["c1"]


def test_w1_a_released_child_is_looked_at_once_however_often_it_is_sent_before_its_turn() -> None:
    """Sweeps send whoever waits for a linked parent, also while the release by the parent's commit is in the queue."""
    world = World(limits=Limits(hints_per_message=2))
    for number in range(6):
        world.child_source.save(f"c{number}", number=f"C{number}", name="Child", parent=f"p{number % 3}")
    world.pull("children")
    world.drain(["children"])
    for number in range(3):
        world.source.save(f"p{number}", number=f"P{number}", name="Parent")
    world.pull()
    world.drain(["parents"])
    for _ in range(3):
        world.sweep()
    sent = sum(len(read_message(body).hints) for body in world.queues.bodies("children"))
    before = Counter(world.child_source.read_ids)
    world.drain(["children"])
    looks = Counter(world.child_source.read_ids) - before
    assert sent == 4 * 6
    assert looks == Counter({f"c{number}": 1 for number in range(6)})
    check(world)


@pytest.mark.parametrize("change", ["a change", "another mapping", "a doubt"])
def test_w1_a_released_child_that_waits_no_longer_is_looked_at_where_something_else_is_open(change: str) -> None:
    world = World()
    world.child_source.save("c1", number="C1", name="Child", parent="p1")
    world.source.save("p1", number="P1", name="Parent")
    world.settle(hours=0.1)
    body = HintMessage("children", "r", (Hint("c1", released=True),)).to_body()
    seen = len(world.child_source.read_ids)
    world.apply(body, "children")
    assert len(world.child_source.read_ids) == seen, "there is nothing to look for"
    match change:
        case "a change":
            world.child_source.save("c1", name="Renamed")
            body = HintMessage("children", "r", (Hint("c1", 10**6), Hint("c1", released=True))).to_body()
        case "another mapping":
            world.mappers["children"] = FakeMapper(parent_flow="parents", target_entity="Contacts", fingerprint="f2")
        case "a doubt":
            mark_dirty(world.state.links, child_link(world))
    world.apply(body, "children")
    assert len(world.child_source.read_ids) == seen + 1
