"""How many records may vanish or change at once, and what an operator is shown of more (protocol P4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from shared.records import Change
from shared.state.checkpoint_parts import Walk
from shared.state.checkpoints import Checkpoint
from shared.state.link_parts import LinkContent, Seen
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert
from shared.sync.hints import Hint
from shared.sync.limits import Limits
from shared.sync.pull.changes import Step
from shared.sync.pull.thresholds import Measured, Thresholds
from tests.support.doubles import ROUTE
from tests.support.world import World

WALK = Checkpoint("parents", "e1", Walk("w1"))
ENDED = replace(WALK, walk=Walk("w2"))


@dataclass
class Pages:
    """A walk with these further pages."""

    steps: Sequence[Step] = ()
    saves_each_step: bool = True
    source_name: str | None = None

    def begin(self, checkpoint: Checkpoint | None) -> Checkpoint:
        raise AssertionError

    def next(self, checkpoint: Checkpoint) -> Step:
        first, *self.steps = self.steps
        return first

    def is_news(self, link: Link, change: Change) -> bool:
        return link.seen.version != change.version

    def forget(self, parts: Sequence[str]) -> None: ...

    def keep(self, checkpoint: Checkpoint) -> bool:
        return True


def measure(
    world: World, step: Step, *, limits: Limits, further: Sequence[Step] = (), at: Checkpoint = WALK
) -> Measured:
    flow = world.service().flows["parents"]
    thresholds = Thresholds(flow, state=world.state, clock=world.clock, limits=limits)
    return thresholds.measure(Pages(further), at, step, deadline=world.clock.monotonic() + 60)


@pytest.mark.parametrize(
    ("gone", "known", "blocks"),
    [
        (20, 20, False),
        (21, 21, True),
        (21, 400, True),
        (21, 419, True),
        (21, 420, False),
        (50, 1000, False),
        (51, 1000, True),
        (0, 0, False),
    ],
)
def test_twenty_records_or_five_percent_of_the_known_ones_may_vanish(gone: int, known: int, blocks: bool) -> None:
    found = measure(World(), Step((), ENDED, gone=gone, known=known), limits=Limits())
    assert found.excess == (f"{gone} of {known} known records would be gone" if blocks else "")
    assert (found.gone, found.shown_changed) == (gone if blocks else 0, 0)


@pytest.mark.parametrize(
    ("walk", "accepted", "blocks"), [("w1", 30, False), ("w1", 31, False), ("w1", 29, True), ("w0", 30, True)]
)
def test_what_an_operator_has_accepted_of_a_walk_may_vanish_in_that_walk(
    walk: str, accepted: int, blocks: bool
) -> None:
    world = World()
    world.state.control.change_flow("parents", lambda now: replace(now, accepted_walk=walk, accepted_gone=accepted))
    assert bool(measure(world, Step((), ENDED, gone=30, known=100), limits=Limits()).excess) is blocks


@pytest.mark.parametrize(("further", "gone"), [(25, 30), (30, 30), (41, 41)])
def test_of_a_walk_with_further_pages_the_highest_count_is_shown(further: int, gone: int) -> None:
    world, pages = World(), [Step((), WALK, gone=further), Step((), ENDED, gone=further, known=200)]
    found = measure(world, Step((), WALK, gone=30, known=100), limits=Limits(), further=pages)
    assert (found.gone, found.excess) == (gone, f"{gone} of 200 known records would be gone")


LIMITS = Limits(gone_limit_count=2, change_limit_percent=20)


def linked(count: int, *changed: str) -> World:
    """So many linked records, of which these have another name in the source by now."""
    world = World()
    for number in range(count):
        id = f"r{number:02d}"
        link = Link(
            "parents",
            id,
            route=ROUTE,
            state=LinkState.WRITTEN,
            target_key=f"K{id}",
            held_key=f"K{id}",
            content=LinkContent(applied={"name": "old"}),
            seen=Seen(1, "e1", "f1"),
        )
        world.links_table.transact([Insert(link.to_row())])
        world.source.save(id, number=f"K{id}", name="new" if id in changed else "old")
    return world


def news(*ids: str, version: int = 2) -> tuple[Change, ...]:
    return tuple(Change(id, version) for id in ids)


@pytest.mark.parametrize(
    ("count", "changed", "blocks"),
    [(10, 2, False), (10, 3, True), (14, 3, True), (15, 3, False), (15, 4, True), (19, 4, True), (20, 4, False)],
)
def test_a_fifth_of_the_linked_records_may_change_and_a_few_always(count: int, changed: int, blocks: bool) -> None:
    ids = [f"r{number:02d}" for number in range(changed)]
    found = measure(linked(count, *ids), Step((), ENDED, news=news(*ids)), limits=LIMITS)
    assert bool(found.excess) is blocks
    assert (found.changed, found.shown_changed) == (changed, changed if blocks else 0)


def test_of_the_records_that_would_change_three_are_named_with_their_fields() -> None:
    ids = ["r00", "r01", "r02", "r03"]
    found = measure(linked(5, *ids), Step((), ENDED, news=news(*ids)), limits=LIMITS)
    named = "r00 (name); r01 (name); r02 (name)"
    assert found.excess == f"4 of 5 linked records would change, such as {named},"


def test_a_record_counts_as_changed_if_it_is_linked_and_new_and_would_be_written() -> None:
    world = linked(10, "r00", "r01", "r02")
    step = Step((), ENDED, news=(*news("r00", "r01"), *news("r02", version=1), *news("r03", "unknown")))
    assert measure(world, step, limits=LIMITS) == Measured(2)
    seen = Step((), ENDED, news=(*news("r00", "r01"), *news("r02", version=1)))
    assert measure(world, seen, limits=LIMITS).excess == ""


@pytest.mark.parametrize(("accepted", "changed", "blocks"), [(1, 3, False), (1, 4, True), (2, 4, False), (0, 3, True)])
def test_besides_what_was_accepted_a_few_more_may_change(accepted: int, changed: int, blocks: bool) -> None:
    ids = [f"r{number:02d}" for number in range(changed)]
    world = linked(10, *ids)
    world.state.control.change_flow("parents", lambda now: replace(now, accepted_walk="w1", accepted_changed=accepted))
    assert bool(measure(world, Step((), ENDED, news=news(*ids)), limits=LIMITS).excess) is blocks


def test_without_a_limit_of_changes_no_record_is_looked_at() -> None:
    world = linked(5, "r00", "r01", "r02", "r03")
    step = Step((), ENDED, news=news("r00", "r01", "r02", "r03"))
    assert measure(world, step, limits=replace(LIMITS, change_limit_percent=100)) == Measured(0)
    assert measure(world, step, limits=replace(LIMITS, change_limit_percent=99)).excess == ""


def test_the_changes_of_earlier_pages_count() -> None:
    world = linked(10, "r00")
    at = WALK.with_changed(2)
    step = Step((Hint("r00"),), ENDED, news=news("r00"))
    assert measure(world, step, limits=LIMITS, at=at).shown_changed == 3
    assert measure(world, replace(step, news=()), limits=LIMITS, at=at) == Measured(2)
