"""The invoices flow as it is deployed, between both simulators (rules.md, Invoices)."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from local.dataverse.seeds import plant
from local.finops.settings import Settings as FinopsSettings
from local.simulator.faults import Kind, Rule
from shared.clients import quoting
from shared.flows.invoices import INVOICES
from shared.operations.reconcile import Drift
from shared.state.links import LinkState
from shared.sync.hints import Hint, messages
from shared.systems import System
from tests.support.faults import SPOT_FAULTS_OF_READS, assert_met
from tests.support.invoicing import Invoicing, invoicing, invoicing_without_solution, same_amounts
from tests.support.operator import operated, p2c
from tests.support.steps import Crash
from tests.support.thinned import by_turns, each_with, share_of_steps
from tests.support.trading import trading_as

INVOICED = 4
BILLED = 4


@pytest.fixture
def desk() -> Iterator[Invoicing]:
    """All flows between two fresh simulators; the command line works on them."""
    with invoicing() as made, operated(made):
        yield made


def state_of(desk: Invoicing, order: str) -> int:
    state: int = desk.sales.get(f"salesorders({order})?$select=statecode").json()["statecode"]
    return state


def writes(desk: Invoicing) -> int:
    """How many requests that write were sent to Sales."""
    exchanges = desk.sales.control("GET", "exchanges", 10_000).json()
    return sum(each["method"] in ("POST", "PATCH", "DELETE") for each in exchanges)


def test_a_posted_invoice_becomes_an_invoice_of_its_order_with_its_lines(desk: Invoicing) -> None:
    order, number = desk.invoiced(lines=3)
    desk.tick()
    found, posted = desk.invoice(number), desk.posted()[number]
    assert found is not None
    assert (found["name"], found["statuscode"], found["msdynce_ismaintainedexternally"]) == (number, BILLED, True)
    assert found["msdynce_invoicedate"] == posted["InvoiceDate"][:10]
    assert found["_salesorderid_value"] == order
    assert found["_customerid_value"] == desk.account_id("A-1")
    assert found["_transactioncurrencyid_value"] == desk.catalogue["currency"]
    assert found["_pricelevelid_value"] == desk.catalogue["prices"]
    assert list(found["lines"]) == [1, 2, 3]
    line = found["lines"][1]
    assert (line["productname"], line["quantity"], line["priceperunit"]) == ("Bike", 3, 19.95)
    assert line["manualdiscountamount"] == posted["lines"][1]["LineTotalDiscountAmount"]
    assert (line["tax"], line["lineitemnumber"]) == (posted["lines"][1]["LineTotalTaxAmount"], 1)
    assert (line["msdynce_invoicenumber"], line["msdynce_invoicedate"]) == (number, found["msdynce_invoicedate"])
    assert state_of(desk, order) == INVOICED
    same_amounts(desk)


def test_a_second_run_writes_nothing(desk: Invoicing) -> None:
    desk.invoiced()
    desk.tick()
    before = writes(desk)
    desk.settle(30, alone=True)
    assert writes(desk) == before
    same_amounts(desk)


def test_several_invoices_of_one_order_arrive_in_any_order(desk: Invoicing) -> None:
    order, number = desk.delivered(lines=2)
    part = [{"LineCreationSequenceNumber": 1, "quantity": 1}]
    first = desk.clerk("invoice", number, lines=part)["InvoiceNumber"]
    second = desk.clerk("invoice", number, lines=part)["InvoiceNumber"]
    third = desk.clerk("invoice", number)["InvoiceNumber"]
    ids = desk.ids()
    for each in (third, first, second):
        desk.service.apply(INVOICES, desk_message(desk, ids[each]))
        assert state_of(desk, order) == INVOICED
    assert [list((desk.invoice(each) or {})["lines"]) for each in (first, second, third)] == [[1], [1], [1, 2]]
    desk.tick()
    same_amounts(desk)


def desk_message(desk: Invoicing, id: str) -> bytes:
    """A message that names one invoice."""
    (message,) = messages(INVOICES, "test", [Hint(id)], 10)
    return message.to_body().encode()


def test_charges_and_their_tax_cost_the_same_in_both_systems() -> None:
    finops = FinopsSettings(amount_decimals=2, sales_tax=Decimal("8.1"))
    with trading_as(Invoicing, finops, INVOICES="on") as desk:
        desk.account("A-1")
        desk.tick()
        desk.born_in_finops("F-1")
        order, _ = desk.order(desk.account_id("A-1"), active=False, ordernumber="F-1")
        number = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
        desk.tick()
        found = desk.invoice(number) or {}
        assert (found["freightamount"], found["lines"][0]["productdescription"]) == (12.5, "Freight Tax")
        assert found["lines"][0]["msdynce_ismisctax"] is True
        assert found["msdynce_misctax"] == found["lines"][0]["priceperunit"] > 0
        same_amounts(desk)
        assert state_of(desk, order) == INVOICED


@pytest.mark.parametrize(
    ("line", "header", "added"),
    [
        ({"OrderedSalesQuantity": -3, "SalesPrice": 100, "LineDiscountAmount": 3.33}, {}, {"Discount, line 1"}),
        (
            {"OrderedSalesQuantity": -1},
            {"OrderTotalChargesAmount": -12.5, "TotalDiscountAmount": -5},
            {"Charges", "Discount", "Freight Tax"},
        ),
        ({"SalesPrice": 19.95, "SalesPriceQuantity": 100}, {}, set()),
    ],
    ids=["credit", "credit of charges", "price for 100"],
)
def test_a_credit_or_a_price_for_several_units_costs_the_same_in_both_systems(
    line: dict[str, object], header: dict[str, object], added: set[str]
) -> None:
    finops = FinopsSettings(amount_decimals=2, sales_tax=Decimal("8.1"))
    with trading_as(Invoicing, finops, INVOICES="on") as desk:
        desk.account("A-1")
        desk.tick()
        desk.born_in_finops("F-1", line=line, header={"OrderTotalChargesAmount": 0, **header})
        desk.order(desk.account_id("A-1"), active=False, ordernumber="F-1")
        number = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
        desk.tick()
        same_amounts(desk)
        lines = (desk.invoice(number) or {})["lines"].values()
        assert {each["productdescription"] for each in lines if each["productdescription"]} == added
        assert list(desk.service.reconciling(INVOICES).drifted()) == []


def test_an_invoice_waits_for_its_order_wherever_that_was_made(desk: Invoicing) -> None:
    desk.account("A-1")
    desk.tick()
    desk.born_in_finops("F-1")
    number = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
    desk.tick()
    assert desk.link(desk.ids()[number]).state is LinkState.WAITING
    told = p2c("explain", INVOICES, number)
    assert "it waits for salesorders F-1, which Sales does not have" in told
    assert "see that Sales has F-1 in salesorders: by the flow that writes it, or by hand" in told
    assert desk.invoice(number) is None
    order, _ = desk.order(desk.account_id("A-1"), active=False, ordernumber="F-1", msdynce_ismaintainedexternally=True)
    desk.settle(5, alone=True)
    assert (desk.invoice(number) or {})["_salesorderid_value"] == order
    same_amounts(desk)


def test_an_invoice_belongs_to_the_first_of_several_orders_with_its_number(desk: Invoicing) -> None:
    order, number = desk.invoiced()
    desk.sales.clock.advance(timedelta(hours=1))
    later, _ = desk.order(desk.account_id("A-1"), active=False, ordernumber=desk.number_of(order))
    desk.tick()
    assert (desk.invoice(number) or {})["_salesorderid_value"] == order
    assert (state_of(desk, order), state_of(desk, later)) == (INVOICED, 0)


def test_an_invoice_to_a_contact_names_the_contact(desk: Invoicing) -> None:
    contact = desk.contact(desk.account("A-1"), msdynce_isactivecustomer=True)
    desk.tick()
    customer = desk.contact_number(contact)
    desk.born_in_finops("F-1", header={"OrderingCustomerAccountNumber": customer})
    to = f"/contacts({contact})"
    desk.order("", active=False, ordernumber="F-1", customerid_account__to=None, customerid_contact__to=to)
    number = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
    desk.tick()
    assert (desk.invoice(number) or {})["_customerid_value"] == contact
    same_amounts(desk)


def test_an_invoice_of_another_company_with_the_same_number_and_day_is_another_one(desk: Invoicing) -> None:
    _, number = desk.invoiced()
    posted = desk.posted()[number]
    id = quoting.name_based_id(f"invoices|dat|invoice|{number}")
    theirs = {"name": "Theirs", "invoicenumber": number, "msdynce_invoicedate": posted["InvoiceDate"][:10]}
    desk.sales.create("invoices", invoiceid=id, **theirs)
    desk.tick()
    assert desk.failure(desk.ids()[number]) is None
    assert sorted(row["name"] for row in desk.sales.rows("invoices")) == sorted(["Theirs", number])


def test_an_invoice_waits_for_its_products(desk: Invoicing) -> None:
    desk.account("A-1")
    desk.tick()
    desk.put("P-2")
    desk.born_in_finops("F-1", product="P-2")
    desk.order(desk.account_id("A-1"), active=False, ordernumber="F-1")
    number = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
    desk.service.pull(INVOICES)
    desk.drain()
    assert desk.link(desk.ids()[number]).state is LinkState.WAITING
    desk.settle(5)
    same_amounts(desk)


def test_an_invoice_in_sales_that_differs_is_told_and_not_written(desk: Invoicing) -> None:
    _, number = desk.invoiced()
    desk.tick()
    found = desk.invoice(number) or {}
    path, line = f"invoices({found['invoiceid']})", f"invoicedetails({found['lines'][1]['invoicedetailid']})"
    desk.change_draft(path, freightamount=5)
    desk.change_draft(line, quantity=9)
    (drifted,) = desk.service.reconciling(INVOICES).drifted()
    assert (drifted.id, drifted.drift) == (desk.ids()[number], Drift.DIFFERENT)
    p2c("sync", INVOICES, number)
    desk.settle(5, alone=True)
    assert desk.failure(desk.ids()[number]) is None
    p2c("reconcile", INVOICES, "--repair", "--yes", code=1)
    desk.settle(5, alone=True)
    failure = desk.failure(desk.ids()[number])
    assert failure is not None
    assert failure.cause == "invoice_differs"
    assert "in freightamount, line 1 quantity" in failure.message
    assert "p2c reconcile invoices --repair" in p2c("explain", INVOICES, number)
    found = desk.invoice(number) or {}
    assert (found["freightamount"], found["lines"][1]["quantity"]) == (5, 9)
    desk.change_draft(path, freightamount=0)
    desk.change_draft(line, quantity=3)
    p2c("retry", INVOICES, number)
    desk.tick()
    same_amounts(desk)


def test_an_invoice_to_which_somebody_adds_a_line_costs_something_else_and_is_told(desk: Invoicing) -> None:
    _, number = desk.invoiced()
    desk.tick()
    assert list(desk.service.reconciling(INVOICES).drifted()) == []
    invoice = f"/invoices({(desk.invoice(number) or {})['invoiceid']})"
    desk.sales.create(
        "invoicedetails", invoiceid__to=invoice, isproductoverridden=True,
        productdescription="Tip", quantity=1, priceperunit=5, sequencenumber=99,
    )  # fmt: skip
    (drifted,) = desk.service.reconciling(INVOICES).drifted()
    assert drifted.drift is Drift.DIFFERENT
    p2c("reconcile", INVOICES, "--repair", "--yes", code=1)
    desk.settle(5, alone=True)
    failure = desk.failure(desk.ids()[number])
    assert failure is not None
    assert (failure.cause, "no line that the sync has written differs" in failure.message) == ("totals_differ", True)


def test_an_invoice_that_was_deleted_in_sales_is_created_again_when_an_operator_says_so(desk: Invoicing) -> None:
    _, number = desk.invoiced()
    desk.tick()
    assert desk.sales.send("DELETE", f"invoices({(desk.invoice(number) or {})['invoiceid']})").status_code == 204
    desk.settle(5, alone=True)
    assert desk.invoices() == []
    (drifted,) = desk.service.reconciling(INVOICES).drifted()
    assert drifted.drift is Drift.MISSING
    p2c("reconcile", INVOICES, "--repair", "--yes", code=1)
    desk.settle(5, alone=True)
    same_amounts(desk)


@pytest.mark.parametrize("quantity", [3, 2])
def test_an_invoice_that_is_in_sales_already_is_adopted_only_if_it_is_equal(quantity: int) -> None:
    with invoicing(INVOICES_ON_EXISTING="adopt") as desk:
        order, number = desk.delivered(lines=1)
        invoice = str(desk.clerk("invoice", number)["InvoiceNumber"])
        posted = desk.posted()[invoice]
        theirs = desk.sales.create(
            "invoices", name="By hand", invoicenumber=invoice, msdynce_invoicedate=posted["InvoiceDate"][:10],
            salesorderid__to=f"/salesorders({order})", pricelevelid__to=f"/pricelevels({desk.catalogue['prices']})",
            transactioncurrencyid__to=f"/transactioncurrencies({desk.catalogue['currency']})",
            freightamount=0, discountamount=0, msdynce_misctax=0,
        )  # fmt: skip
        line = posted["lines"][1]
        desk.invoice_line(
            theirs, sequencenumber=1, quantity=quantity, priceperunit=line["SalesPrice"],
            manualdiscountamount=line["LineTotalDiscountAmount"], tax=line["LineTotalTaxAmount"],
        )  # fmt: skip
        desk.tick()
        failure = desk.failure(desk.ids()[invoice])
        assert (None if failure is None else failure.cause) == (None if quantity == 3 else "invoice_differs")
        assert desk.link(desk.ids()[invoice]).target_id == (theirs if quantity == 3 else None)
        assert [each["name"] for each in desk.sales.rows("invoices")] == ["By hand"]
        assert (desk.invoice(invoice) or {})["lines"][1]["quantity"] == quantity


def test_an_invoice_that_is_in_sales_already_is_rejected(desk: Invoicing) -> None:
    order, number = desk.delivered(lines=1)
    invoice = desk.clerk("invoice", number)["InvoiceNumber"]
    day = desk.posted()[invoice]["InvoiceDate"][:10]
    desk.sales.create(
        "invoices", name="By hand", invoicenumber=invoice, msdynce_invoicedate=day,
        salesorderid__to=f"/salesorders({order})",
    )  # fmt: skip
    desk.tick()
    failure = desk.failure(desk.ids()[invoice])
    assert failure is not None
    assert failure.cause == "target_exists"
    assert failure.remedy.endswith("otherwise remove it from Sales: the number of a posted invoice never changes")


@pytest.mark.parametrize(
    ("system", "rule"),
    [
        *each_with(System.DATAVERSE, by_turns(1)),
        *each_with(System.FINOPS, by_turns(0, SPOT_FAULTS_OF_READS, among=2)),
    ],
)
def test_a_fault_loses_nothing_and_duplicates_nothing(system: System, rule: Rule) -> None:
    with invoicing() as desk:
        faults = desk.finops.faults if system is System.FINOPS else desk.sales.faults
        _, number = desk.delivered(lines=2)
        for _ in range(3):
            desk.clerk("invoice", number, lines=[{"LineCreationSequenceNumber": 1, "quantity": 1}])
        desk.clerk("invoice", number)
        faults.add(rule)
        desk.settle(30, alone=True)
        assert_met(faults)
        faults.clear()
        desk.settle(10, alone=True)
        same_amounts(desk)


@pytest.mark.parametrize("path", ["/invoices/", "/invoicedetails/"])
@pytest.mark.parametrize(
    "kind",
    [
        Kind.DROP_AFTER,
        *(
            pytest.param(kind, marks=pytest.mark.nightly)
            for kind in (Kind.DROP_BEFORE, Kind.THROTTLE, Kind.ERROR_AFTER)
        ),
    ],
)
def test_an_invoice_that_was_written_in_part_is_completed_and_not_doubled(path: str, kind: Kind) -> None:
    with invoicing() as desk:
        desk.invoiced(lines=3)
        desk.sales.faults.add(Rule(kind, frozenset({"POST"}), path=path, times=1))
        desk.settle(15, alone=True)
        same_amounts(desk)


def test_an_invoice_with_a_refused_line_is_completed_when_the_reason_is_gone(desk: Invoicing) -> None:
    order, number = desk.delivered(lines=1)
    product = str((desk.product("P-1") or {})["productid"])
    invoice = desk.clerk("invoice", number)["InvoiceNumber"]
    desk.change_draft(f"products({product})", statecode=1, statuscode=2)
    desk.tick()
    desk.settle(5, alone=True)
    failure = desk.failure(desk.ids()[invoice])
    assert failure is not None
    assert failure.cause.startswith("dataverse.0x")
    assert (desk.invoice(invoice) or {})["lines"] == {}
    desk.change_draft(f"products({product})", statecode=0, statuscode=1)
    p2c("retry", INVOICES, invoice)
    desk.settle(15, alone=True)
    assert state_of(desk, order) == INVOICED
    same_amounts(desk)


# Without the solution


@pytest.fixture
def plain() -> Iterator[Invoicing]:
    """The same in an organisation without the solution."""
    with invoicing_without_solution() as made, operated(made):
        yield made


def delivered_by_hand(desk: Invoicing, number: str = "F-1", **values: object) -> str:
    """An order of F&O that is delivered, and that somebody has entered in Sales under its number; its id there."""
    if desk.customer("A-1") is None:
        desk.account("A-1")
        desk.tick()
    desk.born_in_finops(number)
    return desk.order(desk.account_id("A-1"), lines=0, active=False, ordernumber=number, **values)[0]


def conversions(desk: Invoicing) -> int:
    """How many orders were converted."""
    exchanges = desk.sales.control("GET", "exchanges", 10_000).json()
    return sum(each["url"].endswith("ConvertSalesOrderToInvoice") for each in exchanges)


def seller(desk: Invoicing, kind: str = "systemuser") -> str:
    """Somebody who owns orders, as the address of a row."""
    id = "11111111-2222-4333-8444-666666666666"
    plant(desk.sales.organisation, kind, {f"{kind}id": id, "lastname" if kind == "systemuser" else "name": "Seller"})
    return f"/{kind}s({id})"


@share_of_steps(45, by_night=3)
@pytest.mark.parametrize("made", [invoicing, invoicing_without_solution])
def test_a_worker_that_dies_at_any_step_leaves_one_complete_invoice(
    made: Callable[[], AbstractContextManager[Invoicing]], every: int
) -> None:
    """Steps are those of the storage, and the moment before each request."""
    with made() as desk:
        desk.clock.looked = partial(desk.steps.step, "look")

        def worked(number: int) -> str:
            order = delivered_by_hand(desk, f"F-{number}")
            desk.clerk("invoice", f"F-{number}")
            desk.service.pull(INVOICES)
            return order

        worked(0)
        before = desk.steps.count
        desk.drain()
        total = desk.steps.count - before
        assert total > 40, total
        for step in range(1, total + 1, every):
            order = worked(step)
            desk.steps.crash_at(desk.steps.count + step)
            with contextlib.suppress(Crash):
                desk.drain()
            # Once the small tables are read, a message takes fewer steps than the first one.
            desk.steps.at.clear()
            desk.settle(30, alone=True)
            assert state_of(desk, order) == INVOICED, step
        same_amounts(desk)


# The schema of the references names one target of ownerid; Dataverse takes users and teams.
TEAM = pytest.param("team", marks=pytest.mark.odata_refused("a reference to team, wanted is systemuser"))


@pytest.mark.parametrize("kind", ["systemuser", TEAM])
def test_the_sync_gives_an_invoice_the_owner_of_its_order_and_makes_the_order_invoiced(
    plain: Invoicing, kind: str
) -> None:
    owner = seller(plain, kind)
    order = delivered_by_hand(plain, ownerid__to=owner)
    number = str(plain.clerk("invoice", "F-1")["InvoiceNumber"])
    plain.tick()
    same_amounts(plain)
    found = plain.sales.get(f"salesorders({order})").json()
    assert (found["statecode"], found["statuscode"]) == (INVOICED, 100003)
    assert (plain.invoice(number) or {})["_ownerid_value"] in owner
    assert list(plain.service.reconciling(INVOICES).drifted()) == []
    before = writes(plain)
    plain.settle(30, alone=True)
    assert writes(plain) == before


def test_an_order_is_converted_once_however_many_invoices_it_has(plain: Invoicing) -> None:
    order = delivered_by_hand(plain)
    part = [{"LineCreationSequenceNumber": 1, "quantity": 1}]
    for _ in range(2):
        plain.clerk("invoice", "F-1", lines=part)
    plain.tick()
    assert (state_of(plain, order), conversions(plain)) == (INVOICED, 1)
    same_amounts(plain)


def test_a_canceled_order_stays_canceled_and_gets_its_invoice(plain: Invoicing) -> None:
    order = delivered_by_hand(plain)
    closing = {"subject": "Cancel", "salesorderid@odata.bind": f"/salesorders({order})"}
    assert plain.sales.send("POST", "CancelSalesOrder", {"Status": 4, "OrderClose": closing}).status_code == 204
    plain.clerk("invoice", "F-1")
    plain.tick()
    assert (state_of(plain, order), conversions(plain)) == (2, 0)
    same_amounts(plain)


def test_an_invoice_of_somebody_else_for_the_same_order_stays(plain: Invoicing) -> None:
    seller(plain)
    order = delivered_by_hand(plain)
    body = {"SalesOrderId": order, "ColumnSet": {"AllColumns": True}}
    as_seller = {"MSCRMCallerID": "11111111-2222-4333-8444-666666666666"}
    reply = plain.sales.send("POST", "ConvertSalesOrderToInvoice", body, as_seller)
    assert reply.status_code == 200, reply.text
    number = str(plain.clerk("invoice", "F-1")["InvoiceNumber"])
    plain.tick()
    assert plain.invoices() == sorted([reply.json()["invoicenumber"], number])


@pytest.mark.parametrize("path", ["ConvertSalesOrderToInvoice", "$batch"])
@pytest.mark.parametrize(
    "kind",
    [
        Kind.DROP_AFTER,
        Kind.DROP_BEFORE,
        *(pytest.param(kind, marks=pytest.mark.nightly) for kind in (Kind.THROTTLE, Kind.ERROR_AFTER)),
    ],
)
def test_a_conversion_without_an_answer_leaves_no_second_invoice(plain: Invoicing, path: str, kind: Kind) -> None:
    order = delivered_by_hand(plain)
    plain.clerk("invoice", "F-1")
    plain.sales.faults.add(Rule(kind, frozenset({"POST"}), path=path, times=1))
    plain.settle(15, alone=True)
    assert (state_of(plain, order), conversions(plain) <= 2) == (INVOICED, True)
    same_amounts(plain)


def test_invoices_that_are_there_before_the_sync_looks_after_orders_get_their_orders_invoiced() -> None:
    with invoicing_without_solution(INVOICES_ORDER="automation") as desk:
        order = delivered_by_hand(desk)
        desk.clerk("invoice", "F-1")
        desk.tick()
        assert state_of(desk, order) == 0
        desk.start(INVOICES_ORDER="sync")
        desk.tick()
        assert state_of(desk, order) == INVOICED
        same_amounts(desk)


def test_an_invoice_that_the_app_itself_has_entered_before_is_adopted_and_not_taken_for_a_copy() -> None:
    with invoicing(INVOICES_ORDER="sync", INVOICES_ON_EXISTING="adopt") as desk:
        order = delivered_by_hand(desk)
        number = str(desk.clerk("invoice", "F-1")["InvoiceNumber"])
        posted = desk.posted()[number]
        given = {"name": "Before", "invoicenumber": number, "msdynce_invoicedate": posted["InvoiceDate"][:10]}
        amounts = {"freightamount": 12.5, "discountamount": 0, "msdynce_misctax": 0}
        bound = {"pricelevelid": f"/pricelevels({desk.catalogue['prices']})"}
        bound |= {"transactioncurrencyid": f"/transactioncurrencies({desk.catalogue['currency']})"}
        to = {f"{name}__to": address for name, address in bound.items()}
        invoice = desk.sales.create("invoices", **given, **amounts, **to)
        line = {"quantity": 2, "priceperunit": 7, "manualdiscountamount": 0, "tax": 0, "sequencenumber": 1}
        desk.invoice_line(invoice, **line)
        order_to = {"salesorderid@odata.bind": f"/salesorders({order})"}
        assert desk.sales.patch(f"invoices({invoice})", order_to, If_Match="*").status_code == 204
        desk.tick()
        assert desk.failure(desk.ids()[number]) is None
        assert [row["name"] for row in desk.sales.rows("invoices")] == ["Before"]
        assert state_of(desk, order) == INVOICED


def test_where_the_solution_looks_after_orders_as_well_nothing_is_converted() -> None:
    with invoicing(INVOICES_ORDER="sync") as desk:
        order, _ = desk.invoiced()
        desk.tick()
        assert (state_of(desk, order), conversions(desk)) == (INVOICED, 0)
        same_amounts(desk)
