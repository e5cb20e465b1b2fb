"""The contacts mapping against the schemas of both systems: names, types, keys, enumerations, lengths."""

import pytest

from shared.mapping import contacts
from shared.mapping.accounts import OnHold
from shared.mapping.addresses import AddressRules
from shared.mapping.contacts import ContactChoices, ContactMapper, customer_words, person_words
from shared.mapping.value_maps import read_value_maps
from shared.mapping.vocabulary import Word
from tests.contract.test_mapping_schema import dataverse, finops, source_mistakes, target_mistakes

MAPS = read_value_maps(None)
EVERYTHING = ContactChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True))
ON = MAPS.model_copy(
    update={
        "ownership": {
            "contact_persons": {"Gender": "owned", "MaritalStatus": "owned"},
            "contact_customers": {"PersonGender": "owned", "PersonMaritalStatus": "owned"},
        }
    }
)
TARGETS = [
    (contacts.PERSON_SET, contacts.PERSON_PART, person_words(EVERYTHING)),
    (contacts.CUSTOMER_SET, contacts.CUSTOMER_PART, customer_words(EVERYTHING)),
]


def test_every_column_that_the_mapping_reads_exists_with_its_type() -> None:
    mapper = ContactMapper(ON, EVERYTHING)
    assert list(source_mistakes(contacts.ENTITY_SET, (*mapper.person.columns, *mapper.customer.columns))) == []


@pytest.mark.parametrize(("target_set", "part", "words"), TARGETS)
def test_every_field_that_the_mapping_writes_exists_with_its_type_members_and_length(
    target_set: str, part: str, words: tuple[Word, ...]
) -> None:
    assert part
    assert list(target_mistakes(target_set, words, MAPS)) == []


@pytest.mark.parametrize(("target_set", "part", "words"), TARGETS)
def test_the_shipped_text_lengths_are_those_that_the_schema_calls_unverified(
    target_set: str, part: str, words: tuple[Word, ...]
) -> None:
    known = {field["name"]: field for field in finops()["entities"][target_set]["fields"]}
    names = {field.name for word in words for field in word.fields}
    unverified = {
        name: known[name]["max_length_unverified"] for name in names if "max_length_unverified" in known[name]
    }
    assert dict(MAPS.lengths_of(part)) == unverified


def test_a_contact_person_is_addressed_by_its_four_key_fields() -> None:
    entity = finops()["entities"][contacts.PERSON_SET]
    assert set(entity["key"]) == {"dataAreaId", *contacts.PERSON_KEY, *contacts.PERSON_CONSTANT_KEY}
    (kind,) = (field for field in entity["fields"] if field["name"] == "AssociatedContactType")
    members = {member["name"] for member in finops()["enums"][kind["enum"]]["members"]}
    assert set(contacts.PERSON_CONSTANT_KEY.values()) <= members


def test_every_option_of_gender_and_marital_status_has_a_member() -> None:
    persons = {field["name"]: field for field in finops()["entities"][contacts.PERSON_SET]["fields"]}
    for column, name, codes in (
        ("gendercode", "Gender", contacts.GENDERS),
        ("familystatuscode", "MaritalStatus", contacts.MARITAL_STATUSES),
    ):
        (known,) = (of for of in dataverse()["contact"]["attributes"] if of["name"] == column)
        assert set(codes) == {option["value"] for option in known["options"]}
        members = {member["name"] for member in finops()["enums"][persons[name]["enum"]]["members"]}
        assert set(codes.values()) <= members


def test_the_source_table_is_read_by_its_id() -> None:
    table = dataverse()["contact"]
    assert (table["entity_set"], table["primary_id"]) == (contacts.ENTITY_SET, contacts.ID_COLUMN)


def test_the_longest_contact_number_of_sales_fits_into_finops() -> None:
    (number,) = (of for of in dataverse()["contact"]["attributes"] if of["name"] == contacts.KEY_COLUMN)
    assert number["max_length"] <= contacts.KEY_LENGTH
