"""Products as deployed, between both simulators: every rule, and, over real HTTP, what the wire may do to it."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from local.dataverse.settings import Settings as SalesSettings
from local.simulator.faults import Kind, Rule
from shared.clients.dataverse.environment import DataverseSystem
from shared.state.links import LinkState
from shared.systems import System
from tests.support.assortment import MAP_DOCUMENT, Assortment, assortment

DRAFT, ACTIVE, RETIRED = 2, 0, 1
WAYS = ["automation", "sync"]


@pytest.fixture
def world() -> Iterator[Assortment]:
    with assortment() as made:
        yield made


@contextmanager
def items_by(
    way: str, *, price_lists: Mapping[str, str] | None = None, sales: SalesSettings | None = None, **settings: str
) -> Iterator[Assortment]:
    """Price list items by the Sales solution's automation, or by the sync in an organisation without the solution."""
    maps = {**json.loads(MAP_DOCUMENT), "price_lists": price_lists or {}}
    if way == "sync":
        maps["fields"] = {"products": {"msdynce_ismaintainedexternally": "off"}}
    chosen = {"MAP_DOCUMENT": json.dumps(maps), "PRODUCTS_PRICE_ITEMS": way, **settings}
    with assortment(solution=way == "automation", sales=sales, **chosen) as world:
        yield world


@pytest.mark.parametrize("way", WAYS)
def test_a_product_arrives_with_unit_currency_price_item_and_is_published(way: str) -> None:
    with items_by(way) as world:
        world.put("P-1", ProductDescription="Fast", SalesPrice=12.34565, UnitCost=7.5)
        world.settle(2)
        found = world.product("P-1")
        assert found is not None
        assert (found["name"], found["description"], found["producttypecode"]) == ("Bike", "Fast", 1)
        assert (found["price"], found["currentcost"]) == (12.3457, 7.5)
        assert found["_transactioncurrencyid_value"] == world.catalogue["currency"]
        assert found["_defaultuomid_value"] == world.catalogue["unit"]
        assert found["_defaultuomscheduleid_value"] == world.catalogue["schedule"]
        assert (found["statecode"], found["statuscode"]) == (ACTIVE, 1)
        (item,) = world.items("P-1")
        assert item["_pricelevelid_value"] == world.catalogue["prices"]
        assert (item["_uomid_value"], item["amount"]) == (world.catalogue["unit"], 12.3457)
        assert world.link("P-1").state is LinkState.WRITTEN


def looked_at_as(world: Assortment, **values: object) -> None:
    """A product changes, and is looked at before it is walked."""
    world.change("P-1", **values)
    world.service.sender.send("products", ["P-1"])
    world.drain()


def test_a_product_that_was_read_between_two_walks_and_changed_back_ends_in_step(world: Assortment) -> None:
    world.put("P-1")
    world.settle(2)
    looked_at_as(world, ProductName="Boat", SalesPrice=12.34565)
    found = world.product("P-1")
    assert found is not None
    assert (found["name"], found["price"]) == ("Boat", 12.3457)
    world.change("P-1", ProductName="Bike", SalesPrice=12.5)
    world.settle(2)
    found = world.product("P-1")
    assert found is not None
    assert (found["name"], found["price"]) == ("Bike", 12.5)


def test_a_walk_finds_what_was_read_to_be_the_same(world: Assortment) -> None:
    world.put("P-1", UnitCost=7.5)
    world.settle(2)
    looked_at_as(world, ProductName="Boat", SalesPrice=12.34565)
    world.service.pull("products")
    assert world.depth() == 0


def test_a_product_is_marked_as_maintained_externally(world: Assortment) -> None:
    world.put("P-1")
    world.settle(2)
    (row,) = world.sales.rows("products?$select=msdynce_ismaintainedexternally")
    assert row["msdynce_ismaintainedexternally"] is True


def test_without_the_solution_its_column_blocks_the_flow_and_names_it() -> None:
    with assortment(solution=False) as world:
        world.put("P-1")
        world.settle(1)
        assert "msdynce_ismaintainedexternally" in world.state.control.flow("products").blocked
        assert not world.state.control.gate(world.service.flows["products"].target_system).closed
        assert world.failure("P-1") is None


def test_a_product_stays_a_draft_where_the_setting_says_so() -> None:
    with assortment(PRODUCTS_PUBLISH="false") as world:
        world.put("P-1")
        world.settle(2)
        found = world.product("P-1")
        assert found is not None
        assert found["statecode"] == DRAFT


