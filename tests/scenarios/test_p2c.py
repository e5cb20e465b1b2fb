"""The operators' command line between both simulators: problem by problem, until everything is in step again."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local.dataverse.schema import Kind as SchemaKind
from local.simulator.faults import Kind, Rule
from p2c import __main__ as commands
from p2c.connecting import Connection
from shared.operations.deeds import Deeds
from shared.operations.linking import Linking
from shared.settings import Settings
from shared.sync.parts import Parts
from tests.support.assortment import assortment
from tests.support.product import FLOW, Product, product
from tests.support.trading import Trading, trading
from tests.unit.local.finops_environment import customer_url

US = {"address1_country": "United States", "address1_stateorprovince": "Tennessee"}


@dataclass(frozen=True)
class ToProduct(Connection):
    """The connection to a product in this process."""

    sync: Product | None = None

    @property
    def settings(self) -> Settings:
        assert self.sync is not None
        return self.sync.settings

    @property
    def parts(self) -> Parts:
        assert self.sync is not None
        return self.sync.service.parts

    @property
    def deeds(self) -> Deeds:
        return Deeds(self.parts, "operator@contoso")


@contextmanager
def operated(made: Product) -> Iterator[None]:
    """The command line works on this product."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "300")
        patch.setattr(commands, "connect", lambda *_, **__: ToProduct({}, sync=made))
        yield


@pytest.fixture
def sync() -> Iterator[Product]:
    with product() as made, operated(made):
        yield made


@pytest.fixture
def desk() -> Iterator[Trading]:
    with trading() as made, operated(made):
        yield made


def p2c(*arguments: str, code: int = 0) -> str:
    """What a command says; it must end with this code."""
    ended = CliRunner().invoke(commands.app, list(arguments))
    assert ended.exit_code == code, ended.output
    return ended.output


def answer(*arguments: str, code: int = 0) -> Any:
    """What a command answers to a program."""
    return json.loads(p2c(*arguments, "--json", code=code))


# --- problems, from the first sign to the end -------------------------------------------------------------------------

Problem = Callable[[Product], str]
Repair = Callable[[Product, str], None]


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
            lambda sync: (sync.account("A-1"), sync.tick(), sync.account("A-1"))[-1],
            "key_taken",
            lambda sync, id: sync.edit(id, accountnumber="A-2"),
        ),
    ],
    ids=["country", "state", "text", "duplicate number"],
)
def test_a_rejected_record_is_found_explained_repaired_and_in_step_again(
    sync: Product, make: Problem, cause: str, repair: Repair
) -> None:
    id = make(sync)
    sync.tick()
    assert answer("status", FLOW, code=1)["flows"][0]["state"]["failures_open"] == 1
    (group,) = answer("failures", FLOW)
    assert (group["cause"], group["count"]) == (cause, 1)
    assert id in p2c("failures", FLOW, "--cause", cause)
    (record,) = answer("failures", FLOW, "--cause", cause)
    assert record["failure"]["number"] == sync.sales.get(f"accounts({id})").json()["accountnumber"]
    told = answer("explain", FLOW, id)
    assert told["failure"]["cause"] == cause
    assert told["action"] == told["failure"]["remedy"]
    repair(sync, id)
    assert answer("explain", FLOW, id)["action"].startswith("retry it")
    p2c("retry", FLOW, "--cause", cause)
    sync.drain()
    assert "in step" in p2c("explain", FLOW, id)
    assert answer("failures", FLOW) == []
    p2c("status", FLOW)


def test_a_customer_group_that_is_gone_is_one_cause_and_mended_once_for_all(sync: Product) -> None:
    group = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')"
    row = sync.finops.get(group, {"cross-company": "true"}).json()
    assert sync.finops.delete(group, {"cross-company": "true"}).status_code == 204
    for number in range(3):
        sync.account(f"G-{number}")
    sync.tick()
    (cause,) = answer("failures", FLOW)
    assert (cause["count"], cause["cause"]) == (3, "finops.validateField.CustomerGroupId")
    # Only F&O itself knows when the group is there again.
    assert answer("explain", FLOW, "G-1")["action"] == f"{cause['example']['remedy']}; then retry it"
    body = {name: value for name, value in row.items() if "@" not in name}
    assert sync.finops.post("CustomerGroups", body).status_code == 201
    p2c("retry", FLOW, "--all")
    sync.drain()
    assert sync.customers() == 3
    p2c("status", FLOW)


