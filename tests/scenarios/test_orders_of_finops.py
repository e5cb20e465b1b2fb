"""Orders that were made in F&O, as they come to Sales between both simulators (prospect-to-cash, section 10)."""

import contextlib
from collections.abc import Iterator
from decimal import Decimal

import pytest

from local.finops.settings import Settings as FinopsSettings
from local.simulator.faults import Kind, Rule
from shared.flows.checks import CheckResult
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.operations.preflight.run import Preflight
from shared.state.links import LinkState
from shared.sync.hints import Hint, messages
from shared.systems import System
from tests.support.faults import SPOT_FAULTS_OF_READS, assert_met
from tests.support.operator import operated, p2c
from tests.support.returning import CANCELLED, CONFIRMED, INVOICED, SHIPPED_STATUS, Returning
from tests.support.steps import Crash
from tests.support.thinned import by_turns, each_with, share_of_steps
from tests.support.trading import trading_as

SALES_TAX = FinopsSettings(amount_decimals=2, sales_tax=Decimal("8.1"))


@pytest.fixture
def desk() -> Iterator[Returning]:
    """All flows between two fresh simulators; the command line works on them."""
    with trading_as(Returning, ORDERS_BACK="all") as made, operated(made):
        yield made


def writes(desk: Returning) -> list[int]:
    """How many writes were sent to each system."""
    return [desk.sent(system)[1] for system in System]


def test_an_order_of_finops_becomes_an_order_of_sales_with_its_lines(desk: Returning) -> None:
    desk.born(SalesOrderName="Fair", RequestedShippingDate="2026-07-14T12:00:00Z", Email="a@contoso.com")
    desk.at_desk("F-1", {}, desk.finops_line(2, OrderedSalesQuantity=3, LineDiscountAmount=1, FixedPriceCharges=-0.5))
    desk.totals()
    desk.tick()
    order = desk.order_in_sales("F-1")
    assert (order["name"], order["emailaddress"], order["requestdeliveryby"]) == (
        "Fair", "a@contoso.com", "2026-07-14T00:00:00Z",
    )  # fmt: skip
    assert (order["statecode"], order["statuscode"]) == (0, 1)
    assert (order["msdynce_processingstatus"], order["msdynce_ismaintainedexternally"]) == (CONFIRMED, True)
    assert order["_customerid_value"] == desk.customer_id
    assert order["_pricelevelid_value"] == desk.catalogue["prices"]
    assert list(order["lines"]) == [1, 2]
    line = order["lines"][2]
    assert (line["productname"], line["quantity"], line["priceperunit"]) == ("Bike", 3, 7)
    assert (line["ispriceoverridden"], line["manualdiscountamount"]) == (True, 3.5)
    assert (line["msdynce_ismaintainedexternally"], line["lineitemnumber"]) == (True, 2)
    desk.same_in_both("F-1")


def test_an_order_of_finops_never_goes_back(desk: Returning) -> None:
    desk.born()
    desk.tick()
    before = writes(desk)
    desk.settle(30)
    assert writes(desk) == before
    assert desk.sales_orders() == ["F-1"]
    assert "the order was created in F&O" in p2c("explain", ORDERS, "F-1")


def test_an_order_of_sales_never_comes_back_as_a_second_one(desk: Returning) -> None:
    id, number = desk.confirmed(lines=2)
    desk.tick()
    assert desk.status(id) == CONFIRMED
    before = writes(desk)
    desk.settle(30)
    assert writes(desk) == before
    assert [order["salesorderid"] for order in desk.orders_in_sales(number)] == [id]


