"""Promises of the F&O simulator for contact persons and the parties that they share with customers."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.finops.settings import Settings
from tests.support.patience import PATIENCE_S
from tests.unit.local.finops_documents import PERSON, PERSONS, furnish, person, person_url
from tests.unit.local.finops_environment import CUSTOMER, Caller, customer_url, detail, environment

FAILED = "Write failed for table row of type 'smmContactPersonCDSV2Entity'. Infolog: "
HUMAN = {
    "CustomerAccount": "CON-1",
    "PartyNumber": "CON-1",
    "PartyType": "Person",
    "OrganizationName": "",
    "PersonLastName": "Trujillo",
}


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        furnish(caller)
        yield caller


def refused(finops: Caller, collection: str, body: dict[str, Any]) -> str:
    answer = finops.post(collection, body)
    assert answer.status_code == 400, answer.text
    return detail(answer)


def test_a_contact_person_is_read_by_its_key(finops: Caller) -> None:
    created = finops.post(PERSONS, PERSON)
    assert created.status_code == 201
    for url in (person_url(), person_url(number="con-1", account="us-001")):
        record = finops.get(url).json()
        assert (record["FirstName"], record["LastName"]) == ("Ana", "Trujillo")
    assert finops.session.get(created.headers["Location"], timeout=PATIENCE_S).json()["LastName"] == "Trujillo"


def test_a_new_contact_person_is_an_active_person_with_an_id(finops: Caller) -> None:
    record = person(finops)
    expected = {
        "ContactPersonPartyType": "Person",
        "ContactPersonId": "USMF-000001",
        "IsInactive": "No",
        "IsContactPersonExternallyMaintained": "No",
        "Gender": "Unknown",
        "BirthMonth": "None",
        "PrimaryAddressCity": "",
    }
    assert {name: record[name] for name in expected} == expected


def test_a_contact_person_belongs_to_a_customer_of_the_company(finops: Caller) -> None:
    text = refused(finops, PERSONS, {**PERSON, "AssociatedContactNumber": "US-9"})
    assert "The value 'US-9' in field 'Associated contact number' is not found in the related table" in text
    assert text.endswith("validateField failed on field 'smmContactPersonCDSV2Entity.AssociatedContactNumber'.")
    assert text.startswith(FAILED)
    assert "AssociatedContactNumber" in refused(finops, PERSONS, {**PERSON, "dataAreaId": "usrt"})


@pytest.mark.parametrize("kind", ["Vendor", "Contact", "Prospect", "NotSupported"])
def test_only_customers_have_contact_persons_here(finops: Caller, kind: str) -> None:
    assert "AssociatedContactType'." in refused(finops, PERSONS, {**PERSON, "AssociatedContactType": kind})
    assert finops.get(person_url(kind=kind)).status_code == 404


@pytest.mark.parametrize(("name", "label"), [("LastName", "Last name"), ("AssociatedContactNumber", "Associated")])
def test_a_contact_person_needs_a_name_and_a_customer(finops: Caller, name: str, label: str) -> None:
    assert f"Field '{label}" in refused(finops, PERSONS, {**PERSON, name: ""})


def test_a_contact_person_is_a_person(finops: Caller) -> None:
    assert "Party type" in refused(finops, PERSONS, {**PERSON, "ContactPersonPartyType": "Organization"})


def test_a_contact_person_exists_once_for_a_customer(finops: Caller) -> None:
    person(finops)
    assert "The record already exists." in refused(finops, PERSONS, PERSON)
    finops.customer(CustomerAccount="US-002")
    assert person(finops, AssociatedContactNumber="US-002")["ContactPersonId"] == "USMF-000002"


def test_the_id_of_a_contact_person_is_its_own(finops: Caller) -> None:
    person(finops, ContactPersonId="C-1")
    other = {**PERSON, "ContactPersonPartyNumber": "CON-2", "ContactPersonId": "c-1"}
    assert "Contact ID: c-1.\nThe record already exists." in refused(finops, PERSONS, other)


def test_party_numbers_that_are_left_out_come_from_one_sequence(finops: Caller) -> None:
    body = {name: value for name, value in PERSON.items() if name != "ContactPersonPartyNumber"}
    assert finops.post(PERSONS, body).json()["ContactPersonPartyNumber"] == "000000002"
    assert finops.customer(CustomerAccount="US-002")["PartyNumber"] == "000000003"


def test_a_party_number_of_ones_own_can_be_forbidden_but_for_a_party_that_exists() -> None:
    with environment(Settings(manual_numbers=False)) as finops:
        account = finops.post("CustomersV3", {n: v for n, v in CUSTOMER.items() if n != "CustomerAccount"}).json()
        body = {**PERSON, "AssociatedContactNumber": account["CustomerAccount"]}
        assert "does not allow manual numbers" in refused(finops, PERSONS, body)
        given = {name: value for name, value in body.items() if name != "ContactPersonPartyNumber"}
        number = finops.post(PERSONS, given).json()["ContactPersonPartyNumber"]
        human = {"PartyNumber": number, "PartyType": "Person", "CustomerGroupId": "10", "SalesCurrencyCode": "USD"}
        assert finops.post("CustomersV3", human).status_code == 201


def test_a_contact_person_may_become_a_customer_of_the_same_party(finops: Caller) -> None:
    person(finops, PrimaryAddressCity="Redmond", PrimaryEmailAddress="a@contoso.example")
    record = finops.customer(**HUMAN)
    shown = ("PersonFirstName", "AddressCity", "PrimaryContactEmail")
    assert [record[name] for name in shown] == ["Ana", "Redmond", "a@contoso.example"]


def test_what_is_said_of_a_person_is_said_of_all_that_it_is(finops: Caller) -> None:
    tag = person(finops)["@odata.etag"]
    finops.customer(**HUMAN)
    assert finops.get(person_url()).json()["@odata.etag"] == tag
    finops.patch(customer_url("CON-1"), {"PersonLastName": "Lopez", "CreditLimit": 5})
    changed = finops.get(person_url()).json()
    assert (changed["LastName"], changed["@odata.etag"] == tag) == ("Lopez", False)
    finops.patch(person_url(), {"FirstName": "Eva", "IsInactive": "Yes"})
    assert finops.get(customer_url("CON-1")).json()["PersonFirstName"] == "Eva"


def test_a_new_customer_changes_what_its_contact_person_shows(finops: Caller) -> None:
    person(finops)
    finops.customer(**{**HUMAN, "PersonFirstName": "Eva"})
    assert finops.get(person_url()).json()["FirstName"] == "Eva"


def test_a_party_is_a_person_or_an_organisation(finops: Caller) -> None:
    finops.customer(CustomerAccount="US-002", PartyNumber="PA-2")
    text = refused(finops, PERSONS, {**PERSON, "ContactPersonPartyNumber": "PA-2"})
    assert "The party 'PA-2' exists and is of another type." in text
    person(finops)
    organisation = {**CUSTOMER, "CustomerAccount": "US-003", "PartyNumber": "CON-1", "PartyType": "Organization"}
    assert "The party 'CON-1' exists and is of another type." in refused(finops, "CustomersV3", organisation)


def test_neither_customer_nor_party_of_a_contact_person_changes(finops: Caller) -> None:
    person(finops)
    for name in ("ContactPersonPartyNumber", "AssociatedContactNumber"):
        assert f"Field '{name}' cannot be changed." in detail(finops.patch(person_url(), {name: "OTHER"}))


def test_a_contact_person_is_turned_inactive_and_deleted(finops: Caller) -> None:
    person(finops)
    assert finops.patch(person_url(), {"IsInactive": "Yes"}, {"cross-company": "true"}).status_code == 204
    assert finops.get(person_url()).json()["IsInactive"] == "Yes"
    assert finops.delete(person_url()).status_code == 204
    assert finops.get(person_url()).status_code == 404


def test_contact_persons_are_found_by_their_numbers(finops: Caller) -> None:
    for number in ("CON-1", "CON-2", "CON-3"):
        person(finops, ContactPersonPartyNumber=number)
    kind = "Microsoft.Dynamics.DataEntities.smmContactPersonCDSAssociatedContactType'Customer'"
    chain = "(ContactPersonPartyNumber eq 'CON-1' or ContactPersonPartyNumber eq 'CON-3')"
    options = {"$filter": f"AssociatedContactType eq {kind} and {chain}", "$select": "ContactPersonPartyNumber"}
    assert [row["ContactPersonPartyNumber"] for row in finops.rows(PERSONS, options)] == ["CON-1", "CON-3"]


def test_the_contact_persons_of_a_customer_go_with_it(finops: Caller) -> None:
    person(finops)
    assert finops.delete(customer_url()).status_code == 204
    assert finops.rows(PERSONS) == []
