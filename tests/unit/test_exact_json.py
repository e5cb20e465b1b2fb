"""JSON whose numbers stay exact."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.exact_json import MAX_DEPTH, dumps, indented, loads, with_member
from shared.records import Json

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=6).map(lambda d: d + Decimal("0.000000"))
)
VALUES = st.recursive(LEAVES, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=20)


@given(VALUES)
def test_every_value_survives_the_round_trip(value: object) -> None:
    assert loads(dumps(value)) == value  # type: ignore[arg-type]


@given(VALUES)
def test_every_value_survives_a_text_with_a_line_for_each_entry(value: object) -> None:
    assert dumps(loads(indented(value))) == dumps(value)  # type: ignore[arg-type]


def test_a_text_with_a_line_for_each_entry_is_indented_by_two_blanks() -> None:
    value: Json = {"a": [1, {"b": "ü"}], "c": {}, "d": [], "e": None}
    assert indented(value) == json.dumps(value, indent=2, ensure_ascii=False)
    assert indented({"a": Decimal("1.10")}) == '{\n  "a": 1.10\n}'


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.00000001"), "0.00000001"),
        (2**63, "9223372036854775808"),
    ],
)
def test_numbers_are_written_digit_by_digit(number: Decimal | int, text: str) -> None:
    assert dumps(number) == text


@pytest.mark.parametrize("text", ["NaN", "Infinity", "{'a': 1}", "", "[1,"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        loads(text)


TEXTS = st.text(st.characters(exclude_categories=[]))
ANY_VALUES = st.recursive(LEAVES | TEXTS, lambda each: st.lists(each) | st.dictionaries(TEXTS, each), max_leaves=20)


@given(ANY_VALUES)
def test_every_text_can_be_kept_and_is_the_same_when_it_is_read(value: object) -> None:
    text = dumps(value)  # type: ignore[arg-type]
    assert text.encode()
    assert loads(text) == value


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 200, 1_000, 100_000])
@pytest.mark.parametrize(("opening", "inner", "closing"), [("[", "", "]"), ('{"a":', "1", "}"), ('[{"a":', "1", "}]")])
def test_what_is_nested_too_deeply_is_not_json_for_us(depth: int, opening: str, inner: str, closing: str) -> None:
    with pytest.raises(ValueError, match="nested deeper"):
        loads(opening * depth + inner + closing * depth)


@given(st.integers(0, MAX_DEPTH))
def test_up_to_the_limit_every_depth_is_read_and_written(depth: int) -> None:
    text = "[" * depth + "1" + "]" * depth
    assert dumps(loads(text)) == text


@pytest.mark.parametrize("text", ["1e401", "-1.5e999999999", "1e-999999999", "1e99999999999999999999999", "9" * 5000])
def test_a_number_that_would_fill_the_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(f"[{text}]")


@given(st.text() | st.binary())
def test_any_text_is_a_value_or_refused_with_a_value_error(text: str | bytes) -> None:
    with suppress(ValueError):
        loads(text)


@given(
    st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists), min_size=1),
    st.text(),
    st.sampled_from([None, 1]),
)
def test_a_member_is_replaced_or_added_in_any_form_of_an_object(
    members: dict[str, Json], name: str, indent: int | None
) -> None:
    changed = with_member(f" {json.dumps(members, indent=indent)}\n", name, {"a": ["b"]})
    assert list(dict(loads(changed)).items()) == list({**members, name: {"a": ["b"]}}.items())  # type: ignore[arg-type]


def test_a_member_is_replaced_and_every_other_line_stays() -> None:
    text = '{\n  "units": [{"sales": "Box",  "finops": "box"}],\n  "own_columns": {},\n  "last": 1.50\n}\n'
    changed = with_member(text, "own_columns", {"accounts": {"new_tier": 1}})
    columns = '{\n    "accounts": {\n      "new_tier": 1\n    }\n  }'
    assert changed == text.replace("{},", f"{columns},")
    assert with_member(text, "fields", {}) == text.replace("1.50", '1.50,\n  "fields": {}')
