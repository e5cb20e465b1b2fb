"""Promises of the simulated Dataverse around sales orders: numbers, activation, states, the order of a quote."""

from collections.abc import Iterator

import pytest

from local.dataverse.settings import Settings
from tests.unit.local.dataverse_desk import FLAG, WRITE_IN, Desk, desk_in
from tests.unit.local.dataverse_world import code, dataverse

STATUS, DRAFT, ACTIVE = "msdynce_processingstatus", 647390011, 647390000
SUBMITTED = {"statecode": 1, "statuscode": 3}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with dataverse() as world:
        yield desk_in(world)


def states(desk: Desk, order: str) -> list[object]:
    found = desk.read(f"salesorders({order})")
    return [found["statecode"], found["statuscode"]]


def test_an_order_is_born_active_with_a_number_and_the_processing_status_draft(desk: Desk) -> None:
    found = desk.read(f"salesorders({desk.order()})")
    assert found["ordernumber"].startswith("ORD-01000-")
    assert (found["statecode"], found["statuscode"], found[STATUS]) == (0, 1, DRAFT)
    assert (found[FLAG], found["msdynce_ismaintainedexternally"]) == (True, False)


def test_an_order_number_may_be_given_and_never_changes(desk: Desk) -> None:
    order = desk.order(ordernumber="O-1")
    assert desk.read(f"salesorders({order})")["ordernumber"] == "O-1"
    assert desk.world.patch(f"salesorders({order})", {"ordernumber": "O-2"}, If_Match="*").status_code == 400


def test_lines_make_the_totals_of_their_order_and_move_its_version(desk: Desk) -> None:
    order = desk.order(freightamount=5, discountpercentage=10)
    before = desk.read(f"salesorders({order})")["versionnumber"]
    desk.order_line(order, manualdiscountamount=4, tax=1)
    desk.order_line(order, ispriceoverridden=True, priceperunit=30)
    found = desk.read(f"salesorders({order})")
    assert (found["totallineitemamount"], found["totallineitemdiscountamount"]) == (76, 4)
    assert (found["totaltax"], found["totalamount"]) == (1, 74.4)
    assert found["versionnumber"] > before


def test_totals_that_are_sent_are_calculated_again(desk: Desk) -> None:
    order = desk.order()
    desk.order_line(order)
    assert desk.world.patch(f"salesorders({order})", {"totalamount": 999}, If_Match="*").status_code == 204
    assert desk.read(f"salesorders({order})")["totalamount"] == 20


def test_the_lines_of_an_order_know_its_number_and_whether_all_its_products_come_from_finops(desk: Desk) -> None:
    order = desk.order(ordernumber="O-1")
    line = desk.order_line(order)
    copy = "msdynce_orderhasexternalmaintainedproductsonly"
    found = desk.read(f"salesorderdetails({line})")
    assert (found["msdynce_ordernumber"], found[copy], found["msdynce_orderissubmitted"]) == ("O-1", True, False)
    own = desk.order_line(order, **WRITE_IN)
    assert (desk.read(f"salesorders({order})")[FLAG], desk.read(f"salesorderdetails({line})")[copy]) == (False, False)
    desk.world.send("DELETE", f"salesorderdetails({own})")
    assert (desk.read(f"salesorders({order})")[FLAG], desk.read(f"salesorderdetails({line})")[copy]) == (True, True)


def test_a_seller_activates_an_order_by_its_status_and_then_line_by_line_and_its_state_stays(desk: Desk) -> None:
    order = desk.order()
    line = desk.order_line(order)
    assert desk.set_state(order, {STATUS: ACTIVE}, "salesorders") == (204, "")
    reply = desk.world.patch(f"salesorderdetails({line})", {"msdynce_orderissubmitted": True}, If_Match="*")
    assert reply.status_code == 204
    assert states(desk, order) == [0, 1]


def test_the_service_lets_an_activated_order_be_changed_and_only_the_form_does_not(desk: Desk) -> None:
    order = desk.order()
    desk.set_state(order, {STATUS: ACTIVE}, "salesorders")
    assert desk.world.patch(f"salesorders({order})", {"name": "Other"}, If_Match="*").status_code == 204
    desk.order_line(order)


def test_a_contact_that_orders_becomes_an_active_customer(desk: Desk) -> None:
    desk.order(customerid_contact__to=f"/contacts({desk.contact})")
    assert desk.read(f"contacts({desk.contact})")["msdynce_isactivecustomer"] is True


def test_an_order_that_is_not_active_is_read_only_and_so_are_its_lines(desk: Desk) -> None:
    order = desk.order()
    line = desk.order_line(order)
    assert desk.set_state(order, SUBMITTED, "salesorders") == (204, "")
    assert desk.world.patch(f"salesorders({order})", {"name": "Other"}, If_Match="*").status_code == 400
    body = desk.line_body(order, "salesorders")
    assert code(desk.world.send("POST", "salesorderdetails", body)) == (400, "0x80043b09")
    changed = desk.world.patch(f"salesorderdetails({line})", {"quantity": 3}, If_Match="*")
    assert code(changed) == (400, "0x80043b09")
    assert code(desk.world.send("DELETE", f"salesorderdetails({line})")) == (400, "0x80043b09")


