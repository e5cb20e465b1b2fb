"""The demo's comparison of products, against what the sync itself has written between both simulators."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from local.demo.comparison import Comparison, Past, compare
from local.demo.flows import Systems
from local.demo.products import watched_products
from local.demo.systems import Access, Secrets
from local.simulator.server import Simulator
from shared import exact_json
from shared.flows.products.mapping import ITEM
from shared.flows.registry import FLOWS
from shared.records import Values
from tests.support.assortment import MAP_DOCUMENT, Assortment, assortment
from tests.support.patience import PATIENCE_S
from tests.support.shortcut import mount
from tests.unit.local import dataverse_world, finops_environment

SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "http://127.0.0.1:1",
    "FINOPS_URL": "http://127.0.0.1:2",
    "COMPANY": "usmf",
    "MAP_DOCUMENT": MAP_DOCUMENT,
}
_NUMBERS = count(1)


class Looking(Access):
    """Reads a simulator of this process with a token that is fixed."""

    def __init__(self, name: str, url: str, token: str, simulator: Simulator) -> None:
        super().__init__(name, url, Secrets())
        mount(self._session, simulator)
        self._session.headers["Authorization"] = f"Bearer {token}"

    def rows(self, path: str) -> Iterator[Values]:
        answer = self._session.get(self.url + path, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        content = exact_json.loads(answer.content)
        assert isinstance(content, dict)
        listed = content["value"]
        assert isinstance(listed, list)
        yield from (row for row in listed if isinstance(row, dict))


@pytest.fixture(scope="module")
def shop() -> Iterator[Assortment]:
    with assortment(PRODUCTS_WHEN_VANISHED="retire") as running:
        yield running


@pytest.fixture(scope="module")
def systems(shop: Assortment) -> Iterator[Systems]:
    sales = Looking("dataverse", shop.sales.origin, dataverse_world.TOKEN, shop.sales.simulator)
    finops = Looking("finops", shop.finops.base_url, finops_environment.TOKEN, shop.finops.simulator)
    yield {"dataverse": sales, "finops": finops}
    sales.close()
    finops.close()


@pytest.fixture
def number() -> str:
    return f"P-{next(_NUMBERS)}"


def compared(systems: Systems, past: Past | None = None) -> Comparison:
    flow = watched_products(FLOWS.deployment(FLOWS.read_settings({**SETTINGS, "PRODUCTS_WHEN_VANISHED": "retire"})))
    return compare(flow.verdicts(systems), flow.targets(systems), flow, past or Past())


def wrong_fields(systems: Systems, number: str) -> set[str]:
    return {difference.field for difference in compared(systems).different if difference.key == number}


def other_list(shop: Assortment, name: str) -> str:
    currency = shop.catalogue["currency"]
    return shop.sales.create("pricelevels", name=name, transactioncurrencyid__to=f"/transactioncurrencies({currency})")


def add_item(shop: Assortment, number: str, price_list: str) -> None:
    row = shop.product(number)
    assert row is not None
    shop.sales.create(
        "productpricelevels",
        amount=1,
        pricingmethodcode=1,
        productid__to=f"/products({row['productid']})",
        pricelevelid__to=f"/pricelevels({price_list})",
        uomid__to=f"/uoms({shop.catalogue['unit']})",
    )


def item_id(shop: Assortment, number: str) -> str:
    (item,) = shop.items(number)
    return str(item["productpricelevelid"])


def item_gone(shop: Assortment, number: str) -> None:
    assert shop.sales.send("DELETE", f"productpricelevels({item_id(shop, number)})").status_code == 204


def item_of_another_amount(shop: Assortment, number: str) -> None:
    reply = shop.sales.patch(f"productpricelevels({item_id(shop, number)})", {"amount": 99}, If_Match="*")
    assert reply.status_code == 204, reply.text


def item_too_many(shop: Assortment, number: str) -> None:
    add_item(shop, number, other_list(shop, f"A list for {number}"))


def item_on_a_list_that_is_over(shop: Assortment, number: str) -> None:
    over = other_list(shop, f"A list that is over for {number}")
    item_gone(shop, number)
    add_item(shop, number, over)
    reply = shop.sales.patch(f"pricelevels({over})", {"enddate": "2020-01-31"}, If_Match="*")
    assert reply.status_code == 204, reply.text


def test_what_the_sync_has_written_compares_clean(shop: Assortment, systems: Systems, number: str) -> None:
    shop.put(number, SalesPrice=12.3456)
    shop.put(f"{number}-0", SalesPrice=0)
    shop.tick()
    assert wrong_fields(systems, number) == wrong_fields(systems, f"{number}-0") == set()
    assert number not in compared(systems).missing


@pytest.mark.parametrize("spoil", [item_gone, item_of_another_amount, item_too_many, item_on_a_list_that_is_over])
def test_a_price_list_item_that_is_not_right_is_a_difference(
    shop: Assortment, systems: Systems, number: str, spoil: Callable[[Assortment, str], None]
) -> None:
    shop.put(number, SalesPrice=12.5)
    shop.tick()
    spoil(shop, number)
    assert ITEM in wrong_fields(systems, number)


def test_an_item_of_a_product_without_a_price_is_a_difference(shop: Assortment, systems: Systems, number: str) -> None:
    shop.put(number, SalesPrice=0)
    shop.tick()
    add_item(shop, number, shop.catalogue["prices"])
    assert wrong_fields(systems, number) == {ITEM}


def test_a_field_that_is_behind_is_a_difference(shop: Assortment, systems: Systems, number: str) -> None:
    shop.put(number, ProductName="Old")
    shop.tick()
    shop.change(number, ProductName="New")
    assert wrong_fields(systems, number) == {"name"}


def test_a_product_stays_on_its_list_when_another_is_added(shop: Assortment, systems: Systems, number: str) -> None:
    shop.put(number, SalesPrice=5)
    shop.put(f"{number}-0", SalesPrice=0)
    shop.tick()
    other_list(shop, f"A first list by name for {number}")
    assert wrong_fields(systems, number) == wrong_fields(systems, f"{number}-0") == set()


def test_a_product_that_is_not_written_yet_is_missing(shop: Assortment, systems: Systems, number: str) -> None:
    shop.put(number)
    assert number in compared(systems).missing
    shop.tick()
    assert number not in compared(systems).missing


def test_a_product_that_vanished_is_looked_at_for_being_retired(
    shop: Assortment, systems: Systems, number: str
) -> None:
    shop.put(number)
    shop.tick()
    past = Past(keys={number: number})
    shop.take_away(number)
    assert [each.field for each in compared(systems, past).different if each.key == number] == ["statecode"]
    shop.tick()
    found = compared(systems, past)
    assert [each for each in found.different if each.key == number] == []
    assert number not in found.extra
