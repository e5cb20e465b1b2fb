"""A mapping put to work: what is checked, compared and remembered of it."""

import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import SchemaDrift, SettingsInvalid
from shared.flows.accounts.mapping import AccountChoices, AccountMapper, DeliveryAddress, OnHold, PartyNumber
from shared.flows.registry import FLOWS
from shared.mapping.addresses import AddressRules
from shared.mapping.field_table import FieldTable
from shared.mapping.scope import Scope
from shared.mapping.words import Line, TargetField, Unmappable
from shared.records import Json, SourceRow
from shared.systems import System
from tests.support.patience import PATIENCE_S
from tests.unit.mapping.samples import (
    KNOWN,
    SEATTLE,
    account,
    document,
    keeping,
    lengths,
    mapped,
    mapper,
    owned_as,
    rejected,
)

MAPPER = mapper()


@pytest.mark.parametrize(
    ("column", "field", "limit"), [("name", "OrganizationName", 100), ("telephone1", "PrimaryContactPhone", 255)]
)
def test_a_text_over_a_verified_length_is_rejected(column: str, field: str, limit: int) -> None:
    assert mapped(MAPPER, account(**{column: "x" * limit})).owned[field] == "x" * limit
    verdict = rejected(MAPPER, account(**{column: "x" * (limit + 1)}))
    assert verdict.cause == "text_too_long"
    assert field in verdict.message
    assert str(limit) in verdict.message


@pytest.mark.parametrize(("length", "told"), [(500, "500"), (101, "101"), (None, "null")])
def test_a_verified_length_that_the_document_raises_or_turns_off_is_refused(length: int | None, told: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        mapper(countries={}, states={}, text_lengths=lengths(OrganizationName=length))
    (_, sentence) = str(refused.value).splitlines()
    assert sentence.strip() == (
        f"text_lengths.CustomersV3.OrganizationName: {told}: the length of OrganizationName, 100, is verified and "
        "cannot be raised or turned off: remove it"
    )


def test_a_text_over_an_unverified_length_is_rejected_and_the_remedy_names_its_place() -> None:
    verdict = rejected(MAPPER, account(**{**SEATTLE, "address1_postalcode": "x" * 11}))
    assert verdict.cause == "text_too_long"
    assert "text_lengths.CustomersV3.AddressZipCode" in verdict.remedy


@pytest.mark.parametrize("given", [{"AddressZipCode": None}, {}, {"AddressZipCode": 20}])
def test_an_unverified_length_can_be_raised_or_turned_off(given: dict[str, int | None]) -> None:
    row = account(**{**SEATTLE, "address1_postalcode": "x" * 11})
    assert mapped(mapper(text_lengths=lengths(**given)), row).owned["AddressZipCode"] == "x" * 11


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800"])
def test_a_control_character_is_rejected_by_its_code_and_field(character: str) -> None:
    verdict = rejected(MAPPER, account(description=f"a{character}b"))
    assert verdict.cause == "text_not_allowed"
    assert f"U+{ord(character):04X}" in verdict.message
    assert "SalesMemo" in verdict.message


def test_line_breaks_and_tabs_are_allowed() -> None:
    assert mapped(MAPPER, account(description="a\r\nb\tc")).owned["SalesMemo"] == "a\r\nb\tc"


def test_a_rejection_quotes_no_text_of_the_record_that_is_too_long() -> None:
    assert "secret" not in rejected(MAPPER, account(name="secret" * 50)).message


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", 5),
        ("accountnumber", 5),
        ("telephone1", True),
        ("numberofemployees", "12"),
        ("numberofemployees", Decimal("1.5")),
        ("numberofemployees", True),
        ("address1_city", 5),
        ("transactioncurrencyid", {"isocurrencycode": 5}),
        ("statecode", "1"),
        ("statecode", True),
        ("merged", "false"),
        ("merged", 1),
        ("modifiedon", 5),
        ("description", ["a"]),
    ],
)
def test_a_column_of_another_type_is_schema_drift_and_no_record_is_to_blame(column: str, value: Json) -> None:
    with pytest.raises(SchemaDrift, match="is not what the mapping expects") as raised:
        MAPPER.evaluate(account(**{column: value}), KNOWN)
    assert raised.value.system is System.DATAVERSE
    assert column in str(raised.value)


