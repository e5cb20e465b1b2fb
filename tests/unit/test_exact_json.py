"""JSON whose numbers stay exact."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.exact_json import dumps, loads

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=6).map(lambda d: d + Decimal("0.000000"))
)
VALUES = st.recursive(LEAVES, lambda of: st.lists(of) | st.dictionaries(st.text(), of), max_leaves=20)


@given(VALUES)
def test_every_value_survives_the_round_trip(value: object) -> None:
    assert loads(dumps(value)) == value  # type: ignore[arg-type]


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