def test_a_token_that_is_refused_is_told_with_what_to_do(sync: Product) -> None:
    sync.account("A-1")
    sync.finops.faults.add(Rule(Kind.REFUSE_TOKEN))
    sync.tick()
    assert "register the application's identity" in p2c("status", FLOW, code=1)
    sync.finops.faults.clear()
    sync.settle(15)
    p2c("status", FLOW)
    assert sync.customers() == 1


def test_a_column_that_is_gone_is_named_by_the_status(sync: Product) -> None:
    sync.account("A-1")
    text = "Could not find a property named 'fax' on type 'Microsoft.Dynamics.CRM.account'."
    body = json.dumps({"error": {"code": "0x80060888", "message": text}})
    sync.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), "fax", status=400, body=body))
    sync.tick()
    told = p2c("status", FLOW, code=1)
    assert "('fax')" in told
    assert text in told
    sync.sales.faults.clear()
    sync.settle(15)
    p2c("status", FLOW)


def test_a_throttled_system_is_told_and_the_work_goes_on_by_itself(sync: Product) -> None:
    sync.account("A-1")
    sync.finops.faults.add(Rule(Kind.THROTTLE, retry_after="600"))
    sync.tick()
    assert "out of reach" in p2c("status", FLOW, code=1)
    sync.finops.faults.clear()
    sync.settle(15)
    p2c("status", FLOW)
    assert sync.customers() == 1


def test_a_paused_flow_is_told_and_resumed(sync: Product) -> None:
    p2c("pause", FLOW, "--reason", "holidays")
    id = sync.account("A-1")
    sync.tick()
    assert "paused" in p2c("status", FLOW, code=1)
    assert answer("explain", FLOW, id)["action"] == "resume the flow accounts"
    p2c("resume", "--all")
    sync.tick()
    assert "in step" in p2c("explain", FLOW, id)
    assert "holidays" in p2c("audit")


def test_a_blocked_flow_shows_why_before_it_is_accepted(sync: Product) -> None:
    sync.start(GONE_LIMIT_COUNT="1", CHANGE_LIMIT_PERCENT="1")
    for id in sync.linked(4):
        sync.edit(id, telephone1="7")
    sync.tick()
    assert "is blocked" in p2c("status", FLOW, code=1)
    assert "would change" in p2c("accept", FLOW, code=2)
    assert "goes on" in p2c("accept", FLOW, "--yes")
    sync.tick()
    p2c("status", FLOW)


def test_a_deleted_customer_is_made_again_when_it_is_looked_at(sync: Product) -> None:
    (id,) = sync.linked(1)
    gone = sync.finops.delete(customer_url("A-0"), {"cross-company": "true"})
    assert gone.status_code == 204, gone.text
    sync.edit(id, telephone1="7")
    sync.tick()
    sync.settle(2)
    assert (sync.customer("A-0") or {})["PrimaryContactPhone"] == "7"
    assert "in step" in p2c("explain", FLOW, "A-0")


def test_a_product_with_a_unit_that_nobody_knows_is_explained_and_repaired() -> None:
    with assortment() as shop, operated(shop):
        shop.put("P-1", SalesUnitSymbol="BOX")
        shop.tick()
        (cause,) = answer("failures", "products")
        assert cause["cause"] == "unit_unknown"
        assert "'Boxes'" in p2c("explain", "products", "P-1")
        shop.change("P-1", SalesUnitSymbol="EA")
        p2c("retry", "products", "P-1")
        shop.drain()
        assert "in step" in p2c("explain", "products", "P-1")


