"""The orders flow as it is deployed, between both simulators (rules.md, Orders; prospect-to-cash, sections 10 and
10.4)."""

import contextlib
from collections.abc import Iterator

import pytest

from local.simulator.faults import Kind, Rule
from shared.flows.orders import ORDERS
from shared.operations.reconcile import Drift
from shared.state.links import LinkState, link_key
from shared.systems import System
from tests.scenarios.test_fault_damage import damage
from tests.support.operator import operated, p2c
from tests.support.ordering import Ordering, ordering
from tests.support.steps import Crash
from tests.support.thinned import by_turns, share_of_steps
from tests.support.trading import ACTIVE
from tests.unit.local.finops_documents import order_line_url, order_url

CONFIRMED = 647390001


@pytest.fixture
def desk() -> Iterator[Ordering]:
    """All flows between two fresh simulators; the command line works on them."""
    with ordering() as made, operated(made):
        yield made


@pytest.fixture
def account(desk: Ordering) -> str:
    """An account that is a customer."""
    id = desk.account("A-1")
    desk.tick()
    return id


def change_in_finops(desk: Ordering, number: str, **values: object) -> None:
    """Change a sales order as people of F&O do."""
    reply = desk.finops.patch(order_url(number), values)
    assert reply.status_code == 204, reply.text


def test_an_activated_order_becomes_a_sales_order_with_its_lines(desk: Ordering, account: str) -> None:
    id, number = desk.order(
        account, lines=3, shipto_name="Depot", shipto_city="Seattle", shipto_country="United States"
    )
    desk.tick()
    sales_order = desk.sales_order(number)
    assert sales_order is not None
    assert (sales_order["OrderingCustomerAccountNumber"], sales_order["CurrencyCode"]) == ("A-1", "USD")
    assert (sales_order["SalesOrderName"], sales_order["SalesOrderProcessingStatus"]) == ("Order", "Active")
    assert (sales_order["DeliveryAddressName"], sales_order["DeliveryAddressCity"]) == ("Depot", "Seattle")
    assert list(sales_order["lines"]) == [1, 2, 3]
    line = sales_order["lines"][1]
    assert (line["ProductNumber"], line["SalesUnitSymbol"], line["OrderedSalesQuantity"]) == ("P-1", "EA", 2)
    desk.check_same_amounts(id, number)


def test_lines_go_to_the_second_collection_and_the_order_gets_its_origin_by_setting() -> None:
    with ordering(ORDERS_LINES="CDSSalesOrderLinesV2", ORDERS_ORIGIN="Sales") as desk:
        account = desk.account("A-1")
        _, number = desk.order(account, lines=2)
        desk.tick()
        sales_order = desk.sales_order(number, lines="CDSSalesOrderLinesV2") or {}
    assert (sales_order["SalesOrderOriginCode"], list(sales_order["lines"])) == ("Sales", [1, 2])


def test_the_discount_of_a_line_costs_the_same_on_both_sides(desk: Ordering, account: str) -> None:
    ids = []
    for quantity, discount in ((3, 10), (7, 10), (1, 0), (3, 0.01)):
        id, _ = desk.order(account, lines=0, active=False)
        desk.order_line(
            id, quantity=quantity, manualdiscountamount=discount, ispriceoverridden=True, priceperunit=19.95
        )
        desk.activate(id)
        ids.append(id)
    desk.tick()
    for id in ids:
        desk.check_same_amounts(id, desk.number_of(id))


# Which orders


def test_a_draft_is_filtered_until_it_is_activated(desk: Ordering, account: str) -> None:
    id, number = desk.order(account, active=False)
    desk.tick()
    assert desk.rule_of(number) == "draft"
    desk.activate(id)
    desk.tick()
    assert desk.sales_order(number) is not None


