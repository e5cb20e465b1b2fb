"""Conditions of the map document."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping import conditions
from shared.mapping.condition_specs import AllOf, Condition
from shared.records import Json


def holds(operator: str, wanted: Json, found: Json) -> bool:
    """Whether one condition on a column holds."""
    condition = Condition.model_validate({"column": "x", "operator": operator, "value": wanted})
    return conditions.holds(condition, {"x": found})


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "expected"),
    [
        ("eq", "North", " north ", True),
        ("eq", 3, 3, True),
        ("eq", 3, Decimal("3.0"), True),
        ("eq", 3, None, False),
        ("eq", True, True, True),
        ("ne", 3, 4, True),
        ("ne", 3, None, True),
        ("ne", "a", "A", False),
        ("gt", 3, 4, True),
        ("gt", 3, 3, False),
        ("ge", 3, 3, True),
        ("lt", Decimal("2.5"), 2, True),
        ("le", 2, Decimal("2.01"), False),
        ("gt", 3, None, False),
        ("gt", "2026-01-01", "2026-01-01T08:00:00Z", True),
        ("gt", 3, "text", False),
        ("contains", "LIT", "Splitware", True),
        ("contains", "on", None, False),
        ("contains", "3", 13, False),
        ("begins", "lit", " Litware", True),
        ("begins", "no", None, False),
        ("blank", None, " ", True),
        ("blank", None, 0, False),
        ("in", ["a", "B"], " b ", True),
        ("in", [1, 2], Decimal("2.0"), True),
        ("in", [1, 2], None, False),
        ("filled", None, "x", True),
        ("filled", None, None, False),
    ],
)
def test_a_condition_compares_as_dataverse_does(operator: str, wanted: Json, found: Json, expected: bool) -> None:
    assert holds(operator, wanted, found) is expected


def test_every_condition_must_hold() -> None:
    first = Condition(column="a", operator="eq", value=1)
    second = Condition(column="b", operator="filled")
    both = AllOf.model_validate({"and": [first, second]})
    assert conditions.holds(both, {"a": 1, "b": "x"})
    assert not conditions.holds(both, {"a": 1})


FOUND = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(FOUND)
def test_a_column_is_either_blank_or_filled(found: Json) -> None:
    assert holds("blank", None, found) is not holds("filled", None, found)


@settings(deadline=None)
@given(st.integers() | st.text(min_size=1).filter(str.strip), FOUND)
def test_a_column_either_equals_a_value_or_does_not(wanted: Json, found: Json) -> None:
    assert holds("eq", wanted, found) is not holds("ne", wanted, found)


@settings(deadline=None)
@given(st.integers(), st.integers())
def test_numbers_are_in_one_order(wanted: int, found: int) -> None:
    assert [holds(operator, wanted, found) for operator in ("lt", "eq", "gt")].count(True) == 1
