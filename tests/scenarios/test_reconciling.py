"""Both systems compared, whatever the sync believes: what people have changed, deleted or brought back is found."""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.operations import reconcile as module
from shared.operations.examine import Examined, Examining
from shared.operations.reconcile import Drift, Drifted, Reconciling
from shared.state.link_parts import Claim, ClaimKind
from shared.state.links import LinkState
from shared.state.storage.tables import Delete, Replace
from shared.sync.flow import Flow
from tests.support.assortment import Assortment, assortment
from tests.support.product import FLOW, Product
from tests.support.trading import Trading
from tests.unit.local.finops_environment import customer_url


def reconciling(sync: Product) -> Reconciling:
    service = sync.service
    return service.reconciling(FLOW)


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
    assert looked.compared == 4


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
    assert [(each.id, each.drift) for each in drifted(sync)] == [(id, Drift.MISSING)]


def test_a_record_that_is_gone_untold_is_extra(sync: Product) -> None:
    (id, _) = sync.linked(2)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    assert [(each.id, each.drift) for each in drifted(sync)] == [(id, Drift.EXTRA)]


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
    audit_log = sync.service.audit_log("operator")
    assert reconciling(sync).repair(found, audit_log, sync.service.sender) == 2
    sync.drain()
    assert drifted(sync) == []
    assert sync.writes() == writes + 2
    sync.check_in_step(ids)


def test_what_is_found_can_be_told_as_data(sync: Product) -> None:
    sync.linked(1)
    changed_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    (found,) = drifted(sync)
    assert json.loads(json.dumps(found.drift)) == "different"


def test_a_customer_that_says_it_comes_from_sales_and_is_no_account_is_extra(sync: Product) -> None:
    sync.linked(1)
    sync.finops.customer(CustomerAccount="B-9", IsExternallyMaintained="Yes")
    (found,) = drifted(sync)
    assert (found.id, found.key, found.drift) == (None, "B-9", Drift.EXTRA)


@pytest.mark.parametrize(
    "values",
    [{"IsExternallyMaintained": "No"}, {"PartyType": "Person", "PersonLastName": "Ek"}],
    ids=["theirs", "person"],
)
def test_a_customer_that_does_not_say_so_is_not_extra(sync: Product, values: dict[str, object]) -> None:
    sync.linked(1)
    given = {"CustomerAccount": "B-9", "IsExternallyMaintained": "Yes", **values}
    sync.finops.customer(**given)
    assert drifted(sync) == []


def test_a_customer_whose_account_is_there_and_not_linked_is_not_extra(sync: Product) -> None:
    sync.finops.customer(CustomerAccount="B-9", IsExternallyMaintained="Yes")
    sync.account("b-9")
    sync.tick()
    assert drifted(sync) == []


