"""Which changed records would change in the target, and what an operator is told of them (protocol P4)."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.errors import NotSent, Transient
from shared.mapping.verdicts import Known, Mapped, Verdict
from shared.records import Change, Json, SourceRow
from shared.state.checkpoint_parts import Walk
from shared.state.checkpoints import Checkpoint
from shared.state.link_parts import LinkContent, Seen
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert
from shared.sync.limits import Limits
from shared.sync.pull.changes import Step
from shared.sync.pull.thresholds import Measured, Thresholds
from shared.sync.pull.weigh import Differing, Weighed, Weighing
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.trade import DOCUMENT
from tests.support.world import TRADE, World
from tests.unit.sync.test_thresholds import ENDED, LIMITS, WALK, Pages, linked, news

LINK = Link(
    "parents", "1", route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K",
    content=LinkContent(applied={"name": "old"}), seen=Seen(1, "e1", "f1"),
)  # fmt: skip


def weighed(link: Link = LINK, **row: Json) -> tuple[str, ...] | None:
    """What differs in a record of this link with this row; None if nothing does."""
    world = World(flows=TRADE)
    if row:
        world.source.save("1", **{"number": "K", "name": "old", **row})
    flow = world.service().flows["parents"]
    weighing = Weighing(flow, links_of=lambda parents: {}, clock=world.clock)
    found = weighing.weigh([link], not_after=99).differing
    assert [each.id for each in found] == (["1"] if found else [])
    return found[0].what if found else None


@pytest.mark.parametrize(
    ("link", "row", "what"),
    [
        (LINK, {"name": "old"}, None),
        (LINK, {"name": "new"}, ("name",)),
        (LINK, {"name": "new", "phone": "1"}, ("name", "phone")),
        (LINK, {"unmapped": "x"}, None),
        (LINK, {"number": "k "}, None),
        (replace(LINK, route="person"), {"name": "old"}, ("Customers",)),
        (LINK, {"number": "L"}, ("key_changed",)),
        (replace(LINK, state=LinkState.REJECTED), {"number": "L"}, None),
        (LINK, {"state": "inactive"}, ("inactive",)),
        (replace(LINK, state=LinkState.ENDED), {"state": "inactive"}, None),
        (LINK, {"state": "foreign"}, ("foreign",)),
        (replace(LINK, state=LinkState.FILTERED), {"state": "foreign"}, None),
        (LINK, {"bad": "x"}, ("bad",)),
        (LINK, {}, None),
    ],
)
def test_a_record_counts_as_changed_if_it_would_be_written_or_is_not_for_the_target_any_more(
    link: Link, row: dict[str, Json], what: tuple[str, ...] | None
) -> None:
    assert weighed(link, **row) == what


def test_a_line_that_changes_is_named_with_the_fields() -> None:
    world = World(flows=TRADE)
    world.documents.save("d1", number="d1", customer="1", name="new")
    world.documents.save_line("d1", 10, 5)
    world.documents.save_line("d1", 9, 5)
    flow = world.service().flows["documents"]
    link = replace(LINK, flow="documents", id="d1", route=DOCUMENT, target_key="d1", held_key="d1")
    person = Link("people", "1", route="customer", state=LinkState.WRITTEN, target_key="C", held_key="C")
    weighing = Weighing(flow, links_of=lambda parents: dict.fromkeys(parents, person), clock=world.clock)
    (found,) = weighing.weigh([link], not_after=99).differing
    assert found.what == ("customer", "name", "line 9", "line 10")


def links_of(world: World, count: int) -> list[Link]:
    return [replace(LINK, id=f"{number:04d}") for number in range(count)]


@pytest.mark.parametrize(
    ("count", "takes_s", "reads", "unread"),
    [(500, 10, 1, 0), (501, 1, 2, 0), (501, 10, 1, 1), (1501, 9, 2, 501), (0, 1, 0, 0)],
)
def test_records_are_looked_at_as_far_as_there_is_time(count: int, takes_s: float, reads: int, unread: int) -> None:
    world = World(flows=TRADE)
    asked = list[str]()

    def slow(name: str) -> None:
        asked.append(name)
        world.clock.sleep(takes_s)

    world.source.trouble = slow
    found = Weighing(world.service().flows["parents"], links_of=lambda parents: {}, clock=world.clock).weigh(
        links_of(world, count), not_after=10
    )
    assert (asked.count("read"), found.unread) == (reads, unread)


def test_records_that_were_not_looked_at_may_all_change() -> None:
    assert Weighed((Differing("1", ("name",)),), unread=3).most == 4


def measured(
    world: World, step: Step, *further: Step, limits: Limits = LIMITS, at: Checkpoint = WALK, deadline: float = 60,
    reader: Pages | None = None, blind: bool = False,
) -> tuple[Measured, Thresholds]:  # fmt: skip
    flow = world.service().flows["parents"]
    thresholds = Thresholds(flow, state=world.state, clock=world.clock, limits=limits)
    thresholds.blind = blind
    return thresholds.measure(reader or Pages(further), at, step, world.clock.monotonic() + deadline), thresholds


def test_what_could_not_be_looked_at_in_time_counts_and_is_told() -> None:
    world = linked(10, "r00", "r01", "r02")
    world.source.trouble = lambda name: world.clock.sleep(99)
    ids = ["r00", "r01", "r02"]
    found, thresholds = measured(
        world, Step((), ENDED, news=news(*ids)), limits=replace(LIMITS, pull_budget_s=80), deadline=-20
    )
    assert found.shown_changed == 3
    assert "3 of 10 linked records would change, such as r00 (name); r01 (name); r02 (name)," in found.excess
    assert thresholds.longest_s == 99


@pytest.mark.parametrize(("budget_s", "deadline", "unread"), [(80, -99, 0), (0, -1, 3), (0, 1, 0)])
def test_a_page_that_was_read_shortly_before_the_end_is_looked_at_for_an_eighth_of_the_time(
    budget_s: float, deadline: float, unread: int
) -> None:
    world = linked(10, "r00", "r01", "r02")
    found, _ = measured(
        world, Step((), ENDED, news=news("r00", "r01", "r02")), limits=replace(LIMITS, pull_budget_s=budget_s),
        deadline=deadline,
    )  # fmt: skip
    assert ("(3 of them could not be looked at in time)" in found.excess) is bool(unread)
    assert ("r00 (name)" in found.excess) is not bool(unread)


class WideMapper(FakeMapper):
    """Owns the fields a to e."""

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        return Mapped(str(row.values["number"]), {name: row.values.get(name) for name in "abcde"}, {})


def test_of_a_record_with_many_fields_four_are_named() -> None:
    world = linked(10)
    world.mappers["parents"] = WideMapper()
    for id, fields in (("r00", "edcba"), ("r01", "dcba"), ("r02", "e")):
        world.source.save(id, **dict.fromkeys(fields, "new"))
    found, _ = measured(world, Step((), ENDED, news=news("r00", "r01", "r02")))
    assert found.excess == (
        "3 of 10 linked records would change, such as r00 (a, b, c, d ...); r01 (a, b, c, d); r02 (e),"
    )


GONE = Step((), WALK, gone=30, known=100)


def test_a_walk_that_cannot_be_measured_to_its_end_says_so() -> None:
    world = World(flows=TRADE)
    more = " (it was not measured to its end: more than that will block again)"
    slow, _ = measured(world, GONE, deadline=0)
    assert slow.excess == f"at least 30 of 100 known records would be gone{more}"
    restarted = replace(WALK, position=replace(WALK.position, restarts=1))
    broken, _ = measured(world, GONE, Step((), restarted, gone=31, known=100), Step((), ENDED, gone=99, known=100))
    assert broken.excess == f"at least 31 of 100 known records would be gone{more}"

    class Unsent(Pages):
        def next(self, checkpoint: Checkpoint) -> Step:
            raise NotSent("no time left")

    unsent, _ = measured(world, GONE, reader=Unsent())
    assert unsent.excess == slow.excess


def test_both_limits_are_told_where_both_are_exceeded() -> None:
    ids = ["r00", "r01", "r02"]
    found, _ = measured(linked(10, *ids), Step((), ENDED, gone=3, known=10, news=news(*ids)))
    assert found.excess.startswith("3 of 10 known records would be gone and 3 of 10 linked records would change")
    assert (found.gone, found.shown_changed, found.changed) == (3, 3, 3)


@pytest.mark.parametrize("count", [3, 4])
def test_the_known_records_are_the_linked_ones_where_a_walk_does_not_know_them(count: int) -> None:
    found, _ = measured(linked(count), Step((), ENDED, gone=3))
    assert found.excess == f"3 of {count} known records would be gone"


@pytest.mark.parametrize(("gone", "changed", "end"), [(0, 2, "goes on"), (0, 3, "trouble"), (3, 3, "gone")])
def test_without_the_targets_look_ups_nothing_is_looked_at_and_too_much_waits_for_them(
    gone: int, changed: int, end: str
) -> None:
    ids = [f"r{number:02d}" for number in range(changed)]
    world = linked(10, *ids)
    step = Step((), ENDED, gone=gone, known=10, news=news(*ids))
    if end == "trouble":
        with pytest.raises(Transient, match="3 records have changed in the source") as raised:
            measured(world, step, blind=True)
        assert raised.value.system is world.service().flows["parents"].target_system
        return
    found, _ = measured(world, step, blind=True)
    assert (bool(found.excess), found.changed, found.gone) == (end == "gone", 0 if gone else 2, gone)
    assert world.source.read_ids == []


def test_on_a_page_that_others_follow_every_change_is_looked_at_and_on_the_last_one_only_too_many() -> None:
    world = linked(10, "r00")
    step = news("r00", "r01")
    more, _ = measured(world, Step((), WALK, news=step))
    assert (more.changed, world.source.read_ids) == (1, ["r00", "r01"])
    world.source.read_ids.clear()
    last, _ = measured(world, Step((), ENDED, news=step))
    assert (last.changed, world.source.read_ids) == (2, [])


def test_the_changes_of_further_pages_are_shown_together() -> None:
    ids = [f"r{number:02d}" for number in range(5)]
    pages: Sequence[Step] = [Step((), WALK.with_changed(3), news=news("r03")), Step((), ENDED, news=news("r04"))]
    found, _ = measured(linked(10, *ids), Step((), WALK, news=news(*ids[:3])), *pages)
    assert (found.shown_changed, found.changed) == (5, 5)
    assert found.excess.endswith("such as r00 (name); r01 (name); r02 (name),")


@pytest.mark.parametrize(("percent", "blocks"), [(0, True), (30, False), (29, True)])
def test_the_limit_is_a_share_of_the_linked_records(percent: int, blocks: bool) -> None:
    ids = ["r00", "r01", "r02"]
    limits = replace(LIMITS, change_limit_percent=percent)
    found, _ = measured(linked(10, *ids), Step((), ENDED, news=news(*ids)), limits=limits)
    assert bool(found.excess) is blocks


def test_a_change_of_a_record_that_is_unknown_counts_for_nothing() -> None:
    world = linked(3)
    world.links_table.transact([Insert(Link("parents", "u").to_row())])
    found, _ = measured(world, Step((), WALK, news=(Change("u", 2), Change("v", 2))), at=replace(WALK, walk=Walk("w1")))
    assert found == Measured(0)
