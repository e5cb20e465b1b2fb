"""Numbers with blanks around them, between both simulators: one number is one record in either system."""

from collections.abc import Iterator

import pytest

from shared.state.links import LinkState
from tests.support.assortment import assortment
from tests.support.product import Product
from tests.support.trading import Trading, trading


@pytest.fixture
def desk() -> Iterator[Trading]:
    with trading() as made:
        made.flow = "contacts"
        yield made


def test_the_same_number_with_and_without_blanks_is_one_customer(sync: Product) -> None:
    pasted = {sync.account(given): key for given, key in (("B-1 ", "B-1"), (" B-2", "B-2"), ("\tB-4\u00a0", "B-4"))}
    sync.tick()
    assert {id: sync.link(id).target_key for id in pasted} == pasted
    for key in pasted.values():
        assert (sync.customer(key) or {})["CustomerAccount"] == key
        second = sync.account(key)
        sync.tick()
        failure = sync.failure(second)
        assert failure is not None
        assert failure.cause == "key_taken"
    assert sync.customers() == len(pasted)


def test_blanks_that_come_or_go_around_a_number_change_nothing(sync: Product) -> None:
    id = sync.account("B-1")
    sync.tick()
    sync.edit(id, accountnumber="\u00a0B-1 ", name="Renamed")
    sync.tick()
    assert sync.failure(id) is None
    assert [(sync.customer("B-1") or {}).get("OrganizationName"), sync.customers()] == ["Renamed", 1]


def test_a_record_is_found_by_its_number_whatever_blanks_its_source_has_before_it(sync: Product) -> None:
    id = sync.account(" B-2")
    sync.tick()
    service = sync.service
    assert service.locate("accounts", "B-2") == id


def test_of_two_contacts_whose_numbers_differ_by_a_blank_the_second_is_refused(desk: Trading) -> None:
    account = desk.account("A-1")
    first = desk.contact(account, msdynce_contactnumber="C-1 ")
    desk.tick()
    # Sales itself refuses the same number with blanks behind it, by its alternate key; not with other ones.
    assert _refused_by_sales(desk, account, "C-1") == "0x80060892"
    others = [desk.contact(account, msdynce_contactnumber=number) for number in (" C-1", "c-1\u00a0")]
    desk.tick()
    assert (desk.link(first).state, list(desk.persons())) == (LinkState.WRITTEN, [("C-1", "A-1")])
    failures = [desk.failure(id) for id in others]
    assert [failure.cause for failure in failures if failure is not None] == ["key_taken"] * 2


def _refused_by_sales(desk: Trading, account: str, number: str) -> str:
    body = {
        "lastname": "Second",
        "msdynce_contactnumber": number,
        "parentcustomerid_account@odata.bind": f"/accounts({account})",
    }
    return str(desk.sales.send("POST", "contacts", body).json()["error"]["code"])


def test_blanks_around_the_number_of_a_product_do_not_reach_sales() -> None:
    with assortment() as world:
        world.put("P-1 ", " P-2")
        world.settle(2)
        numbers = {str(row["productnumber"]) for row in world.sales.rows("products?$select=productnumber")}
        assert numbers == {"P-1", "P-2"}
        world.put("P-2")
        world.settle(2)
        failure = world.failure("P-2")
        assert failure is not None
        assert (failure.cause, world.products()) == ("key_taken", 2)


def test_sales_takes_texts_for_equal_that_differ_by_blanks_at_the_end(sync: Product) -> None:
    sync.account("B-1 ")
    for wanted, count in (("B-1", 1), ("b-1  ", 1), (" B-1", 0)):
        assert len(sync.sales.rows(f"accounts?$select=name&$filter=accountnumber eq '{wanted}'")) == count