def test_an_order_is_incomplete_until_its_last_line_is_marked(desk: Ordering, account: str) -> None:
    id, number = desk.order(account, lines=2, active=False)
    desk.activate_header(id)
    first, last = (str(line["salesorderdetailid"]) for line in desk.order_lines(id))
    desk.submit(first)
    desk.tick()
    assert desk.rule_of(number) == "activation_incomplete"
    assert "a line of the activated order is not marked yet" in p2c("explain", "orders", number)
    desk.submit(last)
    desk.tick()
    assert list((desk.sales_order(number) or {})["lines"]) == [1, 2]


def test_an_order_that_was_created_in_finops_is_not_sent_back(desk: Ordering, account: str) -> None:
    _, number = desk.order(account, msdynce_ismaintainedexternally=True)
    desk.tick()
    assert desk.rule_of(number) == "came_from_finops"


def test_an_order_that_was_processed_before_the_first_run_is_left_alone(desk: Ordering, account: str) -> None:
    _, number = desk.order(account, active=False, msdynce_processingstatus=CONFIRMED)
    desk.tick()
    assert desk.rule_of(number) == "processed"


@pytest.mark.parametrize("discount", [{"discountpercentage": 5}, {"discountamount": 5}])
def test_an_order_with_a_discount_of_the_whole_is_filtered_by_name(
    desk: Ordering, account: str, discount: dict[str, object]
) -> None:
    _, number = desk.order(account, **discount)  # type: ignore[arg-type]
    desk.tick()
    assert desk.rule_of(number) == "header_discount"


def test_an_empty_order_is_filtered_by_name(desk: Ordering, account: str) -> None:
    _, number = desk.order(account, lines=0)
    desk.tick()
    assert desk.rule_of(number) == "no_lines"


# Customer and quotation


def test_an_order_to_a_contact_waits_until_the_contact_is_a_customer(desk: Ordering) -> None:
    contact = desk.contact(desk.account("A-1"))
    _, number = desk.order("", customerid_account__to=None, customerid_contact__to=f"/contacts({contact})")
    desk.service.pull("orders")
    desk.drain()
    assert (desk.link(number).state, desk.sales_order(number)) == (LinkState.WAITING, None)
    desk.tick()
    customer = (desk.sales_order(number) or {})["OrderingCustomerAccountNumber"]
    assert customer == desk.contact_number(contact)


def test_an_order_to_an_account_that_is_not_for_finops_is_filtered_with_its_rule(desk: Ordering) -> None:
    inactive = desk.account("A-9")
    _, number = desk.order(inactive)
    desk.edit(inactive, statecode=1, statuscode=2)
    desk.tick()
    assert desk.rule_of(number) == "parent filtered by inactive"
    desk.edit(inactive, statecode=0, statuscode=1)
    desk.tick()
    assert desk.sales_order(number) is not None


@pytest.mark.parametrize("first", ["quotations", "orders"])
def test_an_order_made_from_a_quote_names_its_quotation_whichever_flow_is_first(
    desk: Ordering, account: str, first: str
) -> None:
    quote, quotation = desk.quote(account, lines=2)
    if first == "quotations":
        desk.tick()
    order, number = desk.convert(quote)
    if first == "orders":
        # The quote was read while it was active, and its quotation is not written yet.
        desk.set_state(quote, {"statecode": 0, "statuscode": 1})
        desk.set_state(quote, ACTIVE)
        desk.service.pull("orders")
        desk.drain()
        assert desk.link(number).state is LinkState.WAITING
    desk.tick()
    sales_order = desk.sales_order(number)
    assert sales_order is not None
    assert sales_order["QuotationNumber"] == quotation
    desk.check_same_amounts(order, number)


def test_an_order_whose_quote_was_won_before_it_was_read_goes_without_a_quotation(desk: Ordering, account: str) -> None:
    quote, quotation = desk.quote(account)
    _, number = desk.convert(quote)
    desk.service.pull("orders")
    desk.drain()
    assert desk.link(number).state is LinkState.WAITING
    desk.tick()
    assert desk.quotation(quotation) is None
    assert (desk.sales_order(number) or {})["QuotationNumber"] == ""


# Once