@pytest.mark.parametrize("way", WAYS)
def test_a_changed_price_reaches_the_product_and_its_one_item(way: str) -> None:
    with items_by(way) as world:
        world.put("P-1")
        world.settle(2)
        world.change("P-1", SalesPrice=99)
        world.settle(2)
        found = world.product("P-1")
        assert found is not None
        assert found["price"] == 99
        assert [item["amount"] for item in world.items("P-1")] == [99]


@pytest.mark.parametrize("way", WAYS)
def test_a_price_of_0_has_no_item_and_takes_an_earlier_one_away(way: str) -> None:
    with items_by(way) as world:
        world.put("P-1", SalesPrice=0)
        world.put("P-2")
        world.settle(2)
        assert world.items("P-1") == []
        world.change("P-2", SalesPrice=0)
        world.settle(2)
        assert world.items("P-2") == []
        found = world.product("P-2")
        assert found is not None
        assert found["price"] is None


@pytest.mark.parametrize("way", WAYS)
def test_a_price_of_0_has_an_item_of_0_where_the_setting_says_so(way: str) -> None:
    with items_by(way, PRODUCTS_ZERO_PRICE="item") as world:
        world.put("P-1", SalesPrice=0)
        world.settle(2)
        assert [item["amount"] for item in world.items("P-1")] == [0]


def _price_list(world: Assortment, name: str, **values: object) -> str:
    currency = f"/transactioncurrencies({world.catalogue['currency']})"
    return world.sales.create("pricelevels", name=name, transactioncurrencyid__to=currency, **values)


@pytest.mark.parametrize("way", WAYS)
def test_the_first_valid_price_list_by_name_is_taken_and_kept(way: str) -> None:
    with items_by(way) as world:
        _price_list(world, "A past one", enddate="2020-01-01")
        first = _price_list(world, "Best prices")
        world.put("P-1")
        world.settle(2)
        assert [item["_pricelevelid_value"] for item in world.items("P-1")] == [first]
        _price_list(world, "An earlier name")
        world.clock.sleep(600)
        world.change("P-1", SalesPrice=77)
        world.settle(2)
        assert [(i["_pricelevelid_value"], i["amount"]) for i in world.items("P-1")] == [(first, 77)]


@pytest.mark.parametrize("way", WAYS)
def test_a_price_list_can_be_forced_by_currency(way: str) -> None:
    with items_by(way, price_lists={"USD": "the retail list"}) as world:
        forced = _price_list(world, "The retail list")
        world.put("P-1")
        world.settle(2)
        assert [item["_pricelevelid_value"] for item in world.items("P-1")] == [forced]


def test_another_unit_moves_the_item_that_the_sync_has_written() -> None:
    with items_by("sync") as world:
        box = world.sales.create(
            "uoms", name="Boxes", quantity=10, uomscheduleid__to=f"/uomschedules({world.catalogue['schedule']})",
            baseuom__to=f"/uoms({world.catalogue['unit']})",
        )  # fmt: skip
        world.put("P-1")
        world.settle(2)
        world.change("P-1", SalesUnitSymbol="BOX")
        world.settle(2)
        assert [item["_uomid_value"] for item in world.items("P-1")] == [box]


def test_a_product_that_cannot_be_mapped_is_rejected_alone(world: Assortment) -> None:
    wrong: list[tuple[dict[str, object], str, str]] = [
        ({"SalesUnitSymbol": "box"}, "unit_unknown", "unit group"),
        ({"SalesUnitSymbol": ""}, "unit_missing", "sales unit"),
        ({"ProductName": ""}, "name_missing", "name"),
        ({"ProductDescription": "x" * 2001}, "text_too_long", "shorten"),
        ({"SalesUnitDecimalPrecision": 6}, "number_out_of_range", "SalesUnitDecimalPrecision"),
        ({"SalesPrice": -5}, "number_out_of_range", "SalesPrice"),
        ({"UnitCost": 2_000_000_000_000}, "number_out_of_range", "UnitCost"),
    ]
    world.put("P-1", "P-3")
    for at, (values, _, _) in enumerate(wrong):
        world.put(f"P-2{at}", **values)
    world.settle(2)
    for at, (_, cause, remedy) in enumerate(wrong):
        failure = world.failure(f"P-2{at}")
        assert failure is not None
        assert failure.cause == cause
        assert remedy in failure.remedy
    assert (world.products(), world.failure("P-1"), world.failure("P-3")) == (2, None, None)


