"""Promises of the F&O simulator for writes."""

from base64 import b64decode
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from local.finops.settings import Overlong, Settings
from shared import exact_json
from tests.unit.local.finops_environment import (
    CUSTOMER,
    NOTHING_TO_UPDATE,
    Caller,
    customer_url,
    detail,
    environment,
)

FAILED = "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: "


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        yield caller


def read(finops: Caller, account: str = "US-001", company: str = "usmf") -> dict[str, Any]:
    record: dict[str, Any] = finops.get(customer_url(account, company), {"cross-company": "true"}).json()
    return record


def pairs(tag: str) -> list[str]:
    """The pairs inside a tag."""
    return b64decode(tag.removeprefix('W/"').removesuffix('"')).decode().strip("'").split(";")


def test_a_create_answers_201_with_the_whole_record(finops: Caller) -> None:
    answer = finops.post("CustomersV3", CUSTOMER)
    record = answer.json()
    assert answer.status_code == 201
    assert record["@odata.context"].endswith("/data/$metadata#CustomersV3/$entity")
    assert len([name for name in record if "@" not in name]) == 305
    assert answer.headers["Location"].endswith("/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')")


def test_a_new_record_is_filled_by_type_and_by_what_live_records_show(finops: Caller) -> None:
    record = finops.customer()
    expected = {
        "AddressCity": "",
        "CreditLimit": 0,
        "OnHoldStatus": "No",
        "PartyType": "Organization",
        "AccountStatement": "Always",
        "InvoiceAddress": "InvoiceAccount",
        "LanguageId": "en-US",
        "CredManCustomerSince": "1900-01-01T12:00:00Z",
        "AddressValidFrom": "1900-01-01T00:00:00Z",
        "AddressTimeZone": None,
    }
    assert {name: record[name] for name in expected} == expected


def test_only_enumerations_without_a_zero_member_are_null(finops: Caller) -> None:
    nulls = {name for name, value in finops.customer().items() if value is None}
    assert nulls == {"AddressTimeZone", "DeliveryAddressTimeZone", "InvoiceAddressTimeZone"}


def test_the_alias_is_the_beginning_of_the_name_at_creation_only(finops: Caller) -> None:
    assert finops.customer(OrganizationName="Contoso Retail San Diego")["NameAlias"] == "Contoso Retail San D"
    finops.patch(customer_url(), {"OrganizationName": "Fabrikam"})
    assert read(finops)["NameAlias"] == "Contoso Retail San D"


def test_blanks_at_the_end_of_a_text_are_answered_and_not_kept(finops: Caller) -> None:
    created = finops.customer(OrganizationName="Contoso Retail West Bay  ")
    assert (created["NameAlias"], created["OrganizationName"]) == ("Contoso Retail West ", "Contoso Retail West Bay  ")
    kept = read(finops)
    assert (kept["NameAlias"], kept["OrganizationName"]) == ("Contoso Retail West", "Contoso Retail West Bay")
    assert kept["@odata.etag"] == created["@odata.etag"]


def test_a_change_that_only_adds_blanks_at_the_end_changes_nothing(finops: Caller) -> None:
    created = finops.customer(OrganizationName="Fabrikam")
    assert finops.patch(customer_url(), {"OrganizationName": "Fabrikam  "}).status_code == 204
    assert read(finops)["OrganizationName"] == "Fabrikam"
    assert read(finops)["@odata.etag"] == created["@odata.etag"]


def test_a_body_may_name_its_type_and_no_other(finops: Caller) -> None:
    annotated = {"CreditLimit@odata.type": "#Decimal", "CreditLimit": 7}
    for kind in ("#Microsoft.Dynamics.DataEntities.CustomerV3", "Microsoft.Dynamics.DataEntities.CustomerV3"):
        answer = finops.post("CustomersV3", {"@odata.type": kind, **CUSTOMER, "CustomerAccount": kind[:1], **annotated})
        assert (answer.status_code, answer.json()["CreditLimit"]) == (201, 7)
    other = finops.post("CustomersV3", {"@odata.type": "#Microsoft.Dynamics.DataEntities.CustomerV2", **CUSTOMER})
    assert (other.status_code, "CustomerV2" in detail(other)) == (400, True)


