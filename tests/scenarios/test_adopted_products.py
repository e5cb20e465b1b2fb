"""Products that are in Sales before the sync has met them, in any state: in the end they are quotable or listed."""

import pytest

from local.simulator.faults import Kind, Rule
from shared.state.links import LinkState
from tests.support.assortment import Assortment, assortment
from tests.support.faults import WRITES
from tests.support.operator import answer, operated

ACTIVE, RETIRED, DRAFT, UNDER_REVISION = 0, 1, 2, 3
PUBLISHED = {"statecode": ACTIVE, "statuscode": 1}
STATES = {
    "a draft": [],
    "active": [PUBLISHED],
    "retired": [PUBLISHED, {"statecode": RETIRED, "statuscode": 2}],
    "under revision": [PUBLISHED, {"statecode": UNDER_REVISION, "statuscode": 3}],
}


def there(world: Assortment, state: str) -> str:
    """A product P-1 that people have made in Sales, in a state; its id."""
    id = world.sales.product(world.catalogue, "P-1")
    for step in STATES[state]:
        assert world.sales.patch(f"products({id})", step, If_Match="*").status_code == 204
    return id


def state_of(world: Assortment) -> int:
    found = world.product("P-1")
    assert found is not None
    return int(found["statecode"])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("way", ["automation", "sync"])
def test_a_product_that_is_adopted_can_be_quoted(state: str, way: str) -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt", PRODUCTS_PRICE_ITEMS=way) as world:
        id = there(world, state)
        world.put("P-1")
        world.settle(1)
        link = world.link("P-1")
        assert (link.state, link.dirty, link.target_id, world.failure("P-1")) == (LinkState.WRITTEN, False, id, None)
        assert state_of(world) == (UNDER_REVISION if state == "under revision" else ACTIVE)
        assert [item["amount"] for item in world.items("P-1")] == [12.5]


@pytest.mark.parametrize("kind", [Kind.DROP_AFTER, Kind.ERROR_BEFORE])
def test_an_adoption_that_is_interrupted_is_completed(kind: Kind) -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt") as world:
        there(world, "retired")
        world.put("P-1")
        world.sales.faults.add(Rule(kind, WRITES, path="UpdateMultiple", times=1))
        world.tick()
        assert not world.link("P-1").linked
        world.settle(12)
        assert (world.link("P-1").state, world.failure("P-1"), state_of(world)) == (LinkState.WRITTEN, None, ACTIVE)


def test_a_field_that_a_lost_adoption_has_filled_is_emptied_with_the_field_of_the_source() -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt") as world:
        there(world, "active")
        world.put("P-1", ProductDescription="Red")
        world.sales.faults.add(Rule(Kind.DROP_AFTER, WRITES, path="UpdateMultiple", times=1))
        world.tick()
        found = world.product("P-1")
        assert (found is not None and found["description"], world.link("P-1").linked) == ("Red", False)
        world.change("P-1", ProductDescription="")
        world.settle(12)
        found = world.product("P-1")
        assert (found is not None and found["description"], world.failure("P-1")) == (None, None)


@pytest.mark.parametrize(("state", "told"), [("a draft", "a draft"), ("retired", "retired")])
def test_where_the_sync_does_not_publish_one_that_cannot_be_quoted_is_listed_and_untouched(
    state: str, told: str
) -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt", PRODUCTS_PUBLISH="false") as world:
        there(world, state)
        before = world.product("P-1")
        world.put("P-1")
        world.settle(1)
        failure = world.failure("P-1")
        assert failure is not None
        assert failure.cause == "product_not_published"
        assert told in failure.message
        assert "PRODUCTS_PUBLISH" in failure.remedy
        assert (world.product("P-1"), world.link("P-1").linked) == (before, False)
        assert before is not None
        assert world.sales.patch(f"products({before['productid']})", PUBLISHED, If_Match="*").status_code == 204
        world.clock.sleep(3600)
        world.settle(2)
        assert (world.failure("P-1"), world.link("P-1").state, state_of(world)) == (None, LinkState.WRITTEN, ACTIVE)


@pytest.mark.parametrize("state", ["active", "under revision"])
def test_where_the_sync_does_not_publish_one_that_is_published_is_adopted(state: str) -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt", PRODUCTS_PUBLISH="false") as world:
        there(world, state)
        world.put("P-1")
        world.settle(1)
        assert (world.failure("P-1"), world.link("P-1").state) == (None, LinkState.WRITTEN)


def test_a_product_family_is_not_adopted() -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt") as world:
        world.sales.create("products", productnumber="P-1", name="Bikes", productstructure=2, quantitydecimal=0)
        world.put("P-1")
        world.settle(1)
        failure = world.failure("P-1")
        assert failure is not None
        assert failure.cause == "product_is_family"
        assert (state_of(world), world.link("P-1").linked) == (DRAFT, False)


def test_a_plan_shows_that_an_adopted_product_would_be_published() -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt") as world, operated(world):
        there(world, "retired")
        world.put("P-1")
        (planned,) = answer("plan", "products")["records"]
        states = [change for change in planned["changes"] if change["field"] == "statecode"]
        assert [(change["old"], change["new"]) for change in states] == [(RETIRED, ACTIVE)]


def test_a_product_that_an_operator_ties_to_a_retired_one_is_revived() -> None:
    with assortment() as world:
        id = there(world, "retired")
        world.put("P-1")
        world.settle(1)
        service = world.service
        service.linking("products", service.audit_log("operator")).link("P-1")
        world.settle(1)
        assert (world.link("P-1").target_id, state_of(world), world.failure("P-1")) == (id, ACTIVE, None)


def test_a_product_that_people_retire_once_it_is_adopted_stays_retired() -> None:
    with assortment(PRODUCTS_ON_EXISTING="adopt") as world:
        id = there(world, "a draft")
        world.put("P-1")
        world.settle(1)
        retired = {"statecode": RETIRED, "statuscode": 2}
        assert world.sales.patch(f"products({id})", retired, If_Match="*").status_code == 204
        world.change("P-1", ProductName="Renamed")
        world.settle(1)
        assert (state_of(world), (world.product("P-1") or {})["name"]) == (RETIRED, "Renamed")