def test_a_product_in_a_currency_without_a_price_list_is_explained_and_repaired() -> None:
    with assortment() as shop, operated(shop):
        prices = f"pricelevels({shop.catalogue['prices']})"
        assert shop.sales.patch(prices, {"statecode": 1, "statuscode": 100002}, If_Match="*").status_code == 204
        shop.put("P-1")
        shop.tick()
        told = answer("explain", "products", "P-1")
        assert told["failure"]["cause"] == "no_price_list"
        assert shop.sales.patch(prices, {"statecode": 0, "statuscode": 100001}, If_Match="*").status_code == 204
        shop.clock.sleep(600)
        p2c("retry", "products", "--cause", "no_price_list")
        shop.drain()
        assert "in step" in p2c("explain", "products", "P-1")


def test_a_contact_that_waits_for_its_account_names_it_and_goes_on_with_it(desk: Trading) -> None:
    account = desk.account("A-1", address1_country="Atlantis")
    contact = desk.contact(account)
    desk.tick()
    told = answer("explain", "contacts", contact)
    assert told["examined"]["kind"] == "waiting"
    assert told["action"].startswith(f"look at accounts {account}")
    assert "1 (" in p2c("status", "contacts")
    desk.edit(account, **US)
    p2c("retry", FLOW, account)
    desk.tick()
    assert "in step" in p2c("explain", "contacts", contact)


def test_a_quotation_number_of_somebody_else_is_never_touched_and_told(desk: Trading) -> None:
    desk.stock("P-1")
    account = desk.account("A-1")
    desk.tick()
    _, number = desk.quote(account)
    desk.tick()
    Linking(desk.service.parts, desk.service.parts.flows["quotations"], Deeds(desk.service.parts, "x")).unlink(number)
    p2c("sync", "quotations", number)
    desk.tick()
    told = answer("explain", "quotations", number)
    assert told["failure"]["cause"] == "target_exists"
    assert "adoption" in told["action"]
    p2c("links", "quotations", "link", number, "--yes")
    desk.tick()
    assert "in step" in p2c("explain", "quotations", number)


def test_a_draft_is_said_to_need_activation(desk: Trading) -> None:
    desk.stock("P-1")
    account = desk.account("A-1")
    id, number = desk.quote(account, active=False)
    desk.tick()
    assert answer("explain", "quotations", number)["action"].startswith("activate it")
    desk.set_state(id, {"statecode": 1, "statuscode": 2})
    desk.tick()
    assert "in step" in p2c("explain", "quotations", number)


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_explanation_shows_what_both_sides_hold(sync: Product) -> None:
    (id,) = sync.linked(1)
    told = p2c("explain", FLOW, "A-0")
    assert "what Sales holds now" in told
    assert "what was last written to F&O" in told
    assert "OrganizationName" in told
    assert answer("explain", FLOW, id)["examined"]["row"]["values"]["name"] == "Account A-0"


def test_a_plan_is_a_table_a_document_and_data(sync: Product, tmp_path: Path) -> None:
    sync.linked(1)
    sync.account("B-1", **US)
    shown = p2c("plan", FLOW)
    assert "1 created, 1 unchanged" in shown or "1 unchanged, 1 created" in shown
    assert "OrganizationName" in shown
    p2c("plan", FLOW, "--markdown", str(tmp_path / "plan.md"))
    assert "| OrganizationName |  | Account B-1 |" in (tmp_path / "plan.md").read_text(encoding="utf-8")
    assert answer("plan", FLOW)["summary"]["writes"] == 1
    assert sync.customer("B-1") is None


def test_records_are_synced_by_number_and_the_history_tells_it(sync: Product) -> None:
    sync.linked(1)
    assert "queued: 1" in p2c("sync", FLOW, "A-0")
    assert "reads everything" in p2c("sync", FLOW, "--full")
    assert [entry["outcome"] for entry in answer("history", FLOW, "A-0")] == ["created"]


def test_a_dismissed_failure_leaves_the_list_and_keeps_its_reason(sync: Product) -> None:
    id = sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    assert "nothing is changed" in p2c("dismiss", FLOW, id, "--reason", "a test", code=2)
    p2c("dismiss", FLOW, id, "--reason", "a test", "--yes")
    assert answer("failures", FLOW) == []
    assert answer("failures", FLOW, "--dismissed")[0]["example"]["dismissed"] == "a test"


