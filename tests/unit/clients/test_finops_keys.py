"""Keys of F&O collections with several parts."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.finops.keys import FinopsKey
from shared.clients.quoting import EnumMember
from shared.errors import RecordRejected
from shared.records import fold

TYPE = "Microsoft.Dynamics.DataEntities.smmContactPersonCDSAssociatedContactType"
CUSTOMER = FinopsKey("usmf", ("CustomerAccount",))
PERSON = FinopsKey(
    "usmf",
    ("ContactPersonPartyNumber", "AssociatedContactNumber"),
    {"AssociatedContactType": EnumMember(TYPE, "Customer")},
)

characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\?#%+:*")
numbers = st.text(characters, min_size=1, max_size=8).filter(lambda text: bool(text.strip(" ")))


def test_the_address_of_a_record_names_company_constants_and_every_part() -> None:
    assert unquote(PERSON.segment("C-1/O'Neil")) == (
        f"(dataAreaId='usmf',AssociatedContactType={TYPE}'Customer',"
        "ContactPersonPartyNumber='C-1',AssociatedContactNumber='O''Neil')"
    )


def test_the_address_of_a_line_continues_with_its_number() -> None:
    assert unquote(CUSTOMER.segment("A-1", {"Line": 7})) == "(dataAreaId='usmf',CustomerAccount='A-1',Line=7)"


def test_a_new_record_carries_its_whole_key() -> None:
    assert PERSON.values("C-1/A-1") == {
        "dataAreaId": "usmf",
        "AssociatedContactType": "Customer",
        "ContactPersonPartyNumber": "C-1",
        "AssociatedContactNumber": "A-1",
    }


def test_an_update_changes_no_part_of_the_key() -> None:
    assert PERSON.changes({**PERSON.values("C-1/A-1"), "LastName": "Ada"}) == {"LastName": "Ada"}


@pytest.mark.parametrize("key", ["C-1", "C-1/A-1/B", "C-1/A%1", "C*/A-1", "/A-1", "C-1/ ", ""])
def test_a_key_that_no_address_can_hold_is_refused(key: str) -> None:
    for address in (PERSON.segment, PERSON.values):
        with pytest.raises(RecordRejected) as refused:
            address(key)
        assert (refused.value.cause, refused.value.sent) == ("key_not_addressable", False)


@pytest.mark.parametrize("key", ["C-1", "C-1/A-1/B", "C*/A-1", "C-1/A*", "/A-1", "C-1/ ", "C-1/\0"])
def test_a_key_that_cannot_be_compared_is_not_looked_up(key: str) -> None:
    assert not PERSON.can_be_found(key)


def test_a_slash_is_an_ordinary_character_of_a_key_with_one_part() -> None:
    assert CUSTOMER.can_be_found("A/1")
    assert CUSTOMER.filter(["A/1"]) == "dataAreaId eq 'usmf' and (CustomerAccount eq 'A/1')"


def test_a_filter_compares_the_first_part_once_and_every_constant() -> None:
    assert PERSON.filter(["C-1/A-1", "C-1/A-2", "C-2/A-1"]) == (
        f"dataAreaId eq 'usmf' and AssociatedContactType eq {TYPE}'Customer' and "
        "(ContactPersonPartyNumber eq 'C-1' or ContactPersonPartyNumber eq 'C-2')"
    )


@given(party=numbers, account=numbers)
def test_a_row_is_recognised_by_its_key_whatever_its_case_and_trailing_blanks(party: str, account: str) -> None:
    key = f"{party}/{account}"
    row = PERSON.values(key)
    assert PERSON.can_be_found(key)
    assert PERSON.of(row) == PERSON.folded(key) == PERSON.folded(f"{fold(party)} /{account}  ")


@given(one=st.tuples(numbers, numbers), other=st.tuples(numbers, numbers))
def test_keys_with_different_parts_are_different(one: tuple[str, str], other: tuple[str, str]) -> None:
    same = tuple(map(fold, one)) == tuple(map(fold, other))
    assert (PERSON.folded("/".join(one)) == PERSON.folded("/".join(other))) == same