def begun(desk: Returning) -> tuple[str, str]:
    """An order of Sales that F&O has, and whose link says nothing of it yet: the worker died at its first step after
    the write; its id and number."""
    desk.made()
    desk.flow = ORDERS
    id, number = desk.order(desk.customer_id)
    desk.service.pull(ORDERS)

    def die_once_made() -> None:
        if number in desk.sales_orders():
            raise Crash

    desk.steps.at |= dict.fromkeys(range(desk.steps.count + 1, desk.steps.count + 40), die_once_made)
    with pytest.raises(Crash):
        desk.drain()
    desk.steps.at.clear()
    assert not desk.link(number).linked
    desk.flow = ORDERSBACK
    return id, number


def test_an_order_that_is_just_being_made_from_sales_is_waited_for(desk: Returning) -> None:
    """F&O has it, and the flow that makes it has not committed yet."""
    id, number = begun(desk)
    desk.clerk("confirm", number)
    desk.totals()
    (message,) = messages(ORDERSBACK, "test", [Hint(number)], 10)
    desk.service.apply(ORDERSBACK, message.to_body().encode())
    assert desk.link(number).state is LinkState.WAITING
    assert f"it waits for orders {number}" in p2c("explain", ORDERSBACK, number)
    assert len(desk.orders_in_sales(number)) == 1
    desk.settle(60)
    assert desk.status(id) == CONFIRMED
    assert [order["salesorderid"] for order in desk.orders_in_sales(number)] == [id]


def test_later_changes_follow(desk: Returning) -> None:
    desk.born()
    desk.at_desk("F-1", {}, desk.finops_line(2), desk.finops_line(3))
    desk.totals()
    desk.tick()
    desk.at_desk("F-1", {"SalesOrderName": "Renamed"}, desk.finops_line(1, OrderedSalesQuantity=5, SalesPrice=6))
    desk.at_desk("F-1", {}, desk.finops_line(4))
    desk.remove_line("F-1", 2)
    desk.totals()
    desk.clerk("deliver", "F-1")
    desk.tick()
    order = desk.order_in_sales("F-1")
    assert (order["name"], order["msdynce_processingstatus"]) == ("Renamed", SHIPPED_STATUS)
    assert list(order["lines"]) == [1, 3, 4]
    assert (order["lines"][1]["quantity"], order["lines"][1]["priceperunit"]) == (5, 6)
    desk.same_in_both("F-1")


def test_lines_and_their_order_are_one_change_that_waits_for_totals(desk: Returning) -> None:
    desk.born()
    desk.tick()
    desk.at_desk("F-1", {}, desk.finops_line(2))
    desk.tick()
    assert desk.rule("F-1") == "totals_not_calculated"
    assert list(desk.order_in_sales("F-1")["lines"]) == [1]
    desk.totals()
    desk.tick()
    desk.same_in_both("F-1")


def test_charges_their_tax_and_a_discount_of_the_order_cost_the_same_in_both_systems() -> None:
    with trading_as(Returning, SALES_TAX, ORDERS_BACK="all") as desk:
        desk.born(OrderTotalChargesAmount=12.5, TotalDiscountAmount=1.25)
        desk.tick()
        order = desk.order_in_sales("F-1")
        assert (order["freightamount"], order["discountamount"], order["msdynce_misctax"]) == (12.5, 1.25, 1.01)
        tax = order["lines"][0]
        assert (tax["productdescription"], tax["priceperunit"], tax["msdynce_ismisctax"]) == ("Freight Tax", 1.01, True)
        assert order["lines"][1]["tax"] == 1.13
        desk.same_in_both("F-1")
        desk.at_desk("F-1", {"OrderTotalChargesAmount": 0})
        desk.totals()
        desk.tick()
        assert list(desk.order_in_sales("F-1")["lines"]) == [1]
        desk.same_in_both("F-1")


