"""What comes back of orders, as it is deployed, between both simulators (prospect-to-cash, section 10)."""

import json
from collections.abc import Iterator

import pytest

from local.simulator.faults import Rule
from shared.flows.accounts import ACCOUNTS
from shared.flows.checks import CheckResult
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.mapping.map_source import SHIPPED
from shared.operations.preflight.run import Preflight
from shared.state.links import LinkState
from shared.state.storage.queues import hold_queue
from shared.sync.flow import NO_TARGET_ROW
from shared.sync.hints import Hint, messages
from shared.systems import System
from tests.support.faults import SPOT_FAULTS_OF_READS, assert_met
from tests.support.operator import answer, operated, p2c
from tests.support.returning import (
    ACTIVATED,
    CANCELLED,
    CONFIRMED,
    INVOICED,
    PARTIALLY_SHIPPED,
    SHIPPED_STATUS,
    Returning,
)
from tests.support.steps import Crash
from tests.support.thinned import by_turns, each_with
from tests.support.trading import trading_as
from tests.unit.local.finops_documents import order_url


@pytest.fixture
def desk() -> Iterator[Returning]:
    """All flows between two fresh simulators; the command line works on them."""
    with trading_as(Returning, ORDERS_BACK="status") as made, operated(made):
        yield made


@pytest.mark.parametrize("pulled_before", [False, True])
def test_an_order_that_is_closed_before_a_walk_has_met_it_comes_back(desk: Returning, pulled_before: bool) -> None:
    """A walk over the open orders never meets it: it is known since it was made."""
    id, number = desk.made()
    if pulled_before:
        desk.tick()
    desk.clerk("cancel", number)
    desk.tick()
    assert desk.status(id) == CANCELLED


@pytest.mark.parametrize("waited", [False, True])
def test_an_order_whose_worker_died_after_its_commit_comes_back_although_it_is_closed(
    desk: Returning, waited: bool
) -> None:
    """The worker after it finds the order linked, or leaves it out since nothing waits for it any more: it tells of
    what the dead one has made."""
    _ordered(desk, "A-1", waited=waited)
    before = desk.steps.count
    _deliver(desk, ORDERS)
    names = desk.steps.names[before:]
    commit = len(names) - names[::-1].index("links.transact done")
    id, number = _ordered(desk, "A-2", waited=waited)
    desk.steps.crash_at(desk.steps.count + commit + 1)
    with pytest.raises(Crash):
        _deliver(desk, ORDERS)
    assert desk.service.state.links.load(ORDERS, [number])[number].state is LinkState.WRITTEN
    assert desk.queues.depth(ORDERSBACK) == 1, "of the first order"
    desk.clerk("cancel", number)
    desk.settle(30)
    assert desk.status(id) == CANCELLED


def _ordered(desk: Returning, customer: str, *, waited: bool) -> tuple[str, str]:
    """An order that its next message writes; one that waited for its customer is released by that."""
    made = desk.order(desk.account(customer))
    for flow in (ORDERS, ACCOUNTS) if waited else (ACCOUNTS, ORDERS):
        desk.service.pull(flow)
        if waited or flow == ACCOUNTS:
            _deliver(desk, flow)
    return made


def _deliver(desk: Returning, flow: str) -> None:
    (message,) = desk.queues.receive(flow, limit=1, invisible_s=600)
    desk.service.apply(flow, message.body.encode())
    desk.queues.delete(flow, message)


def test_a_status_that_comes_back_is_an_update_and_adopts_nothing(desk: Returning) -> None:
    _, number = desk.confirmed()
    told = p2c("explain", ORDERSBACK, number)
    assert "1 field would change in Sales." in told
    assert "adopted" not in told


def test_nothing_is_queued_for_a_flow_that_is_off() -> None:
    with trading_as(Returning, ORDERS_BACK="off") as desk:
        desk.made()
        assert (desk.queues.depth(ORDERSBACK), desk.queues.depth(hold_queue(ORDERSBACK))) == (0, 0)


def test_the_status_of_an_order_follows_its_sales_order(desk: Returning) -> None:
    id, number = desk.confirmed(lines=2)
    desk.tick()
    assert desk.status(id) == CONFIRMED
    for deed, values, expected in (
        ("deliver", {"lines": [{"LineCreationSequenceNumber": 1, "quantity": 1}]}, PARTIALLY_SHIPPED),
        ("deliver", {}, SHIPPED_STATUS),
        ("invoice", {}, INVOICED),
    ):
        desk.clerk(deed, number, **values)
        desk.totals()
        desk.tick()
        assert desk.status(id) == expected, deed
    assert desk.link(number).state is LinkState.WRITTEN


