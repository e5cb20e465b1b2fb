"""Which texts are refused, and how the refusal leads to the record's column."""

import pytest

from shared.mapping.accounts import AccountChoices, PartyNumber
from tests.unit.mapping.samples import SEATTLE, account, mapped, mapper, rejected

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


def test_a_text_that_is_too_long_is_told_by_its_column_and_its_field() -> None:
    verdict = rejected(MAPPER, account(name="x" * 101))
    assert "name has 101 characters; OrganizationName of CustomersV3 takes 100" in verdict.message


def test_a_part_of_an_address_that_is_too_long_is_told_by_its_block() -> None:
    verdict = rejected(MAPPER, account(**{**SEATTLE, "address1_postalcode": "x" * 11}))
    assert "address1_* has 11 characters; AddressZipCode" in verdict.message


def test_the_remedy_for_a_verified_length_names_no_setting_that_would_not_help() -> None:
    assert "text_lengths" not in rejected(MAPPER, account(name="x" * 101)).remedy
