"""What becomes of a sales order of F&O: filters, the option of its status, and the order of Sales that is meant."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

import pytest

from shared.errors import SettingsInvalid
from shared.flows.ordersback.mapping import CLOSED, FILTERS, OrdersBackMapper
from shared.flows.ordersback.states import left_out
from shared.flows.ordersback.value_maps import USUAL, OrderStatusMaps, ProcessingStatus
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.mapping.value_maps import as_known_to
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import Json, SourceRow, TargetRow
from tests.support.project import ROOT

MADE_FROM = Parent.with_key("CDSSalesOrderHeaders", "SO-1")
ORDER_ID = "11111111-2222-3333-4444-555555555555"
NOW = datetime(2026, 7, 14, tzinfo=UTC)
DRAFT = 647390011
OURS = Known(NOW, keys={MADE_FROM: "so-1"}, rows={MADE_FROM: ORDER_ID})
ORDER: dict[str, Json] = {
    "SalesOrderNumber": "SO-1",
    "SalesOrderProcessingStatus": "Confirmed",
    "AreTotalsUpdated": "Yes",
    "OrderingCustomerIsExternallyMaintained": "Yes",
    "InvoiceCustomerIsExternallyMaintained": "Yes",
    "SalesOrderOriginType": "NotSpecified",
}


def mapper(**maps: Json) -> OrdersBackMapper:
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return OrdersBackMapper(FLOWS.read_map_document(json.dumps({**shipped, **maps})))


def evaluate(values: Mapping[str, Json], known: Known = OURS, *, calculated: str = "Yes") -> Verdict:
    lines: list[Json] = [{"LineCreationSequenceNumber": 1, "AreTotalsCalculated": calculated}]
    return mapper().evaluate(SourceRow("SO-1", None, {**ORDER, **values, "lines": lines}), known)


@pytest.mark.parametrize(("member", "option"), USUAL.items())
def test_every_status_but_the_first_becomes_its_option_in_the_order_that_it_was_made_from(
    member: str, option: int
) -> None:
    verdict = evaluate({"SalesOrderProcessingStatus": member})
    if member == "Active":
        assert verdict == Filtered("not_confirmed")
    else:
        assert isinstance(verdict, Mapped)
        assert (verdict.key, verdict.owned, verdict.parents) == (
            ORDER_ID,
            {"msdynce_processingstatus": option},
            (MADE_FROM,),
        )


def test_every_member_has_an_option() -> None:
    schema = json.loads((ROOT / "local/schemas/finops-schema.json").read_text(encoding="utf-8"))
    (members,) = (value for name, value in schema["enums"].items() if name == "SalesOrderProcessingStatus")
    named = members.get("members", members) if isinstance(members, dict) else members
    assert {each if isinstance(each, str) else each["name"] for each in named} == set(USUAL)


def test_a_draft_is_no_option_of_the_document() -> None:
    assert DRAFT not in get_args(ProcessingStatus)
    with pytest.raises(SettingsInvalid, match=r"processing_status\.Confirmed is 647390011"):
        mapper(processing_status={"Confirmed": DRAFT})


def test_a_document_without_the_map_has_the_usual_one() -> None:
    maps = as_known_to(OrderStatusMaps, FLOWS.read_map_document(None))
    assert maps.processing_status == USUAL


def test_an_unknown_status_is_rejected_with_what_helps() -> None:
    verdict = evaluate({"SalesOrderProcessingStatus": "Returned"})
    assert isinstance(verdict, Rejected)
    assert (verdict.cause, verdict.value) == ("option_unknown", "Returned")


@pytest.mark.parametrize(("changes", "calculated"), [({"AreTotalsUpdated": "No"}, "Yes"), ({}, "No")])
def test_an_order_without_its_totals_is_filtered(changes: dict[str, Json], calculated: str) -> None:
    assert evaluate(changes, calculated=calculated) == Filtered("totals_not_calculated")


@pytest.mark.parametrize("status", CLOSED)
def test_the_last_status_of_an_order_waits_for_no_totals(status: str) -> None:
    values: dict[str, Json] = {"SalesOrderProcessingStatus": status, "AreTotalsUpdated": "No"}
    assert isinstance(evaluate(values, calculated="No"), Mapped)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "not_from_sales"),
        ({"OrderingCustomerIsExternallyMaintained": "No"}, "customer_not_external"),
        ({"InvoiceCustomerIsExternallyMaintained": "No"}, "customer_not_external"),
        ({"SalesOrderOriginType": "WorkOrderIntegration"}, "work_order"),
    ],
)
def test_an_order_that_was_not_made_from_sales_is_filtered_until_one_of_sales_is_linked_to_it(
    changes: dict[str, Json], rule: str
) -> None:
    assert evaluate(changes, Known(NOW)) == Filtered(rule, until=(MADE_FROM,))
    assert isinstance(evaluate(changes), Mapped), "the link proves it, whatever the marks say"


@pytest.mark.parametrize(
    ("state", "rule"),
    [(0, None), (1, "closed_in_sales"), (2, "closed_in_sales"), (3, "closed_in_sales"), (4, "invoiced_in_sales")],
)
def test_an_order_that_is_read_only_in_sales_is_left_out(state: int, rule: str | None) -> None:
    assert left_out(TargetRow({"statecode": state})) == (None if rule is None else Filtered(rule))
    assert rule is None or rule in FILTERS