def _until(world: Assortment, at: datetime) -> None:
    """Let the time pass."""
    world.clock.sleep((at - world.clock.now()).total_seconds())


def _writes_to_sales(world: Assortment) -> int:
    sales = world.service.systems[System.DATAVERSE]
    assert isinstance(sales, DataverseSystem)
    return sales.requests.writes


def _lists_of_two_years(world: Assortment) -> tuple[str, str]:
    """The list of 2026 and that of 2027, as a seller in Zurich enters them."""
    old = str(world.catalogue["prices"])
    changed = world.sales.patch(f"pricelevels({old})", {"enddate": "2026-12-30T23:00:00Z"}, If_Match="*")
    assert changed.status_code == 204
    return old, _price_list(world, "Of 2027", begindate="2026-12-31T23:00:00Z")


def test_products_move_to_the_next_list_on_the_day_on_which_theirs_ends_however_many_they_are() -> None:
    with assortment(BUSINESS_TIME_ZONE="Europe/Zurich", PRODUCTS_FULL_WALK_DAYS="3650") as world:
        old, new = _lists_of_two_years(world)
        numbers = [f"P-{number}" for number in range(25)]
        world.put(*numbers)
        world.settle(2)
        _until(world, datetime(2026, 12, 31, 22, 59, tzinfo=UTC))
        world.tick()
        assert {str((world.product(number) or {})["_pricelevelid_value"]) for number in numbers} == {old}
        _until(world, datetime(2026, 12, 31, 23, 1, tzinfo=UTC))
        world.tick()
        assert {str((world.product(number) or {})["_pricelevelid_value"]) for number in numbers} == {new}
        assert world.state.control.flow("products").blocked == ""
        written = _writes_to_sales(world)
        world.tick()
        assert _writes_to_sales(world) == written


def test_a_product_without_a_list_gets_the_one_that_begins_on_that_day(world: Assortment) -> None:
    prices = world.catalogue["prices"]
    assert world.sales.patch(f"pricelevels({prices})", {"begindate": "2026-01-08T00:00:00Z"}, If_Match="*").ok
    world.put("P-1")
    world.settle(2)
    failure = world.failure("P-1")
    assert failure is not None
    assert failure.cause == "no_price_list"
    _until(world, datetime(2026, 1, 7, 23, 59, tzinfo=UTC))
    world.tick()
    assert world.products() == 0
    world.clock.sleep(60)
    world.tick()
    assert (world.failure("P-1"), world.products()) == (None, 1)


def test_products_that_change_while_sales_is_down_on_the_day_of_a_new_list_are_in_step_behind_it() -> None:
    with assortment(BUSINESS_TIME_ZONE="Europe/Zurich") as world:
        _, new = _lists_of_two_years(world)
        world.put("P-1", "P-2")
        world.settle(2)
        _until(world, datetime(2026, 12, 31, 22, 45, tzinfo=UTC))
        world.tick()
        _until(world, datetime(2026, 12, 31, 23, 15, tzinfo=UTC))
        world.sales.faults.add(Rule(Kind.ERROR_BEFORE, status=503))
        world.change("P-1", ProductName="Trike")
        world.settle(2)
        assert world.depth() > 0
        world.sales.faults.clear()
        world.settle(10)
        rows = [world.product(number) or {} for number in ("P-1", "P-2")]
        assert [(row["name"], row["_pricelevelid_value"]) for row in rows] == [("Trike", new), ("Bike", new)]


def test_no_price_list_in_the_currency_rejects_until_the_next_try_after_a_new_one(world: Assortment) -> None:
    prices = world.catalogue["prices"]
    assert world.sales.patch(f"pricelevels({prices})", {"statecode": 1}, If_Match="*").status_code == 204
    world.put("P-1")
    world.settle(2)
    failure = world.failure("P-1")
    assert failure is not None
    assert failure.cause == "no_price_list"
    assert "USD" in failure.message
    assert world.products() == 0
    _price_list(world, "New")
    world.clock.sleep(3600)
    world.settle(2)
    assert (world.failure("P-1"), world.products()) == (None, 1)


def test_a_currency_that_sales_does_not_have_is_rejected_with_its_name() -> None:
    with assortment(currency="GBP") as world:
        world.put("P-1")
        world.settle(2)
        failure = world.failure("P-1")
        assert failure is not None
        assert (failure.cause, "'GBP'" in failure.message) == ("currency_unknown", True)


