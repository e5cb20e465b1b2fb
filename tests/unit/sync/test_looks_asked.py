"""Who is looked at again because a record has another key, and when a look has to wait (protocol P7, W3)."""

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import NotSent, SyncError, Transient
from shared.state.links import Link, LinkState
from shared.state.relinked import Relinked, relinked_row
from shared.state.storage.tables import Insert, Put
from shared.sync.limits import Limits
from shared.sync.outdated import Outdated
from shared.systems import System
from tests.support.doubles import ROUTE
from tests.support.world import World
from tests.unit.sync.test_outdated import OUTDATED, looked_at, stored


def outdated(world: World, **limits: Any) -> Outdated:
    service = world.service()
    return Outdated(
        service.flows, "run", lambda flow, ids: None, gates=service.gates, state=service.state, queues=service.queues,
        clock=world.clock, limits=Limits(**limits),
    )  # fmt: skip


@pytest.mark.parametrize(("flow", "asks"), [("parents", True), ("children", False)])
def test_the_children_of_a_relinked_record_are_looked_at_and_the_note_is_removed(flow: str, asks: bool) -> None:
    world = World()
    world.links_table.transact([Put(relinked_row(flow, "p"))])
    outdated(world).ask_children(world.service().flows[flow])
    assert world.state.control.flow("children").look_again is asks
    assert not world.state.control.flow("parents").look_again
    assert len(Relinked(world.links_table).page(flow, 9)) == (not asks)


def test_without_a_relinked_record_nobody_is_looked_at() -> None:
    world = World()
    outdated(world).ask_children(world.service().flows["parents"])
    assert not world.state.control.flow("children").look_again


def test_the_notes_of_many_relinked_records_are_taken_page_by_page() -> None:
    world = World()
    world.links_table.transact([Put(relinked_row("parents", id)) for id in "abc"])
    outdated(world, sweep_rows=2).ask_children(world.service().flows["parents"])
    assert [each.row.key for each in Relinked(world.links_table).page("parents", 9)] == ["R|c"]


class Lookup:
    """Small tables that cannot be read."""

    system = System.FINOPS

    def __init__(self, error: SyncError) -> None:
        self.error = error

    def rows(self, *, max_age_s: float) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "closes"), [(NotSent("no time left"), False), (Transient(System.FINOPS, "busy"), True)]
)
def test_a_look_waits_while_the_small_tables_cannot_be_read(error: SyncError, closes: bool) -> None:
    world = stored(OUTDATED)
    lookup: Any = Lookup(error)
    flow = replace(world.service().flows["children"], lookup=lookup, basis=lambda tables, now: [])
    outdated(world).look(flow, world.state.control.flow("children"), lambda: True)
    assert world.state.control.flow("children").look_again
    assert world.state.control.gate(System.FINOPS).closed is closes


def test_a_look_that_is_asked_for_while_one_is_made_is_the_next_one() -> None:
    world = stored(OUTDATED)
    assert looked_at(world, lambda: False) == []
    world.state.control.ask_to_look_again("children")
    assert looked_at(world) == ["c"]
    assert world.state.control.flow("children").look_again
    assert looked_at(world) == ["c"]
    assert not world.state.control.flow("children").look_again


def test_a_record_without_a_parent_is_not_outdated_by_the_key_of_another() -> None:
    other = Link("children", "d", route=ROUTE, state=LinkState.WRITTEN, target_key="D", held_key="D")
    world = stored(OUTDATED)
    world.links_table.transact([Insert(other.to_row())])
    assert looked_at(world) == ["c"]
