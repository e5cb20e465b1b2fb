"""Who waits for whom, and in which order."""

import pytest

from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Cell, Put, Row
from shared.state.waiting import Wait, Waits
from tests.support.clock import ManualClock


def waits(*those: Wait) -> Waits:
    """The waits of a flow, with those of another flow and of another parent beside them."""
    table = MemoryTable(ManualClock())
    beside = (Wait("orders", "else", "accounts", "customer", "p1"), Wait("quotes", "else", "accounts", "person", "p1"))
    for wait in (*those, *beside):
        table.transact([Put(wait.to_row())])
    return Waits(table)


def of(parent: str, child: str) -> Wait:
    return Wait("quotes", child, "accounts", "customer", parent)


PARENTS = [f"p{number}" for number in range(12)]
WAITING = waits(*(of(parent, f"{parent}-{child}") for parent in PARENTS for child in "ab"))


@pytest.mark.parametrize("count", range(9))
def test_the_children_of_any_number_of_parents_are_found_and_no_others(count: int) -> None:
    some = PARENTS[:count]
    found = WAITING.of_parents("quotes", "accounts", "customer", some)
    assert sorted(found) == sorted(f"{parent}-{child}" for parent in some for child in "ab")


def test_an_id_with_a_bar_is_told_from_the_one_before_the_bar() -> None:
    some = waits(of("p1|2", "c|d"), of("p2", "e"))
    assert some.of_parents("quotes", "accounts", "customer", ["p1|2"]) == ["c|d"]
    assert some.of_parents("quotes", "accounts", "customer", ["p1"]) == []
    assert sorted(some.of_parents("quotes", "accounts", "customer", [*PARENTS, "p1|2"])) == ["c|d", "e"]
    assert some.of_parents("quotes", "accounts", "customer", PARENTS) == ["e"]


@pytest.mark.parametrize("limit", [1, 2, 12, 24, 25, 26, 99])
def test_pages_of_any_size_give_each_wait_of_a_flow_once(limit: int) -> None:
    found = list[tuple[str, str]]()
    after: str | None = ""
    while after is not None:
        page, after = WAITING.page("quotes", after, limit)
        assert len(page) <= limit
        found += [(each.parent, each.child) for each in page]
        assert len(found) <= 25
    assert len(set(found)) == len(found) == 25


def test_a_wait_is_found_by_its_key_as_it_was_parked() -> None:
    parked = Wait("quotes", "c", "accounts", "customer", "p", is_parked=True)
    found = waits(of("p", "b"), parked).load("quotes", [parked.key, of("p", "gone").key])
    assert [(each, each.is_parked, each.damage) for each in found] == [(parked, True, None)]


@pytest.mark.parametrize(
    ("parent", "child", "cells", "told"),
    [
        ("p", "c", {}, ("p", "c")),
        ("p|1", "c", {"parent": "p|1"}, ("p|1", "c")),
        ("p", "c|1", {"parent": "p"}, ("p", "c|1")),
        ("p|1", "c|1", {"parent": "p|1", "child": 5}, ("p|1", "c|1")),
        ("p|1", "c|1", {"child": "c|1"}, ("p|1", "c|1")),
        ("p", "c|1", {"child": "c|1", "parent": "other"}, ("p", "c|1")),
        ("p|1", "c", {"parent": "other", "child": "another"}, ("p|1", "c")),
    ],
)
def test_who_a_wait_that_cannot_be_read_is_about_is_told_by_its_key(
    parent: str, child: str, cells: dict[str, Cell], told: tuple[str, str]
) -> None:
    key = of(parent, child).key
    table = MemoryTable(ManualClock())
    table.transact([Put(Row("quotes", key, cells))])
    (found,) = Waits(table).load("quotes", [key])
    assert found.damage is not None
    assert (found.parent_flow, found.parent_route, found.parent, found.child) == ("accounts", "customer", *told)
    assert (found.stored_key, found.flow) == (key, "quotes")