def test_a_customer_whose_account_has_ended_is_not_extra(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.tick()
    assert drifted(sync) == []


def test_a_repair_leaves_the_row_of_no_record_as_it_is(sync: Product) -> None:
    sync.linked(1)
    sync.finops.customer(CustomerAccount="B-9", IsExternallyMaintained="Yes")
    before = sync.snapshot()
    assert reconciling(sync).repair(drifted(sync), sync.service.audit_log("operator"), sync.service.sender) == 0
    assert sync.snapshot() == before


def test_a_comparison_without_time_continues_where_it_stopped(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_A_TIME", 1)
    for id in sync.linked(3):
        assert sync.sales.send("PATCH", f"accounts({id})", {"name": "Renamed"}).status_code == 204
    found, position = list[Drifted](), 0
    for _ in range(3):
        looked = reconciling(sync)
        found += looked.drifted(behind=position, not_after=0.0)
        assert (looked.compared, looked.complete) == (1, False)
        position = looked.position
    assert len({each.id for each in found}) == 3
    looked = reconciling(sync)
    assert list(looked.drifted(behind=position)) == []
    assert looked.complete


def test_a_weekly_comparison_gets_to_every_record_in_the_end(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_A_TIME", 1)
    sync.start(FUNCTION_TIMEOUT="00:05:00")
    sync.linked(2)
    looked = list[str]()
    examine = Examining.examine

    def slowly(self: Examining, flow: Flow, ids: Sequence[str], *, trust: bool = True) -> list[Examined]:
        looked.extend(ids)
        examined = examine(self, flow, ids, trust=trust)
        sync.clock.sleep(1000)
        return examined

    monkeypatch.setattr(Examining, "examine", slowly)
    for _ in range(2):
        sync.service.reconcile()
    assert len(set(looked)) == 2


def test_a_record_that_the_sync_knows_nothing_of_any_more_is_missing(sync: Product) -> None:
    (id, _) = sync.linked(2)
    service = sync.service
    service.state.links.table.transact([Delete(sync.link(id).to_row())])
    assert sync.finops.delete(customer_url("A-0"), {"cross-company": "true"}).status_code == 204
    assert [(each.id, each.drift) for each in drifted(sync)] == [(id, Drift.MISSING)]


def test_an_account_that_is_active_again_untold_is_missing_and_repaired(sync: Product) -> None:
    id = sync.account("A-1")
    sync.edit(id, statecode=1, statuscode=2)
    sync.tick()
    assert sync.link(id).state is LinkState.FILTERED
    sync.edit(id, statecode=0, statuscode=1)
    (found,) = drifted(sync)
    assert (found.id, found.drift) == (id, Drift.MISSING)
    reconciling(sync).repair([found], sync.service.audit_log("operator"), sync.service.sender)
    sync.drain()
    sync.check_in_step([id])


def test_an_account_that_has_ended_untold_is_extra(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.edit(id, statecode=1, statuscode=2)
    assert [(each.id, each.drift) for each in drifted(sync)] == [(id, Drift.EXTRA)]


def test_a_record_that_would_be_rejected_and_is_not_listed_is_reported(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.edit(id, address1_country="Atlantis")
    assert [(each.id, each.drift) for each in drifted(sync)] == [(id, Drift.DIFFERENT)]
    sync.tick()
    assert drifted(sync) == []


def test_a_record_in_the_hands_of_a_worker_is_left_to_it(sync: Product) -> None:
    (id,) = sync.linked(1)
    changed_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    link = replace(sync.link(id), claim=Claim("worker", ClaimKind.WORKING))
    sync.service.state.links.table.transact([Replace(link.to_row(), link.etag or "")])
    assert drifted(sync) == []


def of_products(shop: Assortment) -> list[Drifted]:
    service = shop.service
    return list(service.reconciling("products").drifted())


@pytest.mark.parametrize("price_items", ["automation", "sync"])
def test_products_in_step_have_not_drifted(price_items: str) -> None:
    with assortment(PRODUCTS_PRICE_ITEMS=price_items) as shop:
        shop.put("P-1", "P-2", ProductDescription="Red", UnitCost=3)
        shop.put("P-free", SalesPrice=0)
        shop.settle(3)
        service = shop.service
        looked = service.reconciling("products")
        assert list(looked.drifted()) == []
        assert looked.compared == 3


@pytest.mark.parametrize(
    ("column", "value", "right"), [("name", "By hand", "Bike"), ("price", 99, Decimal("12.5"))], ids=["name", "price"]
)
def test_a_column_of_a_product_that_people_have_changed_is_found_and_repaired(
    column: str, value: object, right: object
) -> None:
    with assortment() as shop:
        shop.put("P-1", "P-2")
        shop.settle(2)
        shop.sales.send("PATCH", f"products({product_id(shop, 'P-1')})", {column: value})
        (found,) = of_products(shop)
        assert (found.id, found.key, found.drift) == ("P-1", "P-1", Drift.DIFFERENT)
        assert (column, value, right) in [(change.field, change.old, change.new) for change in found.changes]
        service = shop.service
        assert service.reconciling("products").repair([found], service.audit_log("operator"), service.sender) == 1
        shop.drain()
        assert of_products(shop) == []


@pytest.mark.parametrize("price_items", ["automation", "sync"])
def test_a_price_list_item_that_people_have_changed_is_found_and_repaired(price_items: str) -> None:
    with assortment(PRODUCTS_PRICE_ITEMS=price_items) as shop:
        shop.put("P-1")
        shop.settle(1)
        (item,) = shop.items("P-1")
        shop.sales.send("PATCH", f"productpricelevels({item['productpricelevelid']})", {"amount": 1})
        (found,) = of_products(shop)
        assert [change.field for change in found.changes] == ["productpricelevel"]
        service = shop.service
        service.reconciling("products").repair([found], service.audit_log("operator"), service.sender)
        shop.drain()
        assert of_products(shop) == []
        (item,) = shop.items("P-1")
        assert item["amount"] == Decimal("12.5")


def test_a_product_that_we_have_made_and_that_no_product_of_finops_is_any_more_is_extra() -> None:
    with assortment() as shop:
        shop.put("P-1")
        shop.settle(1)
        shop.take_away("P-1")
        (found,) = of_products(shop)
        assert (found.id, found.drift) == ("P-1", Drift.EXTRA)


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
        service = shop.service
        assert [each.drift for each in service.reconciling("products").drifted()] == [Drift.MISSING]


def of_desk(desk: Trading, flow: str) -> list[Drifted]:
    service = desk.service
    return list(service.reconciling(flow).drifted())


def test_contacts_of_both_kinds_and_what_they_have_left_have_not_drifted(desk: Trading) -> None:
    account, other = desk.account("A-1"), desk.account("A-2")
    moved = desk.contact(account)
    desk.contact(account)
    customer = desk.contact(account)
    desk.tick()
    reply = desk.sales.patch(
        f"contacts({moved})", {"parentcustomerid_account@odata.bind": f"/accounts({other})"}, If_Match="*"
    )
    assert reply.status_code == 204, reply.text
    reply = desk.sales.patch(f"contacts({customer})", {"msdynce_isactivecustomer": True}, If_Match="*")
    assert reply.status_code == 204, reply.text
    desk.tick()
    assert len(desk.persons()) == 4
    assert of_desk(desk, "contacts") == of_desk(desk, "accounts") == []


@pytest.mark.parametrize(("mark", "extra"), [("Yes", 1), ("No", 0)])
def test_a_contact_person_is_extra_only_if_it_says_that_it_comes_from_sales(
    desk: Trading, mark: str, extra: int
) -> None:
    desk.account("A-1")
    desk.tick()
    person = {
        "dataAreaId": "usmf", "ContactPersonPartyNumber": "CON-9", "AssociatedContactType": "Customer",
        "AssociatedContactNumber": "A-1", "FirstName": "Eva", "LastName": "Ek",
        "IsContactPersonExternallyMaintained": mark,
    }  # fmt: skip
    assert desk.finops.post("CDSContactPersonsV2", person).status_code == 201
    expected = [(None, "CON-9/A-1", Drift.EXTRA)] * extra
    assert [(each.id, each.key, each.drift) for each in of_desk(desk, "contacts")] == expected


def test_a_line_of_a_quotation_that_people_have_changed_is_found_and_repaired(desk: Trading) -> None:
    (_, number) = desk.quote(desk.account("A-1"), lines=2)
    desk.tick()
    assert of_desk(desk, "quotations") == []
    line = f"CDSSalesQuotationLines(dataAreaId='usmf',LineCreationSequenceNumber=1,SalesQuotationNumber='{number}')"
    assert desk.finops.patch(line, {"RequestedSalesQuantity": 7}, {"cross-company": "true"}).status_code == 204
    (found,) = of_desk(desk, "quotations")
    assert [(change.line, change.field, change.old, change.new) for change in found.changes] == [
        (1, "RequestedSalesQuantity", 7, 2)
    ]
    service = desk.service
    service.reconciling("quotations").repair([found], service.audit_log("operator"), service.sender)
    desk.tick()
    assert of_desk(desk, "quotations") == []


def product_id(shop: Assortment, number: str) -> str:
    made = shop.product(number)
    assert made is not None
    return str(made["productid"])