def test_an_amount_may_be_a_whole_number_and_never_a_truth_value() -> None:
    on = mapper(fields=owned_as(CreditLimit="owned"))
    assert mapped(on, account(creditlimit=5)).owned["CreditLimit"] == 5
    with pytest.raises(SchemaDrift, match="creditlimit"):
        on.evaluate(account(creditlimit=True), KNOWN)


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "agree"),
    [
        ("OrganizationName", "A", "A", True),
        ("OrganizationName", "A", "a", False),
        ("OrganizationName", "A", "A  ", True),
        ("OrganizationName", "A", " A", False),
        ("AddressStreet", "a\nb", "a\r\nb", True),
        ("AddressStreet", "a\nb", "a b", False),
        ("AddressCountryRegionISOCode", "US", "us", True),
        ("LanguageId", "en-us", "en-US", True),
        ("SalesMemo", None, "", True),
        ("SalesMemo", None, "  ", True),
        ("SalesMemo", None, "1900-01-01T12:00:00Z", True),
        ("SalesMemo", "x", "", False),
        ("OrganizationNumberOfEmployees", None, 0, True),
        ("OrganizationNumberOfEmployees", 5, 5, True),
        ("OrganizationNumberOfEmployees", 5, None, False),
        ("CreditLimit", Decimal("5.10"), Decimal("5.1"), True),
        ("CreditLimit", None, Decimal("0.00"), True),
        ("IsExternallyMaintained", "Yes", "No", False),
    ],
)
def test_values_agree_after_the_normalisation_of_finops(field: str, ours: Json, theirs: Json, agree: bool) -> None:
    on = mapper(fields=owned_as(CreditLimit="owned"))
    assert on.rules.agree(field, ours, theirs) is agree
    assert on.rules.agree(field, theirs, ours) is agree


@settings(deadline=None)
@given(st.text())
def test_every_text_agrees_with_itself(text: str) -> None:
    assert MAPPER.rules.agree("SalesMemo", text, text)


def test_a_text_is_emptied_by_an_empty_text_and_a_number_by_zero() -> None:
    assert MAPPER.rules.empty("SalesMemo") == ""
    assert MAPPER.rules.empty("OrganizationNumberOfEmployees") == 0


@pytest.mark.parametrize("part", ["fields", "text_lengths"])
def test_a_misspelled_field_of_the_document_is_refused_with_the_right_name(part: str) -> None:
    wrong: Json = owned_as(OrganisationName="off") if part == "fields" else lengths(OrganisationName=5)
    with pytest.raises(SettingsInvalid, match=r"OrganisationName is not a field.*did you mean OrganizationName"):
        mapper(None, **{part: wrong})


def test_every_misspelled_field_is_named_in_one_message() -> None:
    with pytest.raises(SettingsInvalid) as raised:
        mapper(fields=owned_as(Wrong="off", Bad="off"), text_lengths=lengths(Xyz=5))
    assert all(name in str(raised.value) for name in ("Wrong", "Bad", "Xyz", "3 mistake"))


def test_fields_that_a_setting_would_add_may_stand_in_the_document() -> None:
    assert mapper(fields=owned_as(AddressCounty="off"), text_lengths=lengths(DeliveryAddressStreetNumber=10))


