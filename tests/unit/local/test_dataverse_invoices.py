"""Promises of the simulated Dataverse around invoices: numbers, prices, totals, states, the order that is invoiced."""

from collections.abc import Iterator, Mapping

import pytest

from local.dataverse.seeds import plant
from local.dataverse.settings import Settings
from tests.unit.local.dataverse_desk import FLAG, WRITE_IN, Desk, desk_in
from tests.unit.local.dataverse_world import code, dataverse

PAID = {"statecode": 2, "statuscode": 100001}
CANCELED = {"statecode": 3, "statuscode": 100003}
ACTIVE = {"statecode": 0, "statuscode": 1}
INVOICED = [4, 100003]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with dataverse(also_tracked=frozenset({"invoicedetail"})) as world:
        yield desk_in(world)


def states(desk: Desk, path: str) -> list[object]:
    found = desk.read(path)
    return [found["statecode"], found["statuscode"]]


def test_an_invoice_is_born_active_with_a_number(desk: Desk) -> None:
    found = desk.read(f"invoices({desk.invoice()})")
    assert found["invoicenumber"].startswith("INV-01000-")
    assert (found["statecode"], found["statuscode"], found[FLAG]) == (0, 1, True)


def test_an_invoice_may_bring_its_id_its_number_its_status_and_the_date_that_the_solution_keeps(desk: Desk) -> None:
    row = "11111111-2222-4333-8444-555555555555"
    given = {"invoicenumber": "I-1", "statuscode": 4, "msdynce_invoicedate": "2026-07-14", "msdynce_misctax": 1.5}
    assert desk.invoice(invoiceid=row, **given) == row
    found = desk.read(f"invoices({row})")
    assert {name: found[name] for name in given} == given
    assert desk.world.patch(f"invoices({row})", {"invoicenumber": "I-2"}, If_Match="*").status_code == 400


def test_an_id_that_is_taken_creates_no_second_invoice(desk: Desk) -> None:
    row = "11111111-2222-4333-8444-555555555555"
    desk.invoice(invoiceid=row)
    again = desk.world.send("POST", "invoices", {"invoiceid": row, "name": "Again"})
    assert code(again) == (412, "0x80040237")


def test_a_line_with_its_own_price_makes_the_amounts_that_sales_calculates(desk: Desk) -> None:
    invoice = desk.invoice(freightamount=20)
    line = desk.invoice_line(
        invoice, quantity=3, ispriceoverridden=True, priceperunit=100, manualdiscountamount=10, tax=22.33,
        msdynce_invoicenumber="I-1", msdynce_invoicedate="2026-07-14",
    )  # fmt: skip
    found = desk.read(f"invoicedetails({line})")
    assert (found["priceperunit"], found["baseamount"], found["extendedamount"]) == (100, 300, 312.33)
    assert (found["msdynce_invoicenumber"], found["msdynce_invoicedate"]) == ("I-1", "2026-07-14")
    found = desk.read(f"invoices({invoice})")
    assert (found["totallineitemamount"], found["totaltax"], found["totalamount"]) == (290, 22.33, 332.33)


def test_totals_of_an_invoice_that_are_sent_are_calculated_again(desk: Desk) -> None:
    invoice = desk.invoice()
    desk.invoice_line(invoice)
    assert desk.world.patch(f"invoices({invoice})", {"totalamount": 999}, If_Match="*").status_code == 204
    assert desk.read(f"invoices({invoice})")["totalamount"] == 20


@pytest.mark.parametrize("entity_set", ["invoices", "salesorders"])
def test_a_line_of_a_product_needs_a_price_list_and_a_write_in_line_does_not(desk: Desk, entity_set: str) -> None:
    header = desk.document(entity_set, pricelevelid__to=None)
    lines = f"{entity_set.removesuffix('s')}details"
    refused = desk.world.send("POST", lines, desk.line_body(header, entity_set))
    assert code(refused) == (400, "0x80043b12")
    desk.line(header, entity_set, **WRITE_IN)


def test_a_new_invoice_makes_its_order_invoiced_and_belongs_to_the_owner_of_the_order(desk: Desk) -> None:
    owner = "11111111-2222-4333-8444-666666666666"
    plant(desk.world.organisation, "systemuser", {"systemuserid": owner, "lastname": "Seller"})
    order = desk.order(ownerid__to=f"/systemusers({owner})")
    invoice = desk.invoice(salesorderid__to=f"/salesorders({order})")
    line = desk.invoice_line(invoice)
    assert states(desk, f"salesorders({order})") == INVOICED
    assert desk.read(f"invoices({invoice})")["_ownerid_value"] == owner
    assert desk.read(f"invoicedetails({line})")["_ownerid_value"] == owner
    refused = desk.world.patch(f"salesorders({order})", {"name": "Other"}, If_Match="*")
    assert refused.status_code == 400, "an invoiced order is read-only"


def test_an_order_may_have_several_invoices(desk: Desk) -> None:
    order = desk.order()
    for _ in range(2):
        desk.invoice(salesorderid__to=f"/salesorders({order})")
    assert states(desk, f"salesorders({order})") == INVOICED
    assert len(desk.world.rows(f"invoices?$filter=_salesorderid_value eq {order}")) == 2


