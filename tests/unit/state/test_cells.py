"""Cells are read strictly: each reading takes what this app writes there, and says what is wrong with the rest."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shared.errors import StateUnreadable
from shared.state.links import LinkState
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Row

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
Read = Callable[[Cells], object]


def cells(cell: Cell | None) -> Cells:
    """A row with one property, `x`, or none."""
    return Cells("links", Row("accounts", "L|1", {} if cell is None else {"x": cell}), "do this")


TEXT: Read = lambda of: of.text("x")  # noqa: E731
NUMBER: Read = lambda of: of.number("x")  # noqa: E731
FLAG: Read = lambda of: of.flag("x")  # noqa: E731
TIME: Read = lambda of: of.time("x")  # noqa: E731
WORD: Read = lambda of: of.word("x", LinkState)  # noqa: E731
DIGITS: Read = lambda of: of.maybe_digits("x")  # noqa: E731
PACKED: Read = lambda of: of.packed("x")  # noqa: E731
OBJECT: Read = lambda of: of.json_object("x")  # noqa: E731
LIST: Read = lambda of: of.json_list("x")  # noqa: E731
TEXTS: Read = lambda of: of.texts("x")  # noqa: E731
OBJECTS: Read = lambda of: of.objects("x")  # noqa: E731
COUNTS: Read = lambda of: of.counts("x")  # noqa: E731
COUNTED: Read = lambda of: of.counted("x")  # noqa: E731
NUMBERED: Read = lambda of: of.numbered("x")  # noqa: E731
ENTRIES: Read = lambda of: list(of.entries("x", (str, bool), "pairs"))  # noqa: E731


@pytest.mark.parametrize(
    ("read", "cell", "value"),
    [
        (TEXT, "", ""),
        (NUMBER, 0, 0),
        (NUMBER, 7, 7),
        (FLAG, False, False),
        (TIME, NOW, NOW),
        (TIME, NOW.replace(year=2000), NOW.replace(year=2000)),
        (TIME, NOW.replace(year=2999), NOW.replace(year=2999)),
        (WORD, "written", LinkState.WRITTEN),
        (DIGITS, "-12345678901234567890", -12345678901234567890),
        (DIGITS, "0", 0),
        (DIGITS, None, None),
        (PACKED, b"", b""),
        (OBJECT, '{"a":1}', {"a": 1}),
        (OBJECT, None, {}),
        (LIST, "[1,null]", [1, None]),
        (LIST, None, []),
        (TEXTS, '["a","b"]', ("a", "b")),
        (OBJECTS, '[{"a":1}]', ({"a": 1},)),
        (COUNTS, "[1,2]", (1, 2)),
        (COUNTED, '{"a":1,"b":2}', {"a": 1, "b": 2}),
        (NUMBERED, '{"1":"a","-2":"b"}', {1: "a", -2: "b"}),
        (ENTRIES, '[["a",true],["b",false]]', [["a", True], ["b", False]]),
    ],
)
def test_what_this_app_writes_is_read(read: Read, cell: Cell | None, value: object) -> None:
    assert read(cells(cell)) == value


@pytest.mark.parametrize(
    ("read", "cell", "problem"),
    [
        (TEXT, None, "is missing"),
        (TEXT, 1, "is not a text"),
        (NUMBER, None, "is missing"),
        (NUMBER, -1, "is not a count"),
        (NUMBER, True, "is not a count"),
        (NUMBER, "1", "is not a count"),
        (FLAG, None, "is missing"),
        (FLAG, 1, "is neither true nor false"),
        (TIME, None, "is missing"),
        (TIME, "2026-01-05", "is not a moment of this app's time"),
        (TIME, NOW.replace(tzinfo=None), "is not a moment of this app's time"),
        (TIME, NOW.replace(year=1999), "is not a moment of this app's time"),
        (TIME, NOW.replace(year=3000), "is not a moment of this app's time"),
        (WORD, "lost", "is a word that this version does not know"),
        (DIGITS, "1.5", "is not a whole number"),
        (DIGITS, "1" * 21, "is not a whole number"),
        (DIGITS, "--1", "is not a whole number"),
        (DIGITS, 1, "is not a text"),
        (PACKED, "x", "does not hold bytes"),
        (OBJECT, "[]", "is not a JSON object"),
        (OBJECT, "{", "is not JSON that can be read"),
        (LIST, "{}", "is not a JSON list"),
        (TEXTS, '["a",1]', "holds something other than texts"),
        (OBJECTS, '[{},"a"]', "holds something other than objects"),
        (COUNTS, "[1,true]", "holds something other than whole numbers"),
        (COUNTED, '{"a":"1"}', "holds something other than whole numbers"),
        (COUNTED, "[]", "is not a JSON object"),
        (NUMBERED, '{"a":"b"}', "has a name that is not a whole number"),
        (NUMBERED, '{"1":"a","b":"c"}', "has a name that is not a whole number"),
        (NUMBERED, '{"1":2}', "holds something other than texts"),
        (ENTRIES, '[["a",true],"a"]', "holds something other than pairs"),
        (ENTRIES, '[["a",1]]', "holds something other than pairs"),
        (ENTRIES, '[["a"]]', "holds something other than pairs"),
    ],
)
def test_what_this_app_would_not_write_is_told_with_its_place_and_what_helps(
    read: Read, cell: Cell | None, problem: str
) -> None:
    with pytest.raises(StateUnreadable) as unreadable:
        read(cells(cell))
    damage = unreadable.value.damage
    assert (damage.table, damage.partition, damage.key, damage.property) == ("links", "accounts", "L|1", "x")
    assert (damage.problem, damage.remedy) == (problem, "do this")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda of: of.text("x", ""), ""),
        (lambda of: of.number("x", 0), 0),
        (lambda of: of.number("x", 7), 7),
        (lambda of: of.flag("x", default=False), False),
        (lambda of: of.maybe_text("x"), None),
        (lambda of: of.maybe_time("x"), None),
        (lambda of: of.maybe_word("x", LinkState), None),
    ],
)
def test_what_need_not_be_there_is_what_it_is_without_being_there(read: Read, value: object) -> None:
    assert read(cells(None)) == value


@pytest.mark.parametrize(
    "read",
    [
        lambda of: of.text("x", ""),
        lambda of: of.number("x", 0),
        lambda of: of.flag("x", default=False),
        lambda of: of.maybe_text("x"),
        lambda of: of.maybe_time("x"),
        lambda of: of.maybe_word("x", LinkState),
    ],
)
def test_what_need_not_be_there_is_read_as_strictly_where_it_is(read: Read) -> None:
    with pytest.raises(StateUnreadable):
        read(cells(b"strange"))


def test_cells_that_begin_alike_are_read_under_the_rest_of_their_names_and_told_in_the_same_row() -> None:
    of = Cells("links", Row("accounts", "L|1", {"there_x": "1", "x": "2", "not_there_x": "3"}), "do this")
    behind = of.behind("there_")
    assert behind is not None
    assert (behind.text("x"), behind.maybe_text("there_x"), of.behind("nowhere_")) == ("1", None, None)
    with pytest.raises(StateUnreadable, match=r"row L\|1 of partition accounts in table links"):
        behind.text("y")


def test_a_row_that_is_not_needed_is_dropped_by_its_place() -> None:
    assert drop("runs", Row("audit", "1 |x", {})) == "p2c drop runs 'audit' '1 |x'"
