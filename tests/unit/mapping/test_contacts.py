"""rules.md, Contacts; prospect-to-cash, sections 7 and 8: which contacts go where, and as what."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import SchemaDrift, SettingsInvalid
from shared.flows.accounts.mapping import OnHold
from shared.flows.contacts.mapping import CUSTOMER, PERSON, ContactChoices, ContactMapper
from shared.mapping.addresses import AddressRules
from shared.mapping.scope import Scope
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import Json, SourceRow
from tests.unit.mapping.samples import KNOWN, SEATTLE, keeping, maps

ACCOUNT = "11111111-0000-0000-0000-0000000000AA"
PARENT = Parent("accounts", "customer", ACCOUNT.lower())
LINKED = replace(KNOWN, keys={PARENT: "ACC-7"})


def contact(**values: Json) -> SourceRow:
    """An active contact of an account."""
    given: dict[str, Json] = {
        "statecode": 0,
        "msdynce_contactnumber": "CON-1",
        "msdynce_isactivecustomer": False,
        "firstname": "Ana",
        "lastname": "Bo",
        "_parentcustomerid_value": ACCOUNT,
        "parentcustomerid_account": {"accountid": ACCOUNT},
        **values,
    }
    return SourceRow("22222222-0000-0000-0000-000000000001", 7, given)


def individual(**values: Json) -> SourceRow:
    """An active contact that belongs to nobody."""
    return contact(_parentcustomerid_value=None, parentcustomerid_account=None, **values)


def mapper(choices: ContactChoices | None = None, **parts: Json) -> ContactMapper:
    return ContactMapper(maps(**parts), choices)


def verdict(row: SourceRow, known: Known = LINKED, choices: ContactChoices | None = None) -> Verdict:
    return (MAPPER if choices is None else mapper(choices)).evaluate(row, known)


# Made once: each is a set of models.
MAPPER = mapper()
PERSONAL = mapper(fields={"contact_persons": {"Gender": "owned", "MaritalStatus": "owned"}})


def mapped(row: SourceRow, known: Known = LINKED, choices: ContactChoices | None = None) -> Mapped:
    found = verdict(row, known, choices)
    assert isinstance(found, Mapped), found
    return found


def rejected(row: SourceRow, mapping: ContactMapper | None = None) -> Rejected:
    found = (mapping or MAPPER).evaluate(row, LINKED)
    assert isinstance(found, Rejected), found
    return found


# The route


def test_a_contact_of_an_account_becomes_a_contact_person() -> None:
    assert mapped(contact()).route == PERSON


def test_an_active_customer_becomes_a_customer_whatever_it_belongs_to() -> None:
    for row in (contact(msdynce_isactivecustomer=True), individual(msdynce_isactivecustomer=True)):
        assert mapped(row).route == CUSTOMER


def test_once_the_customer_exists_only_it_is_written() -> None:
    assert mapped(contact(), replace(LINKED, route=CUSTOMER)).route == CUSTOMER
    assert mapped(individual(), replace(LINKED, route=CUSTOMER)).route == CUSTOMER


def test_a_contact_person_that_becomes_an_active_customer_changes_its_route() -> None:
    assert mapped(contact(msdynce_isactivecustomer=True), replace(LINKED, route=PERSON)).route == CUSTOMER


def test_a_contact_without_an_account_that_is_no_customer_is_filtered() -> None:
    assert verdict(individual()) == Filtered("no_account", ends=True)


def test_a_contact_of_a_contact_that_is_no_customer_is_filtered() -> None:
    row = contact(parentcustomerid_account=None)
    assert verdict(row) == Filtered("contact_of_contact", ends=True)


@pytest.mark.parametrize("customer", [True, False])
def test_an_inactive_contact_is_filtered_and_ends(customer: bool) -> None:
    assert verdict(contact(statecode=1, msdynce_isactivecustomer=customer)) == Filtered("inactive", ends=True)


def test_a_merged_contact_is_filtered_and_ends() -> None:
    assert verdict(contact(merged=True, statecode=1)) == Filtered("merged", ends=True)


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([None, PERSON, CUSTOMER]))
def test_every_contact_takes_one_route_or_is_filtered_by_a_rule_with_a_name(
    active: bool, customer: bool, account: bool, merged: bool, route: str | None
) -> None:
    row = (contact if account else individual)(
        statecode=0 if active else 1, msdynce_isactivecustomer=customer, merged=merged
    )
    match verdict(row, replace(LINKED, route=route)):
        case Mapped() as found:
            assert active
            assert not merged
            assert found.route == (CUSTOMER if customer or route == CUSTOMER else PERSON)
        case Filtered(rule):
            assert rule in ("inactive", "merged", "no_account")
        case other:
            raise AssertionError(other)


def test_a_contact_outside_the_filter_is_filtered_and_has_not_ended() -> None:
    condition: Json = {"column": "customertypecode", "operator": "eq", "value": 3}
    some = mapper(filters=keeping(condition, flow="contacts"))
    assert some.evaluate(contact(customertypecode=1), LINKED) == Filtered("filter.pilot", ends=False)
    assert isinstance(some.evaluate(contact(customertypecode=3), LINKED), Mapped)
    assert "customertypecode" in some.select


def test_a_filtered_contact_is_not_judged_further() -> None:
    nothing: dict[str, Json] = {"msdynce_contactnumber": None, "lastname": None}
    assert verdict(contact(statecode=1, **nothing)) == Filtered("inactive", ends=True)
    assert verdict(individual(**nothing)) == Filtered("no_account", ends=True)


# Keys and parents


def test_a_contact_person_is_addressed_by_its_number_and_the_committed_number_of_its_account() -> None:
    assert mapped(contact()).key == "CON-1/ACC-7"


def test_a_contact_person_waits_for_its_account_and_a_customer_for_nobody() -> None:
    assert mapped(contact()).parents == (PARENT,)
    assert mapped(contact(), KNOWN).parents == (PARENT,)
    assert mapped(contact(msdynce_isactivecustomer=True), KNOWN).parents == ()


def test_the_number_that_sales_shows_of_the_account_does_not_count() -> None:
    row = contact(parentcustomerid_account={"accountid": ACCOUNT, "accountnumber": "ACC-NEW"})
    assert mapped(row).key == "CON-1/ACC-7"


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "Pd"]), min_size=1, max_size=20))
@example("C" * 20)
def test_a_contact_person_stays_under_the_number_and_the_account_of_its_key(number: str) -> None:
    person, customer = (
        mapped(contact(msdynce_contactnumber=number, msdynce_isactivecustomer=each)) for each in (False, True)
    )
    assert person.key.split("/") == [number, "ACC-7"]
    assert customer.key == number


def test_the_mapping_asks_for_the_account_whatever_becomes_of_the_contact() -> None:
    assert tuple(mapper().parents(contact(statecode=1))) == (PARENT,)
    assert tuple(mapper().parents(individual())) == ()


def test_the_customer_account_and_party_number_are_the_contact_number() -> None:
    found = mapped(contact(msdynce_isactivecustomer=True))
    assert (found.key, found.on_create["PartyNumber"]) == ("CON-1", "CON-1")


def test_the_party_number_can_be_left_to_finops() -> None:
    choices = ContactChoices(own_party_number=False)
    assert "PartyNumber" not in mapped(contact(msdynce_isactivecustomer=True), choices=choices).on_create


@pytest.mark.parametrize("customer", [True, False])
@pytest.mark.parametrize(
    ("number", "cause"),
    [(None, "number_missing"), ("  ", "number_missing"), ("C" * 21, "number_too_long"), ("C\x00", "text_not_allowed")],
)
def test_a_number_that_finops_cannot_take_is_rejected(customer: bool, number: str | None, cause: str) -> None:
    row = contact(msdynce_contactnumber=number, msdynce_isactivecustomer=customer)
    assert rejected(row).cause == cause


@pytest.mark.parametrize("customer", [True, False])
def test_a_contact_without_a_last_name_is_rejected(customer: bool) -> None:
    assert rejected(contact(lastname=" ", msdynce_isactivecustomer=customer)).cause == "name_missing"


# Content


def test_a_contact_person_is_externally_maintained_and_not_inactive() -> None:
    owned = mapped(contact()).owned
    assert (owned["IsContactPersonExternallyMaintained"], owned["IsInactive"]) == ("Yes", "No")


def test_a_contact_persons_fields_are_those_of_the_contact() -> None:
    row = contact(
        middlename="M.", telephone1="1", fax="2", emailaddress1="a@b.example", websiteurl="https://b.example",
        jobtitle="Owner", department="Sales", description="Note", address1_line1="1 Way", address1_city="Seattle",
        address1_stateorprovince="Washington", address1_postalcode="98052", address1_country="United States",
    )  # fmt: skip
    expected: Mapping[str, Json] = {
        "IsContactPersonExternallyMaintained": "Yes",
        "IsInactive": "No",
        "FirstName": "Ana",
        "MiddleName": "M.",
        "LastName": "Bo",
        "PrimaryAddressStreet": "1 Way",
        "PrimaryAddressCity": "Seattle",
        "PrimaryAddressStateId": "WA",
        "PrimaryAddressZipCode": "98052",
        "PrimaryAddressCountryRegionISOCode": "US",
        "PrimaryPhoneNumber": "1",
        "PrimaryFaxNumber": "2",
        "PrimaryEmailAddress": "a@b.example",
        "PrimaryURL": "https://b.example",
        "EmploymentProfession": "Owner",
        "EmploymentDepartment": "Sales",
        "Notes": "Note",
    }
    found = mapped(row)
    assert (dict(found.owned), dict(found.on_create)) == (expected, {})


def test_a_customer_is_an_externally_maintained_person_with_the_defaults() -> None:
    found = mapped(contact(msdynce_isactivecustomer=True, jobtitle="Owner"))
    assert found.owned["IsExternallyMaintained"] == "Yes"
    assert found.on_create["PartyType"] == "Person"
    assert [found.on_create[name] for name in ("CustomerGroupId", "LanguageId", "SiteId", "WarehouseId")] == [
        "10",
        "en-us",
        "1",
        "13",
    ]
    names = ("PersonFirstName", "PersonMiddleName", "PersonLastName", "PersonProfessionalTitle")
    assert [found.owned[name] for name in names] == ["Ana", None, "Bo", "Owner"]


def test_the_second_and_third_address_of_a_customer_are_for_invoice_and_delivery() -> None:
    third = {name.replace("1", "3", 1): value for name, value in SEATTLE.items()}
    row = contact(msdynce_isactivecustomer=True, address2_line1="Allee 2", address2_country="Germany", **third)
    owned = mapped(row).owned
    assert (owned["AddressStreet"], owned["AddressCountryRegionISOCode"]) == (None, None)
    assert (owned["InvoiceAddressStreet"], owned["InvoiceAddressCountryRegionISOCode"]) == ("Allee 2", "DE")
    assert (owned["DeliveryAddressCity"], owned["DeliveryAddressState"]) == ("Seattle", "WA")


def test_gender_and_marital_status_are_off_unless_the_document_turns_them_on() -> None:
    row = contact(gendercode=2, familystatuscode=4)
    assert not {"Gender", "MaritalStatus"} & mapped(row).owned.keys()
    found = PERSONAL.evaluate(row, LINKED)
    assert isinstance(found, Mapped)
    assert (found.owned["Gender"], found.owned["MaritalStatus"]) == ("Female", "Widowhood")


def test_neither_government_id_nor_spouse_is_ever_read() -> None:
    on: Json = {
        "contact_persons": {"Gender": "owned", "MaritalStatus": "owned"},
        "contact_customers": {"PersonGender": "owned", "PersonMaritalStatus": "owned"},
    }
    assert not {"governmentid", "spousesname"} & set(mapper(fields=on).select)


def test_an_unknown_country_or_state_rejects_the_contact() -> None:
    assert rejected(contact(address1_country="Atlantis")).cause == "country_unknown"
    row = contact(address1_country="United States", address1_stateorprovince="Nowhere")
    assert rejected(row).cause == "state_unknown"


def test_a_column_of_another_type_is_schema_drift_and_blames_no_contact() -> None:
    with pytest.raises(SchemaDrift, match="msdynce_isactivecustomer"):
        verdict(contact(msdynce_isactivecustomer="yes"))


@pytest.mark.parametrize("blank", [None, "", " ", "\t\n"])
@pytest.mark.parametrize("customer", [True, False])
def test_a_blank_column_is_a_blank_field(customer: bool, blank: Json) -> None:
    row = contact(msdynce_isactivecustomer=customer, firstname=blank, telephone1=blank)
    owned = mapped(row).owned
    phone, name = ("PrimaryContactPhone", "PersonFirstName") if customer else ("PrimaryPhoneNumber", "FirstName")
    assert (owned[phone], owned[name]) == (None, None)


def test_seven_fields_of_a_customer_are_sent_at_creation_only() -> None:
    assert set(mapped(contact(msdynce_isactivecustomer=True)).on_create) == {
        "CustomerGroupId", "LanguageId", "SiteId", "WarehouseId", "SalesCurrencyCode", "PartyNumber", "PartyType",
    }  # fmt: skip


def test_a_customers_currency_goes_by_the_value_map() -> None:
    row = contact(msdynce_isactivecustomer=True, transactioncurrencyid={"isocurrencycode": "EUR"})
    assert mapped(row).on_create["SalesCurrencyCode"] == "EUR"
    assert mapped(contact(msdynce_isactivecustomer=True)).on_create["SalesCurrencyCode"] == "USD"
    odd = contact(msdynce_isactivecustomer=True, transactioncurrencyid={"isocurrencycode": "XYZ"})
    assert rejected(odd).cause == "currency_unknown"


def test_a_contact_person_has_no_currency_that_could_be_unknown() -> None:
    assert mapped(contact(transactioncurrencyid={"isocurrencycode": "XYZ"}))


def test_a_blank_address_sends_nothing_not_even_the_default_country() -> None:
    owned = mapped(contact()).owned
    assert {owned[name] for name in owned if name.startswith("PrimaryAddress")} == {None}


def test_a_filled_address_without_a_country_gets_the_default() -> None:
    assert mapped(contact(address1_city="Seattle")).owned["PrimaryAddressCountryRegionISOCode"] == "US"


def test_the_street_is_the_three_lines_of_the_address() -> None:
    row = contact(address1_line1="1 Way", address1_line2="Floor 2", address1_line3="Door 3")
    assert mapped(row).owned["PrimaryAddressStreet"] == "1 Way\nFloor 2\nDoor 3"


def test_county_and_street_number_come_with_their_settings() -> None:
    row = contact(address1_line1="Way", address1_line2="7", address1_county="King")
    assert not {"PrimaryAddressCountyId", "PrimaryAddressStreetNumber"} & mapped(row).owned.keys()
    both = ContactChoices(addresses=AddressRules(county=True, street_number=True))
    owned = mapped(row, choices=both).owned
    names = ("PrimaryAddressStreet", "PrimaryAddressStreetNumber", "PrimaryAddressCountyId")
    assert [owned[name] for name in names] == ["Way", "7", "King"]


@pytest.mark.parametrize(
    ("customer", "place"), [(False, "contact_persons.LastName"), (True, "contact_customers.PersonLastName")]
)
def test_a_name_that_is_too_long_is_rejected_with_the_place_where_its_length_stands(customer: bool, place: str) -> None:
    found = rejected(contact(lastname="x" * 26, msdynce_isactivecustomer=customer))
    assert found.cause == "text_too_long"
    assert "lastname has 26 characters" in found.message
    assert f"text_lengths.{place}" in found.remedy


def test_a_length_that_is_off_lets_finops_decide() -> None:
    longer = mapper(text_lengths={"contact_persons": {"LastName": None}})
    assert isinstance(longer.evaluate(contact(lastname="x" * 50), LINKED), Mapped)


@given(st.text(max_size=60), st.booleans())
def test_a_last_name_arrives_as_it_is_or_is_rejected_by_a_cause_with_a_name(name: str, customer: bool) -> None:
    match verdict(contact(lastname=name, msdynce_isactivecustomer=customer)):
        case Mapped() as found:
            assert found.owned["PersonLastName" if customer else "LastName"] == name
        case Rejected(cause):
            assert cause in ("name_missing", "text_too_long", "text_not_allowed")
        case other:
            raise AssertionError(other)


def test_an_option_that_was_added_to_gender_is_rejected() -> None:
    assert rejected(contact(gendercode=9), PERSONAL).cause == "option_unknown"


def test_a_switched_off_column_is_not_even_read() -> None:
    assert not {"gendercode", "familystatuscode"} & set(MAPPER.select)
    assert {"gendercode", "familystatuscode"} <= set(PERSONAL.select)


def test_every_column_is_read_once_and_lookups_by_their_navigation() -> None:
    select = MAPPER.select
    assert len(select) == len(set(select))
    assert MAPPER.expand == {"parentcustomerid_account": ("accountid",), "transactioncurrencyid": ("isocurrencycode",)}


# Ends


def test_the_contact_person_of_an_ended_contact_turns_inactive() -> None:
    assert mapper().person_rules.ended() == {"IsInactive": "Yes"}


def test_the_customer_of_an_ended_contact_stays_or_goes_on_hold_by_setting() -> None:
    assert mapper().customer_rules.ended() == {}
    held = mapper(ContactChoices(on_hold_when_ended=OnHold.ALL))
    assert held.customer_rules.ended() == {"OnHoldStatus": "All"}
    again = held.evaluate(contact(msdynce_isactivecustomer=True), LINKED)
    assert isinstance(again, Mapped)
    assert again.owned["OnHoldStatus"] == "No"


@pytest.mark.parametrize(
    ("ownership", "choices"),
    [
        ({"contact_persons": {"IsInactive": "off"}}, ContactChoices()),
        ({"contact_customers": {"OnHoldStatus": "off"}}, ContactChoices(on_hold_when_ended=OnHold.ALL)),
    ],
)
def test_what_an_end_sets_must_be_ours_to_set_back(ownership: Json, choices: ContactChoices) -> None:
    with pytest.raises(SettingsInvalid, match="remove fields"):
        mapper(choices, fields=ownership)


def test_a_misspelled_field_of_the_document_is_named() -> None:
    with pytest.raises(SettingsInvalid, match="did you mean LastName"):
        mapper(fields={"contact_persons": {"LastNam": "off"}})


# First start


def test_a_contact_without_a_link_is_in_scope_by_the_day_of_its_last_change() -> None:
    since = mapper(ContactChoices(scope=Scope(since=date(2026, 1, 1))))
    assert since.in_scope(contact(modifiedon="2026-01-01T00:00:00Z"))
    assert not since.in_scope(contact(modifiedon="2025-12-31T23:59:59Z"))


def test_a_changed_choice_changes_the_fingerprint() -> None:
    held = ContactChoices(on_hold_when_ended=OnHold.ALL)
    assert mapper().fingerprint == mapper().fingerprint != mapper(held).fingerprint


def test_existing_customers_of_a_contacts_number_are_adopted_by_setting_only() -> None:
    assert not mapper().choices.adopt_existing
    assert mapper(ContactChoices(adopt_existing=True)).choices.adopt_existing
