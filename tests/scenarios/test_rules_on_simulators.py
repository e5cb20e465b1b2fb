"""Rules of the map document between both simulators: where a product is listed, and from where a line is shipped."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.simulator.faults import Rule
from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT, Assortment, assortment
from tests.support.invoicing import invoicing
from tests.support.thinned import by_turns, each_with
from tests.support.trading import Trading

MAPS: dict[str, Any] = {**json.loads(MAP_DOCUMENT), "countries": {}, "states": {}}


def rules(column: str, operator: str, wanted: Any, value: str) -> dict[str, Any]:
    return {
        "word": "rules",
        "rules": [{"when": {"column": column, "operator": operator, "value": wanted}, "value": value}],
    }


def document(part: str, **fields: Any) -> str:
    return json.dumps({**MAPS, "fields": {part: fields}})


@contextmanager
def shop(way: str) -> Iterator[Assortment]:
    """Products that cost more than 100 are on a list of their own, and services in a unit group of their own."""
    fields = {
        "pricelevelid": rules("SalesPrice", "gt", 100, "Zone of dear ones"),
        "defaultuomscheduleid": rules("ProductType", "eq", "Service", "Times"),
    }
    with assortment(PRODUCTS_PRICE_ITEMS=way, MAP_DOCUMENT=document("products", **fields)) as made:
        currency = f"/transactioncurrencies({made.catalogue['currency']})"
        made.sales.create("pricelevels", name="Zone of dear ones", transactioncurrencyid__to=currency)
        yield made


def listed(world: Assortment, number: str) -> list[tuple[str, float]]:
    """The price list items of a product: list and amount."""
    names = {row["pricelevelid"]: row["name"] for row in world.sales.rows("pricelevels?$select=name")}
    names[world.catalogue["prices"]] = "usual"
    return [(names[item["_pricelevelid_value"]], item["amount"]) for item in world.items(number)]


@pytest.mark.parametrize(
    ("way", "rule"), [("sync", None), ("automation", None), *each_with("automation", by_turns(3, among=6))]
)
def test_a_product_moves_to_the_list_that_its_rule_names_and_back(way: str, rule: Rule | None) -> None:
    with shop(way) as world:
        world.put("P-1", SalesPrice=50)
        world.settle(5, alone=True)
        assert listed(world, "P-1") == [("usual", 50)]
        for price, name in ((150, "Zone of dear ones"), (60, "usual")):
            if rule is not None:
                world.sales.faults.add(rule)
            world.change("P-1", SalesPrice=price)
            world.settle(60, alone=True)
            world.sales.faults.clear()
            world.settle(60, alone=True)
            assert listed(world, "P-1") == [(name, price)]
        assert (world.link("P-1").state, world.failure("P-1")) == (LinkState.WRITTEN, None)


def test_a_product_has_its_unit_from_the_group_that_its_rule_names_once_sales_has_that() -> None:
    fields = {"defaultuomscheduleid": rules("ProductType", "eq", "Service", "Times")}
    with assortment(MAP_DOCUMENT=document("products", **fields)) as world:
        world.put("P-1", ProductType="Service")
        world.put("P-2")
        world.settle(5, alone=True)
        failure = world.failure("P-1")
        assert failure is not None
        assert (failure.cause, "Sales has no unit group 'Times'" in failure.message) == ("unit_group_unknown", True)
        group = world.sales.create("uomschedules", name="Times", baseuomname="Each")
        world.settle(120, alone=True)
        assert (world.product("P-1") or {})["_defaultuomscheduleid_value"] == group
        assert (world.product("P-2") or {})["_defaultuomscheduleid_value"] == world.catalogue["schedule"]


def test_a_line_is_shipped_from_the_site_that_its_rule_names(desk: Trading) -> None:
    # A warehouse belongs to its site.
    fields = {
        "ShippingSiteId": rules("quoteid.description", "begins", "Export", "2"),
        "ShippingWarehouseId": rules("quoteid.description", "begins", "Export", "24"),
    }
    desk.start(MAP_DOCUMENT=document("quotation_lines", **fields))
    account = desk.account("A-1")
    _, abroad = desk.quote(account, description="Export of bikes")
    _, here = desk.quote(account, description="Bikes")
    desk.tick()
    assert desk.failure(abroad) is None
    sites = [
        [line["ShippingSiteId"] for line in (desk.quotation(number) or {})["lines"].values()]
        for number in (abroad, here)
    ]
    assert sites == [["2"], ["1"]]


def test_a_further_column_of_an_invoice_and_of_its_lines_is_written_once() -> None:
    copied = {
        "invoices": {"description": {"word": "joined", "from": ["CustomersOrderReference", "LedgerVoucher"]}},
        "invoice_lines": {"shipto_name": {"word": "copy", "from": "ProductName"}},
    }
    with invoicing() as desk:
        desk.start(MAP_DOCUMENT=json.dumps({**MAPS, "fields": copied}))
        _, number = desk.invoiced(lines=1)
        desk.settle(30)
        invoice = desk.invoice(number)
        assert invoice is not None
        assert desk.posted()[number]["LedgerVoucher"] in invoice["description"]
        assert [line["shipto_name"] for line in invoice["lines"].values()] == ["Bike"]