def test_a_cancelled_order_gets_its_status_and_nothing_else(desk: Returning) -> None:
    id, number = desk.confirmed()
    desk.tick()
    desk.clerk("cancel", number)
    desk.tick()
    order = desk.sales.get(f"salesorders({id})").json()
    assert (order["msdynce_processingstatus"], order["statecode"]) == (CANCELLED, 0)


def test_an_order_that_is_done_between_two_walks_gets_its_last_status(desk: Returning) -> None:
    id, number = desk.made()
    desk.tick()
    for deed in ("confirm", "deliver", "invoice"):
        desk.clerk(deed, number)
    desk.tick()
    assert desk.status(id) == INVOICED


def test_no_write_answers_a_write_and_the_second_run_writes_nothing(desk: Returning) -> None:
    id, number = desk.confirmed()
    desk.tick()
    version, sent = desk.version(id), [desk.sent(system)[1] for system in System]
    before = desk.sales_order(number)
    for _ in range(3):
        desk.tick()
    assert [desk.sent(system)[1] for system in System] == sent
    assert desk.version(id) == version
    assert desk.sales_order(number) == before
    assert desk.sales_orders() == [number]


def test_an_order_of_ours_is_ours_whatever_its_marks_say(desk: Returning) -> None:
    id, _ = desk.confirmed()
    account = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-1')?cross-company=true"
    assert desk.finops.patch(account, {"IsExternallyMaintained": "No"}).status_code == 204
    desk.tick()
    assert desk.status(id) == CONFIRMED


def test_of_two_orders_with_a_number_the_one_that_became_the_sales_order_gets_the_status(
    desk: Returning,
) -> None:
    id, number = desk.made()
    other, same = desk.order(desk.customer_id, active=False, ordernumber=number)
    assert (same, other != id) == (number, True)
    before = desk.status(other)
    desk.clerk("confirm", number)
    desk.totals()
    desk.tick()
    assert (desk.status(id), desk.status(other)) == (CONFIRMED, before)


def test_the_status_of_an_order_that_an_operator_has_linked_comes_back_once_it_is_synced(desk: Returning) -> None:
    """Until then it is not known of which order of Sales the sales order was made."""
    id, number = desk.confirmed()
    linking = desk.service.linking(ORDERS, desk.service.audit_log("operator"))
    linking.unlink(number)
    linking.link(number)
    (message,) = messages(ORDERSBACK, "test", [Hint(number)], 10)
    desk.service.apply(ORDERSBACK, message.to_body().encode())
    assert desk.rule(number) == "not_from_sales"
    desk.tick()
    assert desk.status(id) == CONFIRMED


def test_an_order_that_is_not_confirmed_changes_nothing(desk: Returning) -> None:
    id, number = desk.made()
    desk.totals()
    desk.tick()
    assert (desk.status(id), desk.rule(number)) == (ACTIVATED, "not_confirmed")


def test_an_order_waits_for_its_totals_and_continues_when_the_job_has_run(desk: Returning) -> None:
    id, number = desk.made()
    desk.clerk("confirm", number)
    desk.tick()
    assert (desk.status(id), desk.rule(number)) == (ACTIVATED, "totals_not_calculated")
    desk.totals()
    desk.tick()
    assert desk.status(id) == CONFIRMED


def test_an_order_that_was_made_in_finops_is_filtered_and_creates_nothing(desk: Returning) -> None:
    desk.born()
    desk.tick()
    assert desk.rule("F-1") == "not_from_sales"
    assert desk.sales.rows("salesorders") == []
    told = desk.service.explaining(ORDERSBACK).explain("F-1")
    assert "because the sales order was not made from an order of Sales" in " ".join(told.sentences)


def test_an_order_of_another_customer_is_filtered_by_that(desk: Returning) -> None:
    desk.born()
    account = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-1')?cross-company=true"
    assert desk.finops.patch(account, {"IsExternallyMaintained": "No"}).status_code == 204
    desk.tick()
    assert desk.rule("F-1") == "customer_not_external"


