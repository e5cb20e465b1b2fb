"""The contacts mapping against the schemas of both systems: names, types, keys, enumerations, lengths."""

import json
from collections.abc import Mapping

import pytest

from shared.flows.accounts.mapping import OnHold
from shared.flows.contacts import mapping as contacts
from shared.flows.contacts.mapping import ContactChoices, ContactMapper, customer_words, person_words
from shared.flows.registry import FLOWS
from shared.mapping.addresses import AddressRules
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Known, Mapped
from shared.mapping.words import Word
from shared.records import SourceRow
from tests.contract.test_mapping_schema import SCHEMAS, Facts, dataverse, finops, source_mistakes, target_mistakes
from tests.support.clock import START

MAPS = FLOWS.read_map_document(None)
EVERYTHING = ContactChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True))
ON = MAPS.model_copy(
    update={
        "fields": {
            "contact_persons": {"Gender": "owned", "MaritalStatus": "owned"},
            "contact_customers": {"PersonGender": "owned", "PersonMaritalStatus": "owned"},
        }
    }
)
WIDEST = ContactMapper(ON, EVERYTHING)
WORDS = [
    (contacts.PERSON_SET, person_words(EVERYTHING)),
    (contacts.CUSTOMER_SET, customer_words(EVERYTHING)),
]
PARTS = [contacts.PERSON_PART, contacts.CUSTOMER_PART]
TABLES = [(contacts.PERSON_SET, WIDEST.person), (contacts.CUSTOMER_SET, WIDEST.customer)]


def fields(target_set: str) -> Mapping[str, Facts]:
    """The fields of a collection of F&O by name."""
    return {field["name"]: field for field in finops()["entities"][target_set]["fields"]}


def members(target_set: str, field: str) -> set[str]:
    """The members of a field's enumeration."""
    return {member["name"] for member in finops()["enums"][fields(target_set)[field]["enum"]]["members"]}


def test_every_column_that_the_mapping_reads_exists_with_its_type() -> None:
    assert list(source_mistakes(contacts.ENTITY_SET, (*WIDEST.person.columns, *WIDEST.customer.columns))) == []


def test_no_column_that_the_mapping_reads_is_unreadable() -> None:
    document = json.loads((SCHEMAS / "dataverse-schema.json").read_text(encoding="utf-8"))
    assert not set(document["_left_out_unreadable"]["contact"]) & set(WIDEST.select)


@pytest.mark.parametrize(("target_set", "words"), WORDS)
def test_every_field_that_the_mapping_writes_exists_with_its_type_members_and_length(
    target_set: str, words: tuple[Word, ...]
) -> None:
    assert list(target_mistakes(target_set, words, MAPS)) == []


@pytest.mark.parametrize(
    ("target_set", "part", "words"),
    [(target_set, part, words) for (target_set, words), part in zip(WORDS, PARTS, strict=True)],
)
def test_the_shipped_text_lengths_are_those_that_the_schema_calls_unverified(
    target_set: str, part: str, words: tuple[Word, ...]
) -> None:
    known = fields(target_set)
    names = {field.name for word in words for field in word.fields}
    unverified = {
        name: known[name]["max_length_unverified"] for name in names if "max_length_unverified" in known[name]
    }
    assert dict(MAPS.lengths_of(part)) == unverified


@pytest.mark.parametrize(("target_set", "table"), TABLES)
def test_no_field_that_the_server_computes_is_written(target_set: str, table: FieldTable) -> None:
    computed = {
        name for name, field in fields(target_set).items() if field["read_only"] or field.get("read_only_inferred")
    }
    assert not computed & {*table.target_fields}


@pytest.mark.parametrize(("target_set", "table"), TABLES)
def test_an_enumeration_is_emptied_by_its_member_of_value_zero(target_set: str, table: FieldTable) -> None:
    known = fields(target_set)
    for name in {"Gender", "MaritalStatus", "PersonGender", "PersonMaritalStatus"} & {*table.target_fields}:
        (zero,) = (each["name"] for each in finops()["enums"][known[name]["enum"]]["members"] if each["value"] == 0)
        assert (table.empty(name), table.agree(name, None, zero)) == (zero, True)


def test_a_field_of_a_new_customer_is_blank_as_the_mapping_empties_it() -> None:
    fresh = {name: field.get("new_record_value") for name, field in fields(contacts.CUSTOMER_SET).items()}
    blank = {name: fresh[name] for name in WIDEST.customer.target_fields if fresh[name] in ("", "Unknown", "None")}
    assert {"PersonLastName", "InvoiceAddressCity", "PersonGender"} <= blank.keys()
    assert {name: WIDEST.customer.empty(name) for name in blank} == blank


def test_the_mandatory_fields_of_a_customer_have_values_for_the_barest_contact() -> None:
    mandatory = [
        name for name, field in fields(contacts.CUSTOMER_SET).items() if field["mandatory"] and not field["key"]
    ]
    row = SourceRow("1", 1, {contacts.KEY_COLUMN: "CON-1", "lastname": "Bo", "msdynce_isactivecustomer": True})
    found = ContactMapper(MAPS).evaluate(row, Known(START))
    assert isinstance(found, Mapped)
    assert [name for name in mandatory if not found.on_create[name]] == []


def test_what_ends_a_contact_person_is_a_member_of_its_enumeration() -> None:
    for name, member in WIDEST.person_rules.ended().items():
        assert member in members(contacts.PERSON_SET, name)
        assert name in WIDEST.person.target_fields


def test_government_id_and_spouse_are_never_written() -> None:
    assert not {"GovernmentIdentificationNumber", "SpouseName"} & {*WIDEST.person.target_fields}


def test_an_inactive_contact_is_the_option_that_the_mapping_means() -> None:
    (state,) = (each for each in dataverse()["contact"]["attributes"] if each["name"] == "statecode")
    assert {option["label"]: option["value"] for option in state["options"]} == {"Active": 0, "Inactive": 1}


def test_a_contact_person_is_addressed_by_its_four_key_fields() -> None:
    entity = finops()["entities"][contacts.PERSON_SET]
    assert set(entity["key"]) == {"dataAreaId", *contacts.PERSON_KEY, *contacts.PERSON_CONSTANT_KEY}
    for name, member in contacts.PERSON_CONSTANT_KEY.items():
        assert member in members(contacts.PERSON_SET, name)
        assert fields(contacts.PERSON_SET)[name]["type"] == contacts.ASSOCIATED_CONTACT_TYPE


def test_every_option_of_gender_and_marital_status_has_a_member() -> None:
    for column, name, codes in (
        ("gendercode", "Gender", contacts.GENDERS),
        ("familystatuscode", "MaritalStatus", contacts.MARITAL_STATUSES),
    ):
        (known,) = (each for each in dataverse()["contact"]["attributes"] if each["name"] == column)
        assert set(codes) == {option["value"] for option in known["options"]}
        assert set(codes.values()) <= members(contacts.PERSON_SET, name)
        assert set(codes.values()) <= members(contacts.CUSTOMER_SET, f"Person{name}")


def test_the_source_table_is_read_by_its_id() -> None:
    table = dataverse()["contact"]
    assert (table["entity_set"], table["primary_id"]) == (contacts.ENTITY_SET, contacts.ID_COLUMN)


def test_the_longest_contact_number_of_sales_fits_into_finops() -> None:
    (number,) = (each for each in dataverse()["contact"]["attributes"] if each["name"] == contacts.KEY_COLUMN)
    assert number["max_length"] <= contacts.KEY_LENGTH
