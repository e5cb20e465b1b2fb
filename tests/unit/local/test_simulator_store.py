"""The rows of the simulators."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.filters import FilterRefused, joined, outside_literals, parse
from local.simulator.store import Column, Store, Table

COLUMNS = {"id": Column.EXACT_TEXT, "name": Column.TEXT, "price": Column.DECIMAL, "size": Column.INTEGER}
TABLE = Table("things", COLUMNS, ("id",), (("name",),))


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store([TABLE])
    yield found
    found.close()


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=6), min_size=1, max_size=20))
def test_decimals_are_exact_and_ordered_as_numbers(numbers: list[Decimal]) -> None:
    store = Store([TABLE])
    for position, number in enumerate(numbers):
        store.insert("things", {"id": str(position), "price": format(number, "f")})
    rows = store.select("SELECT price FROM things ORDER BY price")
    assert [Decimal(str(row["price"])) for row in rows] == sorted(numbers)
    store.close()


@pytest.mark.parametrize(("stored", "wanted"), [("STRASSE", "straße"), ("ÉCLAIR", "éclair"), ("a\0b", "A\0B")])
def test_texts_are_equal_without_regard_to_case(store: Store, stored: str, wanted: str) -> None:
    store.insert("things", {"id": "1", "name": stored})
    assert store.get("things", {"name": wanted}) is not None
    assert store.select("SELECT 1 FROM things WHERE text_contains(name, ?)", (wanted[1:],))


def test_blanks_at_the_end_do_not_count_and_others_do(store: Store) -> None:
    store.insert("things", {"id": "1", "name": "B-1  "})
    assert [store.get("things", {"name": name}) is not None for name in ("b-1", "B-1 ", " B-1", "B-1\u00a0")] == [
        True,
        True,
        False,
        False,
    ]


def _fail_after_insert(store: Store, row_id: str) -> None:
    with store.transaction():
        store.insert("things", {"id": row_id})
        raise KeyError


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(KeyError):
        _fail_after_insert(store, "1")
    assert store.get("things", {"id": "1"}) is None


def test_an_inner_transaction_undoes_its_own_part_only(store: Store) -> None:
    with store.transaction():
        store.insert("things", {"id": "1"})
        with pytest.raises(KeyError):
            _fail_after_insert(store, "2")
    assert [row["id"] for row in store.select("SELECT id FROM things")] == ["1"]


def _rename_and_look(store: Store, name: str) -> None:
    with store.transaction():
        store.update("things", {"id": "1"}, {"name": name})
        assert store.get("things", {"id": "1"})["name"] == name  # type: ignore[index]


@contextmanager
def _no_file_grows() -> Iterator[None]:
    """As on a full disk. Python ignores the signal that comes with it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_the_database_itself_has_undone_on_a_full_disk_is_not_remembered(tmp_path: Path) -> None:
    store = Store([TABLE], tmp_path / "rows.sqlite")
    store.insert("things", {"id": "1", "name": "before"})
    with pytest.raises(sqlite3.OperationalError), _no_file_grows():
        _rename_and_look(store, "lost")
    assert store.get("things", {"id": "1"})["name"] == "before"  # type: ignore[index]
    _rename_and_look(store, "after")
    store.close()
    again = Store([TABLE], tmp_path / "rows.sqlite")
    assert again.get("things", {"id": "1"})["name"] == "after"  # type: ignore[index]
    again.close()


def test_numbers_of_a_sequence_follow_each_other(store: Store) -> None:
    assert [store.next_value("n", first=5), store.next_value("n"), store.counter("n")] == [5, 6, 6]
    assert store.counter("other") == 0


def test_rows_and_sequences_survive_in_a_file_and_new_columns_are_added(tmp_path: Path) -> None:
    file = tmp_path / "rows.sqlite"
    first = Store([TABLE], file)
    first.insert("things", {"id": "1", "name": "a"})
    first.next_value("n")
    first.close()
    second = Store([Table("things", {**COLUMNS, "new": Column.TEXT}, ("id",))], file)
    assert second.get("things", {"id": "1"}) == {"id": "1", "name": "a", "price": None, "size": None, "new": None}
    assert second.next_value("n") == 2
    second.close()


@pytest.mark.parametrize("text", ["", "a eq", "a eq 'b", "nope(a)", "a = 1"])
def test_a_text_that_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(FilterRefused):
        parse(text)


def test_conditions_are_joined_in_halves() -> None:
    assert joined(["a", "b", "c"], "OR") == "(a OR (b OR c))"


def test_quoted_parts_are_distinguished_from_the_rest() -> None:
    assert list(outside_literals("a eq 'b' or c")) == [(True, "a eq "), (False, "'b'"), (True, " or c")]


def test_a_copy_holds_the_same_rows_and_goes_on_by_itself(store: Store) -> None:
    store.insert("things", {"id": "1", "name": "first"})
    assert store.next_value("numbers") == 1
    copy = store.copied()
    store.insert("things", {"id": "2", "name": "in the store"})
    copy.insert("things", {"id": "2", "name": "in the copy"})
    assert [row["name"] for row in store.select("SELECT name FROM things ORDER BY id")] == ["first", "in the store"]
    assert [row["name"] for row in copy.select("SELECT name FROM things ORDER BY id")] == ["first", "in the copy"]
    assert copy.get("things", {"name": "FIRST"}) is not None
    assert copy.next_value("numbers") == 2
    copy.close()
