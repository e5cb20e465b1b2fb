"""Rows of Dataverse that actions bring into their last state: an order is closed, or invoiced."""

import json
from collections.abc import Callable, Mapping

import pytest

from shared.clients.dataverse.closings import Closings
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.origins import Origins, OriginTable
from shared.clients.dataverse.rows import WriteTable
from shared.clients.http.exchange import Answer, PreparedCall
from shared.clients.http.sending import Sending
from shared.errors import NotSent, OperatorNeeded, SyncError
from shared.flows.ordersback.states import ACTIONS, CANCELED
from shared.systems import System
from tests.unit.clients.fakes import Line, line, ok, values_of

IDS = [f"2e451703-0000-0000-0000-00000000000{digit}" for digit in "abc"]
ORDERS = WriteTable("salesorders", "salesorder", "salesorderid")
INVOICES = WriteTable("invoices", "invoice", "invoiceid")
ORIGINS = OriginTable(
    ORDERS, "salesorderid", "ConvertSalesOrderToInvoice", "SalesOrderId", 4, frozenset({2, 4}), field="order"
)
NOT_ALLOWED = Answer(403)


def closed(at: Line) -> list[SyncError | None]:
    """What becomes of orders that are closed."""
    closings = Closings(DataverseSystem(at.channel), ORDERS, ACTIONS)
    return closings.close([(id, ACTIONS[CANCELED]) for id in IDS], Sending(at.clock, 1000.0))


def invoiced(at: Line) -> list[SyncError | None]:
    """What becomes of orders that are brought into the state in which they have an invoice."""
    results: Mapping[str, SyncError | None] = Origins(DataverseSystem(at.channel), ORIGINS, INVOICES).finish(
        IDS, Sending(at.clock, 1000.0)
    )
    return [results[id] for id in IDS]


def server(*acts: Answer) -> Line:
    """Sales with these orders, all open; it answers actions with these answers, of which the last one stays."""
    left = list(acts)

    def answer(call: PreparedCall) -> Answer:
        if call.method == "POST":
            return left.pop(0) if len(left) > 1 else left[0]
        if "WhoAmI" in call.url:
            return ok({"OrganizationId": IDS[0], "UserId": IDS[1]})
        return values_of([{"salesorderid": id, "statecode": 0} for id in IDS] if "/salesorders?" in call.url else [])

    return line(answer, system=System.DATAVERSE)


@pytest.mark.parametrize("act", [closed, invoiced])
def test_behind_a_system_in_trouble_no_further_action_is_sent(
    act: Callable[[Line], list[SyncError | None]],
) -> None:
    at = server(Answer(204), NOT_ALLOWED)
    results = act(at)
    assert results[0] is None
    assert isinstance(results[1], OperatorNeeded)
    assert isinstance(results[2], NotSent)
    assert at.server.methods.count("POST") == 2


@pytest.mark.parametrize("act", [closed, invoiced])
def test_each_order_has_one_action(act: Callable[[Line], list[SyncError | None]]) -> None:
    at = server(Answer(204))
    assert act(at) == [None] * 3
    assert at.server.methods.count("POST") == 3


def test_an_order_becomes_invoiced_by_a_conversion_that_is_asked_for_all_columns_and_its_copy_is_removed() -> None:
    at = server(Answer(204))
    assert invoiced(at) == [None] * 3
    acts = [call for call in at.server.calls if call.method == "POST"]
    assert [call.url.rpartition("/")[2] for call in acts] == ["ConvertSalesOrderToInvoice"] * 3
    assert [json.loads(call.body or b"") for call in acts] == [
        {"SalesOrderId": id, "ColumnSet": {"AllColumns": True}} for id in IDS
    ]