def test_a_given_alias_stays_even_when_it_is_empty(finops: Caller) -> None:
    assert finops.customer(NameAlias="")["NameAlias"] == ""


def test_the_alias_of_a_person_is_the_beginning_of_the_persons_name(finops: Caller) -> None:
    person = {"PartyType": "Person", "PersonFirstName": "Ana", "PersonLastName": "Trujillo", "OrganizationName": ""}
    assert finops.customer(**person)["NameAlias"] == "Ana Trujillo"


@pytest.mark.parametrize(("sent", "stored"), [("en-us", "en-US"), ("DE-ch", "de-CH"), ("zh-HANS", "zh-Hans")])
def test_languages_are_stored_in_one_spelling(finops: Caller, sent: str, stored: str) -> None:
    assert finops.customer(LanguageId=sent)["LanguageId"] == stored


def test_numbers_that_are_left_out_come_from_the_sequences(finops: Caller) -> None:
    body = {name: value for name, value in CUSTOMER.items() if name != "CustomerAccount"}
    first, second = (finops.post("CustomersV3", body).json() for _ in range(2))
    assert [first["CustomerAccount"], second["CustomerAccount"]] == ["USMF-000001", "USMF-000002"]
    assert [first["PartyNumber"], second["PartyNumber"]] == ["000000001", "000000002"]


def test_a_sequence_passes_over_numbers_that_are_taken(finops: Caller) -> None:
    finops.customer(CustomerAccount="usmf-000001", PartyNumber="000000001")
    body = {name: value for name, value in CUSTOMER.items() if name != "CustomerAccount"}
    record = finops.post("CustomersV3", body).json()
    assert (record["CustomerAccount"], record["PartyNumber"]) == ("USMF-000002", "000000002")


def test_a_customer_group_may_name_its_own_sequence(finops: Caller) -> None:
    finops.patch("CustomerGroups(dataAreaId='usmf',CustomerGroupId='30')", {"CustomerAccountNumberSequence": "Retail"})
    body = {name: value for name, value in CUSTOMER.items() if name != "CustomerAccount"}
    assert finops.post("CustomersV3", body).json()["CustomerAccount"] == "Retail-000001"


def test_own_numbers_can_be_forbidden() -> None:
    with environment(Settings(manual_numbers=False)) as finops:
        answer = finops.post("CustomersV3", CUSTOMER)
        assert answer.status_code == 400
        assert "validateField failed on field 'CustCustomerV3Entity.CustomerAccount'" in detail(answer)


def test_a_party_that_exists_may_be_named_where_own_numbers_are_forbidden() -> None:
    body = {name: value for name, value in CUSTOMER.items() if name != "CustomerAccount"}
    with environment(Settings(manual_numbers=False)) as finops:
        party = finops.post("CustomersV3", body).json()["PartyNumber"]
        there = finops.post("CustomersV3", {**body, "dataAreaId": "usrt", "PartyNumber": party})
        assert there.json()["PartyNumber"] == party
        assert finops.post("CustomersV3", {**body, "PartyNumber": "own"}).status_code == 400


def test_the_body_chooses_the_company_and_it_is_kept_in_lower_case(finops: Caller) -> None:
    assert finops.customer(dataAreaId="USRT")["dataAreaId"] == "usrt"


def test_an_unknown_company_is_refused(finops: Caller) -> None:
    answer = finops.post("CustomersV3", {**CUSTOMER, "dataAreaId": "nope"})
    assert answer.status_code == 400
    assert "'nope'" in detail(answer)


def test_a_taken_key_is_400_with_the_record_in_the_text(finops: Caller) -> None:
    answer = finops.post("CustomerGroups", {"CustomerGroupId": "10", "Description": "Wholesale"})
    assert answer.status_code == 400
    assert detail(answer) == (
        "Write failed for table row of type 'CustCustomerGroupEntity'. Infolog: Error: "
        "Cannot create a record in Customer groups (CustGroup). Customer group: 10.\nThe record already exists.."
    )


