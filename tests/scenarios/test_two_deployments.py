"""Two deployments, of two legal entities, on one Sales organisation: what one maintains, the other leaves alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.simulator.faults import Kind, Rule
from shared import exact_json
from shared.mapping.map_source import SHIPPED
from shared.operations.preflight.run import Preflight
from shared.records import Json
from shared.state.failures import Failure
from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT, Assortment
from tests.support.product import Product, product
from tests.unit.local import dataverse_world, finops_environment

NUMBER = "P-1"
OTHER = "maintained_by_other_deployment"
NAMED = "the product P-1 of Sales is maintained by the sync of the company"


class Neighbour(Assortment):
    """The deployment of another company between the same systems."""

    def __init__(self, first: Assortment, **settings: str) -> None:
        self.catalogue = first.catalogue
        Product.__init__(self, first.sales, first.finops, **{"MAP_DOCUMENT": MAP_DOCUMENT, **settings})


@contextmanager
def two(own: Path | None = None, **settings: str) -> Iterator[tuple[Assortment, Assortment]]:
    """The products of USMF and of USRT, with the same settings."""
    precise = {"pricingdecimalprecision": 4}
    with (
        dataverse_world.dataverse(settings_row=precise, own=own) as sales,
        finops_environment.environment() as finops,
    ):
        usmf = Assortment(sales, finops, **settings)
        usrt = Neighbour(usmf, COMPANY="usrt", **settings)
        for each in (usmf, usrt):
            each.put(NUMBER, dataAreaId=each.settings.COMPANY, ProductName=f"Bike of {each.settings.COMPANY}")
        yield usmf, usrt


def name_in_sales(sync: Assortment) -> Any:
    return (sync.product(NUMBER) or {})["name"]


def listed(sync: Assortment) -> Failure:
    """Why the product is not in step."""
    failure = sync.failure(NUMBER)
    assert failure is not None
    return failure


@pytest.mark.parametrize("on_existing", ["reject", "adopt"])
def test_a_product_that_another_company_has_made_is_rejected_by_the_name_of_that_company(on_existing: str) -> None:
    with two(PRODUCTS_ON_EXISTING=on_existing) as (usmf, usrt):
        usmf.tick()
        usrt.tick()
        failure = listed(usrt)
        assert (failure.cause, failure.message) == (OTHER, f"{NAMED} usmf (Contoso Entertainment System USA)")
        assert "a filter of `products`" in failure.remedy
        assert (name_in_sales(usrt), usrt.products()) == ("Bike of usmf", 1)


def test_the_owner_goes_on_and_nothing_of_the_other_is_ever_written() -> None:
    with two(PRODUCTS_ON_EXISTING="adopt") as (usmf, usrt):
        usmf.tick()
        for price in (20, 30):
            for each in (usrt, usmf):
                each.change(NUMBER, dataAreaId=each.settings.COMPANY, SalesPrice=price + len(each.settings.COMPANY))
                each.tick()
        assert (name_in_sales(usmf), usmf.link(NUMBER).state) == ("Bike of usmf", LinkState.WRITTEN)
        assert listed(usrt).cause == OTHER


def test_once_the_owner_has_let_the_product_go_the_number_is_free() -> None:
    with two() as (usmf, usrt):
        usmf.tick()
        usrt.tick()
        usmf.sales.send("DELETE", f"products({(usmf.product(NUMBER) or {})['productid']})")
        usrt.settle(minutes=120)
        assert (name_in_sales(usrt), usrt.failure(NUMBER)) == ("Bike of usrt", None)


def test_a_product_that_people_have_made_is_adopted_as_before() -> None:
    with two(PRODUCTS_ON_EXISTING="adopt") as (usmf, _usrt):
        groups = usmf.sales.rows("uomschedules?$select=uomscheduleid&$filter=name eq 'Units'")
        units = usmf.sales.rows("uoms?$select=uomid&$filter=name eq 'Each'")
        usmf.sales.create(
            "products", name="By hand", productnumber=NUMBER, quantitydecimal=0,
            defaultuomscheduleid__to=f"/uomschedules({groups[0]['uomscheduleid']})",
            defaultuomid__to=f"/uoms({units[0]['uomid']})",
        )  # fmt: skip
        usmf.tick()
        assert (name_in_sales(usmf), usmf.link(NUMBER).state) == ("Bike of usmf", LinkState.WRITTEN)


def test_a_refused_look_at_the_companies_blames_no_product() -> None:
    with two() as (usmf, usrt):
        usmf.tick()
        usrt.finops.faults.add(Rule(Kind.ERROR_BEFORE, path="LegalEntities.*Name"))
        usrt.tick()
        assert usrt.failure(NUMBER) is None
        usrt.finops.faults.clear()
        usrt.settle()
        assert listed(usrt).cause == OTHER


@pytest.mark.odata_refused("new_company")
def test_an_adopted_product_tells_its_company_by_a_column_that_the_map_document_fills(tmp_path: Path) -> None:
    content = exact_json.loads(MAP_DOCUMENT)
    assert isinstance(content, dict)
    own: Json = {"products": {"new_company": {"type": "text", "length": 4}}}
    fields: Json = {"products": {"new_company": {"word": "copy", "from": "dataAreaId"}}}
    document = exact_json.dumps({**content, "own_columns": own, "fields": fields})
    file = tmp_path / "own.json"
    file.write_text(exact_json.dumps({"own_columns": own}), encoding="utf-8")
    with two(file, PRODUCTS_ON_EXISTING="adopt", MAP_DOCUMENT=document) as (usmf, usrt):
        usmf.tick()
        made = usmf.product(NUMBER) or {}
        # As if people had made it: another id, and the same column.
        usmf.sales.send("DELETE", f"products({made['productid']})")
        lookups = {
            f"{name}@odata.bind": f"/{table}({made[f'_{name}_value']})"
            for name, table in (("defaultuomid", "uoms"), ("defaultuomscheduleid", "uomschedules"))
        }
        usmf.sales.send(
            "POST",
            "products",
            {"name": "A", "productnumber": NUMBER, "quantitydecimal": 0, "new_company": "usmf", **lookups},
        )
        usrt.tick()
        assert (listed(usrt).cause, listed(usrt).message) == (OTHER, f"{NAMED} usmf")


def apart(sync: Product) -> list[str]:
    """What a preflight says of the accounts of other companies."""
    checks = Preflight(sync.service.systems, sync.deployment, sync.clock.now()).checks()
    what = "no account of this deployment is a customer of another company in CustomersV3"
    return [f"{each.verdict}: {each.found}" for each in checks if each.what == what]


def test_preflight_names_the_accounts_that_another_company_has_made_customers_and_this_one_keeps() -> None:
    with product() as usmf:
        usrt = Product(usmf.sales, usmf.finops, COMPANY="usrt")
        assert apart(usrt) == ["well: "]
        for number in ("A-1", "A-2"):
            usmf.account(number, customertypecode=3 if number == "A-1" else 5)
        usmf.tick()
        assert apart(usrt) == ["by hand: 2 accounts that this deployment keeps: A-1 of usmf, A-2 of usmf"]
        keep: dict[str, Json] = {"column": "customertypecode", "operator": "eq", "value": 5}
        filters: Json = {"accounts": [{"name": "ours", "keep": keep}]}
        content = exact_json.loads(SHIPPED.read_text(encoding="utf-8"))
        assert isinstance(content, dict)
        usrt.start(MAP_DOCUMENT=exact_json.dumps({**content, "filters": filters}))
        assert apart(usrt) == ["by hand: 1 account that this deployment keeps: A-2 of usmf"]
        keep["value"] = 8
        usrt.start(MAP_DOCUMENT=exact_json.dumps({**content, "filters": filters}))
        assert apart(usrt) == ["well: "]