def test_a_few_at_a_time_are_retried_until_all_are(sync: Product) -> None:
    for number in range(5):
        sync.account(f"A-{number}", address1_country="Atlantis")
    sync.tick()
    sync.clock.sleep(1)
    told = [p2c("retry", FLOW, "--all", "--limit", "2") for _ in range(3)]
    assert [said.strip().splitlines()[-1].strip() for said in told] == [
        "accounts: sent again: 2, on their way already: 0, left: 3.",
        "accounts: sent again: 2, on their way already: 2, left: 1.",
        "accounts: sent again: 1, on their way already: 4, left: 0.",
    ]
    sync.drain()
    sync.clock.sleep(1)
    p2c("retry", FLOW, "--all", "--limit", "1")
    asked = [failure.asked_at for failure in sync.state.failures.page(FLOW, "", 9)[0] if failure.is_asked]
    assert len(asked) == 1


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "orders"], "there is no flow 'orders'; the flows are accounts, contacts, products, quotations"),
        (["explain", FLOW, "NOPE"], "no record of accounts has the number or id 'NOPE'"),
        (["explain", "quotations", "NOPE"], "no record of quotations has the number or id 'NOPE'"),
        (["history", "products", "NOPE"], "no record of products has the number or id 'NOPE'"),
        (["links", FLOW, "show", "00000000-0000-0000-0000-000000000001"], "no record of accounts"),
        (["sync", FLOW, "00000000-0000-0000-0000-000000000001"], "no record of accounts"),
        (["sync", "quotations", "NOPE"], "no record of quotations"),
        (["plan", FLOW, "--markdown", "/nowhere/plan.md"], "--markdown /nowhere/plan.md cannot be written"),
        (["dismiss", FLOW, "--reason", "x"], "name ids, or --cause X"),
        (["retry", FLOW], "name ids, or --cause X, or --all"),
        (["retry", FLOW, "--all"], "no open failure of accounts is meant"),
        (["resume"], "name a flow, or --all"),
        (["accept", FLOW], "accounts is not blocked"),
        (["sync", FLOW], "name ids, or --full"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(sync: Product, arguments: list[str], said: str) -> None:
    told = p2c(*arguments, code=2)
    assert said in told
    assert "Traceback" not in told


def test_a_record_without_a_failure_is_named_and_nothing_is_retried(sync: Product) -> None:
    bad, good = sync.account("R-1", address1_country="Atlantis"), sync.account("A-1")
    sync.tick()
    assert f"{good} of accounts has no failure" in p2c("retry", FLOW, bad, good, code=2)
    assert sync.depth() == 0


def test_a_system_that_does_not_answer_is_one_sentence_and_code_3(sync: Product) -> None:
    id = sync.account("A-1")
    sync.sales.faults.add(Rule(Kind.ERROR_BEFORE, status=503))
    told = p2c("explain", FLOW, id, code=3)
    assert "try again later" in told
    assert "Traceback" not in told


def test_settings_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)
    assert "DATAVERSE_URL is not set" in p2c("status", code=2)
    file = tmp_path / "settings.json"
    file.write_text("{}", encoding="utf-8")
    assert "name a file in the form of local.settings.json.example" in p2c("--settings", str(file), "status", code=2)


