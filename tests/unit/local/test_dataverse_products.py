"""Promises of the simulated Dataverse around products: price lists, the solution's automation, keys and units."""

from collections.abc import Iterator, Mapping

import pytest

from tests.unit.local.dataverse_world import World, code, dataverse

YESTERDAY, TODAY, TOMORROW = (f"2026-{day}T00:00:00Z" for day in ("01-30", "01-31", "02-01"))


@pytest.fixture
def world() -> Iterator[World]:
    with dataverse() as each:
        yield each


def price_list(world: World, catalogue: Mapping[str, str], name: str, **values: object) -> str:
    bind = f"/transactioncurrencies({catalogue['currency']})"
    return world.create("pricelevels", name=name, transactioncurrencyid__to=bind, **values)


def foreign_currency(world: World) -> str:
    return world.create(
        "transactioncurrencies",
        isocurrencycode="EUR",
        currencyname="Euro",
        currencysymbol="E",
        currencyprecision=2,
        exchangerate=1.1,
    )


def foreign_list(world: World, name: str) -> str:
    bind = f"/transactioncurrencies({foreign_currency(world)})"
    return world.create("pricelevels", name=name, transactioncurrencyid__to=bind)


def external(world: World, catalogue: Mapping[str, str]) -> str:
    return world.product(catalogue, price=10, msdynce_ismaintainedexternally=True)


def items(world: World) -> list[tuple[str, str, object]]:
    """List, unit and amount of every price list item."""
    query = "$select=amount&$expand=pricelevelid($select=name),uomid($select=name)&$orderby=amount"
    rows = world.rows(f"productpricelevels?{query}")
    return [(row["pricelevelid"]["name"], row["uomid"]["name"], row["amount"]) for row in rows]


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ({}, "A list"),
        ({"begindate": TODAY, "enddate": TODAY}, "A list"),
        ({"begindate": YESTERDAY}, "A list"),
        ({"begindate": TOMORROW}, "List"),
        ({"enddate": YESTERDAY}, "List"),
        ({"enddate": TOMORROW}, "A list"),
    ],
)
def test_a_price_goes_into_the_first_list_that_is_valid_today(
    world: World, values: Mapping[str, object], chosen: str
) -> None:
    catalogue = world.catalogue()
    price_list(world, catalogue, "A list", **values)
    external(world, catalogue)
    assert items(world) == [(chosen, "Each", 10)]


def test_the_first_list_is_found_by_name_without_regard_to_case(world: World) -> None:
    catalogue = world.catalogue()
    for name in ("b list", "C list", "a list"):
        price_list(world, catalogue, name)
    external(world, catalogue)
    assert items(world) == [("a list", "Each", 10)]


def test_an_inactive_list_and_one_of_another_currency_get_no_price(world: World) -> None:
    catalogue = world.catalogue()
    inactive = price_list(world, catalogue, "A list")
    world.patch(f"pricelevels({inactive})", {"statecode": 1, "statuscode": 100002})
    foreign_list(world, "B list")
    external(world, catalogue)
    assert items(world) == [("List", "Each", 10)]


def test_a_product_without_a_valid_list_is_refused_and_not_kept(world: World) -> None:
    catalogue = world.catalogue()
    world.patch(f"pricelevels({catalogue['prices']})", {"enddate": YESTERDAY})
    with pytest.raises(AssertionError, match="0x80040265"):
        external(world, catalogue)
    assert world.rows("products") == []


def test_the_default_list_of_the_product_wins(world: World) -> None:
    catalogue = world.catalogue()
    product = external(world, catalogue)
    price_list(world, catalogue, "A list")
    bind = {"pricelevelid@odata.bind": f"/pricelevels({catalogue['prices']})", "price": 11}
    assert world.patch(f"products({product})", bind).status_code == 204
    assert items(world) == [("List", "Each", 11)]


def test_a_new_price_changes_the_item(world: World) -> None:
    catalogue = world.catalogue()
    product = external(world, catalogue)
    world.patch(f"products({product})", {"price": 12.5})
    assert items(world) == [("List", "Each", 12.5)]


def test_a_change_of_the_name_leaves_the_item_alone(world: World) -> None:
    catalogue = world.catalogue()
    product = external(world, catalogue)
    [before] = world.rows("productpricelevels?$select=amount")
    world.patch(f"products({product})", {"name": "Bicycle"})
    assert world.rows("productpricelevels?$select=amount") == [before]


