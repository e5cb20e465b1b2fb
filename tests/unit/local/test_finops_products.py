"""Promises of the F&O simulator for sellable released products: read by clients, changed by the company."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.finops.assortment import Assortment
from local.finops.generating import generated_products
from local.finops.loading import open_tables
from local.finops.settings import Settings
from tests.unit.local.finops_environment import Caller, detail, environment

SET = "SellableReleasedProducts"
URL = f"{SET}(dataAreaId='usmf',ProductNumber='BK-1')"
BIKE = {
    "ProductNumber": "BK-1",
    "ProductName": "Mountain bike",
    "SalesUnitSymbol": "ea",
    "InventoryUnitSymbol": "ea",
    "SalesPrice": 12.345,
}
UNITS = {"ea": 0, "box": 0, "kg": 2, "hr": 2}


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        yield caller


def put(finops: Caller, **values: Any) -> dict[str, Any]:
    """Put a product through the control and give the record that clients read."""
    answer = finops.control("products", {**BIKE, **values})
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = finops.get(URL).json()
    return record


def control(finops: Caller, method: str, body: object) -> tuple[int, Any]:
    headers = {"x-simulator-admin-token": "admin-token-of-the-test"}
    answer = finops.send(method, "/_simulator/products", json=body, headers=headers)
    return answer.status_code, answer.json()


def test_a_product_is_read_as_it_was_put(finops: Caller) -> None:
    record = put(finops)
    shown = {name: record[name] for name in ("ProductName", "SalesPrice", "CurrencyCode", "ProductDescription")}
    assert shown == {
        "ProductName": "Mountain bike",
        "SalesPrice": 12.345,
        "CurrencyCode": "USD",
        "ProductDescription": "",
    }


def test_a_put_says_what_it_did_and_a_product_that_is_removed_is_gone(finops: Caller) -> None:
    other = {"ProductNumber": "BK-2"}
    assert control(finops, "POST", [BIKE, other]) == (200, {"created": 2, "updated": 0, "removed": 0})
    assert control(finops, "POST", BIKE) == (200, {"created": 0, "updated": 1, "removed": 0})
    assert control(finops, "DELETE", {"ProductNumber": "bk-1"}) == (200, {"created": 0, "updated": 0, "removed": 1})
    assert control(finops, "GET", None) == (200, {"count": 1})
    assert [row["ProductNumber"] for row in finops.rows(SET)] == ["BK-2"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ProductName", "Road bike"),
        ("ProductDescription", "With bell"),
        ("ProductType", "Service"),
        ("SalesPrice", 12.346),
        ("UnitCost", 1),
        ("SalesUnitSymbol", "box"),
        ("InventoryUnitSymbol", "pcs"),
        ("SalesUnitDecimalPrecision", 3),
        ("InventoryUnitDecimalPrecision", 3),
        ("IsSalesStopped", "Yes"),
        ("IsStockedProduct", "No"),
    ],
)
def test_the_tag_moves_with_every_property(finops: Caller, name: str, value: object) -> None:
    before = put(finops)
    after = put(finops, **{name: value})
    assert after[name] == value
    assert after["@odata.etag"] != before["@odata.etag"]


def test_the_tag_stays_where_nothing_changes(finops: Caller) -> None:
    assert put(finops) == put(finops, CurrencyCode="EUR")


@pytest.mark.parametrize(
    ("kind", "stocked", "computed"),
    [
        ("Item", "Yes", "Inventory"),
        ("Item", "No", "NonInventory"),
        ("Service", "Yes", "Service"),
        ("Service", "No", "Service"),
    ],
)
def test_the_type_for_field_service_is_computed(finops: Caller, kind: str, stocked: str, computed: str) -> None:
    given_otherwise = {"FieldServiceProductType": "NotAvailable"}
    for _ in ("created", "updated"):
        record = put(finops, ProductType=kind, IsStockedProduct=stocked, **given_otherwise)
        assert record["FieldServiceProductType"] == computed


def test_the_precision_is_that_of_the_unit_unless_it_is_given(finops: Caller) -> None:
    assert put(finops)["SalesUnitDecimalPrecision"] == 0
    assert put(finops, SalesUnitSymbol="kg")["SalesUnitDecimalPrecision"] == 2
    assert put(finops, SalesUnitSymbol="kg", SalesUnitDecimalPrecision=1)["SalesUnitDecimalPrecision"] == 1


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"ProductName": "no number"},
        {"ProductNumber": ""},
        {"ProductNumber": "P-1", "SalesUnitSymbol": "dozen"},
        {"ProductNumber": "P-1", "Price": 1},
        {"ProductNumber": "P-1", "ProductType": "Thing"},
        {"ProductNumber": "P-1", "dataAreaId": "none"},
        [{"ProductNumber": "P-1"}, {"ProductNumber": 2}],
    ],
)
def test_a_product_that_cannot_be_is_refused_and_none_is_kept(finops: Caller, body: object) -> None:
    status, answer = control(finops, "POST", body)
    assert (status, "error" in answer, finops.rows(SET)) == (400, True, [])


def test_the_removal_of_an_unknown_product_is_refused(finops: Caller) -> None:
    status, answer = control(finops, "DELETE", {"ProductNumber": "BK-1"})
    assert (status, answer["error"].partition(":")[0]) == (400, "ProductNumber BK-1")


def test_clients_can_read_products_but_not_write_them(finops: Caller) -> None:
    before = put(finops)
    answers = [
        finops.post(SET, {"ProductNumber": "BK-2"}),
        finops.patch(URL, {"ProductName": "Mine"}),
        finops.delete(URL),
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert all("read-only" in detail(answer) for answer in answers)
    assert finops.get(URL).json() == before
    assert len(finops.rows(SET)) == 1


def test_the_metadata_says_that_the_entity_is_read_only(finops: Caller) -> None:
    path = f"/Metadata/PublicEntities?$filter=EntitySetName eq '{SET}'"
    [entity] = finops.send("GET", path).json()["value"]
    assert entity["IsReadOnly"]
    assert not any(each["AllowEdit"] or each["AllowEditOnCreate"] for each in entity["Properties"])


def walked(finops: Caller, company: str, size: int) -> list[str]:
    """All product numbers of a company, page by page behind the last number."""
    numbers = [""]
    while True:
        after = numbers[-1].replace("'", "''")
        query = {
            "$orderby": "ProductNumber",
            "$top": str(size),
            "$filter": f"dataAreaId eq '{company}' and ProductNumber gt '{after}'",
            "cross-company": "true",
            "$select": "ProductNumber",
        }
        page = [row["ProductNumber"] for row in finops.rows(SET, query)]
        numbers += page
        if len(page) < size:
            return numbers[1:]


def test_pages_behind_the_last_number_give_every_product_once(finops: Caller) -> None:
    numbers = ["b-1", "B-2", "a", "A 1", "Z", "é", "O'1", "_x", "10", "9", "aa"]
    control(finops, "POST", [{"ProductNumber": number} for number in numbers])
    control(finops, "POST", [{"ProductNumber": number, "dataAreaId": "usrt"} for number in ("a", "c")])
    for size in (1, 3, 11, 12):
        found = walked(finops, "usmf", size)
        assert (sorted(found), len(found)) == (sorted(numbers), len(numbers))
    assert walked(finops, "usrt", 1) == ["a", "c"]


def test_made_up_products_are_the_same_for_the_same_seed() -> None:
    def made(seed: int, count: int) -> list[object]:
        return list(generated_products(count, seed=seed, units=UNITS))

    assert made(1, 20) == made(1, 40)[:20]
    assert made(1, 20) != made(2, 20)


@given(seed=st.integers(0, 10**6))
def test_a_made_up_product_is_one_that_could_be(seed: int) -> None:
    for row in generated_products(20, seed=seed, units=UNITS):
        price, cost = Decimal(str(row["SalesPrice"])), Decimal(str(row["UnitCost"]))
        assert 0 <= cost <= price
        assert -3 <= int(price.as_tuple().exponent) <= 0
        assert row["SalesUnitDecimalPrecision"] == UNITS[str(row["SalesUnitSymbol"])]
        assert 0 < len(str(row["ProductName"])) <= 60


def test_made_up_products_take_the_units_that_there_are() -> None:
    rows = list(generated_products(200, seed=1, units={"EA": 0, "KG": 3}))
    assert {row["SalesUnitSymbol"] for row in rows} == {"EA", "KG"}


def test_made_up_products_are_served_and_can_be_changed() -> None:
    settings = Settings()
    tables = open_tables(None, None, settings, products=1_200)
    assortment = Assortment(tables, settings)
    assert not assortment.put({"ProductNumber": "P0000700", "SalesPrice": 1})
    assert assortment.put({"ProductNumber": "P0001201"})
    assert assortment.count() == 1_201
    tables.close()