def test_keys_differ_by_more_than_case_and_blanks_at_the_end(finops: Caller) -> None:
    finops.customer()
    answer = finops.post("CustomersV3", {**CUSTOMER, "CustomerAccount": "us-001  "})
    assert "The record already exists." in detail(answer)


def test_the_same_account_in_another_company_is_another_customer(finops: Caller) -> None:
    finops.customer()
    assert finops.customer(dataAreaId="usrt")["CustomerAccount"] == "US-001"


@pytest.mark.parametrize(
    ("name", "value", "field", "table"),
    [
        ("CustomerGroupId", "Local", "Customer group", "Customer groups"),
        ("SalesCurrencyCode", "XXX", "Currency", "Currencies"),
        ("PaymentTerms", "Never", "Terms of payment", "Terms of payment"),
        ("LanguageId", "xx", "Language", "Language"),
    ],
)
def test_a_value_that_no_related_table_has_is_refused_by_its_field(
    finops: Caller, name: str, value: str, field: str, table: str
) -> None:
    answer = finops.post("CustomersV3", {**CUSTOMER, name: value})
    assert answer.status_code == 400
    assert detail(answer) == (
        f"{FAILED}Warning: The value '{value}' in field '{field}' is not found in the related table '{table}'.; "
        f"Warning: validateField failed on field 'CustCustomerV3Entity.{name}'."
    )


def test_the_customer_group_is_looked_up_in_the_company_of_the_record(finops: Caller) -> None:
    finops.post("CustomerGroups", {"dataAreaId": "usrt", "CustomerGroupId": "99"})
    assert finops.post("CustomersV3", {**CUSTOMER, "CustomerGroupId": "99"}).status_code == 400
    assert finops.customer(dataAreaId="usrt", CustomerGroupId="99")["CustomerGroupId"] == "99"


def test_references_are_checked_before_what_is_missing(finops: Caller) -> None:
    answer = finops.post("CustomersV3", {"CustomerGroupId": "Local"})
    assert "validateField failed on field 'CustCustomerV3Entity.CustomerGroupId'" in detail(answer)


def test_what_is_missing_is_named_after_the_defaults(finops: Caller) -> None:
    answer = finops.post("CustomersV3", {"CustomerAccount": "A", "CustomerGroupId": ""})
    assert answer.status_code == 400
    text = detail(answer)
    assert text.startswith(FAILED)
    for field in ("Customer group", "Currency", "Organization name"):
        assert f"Warning: Field '{field}' must be filled in." in text
    assert text.endswith("validateWrite failed on data source 'CustCustomerV3Entity (CustCustomerV3Entity)'.")


def test_a_person_needs_a_last_name(finops: Caller) -> None:
    answer = finops.post("CustomersV3", {**CUSTOMER, "PartyType": "Person", "PersonFirstName": "Ana"})
    assert "Field 'Last name' must be filled in." in detail(answer)


def test_a_party_is_an_organization_or_a_person(finops: Caller) -> None:
    answer = finops.post("CustomersV3", {**CUSTOMER, "PartyType": "Group"})
    assert "validateField failed on field 'CustCustomerV3Entity.PartyType'" in detail(answer)


def test_a_party_is_one_customer_of_a_company(finops: Caller) -> None:
    finops.customer(PartyNumber="P1")
    answer = finops.post("CustomersV3", {**CUSTOMER, "CustomerAccount": "US-002", "PartyNumber": "p1"})
    assert answer.status_code == 400
    assert "validateField failed on field 'CustCustomerV3Entity.PartyNumber'" in detail(answer)


def test_parties_of_a_company_may_be_shared_by_setting() -> None:
    with environment(Settings(one_customer_per_party=False)) as finops:
        finops.customer(PartyNumber="P1")
        assert finops.customer(CustomerAccount="US-002", PartyNumber="P1")["PartyNumber"] == "P1"


