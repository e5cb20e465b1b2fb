"""The limit of changes counts what is mapped (protocol P4): a job that touches other columns stops nothing."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from shared.errors import LinkRefused
from shared.records import SourceRow
from shared.state.checkpoint_parts import MadeFor, Phase, Position, Walk
from shared.state.checkpoints import Checkpoint
from shared.state.link_parts import LinkContent, Seen
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Operation, Put
from shared.sync.flow import WEEK_S
from shared.sync.limits import Limits
from tests.support.doubles import ROUTE
from tests.support.invariants import check
from tests.support.operator import answer, operated
from tests.support.product import product
from tests.support.trading import trading
from tests.support.world import PRODUCTS, TRADE, World

COUNT = 24
LIMIT = 8


def in_step(flow: str, *, page_size: int = 100, count: int = COUNT) -> World:
    """A world in which one flow has so many records, all written. It is made once and copied."""
    return deepcopy(_made_in_step(flow, page_size, count))


@cache
def _made_in_step(flow: str, page_size: int, count: int) -> World:
    flows = {"parents": ("parents",), "products": PRODUCTS, "documents": TRADE}[flow]
    world = World(flows=flows, limits=Limits(hints_per_message=100, gone_limit_count=LIMIT))
    if flow == "documents":
        world.people.save("m1", number="M1", name="Customer", customer="yes")
    for source in (*world.sources.values(), world.documents.lines):
        source.page_size = page_size
    for number in range(count):
        values = {"customer": "m1"} if flow == "documents" else {"number": f"R{number}"}
        world.sources[flow].save(f"r{number}", name=f"Name {number}", **values)
    world.settle()
    check(world)
    return world


def blocked(world: World, flow: str) -> str:
    return world.state.control.flow(flow).blocked


def writes(world: World, flow: str) -> int:
    return len(world.targets_of(flow)[0].writes)


def counted(world: World, flow: str) -> list[int]:
    """How many rows each read of a source asks for, from now on."""
    source, asked = world.sources[flow], list[int]()
    read = source.read

    def counting(ids: Sequence[str]) -> Mapping[str, SourceRow]:
        asked.append(len(ids))
        return read(ids)

    object.__setattr__(source, "read", counting)
    return asked


ONE_PAGE, MANY_PAGES = 100, 7
PAGES = pytest.mark.parametrize("page_size", [ONE_PAGE, MANY_PAGES], ids=["one page", "many pages"])
FLOWS = pytest.mark.parametrize("flow", ["parents", "products", "documents"])


@PAGES
@FLOWS
def test_touched_columns_that_nothing_maps_block_nothing_and_write_nothing(flow: str, page_size: int) -> None:
    world = in_step(flow, page_size=page_size)
    before = writes(world, flow)
    for number in range(COUNT):
        world.sources[flow].save(f"r{number}", fax="touched")
    world.settle()
    assert blocked(world, flow) == ""
    assert writes(world, flow) == before
    check(world)


@PAGES
@FLOWS
def test_a_real_change_among_touched_records_arrives(flow: str, page_size: int) -> None:
    world = in_step(flow, page_size=page_size)
    before = writes(world, flow)
    for number in range(COUNT):
        world.sources[flow].save(f"r{number}", fax="touched")
    world.sources[flow].save("r7", name="Real")
    world.settle()
    assert blocked(world, flow) == ""
    assert writes(world, flow) == before + 1
    check(world)


@PAGES
@FLOWS
def test_more_real_changes_than_the_limit_block_name_examples_and_a_comparison_finds_the_same(
    flow: str, page_size: int
) -> None:
    world = in_step(flow, page_size=page_size)
    for number in range(COUNT):
        world.sources[flow].save(f"r{number}", fax="touched")
    changed = [f"r{number}" for number in range(10, 10 + LIMIT + 1)]
    for id in changed:
        world.sources[flow].save(id, name="Mass update")
    world.pull(flow)
    reason = blocked(world, flow)
    assert f"{LIMIT + 1} of {COUNT} linked records would change, such as r" in reason
    assert "(name)" in reason
    assert f"p2c reconcile {flow}" in reason
    service = world.service()
    drifted = [each.id for each in service.reconciling(flow).drifted()]
    assert sorted(map(str, drifted)) == sorted(changed)


def test_changed_lines_count_for_their_document_once() -> None:
    world = in_step("documents", page_size=2 * COUNT)
    for number in range(COUNT):
        world.documents.save_line(f"r{number}", 1, 5)
        world.documents.save_line(f"r{number}", 2, 6)
    world.pull("documents")
    assert f"{COUNT} of {COUNT} linked records would change, such as r0 (line 1, line 2); " in blocked(
        world, "documents"
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [({"state": "inactive"}, "(inactive)"), ({"state": "foreign"}, "(foreign)"), ({"bad": "yes"}, "(bad)")],
)
def test_records_that_would_end_or_be_rejected_count_as_changed(values: dict[str, str], says: str) -> None:
    world = in_step("parents")
    for number in range(LIMIT + 1):
        world.source.save(f"r{number}", **values)
    world.pull()
    assert f"{LIMIT + 1} of {COUNT} linked records would change" in blocked(world, "parents")
    assert says in blocked(world, "parents")


def test_records_that_are_listed_or_have_ended_already_do_not_count_again() -> None:
    world = in_step("parents")
    for first in (0, 6, 12):
        for number in range(first, first + 6):
            world.source.save(f"r{number}", **({"bad": "yes"} if first else {"state": "inactive"}))
        world.settle(hours=0.2)
    for number in range(18):
        world.source.save(f"r{number}", fax="touched")
    world.settle()
    assert blocked(world, "parents") == ""


def test_a_record_under_another_key_counts_as_changed() -> None:
    world = in_step("parents")
    for number in range(LIMIT + 1):
        world.source.save(f"r{number}", number=f"NEW-{number}")
    world.pull()
    assert "would change, such as r0 (key_changed); r1 (key_changed)" in blocked(world, "parents")


def test_as_many_changes_as_are_usual_are_counted_without_a_read() -> None:
    world = in_step("parents", count=150)
    asked = counted(world, "parents")
    for number in range(29):
        world.source.save(f"r{number}", name="Changed")
    world.pull()
    assert blocked(world, "parents") == ""
    assert asked == []


def test_where_everything_may_change_nothing_is_looked_at() -> None:
    world = in_step("parents", page_size=MANY_PAGES)
    world.limits = replace(world.limits, change_limit_percent=100)
    asked = counted(world, "parents")
    for number in range(COUNT):
        world.source.save(f"r{number}", name="Mass update")
    world.pull()
    assert blocked(world, "parents") == ""
    assert asked == []


def test_records_are_looked_at_in_reads_of_bounded_size() -> None:
    world = linked(1300)
    asked = counted(world, "parents")
    for number in range(1300):
        world.source.save(f"r{number}", fax="touched")
    world.pull()
    assert blocked(world, "parents") == ""
    assert asked == [500, 500, 300]


@pytest.mark.parametrize("what", ["fax", "name"])
def test_a_restored_table_is_measured_by_its_content_whatever_its_versions(what: str) -> None:
    """In the place of the table is an older state of it, whose versions are lower than those that were seen."""
    world = in_step("documents")
    for at, (id, row) in enumerate(list(world.documents.rows.items()), 1):
        world.documents.rows[id] = SourceRow(id, at, {**row.values, what: "Restored"})
        world.source.version += 1
    refusals = iter([True])

    def refuse(name: str) -> None:
        if name == "follow" and next(refusals, False):
            raise LinkRefused("token expired")

    world.documents.trouble = refuse
    links = world.state.links.load("documents", list(world.documents.rows))
    for link in links.values():
        world.links_table.transact([Put(replace(link, seen=replace(link.seen, version=10_000)).to_row())])
    world.settle()
    would_change = f"{COUNT} of {COUNT} linked records would change" in blocked(world, "documents")
    assert would_change == (what == "name")


def test_what_there_was_no_time_to_look_at_counts_as_changed() -> None:
    world = linked(1300)
    for number in range(1300):
        world.source.save(f"r{number}", fax="touched")
    world.source.trouble = lambda name: world.clock.sleep(1000) if name == "read" else None
    world.pull()
    assert "800 of 1300 linked records would change (800 of them could not be looked at in time)" in blocked(
        world, "parents"
    )


@pytest.mark.parametrize(("seconds", "unread"), [(29, 300), (30, 800)])
def test_a_page_that_is_read_at_the_end_of_a_pull_is_looked_at_for_an_eighth_of_its_time(
    seconds: float, unread: int
) -> None:
    world = linked(1300)
    for number in range(1300):
        world.source.save(f"r{number}", fax="touched")
    # The time of the pull is 240 s, and a read brings 500 records.
    took = {"follow": world.limits.pull_budget_s - 1, "read": seconds}
    world.source.trouble = lambda name: world.clock.sleep(took.get(name, 0))
    world.pull()
    told = f"{unread} of 1300 linked records would change ({unread} of them could not be looked at in time)"
    assert told in blocked(world, "parents")


def test_a_pull_begins_no_page_that_it_could_not_look_at_in_time() -> None:
    world = in_step("parents", page_size=50, count=150)
    for number in range(150):
        world.source.save(f"r{number}", fax="touched")
    world.source.trouble = lambda name: world.clock.sleep(130) if name == "read" else None
    world.pull()
    assert blocked(world, "parents") == ""
    checkpoint = world.state.checkpoints.load("parents")
    assert checkpoint is not None
    assert checkpoint.position.cursor is not None
    world.source.trouble = None
    world.settle()
    assert blocked(world, "parents") == ""
    check(world)


def test_a_weekly_walk_over_touched_records_blocks_nothing() -> None:
    world = in_step("products")
    for number in range(COUNT):
        world.stock.save(f"r{number}", fax="touched")
    world.clock.sleep(WEEK_S)
    world.settle()
    assert blocked(world, "products") == ""
    check(world)


@pytest.mark.parametrize(("count", "page_size"), [pytest.param(100_000, 5000, marks=pytest.mark.nightly), (1_200, 600)])
def test_however_many_records_are_touched_the_flow_continues_and_reads_are_bounded(count: int, page_size: int) -> None:
    world = linked(count, page_size)
    asked = counted(world, "parents")
    for number in range(count):
        world.source.save(f"r{number}", fax="touched")
    world.pull()
    assert blocked(world, "parents") == ""
    checkpoint = world.state.checkpoints.load("parents")
    assert checkpoint is not None
    assert (checkpoint.position.phase, checkpoint.position.cursor, checkpoint.walk.changed) == (Phase.DELTA, None, 0)
    assert 0 < sum(asked) <= count
    assert max(asked) <= 500
    # One more for each page, whose first message is small.
    assert 0 <= world.queues.depth("parents") - count / world.limits.hints_per_message <= count / page_size


def linked(count: int, page_size: int = 5000) -> World:
    """A world with so many linked records, as they would stand long after the first run."""
    world = World(flows=("parents",), limits=Limits(hints_per_message=100))
    world.source.page_size = page_size
    operations: list[Operation] = []
    for number in range(count):
        id, name = f"r{number}", f"Name {number}"
        world.source.save(id, number=f"R{number}", name=name)
        content, seen = LinkContent({"name": name}), Seen(number + 1, "e", "f1")
        link = Link("parents", id, ROUTE, state=LinkState.WRITTEN, target_key=f"R{number}", content=content, seen=seen)
        operations.append(Put(link.to_row()))
    for at in range(0, count, 100):
        world.links_table.transact(operations[at : at + 100])
    delta_link = f"{world.source.version}:0:0:delta"
    checkpoint = Checkpoint("parents", "e", Walk("w"), Position(Phase.DELTA, delta_link=delta_link), MadeFor("f1"))
    assert world.state.checkpoints.save(checkpoint)
    return world


# --- between both simulators ------------------------------------------------------------------------------------------

FEW = {"GONE_LIMIT_COUNT": "3"}


def test_a_job_that_touches_accounts_stops_nothing() -> None:
    with product(**FEW) as sync, operated(sync):
        ids = sync.linked(10)
        before = sync.writes()
        for id in ids[:6]:
            sync.edit(id, stockexchange="NYSE")
        sync.edit(ids[9], name="Real change")
        sync.tick()
        assert sync.state.control.flow("accounts").blocked == ""
        assert sync.writes() == before + 1
        assert (sync.customer("A-9") or {})["OrganizationName"] == "Real change"
        for id in ids[:4]:
            sync.edit(id, name="Mass update")
        sync.tick()
        assert "4 of 10 linked records would change, such as " in sync.state.control.flow("accounts").blocked
        assert f"{ids[0]} (" in sync.state.control.flow("accounts").blocked
        assert "OrganizationName" in sync.state.control.flow("accounts").blocked
        found = answer("reconcile", "accounts", code=1)["drifted"]
        assert sorted(each["id"] for each in found) == sorted(ids[:4])


def touch_contacts(count: int, *, real: bool) -> str:
    with trading(**FEW) as desk:
        account = desk.account("A-1")
        desk.tick()
        contacts = [desk.contact(account) for _ in range(count)]
        desk.tick()
        values = {"lastname": "Mass"} if real else {"assistantname": "x"}
        for id in contacts:
            assert desk.sales.patch(f"contacts({id})", values, If_Match="*").status_code == 204
        desk.tick()
        return desk.state.control.flow("contacts").blocked


def touch_quotes(count: int, *, real: bool) -> str:
    with trading(**FEW) as desk:
        account = desk.account("A-1")
        desk.tick()
        quotes = [desk.quote(account) for _ in range(count)]
        desk.tick()
        for id, _ in quotes:
            desk.set_state(id, {"statecode": 0, "statuscode": 1})
            desk.change_draft(f"quotes({id})", **({"name": "Mass"} if real else {"description": "stamp"}))
            desk.set_state(id, {"statecode": 1, "statuscode": 2})
        desk.tick()
        return desk.state.control.flow("quotations").blocked


@pytest.mark.parametrize("touch", [touch_contacts, touch_quotes])
def test_a_job_that_touches_contacts_or_quotes_stops_nothing(touch: Callable[..., str]) -> None:
    assert touch(5, real=False) == ""
    assert "5 of 5 linked records would change" in touch(5, real=True)
