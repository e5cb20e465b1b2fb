"""What the rows of the simulators are remembered by: a look at the table would find the same."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.remembered import Remembered
from local.simulator.store import Column, Store, Table

COLUMNS = {"id": Column.TEXT, "size": Column.INTEGER}
IDS = ("a", "A", "b")
STEPS = st.tuples(st.sampled_from(["insert", "update", "delete", "clear"]), st.sampled_from(IDS), st.integers(0, 9))
PARTS = st.lists(st.tuples(st.sampled_from(["kept", "undone", "joined", "alone"]), st.lists(STEPS)), max_size=5)


@contextmanager
def opened() -> Iterator[Store]:
    store = Store([Table(name, COLUMNS, ("id",)) for name in ("things", "others")])
    yield store
    store.close()


def play(store: Store, step: tuple[str, str, int]) -> None:
    deed, row_id, size = step
    match deed:
        case "insert" if not store.get("things", {"id": row_id}):
            store.insert("things", {"id": row_id, "size": size})
        case "update":
            store.update("things", {"id": row_id}, {"size": size})
        case "delete":
            store.delete("things", {"id": row_id})
        case "clear":
            store.execute("things", "DELETE FROM things WHERE size < ?", (size,))


def compare(store: Store) -> None:
    for row_id in IDS:
        rows = store.select("SELECT * FROM things WHERE id = ?", (row_id,))
        assert store.get("things", {"id": row_id}) == (rows[0] if rows else None)


@given(PARTS)
def test_a_row_is_found_as_it_is_after_any_writes_kept_or_undone(
    parts: list[tuple[str, list[tuple[str, str, int]]]],
) -> None:
    with opened() as store:
        for end, steps in parts:
            with suppress(KeyError), store.joined() if end == "joined" else store.transaction():
                for step in steps:
                    play(store, step)
                    compare(store)
                if end == "undone":
                    raise KeyError
            compare(store)


def test_what_an_inner_transaction_has_undone_is_not_found_while_the_outer_one_goes_on() -> None:
    with opened() as store, store.transaction():
        store.insert("things", {"id": "a", "size": 1})
        with suppress(KeyError), store.transaction():
            store.update("things", {"id": "a"}, {"size": 2})
            compare(store)
            raise KeyError
        compare(store)


def test_a_row_that_was_found_can_be_changed_without_changing_what_others_find() -> None:
    with opened() as store:
        store.insert("things", {"id": "a", "size": 1})
        for _ in range(2):
            found = store.get("things", {"id": "a"})
            assert found is not None
            assert found["size"] == 1
            found["size"] = 2


def test_a_row_is_read_once_until_its_own_table_is_written() -> None:
    reads: list[str] = []
    with opened() as store:
        for number, written in enumerate(("others", "others", "things", "others")):
            store.remembered("things", ("a",), lambda: reads.append("read"))
            store.insert(written, {"id": str(number)})
    assert reads == ["read", "read"]


def test_nobody_finds_what_another_thread_has_written_and_may_still_undo() -> None:
    found: list[object] = []
    with opened() as store:
        other = threading.Thread(target=lambda: found.append(store.get("things", {"id": "a"})))
        with suppress(KeyError), store.transaction():
            store.insert("things", {"id": "a", "size": 1})
            assert store.get("things", {"id": "a"}) is not None
            other.start()
            # It waits for the end of the transaction; if it did not, it would be through by now.
            other.join(timeout=0.1)
            assert not found
            raise KeyError
        other.join()
    assert found == [None]


def test_what_cannot_be_committed_is_undone_and_forgotten_and_the_next_transaction_begins_anew() -> None:
    with opened() as store:
        refusing_commits(store, refuses=True)
        with pytest.raises(sqlite3.DatabaseError):
            put_and_find(store)
        assert store.get("things", {"id": "a"}) is None
        refusing_commits(store, refuses=False)
        put_and_find(store)
        compare(store)


def put_and_find(store: Store) -> None:
    with store.transaction():
        store.insert("things", {"id": "a", "size": 1})
        assert store.get("things", {"id": "a"}) is not None


def refusing_commits(store: Store, *, refuses: bool) -> None:
    """SQLite asks what a statement may do; a commit fails then as it does on a disk that is full."""

    def allowed(action: int, deed: str | None, *_: object) -> int:
        is_commit = (action, deed) == (sqlite3.SQLITE_TRANSACTION, "COMMIT")
        return sqlite3.SQLITE_DENY if is_commit and refuses else sqlite3.SQLITE_OK

    store._connection.set_authorizer(allowed)


def test_a_row_is_found_with_the_columns_that_its_table_has_got_since() -> None:
    with opened() as store:
        store.insert("things", {"id": "a", "size": 1})
        compare(store)
        store.define(Table("things", {**COLUMNS, "name": Column.TEXT}, ("id",)))
        compare(store)


def test_few_rows_are_remembered() -> None:
    remembered = Remembered()
    reads: list[str] = []
    for number in (*range(5_000), *range(5_000)):
        remembered.answer("things", (number,), lambda: reads.append("read"))
    assert len(reads) > 9_000