def test_without_the_solution_a_new_invoice_changes_no_order() -> None:
    with dataverse(solution=False) as world:
        desk = Desk(world, world.catalogue(), world.create("accounts", name="Contoso"), "", "")
        order = desk.order()
        desk.invoice(salesorderid__to=f"/salesorders({order})")
        assert states(desk, f"salesorders({order})") == [0, 1]


def test_a_contact_that_is_invoiced_becomes_an_active_customer(desk: Desk) -> None:
    desk.invoice(customerid_contact__to=f"/contacts({desk.contact})")
    assert desk.read(f"contacts({desk.contact})")["msdynce_isactivecustomer"] is True


@pytest.mark.parametrize(
    ("changes", "answers"),
    [
        ((PAID, CANCELED), [(204, ""), (204, "")]),
        ((PAID, PAID), [(204, ""), (204, "")]),
        ((CANCELED, PAID), [(204, ""), (400, "0x80100000")]),
        ((PAID, ACTIVE), [(204, ""), (400, "0x80048408")]),
        (({"statecode": 1, "statuscode": 7},), [(400, "0x80048408")]),
        (({"statecode": 2, "statuscode": 100003},), [(400, "0x80048408")]),
    ],
)
def test_an_invoice_is_paid_and_canceled_by_changes_of_its_state(
    desk: Desk, changes: tuple[Mapping[str, int], ...], answers: list[tuple[int, str]]
) -> None:
    invoice = desk.invoice()
    assert [desk.set_state(invoice, change, "invoices") for change in changes] == answers


def test_an_invoice_that_is_not_active_is_read_only_and_so_are_its_lines(desk: Desk) -> None:
    invoice = desk.invoice()
    line = desk.invoice_line(invoice)
    desk.set_state(invoice, PAID, "invoices")
    assert desk.world.patch(f"invoices({invoice})", {"name": "Other"}, If_Match="*").status_code == 400
    changed = desk.world.patch(f"invoicedetails({line})", {"quantity": 3}, If_Match="*")
    assert code(changed) == (400, "0x80043b09")


def test_an_administrator_saves_an_invoice_that_is_read_only_for_others() -> None:
    with dataverse(settings=Settings(administrator=True)) as world:
        desk = desk_in(world)
        invoice = desk.invoice()
        desk.set_state(invoice, PAID, "invoices")
        assert desk.world.patch(f"invoices({invoice})", {"name": "Other"}, If_Match="*").status_code == 204


def test_an_order_becomes_an_invoice_with_its_lines_once(desk: Desk) -> None:
    order = desk.order(freightamount=5, billto_city="Seattle")
    desk.order_line(order, lineitemnumber=7, manualdiscountamount=4, tax=1)
    body = {"SalesOrderId": order, "ColumnSet": {"AllColumns": True}}
    reply = desk.world.send("POST", "ConvertSalesOrderToInvoice", body)
    assert reply.status_code == 200, reply.text
    made = reply.json()
    assert (made["_salesorderid_value"], made["billto_city"], made["totalamount"]) == (order, "Seattle", 22)
    (line,) = desk.world.rows(f"invoicedetails?$filter=_invoiceid_value eq {made['invoiceid']}")
    assert (line["lineitemnumber"], line["manualdiscountamount"], line["tax"]) == (7, 4, 1)
    assert states(desk, f"salesorders({order})") == INVOICED
    assert code(desk.world.send("POST", "ConvertSalesOrderToInvoice", body)) == (400, "0x80048408")


def test_an_order_with_an_invoice_cannot_be_deleted(desk: Desk) -> None:
    order = desk.order()
    desk.invoice(salesorderid__to=f"/salesorders({order})")
    assert desk.world.send("DELETE", f"salesorders({order})").status_code == 405


def test_changed_and_deleted_invoices_and_lines_are_reported_by_change_tracking(desk: Desk) -> None:
    invoice = desk.invoice()
    line = desk.invoice_line(invoice)
    links = {}
    for table, id_column in (("invoices", "invoiceid"), ("invoicedetails", "invoicedetailid")):
        reply = desk.world.get(f"{table}?$select={id_column}", Prefer="odata.track-changes")
        links[table] = reply.json()["@odata.deltaLink"]
    desk.world.patch(f"invoicedetails({line})", {"quantity": 3}, If_Match="*")
    (entry,) = desk.world.send("GET", links["invoices"]).json()["value"]
    assert entry["invoiceid"] == invoice, "a changed line changes its invoice"
    assert desk.world.send("DELETE", f"invoices({invoice})").status_code == 204
    for table, row in (("invoices", invoice), ("invoicedetails", line)):
        (entry,) = desk.world.send("GET", links[table]).json()["value"]
        assert (entry["id"], entry["reason"]) == (row, "deleted")


def test_invoice_lines_are_created_in_bulk_and_make_the_totals(desk: Desk) -> None:
    invoice = desk.invoice()
    kind = {"@odata.type": "Microsoft.Dynamics.CRM.invoicedetail"}
    targets = [{**kind, **desk.line_body(invoice, "invoices", lineitemnumber=number)} for number in (1, 2)]
    reply = desk.world.send("POST", "invoicedetails/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": targets})
    assert reply.status_code == 200, reply.text
    assert len(reply.json()["Ids"]) == 2
    assert desk.read(f"invoices({invoice})")["totalamount"] == 40
