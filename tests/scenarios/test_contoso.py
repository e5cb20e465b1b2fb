"""The example of an organisation with columns of its own: the small sample of the records, filled as the demo fills it,
between both simulators that have the columns."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.dataverse.loading import load_folder
from local.demo import samples
from local.demo.arguments import SAMPLES
from local.demo.configuration import read_configuration
from local.demo.ownvalues import filled_folder
from local.demo.sampling import choose
from local.finops.settings import Settings as FinopsSettings
from local.simulator.owncolumns import read_own_columns
from shared.records import Values
from tests.support.assortment import Assortment
from tests.support.product import Product
from tests.support.project import ROOT
from tests.unit.local import dataverse_world, finops_environment

CONTOSO = ROOT / "examples" / "contoso.yaml"
TIERS = {100000000: "Bronze", 100000001: "Silver", 100000002: "Gold", None: "None"}
BRANDS = {"Standard": 100000000, "Own": 100000001, "Licensed": 100000002}


def rows_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """The records of a file."""
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The small sample, with values in Contoso's columns."""
    small = tmp_path / "small"
    small.mkdir()
    choose(SAMPLES).write(small)
    with filled_folder(small, read_own_columns(CONTOSO)) as filled:
        yield filled


@pytest.fixture
def synced(folder: Path) -> Iterator[Product]:
    """Contoso, after its accounts, contacts and products were synced."""
    own = read_own_columns(CONTOSO)
    units = samples.unit_pairs(folder)
    document = read_configuration({}, unit_group=samples.unit_group(folder), units=units, map_file=CONTOSO).value_maps
    with ExitStack() as stack:
        precise = {"pricingdecimalprecision": 4}
        sales = stack.enter_context(dataverse_world.dataverse(own=CONTOSO, settings_row=precise))
        load_folder(sales.organisation, folder)
        finops = stack.enter_context(finops_environment.environment(FinopsSettings(), folder, own))
        sync = Assortment(sales, finops, MAP_DOCUMENT=document or "")
        for flow in ("accounts", "contacts", "products"):
            sync.flow = flow
            sync.tick()
        yield sync


# What Microsoft's library does not know are Contoso's own columns.
@pytest.mark.odata_refused("Contoso", "new_")
def test_what_contoso_maps_is_in_its_own_columns_and_what_it_filters_has_the_name_of_the_filter(
    synced: Product, folder: Path
) -> None:
    assert_customers(synced, folder)
    assert_brands(synced, folder)
    assert_kept_in_sales(synced, folder)


def assert_customers(synced: Product, folder: Path) -> None:
    """Every customer has what the document maps into its own fields."""
    owners = {row["systemuserid"]: row["fullname"] for row in rows_of(folder, "systemusers")}
    accounts = rows_of(folder, "accounts")
    assert {row.get("new_tier") for row in accounts} == set(TIERS), "every option, and none, is tried"
    for account in accounts:
        customer: Values = synced.customer(account["accountnumber"]) or {}
        since, seats = account["new_customersince"], account["numberofemployees"]
        assert {name: customer[name] for name in customer if name.startswith("Contoso")} == {
            "ContosoTier": TIERS[account["new_tier"]],
            "ContosoAccountManager": owners[account["_ownerid_value"]],
            "ContosoSegment": "LARGE" if seats >= 50 else "MEDIUM" if seats >= 10 else "SMALL",
            "ContosoCustomerSince": f"{since or '1900-01-01'}T12:00:00Z",
        }


def assert_brands(synced: Product, folder: Path) -> None:
    """Every product has its brand in Sales."""
    products = rows_of(folder, "products")
    found = {
        row["productnumber"]: row["new_brand"] for row in synced.sales.rows("products?$select=productnumber,new_brand")
    }
    assert found == {row["ProductNumber"]: BRANDS[row["ContosoBrand"]] for row in products}


def assert_kept_in_sales(synced: Product, folder: Path) -> None:
    """Contacts that Contoso keeps in Sales are filtered by the name of the filter."""
    kept = {row["contactid"] for row in rows_of(folder, "contacts") if row["new_keptinsales"]}
    links = synced.state.links.load("contacts", sorted(kept))
    assert {link.rule for link in links.values()} == {"filter.for_finance"}
    assert kept
