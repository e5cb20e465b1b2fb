"""Every flow obeys the policies that it may have, and reads nothing for those that it does not have."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.dataverse.settings import Settings as SalesSettings
from local.simulator.faults import Kind, Rule
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.state.links import LinkState
from shared.systems import System
from tests.support.assortment import MAP_DOCUMENT, Assortment, assortment
from tests.support.faults import READS, SPOT_FAULTS_OF_READS, WRITES, name_of
from tests.support.invoicing import invoicing
from tests.support.operator import operated, p2c
from tests.support.ordering import ordering
from tests.support.product import Product, product
from tests.support.returning import Returning
from tests.support.steps import Crash
from tests.support.thinned import by_turns, share_of_steps, spot_faults
from tests.support.trading import ACTIVE, DRAFT, Trading, trading, trading_as
from tests.support.world import LEASE_S
from tests.unit.local.finops_documents import order_url
from tests.unit.local.finops_documents import person_url as person_of

WHY = ("--reason", "as agreed", "--yes")
COMPANY = {"cross-company": "true"}


def deciding(flow: str, **policy: str) -> str:
    """A map document with these policies for a flow."""
    return json.dumps({**json.loads(MAP_DOCUMENT), "policies": {flow: policy}})


def disturbed(desk: Product, rule: Rule | None, system: str) -> None:
    """The flow runs while a system fails, and then until it is at rest."""
    faults = getattr(desk, system).faults
    if rule is not None:
        faults.add(rule)
        desk.settle(60, alone=True)
        faults.clear()
    desk.settle(90, alone=True)


def conflict_of(desk: Product, id: str) -> str:
    """The field that a record is listed for as a conflict."""
    failure = desk.failure(id)
    assert failure is not None
    assert failure.cause == "conflict", failure.message
    return failure.value


# Contacts


def person(desk: Trading) -> dict[str, Any]:
    """The only contact person."""
    (found,) = desk.persons().values()
    return found


def person_url(desk: Trading) -> str:
    ((number, customer),) = desk.persons()
    return person_of(number, customer)


def contested_person(desk: Trading) -> str:
    """A contact whose profession people have changed, and whose profession and fax change in Sales; its id."""
    desk.flow = CONTACTS
    id = desk.contact(desk.account("A-1"), jobtitle="Owner")
    desk.tick()
    reply = desk.finops.patch(person_url(desk), {"EmploymentProfession": "Buyer"}, COMPANY)
    assert reply.status_code == 204, reply.text
    desk.sales.patch(f"contacts({id})", {"jobtitle": "Chief", "fax": "77"}, If_Match="*")
    return id


@spot_faults(1, among=6)
def test_what_others_have_changed_in_a_contact_person_stays(rule: Rule | None) -> None:
    with trading(MAP_DOCUMENT=deciding(CONTACTS, on_conflict="target_wins")) as desk:
        id = contested_person(desk)
        disturbed(desk, rule, "finops")
        assert (person(desk)["EmploymentProfession"], person(desk)["PrimaryFaxNumber"]) == ("Buyer", "77")
        assert desk.link(id).content.kept == {"EmploymentProfession": "Buyer"}


@pytest.mark.parametrize(("taken", "profession"), [("sales", "Chief"), ("finops", "Buyer")])
def test_a_conflict_in_a_contact_person_is_decided(taken: str, profession: str) -> None:
    with trading(MAP_DOCUMENT=deciding(CONTACTS, on_conflict="stop")) as desk, operated(desk):
        id = contested_person(desk)
        desk.tick()
        assert conflict_of(desk, id) == "EmploymentProfession"
        p2c("resolve", CONTACTS, id, "--take", taken, *WHY)
        desk.tick()
        assert (person(desk)["EmploymentProfession"], person(desk)["PrimaryFaxNumber"]) == (profession, "77")
        assert desk.failure(id) is None


@pytest.mark.parametrize("policy", ["stop", "target_wins", "source_wins"])
def test_a_contact_person_that_people_ended_before_sales_did_resumes_with_its_contact(policy: str) -> None:
    with trading(MAP_DOCUMENT=deciding(CONTACTS, on_conflict=policy)) as desk:
        desk.flow = CONTACTS
        id = desk.contact(desk.account("A-1"))
        desk.tick()
        assert desk.finops.patch(person_url(desk), {"IsInactive": "Yes"}, COMPANY).status_code == 204
        desk.sales.patch(f"contacts({id})", {"statecode": 1, "statuscode": 2}, If_Match="*")
        desk.tick()
        assert (person(desk)["IsInactive"], desk.link(id).state) == ("Yes", LinkState.ENDED)
        desk.sales.patch(f"contacts({id})", {"statecode": 0, "statuscode": 1}, If_Match="*")
        desk.tick()
        assert (person(desk)["IsInactive"], desk.link(id).state) == ("No", LinkState.WRITTEN)
        assert desk.failure(id) is None


@spot_faults(0, among=6)
def test_a_contact_person_that_was_deleted_stays_deleted(rule: Rule | None) -> None:
    with trading(MAP_DOCUMENT=deciding(CONTACTS, on_target_deleted="unlink")) as desk:
        id = contested_person(desk)
        assert desk.finops.delete(person_url(desk), COMPANY).status_code == 204
        disturbed(desk, rule, "finops")
        assert (desk.persons(), desk.link(id).rule) == ({}, "target_deleted")


# Products


def people_rename(desk: Assortment, name: str) -> None:
    """Somebody renames the product in Sales."""
    row = desk.product("P-1")
    assert row is not None
    assert desk.sales.patch(f"products({row['productid']})", {"description": name}, If_Match="*").status_code == 204


def name_and_price(desk: Assortment) -> tuple[object, object, object]:
    row = desk.product("P-1")
    assert row is not None
    return row["description"], row["name"], desk.items("P-1")[0]["amount"]


def contested_product(desk: Assortment) -> None:
    """A product that people have described in Sales otherwise, and that gets all else anew in F&O."""
    desk.put("P-1", ProductDescription="Ours")
    desk.tick()
    people_rename(desk, "Theirs")
    desk.change("P-1", ProductDescription="Ours again", ProductName="Bicycle", SalesPrice=14)


# An answer of Sales that is lost, and one that is cut.
OF_ORDERS = [Rule(Kind.DROP_AFTER, WRITES, times=2), Rule(Kind.TRUNCATE, READS, times=4)]
# The reads of a policy are a batch, too, and would take the fault of a write.
OF_BULK_WRITES = Rule(Kind.DROP_AFTER, WRITES, path="Microsoft.Dynamics.CRM.UpdateMultiple", times=2)


# What becomes of a product that vanishes decides whether a new one is a draft for a moment; the policies do not.
VANISHED = pytest.mark.parametrize("vanished", ["keep", pytest.param("retire", marks=pytest.mark.nightly)])


@spot_faults(2, OF_BULK_WRITES, among=6)
def test_what_others_have_changed_in_a_product_stays(rule: Rule | None) -> None:
    with assortment(MAP_DOCUMENT=deciding(PRODUCTS, on_conflict="target_wins")) as desk:
        contested_product(desk)
        disturbed(desk, rule, "sales")
        assert name_and_price(desk) == ("Theirs", "Bicycle", 14)


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
@spot_faults(5, among=6)
def test_a_price_that_is_not_there_because_its_product_got_no_answer_is_no_change_of_others(
    policy: str, rule: Rule | None
) -> None:
    """Without the automation of Sales, the sync makes the price list item after the product."""
    maps = json.loads(deciding(PRODUCTS, on_conflict=policy))
    maps["fields"] = {PRODUCTS: {"msdynce_ismaintainedexternally": "off"}}
    with assortment(solution=False, MAP_DOCUMENT=json.dumps(maps), PRODUCTS_PRICE_ITEMS="sync") as desk:
        desk.put("P-1")
        disturbed(desk, rule, "sales")
        assert desk.failure("P-1") is None
        assert len(desk.items("P-1")) == 1


@VANISHED
@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_a_draft_without_price_is_no_change_of_others_if_the_creation_got_no_answer(policy: str, vanished: str) -> None:
    """A new product takes neither its state nor, where the automation of Sales makes the items, its price."""
    document = deciding(PRODUCTS, on_conflict=policy)
    with assortment(MAP_DOCUMENT=document, PRODUCTS_WHEN_VANISHED=vanished) as desk:
        desk.sales.faults.add(Rule(Kind.DROP_AFTER, WRITES, path="products", times=1))
        desk.put("P-1")
        desk.tick()
        row = desk.product("P-1")
        assert row is not None
        assert (row["statecode"], row["price"]) == (2, None)
        disturbed(desk, None, "sales")
        row = desk.product("P-1")
        assert desk.failure("P-1") is None
        assert row is not None
        assert (row["statecode"], row["price"], len(desk.items("P-1"))) == (0, 12.5, 1)


@VANISHED
@pytest.mark.parametrize("policy", ["source_wins", "target_wins", "stop"])
def test_a_product_that_is_created_again_without_an_answer_is_finished(policy: str, vanished: str) -> None:
    """What it shows until then is no change of others, and its creation does not end as a draft."""
    document = deciding(PRODUCTS, on_conflict=policy)
    with assortment(MAP_DOCUMENT=document, PRODUCTS_WHEN_VANISHED=vanished) as desk:
        deleted_product(desk)
        desk.sales.faults.add(Rule(Kind.DROP_AFTER, WRITES, path="CreateMultiple", times=1))
        desk.tick()
        row = desk.product("P-1")
        assert row is not None
        assert (row["statecode"], row["price"]) == (2, None)
        desk.change("P-1", ProductName="Tandem")
        disturbed(desk, None, "sales")
        row = desk.product("P-1")
        assert desk.failure("P-1") is None
        assert row is not None
        assert (row["name"], row["statecode"], row["price"]) == ("Tandem", 0, 12.5)
        assert len(desk.items("P-1")) == 1


@share_of_steps(3)
def test_a_crash_at_any_step_of_a_second_creation_without_an_answer_leaves_no_draft(every: int) -> None:
    """Sales refuses the update, because people have deleted the product, and the product is created at once."""
    with assortment() as desk:
        drafts = 0
        for step in range(1, 40, every):
            deleted_product(desk, price=step)
            desk.service.pull(PRODUCTS)
            desk.sales.faults.add(Rule(Kind.DROP_AFTER, WRITES, path="CreateMultiple", times=1))
            desk.steps.crash_at(desk.steps.count + step)
            try:
                desk.drain()
            except Crash:
                row = desk.product("P-1")
                drafts += row is not None and row["statecode"] == 2
                desk.sales.faults.clear()
                desk.clock.sleep(LEASE_S)
                desk.settle(12)
                row = desk.product("P-1")
                assert row is not None
                assert (row["name"], row["statecode"], row["price"]) == ("Bicycle", 0, step), step
                assert len(desk.items("P-1")) == 1
            else:
                assert drafts
                return
        raise AssertionError("the work does not come to an end")


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_what_a_row_held_before_it_was_taken_over_is_no_change_of_others_though_the_write_was_lost(policy: str) -> None:
    """An operator has unlinked the product, so its next write takes the row over, whatever it holds."""
    with assortment(MAP_DOCUMENT=deciding(PRODUCTS, on_conflict=policy)) as desk:
        taken_over_without_an_answer(desk)
        disturbed(desk, None, "sales")
        assert desk.failure("P-1") is None
        assert name_and_price(desk) == ("Ours again", "Bicycle", 14)


@pytest.mark.parametrize(("policy", "name"), [("target_wins", "Bicycle"), ("stop", "Bike")])
def test_what_others_change_after_a_take_over_without_an_answer_is_their_change(policy: str, name: str) -> None:
    with assortment(MAP_DOCUMENT=deciding(PRODUCTS, on_conflict=policy)) as desk:
        taken_over_without_an_answer(desk)
        people_rename(desk, "Theirs")
        disturbed(desk, None, "sales")
        description, now, _ = name_and_price(desk)
        assert (description, now) == ("Theirs", name)
        if policy == "stop":
            assert conflict_of(desk, "P-1") == "description"


def taken_over_without_an_answer(desk: Assortment) -> None:
    """An unlinked product changes in F&O, and the write to its row is lost on its way."""
    desk.put("P-1", ProductDescription="Ours")
    desk.tick()
    with operated(desk):
        p2c("links", PRODUCTS, "unlink", "P-1", "--yes")
    desk.change("P-1", ProductDescription="Ours again", ProductName="Bicycle", SalesPrice=14)
    desk.sales.faults.add(Rule(Kind.DROP_BEFORE, WRITES, path="Microsoft.Dynamics.CRM.UpdateMultiple", times=1))
    desk.tick()
    assert name_and_price(desk)[0] == "Ours"


def test_a_price_that_others_delete_after_a_write_was_refused_is_their_change() -> None:
    maps = json.loads(deciding(PRODUCTS, on_conflict="stop"))
    maps["fields"] = {PRODUCTS: {"msdynce_ismaintainedexternally": "off"}}
    with assortment(solution=False, MAP_DOCUMENT=json.dumps(maps), PRODUCTS_PRICE_ITEMS="sync") as desk:
        desk.put("P-1")
        desk.tick()
        desk.sales.faults.add(
            Rule(Kind.THROTTLE, WRITES, path="Microsoft.Dynamics.CRM.UpdateMultiple", times=1, retry_after="900")
        )
        desk.change("P-1", ProductName="Bicycle")
        desk.tick()
        (item,) = desk.items("P-1")
        assert desk.sales.send("DELETE", f"productpricelevels({item['productpricelevelid']})").status_code == 204
        desk.change("P-1", SalesPrice=14)
        desk.settle(30)
        assert conflict_of(desk, "P-1") == "productpricelevel"
        assert desk.items("P-1") == []


@pytest.mark.parametrize(("taken", "name"), [("finops", "Ours again"), ("sales", "Theirs")])
def test_a_conflict_in_a_product_is_decided(taken: str, name: str) -> None:
    with assortment(MAP_DOCUMENT=deciding(PRODUCTS, on_conflict="stop")) as desk, operated(desk):
        contested_product(desk)
        desk.tick()
        assert conflict_of(desk, "P-1") == "description"
        p2c("resolve", PRODUCTS, "P-1", "--take", taken, *WHY)
        desk.drain()
        assert name_and_price(desk) == (name, "Bicycle", 14)
        assert desk.failure("P-1") is None


DELETED = [
    ("recreate", LinkState.WRITTEN, None),
    ("unlink", LinkState.FILTERED, "target_deleted"),
    ("list", LinkState.REJECTED, "target_gone"),
]
# That documents which stay deleted are filtered, tests of faults show at each change.
DELETED_DOCUMENTS = [
    pytest.param(*case, marks=pytest.mark.nightly if case[0] == "unlink" else (), id=case[0]) for case in DELETED
]


def deleted_product(desk: Assortment, *, price: float = 12.5) -> None:
    """A product that people have deleted in Sales, and that changes in F&O."""
    desk.put("P-1", SalesPrice=price)
    desk.tick()
    row = desk.product("P-1")
    assert row is not None
    # Sales deletes no product that is active.
    url = f"products({row['productid']})"
    assert desk.sales.patch(url, {"statecode": 1, "statuscode": 2}, If_Match="*").status_code == 204
    assert desk.sales.send("DELETE", url).status_code == 204
    desk.change("P-1", ProductName="Bicycle")


@pytest.mark.parametrize(("policy", "state", "rule"), DELETED)
def test_a_product_that_was_deleted_comes_back_or_not(policy: str, state: LinkState, rule: str | None) -> None:
    with assortment(MAP_DOCUMENT=deciding(PRODUCTS, on_target_deleted=policy)) as desk:
        deleted_product(desk)
        desk.settle(15)
        assert (desk.link("P-1").state, desk.link("P-1").rule) == (state, rule)
        assert (desk.product("P-1") is not None) is (policy == "recreate")


@spot_faults(0, among=6)
def test_a_product_that_was_deleted_stays_deleted(rule: Rule | None) -> None:
    with assortment(MAP_DOCUMENT=deciding(PRODUCTS, on_target_deleted="unlink", on_conflict="stop")) as desk:
        deleted_product(desk)
        disturbed(desk, rule, "sales")
        assert (desk.product("P-1"), desk.link("P-1").rule) == (None, "target_deleted")


def test_a_price_that_others_have_changed_is_a_conflict_and_is_written_when_that_is_decided() -> None:
    with assortment(MAP_DOCUMENT=deciding(PRODUCTS, on_conflict="stop")) as desk, operated(desk):
        desk.put("P-1")
        desk.tick()
        item = desk.items("P-1")[0]["productpricelevelid"]
        assert desk.sales.patch(f"productpricelevels({item})", {"amount": 99}, If_Match="*").status_code == 204
        desk.change("P-1", SalesPrice=14)
        desk.tick()
        assert conflict_of(desk, "P-1") == "productpricelevel"
        p2c("resolve", PRODUCTS, "P-1", "--take", "finops", *WHY)
        desk.drain()
        assert (desk.items("P-1")[0]["amount"], desk.failure("P-1")) == (14, None)


# Quotations


def contested_quote(desk: Trading) -> str:
    """A quote whose quotation people have given another name, and that gets another name and line; its number."""
    account = desk.account("A-1")
    desk.tick()
    id, number = desk.quote(account, emailaddress="a@contoso.com")
    desk.tick()
    desk.at_finops(number, SalesQuotationName="Theirs")
    change_quote(desk, id, name="Ours again", emailaddress="b@contoso.com")
    return number


def change_quote(desk: Trading, id: str, **values: object) -> None:
    desk.set_state(id, DRAFT)
    desk.change_draft(f"quotes({id})", **values)
    desk.set_state(id, ACTIVE)


def header(desk: Trading, number: str) -> tuple[object, object]:
    quotation = desk.quotation(number) or {}
    return quotation["SalesQuotationName"], quotation["Email"]


@spot_faults(2, among=6)
def test_what_others_have_changed_in_the_header_of_a_quotation_stays(rule: Rule | None) -> None:
    with trading(MAP_DOCUMENT=deciding(QUOTATIONS, on_conflict="target_wins")) as desk:
        number = contested_quote(desk)
        disturbed(desk, rule, "finops")
        assert header(desk, number) == ("Theirs", "b@contoso.com")
        assert desk.link(number).content.kept == {"SalesQuotationName": "Theirs"}


def test_a_header_that_others_change_between_the_read_and_the_write_is_not_written_over() -> None:
    with trading(MAP_DOCUMENT=deciding(QUOTATIONS, on_conflict="target_wins")) as desk:
        account = desk.account("A-1")
        desk.tick()
        id, number = desk.quote(account)
        desk.tick()
        change_quote(desk, id, name="Ours again", emailaddress="b@contoso.com")
        desk.service.pull(QUOTATIONS)
        # After the storage has noted what is sent, and before that is sent.
        desk.steps.at[desk.steps.count + 10] = lambda: desk.at_finops(number, SalesQuotationName="Theirs")
        desk.drain()
        assert not desk.steps.disturbed
        assert desk.refused_as_changed() == 1
        desk.settle(30)
        assert (header(desk, number), desk.failure(number)) == (("Theirs", "b@contoso.com"), None)


def test_lines_are_written_whatever_others_change_in_the_header_meanwhile() -> None:
    """A write of lines alone names no version of the header."""
    with trading(MAP_DOCUMENT=deciding(QUOTATIONS, on_conflict="stop")) as desk:
        account = desk.account("A-1")
        desk.tick()
        id, number = desk.quote(account)
        desk.tick()
        (line,) = desk.lines(id)
        desk.set_state(id, DRAFT)
        desk.change_draft(f"quotedetails({line['quotedetailid']})", quantity=7)
        desk.set_state(id, ACTIVE)
        desk.service.pull(QUOTATIONS)
        desk.steps.at[desk.steps.count + 10] = lambda: desk.at_finops(number, SalesQuotationName="Theirs")
        desk.drain()
        assert not desk.steps.disturbed
        quotation = desk.quotation(number) or {}
        assert [line["RequestedSalesQuantity"] for line in quotation["lines"].values()] == [7]
        assert (header(desk, number)[0], desk.failure(number)) == ("Theirs", None)
        assert desk.link(number).state is LinkState.WRITTEN


@pytest.mark.parametrize(("taken", "name"), [("sales", "Ours again"), ("finops", "Theirs")])
def test_a_conflict_in_the_header_of_a_quotation_is_decided(taken: str, name: str) -> None:
    with trading(MAP_DOCUMENT=deciding(QUOTATIONS, on_conflict="stop")) as desk, operated(desk):
        number = contested_quote(desk)
        desk.tick()
        assert conflict_of(desk, number) == "SalesQuotationName"
        p2c("resolve", QUOTATIONS, number, "--take", taken, *WHY)
        desk.tick()
        assert (header(desk, number), desk.failure(number)) == ((name, "b@contoso.com"), None)


def deleted_quotation(desk: Trading) -> str:
    """A quote whose quotation people have deleted, and that changes; its number."""
    number = contested_quote(desk)
    url = f"CDSSalesQuotationHeaders(dataAreaId='usmf',SalesQuotationNumber='{number}')"
    assert desk.finops.delete(url, COMPANY).status_code == 204
    return number


@spot_faults(4, among=6)
def test_a_quotation_that_was_deleted_stays_deleted(rule: Rule | None) -> None:
    with trading(MAP_DOCUMENT=deciding(QUOTATIONS, on_target_deleted="unlink", on_conflict="stop")) as desk:
        number = deleted_quotation(desk)
        disturbed(desk, rule, "finops")
        assert (desk.quotation(number), desk.link(number).rule) == (None, "target_deleted")


@pytest.mark.parametrize(("policy", "state", "rule"), DELETED_DOCUMENTS)
def test_a_quotation_that_was_deleted_comes_back_or_not(policy: str, state: LinkState, rule: str | None) -> None:
    with trading(MAP_DOCUMENT=deciding(QUOTATIONS, on_target_deleted=policy)) as desk:
        number = deleted_quotation(desk)
        desk.settle(15)
        assert (desk.link(number).state, desk.link(number).rule) == (state, rule)
        assert (desk.quotation(number) is not None) is (policy == "recreate")


# Orders, both ways, and invoices


# Nothing is written here, so only what is read can fail.


@pytest.mark.parametrize("rule", [None, *by_turns(0, SPOT_FAULTS_OF_READS, among=2)])
def test_an_order_that_was_deleted_in_finops_stays_deleted(rule: Rule | None) -> None:
    with ordering(MAP_DOCUMENT=deciding(ORDERS, on_target_deleted="unlink")) as desk, operated(desk):
        account = desk.account("A-1")
        desk.tick()
        _, number = desk.order(account)
        desk.tick()
        assert desk.finops.delete(order_url(number)).status_code == 204
        p2c("reconcile", ORDERS, "--repair", "--yes", code=1)
        disturbed(desk, rule, "finops")
        assert (desk.rule_of(number), desk.failure(number), desk.sales_orders()) == ("target_deleted", None, [])


@pytest.mark.parametrize("rule", [None, *by_turns(1, SPOT_FAULTS_OF_READS, among=2)])
def test_an_invoice_that_was_deleted_in_sales_stays_deleted(rule: Rule | None) -> None:
    with invoicing(MAP_DOCUMENT=deciding(INVOICES, on_target_deleted="unlink")) as desk, operated(desk):
        _, number = desk.invoiced()
        desk.tick()
        assert desk.sales.send("DELETE", f"invoices({(desk.invoice(number) or {})['invoiceid']})").status_code == 204
        p2c("reconcile", INVOICES, "--repair", "--yes", code=1)
        disturbed(desk, rule, "sales")
        assert (desk.invoices(), desk.link(desk.ids()[number]).rule) == ([], "target_deleted")


def order_of_finops(desk: Returning, **values: object) -> None:
    """Somebody changes the order of F&O in Sales."""
    order = desk.order_in_sales("F-1")["salesorderid"]
    assert desk.sales.patch(f"salesorders({order})", values, If_Match="*").status_code == 204


@pytest.mark.parametrize(
    ("policy", "taken", "name"),
    [
        ("source_wins", "", "Ours again"),
        # The next test shows it under a fault.
        pytest.param("target_wins", "", "Theirs", marks=pytest.mark.nightly),
        ("stop", "finops", "Ours again"),
        pytest.param("stop", "sales", "Theirs", marks=pytest.mark.nightly),
    ],
)
def test_what_others_have_changed_in_an_order_of_finops_is_decided(policy: str, taken: str, name: str) -> None:
    document = deciding(ORDERSBACK, on_conflict=policy)
    with trading_as(Returning, ORDERS_BACK="all", MAP_DOCUMENT=document) as desk, operated(desk):
        desk.born(SalesOrderName="Ours")
        desk.tick()
        order_of_finops(desk, name="Theirs")
        changed_at_finops(desk)
        desk.settle(5)
        if taken:
            assert conflict_of(desk, "F-1") == "name"
            p2c("resolve", ORDERSBACK, "F-1", "--take", taken, *WHY)
            desk.settle(5)
        order = desk.order_in_sales("F-1")
        assert (order["name"], order["emailaddress"], desk.failure("F-1")) == (name, "b@contoso.com", None)
        desk.same_in_both("F-1")


def changed_at_finops(desk: Returning) -> None:
    desk.at_desk("F-1", {"SalesOrderName": "Ours again", "Email": "b@contoso.com"})
    desk.totals()


@pytest.mark.parametrize("rule", by_turns(0, OF_ORDERS, among=2))
def test_what_others_have_changed_in_an_order_of_finops_stays(rule: Rule) -> None:
    document = deciding(ORDERSBACK, on_conflict="target_wins")
    with trading_as(Returning, ORDERS_BACK="all", MAP_DOCUMENT=document) as desk:
        desk.born(SalesOrderName="Ours")
        desk.tick()
        order_of_finops(desk, name="Theirs")
        changed_at_finops(desk)
        disturbed(desk, rule, "sales")
        order = desk.order_in_sales("F-1")
        assert (order["name"], order["emailaddress"], desk.failure("F-1")) == ("Theirs", "b@contoso.com", None)


@pytest.mark.parametrize(
    ("policy", "state", "said", "rule"),
    [
        # At each change one that stays deleted meets a fault; the others meet it at night.
        pytest.param(
            *case,
            rule,
            marks=() if rule is (OF_ORDERS[0] if case[0] == "unlink" else None) else pytest.mark.nightly,
            id=f"{case[0]}-{'none' if rule is None else name_of(rule)}",
        )
        for case in DELETED
        for rule in (None, *OF_ORDERS)
    ],
)
def test_an_order_of_finops_that_was_deleted_in_sales_comes_back_or_not(
    policy: str, state: LinkState, said: str | None, rule: Rule | None
) -> None:
    document = deciding(ORDERSBACK, on_target_deleted=policy)
    with trading_as(Returning, ORDERS_BACK="all", MAP_DOCUMENT=document) as desk:
        desk.born(SalesOrderName="Ours")
        desk.tick()
        order = desk.order_in_sales("F-1")["salesorderid"]
        assert desk.sales.send("DELETE", f"salesorders({order})").status_code == 204
        changed_at_finops(desk)
        disturbed(desk, rule, "sales")
        assert (desk.link("F-1").state, desk.link("F-1").rule) == (state, said)
        assert bool(desk.orders_in_sales("F-1")) is (policy == "recreate")


# What a policy reads

RECORDS = 3
# Their comparisons behind a lookup have more than 32 nodes; those of four have less.
PRODUCTS_READ = 8


def reads_of_a_batch(desk: Product, system: System, change: Callable[[int], None], records: int = RECORDS) -> int:
    """How many reads a system gets for a message of some changed records, beside those of an unchanged pull."""
    for number in range(records):
        change(number)
    desk.service.pull(desk.flow)
    before = reads(desk, system)
    desk.drain()
    return reads(desk, system) - before


def reads(desk: Product, system: System) -> int:
    return int(desk.service.systems[system].requests.reads)  # type: ignore[attr-defined]


def account_reads(**policy: str) -> int:
    with product(MAP_DOCUMENT=deciding("accounts", **policy)) as desk:
        ids = desk.linked(RECORDS)
        return reads_of_a_batch(desk, System.FINOPS, lambda at: desk.edit(ids[at], description="New"))


def contact_reads(**policy: str) -> int:
    with trading(MAP_DOCUMENT=deciding(CONTACTS, **policy)) as desk:
        desk.flow = CONTACTS
        account = desk.account("A-1")
        ids = [desk.contact(account) for _ in range(RECORDS)]
        desk.tick()

        def change(at: int) -> None:
            desk.sales.patch(f"contacts({ids[at]})", {"jobtitle": "Chief"}, If_Match="*")

        return reads_of_a_batch(desk, System.FINOPS, change)


def product_reads(settings: SalesSettings | None = None, **policy: str) -> int:
    with assortment(sales=settings, MAP_DOCUMENT=deciding(PRODUCTS, **policy)) as desk:
        desk.put(*(f"P-{number}" for number in range(PRODUCTS_READ)))
        desk.tick()
        return reads_of_a_batch(
            desk, System.DATAVERSE, lambda at: desk.change(f"P-{at}", ProductName="Bicycle"), PRODUCTS_READ
        )


def quotation_reads(**policy: str) -> int:
    with trading(MAP_DOCUMENT=deciding(QUOTATIONS, **policy)) as desk:
        account = desk.account("A-1")
        desk.tick()
        ids = [desk.quote(account)[0] for _ in range(RECORDS)]
        desk.tick()
        return reads_of_a_batch(desk, System.FINOPS, lambda at: change_quote(desk, ids[at], name="New"))


def orders_back_reads(**policy: str) -> int:
    with trading_as(Returning, ORDERS_BACK="all", MAP_DOCUMENT=deciding(ORDERSBACK, **policy)) as desk:
        for number in range(RECORDS):
            desk.born(f"F-{number}")
        desk.tick()

        def change(at: int) -> None:
            desk.at_desk(f"F-{at}", {"SalesOrderName": "New"})
            desk.totals()

        return reads_of_a_batch(desk, System.DATAVERSE, change)


@pytest.mark.parametrize(
    ("count", "more", "policies"),
    [
        (account_reads, 1, ("source_wins", "target_wins", "stop")),
        (contact_reads, 1, ("stop",)),
        (product_reads, 1, ("target_wins",)),
        (quotation_reads, 0, ("stop",)),
        (orders_back_reads, 0, ("target_wins",)),
    ],
)
def test_a_policy_costs_one_read_a_batch_and_nothing_where_the_source_wins(
    count: Callable[..., int], more: int, policies: tuple[str, ...]
) -> None:
    """The source wins where nothing is said. The engine treats every flow alike, so one meets each policy."""
    without = count()
    found = {policy: count(on_conflict=policy) - without for policy in policies}
    assert found == {policy: 0 if policy == "source_wins" else more for policy in policies}


def test_a_limit_of_filters_is_found_once_and_then_a_policy_on_products_costs_one_read_again() -> None:
    narrow = SalesSettings(max_filter_nodes=32)
    assert product_reads(narrow, on_conflict="stop") == product_reads(narrow) + 1


# A row that is there already


@pytest.mark.parametrize(
    ("setting", "said", "adopts"),
    [("reject", "adopt", True), ("adopt", "reject", False), ("adopt", "", True), ("reject", "", False)],
)
def test_what_the_document_says_of_rows_that_exist_counts_before_the_setting(
    setting: str, said: str, adopts: bool
) -> None:
    policy = {"on_existing": said} if said else {}
    with product(MAP_DOCUMENT=deciding("accounts", **policy), ACCOUNTS_ON_EXISTING=setting) as desk:
        row = {"CustomerAccount": "A-1", "CustomerGroupId": "10", "SalesCurrencyCode": "USD", "dataAreaId": "usmf"}
        row |= {"PartyType": "Organization", "OrganizationName": "Theirs"}
        assert desk.finops.post("CustomersV3", row).status_code == 201
        id = desk.account("A-1", name="Litware")
        desk.settle()
        assert desk.link(id).linked is adopts
        assert (desk.failure(id) is None) is adopts
        assert (desk.customer("A-1") or {})["OrganizationName"] == ("Litware" if adopts else "Theirs")


@spot_faults(3, among=6)
def test_a_row_that_exists_is_taken_over_once_whatever_fails(rule: Rule | None) -> None:
    with product(MAP_DOCUMENT=deciding("accounts", on_existing="adopt")) as desk:
        row = {"CustomerAccount": "A-1", "CustomerGroupId": "30", "SalesCurrencyCode": "USD", "dataAreaId": "usmf"}
        row |= {"PartyType": "Organization", "OrganizationName": "Theirs"}
        assert desk.finops.post("CustomersV3", row).status_code == 201
        id = desk.account("A-1", name="Litware")
        disturbed(desk, rule, "finops")
        there = desk.customer("A-1") or {}
        assert (there["OrganizationName"], there["CustomerGroupId"]) == ("Litware", "30")
        assert (desk.link(id).linked, desk.failure(id)) == (True, None)
