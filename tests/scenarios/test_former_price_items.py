"""A price list item whose place the product has left is gone: nobody quotes at a price of yesterday."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.simulator.faults import Kind, Rule
from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT, Assortment, assortment
from tests.support.faults import WRITES
from tests.support.operator import answer, operated, p2c
from tests.support.steps import Crash
from tests.support.thinned import share_of_steps
from tests.support.world import LEASE_S

WAYS = ["automation", "sync"]
UNITS = [{"sales": "Each", "finops": "EA"}, {"sales": "Box", "finops": "BOX"}]
MAPS = {**json.loads(MAP_DOCUMENT), "units": UNITS}


@contextmanager
def shop(way: str) -> Iterator[Assortment]:
    """Products sold by piece and by box; P-1 costs 10 a piece. The sync writes items where the solution is not."""
    by_sync = way == "sync"
    maps = {**MAPS, "fields": {"products": {"msdynce_ismaintainedexternally": "off"}} if by_sync else {}}
    with assortment(solution=not by_sync, PRODUCTS_PRICE_ITEMS=way, MAP_DOCUMENT=json.dumps(maps)) as made:
        made.sales.create(
            "uoms",
            name="Box",
            quantity=12,
            uomscheduleid__to=f"/uomschedules({made.catalogue['schedule']})",
            baseuom__to=f"/uoms({made.catalogue['unit']})",
        )
        made.put("P-1", SalesPrice=10)
        made.settle(1)
        assert amounts(made) == {("USD", "Each"): 10}
        yield made


def amounts(world: Assortment) -> dict[tuple[str, str], float]:
    """What P-1 costs by price list and unit; the list that is there from the beginning is called USD here."""
    lists = {row["pricelevelid"]: row["name"] for row in world.sales.rows("pricelevels?$select=name")}
    lists[world.catalogue["prices"]] = "USD"
    units = {row["uomid"]: row["name"] for row in world.sales.rows("uoms?$select=name")}
    items = world.items("P-1")
    return {(lists[item["_pricelevelid_value"]], units[item["_uomid_value"]]): item["amount"] for item in items}


def by_box(world: Assortment) -> None:
    world.change("P-1", SalesUnitSymbol="BOX", SalesPrice=110)


def move_to_retail(world: Assortment) -> None:
    """The settings name another price list."""
    currency = f"/transactioncurrencies({world.catalogue['currency']})"
    world.sales.create("pricelevels", name="Retail", transactioncurrencyid__to=currency)
    maps = json.loads(str(world.settings.MAP_DOCUMENT))
    world.start(MAP_DOCUMENT=json.dumps({**maps, "price_lists": {"USD": "Retail"}}))


def is_clean(world: Assortment) -> bool:
    link = world.link("P-1")
    return (link.state, link.dirty, world.failure("P-1"), world.depth()) == (LinkState.WRITTEN, False, None, 0)


@pytest.mark.parametrize("way", WAYS)
def test_another_unit_leaves_no_item_of_the_former_one(way: str) -> None:
    with shop(way) as world:
        by_box(world)
        world.settle(1)
        assert (amounts(world), is_clean(world)) == ({("USD", "Box"): 110}, True)
        world.change("P-1", SalesPrice=0)
        world.settle(1)
        assert (amounts(world), world.link("P-1").content.places) == ({}, ())


@pytest.mark.parametrize("way", WAYS)
def test_another_unit_and_a_price_of_0_leave_no_item_at_all(way: str) -> None:
    with shop(way) as world:
        world.change("P-1", SalesUnitSymbol="BOX", SalesPrice=0)
        world.settle(1)
        assert (amounts(world), is_clean(world)) == ({}, True)


@pytest.mark.parametrize("way", WAYS)
def test_another_price_list_leaves_no_item_in_the_former_one(way: str) -> None:
    with shop(way) as world:
        move_to_retail(world)
        world.settle(1)
        assert (amounts(world), is_clean(world)) == ({("Retail", "Each"): 10}, True)


@pytest.mark.parametrize("way", WAYS)
def test_another_currency_leaves_no_item_in_the_former_one(way: str) -> None:
    with shop(way) as world:
        # The code of the legal entity's currency is that of another row of Sales now.
        former = f"transactioncurrencies({world.catalogue['currency']})"
        assert world.sales.patch(former, {"statecode": 1}, If_Match="*").status_code == 204
        currency = world.sales.create(
            "transactioncurrencies", currencyname="New dollar", isocurrencycode="USD", currencysymbol="$",
            currencyprecision=2, exchangerate=1,
        )  # fmt: skip
        world.sales.create("pricelevels", name="New", transactioncurrencyid__to=f"/transactioncurrencies({currency})")
        world.clock.sleep(600)
        world.change("P-1", SalesPrice=9)
        world.settle(1)
        assert (amounts(world), is_clean(world)) == ({("New", "Each"): 9}, True)


@pytest.mark.parametrize("way", WAYS)
def test_items_that_people_have_made_stay(way: str) -> None:
    with shop(way) as world:
        (box,) = world.sales.rows("uoms?$select=uomid&$filter=name eq 'Box'")
        product = world.product("P-1")
        assert product is not None
        currency = f"/transactioncurrencies({world.catalogue['currency']})"
        dealers = world.sales.create("pricelevels", name="Dealers", transactioncurrencyid__to=currency)
        for prices, unit in ((dealers, world.catalogue["unit"]), (dealers, box["uomid"])):
            world.sales.create(
                "productpricelevels", amount=7, pricelevelid__to=f"/pricelevels({prices})",
                productid__to=f"/products({product['productid']})", uomid__to=f"/uoms({unit})",
            )  # fmt: skip
        by_box(world)
        world.settle(1)
        assert amounts(world) == {("USD", "Box"): 110, ("Dealers", "Each"): 7, ("Dealers", "Box"): 7}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [Kind.DROP_AFTER, pytest.param(Kind.ERROR_BEFORE, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("path", ["UpdateMultiple", r"\$batch"])
def test_a_fault_in_a_change_of_unit_leaves_no_item_of_any_former_one(way: str, kind: Kind, path: str) -> None:
    with shop(way) as world:
        world.sales.faults.add(Rule(kind, WRITES, path=path, times=1))
        by_box(world)
        world.tick()
        assert not is_clean(world)
        # What the first try has begun is not what the product is in the end.
        by_piece(world)
        world.settle(12)
        assert (amounts(world), is_clean(world)) == ({("USD", "Each"): 11}, True)


@share_of_steps(4)
@pytest.mark.parametrize("way", WAYS)
def test_a_crash_at_any_step_of_a_change_of_unit_leaves_no_item_of_any_former_one(way: str, every: int) -> None:
    with shop(way) as world:
        for step in range(1, 60, every):
            by_box(world)
            world.service.pull(world.flow)
            world.steps.crash_at(world.steps.count + step)
            try:
                world.drain()
            except Crash:
                by_piece(world)
                world.clock.sleep(LEASE_S)
                world.settle(2)
                assert (amounts(world), is_clean(world)) == ({("USD", "Each"): 11}, True), step
            else:
                world.steps.at.clear()
                assert step > 10
                return
        raise AssertionError("the work does not come to an end")


def by_piece(world: Assortment) -> None:
    world.change("P-1", SalesUnitSymbol="EA", SalesPrice=11)


@pytest.mark.parametrize("way", WAYS)
def test_an_item_that_sales_does_not_let_go_is_listed_with_its_id_until_it_is_gone(way: str) -> None:
    with shop(way) as world:
        (item,) = world.items("P-1")
        # After a lost answer the record goes alone, so that the removal is a request of its own.
        world.sales.faults.add(Rule(Kind.DROP_BEFORE, WRITES, path=r"UpdateMultiple|\$batch", times=1))
        refusal = json.dumps({"error": {"code": "0x80040265", "message": "Items are kept."}})
        world.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"DELETE"}), status=400, body=refusal))
        move_to_retail(world)
        world.settle(12)
        failure = world.failure("P-1")
        assert failure is not None
        assert failure.cause == "dataverse.row_left"
        assert item["productpricelevelid"] in failure.message
        assert "Items are kept." in failure.message
        assert "remove" in failure.remedy
        assert amounts(world) == {("USD", "Each"): 10, ("Retail", "Each"): 10}
        world.sales.faults.clear()
        assert world.sales.send("DELETE", f"productpricelevels({item['productpricelevelid']})").status_code == 204
        world.clock.sleep(3600)
        world.settle(2)
        assert (amounts(world), is_clean(world)) == ({("Retail", "Each"): 10}, True)


def test_a_comparison_finds_an_item_of_ours_that_has_come_back_and_a_repair_removes_it() -> None:
    with shop("sync") as world, operated(world):
        (item,) = world.items("P-1")
        move_to_retail(world)
        world.settle(1)
        assert answer("reconcile", "products")["drifted"] == []
        product = world.product("P-1")
        assert product is not None
        world.sales.create(
            "productpricelevels", amount=10, productpricelevelid=item["productpricelevelid"],
            pricelevelid__to=f"/pricelevels({item['_pricelevelid_value']})",
            productid__to=f"/products({product['productid']})", uomid__to=f"/uoms({item['_uomid_value']})",
        )  # fmt: skip
        (found,) = answer("reconcile", "products", code=1)["drifted"]
        assert found["drift"] == "different"
        (change,) = found["changes"]
        assert change["field"] == "productpricelevel"
        p2c("reconcile", "products", "--repair", "--yes", code=1)
        world.drain()
        assert (amounts(world), is_clean(world)) == ({("Retail", "Each"): 10}, True)
