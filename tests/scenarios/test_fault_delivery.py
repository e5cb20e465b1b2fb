"""Messages that come twice, at the same time, to several workers."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.errors import OutcomeUnknown, SyncError
from shared.records import Write
from shared.state.links import LinkState
from shared.sync.hints import Hint, HintMessage
from shared.systems import System
from tests.support.invariants import check
from tests.support.product import FLOW, product
from tests.support.world import World

WORKERS = 4


def hint(*ids: str) -> str:
    """A message body."""
    return HintMessage("parents", "run", tuple(map(Hint, ids))).to_body()


def test_one_message_at_several_workers_at_once_makes_each_customer_once() -> None:
    with product() as sync:
        ids = [sync.account(f"A-{number:02}") for number in range(20)]
        sync.service.pull(FLOW)
        bodies = [body.encode() for body in sync.queues.bodies(FLOW)]
        with ThreadPoolExecutor(WORKERS) as workers:
            tasks = [workers.submit(sync.service.apply, FLOW, body) for _ in range(WORKERS) for body in bodies]
            for task in tasks:
                task.result()
        sync.settle(15)
        assert sync.customers() == len(ids)
        for id in ids:
            link = sync.link(id)
            assert (link.state, link.dirty, link.claim.id) == (LinkState.WRITTEN, False, None)
            assert sync.failure(id) is None
        assert sync.depth() == 0


@pytest.mark.parametrize("copies", [2, 5])
def test_a_message_that_is_delivered_again_and_again_writes_once(copies: int) -> None:
    world = World()
    for number in range(3):
        world.source.save(f"p{number}", number=f"P{number}", name="x")
    for _ in range(copies):
        world.apply(hint("p0", "p1", "p2"))
    world.settle()
    check(world)
    assert len(world.target.writes) == 3


def late(world: World, after_s: float) -> None:
    """The first write gets no answer and lands only so much later, behind whatever was written meanwhile."""
    pending: list[Write] = []

    def fault(write: Write) -> SyncError | None:
        if pending:
            return None
        pending.append(write)
        return OutcomeUnknown(System.FINOPS, "timed out")

    world.target.lands, world.target.fault = False, fault
    world.pull()
    world.drain()
    assert len(pending) == 1
    world.clock.sleep(10)
    world.sweep()  # the system answers again: its gate opens
    world.source.save("p1", name="Edited after the time-out")
    world.pull()
    world.drain()
    world.clock.sleep(after_s)
    world.target._land(pending[0])  # what the system does with a request that it took its time for


@pytest.mark.parametrize("after_s", [0, 60, 280])
@pytest.mark.parametrize("linked", [False, True], ids=["create", "update"])
def test_a_write_that_lands_long_after_its_time_out_is_overwritten_by_what_is_true(
    linked: bool, after_s: float
) -> None:
    world = World()
    world.source.save("p1", number="P1", name="First")
    if linked:
        world.settle()
        world.source.save("p1", name="Second")
    late(world, after_s)
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Edited after the time-out"
    assert world.state.links.load("parents", ["p1"])["p1"].state is LinkState.WRITTEN
    assert sum(write.create for write in world.target.writes) == 1