def test_every_kind_of_discount_and_price_costs_the_same(desk: Returning) -> None:
    kinds: list[tuple[dict[str, object], float]] = [
        ({"OrderedSalesQuantity": 3, "LineDiscountAmount": 3.33, "FixedPriceCharges": -0.01}, 10),
        ({"OrderedSalesQuantity": 3, "LineDiscountPercentage": 10}, 2.1),
        ({"OrderedSalesQuantity": 4, "MultilineDiscountAmount": 0.25, "MultilineDiscountPercentage": 50}, 14.5),
        ({"OrderedSalesQuantity": 0, "FixedPriceCharges": -4}, 4),
        ({"SalesPrice": 700, "SalesPriceQuantity": 100}, 0),
        # A charge that makes the line dearer, and a credit: the price makes up for it.
        ({"OrderedSalesQuantity": 3, "FixedPriceCharges": 5}, 0),
        ({"OrderedSalesQuantity": -2, "SalesPrice": 7}, 0),
        ({"OrderedSalesQuantity": -3, "LineDiscountAmount": 1}, 0),
        ({"OrderedSalesQuantity": -3, "SalesPrice": 10, "LineDiscountPercentage": 7}, 0),
    ]
    orders = {f"F-{at}": kind for at, kind in enumerate(kinds)}
    for number, (values, _) in orders.items():
        desk.born(number, confirmed=False)
        desk.at_desk(number, {}, desk.finops_line(1, **values))
        desk.clerk("confirm", number)
    desk.totals()
    desk.tick()
    found = {number: desk.order_in_sales(number)["lines"][1]["manualdiscountamount"] for number in orders}
    assert found == {number: discount for number, (_, discount) in orders.items()}
    desk.same_in_both(*orders)


def test_charges_and_a_discount_of_the_order_below_zero_are_lines_of_their_own(desk: Returning) -> None:
    desk.born(OrderTotalChargesAmount=-12.5, TotalDiscountAmount=-1.25)
    desk.tick()
    order = desk.order_in_sales("F-1")
    assert (order["freightamount"], order["discountamount"]) == (0, 0)
    texts = {line["productdescription"]: line["priceperunit"] for at, line in order["lines"].items() if at > 1}
    assert texts == {"Charges": -12.5, "Discount": 1.25}
    desk.at_desk("F-1", {"OrderTotalChargesAmount": 3, "TotalDiscountAmount": 0})
    desk.totals()
    desk.tick()
    assert list(desk.order_in_sales("F-1")["lines"]) == [1]
    desk.same_in_both("F-1")


def test_a_charge_of_a_line_without_quantity_is_rejected_by_name(desk: Returning) -> None:
    desk.born(confirmed=False)
    desk.at_desk("F-1", {}, desk.finops_line(1, OrderedSalesQuantity=0, FixedPriceCharges=5))
    desk.clerk("confirm", "F-1")
    desk.totals()
    desk.tick()
    failure = desk.failure("F-1")
    assert failure is not None
    assert failure.cause == "charge_of_line"
    assert "line 1" in failure.message
    assert desk.orders_in_sales("F-1") == []


def test_an_order_waits_for_its_products_and_comes_when_they_are_there(desk: Returning) -> None:
    desk.born()
    desk.put("P-2")
    desk.at_desk("F-1", {}, desk.finops_line(2, ProductNumber="P-2"))
    desk.totals()
    desk.service.pull(ORDERSBACK)
    desk.drain()
    assert desk.link("F-1").state is LinkState.WAITING
    assert "products p-2" in p2c("explain", ORDERSBACK, "F-1").lower()
    desk.settle(5)
    desk.same_in_both("F-1")


def test_an_order_waits_for_its_customer(desk: Returning) -> None:
    customer = {"dataAreaId": "usmf", "CustomerAccount": "X-1", "CustomerGroupId": "30", "OrganizationName": "X",
                "SalesCurrencyCode": "USD", "IsExternallyMaintained": "Yes"}  # fmt: skip
    reply = desk.finops.post("CustomersV3", customer)
    assert reply.status_code == 201, reply.text
    desk.born(customer="X-1")
    desk.tick()
    assert desk.link("F-1").state is LinkState.WAITING
    desk.start(ACCOUNTS_ON_EXISTING="adopt")
    desk.account("X-1")
    desk.settle(5)
    desk.same_in_both("F-1")


