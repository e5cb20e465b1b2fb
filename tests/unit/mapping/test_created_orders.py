"""What becomes of an order that was made in F&O: filters, and whether it waits."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.finops_documents.words import CURRENCY_DECIMALS, sales_day
from shared.flows.ordersback.amounts import amounts_of, line_discount
from shared.flows.ordersback.created import CreatedChoices, CreatedOrders
from shared.flows.ordersback.mapping import FILTERS, OrdersBackMapper
from shared.flows.registry import FLOWS
from shared.flows.sales_documents.discounts import split_discount
from shared.mapping.amounts import DECIMALS, rounded_half_up
from shared.mapping.dates import Behavior, day_of
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Verdict
from shared.mapping.words import Unmappable
from shared.records import Json, SourceRow

MAPS = FLOWS.read_map_document(None)
NOW = datetime(2026, 7, 14, tzinfo=UTC)
MADE_FROM = Parent.with_key("CDSSalesOrderHeaders", "F-1")
CREATED = Known(NOW, route="order")
ORDER: dict[str, Json] = {
    "SalesOrderNumber": "F-1",
    "SalesOrderProcessingStatus": "Confirmed",
    "AreTotalsUpdated": "Yes",
    "OrderingCustomerIsExternallyMaintained": "Yes",
    "InvoiceCustomerIsExternallyMaintained": "Yes",
    "SalesOrderOriginType": "NotSpecified",
    "OrderCreationDateTime": "2026-07-01T08:00:00Z",
    "lines": [],
}


def evaluate(values: Mapping[str, Json], known: Known | None = None, **choices: Any) -> Verdict:
    mapper = OrdersBackMapper(MAPS, CreatedOrders(MAPS, CreatedChoices(**choices)))
    return mapper.evaluate(SourceRow("F-1", None, {**ORDER, **values}), known or Known(NOW))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"SalesOrderOriginType": "WorkOrderIntegration"}, "work_order"),
        ({"OrderingCustomerIsExternallyMaintained": "No"}, "customer_not_external"),
        ({"InvoiceCustomerIsExternallyMaintained": "No"}, "customer_not_external"),
        ({"SalesOrderProcessingStatus": "Canceled"}, "canceled_in_finops"),
        ({"SalesOrderProcessingStatus": "Active"}, "not_confirmed"),
        ({"AreTotalsUpdated": "No"}, "totals_not_calculated"),
        ({"AreTotalsUpdated": "No", "SalesOrderProcessingStatus": "Invoiced"}, "totals_not_calculated"),
        ({"lines": [{"LineCreationSequenceNumber": 1, "AreTotalsCalculated": "No"}]}, "totals_not_calculated"),
    ],
)
def test_an_order_that_is_not_for_sales_is_filtered_by_name(values: dict[str, Json], rule: str) -> None:
    assert evaluate(values) == Filtered(rule, until=(MADE_FROM,))
    assert rule in FILTERS


@pytest.mark.parametrize(
    ("choices", "is_out"),
    [
        ({"linked_only": True}, True),
        ({"since": date(2026, 7, 2)}, True),
        ({"since": date(2026, 7, 1)}, False),
        ({}, False),
    ],
)
def test_only_an_order_that_is_not_in_sales_yet_has_a_scope(choices: dict[str, Any], is_out: bool) -> None:
    assert (evaluate({}, **choices) == Filtered("out_of_scope", until=(MADE_FROM,))) is is_out
    assert not isinstance(evaluate({}, CREATED, **choices), Filtered)


@pytest.mark.parametrize("status", ["Canceled", "Invoiced"])
def test_the_last_status_of_an_order_that_is_in_sales_waits_for_no_totals(status: str) -> None:
    values: dict[str, Json] = {"SalesOrderProcessingStatus": status, "AreTotalsUpdated": "No"}
    assert not isinstance(evaluate(values, CREATED), Filtered)


def test_an_order_whose_number_an_order_of_sales_is_about_to_get_waits_for_that() -> None:
    verdict = evaluate({}, Known(NOW, begun=frozenset({MADE_FROM})))
    assert isinstance(verdict, Mapped)
    assert (verdict.parents, verdict.owned, verdict.lines) == ((MADE_FROM,), {}, {})


def test_a_link_that_names_no_order_creates_none() -> None:
    known = Known(NOW, keys={MADE_FROM: "F-1"}, rows={MADE_FROM: "F-1"})
    assert evaluate({}, known) == Filtered("not_from_sales", until=(MADE_FROM,))


@given(
    discount=st.decimals(0, 10_000, places=2),
    quantity=st.decimals(0, 500, places=3),
)
def test_a_discount_that_went_to_finops_comes_back_as_it_was(discount: Decimal, quantity: Decimal) -> None:
    split = split_discount(discount, quantity, 2)
    row: dict[str, Json] = {
        "OrderedSalesQuantity": quantity,
        "LineDiscountAmount": split.per_unit,
        "FixedPriceCharges": split.charge,
        "SalesPrice": Decimal(1),
        CURRENCY_DECIMALS: 2,
        DECIMALS: 4,
    }
    assert line_discount("manualdiscountamount").read(row, MAPS) == discount


AMOUNT = st.decimals(-10_000, 10_000, places=3)


@given(
    quantity=AMOUNT.filter(bool),
    price=st.decimals(0, 10_000, places=4),
    per_unit=AMOUNT,
    charge=AMOUNT,
    decimals=st.sampled_from([0, 2, 3]),
    price_decimals=st.sampled_from([2, 4, 10]),
)
def test_a_line_costs_in_sales_what_it_costs_in_finops_whatever_makes_it_dearer_or_cheaper(
    quantity: Decimal, price: Decimal, per_unit: Decimal, charge: Decimal, decimals: int, price_decimals: int
) -> None:
    """Also one of a credit. The discount is never below zero."""
    row: dict[str, Json] = {
        "OrderedSalesQuantity": quantity,
        "SalesPrice": price,
        "LineDiscountAmount": per_unit,
        "FixedPriceCharges": charge,
        CURRENCY_DECIMALS: decimals,
        DECIMALS: price_decimals,
    }
    amounts = amounts_of(row)
    assert amounts.discount >= 0
    discount = quantity * per_unit - charge
    if discount >= 0:
        assert amounts.price == rounded_half_up(price, price_decimals)
        assert amounts.discount == rounded_half_up(discount, decimals)
    else:
        whole = rounded_half_up(quantity * price - discount, decimals)
        assert rounded_half_up(quantity * amounts.price, decimals) - amounts.discount == whole


def test_a_charge_of_a_line_without_quantity_is_refused_by_name() -> None:
    row: dict[str, Json] = {"OrderedSalesQuantity": Decimal(0), "FixedPriceCharges": Decimal(1), CURRENCY_DECIMALS: 2}
    with pytest.raises(Unmappable) as refused:
        line_discount("manualdiscountamount").read(row, MAPS)
    assert refused.value.cause == "charge_of_line"


@given(
    day=st.dates(date(1900, 1, 2), date(2154, 12, 31)),
    zone=st.sampled_from(["UTC", "Europe/Zurich", "America/Los_Angeles", "Pacific/Apia", "Asia/Kathmandu"]),
    behavior=st.sampled_from(list(Behavior)),
)
def test_the_day_of_finops_is_the_day_that_sales_shows(day: date, zone: str, behavior: Behavior) -> None:
    row: dict[str, Json] = {"RequestedShippingDate": f"{day}T12:00:00Z", "=requestdeliveryby behaves": behavior.value}
    sent = sales_day("RequestedShippingDate", "requestdeliveryby", ZoneInfo(zone)).read(row, MAPS)
    assert day_of(str(sent), behavior, ZoneInfo(zone)) == day


def test_the_empty_date_of_finops_is_blank() -> None:
    row: dict[str, Json] = {"RequestedShippingDate": "1900-01-01T12:00:00Z"}
    assert sales_day("RequestedShippingDate", "requestdeliveryby", ZoneInfo("UTC")).read(row, MAPS) is None
