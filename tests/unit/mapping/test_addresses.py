"""rules.md, Addresses: they go as a whole block or not at all."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.flows.accounts.mapping import AccountChoices
from shared.mapping.addresses import AddressBlock, AddressRules
from shared.mapping.verdicts import Remark
from shared.records import Json
from tests.unit.mapping.samples import SEATTLE, account, mapped, mapper, maps, rejected

PARTS = ("line1", "line2", "line3", "city", "county", "stateorprovince", "postalcode", "country")
MAPS = maps()
PLAIN = AddressRules()
SENDING = AddressRules(send_state_without_list=True)
EVERYTHING = AddressRules(leave_unknown_state_out=True, county=True, street_number=True)


def block(rules: AddressRules = PLAIN, /, **parts: Json) -> Mapping[str, Json]:
    """The fields of a first address block."""
    row = {f"address1_{part}": value for part, value in parts.items()}
    return AddressBlock("address1", "Address", rules).values(row, MAPS)


def choices(**rules: bool) -> AccountChoices:
    """Choices with address rules."""
    return AccountChoices(addresses=AddressRules(**rules))


def test_a_filled_block_goes_as_a_whole() -> None:
    assert block(line1="1 Way", city="Seattle", stateorprovince="Washington", postalcode="98052", country="USA") == {
        "AddressStreet": "1 Way",
        "AddressCity": "Seattle",
        "AddressState": "WA",
        "AddressZipCode": "98052",
        "AddressCountryRegionISOCode": "US",
    }


def test_a_blank_block_sends_nothing_and_no_default_country() -> None:
    assert set(block(line1=" ", city="", country=None).values()) == {None}


BLANKS = st.sampled_from([None, "", "  ", "\n"])
FILLED = {"country": st.just("US"), "stateorprovince": st.just("Utah")}


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={part: BLANKS | FILLED.get(part, st.text()) for part in PARTS}))
def test_a_block_has_no_values_exactly_when_it_is_blank(parts: dict[str, Json]) -> None:
    blank = all(value is None or not str(value).strip() for value in parts.values())
    assert all(value is None for value in block(EVERYTHING, **parts).values()) is blank


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("country", "stateorprovince", "county")])
def test_any_filled_column_makes_the_block_filled(part: str) -> None:
    assert block(PLAIN, **{part: "x"})["AddressCountryRegionISOCode"] == "US"


def test_a_blank_country_in_a_filled_block_is_the_default() -> None:
    assert block(city="Seattle", country=" ")["AddressCountryRegionISOCode"] == "US"


@pytest.mark.parametrize("name", ["Germany", "germany", "  GERMANY ", "Deutschland", "DE", "de", " de "])
def test_a_country_is_found_by_name_or_code_trimmed_and_without_case(name: str) -> None:
    assert block(city="Berlin", country=name)["AddressCountryRegionISOCode"] == "DE"


def test_inner_blanks_of_a_name_count_once() -> None:
    assert block(city="x", country="united   states")["AddressCountryRegionISOCode"] == "US"


def test_an_unknown_country_is_rejected_with_the_name_and_the_remedy() -> None:
    verdict = rejected(mapper(), account(address1_city="x", address1_country="Atlantis"))
    assert verdict.cause == "country_unknown"
    assert "address1_country" in verdict.message
    assert "Atlantis" in verdict.message
    assert "value map" in verdict.remedy


def test_the_second_block_is_judged_like_the_first() -> None:
    verdict = rejected(mapper(), account(address2_country="Atlantis"))
    assert (verdict.cause, "address2_country" in verdict.message) == ("country_unknown", True)


@pytest.mark.parametrize("name", ["California", " california ", "CA", "ca"])
def test_a_state_becomes_the_code_of_finops(name: str) -> None:
    assert block(country="US", stateorprovince=name)["AddressState"] == "CA"


def test_a_state_counts_within_its_country() -> None:
    assert block(country="FR", stateorprovince="Ain")["AddressState"] == "01"
    verdict = rejected(mapper(), account(address1_country="France", address1_stateorprovince="California"))
    assert verdict.cause == "state_unknown"
    assert "FR" in verdict.message


def test_a_state_without_a_country_counts_in_the_default_country() -> None:
    assert block(stateorprovince="Ohio")["AddressState"] == "OH"


def test_an_unknown_state_is_rejected_with_the_setting_that_leaves_it_out() -> None:
    verdict = rejected(mapper(), account(**{**SEATTLE, "address1_stateorprovince": "Nowhere"}))
    assert verdict.cause == "state_unknown"
    assert "Nowhere" in verdict.message
    assert "UNKNOWN_STATE" in verdict.remedy


def test_an_unknown_state_can_be_left_out() -> None:
    lenient = mapper(choices(leave_unknown_state_out=True))
    owned = mapped(lenient, account(**{**SEATTLE, "address1_stateorprovince": "Nowhere"})).owned
    assert (owned["AddressState"], owned["AddressCity"]) == (None, "Seattle")


def test_leaving_states_out_keeps_the_known_ones() -> None:
    assert mapped(mapper(choices(leave_unknown_state_out=True)), account(**SEATTLE)).owned["AddressState"] == "WA"


def test_an_unknown_country_is_rejected_also_where_states_are_left_out() -> None:
    lenient = mapper(choices(leave_unknown_state_out=True))
    assert rejected(lenient, account(address1_country="Atlantis")).cause == "country_unknown"


@pytest.mark.parametrize("name", ["Lara", " Miranda ", "L"])
def test_a_state_of_a_country_without_a_list_is_left_out(name: str) -> None:
    assert not MAPS.lists_states("VE")
    owned = mapped(mapper(), account(address1_country="Venezuela", address1_stateorprovince=name)).owned
    assert (owned["AddressState"], owned["AddressCountryRegionISOCode"]) == (None, "VE")


def test_a_state_of_a_country_without_a_list_can_be_sent_as_it_is_written() -> None:
    assert block(SENDING, country="VE", stateorprovince=" Lara ")["AddressState"] == "Lara"


def test_only_a_country_with_a_list_rejects_a_state_whatever_becomes_of_the_others() -> None:
    row = account(address1_country="Brazil", address1_stateorprovince="Lara")
    for rules in ({}, {"send_state_without_list": True}):
        verdict = rejected(mapper(choices(**rules)), row)
        assert (verdict.cause, verdict.value) == ("state_unknown", "BR Lara")


def test_a_country_whose_list_is_empty_has_none() -> None:
    assert (
        AddressBlock("a", "A", SENDING).values(
            {"a_country": "FR", "a_stateorprovince": "Ain"}, maps(states={"FR": {}})
        )["AState"]
        == "Ain"
    )


@pytest.mark.parametrize(
    ("rules", "country", "state", "remarks"),
    [
        (PLAIN, "VE", "Lara", [Remark("state_left_out", "VE Lara")]),
        (SENDING, "VE", "Lara", [Remark("state_as_text", "VE Lara")]),
        (AddressRules(leave_unknown_state_out=True), "BR", "Lara", [Remark("state_left_out", "BR Lara")]),
        (PLAIN, "BR", "Bahia", []),
        (PLAIN, "VE", " ", []),
    ],
)
def test_what_is_not_carried_of_a_state_is_remarked(
    rules: AddressRules, country: str, state: str, remarks: list[Remark]
) -> None:
    row = account(address1_country=country, address1_stateorprovince=state)
    assert list(mapped(mapper(AccountChoices(addresses=rules)), row).remarks) == remarks


def test_a_state_of_another_country_in_an_address_without_one_is_the_fault_of_the_blank_country() -> None:
    verdict = rejected(mapper(), account(address1_stateorprovince="Bayern"))
    assert (verdict.cause, verdict.value) == ("country_missing", "Bayern")
    assert verdict.message == (
        "address1_country is blank, so the default US was taken, and 'Bayern' (address1_stateorprovince) is no "
        "state of US"
    )
    assert verdict.remedy == "enter the country of the address"


def test_the_street_is_the_lines_joined_by_line_feeds() -> None:
    assert block(line1="1 Way", line2="Floor 2", line3="Room 3")["AddressStreet"] == "1 Way\nFloor 2\nRoom 3"


def test_a_blank_line_leaves_no_gap_in_the_street() -> None:
    assert block(line1="1 Way", line2=" ", line3="Room 3")["AddressStreet"] == "1 Way\nRoom 3"


def test_the_county_goes_by_setting_only() -> None:
    row = account(address1_county="King", address2_county="Mitte", **SEATTLE)
    assert "AddressCounty" not in mapped(mapper(), row).owned
    owned = mapped(mapper(choices(county=True)), row).owned
    assert (owned["AddressCounty"], owned["DeliveryAddressCounty"]) == ("King", "Mitte")


def test_the_street_number_is_line_two_by_setting_only() -> None:
    row = account(**SEATTLE, address1_line2="12b")
    assert mapped(mapper(), row).owned["AddressStreet"] == "1 Way\n12b"
    owned = mapped(mapper(choices(street_number=True)), row).owned
    assert (owned["AddressStreet"], owned["AddressStreetNumber"]) == ("1 Way", "12b")


def test_a_county_makes_a_block_filled_only_where_it_is_carried() -> None:
    assert set(block(county="King").values()) == {None}
    assert block(EVERYTHING, county="King")["AddressCountryRegionISOCode"] == "US"


def test_every_column_of_the_block_is_read_that_can_make_it_filled() -> None:
    assert {f"address1_{part}" for part in PARTS if part != "county"} <= set(mapper().select)
    assert "address1_county" in mapper(choices(county=True)).select