def test_an_order_of_a_contact_is_that_contacts_in_sales(desk: Returning) -> None:
    contact = desk.contact(msdynce_isactivecustomer=True)
    desk.tick()
    desk.born(customer=desk.contact_number(contact))
    desk.tick()
    assert desk.order_in_sales("F-1")["_customerid_value"] == contact
    desk.same_in_both("F-1")


def test_an_order_of_a_quote_names_it(desk: Returning) -> None:
    quote, number = desk.quote(desk.customer_id)
    desk.tick()
    desk.born("F-1", QuotationNumber=number)
    desk.at_finops("Q-1", RequestingCustomerAccountNumber="A-1", CurrencyCode="USD")
    desk.born("F-2", QuotationNumber="Q-1")
    desk.tick()
    assert desk.order_in_sales("F-1")["_quoteid_value"] == quote
    assert desk.order_in_sales("F-2")["_quoteid_value"] is None
    desk.same_in_both("F-1", "F-2")


def test_an_order_of_finops_gets_its_invoice_and_its_last_status_before_that(desk: Returning) -> None:
    desk.start(INVOICES="on")
    desk.born()
    desk.tick()
    for deed in ("deliver", "invoice"):
        desk.clerk(deed, "F-1")
    desk.totals()
    desk.tick()
    order = desk.order_in_sales("F-1")
    assert (order["msdynce_processingstatus"], order["statecode"]) == (INVOICED, 4)
    (invoice,) = desk.sales.rows("invoices")
    assert invoice["_salesorderid_value"] == order["salesorderid"]
    before = writes(desk)
    desk.settle(30)
    assert writes(desk) == before
    assert desk.failure("F-1") is None


def test_an_order_that_is_invoiced_in_sales_stays_as_it_is(desk: Returning) -> None:
    desk.born()
    desk.tick()
    id = desk.order_in_sales("F-1")["salesorderid"]
    body = {"SalesOrderId": id, "ColumnSet": {"AllColumns": True}}
    assert desk.sales.send("POST", "ConvertSalesOrderToInvoice", body).status_code == 200
    desk.clerk("deliver", "F-1")
    desk.totals()
    desk.tick()
    assert (desk.status(id), desk.rule("F-1"), desk.failure("F-1")) == (CONFIRMED, "invoiced_in_sales", None)


def test_a_cancelled_order_gets_its_status(desk: Returning) -> None:
    desk.born()
    desk.tick()
    desk.clerk("cancel", "F-1")
    desk.tick()
    order = desk.order_in_sales("F-1")
    assert (order["msdynce_processingstatus"], order["statecode"]) == (CANCELLED, 0)


@pytest.mark.parametrize("of_sales", [False, True])
def test_an_order_is_canceled_in_sales_by_setting_and_once(desk: Returning, of_sales: bool) -> None:
    desk.start(ORDERS_BACK_CANCEL="on")
    number = desk.confirmed()[1] if of_sales else "F-1"
    if not of_sales:
        desk.born()
    desk.tick()
    desk.clerk("cancel", number)
    desk.tick()
    order = desk.order_in_sales(number)
    assert (order["msdynce_processingstatus"], order["statecode"], order["statuscode"]) == (CANCELLED, 2, 4)
    before = writes(desk)
    assert "drifted: 0" in p2c("reconcile", ORDERSBACK)
    desk.settle(30)
    assert (writes(desk), desk.link(number).state, desk.failure(number)) == (before, LinkState.WRITTEN, None)


def test_a_delivered_order_is_fulfilled_by_setting(desk: Returning) -> None:
    desk.start(ORDERS_BACK_FULFILL="on")
    desk.born()
    desk.clerk("deliver", "F-1")
    desk.totals()
    desk.tick()
    order = desk.order_in_sales("F-1")
    assert (order["msdynce_processingstatus"], order["statecode"], order["statuscode"]) == (SHIPPED_STATUS, 3, 100001)
    desk.same_in_both("F-1")
    desk.clerk("invoice", "F-1")
    desk.totals()
    desk.tick()
    assert desk.rule("F-1") == "closed_in_sales"


