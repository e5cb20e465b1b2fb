"""What is kept of what was done with records, read page by page."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.state.history import (
    Change,
    Histories,
    has_values,
    history_row,
    inverted,
    line_of,
    told_by_key,
    without_values,
)
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Insert, Row, escape
from tests.support.clock import START, ManualClock


def histories(entries: dict[str, int], run: str = "r1") -> Histories:
    """So many entries of each record, one a minute."""
    table = MemoryTable(ManualClock())
    for id, count in entries.items():
        for at in range(count):
            time = START + timedelta(minutes=at)
            row = history_row("parents", id, time=time, claim="c", run=run, outcome="updated", fields=f"f{at}")
            table.transact([Insert(row)])
    return Histories(table)


@pytest.mark.parametrize("page", [1, 2, 5, 6])
def test_pages_of_any_size_give_each_entry_of_a_record_once_and_the_newest_first(page: int) -> None:
    found = histories({"p1": 5, "p1|x": 2, "p10": 2})
    assert [each.row.cells["fields"] for each in found.rows("parents", "p1", page)] == ["f4", "f3", "f2", "f1", "f0"]
    assert list(found.rows("parents", "p2", page)) == []


def test_of_many_entries_each_record_of_a_run_is_named_once() -> None:
    found = histories({"p1": 1100, "p2": 3})
    assert found.records_of("parents", "r1") == ["p1", "p2"]
    assert found.records_of("parents", "r2") == []


def row(values: dict[str, Change] | None = None, kept: dict[str, Change] | None = None, fields: str = "name") -> Row:
    return history_row(
        "parents",
        "p1",
        time=START,
        claim="c",
        run="r1",
        outcome="updated",
        fields=fields,
        sent_by="pull",
        why="change",
        fingerprint="f" * 32,
        values=values or {},
        kept=kept or {},
    )


def read(of: Row) -> dict[str, object]:
    """What an entry says, as it is read."""
    table = MemoryTable(ManualClock())
    table.transact([Insert(of)])
    (entry,) = Histories(table).latest("parents", "p1", 9)
    return {name: getattr(entry, name) for name in ("fields", "sent_by", "why", "map", "values", "kept")}


def test_an_entry_says_what_was_done_and_has_values_only_where_some_are_kept() -> None:
    values: dict[str, Change] = {"name": ("a", None)}
    kept: dict[str, Change] = {"fax": (1, [])}
    told = {"fields": ("name",), "sent_by": "pull", "why": "change", "map": "f" * 12}
    assert read(row()) == {**told, "values": {}, "kept": {}}
    assert read(row(values, kept)) == {**told, "values": values, "kept": kept}
    assert [has_values(each) for each in (row(), row(values), row(kept=kept), row(values, kept))] == [
        False, True, True, True,
    ]  # fmt: skip
    assert read(without_values(row(values, kept))) == read(row())


def test_of_very_many_names_of_fields_the_beginning_is_kept() -> None:
    assert row(fields="x" * 20_000).cells["fields"] == "x" * 16_000


def big(characters: int) -> Change:
    return ("x" * characters, None)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"a": big(29_000), "b": big(900), "c": big(10)}, ["a", "b", "c"]),
        ({"a": big(29_000), "b": big(1_100), "c": big(10)}, ["a"]),
        ({"a": big(31_000), "b": big(1)}, []),
        ({"a": big(9), "line 1": big(9), "line 1 name": big(29_900), "line 1 fax": big(90)}, ["a"]),
        ({"line 1 a": big(15_000), "line 2 a": big(14_900), "line 12 a": big(90)}, ["line 1 a", "line 2 a"]),
    ],
    ids=["all fit", "the second does not fit", "none fits", "a line as a whole", "each line by itself"],
)  # fmt: skip
def test_of_many_values_the_first_that_fit_are_kept_and_those_of_a_line_together(
    values: dict[str, Change], kept: list[str]
) -> None:
    assert list(read(row(values))["values"]) == kept  # type: ignore[call-overload]


@given(st.dictionaries(st.sampled_from([line_of(7), "line 7 name", *"abc"]), st.integers(0, 20_000).map(big)))
def test_kept_values_always_fit_into_a_property(values: dict[str, Change]) -> None:
    text = row(values).cells.get("values", "")
    assert isinstance(text, str)
    assert len(text) <= 30_000


@given(st.integers(-(10**12), 10**13))
@example(-686_708_462_650)
def test_the_time_of_a_key_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    time = START + timedelta(milliseconds=milliseconds)
    told = told_by_key(escape(f"H|p1|{inverted(time)}|c"))
    assert abs(time - told) < timedelta(milliseconds=1)
    assert inverted(time + timedelta(milliseconds=2)) < inverted(time)


@pytest.mark.parametrize("limit", [0, 1, 3, 9])
def test_the_latest_entries_are_no_more_than_asked_for(limit: int) -> None:
    found = histories({"p1": 5}).latest("parents", "p1", limit)
    assert [each.fields for each in found] == [(f"f{at}",) for at in (4, 3, 2, 1, 0)][:limit]