def test_a_repeated_create_is_a_duplicate_and_no_second_customer_of_its_party(finops: Caller) -> None:
    finops.customer(PartyNumber="US-001")
    answer = finops.post("CustomersV3", {**CUSTOMER, "CustomerAccount": "us-001", "PartyNumber": "us-001"})
    assert "The record already exists." in detail(answer)


def test_a_refused_create_leaves_nothing_behind(finops: Caller) -> None:
    finops.post("CustomersV3", {**CUSTOMER, "SalesCurrencyCode": "XXX"})
    assert finops.get("CustomersV3/$count").text == "0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NoSuchProperty", "a"),
        ("organizationname", "a"),
        ("ModifiedDateTime", "2026-07-14T12:00:00Z"),
        ("OrganizationName", None),
        ("OrganizationName", 1),
        ("OrganizationName", ["a"]),
        ("CreditLimit", "1"),
        ("CreditLimit", True),
        ("OnHoldStatus", "Maybe"),
        ("OnHoldStatus", 1),
        ("OnHoldStatus", True),
        ("AddressTimeZone", None),
        ("CredManCustomerSince", "2026-07-14"),
        ("CredManCustomerSince", "2026-02-30T12:00:00Z"),
        ("CredManCustomerSince", "1753-01-01T12:00:00Z"),
        ("CredManCustomerSince", ""),
        ("PrimaryContactFaxRecordId", 2**63),
        ("PrimaryContactFaxRecordId", 1.5),
    ],
)
def test_a_property_or_value_of_another_kind_is_400(finops: Caller, name: str, value: object) -> None:
    answer = finops.post("CustomersV3", {**CUSTOMER, name: value})
    assert answer.status_code == 400
    assert detail(answer)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"CreditLimit": NaN}'])
def test_a_body_that_is_no_json_object_is_400(finops: Caller, body: bytes) -> None:
    assert finops.send("POST", "/data/CustomersV3", data=body).status_code == 400


def test_annotations_in_a_body_are_no_properties(finops: Caller) -> None:
    body = {"@odata.type": "#Microsoft.Dynamics.DataEntities.CustomerV3", "CreditLimit@odata.type": "#Decimal"}
    assert finops.post("CustomersV3", {**CUSTOMER, **body}).status_code == 201


@pytest.mark.parametrize("number", ["1000", "12.5", "0.000001", "-0.10", "9999999999999999.123456"])
def test_decimals_stay_exact_and_have_no_exponent(finops: Caller, number: str) -> None:
    body = exact_json.dumps({**CUSTOMER, "CreditLimit": Decimal(number)})
    answer = finops.send("POST", "/data/CustomersV3", data=body.encode())
    record = exact_json.loads(answer.content)
    assert isinstance(record, dict)
    assert record["CreditLimit"] == Decimal(number)
    assert f'"CreditLimit":{number.rstrip("0") if "." in number else number},'.encode() in answer.content


def test_whole_numbers_of_64_bits_stay_exact(finops: Caller) -> None:
    assert finops.customer(PrimaryContactFaxRecordId=2**62 + 1)["PrimaryContactFaxRecordId"] == 2**62 + 1


@pytest.mark.parametrize(
    ("name", "sent", "stored"),
    [
        ("CredManCustomerSince", "2026-07-14T12:00:00Z", "2026-07-14T12:00:00Z"),
        ("CredManCustomerSince", "2026-07-14T00:30:00+02:00", "2026-07-13T12:00:00Z"),
        ("AddressValidFrom", "2026-07-15T01:58:18.75Z", "2026-07-15T01:58:18Z"),
        ("AddressValidTo", "2154-12-31T23:59:59Z", "2154-12-31T23:59:59Z"),
    ],
)
def test_a_date_lies_at_noon_and_a_date_time_at_its_second(finops: Caller, name: str, sent: str, stored: str) -> None:
    assert finops.customer(**{name: sent})[name] == stored


