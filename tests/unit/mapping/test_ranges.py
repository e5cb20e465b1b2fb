"""Ranges of numbers: what is let pass, and how one that is not is told."""

from decimal import Decimal

import pytest

from shared.mapping.ranges import DECIMAL, INT32, Range, check_range
from shared.mapping.words import Unmappable
from shared.records import Json
from tests.unit.mapping.quotes import header, line, quote, rejected
from tests.unit.mapping.samples import account
from tests.unit.mapping.samples import mapper as accounts
from tests.unit.mapping.samples import rejected as rejected_account


@pytest.mark.parametrize(
    ("of", "number", "holds"),
    [
        (Range(0, 5), 0, True),
        (Range(0, 5), 5, True),
        (Range(0, 5), -1, False),
        (Range(0, 5), 6, False),
        (Range(0, 5), Decimal("5.00001"), False),
        (Range(0, 5), Decimal("-0.0"), True),
        (INT32, 2**31 - 1, True),
        (INT32, 2**31, False),
        (DECIMAL, Decimal("9" * 32), True),
        (DECIMAL, Decimal("9" * 33), False),
        (DECIMAL, Decimal("9" * 26 + "." + "9" * 6), True),
        (DECIMAL, Decimal("9" * 27 + "." + "9" * 6), False),
        (DECIMAL, Decimal("0." + "0" * 30 + "1"), True),
        (DECIMAL, Decimal("0." + "0" * 32 + "1"), False),
        (DECIMAL, Decimal("1.5" + "0" * 60), True),
        (DECIMAL, Decimal("1E+31"), True),
        (DECIMAL, Decimal("1E+32"), False),
        (DECIMAL, Decimal(0), True),
    ],
)
def test_a_number_is_in_the_range_or_not(of: Range, number: int | Decimal, holds: bool) -> None:
    assert of.holds(number) is holds


@pytest.mark.parametrize("value", [None, "12", True, 3, Decimal("2.5")])
def test_what_is_no_number_or_in_the_range_passes(value: Json) -> None:
    check_range("amount", "Amount", Range(2, 3), value, target_set="Things")


def test_a_number_outside_is_reported_with_its_column_its_value_and_the_range() -> None:
    with pytest.raises(Unmappable, match=r"^amount is 1200; Amount of Things takes 0 to 5$") as told:
        check_range("amount", "Amount", Range(0, 5), Decimal("1.2E+3"), target_set="Things")
    assert (told.value.cause, told.value.remedy) == ("number_out_of_range", "correct amount")


def test_a_number_that_finops_cannot_hold_is_rejected_by_its_column() -> None:
    verdict = rejected_account(accounts(), account(numberofemployees=2**31))
    assert verdict.cause == "number_out_of_range"
    assert "numberofemployees" in verdict.message


def test_an_amount_with_more_digits_than_finops_holds_is_rejected_with_its_line() -> None:
    verdict = rejected(quote(header(line(quantity=Decimal(10**32)))))
    assert verdict.cause == "number_out_of_range"
    assert verdict.message.startswith("line 1: quantity is 1000000")