def test_an_administrator_saves_an_order_that_is_read_only_for_others() -> None:
    with dataverse(settings=Settings(administrator=True)) as world:
        desk = desk_in(world)
        order = desk.order()
        desk.set_state(order, SUBMITTED, "salesorders")
        assert desk.world.patch(f"salesorders({order})", {"name": "Other"}, If_Match="*").status_code == 204
        desk.order_line(order)


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ({"statecode": 2, "statuscode": 4}, "use the CancelSalesOrderRequest Request"),
        ({"statecode": 3, "statuscode": 100001}, "use the FulfillSalesOrderRequest Request"),
        ({"statecode": 4, "statuscode": 100003}, "use the ConvertSalesOrderToInvoiceRequest Request"),
    ],
)
def test_an_order_reaches_its_last_states_by_their_actions_only(desk: Desk, state: dict[str, int], action: str) -> None:
    reply = desk.world.patch(f"salesorders({desk.order()})", state, If_Match="*")
    assert reply.status_code == 400
    assert action in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("CancelSalesOrder", 4, [2, 4]),
        ("FulfillSalesOrder", 100001, [3, 100001]),
        ("FulfillSalesOrder", -1, [3, 100001]),
    ],
)
def test_an_order_is_closed_by_an_action_once(desk: Desk, action: str, status: int, expected: list[int]) -> None:
    order = desk.order()
    assert desk.act(action, order, status) == (204, "")
    assert states(desk, order) == expected
    assert desk.act(action, order, status) == (400, "0x80048408")
    assert desk.set_state(order, {"statecode": 0, "statuscode": 1}, "salesorders") == (400, "0x80048408")


def test_a_status_of_another_state_closes_no_order(desk: Desk) -> None:
    order = desk.order()
    assert desk.act("CancelSalesOrder", order, 100001) == (400, "0x80048408")
    assert states(desk, order) == [0, 1]


def test_an_active_quote_becomes_an_order_with_its_lines_and_is_won(desk: Desk) -> None:
    quote = desk.quote(freightamount=5, shipto_city="Seattle")
    desk.line(quote, lineitemnumber=7, manualdiscountamount=4, tax=1)
    desk.set_state(quote, {"statecode": 1, "statuscode": 2})
    reply = desk.convert(quote, QuoteCloseStatus=4, QuoteCloseSubject="Won")
    assert reply.status_code == 200, reply.text
    made, source = reply.json(), desk.read(f"quotes({quote})")
    assert (source["statecode"], source["statuscode"]) == (2, 4)
    assert (made["_quoteid_value"], made["ordercreationmethod"]) == (quote, 776160001)
    assert (made["statecode"], made[STATUS], made["shipto_city"]) == (0, DRAFT, "Seattle")
    assert made["totalamount"] == source["totalamount"] == 22
    (line,) = desk.world.rows(f"salesorderdetails?$filter=_salesorderid_value eq {made['salesorderid']}")
    assert (line["lineitemnumber"], line["quantity"], line["manualdiscountamount"]) == (7, 2, 4)
    assert line["msdynce_ordernumber"] == made["ordernumber"]


def test_a_quote_that_is_won_already_becomes_an_order_too(desk: Desk) -> None:
    quote = desk.quote()
    assert desk.convert(quote).status_code == 400, "a draft cannot become an order"
    desk.set_state(quote, {"statecode": 1, "statuscode": 2})
    desk.act("WinQuote", quote, 4)
    assert desk.convert(quote).json()["_quoteid_value"] == quote


def test_a_quote_with_an_order_cannot_be_deleted(desk: Desk) -> None:
    quote = desk.quote()
    desk.order(quoteid__to=f"/quotes({quote})")
    assert desk.world.send("DELETE", f"quotes({quote})").status_code == 405


def test_an_order_is_read_with_its_customer_and_its_quote_and_a_line_with_its_order(desk: Desk) -> None:
    quote = desk.quote(quotenumber="Q-1")
    order = desk.order(quoteid__to=f"/quotes({quote})")
    line = desk.order_line(order)
    expanded = "customerid_account($select=name),quoteid($select=quotenumber)"
    found = desk.read(f"salesorders({order})?$select=ordernumber&$expand={expanded}")
    assert (found["customerid_account"]["name"], found["quoteid"]["quotenumber"]) == ("Contoso", "Q-1")
    found = desk.read(f"salesorderdetails({line})?$select=quantity&$expand=salesorderid($select=ordernumber)")
    assert found["salesorderid"]["ordernumber"].startswith("ORD-")


def test_changed_and_deleted_orders_and_lines_are_reported_by_change_tracking(desk: Desk) -> None:
    order = desk.order()
    line = desk.order_line(order)
    links = {}
    for table, id_column in (("salesorders", "salesorderid"), ("salesorderdetails", "salesorderdetailid")):
        reply = desk.world.get(f"{table}?$select={id_column}", Prefer="odata.track-changes")
        links[table] = reply.json()["@odata.deltaLink"]
    desk.world.patch(f"salesorderdetails({line})", {"quantity": 3}, If_Match="*")
    (entry,) = desk.world.send("GET", links["salesorders"]).json()["value"]
    assert entry["salesorderid"] == order, "a changed line changes its order"
    assert desk.world.send("DELETE", f"salesorders({order})").status_code == 204
    for table, row in (("salesorders", order), ("salesorderdetails", line)):
        (entry,) = desk.world.send("GET", links[table]).json()["value"]
        assert (entry["id"], entry["reason"]) == (row, "deleted")


def test_orders_are_written_in_bulk(desk: Desk) -> None:
    orders = [desk.order(), desk.order()]
    kind = "Microsoft.Dynamics.CRM.salesorder"
    targets = [{"@odata.type": kind, "salesorderid": order, STATUS: 647390001} for order in orders]
    reply = desk.world.send("POST", "salesorders/Microsoft.Dynamics.CRM.UpdateMultiple", {"Targets": targets})
    assert reply.status_code == 204, reply.text
    assert [desk.read(f"salesorders({order})")[STATUS] for order in orders] == [647390001, 647390001]


def test_without_the_solution_orders_have_no_column_of_it() -> None:
    with dataverse(solution=False) as world:
        assert world.get(f"salesorders?$select={STATUS}").status_code == 400
        assert "msdynce_" not in world.get("salesorders").text