def test_a_text_over_a_verified_length_is_refused(finops: Caller) -> None:
    assert finops.customer(OrganizationName="x" * 100)["OrganizationName"] == "x" * 100
    answer = finops.patch(customer_url(), {"OrganizationName": "x" * 101})
    assert answer.status_code == 400
    assert "validateField failed on field 'CustCustomerV3Entity.OrganizationName'" in detail(answer)


@pytest.mark.parametrize(
    ("overlong", "status", "city"),
    [(Overlong.REJECT, 400, None), (Overlong.CUT, 201, "x" * 60), (Overlong.OFF, 201, "x" * 61)],
)
def test_a_text_over_a_usual_length_follows_the_setting(overlong: Overlong, status: int, city: str | None) -> None:
    with environment(Settings(overlong=overlong)) as finops:
        answer = finops.post("CustomersV3", {**CUSTOMER, "AddressCity": "x" * 61})
        assert (answer.status_code, answer.json().get("AddressCity")) == (status, city)


def test_lengths_count_as_the_database_counts(finops: Caller) -> None:
    assert finops.post("CustomersV3", {**CUSTOMER, "OrganizationName": "𝄞" * 50}).status_code == 201
    assert finops.patch(customer_url(), {"OrganizationName": "𝄞" * 51}).status_code == 400


def test_an_update_is_204_and_leaves_absent_properties(finops: Caller) -> None:
    finops.customer(SalesMemo="Old friend", CreditLimit=5)
    answer = finops.patch(customer_url(), {"CreditLimit": 7})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (read(finops)["CreditLimit"], read(finops)["SalesMemo"]) == (7, "Old friend")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_of_an_unknown_key_is_400(finops: Caller, method: str) -> None:
    answer = finops.send(method, f"/data/{customer_url('NOBODY')}", json={"CreditLimit": 7})
    assert (answer.status_code, detail(answer)) == (400, NOTHING_TO_UPDATE)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_in_another_company_needs_cross_company(finops: Caller, method: str) -> None:
    finops.customer(dataAreaId="usrt")
    path = f"/data/{customer_url(company='usrt')}"
    answer = finops.send(method, path, json={"CreditLimit": 7})
    assert (answer.status_code, detail(answer)) == (400, NOTHING_TO_UPDATE)
    assert finops.send(method, path, {"cross-company": "true"}, json={"CreditLimit": 7}).status_code == 204


def test_a_change_of_a_collection_is_400(finops: Caller) -> None:
    answer = finops.patch("CustomersV3", {"CreditLimit": 7})
    assert answer.status_code == 400
    assert detail(answer).startswith("More than one resource ")


def test_key_properties_in_an_update_are_tolerated_when_equal(finops: Caller) -> None:
    finops.customer()
    same = {"dataAreaId": "USMF", "CustomerAccount": "us-001", "CreditLimit": 7}
    assert finops.patch(customer_url(), same).status_code == 204
    assert read(finops)["CustomerAccount"] == "US-001"
    assert finops.patch(customer_url(), {"CustomerAccount": "US-002"}).status_code == 400


def test_an_update_checks_references_and_the_whole_row(finops: Caller) -> None:
    finops.customer()
    assert finops.patch(customer_url(), {"CustomerGroupId": "Local"}).status_code == 400
    assert finops.patch(customer_url(), {"OrganizationName": ""}).status_code == 400
    assert read(finops)["OrganizationName"] == CUSTOMER["OrganizationName"]


def test_a_fresh_row_has_version_one_in_both_pairs(finops: Caller) -> None:
    versions = [pair.split(",")[0] for pair in pairs(finops.customer()["@odata.etag"])]
    assert versions == ["1", "1"]


def test_a_party_property_changes_only_the_pair_of_the_party(finops: Caller) -> None:
    customer, party = pairs(finops.customer()["@odata.etag"])
    finops.patch(customer_url(), {"OrganizationName": "Fabrikam"})
    after = pairs(read(finops)["@odata.etag"])
    assert (after[0] == customer, after[1] == party) == (True, False)
    assert after[1].split(",")[1] == party.split(",")[1]


