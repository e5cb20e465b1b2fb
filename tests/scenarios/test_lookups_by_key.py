"""Lookups of Sales that the map document sets by an alternate key, between both simulators."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.simulator.faults import Rule
from shared.flows.checks import CheckResult
from shared.operations.preflight.run import Preflight
from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT, Assortment
from tests.support.returning import Returning
from tests.support.thinned import spot_faults
from tests.support.trading import trading_as
from tests.unit.local import dataverse_world, finops_environment

OWN = {"products": {"new_Keeper": {"type": "lookup", "table": "contacts"}}}


def document(by: str = "msdynce_contactnumber", **field: str) -> str:
    """The map document: whoever keeps a product is a contact, whose number stands in the product's description."""
    entry = {"word": "lookup", "from": "ProductDescription", "by": by, **field}
    content = {**json.loads(MAP_DOCUMENT), "own_columns": OWN, "fields": {"products": {"new_Keeper": entry}}}
    return json.dumps({**content, "countries": {}, "states": {}})


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[Assortment]:
    """The flow of products, with a lookup of an organisation's own."""
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"own_columns": OWN}), encoding="utf-8")
    with (
        dataverse_world.dataverse(own=own, settings_row={"pricingdecimalprecision": 4}) as sales,
        finops_environment.environment() as finops,
    ):
        yield Assortment(sales, finops, MAP_DOCUMENT=document())


def contact(sync: Assortment, number: str) -> str:
    return sync.sales.create("contacts", lastname="Ana", msdynce_contactnumber=number)


def keeper(sync: Assortment, number: str) -> Any:
    rows = sync.sales.rows(f"products?$select=_new_keeper_value&$filter=productnumber eq '{number}'")
    return rows[0]["_new_keeper_value"] if rows else None


@pytest.mark.odata_refused("new_")
@spot_faults(0, among=6)
def test_a_lookup_follows_the_key_whatever_fails_meanwhile(sync: Assortment, rule: Rule | None) -> None:
    first, second = contact(sync, "CON-A"), contact(sync, "CON-O'B")
    sync.put("P-1", ProductDescription="con-a")
    sync.tick()
    assert keeper(sync, "P-1") == first
    if rule is not None:
        sync.sales.faults.add(rule)
    sync.change("P-1", ProductDescription="CON-O'B")
    sync.settle(60, alone=True)
    sync.sales.faults.clear()
    sync.settle(90, alone=True)
    assert keeper(sync, "P-1") == second
    sync.change("P-1", ProductDescription="")
    sync.settle(30, alone=True)
    assert keeper(sync, "P-1") is None
    assert sync.link("P-1").state is LinkState.WRITTEN


@pytest.mark.odata_refused("new_")
def test_a_key_that_no_row_has_rejects_its_record_alone_until_there_is_one(sync: Assortment) -> None:
    there = contact(sync, "CON-A")
    sync.put("P-1", "P-2", ProductDescription="CON-A")
    sync.put("P-3", ProductDescription="CON-B")
    sync.settle(60, alone=True)
    assert [keeper(sync, number) for number in ("P-1", "P-2", "P-3")] == [there, there, None]
    failure = sync.failure("P-3")
    assert failure is not None
    assert failure.cause == "dataverse.reference_missing"
    assert "specified key values does not exist in contact" in failure.message
    assert "lookups that the map document sets by key" in failure.remedy
    late = contact(sync, "CON-B")
    sync.settle(120, alone=True)
    assert keeper(sync, "P-3") == late


@pytest.mark.odata_refused("new_")
def test_a_lookup_is_in_conflict_only_if_somebody_has_chosen_another_row(sync: Assortment) -> None:
    contact(sync, "CON-A")
    sync.put("P-1", ProductDescription="con-a")
    content = {**json.loads(document()), "policies": {"products": {"on_conflict": "stop"}}}
    sync.start(MAP_DOCUMENT=json.dumps(content))
    sync.tick()
    sync.change("P-1", ProductDescription="Con-A", SalesPrice=13)
    sync.settle(30, alone=True)
    assert sync.failure("P-1") is None
    other = contact(sync, "CON-B")
    product = (sync.product("P-1") or {})["productid"]
    sync.sales.patch(f"products({product})", {"new_Keeper@odata.bind": f"/contacts({other})"}, If_Match="*")
    sync.change("P-1", ProductDescription="")
    sync.settle(30, alone=True)
    failure = sync.failure("P-1")
    assert failure is not None
    assert failure.cause == "conflict"
    assert "new_Keeper is 'CON-B' there" in failure.message


@pytest.mark.parametrize(
    ("by", "found"), [("msdynce_contactnumber", CheckResult.WELL), ("employeeid", CheckResult.WRONG)]
)
def test_a_preflight_says_whether_sales_has_the_key(sync: Assortment, by: str, found: CheckResult) -> None:
    sync.start(MAP_DOCUMENT=document(by))
    checks = Preflight(sync.service.systems, sync.deployment, sync.clock.now()).checks()
    (check,) = [check for check in checks if check.what == f"contacts has an active key of {by}"]
    assert check.verdict is found
    assert check.flows == ("products",)
    assert found is CheckResult.WELL or (check.found == "it has none" and "Power Apps" in check.remedy)


ON_ORDERS: dict[str, Any] = {
    name: {"new_Keeper": {"type": "lookup", "table": "contacts"}} for name in ("salesorders", "salesorderdetails")
}


@pytest.mark.odata_refused("new_")
def test_lookups_of_an_order_of_finops_and_of_its_lines_follow_their_keys(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"own_columns": ON_ORDERS}), encoding="utf-8")

    def by(source: str) -> dict[str, Any]:
        return {"new_Keeper": {"word": "lookup", "from": source, "by": "msdynce_contactnumber"}}

    fields = {"orders_back": by("SalesOrderName"), "order_lines_back": by("ProductName")}
    content = {**json.loads(MAP_DOCUMENT), "own_columns": ON_ORDERS, "fields": fields}
    with trading_as(Returning, None, None, own, ORDERS_BACK="all", MAP_DOCUMENT=json.dumps(content)) as desk:
        keepers = {
            number: desk.sales.create("contacts", lastname=number, msdynce_contactnumber=number)
            for number in ("Fair", "Shop", "Bike")
        }
        desk.born(SalesOrderName="Fair")
        desk.tick()
        order = desk.order_in_sales("F-1")
        assert order["_new_keeper_value"] == keepers["Fair"]
        assert [line["_new_keeper_value"] for line in order["lines"].values()] == [keepers["Bike"]]
        desk.at_desk("F-1", {"SalesOrderName": "Shop"})
        desk.totals()
        desk.settle(30)
        assert desk.order_in_sales("F-1")["_new_keeper_value"] == keepers["Shop"]
        assert desk.link("F-1").state is LinkState.WRITTEN