def test_whatever_changes_in_sales_later_the_orders_in_finops_stay_as_they_are(desk: Ordering, account: str) -> None:
    orders = {change: desk.order(account, lines=2) for change in ("status", "mark", "line", "line_gone", "name")}
    desk.tick()
    before = {number: desk.sales_order(number) for _, number in orders.values()}
    assert None not in before.values()
    lines = {change: desk.order_lines(id)[0]["salesorderdetailid"] for change, (id, _) in orders.items()}
    desk.change_draft(f"salesorders({orders['status'][0]})", msdynce_processingstatus=CONFIRMED)
    desk.change_draft(f"salesorders({orders['mark'][0]})", msdynce_ismaintainedexternally=True)
    desk.change_draft(f"salesorderdetails({lines['line']})", quantity=9)
    desk.order_line(orders["line"][0], msdynce_orderissubmitted=True)
    assert desk.sales.send("DELETE", f"salesorderdetails({lines['line_gone']})").status_code == 204
    desk.change_draft(f"salesorders({orders['name'][0]})", name="Changed")
    desk.tick()
    for change, (_, number) in orders.items():
        assert desk.sales_order(number) == before[number], change
        assert (desk.link(number).state, desk.failure(number)) == (LinkState.WRITTEN, None), change


def test_what_people_of_finops_change_stays_and_nothing_is_written_over_it(desk: Ordering, account: str) -> None:
    id, number = desk.order(account, lines=2)
    desk.tick()
    change_in_finops(desk, number, SalesOrderName="Theirs")
    reply = desk.finops.patch(order_line_url(1, number, "CDSSalesOrderLines"), {"OrderedSalesQuantity": 7})
    assert reply.status_code == 204, reply.text
    reply = desk.finops.delete(order_line_url(2, number, "CDSSalesOrderLines"))
    assert reply.status_code == 204, reply.text
    before = desk.sales_order(number)
    desk.change_draft(f"salesorders({id})", description="Touched")
    desk.start(ORDERS_ORIGIN="Sales")
    desk.tick()
    assert desk.sales_order(number) == before
    assert "drifted: 0" in p2c("reconcile", ORDERS, number)


def test_a_draft_is_explained_in_the_words_of_orders_and_not_of_quotes(desk: Ordering, account: str) -> None:
    _, order = desk.order(account, active=False)
    _, quote = desk.quote(account, active=False)
    desk.tick()
    assert "the order is not activated" in p2c("explain", "orders", order)
    assert "the quote is a draft" in p2c("explain", "quotations", quote)


def test_an_order_that_waits_is_explained_with_what_it_waits_for(desk: Ordering) -> None:
    _, number = desk.order(desk.account("A-1"))
    desk.service.pull(ORDERS)
    desk.drain()
    assert "it waits for accounts A-1" in p2c("explain", "orders", number)


def test_the_order_in_finops_stays_when_its_order_is_deleted(desk: Ordering, account: str) -> None:
    id, number = desk.order(account)
    desk.tick()
    assert desk.sales.send("DELETE", f"salesorders({id})").status_code == 204
    desk.tick()
    assert desk.link(number).state is LinkState.DELETED
    assert desk.sales_orders() == [number]


def test_an_order_that_only_has_the_number_of_a_deleted_one_does_not_become_its_sales_order(
    desk: Ordering, account: str
) -> None:
    id, number = desk.order(account)
    desk.tick()
    before = desk.sales_order(number)
    assert desk.sales.send("DELETE", f"salesorders({id})").status_code == 204
    desk.order(account, lines=3, ordernumber=number)
    desk.tick()
    assert desk.cause(number) == "number_reused"
    assert desk.sales_order(number) == before