def test_a_property_of_the_customer_changes_only_the_pair_of_the_customer(finops: Caller) -> None:
    customer, party = pairs(finops.customer()["@odata.etag"])
    finops.patch(customer_url(), {"CreditLimit": 7})
    after = pairs(read(finops)["@odata.etag"])
    assert (after[0] == customer, after[1] == party) == (False, True)


def test_an_update_with_the_values_that_are_there_leaves_the_tag(finops: Caller) -> None:
    before = finops.customer(CreditLimit=7)["@odata.etag"]
    finops.patch(customer_url(), {"CreditLimit": 7, "OrganizationName": CUSTOMER["OrganizationName"]})
    assert read(finops)["@odata.etag"] == before


def test_customers_of_one_party_in_two_companies_share_name_and_pair(finops: Caller) -> None:
    finops.customer(PartyNumber="P1")
    finops.customer(PartyNumber="P1", dataAreaId="usrt", OrganizationName="Fabrikam")
    here, there = read(finops), read(finops, company="usrt")
    assert here["OrganizationName"] == there["OrganizationName"] == "Fabrikam"
    assert pairs(here["@odata.etag"])[1] == pairs(there["@odata.etag"])[1]
    assert pairs(here["@odata.etag"])[0] != pairs(there["@odata.etag"])[0]


def test_a_table_without_joins_has_one_pair(finops: Caller) -> None:
    assert len(pairs(finops.rows("CustomerGroups")[0]["@odata.etag"])) == 1


def test_a_stale_tag_is_412_and_changes_nothing(finops: Caller) -> None:
    stale = finops.customer()["@odata.etag"]
    assert finops.patch(customer_url(), {"CreditLimit": 7}, headers={"If-Match": stale}).status_code == 204
    assert finops.patch(customer_url(), {"CreditLimit": 8}, headers={"If-Match": stale}).status_code == 412
    assert finops.delete(customer_url(), headers={"If-Match": stale}).status_code == 412
    assert read(finops)["CreditLimit"] == 7


def test_a_star_matches_every_tag(finops: Caller) -> None:
    finops.customer()
    assert finops.patch(customer_url(), {"CreditLimit": 7}, headers={"If-Match": "*"}).status_code == 204


def test_a_deleted_record_is_gone(finops: Caller) -> None:
    finops.customer()
    assert finops.delete(customer_url(), {"cross-company": "true"}).status_code == 204
    assert finops.get(customer_url()).status_code == 404


def test_an_update_conflict_comes_as_often_as_it_was_asked_for(finops: Caller) -> None:
    finops.customer()
    finops.control("conflicts", {"entity": "CustomersV3", "times": 1})
    answer = finops.patch(customer_url(), {"CreditLimit": 7})
    assert answer.status_code == 400
    assert "An update conflict occurred due to another user process" in detail(answer)
    assert finops.patch(customer_url(), {"CreditLimit": 7}).status_code == 204


def test_a_right_that_is_taken_makes_writes_403(finops: Caller) -> None:
    finops.customer()
    finops.control("rights", {"entity": "CustomersV3", "right": "write", "granted": False})
    assert finops.post("CustomersV3", CUSTOMER).status_code == 403
    assert finops.patch(customer_url(), {}).status_code == 403
    assert finops.delete(customer_url()).status_code == 403
    assert finops.get(customer_url()).status_code == 200


@pytest.mark.parametrize("path", ["CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')", "CustomersV3"])
def test_methods_that_the_service_does_not_offer_are_405(finops: Caller, path: str) -> None:
    assert finops.send("PUT", f"/data/{path}", json={}).status_code == 405


def test_a_new_legal_entity_is_a_company(finops: Caller) -> None:
    assert finops.post("LegalEntities", {"LegalEntityId": "DEMF", "Name": "Contoso Germany"}).status_code == 201
    finops.post("CustomerGroups", {"dataAreaId": "demf", "CustomerGroupId": "30"})
    assert finops.customer(dataAreaId="DEMF")["dataAreaId"] == "demf"
