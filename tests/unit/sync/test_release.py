"""When a key is given up, and how links are written under conflicts (protocol A6, A10)."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from shared.errors import Damage, RowConflict, StorageTrouble
from shared.state.keys import Owner
from shared.state.links import Link, Links
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Delete, Insert, Operation, Put, Row
from shared.sync.apply.release import release
from shared.sync.link_writer import Group, LinkWriter, change_link, holds, link_operation, mark_dirty
from tests.support.clock import ManualClock
from tests.support.doubles import ROUTE
from tests.support.world import World

LINK = Link("parents", "1", route=ROUTE, held_key="K")


def released(*, owner: str = "1", now: Link | None = LINK, changed: bool = False) -> tuple[int, bool]:
    """How many keys were given up, and whether the key K has an owner yet."""
    world = World()
    flow = world.service().flows["parents"]
    if now is not None:
        world.links_table.transact([Insert(now.to_row())])
    keys_of = partial(world.state.keys_of, flow)
    keys_of(flow.route(ROUTE)).own({"K": Owner("parents", ROUTE, owner)})
    stored = world.state.links.load("parents", ["1"])
    if changed:
        assert mark_dirty(world.state.links, stored["1"])
    count = release(flow, world.state.links, keys_of, {"1": [(ROUTE, "k"), (ROUTE, "free")]}, stored)
    return count, bool(keys_of(flow.route(ROUTE)).owners(["K"]))


def test_a_record_gives_up_its_own_key_only_while_its_link_is_as_it_was_read() -> None:
    assert released() == (1, False)
    assert released(now=None) == (1, False)
    assert released(owner="2") == (0, True)
    assert released(changed=True) == (0, True)
    assert released(now=replace(LINK, route="lost")) == (0, True)


def test_without_keys_no_link_is_read() -> None:
    world = World()
    flow = world.service().flows["parents"]
    world.steps.names.clear()
    assert release(flow, world.state.links, partial(world.state.keys_of, flow), {"1": []}, {}) == 0
    assert world.steps.names == []


class Busy(MemoryTable):
    """Meets a conflict over its n-th operation so many times."""

    def __init__(self, index: int, times: int) -> None:
        super().__init__(ManualClock())
        self.index, self.times, self.calls = index, times, 0

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, which share one partition, or none; returns the new etags in order."""
        self.calls += 1
        if self.times > 0 and len(operations) > self.index:
            self.times -= 1
            raise RowConflict(self.index, "EntityAlreadyExists")
        return super().transact(operations)


OTHER = Row("parents", "W|1", {})


@pytest.mark.parametrize(
    ("operation", "calls", "is_there"), [(Insert(OTHER), 2, False), (Delete(OTHER), 2, False), (Put(OTHER), 2, True)]
)
def test_what_is_there_or_gone_already_is_left_out_and_what_is_to_be_written_is_tried_again(
    operation: Operation, calls: int, is_there: bool
) -> None:
    table = Busy(1, 1)
    links = Links(table)
    written = LinkWriter(links, lambda _: False).write([Group(LINK, (link_operation(LINK), operation))])
    assert (set(written.etags), written.foreign, table.calls) == ({"1"}, {}, calls)
    assert (("parents", "W|1") in table.content()) is is_there
    assert written.etags["1"] == links.load("parents", ["1"])["1"].etag


@pytest.mark.parametrize(("times", "fails"), [(4, False), (5, True)])
def test_five_rounds_of_conflicts_that_leave_nothing_out_are_trouble_of_the_storage(times: int, fails: bool) -> None:
    writer = LinkWriter(Links(Busy(1, times)), lambda _: False)
    groups = [Group(LINK, (link_operation(LINK), Put(OTHER)))]
    if not fails:
        assert set(writer.write(groups).etags) == {"1"}
        return
    with pytest.raises(StorageTrouble, match="1 records could not be written in 5 rounds of conflicts"):
        writer.write(groups)


@pytest.mark.parametrize("ours", [True, False])
def test_a_link_that_holds_this_very_write_counts_as_written_and_any_other_as_foreign(ours: bool) -> None:
    links = Links(MemoryTable(ManualClock()))
    links.table.transact([Insert(LINK.to_row())])
    written = LinkWriter(links, lambda _: ours).write([Group(LINK, (link_operation(LINK), Put(OTHER)))])
    now = links.load("parents", ["1"])["1"]
    assert (written.etags, written.foreign) == (({"1": now.etag}, {}) if ours else ({}, {"1": now}))


DAMAGED = replace(LINK, damage=Damage("links", "parents", "L|1", "state", "is lost", "p2c repair parents 1"))


@pytest.mark.parametrize(
    ("change", "link", "is_changed"),
    [
        (lambda now: replace(now, dirty=True), None, True),
        (lambda now: None, None, False),
        (lambda now: replace(now, dirty=True), DAMAGED, False),
    ],
)
def test_a_link_is_changed_as_it_is_now_unless_it_cannot_be_read(
    change: object, link: Link | None, is_changed: bool
) -> None:
    links = Links(MemoryTable(ManualClock()))
    links.table.transact([Insert(LINK.to_row())])
    read = links.load("parents", ["1"])["1"]
    links.table.transact([link_operation(replace(read, attempts=3))])
    assert callable(change)
    assert change_link(links, link or read, change) is is_changed
    now = links.load("parents", ["1"])["1"]
    assert (now.dirty, now.attempts) == (is_changed, 3)


def test_a_link_that_is_gone_is_not_marked() -> None:
    links = Links(MemoryTable(ManualClock()))
    assert not mark_dirty(links, LINK)
    assert links.table.scan("parents", start="", end="~", limit=9) == []


def test_a_link_that_others_change_again_and_again_is_trouble_of_the_storage() -> None:
    links = Links(MemoryTable(ManualClock()))
    links.table.transact([Insert(LINK.to_row())])
    tries = list[int]()

    def change(now: Link) -> Link:
        tries.append(now.attempts)
        links.table.transact([link_operation(replace(links.load("parents", ["1"])["1"], attempts=len(tries)))])
        return replace(now, dirty=True)

    with pytest.raises(StorageTrouble, match="a link of parents could not be marked in 5 rounds"):
        change_link(links, links.load("parents", ["1"])["1"], change)
    assert len(tries) == 5


@pytest.mark.parametrize(
    ("now", "is_held"),
    [
        (replace(LINK, etag="7", age_s=9.0), True),
        (replace(LINK, dirty=True), False),
        (replace(LINK, held_key="J"), False),
    ],
)
def test_a_link_holds_what_was_to_be_written_whatever_its_version_and_age(now: Link, is_held: bool) -> None:
    assert holds(LINK, now) is is_held