def test_a_product_that_exists_is_rejected_unless_adoption_is_on(world: Assortment) -> None:
    there = world.sales.product(world.catalogue, "P-1")
    world.put("P-1")
    world.settle(2)
    failure = world.failure("P-1")
    assert failure is not None
    assert failure.cause == "target_exists"
    world.start(PRODUCTS_ON_EXISTING="adopt")
    world.clock.sleep(3600)
    world.settle(3)
    found = world.product("P-1")
    assert found is not None
    assert (found["productid"], found["price"], world.failure("P-1")) == (there, 12.5, None)
    assert world.link("P-1").target_id == there
    world.change("P-1", ProductName="Adopted")
    world.settle(2)
    found = world.product("P-1")
    assert found is not None
    assert (found["productid"], found["name"], world.products()) == (there, "Adopted", 1)


def test_a_vanished_product_is_listed_and_stays_as_it_is(world: Assortment) -> None:
    world.put("P-1", "P-2")
    world.settle(2)
    world.take_away("P-1")
    world.settle(2)
    found = world.product("P-1")
    assert found is not None
    assert found["statecode"] == ACTIVE
    assert (world.link("P-1").state, world.link("P-2").state) == (LinkState.DELETED, LinkState.WRITTEN)


def test_a_vanished_product_is_retired_by_setting_and_made_active_when_it_returns() -> None:
    with assortment(PRODUCTS_WHEN_VANISHED="retire") as world:
        world.put("P-1")
        world.settle(2)
        world.take_away("P-1")
        world.settle(2)
        assert _state(world, "P-1") == RETIRED
        world.put("P-1", ProductName="Back")
        world.settle(2)
        assert (_state(world, "P-1"), world.link("P-1").state) == (ACTIVE, LinkState.WRITTEN)


def test_a_product_that_somebody_else_has_retired_stays_retired() -> None:
    with assortment(PRODUCTS_WHEN_VANISHED="retire") as world:
        world.put("P-1")
        world.settle(2)
        found = world.product("P-1")
        assert found is not None
        world.sales.patch(f"products({found['productid']})", {"statecode": RETIRED}, If_Match="*")
        world.change("P-1", ProductName="New name")
        world.settle(2)
        assert _state(world, "P-1") == RETIRED


def _state(world: Assortment, number: str) -> int:
    found = world.product(number)
    assert found is not None
    return int(found["statecode"])


def test_a_product_that_was_deleted_in_sales_is_made_again_with_its_item(world: Assortment) -> None:
    world.put("P-1")
    world.settle(2)
    found = world.product("P-1")
    assert found is not None
    assert world.sales.send("DELETE", f"products({found['productid']})").status_code == 204
    world.change("P-1", SalesPrice=20)
    world.settle(2)
    assert [item["amount"] for item in world.items("P-1")] == [20]
    assert _state(world, "P-1") == ACTIVE


def test_an_unchanged_walk_sends_nothing_to_sales(world: Assortment) -> None:
    world.put(*(f"P-{number}" for number in range(20)))
    world.settle(2)
    assert world.products() == 20
    world.sales.control("DELETE", "counters")
    world.settle(3)
    counted = world.sales.control("GET", "counters").json()
    assert not [name for name in counted if re.search("POST|PATCH", str(name))]
    assert world.state.links.load("products", ["P-7"])["P-7"].attempts == 0


def test_a_description_that_is_cleared_in_finops_is_cleared_in_sales(world: Assortment) -> None:
    world.put("P-1", ProductDescription="old")
    world.settle(2)
    world.change("P-1", ProductDescription="")
    world.settle(2)
    found = world.product("P-1")
    assert found is not None
    assert found["description"] is None


@pytest.mark.parametrize("way", WAYS)
def test_tables_without_bulk_messages_are_written_by_batches(way: str) -> None:
    with items_by(way, sales=SalesSettings(no_bulk=frozenset({"product"}))) as world:
        world.put(*(f"P-{number}" for number in range(8)))
        world.settle(2)
        assert world.products() == 8
        world.change("P-7", ProductName="Changed")
        world.settle(2)
        found = world.product("P-7")
        assert found is not None
        assert found["name"] == "Changed"


def test_a_number_with_an_asterisk_finds_itself_and_no_other(world: Assortment) -> None:
    world.put("A*", "AB", "A'C", "Ä/é&+#%", "a b")
    world.settle(2)
    assert world.products() == 5
    world.take_away("A*")
    world.settle(2)
    assert (world.link("A*").state, world.link("AB").state) == (LinkState.DELETED, LinkState.WRITTEN)
