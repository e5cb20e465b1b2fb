"""The contacts flow as it is deployed, between both simulators (rules.md, Contacts; prospect-to-cash, sections 7 and
8)."""

from collections.abc import Iterator

import pytest

from local.simulator.faults import Rule
from shared.state.links import LinkState
from shared.systems import System
from tests.support.thinned import by_turns
from tests.support.trading import Trading, trading

INACTIVE = {"statecode": 1, "statuscode": 2}
ACTIVE = {"statecode": 0, "statuscode": 1}


@pytest.fixture
def desk() -> Iterator[Trading]:
    with trading() as running:
        running.flow = "contacts"
        yield running


def change(desk: Trading, id: str, **values: object) -> None:
    reply = desk.sales.patch(f"contacts({id})", values, If_Match="*")
    assert reply.status_code == 204, reply.text


def test_a_contact_of_an_account_becomes_a_contact_person_of_its_customer(desk: Trading) -> None:
    contact = desk.contact(desk.account("A-1"), jobtitle="Owner")
    desk.tick()
    (((number, customer), person),) = desk.persons().items()
    assert (number, customer) == (desk.contact_number(contact), "A-1")
    assert (person["LastName"], person["EmploymentProfession"], person["IsInactive"]) == ("Trujillo", "Owner", "No")
    assert person["IsContactPersonExternallyMaintained"] == "Yes"


def test_a_contact_that_is_read_before_its_account_waits_and_continues_the_moment_the_account_is_linked(
    desk: Trading,
) -> None:
    contact = desk.contact(desk.account("A-1"))
    desk.service.pull("contacts")
    desk.drain()
    assert desk.link(contact).state is LinkState.WAITING
    desk.service.pull("accounts")
    desk.flow = "accounts"
    desk.drain()
    desk.flow = "contacts"
    desk.drain()
    assert desk.link(contact).state is LinkState.WRITTEN


def test_a_contact_whose_account_is_filtered_is_filtered_with_that_rule(desk: Trading) -> None:
    account = desk.account("A-1")
    desk.edit(account, **INACTIVE)
    contact = desk.contact(account)
    desk.tick()
    assert (desk.link(contact).state, desk.link(contact).rule) == (LinkState.FILTERED, "parent filtered by inactive")
    desk.edit(account, **ACTIVE)
    desk.settle(2)
    assert desk.link(contact).state is LinkState.WRITTEN


def test_a_contact_of_nobody_and_one_of_a_contact_are_filtered_by_name(desk: Trading) -> None:
    nobody = desk.contact()
    friend = desk.contact(parentcustomerid_contact__to=f"/contacts({nobody})")
    desk.tick()
    assert (desk.link(nobody).rule, desk.link(friend).rule) == ("no_account", "contact_of_contact")


def test_a_contact_that_is_quoted_becomes_a_customer_and_its_contact_person_stays(desk: Trading) -> None:
    account = desk.account("A-1")
    contact = desk.contact(account)
    desk.tick()
    desk.quote(contact=contact)
    desk.tick()
    number = desk.contact_number(contact)
    customer = desk.customer(number)
    assert customer is not None
    assert (customer["PartyType"], customer["PersonLastName"]) == ("Person", "Trujillo")
    assert desk.persons()[number, "A-1"]["IsInactive"] == "No"
    link = desk.link(contact)
    assert (link.key_on("customer"), [left.key for left in link.former]) == (number, [f"{number}/A-1"])


def test_a_contact_that_changes_its_account_gets_a_new_contact_person_and_the_old_one_is_inactive(
    desk: Trading,
) -> None:
    first, second = desk.account("A-1"), desk.account("A-2")
    contact = desk.contact(first)
    desk.tick()
    change(desk, contact, **{"parentcustomerid_account@odata.bind": f"/accounts({second})"})
    desk.tick()
    number = desk.contact_number(contact)
    assert {key: row["IsInactive"] for key, row in desk.persons().items()} == {
        (number, "A-1"): "Yes",
        (number, "A-2"): "No",
    }
    change(desk, contact, **{"parentcustomerid_account@odata.bind": f"/accounts({first})"})
    desk.tick()
    assert {key: row["IsInactive"] for key, row in desk.persons().items()} == {
        (number, "A-1"): "No",
        (number, "A-2"): "Yes",
    }


@pytest.mark.parametrize("end", ["inactive", "deleted"])
def test_a_contact_person_turns_inactive_when_its_contact_ends(desk: Trading, end: str) -> None:
    contact = desk.contact(desk.account("A-1"))
    desk.tick()
    if end == "inactive":
        change(desk, contact, **INACTIVE)
    else:
        desk.sales.send("DELETE", f"contacts({contact})")
    desk.tick()
    (person,) = desk.persons().values()
    assert person["IsInactive"] == "Yes"
    if end == "inactive":
        change(desk, contact, **ACTIVE)
        desk.tick()
        (person,) = desk.persons().values()
        assert person["IsInactive"] == "No"


def test_the_customer_of_an_ended_contact_stays(desk: Trading) -> None:
    contact = desk.contact()
    desk.quote(contact=contact)
    desk.tick()
    before = desk.customer(desk.contact_number(contact))
    change(desk, contact, **INACTIVE)
    desk.tick()
    assert desk.link(contact).state is LinkState.ENDED
    assert desk.customer(desk.contact_number(contact)) == before


def test_a_contact_number_that_an_account_has_is_taken(desk: Trading) -> None:
    desk.account("SAME")
    desk.tick()
    contact = desk.contact(msdynce_contactnumber="SAME", msdynce_isactivecustomer=True)
    desk.tick()
    failure = desk.failure(contact)
    assert failure is not None
    assert failure.cause == "key_taken"


def test_a_second_look_writes_nothing(desk: Trading) -> None:
    contact = desk.contact(desk.account("A-1"))
    desk.tick()
    change(desk, contact, lastname="Trujillo")
    _, writes = desk.sent(System.FINOPS)
    desk.tick()
    assert desk.sent(System.FINOPS)[1] == writes


@pytest.mark.parametrize("rule", by_turns(0))
def test_a_fault_loses_nothing_duplicates_nothing_and_blames_no_contact(desk: Trading, rule: Rule) -> None:
    account = desk.account("A-1")
    desk.tick()
    contact = desk.contact(account)
    customer = desk.contact()
    desk.quote(contact=customer)
    desk.finops.faults.add(rule)
    desk.settle(40, alone=True)
    desk.finops.faults.clear()
    desk.settle(20, alone=True)
    number = desk.contact_number(contact)
    assert set(desk.persons()) == {(number, "A-1")}
    assert desk.customer(desk.contact_number(customer)) is not None
    for id in (contact, customer):
        assert (desk.link(id).state, desk.failure(id)) == (LinkState.WRITTEN, None)
