"""When a record that waits for another one may go on (protocol W1, W2, W4)."""

from dataclasses import replace

import pytest

from shared.errors import Damage
from shared.mapping.verdicts import Filter, Parent
from shared.state.links import Link, LinkState
from shared.sync.apply.parents import is_beyond_looking, is_looked_at, keeps_off, keeps_parked, may_continue
from tests.support.doubles import ROUTE
from tests.support.world import World

NEW = Link("parents", "p1")
LINKED = replace(NEW, route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K")
ELSEWHERE = replace(LINKED, route="person")
DAMAGED = replace(NEW, damage=Damage("links", "parents", "L|p1", "state", "is missing", "p2c repair parents p1"))
BY_ID, BY_KEY, LOOK = Parent("parents", ROUTE, "p1"), Parent.with_key("Customers", "K"), Parent.looked_at("p", "p1")


def by_key(link: Link) -> Link:
    """The link of a record that is named by its key."""
    return replace(link, route=Parent.BY_KEY) if link.linked else link


def state(link: Link, state: LinkState) -> Link:
    return replace(link, state=state)


@pytest.mark.parametrize(
    ("link", "goes_on", "keeps", "parks", "parks_by_key"),
    [
        (NEW, False, False, False, True),
        (state(NEW, LinkState.WAITING), False, False, False, True),
        (state(NEW, LinkState.REJECTED), False, False, False, True),
        (state(NEW, LinkState.FILTERED), True, True, True, True),
        (state(NEW, LinkState.ENDED), True, True, True, True),
        (LINKED, True, False, False, False),
        (state(LINKED, LinkState.ENDED), True, False, False, False),
        (state(LINKED, LinkState.FILTERED), True, False, False, False),
    ],
)
def test_a_record_goes_on_with_its_parent_and_rests_while_that_one_is_kept_off(
    link: Link, goes_on: bool, keeps: bool, parks: bool, parks_by_key: bool
) -> None:
    assert (may_continue(BY_ID, link), keeps_off(BY_ID, link), keeps_parked(BY_ID, link)) == (goes_on, keeps, parks)
    named = by_key(link)
    assert (may_continue(BY_KEY, named), keeps_off(BY_KEY, named)) == (goes_on, keeps)
    assert keeps_parked(BY_KEY, named) is parks_by_key


@pytest.mark.parametrize(
    ("link", "goes_on"),
    [
        (ELSEWHERE, False),
        (state(ELSEWHERE, LinkState.ENDED), True),
        (state(ELSEWHERE, LinkState.FILTERED), True),
    ],
)
def test_a_parent_on_another_route_is_none_on_this_one(link: Link, goes_on: bool) -> None:
    assert may_continue(BY_ID, link) is goes_on
    assert keeps_off(BY_ID, link) is goes_on


@pytest.mark.parametrize(
    ("link", "beyond"),
    [
        (NEW, False),
        (LINKED, False),
        (state(NEW, LinkState.FILTERED), False),
        (state(NEW, LinkState.ENDED), False),
        (state(NEW, LinkState.REJECTED), True),
        (DAMAGED, True),
    ],
)
def test_a_look_is_not_waited_for_where_the_record_is_listed_and_keeps_nothing_off(link: Link, beyond: bool) -> None:
    assert (is_beyond_looking(link), may_continue(LOOK, link)) == (beyond, beyond)
    assert not keeps_off(LOOK, link)
    assert not keeps_parked(LOOK, link)


@pytest.mark.parametrize(
    ("link", "looked_at"),
    [
        (NEW, True),
        (LINKED, True),
        (state(NEW, LinkState.WAITING), False),
        (state(NEW, LinkState.REJECTED), True),
        (replace(state(NEW, LinkState.FILTERED), rule="stays"), True),
        (replace(state(NEW, LinkState.FILTERED), rule="passes"), False),
        (replace(state(NEW, LinkState.FILTERED), rule="unknown"), True),
        (state(NEW, LinkState.FILTERED), True),
        (replace(state(LINKED, LinkState.ENDED), rule="passes"), True),
    ],
)
def test_a_record_is_looked_at_once_it_does_not_wait_and_no_rule_holds_that_ends_by_itself(
    link: Link, looked_at: bool
) -> None:
    rules = {"stays": Filter("it stays", "change it"), "passes": Filter("it passes", "wait", passes=True)}
    flow = replace(World().service().flows["parents"], filters=rules)
    assert is_looked_at(flow, link) is looked_at
