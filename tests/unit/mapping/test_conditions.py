"""Conditions of the map document."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.mapping import conditions
from shared.mapping.condition_specs import AllOf, AnyCondition, Condition, leaves_of
from shared.mapping.names import ColumnKind, Name, Names
from shared.mapping.words import Column
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


# By operator: whether it holds for what is below, at and above the wanted value.
ORDERS = {
    "lt": (True, False, False),
    "le": (True, True, False),
    "eq": (False, True, False),
    "ne": (True, False, True),
    "ge": (False, True, True),
    "gt": (False, False, True),
}


@pytest.mark.parametrize("values", [(2, 3, 4), (Decimal("2.9"), 3, Decimal("3.1")), ("Ab", "ac", "AD")])
@pytest.mark.parametrize("operator", ORDERS)
def test_an_operator_holds_below_at_and_above_a_value_as_its_name_says(operator: str, values: tuple[Json, ...]) -> None:
    assert tuple(holds(operator, values[1], found) for found in values) == ORDERS[operator]


@pytest.mark.parametrize("operator", ["lt", "le", "gt", "ge"])
@pytest.mark.parametrize(("wanted", "found"), [(3, "3"), ("3", 3), (3, None), ("a", None), ("a", [])])
def test_what_has_no_order_is_neither_below_nor_above(operator: str, wanted: Json, found: Json) -> None:
    assert not holds(operator, wanted, found)


TEXT, NUMBER, LIST, NONE = "a text", "a text or a number", "a list of values", "no value"
SINGLE = "a value; use blank or filled to test for blank"


@pytest.mark.parametrize(
    ("operators", "taken", "refused", "wanted"),
    [
        ("blank filled", [None], ["", "a", 0, False, [1]], NONE),
        ("contains begins", ["a", " a"], [None, "", " ", 3, True, ["a"]], TEXT),
        ("in", [["a"], [1, "b", True]], [None, "a", 3, []], LIST),
        ("eq ne", ["a", "", 0, False, Decimal("1.5")], [None, ["a"], []], SINGLE),
        ("gt ge lt le", ["a", 0, Decimal("1.5")], [None, True, False, [1]], NUMBER),
    ],
)
def test_an_operator_takes_the_values_that_mean_something_with_it(
    operators: str, taken: list[Json], refused: list[Json], wanted: str
) -> None:
    for operator in operators.split():
        for value in taken:
            assert Condition.model_validate({"column": "x", "operator": operator, "value": value}).value == value
        for value in refused:
            with pytest.raises(ValidationError, match=f"the operator {operator} takes {wanted}"):
                Condition.model_validate({"column": "x", "operator": operator, "value": value})


NESTED = TypeAdapter[conditions.AnyCondition](AnyCondition).validate_python(
    {
        "and": [
            {"column": "tier", "operator": "in", "value": [1, 2]},
            {
                "or": [
                    {"column": "name", "operator": "blank"},
                    {"not": {"column": "fax", "operator": "eq", "value": "7"}},
                ]
            },
        ]
    }
)


def test_a_condition_is_told_as_it_is_judged() -> None:
    assert conditions.described(NESTED) == "(`tier` in `1`, `2` and (`name` blank or not `fax` eq `7`))"


def test_each_part_of_a_condition_has_its_place() -> None:
    places = {place: leaf.column for place, leaf in leaves_of(NESTED, "keep")}
    assert places == {"keep.and.0": "tier", "keep.and.1.or.0": "name", "keep.and.1.or.1.not": "fax"}


NAMES = Names(
    {
        "accounts": {
            "tier": Name(ColumnKind.OPTION, options=(1, 2)),
            "kind": Name(ColumnKind.MEMBER, members=("Item", "Service")),
            "ready": Name(ColumnKind.YES_NO),
            "fax": Name(ColumnKind.TEXT),
            "since": Name(ColumnKind.DATE),
            "worth": Name(ColumnKind.DECIMAL),
        }
    }
)


@pytest.mark.parametrize(
    ("column", "operator", "value", "told"),
    [
        ("tier", "eq", 3, "3: tier holds one of 1, 2"),
        ("tier", "ne", 3, "3: tier holds one of 1, 2"),
        ("tier", "in", [1, 3], "3: tier holds one of 1, 2"),
        ("tier", "gt", 3, None),
        ("tier", "eq", 2, None),
        ("tier", "eq", True, "True: tier holds a number"),
        ("kind", "eq", "Thing", "'Thing': kind holds one of Item, Service"),
        ("kind", "begins", "Serv", None),
        ("kind", "eq", 1, "1: kind holds a text"),
        ("ready", "eq", False, None),
        ("ready", "eq", 0, "0: ready holds true or false"),
        ("fax", "in", ["7", 8], "8: fax holds a text"),
        ("fax", "blank", None, None),
        ("since", "ge", "2026-01-01", None),
        ("since", "ge", 2026, "2026: since holds a text"),
        ("worth", "lt", Decimal("1.5"), None),
        ("worth", "lt", "1.5", "'1.5': worth holds a number"),
    ],
)
def test_a_value_is_of_the_type_of_its_column(column: str, operator: str, value: Json, told: str | None) -> None:
    condition = Condition.model_validate({"column": column, "operator": operator, "value": value})
    found = list(conditions.mistakes_in(condition, "keep", "accounts", NAMES))
    assert found == ([] if told is None else [f"keep.value: {told}"])


def test_a_lookup_is_judged_by_its_id() -> None:
    condition = Condition(column="primarycontactid", operator="filled")
    told = "keep.column: primarycontactid is a lookup: write its id, _primarycontactid_value"
    assert list(conditions.mistakes_in(condition, "keep", "accounts", NAMES)) == [told]


def test_every_column_of_a_condition_is_read_once_with_its_type() -> None:
    several = AllOf.model_validate(
        {"and": [{"column": name, "operator": "filled"} for name in ("tier", "since", "worth", "tier", "gone")]}
    )
    found = conditions.columns_in(several, "accounts", NAMES)
    assert found == (Column("tier", int), Column("since", str, is_date=True), Column("worth", Decimal))
    assert [column.is_date for column in found] == [False, True, False]