@pytest.mark.parametrize("lines", [1, 2])
def test_an_order_takes_over_the_sales_order_of_a_deleted_one_only_if_it_has_its_lines(lines: int) -> None:
    with ordering(ORDERS_ON_EXISTING="adopt") as desk:
        account = desk.account("A-1")
        desk.tick()
        first, number = desk.order(account)
        desk.tick()
        before = desk.sales_order(number)
        assert desk.sales.send("DELETE", f"salesorders({first})").status_code == 204
        second, _ = desk.order(account, lines=lines, ordernumber=number)
        desk.tick()
        assert desk.sales_order(number) == before
        has_lines, failure = lines == 1, desk.failure(number)
        assert (None if failure is None else failure.cause) == (None if has_lines else "lines_differ")
        assert desk.link(number).content.revisions == {second if has_lines else first: 0}


def test_a_sales_order_of_others_with_the_number_of_an_order_is_never_touched(desk: Ordering, account: str) -> None:
    theirs = {"SalesOrderNumber": "O-1", "OrderingCustomerAccountNumber": "A-1", "SalesOrderName": "Theirs"}
    assert desk.finops.post("CDSSalesOrderHeaders", {"dataAreaId": "usmf", **theirs}).status_code == 201
    before = desk.sales_order("O-1")
    _, number = desk.order(account, ordernumber="O-1")
    desk.tick()
    failure = desk.failure(number)
    assert failure is not None
    assert failure.cause == "target_exists"
    assert failure.remedy.endswith("otherwise create the order again: its number never changes")
    assert desk.sales_order("O-1") == before


def test_a_sales_order_is_adopted_with_all_lines_of_its_order_and_not_written() -> None:
    with ordering(ORDERS_ON_EXISTING="adopt") as desk, operated(desk):
        account = desk.account("A-1")
        desk.tick()
        id, number = desk.order(account, lines=2, active=False)
        there = {"dataAreaId": "usmf", "SalesOrderNumber": number}
        header = {**there, "OrderingCustomerAccountNumber": "A-1", "SalesOrderName": "Theirs"}
        assert desk.finops.post("CDSSalesOrderHeaders", header).status_code == 201
        line = {**there, "ProductNumber": "P-1", "OrderedSalesQuantity": 5}
        line |= {"ShippingSiteId": "1", "ShippingWarehouseId": "13"}
        first, second = ({**line, "LineCreationSequenceNumber": place} for place in (1, 2))
        assert desk.finops.post("CDSSalesOrderLines", first).status_code == 201
        desk.activate(id)
        desk.tick()
        failure = desk.failure(number)
        assert failure is not None
        told = f"{number} exists already, and it lacks the lines 2 of the source"
        assert (failure.cause, failure.message) == ("lines_differ", told)
        assert desk.finops.post("CDSSalesOrderLines", second).status_code == 201
        before = desk.sales_order(number)
        p2c("retry", ORDERS, number)
        desk.tick()
        assert (desk.link(number).state, desk.link(number).target_key) == (LinkState.WRITTEN, number)
        assert (desk.failure(number), desk.sales_order(number)) == (None, before)


def test_an_order_that_was_deleted_in_finops_is_not_created_again_until_an_operator_says_so(
    desk: Ordering, account: str
) -> None:
    id, number = desk.order(account)
    desk.tick()
    assert desk.finops.delete(order_url(number)).status_code == 204
    desk.change_draft(f"salesorders({id})", description="Touched")
    desk.tick()
    assert (desk.failure(number), desk.sales_orders()) == (None, [])
    (found,) = desk.service.reconciling(ORDERS).drifted()
    assert (found.id, found.drift) == (number, Drift.MISSING)
    p2c("reconcile", "orders", "--repair", "--yes", code=1)
    desk.tick()
    assert (desk.cause(number), desk.sales_orders()) == ("target_gone", [])
    p2c("links", "orders", "unlink", number, "--yes")
    p2c("sync", "orders", number)
    desk.tick()
    assert (desk.failure(number), desk.sales_orders()) == (None, [number])


