"""What a word of the map document may write into a field, by the kind of the field."""

import re
from contextlib import nullcontext
from decimal import Decimal

import pytest

from shared.mapping.names import ColumnKind, Name
from shared.mapping.word_checks import WrongWord, allowed, listed_names, require_constant, require_value
from shared.records import Json

TEXT, WHOLE, DECIMAL, YES_NO, DATE = map(
    Name, (ColumnKind.TEXT, ColumnKind.WHOLE, ColumnKind.DECIMAL, ColumnKind.YES_NO, ColumnKind.DATE)
)
OPTION, TIER = Name(ColumnKind.OPTION), Name(ColumnKind.OPTION, options=(1, 2))
MEMBER = Name(ColumnKind.MEMBER, members=("No", "Yes"))
EVERY: tuple[str | bool | int | Decimal, ...] = ("No", "Perhaps", 1, 3, Decimal("1.5"), True, False)


@pytest.mark.parametrize(
    ("known", "taken"),
    [
        (TEXT, ["No", "Perhaps"]),
        (MEMBER, ["No"]),
        (WHOLE, [1, 3]),
        (OPTION, [1, 3]),
        (TIER, [1]),
        (DECIMAL, [1, 3, Decimal("1.5")]),
        (YES_NO, [True, False]),
        (DATE, []),
    ],
)
def test_a_constant_is_of_the_kind_of_its_field(known: Name, taken: list[Json]) -> None:
    for value in EVERY:
        fits = repr(value) in map(repr, taken)
        with nullcontext() if fits else pytest.raises(WrongWord, match=f": Field takes {re.escape(allowed(known))}$"):
            require_constant(value, "value", "Field", known)


@pytest.mark.parametrize(
    ("known", "taken"),
    [(TEXT, ["No", "Perhaps"]), (MEMBER, ["No"]), (WHOLE, [1, 3]), (OPTION, [1, 3]), (TIER, [1])],
)
def test_a_counterpart_is_of_the_kind_of_its_field(known: Name, taken: list[Json]) -> None:
    for value in ("No", "Perhaps", 1, 3):
        told = f"{value!r}: Field takes {re.escape(allowed(known))}$"
        with nullcontext() if value in taken else pytest.raises(WrongWord, match=told):
            require_value(value, "to", "Field", known)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (TEXT, "a text"),
        (MEMBER, "a member of an enumeration (No, Yes)"),
        (TIER, "an option (1, 2)"),
        (OPTION, "an option"),
    ],
)
def test_what_a_field_takes_is_told_with_its_members_or_options(known: Name, told: str) -> None:
    assert allowed(known) == told


@pytest.mark.parametrize(("count", "more"), [(0, ""), (1, ""), (12, ""), (13, " and 1 more"), (40, " and 28 more")])
def test_of_many_names_twelve_are_listed_and_the_others_counted(count: int, more: str) -> None:
    names = [f"n{number}" for number in range(count)]
    assert listed_names(names) == ", ".join(names[:12]) + more
