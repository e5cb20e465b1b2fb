"""What a link says of the rows that its record has, had, or may have: protocol A6."""

from dataclasses import replace

import pytest

from shared.state.link_parts import LinkContent, Seen
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, Links, LinkState, link_key
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row
from tests.support.clock import ManualClock

NEW = Link("accounts", "1")
LINKED = Link(
    "accounts", "1", route="customer", target_key="A-1", target_id="t", held_key="A-1", state=LinkState.WRITTEN
)
LEFT = FormerTarget("customer", "A-0")
ENDED = FormerTarget("customer", "A-0", ended=True)
INHERITED = FormerTarget("customer", "A-0", ended=True, inherited=True)
BEGUN = replace(NEW, route="customer", held_key="A-1", intent=Intent("A-1", ()))


@pytest.mark.parametrize(
    ("link", "route", "key", "made", "may_have_made"),
    [
        (LINKED, "customer", "a-1 ", True, True),
        (LINKED, "person", "A-1", False, False),
        (LINKED, "customer", "A-2", False, False),
        (BEGUN, "customer", "a-1", False, True),
        (BEGUN, "person", "A-1", False, False),
        (BEGUN, "customer", "A-2", False, False),
        (replace(NEW, former=(LEFT,)), "customer", "a-0", True, True),
        (replace(NEW, former=(LEFT,)), "person", "A-0", False, False),
        (replace(NEW, former=(INHERITED,)), "customer", "A-0", False, False),
        (NEW, "customer", "A-1", False, False),
    ],
)
def test_a_row_was_made_by_a_record_that_has_it_or_has_left_it_and_may_be_made_by_one_that_has_begun(
    link: Link, route: str, key: str, made: bool, may_have_made: bool
) -> None:
    assert (link.has_made(route, key), link.may_have_made(route, key)) == (made, may_have_made)


@pytest.mark.parametrize(
    ("link", "returns"),
    [
        (NEW, False),
        (LINKED, False),
        (replace(LINKED, former=(LEFT,)), False),
        (replace(NEW, former=(LEFT,)), True),
        (replace(NEW, former=(ENDED,)), False),
        (replace(NEW, former=(ENDED, FormerTarget("person", "P-1"))), True),
        (replace(NEW, former=(LEFT, FormerTarget("person", "P-1", ended=True))), False),
    ],
)
def test_a_record_that_has_arrived_nowhere_is_still_at_the_row_that_it_has_left_last_unless_that_was_ended(
    link: Link, returns: bool
) -> None:
    back = link.back_at_former()
    if not returns:
        assert back is link
    else:
        last = link.former[-1]
        assert (back.route, back.target_key, back.held_key, back.intent) == (last.route, last.key, last.key, None)
        assert (back.former, back.content.applied) == (link.former, {})


@pytest.mark.parametrize("ended", [False, True])
def test_a_record_that_leaves_its_row_has_none_and_remembers_the_row_once(ended: bool) -> None:
    content = LinkContent({"name": "a"}, touched=("fax",))
    left = replace(LINKED, content=content, former=(LEFT, FormerTarget("customer", "a-1"))).without_target(ended=ended)
    assert (left.route, left.target_key, left.target_id, left.held_key, left.intent) == (None,) * 5
    assert left.content == LinkContent()
    assert left.former == (LEFT, FormerTarget("customer", "A-1", ended))
    assert (left.linked, left.last_target_key) == (False, "A-1")
    assert NEW.without_target(ended=ended).former == ()


def test_a_row_that_is_inherited_is_the_first_of_those_that_a_record_has_left() -> None:
    heir = replace(NEW, former=(LEFT, FormerTarget("customer", "A-2"))).inherit("customer", "a-2")
    assert heir.former == (FormerTarget("customer", "a-2", ended=True, inherited=True), LEFT)


@pytest.mark.parametrize(
    ("route", "key", "kept"),
    [
        ("customer", "a-1", ("customer", None, "A-9", (LEFT,))),
        ("customer", "a-9", ("customer", "A-1", None, (LEFT,))),
        ("customer", "A-0", ("customer", "A-1", "A-9", ())),
        ("person", "A-1", ("customer", "A-1", "A-9", (LEFT,))),
    ],
)
def test_a_record_that_gives_a_key_away_keeps_the_others(route: str, key: str, kept: tuple[object, ...]) -> None:
    link = replace(LINKED, held_key="A-9", former=(LEFT,)).without_key(route, key)
    assert (link.route, link.target_key, link.held_key, link.former) == kept


def test_a_record_that_gives_its_only_key_away_is_on_no_route_and_forgets_what_it_has_begun() -> None:
    assert LINKED.without_key("customer", "A-1").route is None
    assert BEGUN.without_key("customer", "a-1").intent is None
    assert BEGUN.without_key("customer", "A-2").intent == Intent("A-1", ())


