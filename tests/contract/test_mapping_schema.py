"""The mapping against the schemas of both systems: names, types, enumerations, lengths."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shared.flows.accounts import mapping as accounts
from shared.flows.accounts.mapping import AccountChoices, AccountMapper, DeliveryAddress, OnHold, account_words
from shared.flows.registry import FLOWS
from shared.mapping.addresses import AddressRules
from shared.mapping.field_table import FieldTable
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import Column, Ownership, TargetField, Word, constant, copy

SCHEMAS = Path(__file__).parents[2] / "local" / "schemas"
COLUMN_TYPES = {
    str: {"Edm.String", "Edm.DateTimeOffset", "Edm.Guid"},
    int: {"Edm.Int32", "Edm.Int64"},
    Decimal: {"Edm.Decimal"},
    bool: {"Edm.Boolean"},
}
FIELD_TYPES = {str: {"Edm.String"}, int: {"Edm.Int32", "Edm.Int64"}, Decimal: {"Edm.Decimal"}}

Facts = Mapping[str, Any]
_ID: Facts = {"edm_type": "Edm.Guid"}


@cache
def dataverse() -> Mapping[str, Facts]:
    """The tables of Sales with the Prospect-to-cash solution."""
    tables: dict[str, Facts] = _document("dataverse-schema.json")["entities"]
    for name, added in _document("dataverse-p2c-solution.json")["entities"].items():
        known = tables.get(name, {"attributes": [], "lookups": []})
        tables[name] = {**known, "attributes": [*known["attributes"], *added["attributes"]]}
    return tables


@cache
def finops() -> Facts:
    """The collections and enumerations of F&O."""
    return _document("finops-schema.json")


def _document(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return content


def attribute(table: str, name: str) -> Facts:
    """A column of a table of Sales."""
    (found,) = (each for each in dataverse()[table]["attributes"] if each["name"] == name)
    return dict(found)


def fields(entity_set: str) -> Facts:
    """The fields of a collection of F&O by name."""
    return {field["name"]: field for field in finops()["entities"][entity_set]["fields"]}


def source_mistakes(entity_set: str, columns: tuple[Column, ...]) -> Iterator[str]:
    """What Dataverse would refuse of a read, or answer in another type."""
    (table,) = (each for each in dataverse().values() if each.get("entity_set") == entity_set)
    for column in columns:
        navigation, dot, name = column.name.rpartition(".")
        owner = _expanded(table, navigation) if dot else table
        known = {attribute["name"]: attribute for attribute in (owner or {}).get("attributes", ())}
        known |= {lookup["value_property"]: _ID for lookup in (owner or {}).get("lookups", ())}
        if owner is None or name not in known:
            yield f"{column.name} does not exist"
        elif known[name]["edm_type"] not in COLUMN_TYPES[column.type]:
            yield f"{column.name} is {known[name]['edm_type']}, not {column.type.__name__}"


def _expanded(table: Facts, navigation: str) -> Facts | None:
    for lookup in table["lookups"]:
        for way in lookup["navigation"]:
            if way["nav"] == navigation:
                return dataverse()[way["target"]]
    return None


def target_mistakes(target_set: str, words: tuple[Word, ...], maps: ValueMaps) -> Iterator[str]:
    """What F&O would refuse of a write."""
    known = {field["name"]: field for field in finops()["entities"][target_set]["fields"]}
    for word in words:
        for field in word.fields:
            if field.name not in known:
                yield f"{field.name} does not exist"
            else:
                yield from _field_mistakes(field, known[field.name], word, maps)


def _field_mistakes(field: TargetField, known: Facts, word: Word, maps: ValueMaps) -> Iterator[str]:
    if known["enum"] is not None:
        members = {member["name"] for member in finops()["enums"][known["enum"]]["members"]}
        value = None if word.columns else word.values({}, maps)[field.name]
        if value is not None and value not in members:
            yield f"{field.name} is {value}, which is no member of {known['enum']}"
    elif known["type"] not in FIELD_TYPES[field.type]:
        yield f"{field.name} is {known['type']}, not {field.type.__name__}"
    if field.max_length != known["max_length"]:
        yield f"{field.name} takes {known['max_length']}, not {field.max_length}"
    if known["key"]:
        yield f"{field.name} is a key and is addressed, not mapped"


MAPS = FLOWS.read_map_document(None)
EVERYTHING = AccountChoices(on_hold_when_ended=OnHold.ALL, addresses=AddressRules(county=True, street_number=True))
CHOICES = [
    AccountChoices(),
    EVERYTHING,
    replace(EVERYTHING, delivery_address=DeliveryAddress.FIRST),
]
FIELDS = {field["name"]: field for field in finops()["entities"][accounts.TARGET_SET]["fields"]}


@pytest.mark.parametrize("choices", CHOICES)
def test_every_column_that_the_mapping_reads_exists_with_its_type(choices: AccountChoices) -> None:
    on = MAPS.model_copy(update={"fields": {"accounts": {"CreditLimit": "owned"}}})
    table = AccountMapper(on, choices).table
    assert list(source_mistakes(accounts.ENTITY_SET, table.columns)) == []


@pytest.mark.parametrize("choices", CHOICES)
def test_every_field_that_the_mapping_writes_exists_with_its_type_members_and_length(choices: AccountChoices) -> None:
    assert list(target_mistakes(accounts.TARGET_SET, account_words(choices), MAPS)) == []


def test_no_column_that_the_mapping_reads_is_unreadable() -> None:
    unreadable = _document("dataverse-schema.json")["_left_out_unreadable"]["account"]
    assert not set(unreadable) & {column.name for column in AccountMapper(MAPS, EVERYTHING).table.columns}


def test_the_source_table_is_read_by_its_id() -> None:
    table = dataverse()["account"]
    assert (table["entity_set"], table["primary_id"]) == (accounts.ENTITY_SET, accounts.ID_COLUMN)


def test_a_customer_is_addressed_by_company_and_account_number() -> None:
    assert finops()["entities"][accounts.TARGET_SET]["key"] == ["dataAreaId", accounts.KEY_FIELD]
    assert FIELDS[accounts.KEY_FIELD]["max_length"] == accounts.KEY_LENGTH


def test_every_mandatory_field_of_a_customer_is_sent_at_creation() -> None:
    mandatory = {name for name, field in FIELDS.items() if field["mandatory"] and not field["key"]}
    sent = {field.name for word in account_words(AccountChoices()) for field in word.fields}
    assert mandatory <= sent


def test_the_shipped_text_lengths_are_those_that_the_schema_calls_unverified() -> None:
    fields = {field.name for word in account_words(EVERYTHING) for field in word.fields}
    unverified = {
        name: FIELDS[name]["max_length_unverified"] for name in fields if "max_length_unverified" in FIELDS[name]
    }
    assert dict(MAPS.lengths_of(accounts.TARGET_SET)) == unverified


def test_every_hold_status_is_a_member_of_its_enumeration() -> None:
    members = [member["name"] for member in finops()["enums"][FIELDS["OnHoldStatus"]["enum"]]["members"]]
    assert [status.value for status in OnHold if status is not OnHold.OFF] == [name for name in members if name != "No"]


def test_an_inactive_account_is_the_option_that_the_mapping_means() -> None:
    options = next(each for each in dataverse()["account"]["attributes"] if each["name"] == "statecode")["options"]
    assert {option["label"]: option["value"] for option in options} == {"Active": 0, "Inactive": 1}


def test_the_longest_account_number_of_sales_fits_into_finops() -> None:
    number = next(each for each in dataverse()["account"]["attributes"] if each["name"] == accounts.KEY_COLUMN)
    assert number["max_length"] <= accounts.KEY_LENGTH


@pytest.mark.parametrize(
    ("column", "mistake"),
    [
        (Column("acountnumber"), "acountnumber does not exist"),
        (Column("numberofemployees", str), "numberofemployees is Edm.Int32, not str"),
        (Column("name", bool), "name is Edm.String, not bool"),
        (Column("creditlimit", int), "creditlimit is Edm.Decimal, not int"),
        (Column("TransactionCurrencyId.isocurrencycode"), "TransactionCurrencyId.isocurrencycode does not exist"),
        (Column("transactioncurrencyid.isocode"), "transactioncurrencyid.isocode does not exist"),
    ],
)
def test_a_wrong_column_is_found(column: Column, mistake: str) -> None:
    assert list(source_mistakes(accounts.ENTITY_SET, (Column("name"), column))) == [mistake]


@pytest.mark.parametrize(
    ("word", "mistake"),
    [
        (copy("name", "OrganisationName"), "OrganisationName does not exist"),
        (copy("name", "OrganizationName"), "OrganizationName takes 100, not None"),
        (copy("fax", "PrimaryContactFax", max_length=255), "PrimaryContactFax takes None, not 255"),
        (copy("creditlimit", "CreditLimit", type=int), "CreditLimit is Edm.Decimal, not int"),
        (constant("IsExternallyMaintained", "True"), "IsExternallyMaintained is True, which is no member of NoYes"),
        (constant("OnHoldStatus", "Yes"), "OnHoldStatus is Yes, which is no member of CustVendorBlocked"),
        (
            copy("accountnumber", "CustomerAccount", max_length=20),
            "CustomerAccount is a key and is addressed, not mapped",
        ),
    ],
)
def test_a_wrong_field_is_found(word: Word, mistake: str) -> None:
    assert list(target_mistakes(accounts.TARGET_SET, (word,), MAPS)) == [mistake]


def test_a_wrong_mapping_is_found_as_a_whole() -> None:
    words = (
        copy("nmae", "OrganizationName", max_length=100),
        constant("PartyTyp", "Organization", ownership=Ownership.ON_CREATE),
    )
    table = FieldTable(accounts.ENTITY_SET, accounts.TARGET_SET, words, MAPS.model_copy(update={"fields": {}}))
    assert list(source_mistakes(accounts.ENTITY_SET, table.columns)) == ["nmae does not exist"]
    assert list(target_mistakes(accounts.TARGET_SET, words, MAPS)) == ["PartyTyp does not exist"]