def test_a_product_in_another_unit_or_list_gets_another_item(world: World) -> None:
    catalogue = world.catalogue()
    product = external(world, catalogue)
    box = world.create(
        "uoms",
        name="Box",
        quantity=6,
        uomscheduleid__to=f"/uomschedules({catalogue['schedule']})",
        baseuom__to=f"/uoms({catalogue['unit']})",
    )
    world.patch(f"products({product})", {"defaultuomid@odata.bind": f"/uoms({box})", "price": 60})
    other = price_list(world, catalogue, "Other")
    world.patch(f"products({product})", {"pricelevelid@odata.bind": f"/pricelevels({other})", "price": 66})
    assert items(world) == [("List", "Each", 10), ("List", "Box", 60), ("Other", "Box", 66)]


def test_a_product_of_sales_itself_gets_no_item(world: World) -> None:
    world.product(world.catalogue(), price=10)
    assert items(world) == []


def test_without_the_solution_no_product_gets_an_item_by_itself() -> None:
    with dataverse(solution=False) as world:
        product = world.product(world.catalogue(), price=10)
        world.patch(f"products({product})", {"price": 11})
        assert items(world) == []
        assert code(world.patch(f"products({product})", {"msdynce_ismaintainedexternally": True}))[0] == 400


def test_a_default_price_list_has_the_currency_of_the_product(world: World) -> None:
    product = world.product(world.catalogue())
    bind = {"pricelevelid@odata.bind": f"/pricelevels({foreign_list(world, 'Euro')})"}
    assert code(world.patch(f"products({product})", bind)) == (400, "0x80048cee")


def test_what_is_said_at_creation_only_cannot_change(world: World) -> None:
    catalogue = world.catalogue()
    external(world, catalogue)
    other, item = price_list(world, catalogue, "Other"), world.rows("productpricelevels")[0]["productpricelevelid"]
    schedule = world.create("uomschedules", name="Hours", baseuomname="Hour")
    euro = foreign_currency(world)
    replies = [
        world.patch(f"productpricelevels({item})", {"pricelevelid@odata.bind": f"/pricelevels({other})"}),
        world.patch(f"uoms({catalogue['unit']})", {"uomscheduleid@odata.bind": f"/uomschedules({schedule})"}),
        world.patch(f"pricelevels({other})", {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({euro})"}),
    ]
    assert [code(reply) for reply in replies] == [(400, "0x80040203")] * 3


def test_an_item_keeps_to_the_units_of_its_product(world: World) -> None:
    catalogue = world.catalogue()
    schedule = world.create("uomschedules", name="Hours", baseuomname="Hour")
    [hour] = world.rows(f"uoms?$filter=_uomscheduleid_value eq {schedule}")
    body = {
        "amount": 1,
        "pricelevelid@odata.bind": f"/pricelevels({catalogue['prices']})",
        "productid@odata.bind": f"/products({world.product(catalogue)})",
        "uomid@odata.bind": f"/uoms({hour['uomid']})",
    }
    assert code(world.send("POST", "productpricelevels", body)) == (400, "0x80043b14")


def test_the_items_go_with_their_product(world: World) -> None:
    product = external(world, world.catalogue())
    assert world.send("DELETE", f"products({product})").status_code == 204
    assert items(world) == []


def test_a_product_number_is_found_without_regard_to_case(world: World) -> None:
    product = world.product(world.catalogue(), "BK-R93R-62")
    found = world.rows("products?$select=productid&$filter=productnumber eq 'bk-r93r-62'")
    assert [row["productid"] for row in found] == [product]


def test_a_product_number_is_no_key_unless_one_is_declared(world: World) -> None:
    world.product(world.catalogue(), "P-1")
    assert world.rows("EntityDefinitions(LogicalName='product')/Keys") == []
    assert world.get("products(productnumber='P-1')").status_code == 400


@pytest.fixture
def keyed() -> Iterator[World]:
    with dataverse(product_number_key=True) as each:
        yield each


def test_a_declared_key_is_listed_and_finds_the_product(keyed: World) -> None:
    product = keyed.product(keyed.catalogue(), "P-1")
    [key] = keyed.rows("EntityDefinitions(LogicalName='product')/Keys?$select=KeyAttributes,EntityKeyIndexStatus")
    assert (key["KeyAttributes"], key["EntityKeyIndexStatus"]) == (["productnumber"], "Active")
    assert keyed.get("products(productnumber='p-1')?$select=productid").json()["productid"] == product


def test_an_upsert_by_the_key_creates_once_and_updates_then(keyed: World) -> None:
    catalogue = keyed.catalogue()
    body = {
        "name": "Bike",
        "quantitydecimal": 0,
        "defaultuomid@odata.bind": f"/uoms({catalogue['unit']})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalogue['schedule']})",
    }
    path = "products(productnumber='P-1')?$select=productid,name,productnumber"
    first = keyed.patch(path, body, Prefer="return=representation")
    second = keyed.patch(path, {"name": "Bicycle"}, Prefer="return=representation")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["productid"] == first.json()["productid"]
    assert (second.json()["name"], second.json()["productnumber"]) == ("Bicycle", "P-1")
