"""Which links stand for the records that others wait for (protocol W1, W2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from shared.mapping.verdicts import Parent
from shared.state.keys import Owner
from shared.state.link_parts import Seen
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert, Put
from shared.sync.apply.parents import owner_of, parent_links
from tests.support.doubles import ROUTE
from tests.support.world import World

LINKED = Link(
    "parents", "p", route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K", seen=Seen(1, "e1", "f1")
)
BY_KEY = Parent.with_key("Customers", "K ")


OWNER = Owner("parents", ROUTE, "p")


def owned(link: Link | None, owner: Owner | None = OWNER, company: str = "usmf") -> World:
    """A link, and the owner of the key K in a company."""
    world = World()
    if link is not None:
        world.links_table.transact([Insert(link.to_row())])
    if owner is not None:
        world.state.keys_in("Customers", company).own({"K": owner})
    return world


def loaded(world: World, *parents: Parent, asks: bool = True, **change: object) -> Mapping[Parent, Link]:
    flow = replace(world.service().flows["children"], **change)  # type: ignore[arg-type]
    return parent_links(world.state, flow, asks_target=asks)(set(parents))


@pytest.mark.parametrize(
    ("link", "owner", "found"),
    [
        (LINKED, OWNER, ("parents", "p", "K")),
        (replace(LINKED, target_key="k"), OWNER, ("parents", "p", "k")),
        (replace(LINKED, target_key="J"), OWNER, ("parents", "p", None)),
        (LINKED, Owner("parents", "person", "p"), ("parents", "p", None)),
        (replace(LINKED, target_key=None), OWNER, ("parents", "p", None)),
        (replace(LINKED, state=LinkState.RETRYING, seen=Seen()), OWNER, ("parents", "p", None)),
        (None, OWNER, ("parents", "p", None)),
        (LINKED, None, ("Customers", "k", None)),
    ],
    ids=["linked", "in another case", "elsewhere", "on another route", "unlinked", "by hand", "no link", "no owner"],
)
def test_a_parent_that_is_named_by_its_key_is_linked_if_its_owner_is_linked_under_it(
    link: Link | None, owner: Owner | None, found: tuple[str, str, str | None]
) -> None:
    parent = loaded(owned(link, owner), BY_KEY)[BY_KEY]
    assert (parent.flow, parent.id, parent.key_on(Parent.BY_KEY)) == found
    assert parent.linked is (found[2] is not None)


def test_a_key_of_another_company_is_no_parent() -> None:
    assert not loaded(owned(LINKED, company="demf"), BY_KEY)[BY_KEY].linked


def test_a_parent_that_is_named_by_its_id_has_its_own_link() -> None:
    parent, other = Parent("parents", ROUTE, "p"), Parent("parents", ROUTE, "q")
    found = loaded(owned(LINKED), parent, other, BY_KEY)
    assert (found[parent].target_key, found[other].etag, len(found)) == ("K", None, 3)


@pytest.mark.parametrize(("asks", "id", "calls"), [(True, "row1", 1), (False, "k", 0)])
def test_rows_of_the_target_that_stand_for_parents_are_found_there_whoever_has_made_them(
    asks: bool, id: str, calls: int
) -> None:
    asked = list[list[str]]()

    def find(keys: Sequence[str]) -> Mapping[str, str]:
        asked.append(list(keys))
        return {"k": "row1"}

    other = Parent.with_key("Customers", "a")
    found = loaded(owned(LINKED), BY_KEY, other, asks=asks, finders={"Customers": find})
    assert (found[BY_KEY].id, found[BY_KEY].linked, found[other].linked) == (id, asks, False)
    assert asked == [["a", "k"]] * calls
    if asks:
        assert (found[BY_KEY].flow, found[BY_KEY].key_on(Parent.BY_KEY)) == ("Customers", "k")


def test_the_owner_of_a_key_is_known_unless_its_row_is_damaged() -> None:
    world = owned(LINKED)
    assert owner_of(world.state, "usmf", BY_KEY) == Owner("parents", ROUTE, "p")
    assert owner_of(world.state, "usmf", Parent.with_key("Customers", "L")) is None
    assert owner_of(world.state, "demf", BY_KEY) is None
    row = world.state.keys_in("Customers", "usmf").row_of("K")
    stored = world.keys_table.content()[row.partition, row.key]
    world.keys_table.transact([Put(replace(stored, cells={**stored.cells, "flow": 7}))])
    assert owner_of(world.state, "usmf", BY_KEY) is None
