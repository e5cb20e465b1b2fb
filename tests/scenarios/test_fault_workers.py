"""Workers that die of one record: its neighbours go on, it is listed, and tried again alone."""

from dataclasses import dataclass

import pytest

from shared.errors import StorageTrouble, SyncError
from shared.records import Write
from shared.state.links import LinkState
from shared.sync.hints import Hint, HintMessage
from shared.sync.limits import Limits
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.world import World

MANY = 8
BAD = "p3"


@dataclass
class Deadly:
    """A record of which every worker dies that writes it; `deaths` are its neighbours' writes at each death."""

    end: type[BaseException] = Crash
    is_mended: bool = False
    deaths: int = 0

    def __call__(self, write: Write) -> SyncError | None:
        """Write a record."""
        if write.id == BAD and not self.is_mended:
            self.deaths += 1
            raise self.end
        return None


def deadly_world(deadly: Deadly) -> World:
    """Records in one message, among them one that is deadly."""
    world = World(limits=Limits(hints_per_message=MANY))
    for number in range(MANY):
        world.source.save(f"p{number}", number=f"P{number}", name="New")
    world.target.fault = deadly
    return world


def listed(world: World) -> dict[str, str]:
    return {each.id: each.cause for each in world.state.failures.page("parents", "", 100)[0]}


@pytest.mark.parametrize("end", [Crash, SyncError], ids=["a death", "an error of its own"])
def test_a_record_that_ends_its_workers_is_listed_after_the_second_one_and_its_neighbours_are_applied(
    end: type[BaseException],
) -> None:
    deadly = Deadly(end)
    world = deadly_world(deadly)
    world.settle(hours=0.9)
    assert listed(world) == {BAD: "crashed"}
    assert sorted(world.target.rows) == sorted(f"p{number}" for number in range(MANY) if f"p{number}" != BAD)
    assert deadly.deaths == 2, "the third death of a worker ends its host"
    assert world.depth() == 0


def test_a_crashed_record_is_retried_automatically_and_each_try_ends_one_worker_at_most() -> None:
    deadly = Deadly()
    world = deadly_world(deadly)
    world.settle(hours=0.9)
    world.settle(hours=1)
    assert deadly.deaths == 3
    assert listed(world) == {BAD: "crashed"}
    deadly.is_mended = True
    world.settle(hours=4)
    assert listed(world) == {}
    assert world.target.rows[BAD]["name"] == "New"
    check(world)


def test_a_crashed_record_takes_no_neighbour_along_when_it_is_tried_with_others() -> None:
    deadly = Deadly()
    world = deadly_world(deadly)
    world.settle(hours=0.9)
    for number in range(MANY):
        world.source.save(f"p{number}", name="Renamed")
    world.pull()
    for _ in range(3):
        if not world.queues.depth("parents"):
            break
        try:
            world.drain(["parents"])
        except Crash:
            continue
    assert deadly.deaths == 3
    names = {id: row["name"] for id, row in world.target.rows.items()}
    assert names == {f"p{number}": "Renamed" for number in range(MANY) if f"p{number}" != BAD}


def test_a_worker_that_dies_once_leaves_nothing_listed() -> None:
    deadly = Deadly()
    world = deadly_world(deadly)
    world.pull()
    with pytest.raises(Crash):
        world.drain(["parents"])
    deadly.is_mended = True
    world.settle(hours=0.5)
    assert listed(world) == {}
    assert [link.claim.unfinished for link in world.state.links.walk("parents")] == [0] * MANY
    check(world)


def test_what_a_crashed_record_has_in_the_target_stays_its_own() -> None:
    deadly = Deadly(is_mended=True)
    world = deadly_world(deadly)
    world.settle(hours=0.2)
    deadly.is_mended = False
    world.source.save(BAD, name="Renamed")
    world.settle(hours=0.9)
    link = world.state.links.load("parents", [BAD])[BAD]
    assert (link.state, link.target_key, link.dirty) == (LinkState.REJECTED, "P3", True)
    deadly.is_mended = True
    world.queues.send("parents", HintMessage("parents", "r", (Hint(BAD),)).to_body())
    world.settle(hours=0.5)
    assert world.target.rows[BAD]["name"] == "Renamed"
    check(world)


def test_storage_that_fails_at_each_commit_for_hours_blames_no_record() -> None:
    """Workers come to their end then, though nobody can note it."""
    world = World(limits=Limits(hints_per_message=MANY))
    for number in range(MANY):
        world.source.save(f"p{number}", number=f"P{number}", name="New")
    world.pull()
    fails = {"on": True}
    plain = world.links_table.step

    def commit_fails(name: str) -> None:
        plain(name)
        if fails["on"] and name == "links.transact" and world.target.writes:
            raise StorageTrouble("the table does not answer")

    world.links_table.step = commit_fails
    for _ in range(60):
        world.clock.sleep(60)
        written = len(world.target.writes)
        world.drain(["parents"])
        if len(world.target.writes) > written:
            world.target.writes.clear()
    assert listed(world) == {}
    fails["on"] = False
    world.settle(hours=1)
    assert listed(world) == {}
    check(world)
