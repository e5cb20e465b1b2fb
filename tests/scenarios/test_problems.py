"""Problem by problem, as an operator meets it: the status says that somebody should look, the list of failures says
what it is, the explanation what helps; then it is repaired, and everything is in step again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.simulator.faults import Kind, Rule
from tests.support.assortment import assortment
from tests.support.operator import answer, operated, p2c
from tests.support.product import FLOW, Product
from tests.support.trading import Trading
from tests.unit.local.finops_environment import customer_url

US = {"address1_country": "United States", "address1_stateorprovince": "Tennessee"}


def shown_as_failure(flow: str, id: str, cause: str, count: int = 1) -> Any:
    """Status, failures and explanation of a record that is rejected; what is explained."""
    (standing,) = answer("status", flow, code=1)["flows"]
    assert standing["state"]["failures_open"] == count
    (group,) = answer("failures", flow)
    assert (group["cause"], group["count"]) == (cause, count)
    assert id in [each["failure"]["id"] for each in answer("failures", flow, "--cause", cause)]
    told = answer("explain", flow, id)
    assert told["failure"]["cause"] == cause
    assert told["action"]
    return told


def shown_without_failure(flow: str, id: str, code: int = 1) -> Any:
    """Status, failures and explanation of a record that is not in step and blamed for nothing."""
    answer("status", flow, code=code)
    assert answer("failures", flow) == []
    told = answer("explain", flow, id)
    assert told["failure"] is None
    return told


def in_step(flow: str, *ids: str) -> None:
    """Every sign is gone, and both systems agree."""
    assert answer("failures", flow) == []
    assert answer("reconcile", flow)["drifted"] == []
    for id in ids:
        assert answer("explain", flow, id)["examined"]["link"]["state"] == "written"
        assert answer("explain", flow, id)["action"] == ""
    p2c("status", flow)


# --- rejected records -------------------------------------------------------------------------------------------------


def _corrected(sync: Product, id: str) -> None:
    sync.edit(id, **US)


@pytest.mark.parametrize(
    ("make", "cause", "repair"),
    [
        (lambda sync: sync.account("A-1", address1_country="Atlantis"), "country_unknown", _corrected),
        (
            lambda sync: sync.account("A-1", address1_country="United States", address1_stateorprovince="Oz"),
            "state_unknown",
            _corrected,
        ),
        (
            lambda sync: sync.account("A-1", name="N" * 120),
            "text_too_long",
            lambda sync, id: sync.edit(id, name="Short"),
        ),
        (
            lambda sync: sync.account("A/1"),
            "key_not_addressable",
            lambda sync, id: sync.edit(id, accountnumber="A-1"),
        ),
        (
            lambda sync: (sync.account("A-1"), sync.tick(), sync.account("A-1"))[-1],
            "key_taken",
            lambda sync, id: sync.edit(id, accountnumber="A-2"),
        ),
    ],
    ids=["country", "state", "text", "number with a slash", "duplicate number"],
)
def test_a_record_that_cannot_be_mapped(
    sync: Product, make: Callable[[Product], str], cause: str, repair: Callable[[Product, str], None]
) -> None:
    id = make(sync)
    sync.tick()
    told = shown_as_failure(FLOW, id, cause)
    assert told["action"] == told["failure"]["remedy"]
    (record,) = answer("failures", FLOW, "--cause", cause)
    assert record["failure"]["number"] == sync.sales.get(f"accounts({id})").json()["accountnumber"]
    repair(sync, id)
    assert answer("explain", FLOW, id)["action"].startswith("retry it")
    p2c("retry", FLOW, "--cause", cause)
    sync.drain()
    in_step(FLOW, id)


def test_a_customer_group_that_is_gone_is_one_cause_and_corrected_once_for_all(sync: Product) -> None:
    group = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')"
    row = sync.finops.get(group, {"cross-company": "true"}).json()
    assert sync.finops.delete(group, {"cross-company": "true"}).status_code == 204
    ids = [sync.account(f"G-{number}") for number in range(3)]
    sync.tick()
    told = shown_as_failure(FLOW, ids[0], "finops.validateField.CustomerGroupId", count=3)
    # Only F&O itself knows when the group is there again.
    assert told["action"] == f"{told['failure']['remedy']}; then retry it"
    body = {name: value for name, value in row.items() if "@" not in name}
    assert sync.finops.post("CustomerGroups", body).status_code == 201
    p2c("retry", FLOW, "--all")
    sync.drain()
    in_step(FLOW, *ids)


def test_a_product_with_a_unit_that_nobody_knows() -> None:
    with assortment() as shop, operated(shop):
        shop.put("P-1", SalesUnitSymbol="BOX")
        shop.tick()
        told = shown_as_failure("products", "P-1", "unit_unknown")
        assert "'Boxes'" in told["failure"]["message"]
        shop.change("P-1", SalesUnitSymbol="EA")
        p2c("retry", "products", "P-1")
        shop.drain()
        in_step("products", "P-1")


def test_a_product_in_a_currency_without_a_price_list() -> None:
    with assortment() as shop, operated(shop):
        prices = f"pricelevels({shop.catalogue['prices']})"
        assert shop.sales.patch(prices, {"statecode": 1, "statuscode": 100002}, If_Match="*").status_code == 204
        shop.put("P-1")
        shop.tick()
        shown_as_failure("products", "P-1", "no_price_list")
        assert shop.sales.patch(prices, {"statecode": 0, "statuscode": 100001}, If_Match="*").status_code == 204
        shop.clock.sleep(600)
        p2c("retry", "products", "--cause", "no_price_list")
        shop.tick()
        in_step("products", "P-1")


def test_a_quotation_number_of_somebody_else(desk: Trading) -> None:
    desk.stock("P-1")
    account = desk.account("A-1")
    desk.tick()
    _, number = desk.quote(account)
    desk.tick()
    service = desk.service
    service.linking("quotations", service.audit_log("x")).unlink(number)
    before = desk.quotation(number)
    p2c("sync", "quotations", number)
    desk.tick()
    told = shown_as_failure("quotations", number, "target_exists")
    assert "adoption" in told["action"]
    assert desk.quotation(number) == before
    p2c("links", "quotations", "link", number, "--yes")
    desk.tick()
    in_step("quotations", number)


# --- records that wait ------------------------------------------------------------------------------------------------


def test_a_contact_that_waits_for_its_account(desk: Trading) -> None:
    account = desk.account("A-1", address1_country="Atlantis")
    contact = desk.contact(account)
    desk.tick()
    told = shown_without_failure("contacts", contact, code=0)
    assert told["examined"]["kind"] == "waiting"
    assert told["action"].startswith(f'accounts A-1 "Account A-1" ({account}): add the name to the value map')
    assert "1 (" in p2c("status", "contacts")
    shown_as_failure(FLOW, account, "country_unknown")
    desk.edit(account, **US)
    p2c("retry", FLOW, account)
    desk.tick()
    in_step(FLOW, account)
    in_step("contacts", contact)


def test_a_draft_that_nobody_has_activated(desk: Trading) -> None:
    desk.stock("P-1")
    id, number = desk.quote(desk.account("A-1"), active=False)
    desk.tick()
    assert shown_without_failure("quotations", number, code=0)["action"].startswith("activate it")
    desk.set_state(id, {"statecode": 1, "statuscode": 2})
    desk.tick()
    in_step("quotations", number)


# --- systems in trouble -----------------------------------------------------------------------------------------------


def test_a_token_that_is_refused(sync: Product) -> None:
    id = sync.account("A-1")
    sync.finops.faults.add(Rule(Kind.REFUSE_TOKEN))
    sync.tick()
    assert "register the application's identity" in p2c("status", FLOW, code=1)
    assert answer("failures", FLOW) == []
    assert "register the application's identity" in p2c("explain", FLOW, id, code=3)
    sync.finops.faults.clear()
    assert shown_without_failure(FLOW, id)["action"].startswith("nothing for this record")
    sync.settle(15)
    in_step(FLOW, id)


def test_a_column_that_is_gone(sync: Product) -> None:
    id = sync.account("A-1")
    text = "Could not find a property named 'fax' on type 'Microsoft.Dynamics.CRM.account'."
    body = json.dumps({"error": {"code": "0x80060888", "message": text}})
    sync.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), "fax", status=400, body=body))
    sync.tick()
    told = p2c("status", FLOW, code=1)
    assert "('fax')" in told
    assert text in told
    assert answer("failures", FLOW) == []
    assert "('fax')" in p2c("explain", FLOW, id, code=3)
    sync.sales.faults.clear()
    sync.settle(15)
    in_step(FLOW, id)


def test_a_system_that_throttles(sync: Product) -> None:
    id = sync.account("A-1")
    sync.finops.faults.add(Rule(Kind.THROTTLE, retry_after="600"))
    sync.tick()
    assert "has not been reachable" in p2c("status", FLOW, code=1)
    assert answer("failures", FLOW) == []
    assert "asked for a pause of 600 s more; try again later" in p2c("explain", FLOW, id, code=3)
    sync.finops.faults.clear()
    sync.settle(15)
    in_step(FLOW, id)


# --- flows that stand still -------------------------------------------------------------------------------------------


def test_a_flow_that_somebody_has_paused(sync: Product) -> None:
    p2c("pause", FLOW, "--reason", "holidays")
    id = sync.account("A-1")
    sync.tick()
    assert "paused" in p2c("status", FLOW, code=1)
    assert shown_without_failure(FLOW, id)["action"] == "resume the flow accounts"
    p2c("resume", "--all")
    sync.tick()
    in_step(FLOW, id)
    assert "holidays" in p2c("audit")


def test_a_flow_that_a_threshold_has_blocked(sync: Product) -> None:
    sync.start(GONE_LIMIT_COUNT="1", CHANGE_LIMIT_PERCENT="1")
    ids = sync.linked(4)
    for id in ids:
        sync.edit(id, telephone1="7")
    sync.tick()
    assert "is blocked" in p2c("status", FLOW, code=1)
    assert shown_without_failure(FLOW, ids[0])["action"].startswith("check the reason of the block")
    assert "would change" in p2c("accept", FLOW, code=2)
    assert "continues" in p2c("accept", FLOW, "--yes")
    sync.tick()
    in_step(FLOW, *ids)


# --- what nobody has told ---------------------------------------------------------------------------------------------


def test_a_customer_that_somebody_has_deleted(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert sync.finops.delete(customer_url("A-0"), {"cross-company": "true"}).status_code == 204
    assert shown_without_failure(FLOW, id, code=0)["action"] == ""
    (found,) = answer("reconcile", FLOW, code=1)["drifted"]
    assert (found["id"], found["drift"]) == (id, "missing")
    assert answer("reconcile", FLOW, "--repair", "--yes", code=1)["queued"] == 1
    sync.drain()
    assert sync.customer("A-0") is not None
    in_step(FLOW, id)


def test_a_price_that_somebody_has_changed_in_sales() -> None:
    with assortment() as shop, operated(shop):
        shop.put("P-1")
        shop.settle(1)
        product = shop.product("P-1")
        assert product is not None
        reply = shop.sales.patch(f"products({product['productid']})", {"price": 1}, If_Match="*")
        assert reply.status_code == 204
        assert shown_without_failure("products", "P-1", code=0)["action"] == ""
        (found,) = answer("reconcile", "products", code=1)["drifted"]
        assert {each["field"] for each in found["changes"]} == {"price", "productpricelevel"}
        p2c("reconcile", "products", "--repair", "--yes", code=1)
        shop.drain()
        in_step("products", "P-1")
