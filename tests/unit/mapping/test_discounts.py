"""rules.md, Quotes; prospect-to-cash, section 10.4: one amount of Sales as amount per unit and charge in F&O."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.registry import FLOWS
from shared.flows.sales_documents.discounts import DiscountSplit, Split, line_discount, plain, split_discount
from shared.mapping.amounts import DECIMALS
from shared.mapping.words import Unmappable
from shared.records import Json

MAPS = FLOWS.read_map_document(None)
quantities = st.decimals(min_value=-100_000_000_000, max_value=100_000_000_000, places=5)
discounts = st.decimals(min_value=0, max_value=1_000_000_000_000, places=4)
precisions = st.integers(min_value=0, max_value=6)


def number(text: str) -> Decimal:
    return Decimal(text)


def test_the_documented_example() -> None:
    split = split_discount(number("10.00"), number("3"), 2)
    assert (split.per_unit, split.charge) == (number("3.33"), number("-0.01"))


@pytest.mark.parametrize(
    ("discount", "quantity", "decimals", "per_unit", "charge"),
    [
        ("10", "3", 4, "3.3333", "-0.0001"),
        ("20", "3", 2, "6.67", "0.01"),
        ("0.01", "2", 2, "0.01", "0.01"),
        ("0.01", "-2", 2, "-0.01", "0.01"),
        ("10", "1.5", 4, "6.6667", "0.00005"),
        ("10", "3", 0, "3", "-1"),
        ("0", "7", 4, "0", "0"),
    ],
)
def test_the_discount_per_unit_is_rounded_half_up_and_the_charge_takes_the_rest(
    discount: str, quantity: str, decimals: int, per_unit: str, charge: str
) -> None:
    split = split_discount(number(discount), number(quantity), decimals)
    assert (str(split.per_unit), str(split.charge)) == (per_unit, charge)


@given(discounts, quantities, precisions)
def test_quantity_times_discount_less_charge_is_the_discount_of_sales(
    discount: Decimal, quantity: Decimal, decimals: int
) -> None:
    split = split_discount(discount, quantity, decimals)
    assert quantity * split.per_unit - split.charge == discount


@given(discounts, quantities.filter(bool), precisions)
def test_the_discount_per_unit_is_the_nearest_one_that_finops_keeps(
    discount: Decimal, quantity: Decimal, decimals: int
) -> None:
    split = split_discount(discount, quantity, decimals)
    step = Decimal(1).scaleb(-decimals)
    assert split.per_unit % step == 0
    assert 2 * abs(split.charge) <= step * abs(quantity)


@given(discounts)
def test_a_line_of_quantity_0_is_not_divided(discount: Decimal) -> None:
    split = split_discount(discount, number("0.00000"), 4)
    assert split == Split(Decimal(0), -discount)


def test_a_volume_discount_is_one_per_unit() -> None:
    row: dict[str, Json] = {
        "quantity": 3,
        "manualdiscountamount": number("1.5"),
        "volumediscountamount": number("0.25"),
    }
    assert line_discount(row) == number("2.25")


def test_both_fields_are_sent_where_there_is_no_discount() -> None:
    sent = DiscountSplit().values({"quantity": number("2"), DECIMALS: 4}, MAPS)
    assert sent == {"LineDiscountAmount": 0, "FixedPriceCharges": 0}


def test_a_discount_is_emptied_by_zero() -> None:
    assert {field.name: field.empty for field in DiscountSplit().fields} == {
        "LineDiscountAmount": 0,
        "FixedPriceCharges": 0,
    }


def test_more_decimals_than_the_precision_are_refused() -> None:
    row: dict[str, Json] = {"quantity": number("1"), "manualdiscountamount": number("0.001"), DECIMALS: 2}
    with pytest.raises(Unmappable, match=r"discount .* is 0\.001, and F&O keeps 2 decimals") as refused:
        DiscountSplit().values(row, MAPS)
    assert refused.value.cause == "too_many_decimals"


def test_zeros_behind_the_last_decimal_do_not_count() -> None:
    row: dict[str, Json] = {"quantity": number("1"), "manualdiscountamount": number("1.5000000000"), DECIMALS: 1}
    assert DiscountSplit().values(row, MAPS)["LineDiscountAmount"] == number("1.5")


@pytest.mark.parametrize(
    ("number_", "text"), [("3.0000", "3"), ("100", "100"), ("1E+3", "1000"), ("-0.00", "0"), ("0.0500", "0.05")]
)
def test_a_number_has_one_text_only(number_: str, text: str) -> None:
    assert str(plain(number(number_))) == text
