"""Keys and sizes of rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RowTooLarge
from shared.state.rows import Insert, Row, check_size, escape, split_into_transactions

FORBIDDEN = set("/\\#?")


@given(st.text())
def test_an_escaped_key_has_no_character_that_table_storage_forbids(text: str) -> None:
    for character in escape(text):
        assert character not in FORBIDDEN
        assert ord(character) >= 0x20
        assert not 0x7F <= ord(character) <= 0x9F


@given(st.text(), st.text())
def test_different_texts_have_different_escaped_keys(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@pytest.mark.parametrize("text", ["x" * 32_769, "ä" * 32_769])
def test_a_property_over_64_kib_is_refused_before_any_request(text: str) -> None:
    with pytest.raises(RowTooLarge, match="applied"):
        check_size(Row("p", "r", {"applied": text}))


def test_a_property_of_64_kib_fits() -> None:
    assert check_size(Row("p", "r", {"applied": "x" * 32_768})) > 65_536


def test_a_row_over_1_mib_is_refused() -> None:
    with pytest.raises(RowTooLarge, match="the row has"):
        check_size(Row("p", "r", {f"c{number}": "x" * 32_000 for number in range(20)}))


@given(st.lists(st.integers(1, 5), max_size=300))
def test_transactions_keep_groups_whole_and_stay_within_100_rows(sizes: list[int]) -> None:
    groups = [[Insert(Row("p", f"{group}-{number}", {})) for number in range(size)] for group, size in enumerate(sizes)]
    packed = split_into_transactions(groups)
    assert [group for transaction in packed for group in transaction] == groups
    assert all(sum(map(len, transaction)) <= 100 for transaction in packed)


def test_a_group_that_does_not_fit_into_one_transaction_is_refused() -> None:
    with pytest.raises(RowTooLarge):
        split_into_transactions([[Insert(Row("p", str(number), {})) for number in range(101)]])


def test_packed_rows_are_counted_as_they_travel() -> None:
    """Base64 makes four bytes of three: 64 rows of 64,000 bytes are more than the 4 MiB that a transaction takes."""
    groups = [[Insert(Row("p", str(number), {"packed": bytes(64_000)}))] for number in range(64)]
    assert len(split_into_transactions(groups)) == 2