def test_every_key_of_a_record_is_one_that_it_may_own() -> None:
    link = replace(
        LINKED, target_key="a-1", held_key="H", intent=Intent("I", ()), former=(FormerTarget("person", "P"),)
    )
    assert {key for route, key in link.owned if route == "customer"} == {
        next(iter(replace(NEW, route="customer", held_key=key).owned))[1] for key in ("A-1", "H", "I")
    }
    assert [route for route, _ in link.owned].count("person") == 1
    assert replace(NEW, held_key="H").owned == frozenset()


@pytest.mark.parametrize(
    ("link", "keeps_off"),
    [
        (replace(NEW, state=LinkState.FILTERED), True),
        (replace(NEW, state=LinkState.ENDED), True),
        (replace(NEW, state=LinkState.WAITING), False),
        (replace(LINKED, state=LinkState.ENDED), False),
        (replace(LINKED, route="person", state=LinkState.ENDED), True),
    ],
)
def test_a_record_that_is_filtered_or_has_ended_elsewhere_keeps_its_children_off(link: Link, keeps_off: bool) -> None:
    assert link.keeps_off("customer") is keeps_off


@pytest.mark.parametrize(
    ("link", "unconfirmed"),
    [
        (replace(LINKED, state=LinkState.RETRYING), True),
        (replace(LINKED, state=LinkState.RETRYING, seen=Seen(fingerprint="f")), False),
        (LINKED, False),
        (replace(NEW, state=LinkState.RETRYING), False),
    ],
)
def test_a_link_that_an_operator_has_made_is_unconfirmed_until_a_worker_has_decided_it(
    link: Link, unconfirmed: bool
) -> None:
    assert link.is_unconfirmed is unconfirmed


def test_what_a_record_has_in_another_environment_comes_back_only_where_it_has_nothing() -> None:
    there = replace(LINKED, former=(LEFT,), content=LinkContent({"name": "a"}))
    here = there.left_behind()
    assert (here.linked, here.former, here.owned) == (False, (), frozenset())
    assert here.back_from_elsewhere() == there
    assert here.left_behind().back_from_elsewhere() == there
    linked_here = replace(here, route="customer", target_key="B-1", held_key="B-1")
    assert linked_here.back_from_elsewhere() is linked_here
    assert linked_here.left_behind().back_from_elsewhere().target_key == "B-1"
    assert NEW.back_from_elsewhere() is NEW


def stored(*rows: Row) -> Links:
    table = MemoryTable(ManualClock())
    for row in rows:
        table.transact([Put(row)])
    return Links(table)


DAMAGED = Row("accounts", link_key("3"), {"state": "strange"})
FOUR = (replace(LINKED, id="1").to_row(), replace(NEW, id="2").to_row(), DAMAGED, replace(LINKED, id="4").to_row())


@pytest.mark.parametrize(("at_most", "count"), [(1, 1), (2, 2), (3, 3), (4, 3), (99, 3)])
def test_linked_records_and_those_that_may_be_are_counted_as_far_as_asked_for(at_most: int, count: int) -> None:
    assert stored(*FOUR).count_linked("accounts", at_most) == count


def test_the_links_of_some_records_are_loaded_new_ones_without_a_version() -> None:
    found = stored(*FOUR).load("accounts", ["1", "2", "3", "gone"])
    assert {id: (link.linked, link.damage is not None, link.etag is not None) for id, link in found.items()} == {
        "1": (True, False, True), "2": (False, False, True), "3": (False, True, True), "gone": (False, False, False),
    }  # fmt: skip
    assert [link.id for link in found.values()] == list(found)


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
def test_pages_of_any_size_give_each_link_once_and_in_order(limit: int) -> None:
    links, found = stored(*FOUR, replace(NEW, flow="contacts").to_row()), list[str]()
    after: str | None = ""
    while after is not None:
        page, after = links.page("accounts", after, limit)
        assert len(page) <= limit
        found += [link.id for link in page]
        assert len(found) <= 4
    assert found == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("waits", "is_read"),
    [
        ('["W|accounts|customer|p|c"]', True),
        ('["L|1"]', False),
        ('["W|a/b"]', False),
        ('["W|' + "x" * 510 + '"]', True),
        ('["W|' + "x" * 511 + '"]', False),
    ],
)
def test_only_possible_keys_of_waits_are_read_as_such(waits: str, is_read: bool) -> None:
    row = replace(NEW, state=LinkState.WAITING).to_row()
    (link,) = stored(replace(row, cells={**row.cells, "waits": waits})).walk("accounts")
    assert (link.damage is None) is is_read