def test_an_answer_that_is_lost_cancels_once(desk: Returning) -> None:
    desk.start(ORDERS_BACK_CANCEL="on")
    desk.born()
    desk.tick()
    desk.clerk("cancel", "F-1")
    desk.sales.faults.add(Rule(Kind.DROP_AFTER, frozenset({"POST"}), path="CancelSalesOrder", times=1))
    desk.settle(40)
    assert desk.order_in_sales("F-1")["statecode"] == 2
    assert (desk.link("F-1").state, desk.failure("F-1")) == (LinkState.WRITTEN, None)


def test_an_order_of_sales_with_the_number_is_in_the_way_and_stays_untouched(desk: Returning) -> None:
    id, _ = desk.order(desk.customer_id, active=False, ordernumber="F-1")
    version = desk.version(id)
    desk.born()
    desk.tick()
    failure = desk.failure("F-1")
    assert failure is not None
    assert failure.cause == "target_exists"
    desk.start(ORDERS_BACK_ON_EXISTING="adopt")
    assert "order_of_sales" in p2c("explain", ORDERSBACK, "F-1")
    assert desk.version(id) == version


def test_an_order_that_another_integration_has_brought_is_adopted(desk: Returning) -> None:
    id, _ = desk.order(
        desk.customer_id, active=False, ordernumber="F-1", msdynce_ismaintainedexternally=True, name="Old"
    )
    desk.born()
    desk.start(ORDERS_BACK_ON_EXISTING="adopt")
    desk.tick()
    order = desk.order_in_sales("F-1")
    assert (order["salesorderid"], order["name"], order["msdynce_processingstatus"]) == (id, "Account A-1", CONFIRMED)
    assert order["lines"][1]["priceperunit"] == 7
    desk.at_desk("F-1", {}, desk.finops_line(1, OrderedSalesQuantity=9))
    desk.totals()
    desk.tick()
    desk.same_in_both("F-1")


def test_an_order_whose_mark_somebody_removes_makes_no_second_one(desk: Returning) -> None:
    desk.born()
    desk.tick()
    id = desk.order_in_sales("F-1")["salesorderid"]
    unmarked = {"msdynce_ismaintainedexternally": False, "msdynce_processingstatus": 647390000}
    assert desk.sales.patch(f"salesorders({id})", unmarked, If_Match="*").status_code == 204
    for line in desk.order_in_sales("F-1")["lines"].values():
        desk.submit(line["salesorderdetailid"])
    desk.settle(5)
    assert desk.sales_orders() == ["F-1"]
    assert desk.state.failures.load(ORDERS, ["F-1"])["F-1"].cause == "target_exists"
    assert len(desk.orders_in_sales("F-1")) == 1
    p2c("reconcile", ORDERSBACK, "F-1", "--repair", code=1)
    desk.settle(5)
    assert desk.order_in_sales("F-1")["msdynce_ismaintainedexternally"] is True


def test_an_order_stays_linked_when_the_setting_goes_back_to_status(desk: Returning) -> None:
    desk.born()
    desk.tick()
    desk.start(ORDERS_BACK="status")
    desk.clerk("deliver", "F-1")
    desk.totals()
    desk.tick()
    assert desk.rule("F-1") == "not_from_sales"
    desk.start(ORDERS_BACK="all")
    desk.settle(5)
    assert desk.order_in_sales("F-1")["msdynce_processingstatus"] == SHIPPED_STATUS


