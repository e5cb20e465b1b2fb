"""Bulk writes and batches to Dataverse under every fault: nothing lost, nothing doubled, nobody blamed for a system."""

import json
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from local.dataverse.settings import Settings as SalesSettings
from local.simulator.faults import Kind, Rule
from shared.state.links import LinkState
from shared.systems import System
from tests.support.assortment import MAP_DOCUMENT, Assortment, assortment
from tests.support.faults import FAULTS, SPOT_FAULTS, WRITES, name_of
from tests.support.thinned import by_turns, each_with

# An option that the organisation does not have: only Sales can tell.
MAPS = {**json.loads(MAP_DOCUMENT), "product_types": {"Item": 1, "Service": 99}}
COUNT = 5
# A flow of accounts meets every fault at each change; `make nightly` plays all of them here, too.
OTHER_FAULTS = [rule for rule in FAULTS if rule not in SPOT_FAULTS]
WAYS = ("bulk, items by the automation", "bulk, items by the sync", "batches, items by the sync")


def selling(way: str) -> AbstractContextManager[Assortment]:
    """The flow, writing in one of the ways."""
    sales = SalesSettings(no_bulk=frozenset({"product"} if "batches" in way else ()))
    items = "sync" if "by the sync" in way else "automation"
    return assortment(sales=sales, PRODUCTS_PRICE_ITEMS=items, MAP_DOCUMENT=json.dumps(MAPS))


def numbers(count: int = COUNT) -> list[str]:
    return [f"P-{number:03d}" for number in range(count)]


def in_step(world: Assortment, expected: list[str], price: float = 12.5) -> None:
    """Every product is linked, clean, active, once, with one item of its price; nothing lies in a queue."""
    assert world.depth() == 0
    assert world.products() == len(expected)
    for number in expected:
        link = world.link(number)
        assert (link.state, link.dirty, link.claim.id) == (LinkState.WRITTEN, False, None), number
        found = world.product(number)
        assert found is not None
        assert (found["price"], found["statecode"]) == (price, 0), number
        assert [item["amount"] for item in world.items(number)] == [price], number


@pytest.mark.parametrize(
    ("way", "rule"),
    [
        *each_with(WAYS[0], by_turns(0, among=1)),
        *each_with(WAYS[1], by_turns(0)),
        *each_with(WAYS[2], by_turns(1)),
        *(pytest.param(WAYS[0], rule, marks=pytest.mark.nightly, id=name_of(rule)) for rule in OTHER_FAULTS),
    ],
)
def test_a_fault_loses_nothing_duplicates_nothing_and_blames_no_product(way: str, rule: Rule) -> None:
    with selling(way) as world:
        world.put(*numbers())
        world.sales.faults.add(rule)
        world.tick()
        world.settle(30)
        world.sales.faults.clear()
        world.settle(10)
        in_step(world, numbers())
        assert all(world.failure(number) is None for number in numbers())


@pytest.mark.parametrize("way", WAYS)
def test_a_fault_in_a_change_leaves_no_old_price_anywhere(way: str) -> None:
    with selling(way) as world:
        world.put(*numbers())
        world.settle(2)
        for kind in (Kind.DROP_AFTER, Kind.ERROR_AFTER, Kind.TRUNCATE):
            world.sales.faults.add(Rule(kind, WRITES, times=2))
        world.put(*numbers(), SalesPrice=99)
        world.settle(30)
        in_step(world, numbers(), price=99)


@pytest.mark.parametrize("way", WAYS)
def test_one_product_that_sales_refuses_is_rejected_alone_in_few_requests(way: str) -> None:
    with selling(way) as world:
        world.put(*numbers(20))
        world.change("P-013", ProductType="Service")
        world.settle(1)
        failure = world.failure("P-013")
        assert failure is not None
        assert failure.cause.startswith("dataverse.0x")
        good = [number for number in numbers(20) if number != "P-013"]
        assert world.products() == 19
        assert all(world.link(number).state is LinkState.WRITTEN for number in good)
        assert world.link("P-013").state is LinkState.REJECTED


def test_a_whole_bulk_of_refused_products_is_rejected_record_by_record() -> None:
    with selling("bulk, items by the automation") as world:
        world.put(*numbers(40), ProductType="Service")
        before = _writes(world)
        world.settle(1)
        assert sum(world.failure(number) is not None for number in numbers(40)) == 40
        assert _writes(world) - before <= 20


def test_a_batch_whose_answer_lacks_parts_is_read_back_and_sent_again() -> None:
    with selling("batches, items by the sync") as world:
        world.sales.faults.add(Rule(Kind.TRUNCATE, WRITES, path=r"\$batch", times=1))
        world.put(*numbers())
        world.tick()
        assert any(world.link(number).dirty for number in numbers())
        world.settle(15)
        in_step(world, numbers())


def test_a_product_that_provokes_an_error_each_time_holds_up_no_other() -> None:
    """The fault answers 500 to every request that names the one product, in bulk or alone."""
    with assortment() as world:
        world.put(*numbers())
        world.settle(2)
        world.put("P-new")
        row_id = _id_of_next(world, "P-new")
        world.sales.faults.add(Rule(Kind.ERROR_BEFORE, WRITES, path=row_id, status=500))
        world.put(*numbers(), SalesPrice=20)
        world.settle(40)
        assert all(world.link(number).state is LinkState.WRITTEN for number in numbers())


def _id_of_next(world: Assortment, number: str) -> str:
    world.settle(2)
    found = world.product(number)
    assert found is not None
    return str(found["productid"])


def test_a_missing_right_to_write_one_table_closes_the_gate_names_it_and_recovers() -> None:
    with assortment() as world:
        world.sales.control("POST", "privileges", {"product": {"write": False}})
        world.put(*numbers())
        world.tick()
        gate = world.state.control.gate(System.DATAVERSE)
        assert gate.closed
        assert "prv" in gate.reason
        world.sales.control("POST", "privileges", {"product": {"write": True}})
        world.settle(20)
        in_step(world, numbers())


@pytest.mark.parametrize("items", ["automation", pytest.param("sync", marks=pytest.mark.nightly)])
def test_three_hundred_changed_products_cost_at_most_25_requests_to_sales(items: str) -> None:
    with assortment(PRODUCTS_PRICE_ITEMS=items) as world:
        world.put(*numbers(300))
        world.tick()
        assert (world.products(), _requests(world) <= 25) == (300, True)
        _accept_the_walk(world)
        before = _requests(world)
        world.put(*numbers(300), SalesPrice=13)
        world.tick()
        found = world.product("P-299")
        assert found is not None
        assert (found["price"], _requests(world) - before <= 9) == (13, True)


def _accept_the_walk(world: Assortment) -> None:
    """As an operator who has seen that so many prices are meant to change."""
    checkpoint = world.state.checkpoints.load(world.flow)
    assert checkpoint is not None
    control = world.state.control.flow(world.flow)
    assert world.state.control.save_flow(replace(control, accepted_walk=checkpoint.walk.id, accepted_changed=300))


def _requests(world: Assortment) -> int:
    counted = world.service.systems[System.DATAVERSE].requests  # type: ignore[attr-defined]
    return int(counted.reads + counted.writes)


def _writes(world: Assortment) -> int:
    return int(world.service.systems[System.DATAVERSE].requests.writes)  # type: ignore[attr-defined]