def test_an_order_that_is_adopted_later_gets_the_status_at_once(desk: Returning) -> None:
    desk.born()
    desk.tick()
    assert desk.rule("F-1") == "not_from_sales"
    desk.start(ORDERS_ON_EXISTING="adopt")
    id, number = desk.order(desk.customer_id, ordernumber="F-1")
    assert number == "F-1"
    desk.tick()
    assert desk.status(id) == CONFIRMED


def test_an_invoiced_order_of_sales_keeps_its_status_and_is_no_failure(desk: Returning) -> None:
    id, number = desk.confirmed()
    desk.tick()
    body = {"SalesOrderId": id, "ColumnSet": {"AllColumns": True}}
    assert desk.sales.send("POST", "ConvertSalesOrderToInvoice", body).status_code == 200
    desk.clerk("deliver", number)
    desk.totals()
    desk.tick()
    assert (desk.status(id), desk.rule(number), desk.failure(number)) == (CONFIRMED, "invoiced_in_sales", None)
    assert "invoiced in Sales" in p2c("explain", ORDERSBACK, number)


def test_an_order_that_was_deleted_in_sales_is_filtered_and_created_nowhere(desk: Returning) -> None:
    id, number = desk.confirmed()
    reply = desk.sales.send("DELETE", f"salesorders({id})")
    assert reply.status_code == 204, reply.text
    desk.tick()
    assert (desk.rule(number), desk.failure(number)) == (NO_TARGET_ROW, None)
    assert desk.sales.rows("salesorders") == []


def test_a_sales_order_that_was_deleted_leaves_the_status_as_it_is(desk: Returning) -> None:
    id, number = desk.made()
    desk.tick()
    assert desk.finops.delete(order_url(number)).status_code == 204
    desk.tick()
    assert (desk.link(number).etag, desk.status(id)) == (None, ACTIVATED)


def test_nothing_comes_back_while_the_setting_is_off(desk: Returning) -> None:
    desk.start(ORDERS_BACK="off")
    id, number = desk.confirmed()
    reads = desk.sent(System.FINOPS)[0]
    desk.service.pull(ORDERSBACK)
    assert desk.sent(System.FINOPS)[0] == reads
    desk.tick()
    assert desk.status(id) == ACTIVATED
    (status,) = [flow for flow in answer("status")["flows"] if flow["flow"] == ORDERSBACK]
    assert status["off"] == "ORDERS_BACK is off"
    told = desk.service.explaining(ORDERSBACK).explain(number)
    assert "The flow ordersback is off: ORDERS_BACK is off." in told.sentences


def test_a_status_without_an_option_is_listed_with_what_helps(desk: Returning) -> None:
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    desk.start(MAP_DOCUMENT=json.dumps({**shipped, "processing_status": {"Delivered": SHIPPED_STATUS}}))
    _, number = desk.confirmed()
    desk.tick()
    failure = desk.failure(number)
    assert failure is not None
    assert (failure.cause, failure.remedy) == (
        "option_unknown",
        "add it to `processing_status` of the map document",
    )


@pytest.mark.parametrize(
    ("system", "rule"),
    [
        *each_with(System.FINOPS, by_turns(0, SPOT_FAULTS_OF_READS, among=2)),
        *each_with(System.DATAVERSE, by_turns(1)),
    ],
)
def test_a_fault_loses_nothing_and_blames_no_order(desk: Returning, system: System, rule: Rule) -> None:
    orders = [desk.confirmed() for _ in range(2)]
    faults = desk.finops.faults if system is System.FINOPS else desk.sales.faults
    faults.add(rule)
    desk.settle(40, alone=True)
    assert_met(faults)
    faults.clear()
    desk.settle(20, alone=True)
    assert [desk.status(id) for id, _ in orders] == [CONFIRMED] * 2
    assert [desk.failure(number) for _, number in orders] == [None] * 2


def test_preflight_looks_for_what_it_reads_and_writes(desk: Returning) -> None:
    checks = Preflight(desk.service.systems, desk.deployment, desk.clock.now()).checks()
    found = {check.what: check.verdict for check in checks if ORDERSBACK in check.flows or not check.flows}
    for what in ("salesorders", "CDSSalesOrderHeaders", "CDSSalesOrderLines"):
        assert found[f"{what} has the columns of the mapping"] is CheckResult.WELL, what
