"""Which texts are refused, and how the refusal leads to the record's column."""

import pytest

from shared.flows.accounts.mapping import AccountChoices, PartyNumber
from shared.mapping.addresses import AddressRules
from tests.unit.mapping.samples import SEATTLE, account, lengths, mapped, mapper, rejected

MAPPER = mapper()
LEFT_TO_FINOPS = mapper(AccountChoices(party_number=PartyNumber.FINOPS))


@pytest.mark.parametrize("character", ["\x00", "\n", "\r", "\t", "\x7f"])
def test_a_number_takes_no_control_character_and_no_line_break(character: str) -> None:
    for mapping in (MAPPER, LEFT_TO_FINOPS):
        verdict = rejected(mapping, account(accountnumber=f"A{character}1"))
        assert verdict.cause == "text_not_allowed"
        assert "accountnumber" in verdict.message


def test_a_character_outside_the_first_plane_counts_two_as_in_both_systems() -> None:
    assert mapped(MAPPER, account(name="😀" * 50))
    assert rejected(MAPPER, account(name="😀" * 51)).cause == "text_too_long"
    assert rejected(MAPPER, account(accountnumber="😀" * 11)).cause == "number_too_long"


def test_a_text_that_is_too_long_is_reported_by_its_column_and_its_field() -> None:
    verdict = rejected(MAPPER, account(name="x" * 101))
    counted = "101 characters (UTF-16 units: an emoji counts two)"
    assert verdict.message == f"name has {counted}; OrganizationName of CustomersV3 takes 100"
    assert verdict.value == "name"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"address1_postalcode": "x" * 11}, "address1_postalcode has 11 "),
        ({"address1_city": "x" * 61}, "address1_city has 61 "),
        ({"address1_line1": "x" * 251}, "address1_line1 has 251 "),
        ({"address1_line1": "x" * 150, "address1_line3": "x" * 150}, "address1_line1 + address1_line3 has 301 "),
    ],
)
def test_a_part_of_an_address_that_is_too_long_is_reported_by_its_own_columns(
    values: dict[str, str], named: str
) -> None:
    verdict = rejected(MAPPER, account(**{**SEATTLE, **values}))
    assert verdict.message.startswith(named)
    assert verdict.value == named.partition(" has")[0]


def test_the_street_and_its_number_are_reported_by_the_lines_that_they_are_made_of() -> None:
    numbered = mapper(
        AccountChoices(addresses=AddressRules(street_number=True)), text_lengths=lengths(AddressStreetNumber=5)
    )
    verdict = rejected(numbered, account(**{**SEATTLE, "address1_line2": "x" * 6}))
    assert verdict.message.startswith("address1_line2 has 6 ")


def test_the_remedy_for_a_verified_length_names_no_setting_that_would_not_help() -> None:
    assert "text_lengths" not in rejected(MAPPER, account(name="x" * 101)).remedy