def test_a_link_is_shown_taken_off_and_made_again(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert answer("links", FLOW, "show", "A-0")["target_key"] == "A-0"
    assert "applied OrganizationName" in p2c("links", FLOW, "show", id)
    assert "nothing is changed" in p2c("links", FLOW, "unlink", id, code=2)
    assert "unlinked from A-0" in p2c("links", FLOW, "unlink", id, "--yes")
    assert "linked to A-0" in p2c("links", FLOW, "link", id, "--yes")
    sync.drain()
    sync.check_in_step([id])


def test_a_record_that_is_gone_is_forgotten(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert "is still in dataverse" in p2c("forget", FLOW, id, "--yes", code=2)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.tick()
    assert "removed" in p2c("forget", FLOW, id, "--yes")
    assert "no record of accounts" in p2c("history", FLOW, id, code=2)


def test_drift_is_told_with_both_values_and_repaired(sync: Product) -> None:
    ids = sync.linked(2)
    assert "drifted: 0" in p2c("reconcile", FLOW)
    changed = {"OrganizationName": "Changed by hand"}
    assert sync.finops.patch(customer_url("A-0"), changed, {"cross-company": "true"}).status_code in (200, 204)
    assert "Changed by hand" in p2c("reconcile", FLOW, code=1)
    (found,) = answer("reconcile", FLOW, code=1)["drifted"]
    assert (found["key"], found["drift"]) == ("A-0", "different")
    assert "queued: 1" in p2c("reconcile", FLOW, "--repair", code=1)
    sync.drain()
    assert "drifted: 0" in p2c("reconcile", FLOW)
    sync.check_in_step(ids)


def test_a_customer_of_no_account_is_told_with_what_helps(sync: Product) -> None:
    sync.finops.customer(CustomerAccount="B-9", IsExternallyMaintained="Yes")
    said = p2c("reconcile", FLOW, "--repair", code=1)
    assert "extra: B-9 (the row of no record)" in said
    assert "end it by hand" in said
    assert "queued" not in said


def test_only_the_first_of_many_that_have_drifted_are_shown(sync: Product) -> None:
    for number in range(22):
        sync.finops.customer(CustomerAccount=f"B-{number}", IsExternallyMaintained="Yes")
    said = p2c("reconcile", FLOW, code=1)
    assert (said.count("extra: "), "2 more" in said, "drifted: 22" in said) == (20, True, True)
    assert len(answer("reconcile", FLOW, code=1)["drifted"]) == 22


def test_a_column_of_another_type_blocks_its_flow_by_name_until_it_is_well_again(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = sync.sales.organisation.schema.entities["account"].properties
    assert isinstance(properties, dict)
    with monkeypatch.context() as drifted:
        drifted.setitem(properties, "fax", replace(properties["fax"], kind=SchemaKind.BOOLEAN))
        assert "fax is Boolean" in p2c("preflight", "--without-state", code=1)
        assert not sync.state.control.flow(FLOW).blocked
        told = p2c("preflight", code=1)
        assert "fax is Boolean" in told
        assert "accounts is blocked now: schema drift: accounts.fax is Boolean" in told
        assert "accounts.fax is Boolean" in p2c("status", FLOW, code=1)
        assert "goes on" in p2c("accept", FLOW, "--yes")
        assert answer("preflight", code=1)["blocked"] == [FLOW]
    assert "accounts is released" in p2c("preflight", code=1)
    assert answer("preflight", code=1)["released"] == []
    assert sorted(deed["what"] for deed in answer("audit")) == ["accept", "block", "block", "unblock"]


def test_a_preflight_goes_on_where_a_table_is_refused(sync: Product) -> None:
    body = json.dumps({"error": {"code": "0x80040220", "message": "prvReadPriceLevel is missing"}})
    sync.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), r"/pricelevels\?", status=403, body=body))
    found = {check["what"]: check for check in answer("preflight", code=1)["checks"]}
    assert "prvReadPriceLevel" in found["rows of pricelevels"]["found"]
    assert found["customer group 10 exists"]["verdict"] == "well"


def test_a_preflight_tells_what_it_has_found_also_where_it_may_not_block(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.tick()
    properties = sync.sales.organisation.schema.entities["account"].properties
    assert isinstance(properties, dict)
    monkeypatch.delitem(properties, "fax")
    sync.start(COMPANY="dat")
    told = p2c("preflight", code=2)
    assert "missing: fax" in told
    assert "correct the settings" in told
    assert not sync.state.control.flow(FLOW).blocked


def test_it_is_told_where_people_find_a_record(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert f"/main.aspx?pagetype=entityrecord&etn=account&id={id}" in p2c("explain", FLOW, "A-0")
