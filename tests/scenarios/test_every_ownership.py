"""Every ownership of a field between both simulators, whatever fails, when source and target are changed by people."""

import json
from collections.abc import Mapping

from local.simulator.faults import Rule
from shared.state.links import LinkState
from tests.scenarios.test_policies import SHORT, people_change
from tests.support.assortment import MAP_DOCUMENT, assortment
from tests.support.product import Product, product
from tests.support.thinned import spot_faults

OF_ACCOUNTS = {
    "SalesMemo": "owned",
    "PrimaryContactPhone": "on_create",
    "PrimaryContactFax": "fill_if_blank",
    "PrimaryContactEmail": "fill_if_blank",
    "PrimaryContactURL": "off",
}
OF_PRODUCTS = {
    "description": "fill_if_blank",
    "suppliername": {"word": "copy", "from": "ProductDescription", "ownership": "on_create"},
    "producttypecode": "off",
}


def deployed(content: Mapping[str, object], part: str, fields: Mapping[str, object]) -> str:
    return json.dumps({**content, "fields": {part: fields}})


def settled(sync: Product, system: str, rule: Rule | None) -> None:
    faults = getattr(sync, system).faults
    if rule is not None:
        faults.add(rule)
    sync.settle(60)
    faults.clear()
    sync.settle(90)


def customer(sync: Product) -> list[str]:
    row = sync.customer("A-1") or {}
    return [row["OrganizationName"], *(row[name] for name in OF_ACCOUNTS)]


@spot_faults(4, among=6)
def test_every_ownership_to_finops(rule: Rule | None) -> None:
    with product(MAP_DOCUMENT=deployed(SHORT, "accounts", OF_ACCOUNTS)) as sync:
        given = {"description": "m1", "telephone1": "p1", "fax": "f1", "websiteurl": "w1"}
        id = sync.account("A-1", name="Litware", **given)
        settled(sync, "finops", rule)
        assert customer(sync) == ["Litware", "m1", "p1", "f1", "", ""]
        people_change(sync, "A-1", SalesMemo="theirs", PrimaryContactPhone="theirs", PrimaryContactURL="theirs")
        later = {"description": "m2", "telephone1": "p2", "fax": "f2", "emailaddress1": "e2@contoso.com"}
        sync.edit(id, name="Litware II", websiteurl="w2", **later)
        settled(sync, "finops", rule)
        assert customer(sync) == ["Litware II", "m2", "theirs", "f1", "e2@contoso.com", "theirs"]
        sync.edit(id, **dict.fromkeys((*later, "websiteurl")))
        settled(sync, "finops", rule)
        assert customer(sync) == ["Litware II", "", "theirs", "f1", "e2@contoso.com", "theirs"]
        assert (sync.link(id).state, sync.failure(id)) == (LinkState.WRITTEN, None)


@spot_faults(5, among=6)
def test_every_ownership_to_sales(rule: Rule | None) -> None:
    with assortment(MAP_DOCUMENT=deployed(json.loads(MAP_DOCUMENT), "products", OF_PRODUCTS)) as sync:

        def found() -> list[object]:
            columns = "name,description,suppliername,producttypecode"
            (row,) = sync.sales.rows(f"products?$select={columns}&$filter=productnumber eq 'P-1'")
            return [row[name] for name in columns.split(",")]

        sync.put("P-1", ProductName="Bike", ProductDescription="first")
        settled(sync, "sales", rule)
        kind = found()[3]
        assert found() == ["Bike", "first", "first", kind]
        sync.change("P-1", ProductName="Boat", ProductDescription="second", ProductType="Service")
        settled(sync, "sales", rule)
        assert found() == ["Boat", "first", "first", kind]
        row = sync.product("P-1")
        assert row is not None
        sync.sales.patch(f"products({row['productid']})", {"description": None}, If_Match="*")
        sync.change("P-1", ProductName="Ship", ProductDescription="third")
        settled(sync, "sales", rule)
        assert found() == ["Ship", "third", "first", kind]
        assert (sync.link("P-1").state, sync.failure("P-1")) == (LinkState.WRITTEN, None)