def test_an_order_that_was_deleted_in_finops_is_not_sent_again_when_its_damaged_link_is_repaired(
    desk: Ordering, account: str
) -> None:
    _, number = desk.order(account)
    desk.tick()
    assert desk.finops.delete(order_url(number)).status_code == 204
    damage(desk.memory("links"), ORDERS, link_key(number), {"attempts": "many"})
    desk.clock.sleep(700)
    p2c("repair", ORDERS, number, "--yes")
    desk.tick()
    assert (desk.cause(number), desk.sales_orders()) == ("target_gone", [])


def test_an_order_that_only_has_the_number_does_not_become_its_sales_order_when_the_damaged_link_is_repaired(
    desk: Ordering, account: str
) -> None:
    id, number = desk.order(account)
    desk.tick()
    before = desk.sales_order(number)
    damage(desk.memory("links"), ORDERS, link_key(number), {"record_id": None})
    assert desk.sales.send("DELETE", f"salesorders({id})").status_code == 204
    desk.order(account, lines=3, ordernumber=number)
    desk.clock.sleep(700)
    p2c("repair", ORDERS, number, "--yes")
    desk.tick()
    assert desk.cause(number) == "number_reused"
    assert desk.sales_order(number) == before


# Faults


@pytest.mark.parametrize("rule", by_turns(2))
def test_a_fault_loses_nothing_doubles_nothing_and_blames_no_order(desk: Ordering, account: str, rule: Rule) -> None:
    orders = [desk.order(account, lines=2) for _ in range(3)]
    desk.finops.faults.add(rule)
    desk.settle(40, alone=True)
    desk.finops.faults.clear()
    desk.settle(20, alone=True)
    for id, number in orders:
        desk.check_same_amounts(id, number)
        assert (desk.link(number).state, desk.failure(number)) == (LinkState.WRITTEN, None)
    assert desk.sales_orders() == sorted(number for _, number in orders)


@pytest.mark.parametrize("kind", [Kind.ERROR_AFTER, Kind.DROP_AFTER, Kind.TRUNCATE])
def test_a_lost_answer_is_settled_by_the_number_and_never_by_a_second_order(
    desk: Ordering, account: str, kind: Kind
) -> None:
    id, number = desk.order(account, lines=2)
    desk.finops.faults.add(Rule(kind, frozenset({"POST"}), times=1, status=504))
    desk.tick()
    assert desk.link(number).state is not LinkState.WRITTEN
    desk.change_draft(f"salesorders({id})", msdynce_processingstatus=CONFIRMED)
    desk.settle(30)
    assert (desk.link(number).state, desk.failure(number)) == (LinkState.WRITTEN, None)
    assert desk.sales_orders() == [number]
    desk.check_same_amounts(id, number)


@share_of_steps(5)
def test_a_worker_that_dies_at_any_step_leaves_one_complete_order(desk: Ordering, account: str, every: int) -> None:
    desk.order(account, lines=2)
    desk.service.pull(ORDERS)
    before = desk.steps.count
    desk.drain()
    total = desk.steps.count - before
    assert total > 10
    steps = range(1, total + 1, every)
    for step in steps:
        id, number = desk.order(account, lines=2)
        desk.service.pull(ORDERS)
        desk.steps.crash_at(desk.steps.count + step)
        with contextlib.suppress(Crash):
            desk.drain()
        desk.settle(30, alone=True)
        assert (desk.link(number).state, desk.failure(number)) == (LinkState.WRITTEN, None), step
        desk.check_same_amounts(id, number)
    assert len(desk.sales_orders()) == len(steps) + 1


def test_a_changed_mapping_looks_at_every_order_again_and_writes_nothing(desk: Ordering, account: str) -> None:
    numbers = [desk.order(account, lines=2)[1] for _ in range(3)]
    desk.tick()
    _, writes = desk.sent(System.FINOPS)
    desk.start(BUSINESS_TIME_ZONE="Europe/Zurich")
    desk.tick()
    assert desk.sent(System.FINOPS)[1] == 0 < writes
    now = desk.service.flows[ORDERS]
    assert all(now.maps_as(desk.link(number).seen.fingerprint) for number in numbers)
