"""Both systems compared, whatever the sync believes: what people have changed, deleted or brought back is found."""

import json
from collections.abc import Iterator

import pytest

from shared.operations.deeds import Deeds
from shared.operations.reconciling import Drift, Drifted, Reconciling
from tests.support.assortment import assortment
from tests.support.product import FLOW, Product, product
from tests.unit.local.finops_environment import customer_url


@pytest.fixture
def sync() -> Iterator[Product]:
    with product() as made:
        yield made


def reconciling(sync: Product) -> Reconciling:
    parts = sync.service.parts
    return Reconciling(parts, parts.flows[FLOW])


def drifted(sync: Product) -> list[Drifted]:
    return list(reconciling(sync).drifted())


def changed_in_finops(sync: Product, number: str, **values: object) -> None:
    reply = sync.finops.patch(customer_url(number), values, {"cross-company": "true"})
    assert reply.status_code in (200, 204), reply.text


def test_two_systems_in_step_have_not_drifted(sync: Product) -> None:
    sync.linked(3)
    sync.account("B-1", address1_country="Atlantis")
    sync.tick()
    looked = reconciling(sync)
    assert list(looked.drifted()) == []
    assert looked.compared == 3


def test_a_field_that_people_have_changed_in_the_target_is_found_with_both_values(sync: Product) -> None:
    (id, _) = sync.linked(2)
    changed_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    (found,) = drifted(sync)
    assert (found.id, found.key, found.drift) == (id, "A-0", Drift.DIFFERENT)
    (change,) = found.changes
    assert (change.field, change.old, change.new) == ("OrganizationName", "Changed by hand", "Account A-0")


def test_a_customer_that_is_gone_is_missing(sync: Product) -> None:
    (id, _) = sync.linked(2)
    assert sync.finops.delete(customer_url("A-0"), {"cross-company": "true"}).status_code == 204
    assert [(of.id, of.drift) for of in drifted(sync)] == [(id, Drift.MISSING)]


def test_a_record_that_is_gone_untold_is_extra(sync: Product) -> None:
    (id, _) = sync.linked(2)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    assert [(of.id, of.drift) for of in drifted(sync)] == [(id, Drift.EXTRA)]


def test_a_comparison_changes_nothing(sync: Product) -> None:
    sync.linked(2)
    changed_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    before = sync.snapshot()
    drifted(sync)
    assert sync.snapshot() == before


def test_a_repair_brings_just_what_has_drifted_back_in_step(sync: Product) -> None:
    ids = sync.linked(4)
    changed_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    assert sync.finops.delete(customer_url("A-1"), {"cross-company": "true"}).status_code == 204
    writes = sync.writes()
    found = drifted(sync)
    deeds = Deeds(sync.service.parts, "operator")
    assert reconciling(sync).repair(found, deeds) == 2
    sync.drain()
    assert drifted(sync) == []
    assert sync.writes() == writes + 2
    sync.check_in_step(ids)


def test_what_is_found_can_be_told_as_data(sync: Product) -> None:
    sync.linked(1)
    changed_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    (found,) = drifted(sync)
    assert json.loads(json.dumps(found.drift)) == "different"


def test_products_of_which_only_the_ids_are_read_have_not_drifted_for_that() -> None:
    with assortment() as shop:
        shop.put("P-1", "P-2")
        shop.settle(2)
        parts = shop.service.parts
        looked = Reconciling(parts, parts.flows["products"])
        assert list(looked.drifted()) == []
        assert looked.compared == 2


def test_a_product_that_is_gone_in_sales_is_missing() -> None:
    with assortment() as shop:
        shop.put("P-1")
        shop.settle(2)
        made = shop.product("P-1")
        assert made is not None
        for item in shop.sales.rows("productpricelevels?$select=productpricelevelid"):
            shop.sales.send("DELETE", f"productpricelevels({item['productpricelevelid']})")
        reply = shop.sales.send("DELETE", f"products({made['productid']})")
        assert reply.status_code == 204, reply.text
        parts = shop.service.parts
        assert [of.drift for of in Reconciling(parts, parts.flows["products"]).drifted()] == [Drift.MISSING]