def test_totals_that_differ_are_told_with_their_reason_and_not_written(desk: Returning) -> None:
    desk.born()
    desk.tick()
    order = desk.order_in_sales("F-1")
    desk.sales.create(
        "salesorderdetails",
        salesorderid__to=f"/salesorders({order['salesorderid']})",
        isproductoverridden=True,
        productdescription="Gift",
        priceperunit=3,
        quantity=1,
    )
    before = writes(desk)
    told = p2c("reconcile", ORDERSBACK, "F-1", code=1)
    assert "totalamount is 17 in Sales, and 14 in F&O" in told
    explained = p2c("explain", ORDERSBACK, "F-1")
    assert "no line that the sync has written differs" in explained
    assert "look for lines, a discount or freight that people have added in Sales" in explained
    assert writes(desk) == before


def test_a_line_that_sales_rounds_otherwise_is_named(desk: Returning) -> None:
    """The price has more decimals than prices have in Sales."""
    desk.born(confirmed=False)
    desk.at_desk("F-1", {}, desk.finops_line(1, OrderedSalesQuantity=1000, SalesPrice=0.33335))
    desk.clerk("confirm", "F-1")
    desk.totals()
    desk.tick()
    assert "it differs in line 1, 333.4 and 333.35" in p2c("reconcile", ORDERSBACK, "F-1", code=1)


@share_of_steps(4)
def test_a_worker_that_dies_at_any_step_leaves_one_complete_order(desk: Returning, every: int) -> None:
    """Of an order that is created, and of its later change."""
    desk.born("F-0", confirmed=False)
    for change in (False, True):
        total = _crashed(desk, "F-0", None, change=change)
        assert total > 8
        for step in range(1, total + 1, every):
            number = f"F-{step}"
            _crashed(desk, number, step, change=change)
            _recover(desk)
            desk.same_in_both(number)
    assert len(desk.sales.rows("salesorders?$select=salesorderid")) == len(desk.sales_orders())


def _recover(desk: Returning) -> None:
    """The claim of the dead worker ends, and its message is delivered again."""
    for _ in range(5):
        desk.clock.sleep(300)
        desk.service.sweep()
        desk.drain()


def _crashed(desk: Returning, number: str, step: int | None, *, change: bool) -> int:
    """People of F&O make or change an order, and the worker dies at a step; how many steps there were."""
    if not change:
        desk.born(number, confirmed=False)
    desk.at_desk(number, {"SalesOrderName": "Changed"} if change else {}, desk.finops_line(3 if change else 2))
    if change:
        desk.remove_line(number, 2)
    desk.clerk("confirm", number)
    desk.totals()
    desk.service.pull(ORDERSBACK)
    before = desk.steps.count
    if step is not None:
        desk.steps.crash_at(before + step)
    with contextlib.suppress(Crash):
        desk.drain()
    return desk.steps.count - before


@pytest.mark.parametrize(
    ("system", "rule"),
    [
        *each_with(System.FINOPS, by_turns(1, SPOT_FAULTS_OF_READS, among=2)),
        *each_with(System.DATAVERSE, by_turns(0)),
    ],
)
def test_a_fault_loses_nothing_and_doubles_nothing(desk: Returning, system: System, rule: Rule) -> None:
    for number in ("F-1", "F-2"):
        desk.born(number)
    faults = desk.finops.faults if system is System.FINOPS else desk.sales.faults
    faults.add(rule)
    desk.settle(40, alone=True)
    assert_met(faults)
    faults.clear()
    desk.settle(20, alone=True)
    desk.same_in_both("F-1", "F-2")


def test_preflight_looks_for_what_it_reads_and_writes(desk: Returning) -> None:
    checks = Preflight(desk.service.systems, desk.deployment, desk.clock.now()).checks()
    found = {check.what: check.verdict for check in checks if ORDERSBACK in check.flows or not check.flows}
    for what in ("salesorders", "salesorderdetails", "products", "CDSSalesOrderHeaders", "CDSSalesOrderLines"):
        assert found[f"{what} has the columns of the mapping"] is CheckResult.WELL, what
