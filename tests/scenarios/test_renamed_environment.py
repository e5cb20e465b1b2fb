"""An environment under another address: what was kept of the former one leads nowhere, and everything is read again."""

import json
import logging
from dataclasses import replace

import pytest

from shared.errors import OperatorNeeded
from shared.state.checkpoints import Checkpoint
from shared.systems import System
from tests.support.invariants import check
from tests.support.operator import operated, p2c
from tests.support.product import FLOW, Product, product
from tests.support.world import TRADE, World


def world_in_step() -> World:
    world = World(flows=TRADE)
    world.people.save("m1", number="M1", name="Customer", customer="yes")
    for number in range(7):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Parent {number}")
        world.documents.save(f"d{number}", name=f"Document {number}", customer="m1")
    world.settle()
    check(world)
    return world


def rename(world: World) -> None:
    for source in (world.source, world.people, world.documents, world.documents.lines):
        source.host = "renamed"


def checkpoint(world: World, flow: str, source: str | None = None) -> Checkpoint:
    found = world.state.checkpoints.load(flow, source)
    assert found is not None
    return found


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, object]]:
    told = [json.loads(record.message) for record in caplog.records if record.name == "p2c"]
    return [event for event in told if event["event"] == name]


def test_a_delta_link_to_the_former_address_is_dropped_and_everything_is_read_in_a_new_epoch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = world_in_step()
    before = checkpoint(world, "parents")
    rename(world)
    world.source.save("p1", name="Changed")
    world.source.remove("p2")
    world.settle()
    after = checkpoint(world, "parents")
    assert after.epoch != before.epoch
    assert (after.position.delta_link or "").startswith("renamed/")
    assert [event["reason"] for event in events(caplog, "link_dropped") if event["flow"] == "parents"] == [
        "a link leads to a instead of renamed"
    ]
    assert not world.state.control.gate(System.DATAVERSE).closed
    assert world.state.links.load("parents", ["p2"])["p2"].state == "deleted"
    check(world)


def test_a_next_link_to_the_former_address_is_dropped() -> None:
    world = world_in_step()
    for number in range(7):
        world.source.save(f"p{number}", name=f"Changed {number}")
    world.limits = replace(world.limits, pull_budget_s=0.0)
    world.pull()
    assert checkpoint(world, "parents").position.cursor is not None
    rename(world)
    world.limits = replace(world.limits, pull_budget_s=240)
    world.settle()
    check(world)


def test_a_link_of_a_further_source_to_the_former_address_is_dropped_and_no_line_is_lost() -> None:
    world = world_in_step()
    world.documents.lines.host = "renamed"
    world.documents.save_line("d3", 1, 5)
    world.settle()
    assert (checkpoint(world, "documents", "lines").position.delta_link or "").startswith("renamed/")
    assert world.document_target.lines["d3"][1]["quantity"] == 5
    check(world)


def test_a_source_whose_own_links_lead_elsewhere_is_reported_to_an_operator() -> None:
    world = World(flows=("parents",))
    for number in range(7):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Parent {number}")
    list_rows = world.source.track_changes
    object.__setattr__(world.source, "track_changes", lambda: replace(list_rows(), next_link="evil/0:0:1:7"))
    with pytest.raises(OperatorNeeded, match=r"3 times in a row \(a link leads to evil instead of a\)"):
        world.pull()
    assert world.state.control.gate(System.DATAVERSE).closed


# --- between both simulators ------------------------------------------------------------------------------------------


def renamed(sync: Product) -> None:
    """The settings name Sales by another name of the same computer."""
    address = sync.sales.origin.replace("127.0.0.1", "localhost")
    assert address != sync.sales.origin
    sync.know(address, sync.sales.origin)
    sync.start(DATAVERSE_URL=address)


def test_a_renamed_organisation_is_accepted_and_continues_with_the_links_that_it_has() -> None:
    with product() as sync, operated(sync):
        ids = sync.linked(3)
        renamed(sync)
        sync.tick()
        assert "dataverse_origin was" in sync.state.control.flow(FLOW).blocked
        p2c("accept", FLOW, "--yes")
        before = sync.writes()
        sync.edit(ids[1], name="Changed under the new name")
        sync.settle()
        assert sync.writes() == before + 1
        sync.check_in_step(ids)


def test_the_steering_of_a_renamed_organisation_asks_for_nothing() -> None:
    with product() as sync:
        sync.linked(1)
        renamed(sync)
        sync.tick()
        service = sync.service
        assert service.commands(service.audit_log("operator")).accept(FLOW, sync.state.control.flow(FLOW).blocked)