FINGERPRINT = MAPPER.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        lambda: mapper(countries={"Germany": "DE"}),
        lambda: mapper(currencies={"EUR": "EUR"}),
        lambda: mapper(text_lengths=lengths(SiteId=11)),
        lambda: mapper(fields=owned_as(SalesMemo="off")),
        lambda: mapper(fields=owned_as(SalesMemo="on_create")),
        lambda: mapper(filters=keeping({"column": "industrycode", "operator": "filled"})),
        lambda: mapper(AccountChoices(party_number=PartyNumber.FINOPS)),
        lambda: mapper(AccountChoices(delivery_address=DeliveryAddress.FIRST)),
        lambda: mapper(AccountChoices(on_hold_when_ended=OnHold.ALL)),
        lambda: mapper(AccountChoices(scope=Scope(linked_only=True))),
        lambda: mapper(AccountChoices(addresses=AddressRules(leave_unknown_state_out=True))),
        lambda: mapper(AccountChoices(addresses=AddressRules(county=True))),
        lambda: mapper(AccountChoices(addresses=AddressRules(street_number=True))),
    ],
)
def test_the_fingerprint_changes_with_whatever_could_change_a_result(other: Callable[[], AccountMapper]) -> None:
    assert other().fingerprint != FINGERPRINT


def test_a_filter_by_text_and_one_by_number_have_different_fingerprints() -> None:
    filters: Json = keeping({"column": "x", "operator": "eq", "value": "1.5"})
    by_text = mapper(filters=filters, own_columns={"accounts": {"x": {"type": "text"}}})
    filters = keeping({"column": "x", "operator": "eq", "value": Decimal("1.5")})
    by_number = mapper(filters=filters, own_columns={"accounts": {"x": {"type": "decimal"}}})
    assert by_text.fingerprint != by_number.fingerprint


def test_the_fingerprint_is_the_same_for_the_same_document_in_another_order() -> None:
    parts = document()
    countries = parts["countries"]
    assert isinstance(countries, dict)
    turned = mapper(countries=dict(reversed(countries.items())))
    assert mapper().fingerprint == FINGERPRINT == turned.fingerprint


@pytest.mark.process
def test_the_fingerprint_is_the_same_in_every_process() -> None:
    program = (
        "from shared.flows.accounts.mapping import AccountMapper\n"
        "from shared.flows.registry import FLOWS\n"
        "import sys; sys.stdout.write(AccountMapper(FLOWS.read_map_document(None)).fingerprint)"
    )
    other_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": other_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert run.stdout == AccountMapper(FLOWS.read_map_document(None)).fingerprint


def test_the_description_names_every_field_also_one_that_is_off() -> None:
    described = {row.field: (row.ownership, row.columns) for row in MAPPER.table.rows()}
    assert {name for name, (ownership, _) in described.items() if ownership != "off"} == set(MAPPER.table.target_fields)
    assert described["OrganizationName"] == ("owned", ("name",))
    assert described["SalesCurrencyCode"] == ("on_create", ("transactioncurrencyid.isocurrencycode",))
    assert described["CreditLimit"] == ("off", ("creditlimit",))


@pytest.mark.parametrize(
    ("given", "length", "is_verified"),
    [({}, 100, True), ({"OrganizationName": 100}, 100, True), ({"OrganizationName": 99}, 99, False)],
)
def test_the_shorter_one_of_a_verified_length_and_that_of_the_document_counts(
    given: dict[str, int | None], length: int, is_verified: bool
) -> None:
    of = mapper(text_lengths=lengths(**given)).table
    (row,) = (each for each in of.rows() if each.field == "OrganizationName")
    assert (row.length, row.is_verified, row.is_changed) == (length, is_verified, False)


def test_the_description_tells_what_the_document_has_changed_and_which_lengths_are_not_verified() -> None:
    of = mapper(countries={}, states={}, fields=owned_as(SalesMemo="off"), text_lengths=lengths(AddressZipCode=7)).table
    rows = {row.field: row for row in of.rows()}
    assert [rows[name].is_changed for name in ("SalesMemo", "OrganizationName")] == [True, False]
    assert (rows["AddressZipCode"].length, rows["AddressZipCode"].is_verified) == (7, False)
    assert (rows["CreditLimit"].length, rows["CreditLimit"].is_verified) == (None, False)
    assert rows["OrganizationName"].sentence == "owned, from name: as it is, at most 100 characters"
    assert rows["PartyType"].sentence == "on_create: always `Organization`"


