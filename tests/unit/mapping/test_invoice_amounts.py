"""What a posted line costs in Sales, and the lines that are added for what Sales has no column for."""

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.finops_documents.amounts import CHARGES_LINE, DISCOUNT_LINE, LineAmounts
from shared.flows.finops_documents.words import CURRENCY_DECIMALS
from shared.flows.invoices.amounts import (
    DISCOUNTS_FROM,
    added_lines,
    amounts_of,
)
from shared.mapping.amounts import DECIMALS
from shared.records import Json, Values

EXACT = Context(prec=80)


def line(quantity: object, price: object, discount: object, amount: object) -> dict[str, Json]:
    given = (quantity, price, discount, amount)
    names = ("InvoicedQuantity", "SalesPrice", "LineTotalDiscountAmount", "LineAmount")
    values: dict[str, Json] = {name: Decimal(str(value)) for name, value in zip(names, given, strict=True)}
    return {**values, CURRENCY_DECIMALS: 2, DECIMALS: 4}


def cost(quantity: Decimal, amounts: LineAmounts) -> Decimal:
    """What Sales calculates (dataverse-web-api, section 11)."""
    base = EXACT.multiply(quantity, amounts.price).quantize(Decimal("0.01"), ROUND_HALF_UP, EXACT)
    return base - amounts.discount


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (line(3, "19.95", 10, "49.85"), ("19.95", 10)),
        (line(0, 10, 0, 0), (10, 0)),
        (line(2, 100, 0, 2), (1, 0)),
        (line(3, 100, 0, "1.00"), ("0.3334", 0)),
        (line(-2, 10, -2, -18), (10, -2)),
        (line(1, 10, 0, "9.50"), ("9.5", 0)),
    ],
    ids=["as it is", "nothing", "price for 100", "rounded price for 300", "credit", "amount that nothing explains"],
)
def test_a_line_costs_in_sales_what_it_costs_in_finops(row: Values, expected: tuple[object, object]) -> None:
    found = amounts_of(row)
    assert (found.price, found.discount) == tuple(Decimal(str(each)) for each in expected)


money = st.decimals(-(10**9), 10**9, places=2)


@given(st.decimals(-(10**6), 10**6, places=6), st.decimals(-(10**7), 10**7, places=6), money, money)
def test_any_line_costs_the_same_to_the_cent(
    quantity: Decimal, price: Decimal, discount: Decimal, amount: Decimal
) -> None:
    assert cost(quantity, amounts_of(line(quantity, price, discount, amount))) == amount


@given(st.decimals("0.000001", 10**6, places=6), st.decimals(0, 10**7, places=2), st.decimals(0, 10**6, places=2))
def test_no_line_of_a_sale_gets_a_discount_below_zero(quantity: Decimal, amount: Decimal, discount: Decimal) -> None:
    assert amounts_of(line(quantity, 1, discount, amount)).discount >= 0


def test_what_sales_has_no_column_for_below_zero_becomes_a_line_of_its_own() -> None:
    header: dict[str, Json] = {
        "TotalChargeAmount": Decimal("-12.5"),
        "TotalDiscountCustomerGroupCode": Decimal(-5),
    }
    lines = {1: line(-2, 10, -2, -18), 2: line(1, 10, 2, 8), 0: line(1, 3, 0, 3)}
    found = {number: (added["ProductName"], added["SalesPrice"]) for number, added in added_lines(header, lines)}
    assert found == {
        CHARGES_LINE: ("Charges", Decimal("-12.5")),
        DISCOUNT_LINE: ("Discount", 5),
        DISCOUNTS_FROM + 1: ("Discount, line 1", 2),
    }


def test_the_added_lines_keep_the_numbers_by_which_sales_has_them() -> None:
    # Another number would be another line of an order that is in Sales already. A whole number there has 31 bits.
    assert (CHARGES_LINE, DISCOUNT_LINE, DISCOUNTS_FROM) == (2_000_000_000, 2_000_000_001, 1_000_000_000)


def test_amounts_from_zero_up_need_no_further_line() -> None:
    header: dict[str, Json] = {"TotalChargeAmount": 1, "TotalDiscountCustomerGroupCode": 0}
    assert list(added_lines(header, {1: line(1, 10, 2, 8)})) == []
