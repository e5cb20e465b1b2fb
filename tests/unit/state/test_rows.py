"""Keys and sizes of rows."""

from datetime import UTC
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RowTooLarge
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import (
    MAX_TRANSACTION_BYTES,
    Cell,
    Insert,
    Operation,
    Replace,
    Row,
    apply_where_possible,
    check_size,
    escape,
    remove,
    split_into_transactions,
)
from shared.state.storage.transaction_requests import changes
from tests.support.clock import ManualClock

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


def test_packed_rows_are_counted_as_they_are_sent() -> None:
    """Base64 makes four bytes of three: 64 rows of 64,000 bytes are more than the 4 MiB that a transaction takes."""
    groups = [[Insert(Row("p", str(number), {"packed": bytes(64_000)}))] for number in range(64)]
    assert len(split_into_transactions(groups)) == 2


def test_a_row_that_is_too_large_is_named_wherever_it_stands_among_others() -> None:
    """The first row is large enough that the transaction is measured as it is sent."""
    rows = [Row("p", "1", {"packed": bytes(60_000)}), Row("p", "2", {"applied": "x" * 40_000})]
    with pytest.raises(RowTooLarge, match="applied has 80000 bytes"):
        split_into_transactions([[Insert(row)] for row in rows])


CELLS = st.dictionaries(
    st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=20),
    st.text(max_size=3_000)
    | st.binary(max_size=6_000)
    | st.integers(-9, 9)
    | st.booleans()
    | st.datetimes(timezones=st.just(UTC)),
    max_size=6,
)


@given(CELLS)
def test_rows_that_are_not_measured_as_they_are_sent_fit_all_the_same(cells: dict[str, Cell]) -> None:
    rows = [Row("p", str(number), cells) for number in range(100)]
    for packed in split_into_transactions([[Insert(row)] for row in rows]):
        sent = changes(
            "https://contoso.table.core.windows.net/links", [operation for group in packed for operation in group]
        )
        assert len(sent) <= MAX_TRANSACTION_BYTES


def size_of(name: str, cell: Cell) -> int:
    """By the page of the limits: four bytes and the keys for a row; for a property eight, its name and its value."""
    return check_size(Row("p", "r", {name: cell})) - check_size(Row("p", "r", {}))


class Measuring(RequestsTransport):  # type: ignore[misc]
    """Sends nothing, and notes how long it would have been."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes_bytes: list[int] = []

    def send(self, request: Any, **_: Any) -> Any:
        """Never."""
        self.sizes_bytes.append(len(request.body))
        raise ServiceRequestError("measured")


@pytest.mark.parametrize(("cell", "size_bytes"), [("abc", 6), ("\U0001f600", 4), (b"abc", 3), (7, 8), (True, 8)])
def test_a_property_counts_with_its_name_and_value(cell: Cell, size_bytes: int) -> None:
    assert size_of("name", cell) == 8 + 2 * len("name") + size_bytes


def test_a_row_just_below_1_mib_fits_and_one_byte_more_does_not() -> None:
    cells: dict[str, Cell] = {f"c{number:02}": bytes(65_000) for number in range(16)}
    left = 1024 * 1024 - check_size(Row("p", "r", {**cells, "last": b""}))
    assert check_size(Row("p", "r", {**cells, "last": bytes(left)})) == 1024 * 1024
    with pytest.raises(RowTooLarge, match="1048577 bytes; 1048576 fit"):
        check_size(Row("p", "r", {**cells, "last": bytes(left + 1)}))


@pytest.mark.parametrize("partition", ["p" * 512, "p"])
def test_a_key_of_512_characters_fits_and_one_more_does_not(partition: str) -> None:
    check_size(Row(partition, "r" * 512, {}))
    with pytest.raises(RowTooLarge, match="513 characters; 512 fit"):
        check_size(Row(partition, "r" * 513, {}))


@pytest.mark.parametrize(
    "cells",
    [
        # The type of these is sent beside them, with their name once more.
        {f"c{number:0249}": bytes(8) for number in range(200)},
        {f"c{number:03}": "x" * 200 for number in range(248)},
        # Two bytes of a text are sent as six.
        {"c": "\u00e9" * 8_000},
    ],
)
def test_no_transaction_is_longer_than_its_limit_when_the_sdk_sends_it(cells: dict[str, Cell]) -> None:
    transport = Measuring()
    address, key = "https://contoso.table.core.windows.net", AzureNamedKeyCredential("contoso", "AAAA")
    with TableClient(address, "links", credential=key, transport=transport, retry_total=0) as client:
        for packed in split_into_transactions([[Insert(Row("p", str(number), cells))] for number in range(100)]):
            rows = [operation.row for group in packed for operation in group]
            entities = [{"PartitionKey": row.partition, "RowKey": row.key, **row.cells} for row in rows]
            with pytest.raises(ServiceRequestError, match="measured"):
                client.submit_transaction([("create", entity) for entity in entities])
    assert len(transport.sizes_bytes) > 1
    assert max(transport.sizes_bytes) <= 4 * 1024 * 1024


def test_both_keys_count_with_two_bytes_a_character() -> None:
    assert check_size(Row("ppp", "rrrr", {})) - check_size(Row("p", "r", {})) == 2 * 5


@pytest.mark.parametrize("rows", [99, 100, 101])
def test_a_transaction_takes_a_hundred_rows(rows: int) -> None:
    packed = split_into_transactions([[Insert(Row("p", str(number), {}))] for number in range(rows)])
    assert [len(each) for each in packed] == ([rows] if rows <= 100 else [100, 1])


def test_rows_of_different_versions_are_applied_but_for_those_that_have_changed() -> None:
    table = MemoryTable(ManualClock())
    made: list[Operation] = [Insert(Row("p", str(number), {"n": 0})) for number in range(200)]
    etags = [*table.transact(made[:100]), *table.transact(made[100:])]
    operations: list[Operation] = [
        Replace(Row("p", str(number), {"n": 1}), "old" if number % 70 == 0 else etag)
        for number, etag in enumerate(etags)
    ]
    assert apply_where_possible(table, operations) == 197
    assert sorted(int(key) for (_, key), row in table.content().items() if row.cells["n"] == 0) == [0, 70, 140]
    assert remove(table, [Row("p", "1", {}), Row("p", "gone", {}), Row("p", "2", {})]) == 2
    assert {"1", "2"}.isdisjoint(key for _, key in table.content())
    assert len(table.content()) == 198
    assert apply_where_possible(table, []) == 0


def test_bytes_count_in_a_transaction_as_base64_which_takes_four_thirds() -> None:
    rows = [[Insert(Row("p", f"{number}", {"packed": bytes(60_000)}))] for number in range(49)]
    assert [len(each) for each in split_into_transactions(rows)] == [49]
    more = [*rows, [Insert(Row("p", "more", {"packed": bytes(60_000)}))]]
    assert len(split_into_transactions(more)) == 2