@pytest.mark.parametrize(("length", "told"), [(100, None), (101, "takes 100 characters at most"), (99, None)])
def test_a_standard_field_takes_no_longer_text_than_its_verified_length(length: int, told: str | None) -> None:
    of: Json = {"accounts": {"OrganizationName": {"length": length}}}
    mistakes = mapper(countries={}, states={}, fields=of).table.mistakes if told is None else ()
    assert mistakes == ()
    if told is not None:
        with pytest.raises(SettingsInvalid, match=told):
            mapper(countries={}, states={}, fields=of)


@pytest.mark.parametrize(
    ("entry", "given", "length"),
    [
        ({"length": 30}, {}, 30),
        ({"length": 30}, {"OrganizationName": 20}, 30),
        ({"ownership": "on_create"}, {"OrganizationName": 20}, 20),
        ({"ownership": "on_create"}, {}, 100),
        ({"word": "copy", "from": "name", "length": 30}, {"OrganizationName": 20}, 30),
        ({"word": "copy", "from": "name"}, {"OrganizationName": 20}, 20),
        ({"word": "copy", "from": "name"}, {}, 100),
    ],
)
def test_the_length_in_the_entry_of_a_field_counts_and_without_one_that_of_text_lengths(
    entry: Json, given: dict[str, int | None], length: int
) -> None:
    of = mapper(fields={"accounts": {"OrganizationName": entry}}, text_lengths=lengths(**given))
    (row,) = (each for each in of.table.rows() if each.field == "OrganizationName")
    assert (row.length, row.is_changed) == (length, True)
    assert mapped(of, account(name="x" * length)).key == "A-1"
    assert rejected(of, account(name="x" * (length + 1))).cause == "text_too_long"


def test_a_standard_field_that_is_no_text_has_no_length() -> None:
    with pytest.raises(SettingsInvalid, match="5: CreditLimit is no text, and only a text has a length"):
        mapper(countries={}, states={}, fields={"accounts": {"CreditLimit": {"length": 5}}})


def test_two_filters_of_one_name_are_refused() -> None:
    keep: Json = {"column": "name", "operator": "filled"}
    twice: Json = {"accounts": [{"name": name, "keep": keep} for name in ("pilot", "other", "pilot")]}
    with pytest.raises(SettingsInvalid, match=r"filters.accounts.2.name: pilot is the name of two filters") as refused:
        mapper(countries={}, states={}, filters=twice)
    assert "1 mistake" in str(refused.value)


def test_a_field_of_which_the_mapping_knows_nothing_is_compared_as_it_is() -> None:
    assert MAPPER.rules.agree("NotMapped", "A", "A ")
    assert not MAPPER.rules.agree("NotMapped", "A", "a")
    assert MAPPER.rules.agree("NotMapped", None, " ")


def test_evaluating_leaves_the_row_as_it_was() -> None:
    values: dict[str, Json] = {"accountnumber": "A", "name": "B", **SEATTLE}
    before = dict(values)
    MAPPER.evaluate(SourceRow("id", 1, values), KNOWN)
    assert values == before


def test_a_value_of_another_type_than_its_field_is_refused_by_the_fields_name() -> None:
    word = Line((), TargetField("CreditLimit", type=Decimal), "as written", lambda row, maps: "much")
    with pytest.raises(Unmappable, match="the value for CreditLimit cannot be sent") as refused:
        FieldTable("accounts", "CustomersV3", (word,), FLOWS.read_map_document(None)).content({})
    assert refused.value.cause == "value_invalid"
