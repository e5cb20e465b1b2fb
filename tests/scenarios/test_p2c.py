"""What the operators' command line answers, and what it says to mistakes. Whole problems: test_problems.py."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.dataverse.schema import Kind as SchemaKind
from local.simulator.faults import Kind, Rule
from shared.errors import StorageTrouble
from shared.flows.registry import FLOWS
from shared.operations.sender import Sender
from shared.state.storage.queues import hold_queue, poison_queue
from shared.state.storage.tables import Put
from shared.state.waiting import Wait
from tests.support.invoicing import invoicing
from tests.support.operator import answer, operated, p2c
from tests.support.product import FLOW, Product
from tests.support.trading import trading
from tests.unit.local.finops_documents import order
from tests.unit.local.finops_environment import customer_url

US = {"address1_country": "United States", "address1_stateorprovince": "Tennessee"}


# --- answers ----------------------------------------------------------------------------------------------------------


def test_an_explanation_shows_what_both_sides_hold(sync: Product) -> None:
    (id,) = sync.linked(1)
    told = p2c("explain", FLOW, "A-0")
    assert "what Sales holds now" in told
    assert "what the sync keeps equal in F&O" in told
    assert "OrganizationName" in told
    assert answer("explain", FLOW, id)["examined"]["row"]["values"]["name"] == "Account A-0"


def test_an_account_that_turned_inactive_would_end_and_after_the_sync_has_ended(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.edit(id, statecode=1, statuscode=2)
    assert "Now: it would end, because it is inactive in Sales" in p2c("explain", FLOW, id)
    sync.tick()
    assert "Now: it has ended, because it is inactive in Sales" in p2c("explain", FLOW, id)


def test_a_plan_counts_what_is_left_out_by_its_rule(sync: Product, tmp_path: Path) -> None:
    id = sync.account("A-1", **US)
    sync.edit(id, statecode=1, statuscode=2)
    told = p2c("plan", FLOW, id)
    assert "accounts: 1 record: 1 filtered (1 inactive)\n" in told
    assert "that a system accepts from one user in five minutes.\n" in told
    p2c("plan", FLOW, "--markdown", str(tmp_path / "plan.md"))
    assert "1 filtered (1 inactive)" in (tmp_path / "plan.md").read_text(encoding="utf-8")


def test_a_plan_is_a_table_a_document_and_data(sync: Product, tmp_path: Path) -> None:
    sync.linked(1)
    sync.account("B-1", **US)
    shown = p2c("plan", FLOW)
    assert "1 created, 1 unchanged" in shown or "1 unchanged, 1 created" in shown
    assert "OrganizationName" in shown
    p2c("plan", FLOW, "--markdown", str(tmp_path / "plan.md"))
    assert "| OrganizationName |  |  | Account B-1 |" in (tmp_path / "plan.md").read_text(encoding="utf-8")
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
    assert "nothing was changed" in p2c("dismiss", FLOW, id, "--reason", "a test", code=2)
    p2c("dismiss", FLOW, id, "--reason", "a test", "--yes")
    assert answer("failures", FLOW) == []
    assert answer("failures", FLOW, "--dismissed")[0]["example"]["dismissed"] == "a test"


def test_a_few_at_a_time_are_retried_until_all_are(sync: Product) -> None:
    for number in range(5):
        sync.account(f"A-{number}", address1_country="Atlantis")
    sync.tick()
    sync.clock.sleep(1)
    told = [p2c("retry", FLOW, "--all", "--limit", "2") for _ in range(3)]
    assert [said.removesuffix("\n") for said in told] == [
        "accounts: sent again: 2, already queued: 0, left: 3.",
        "accounts: sent again: 2, already queued: 2, left: 1.",
        "accounts: sent again: 1, already queued: 4, left: 0.",
    ]
    sync.drain()
    sync.clock.sleep(1)
    p2c("retry", FLOW, "--all", "--limit", "1")
    asked = [failure.asked_at for failure in sync.state.failures.page(FLOW, "", 9)[0] if failure.is_asked]
    assert len(asked) == 1


def test_a_retry_that_is_interrupted_continues_at_the_next_call(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    sync.start(HINTS_PER_MESSAGE="2")
    for number in range(5):
        sync.account(f"A-{number}", address1_country="Atlantis")
    sync.tick()
    sync.clock.sleep(1)
    send = Sender.send

    def once(*of: Any) -> int:
        monkeypatch.setattr(Sender, "send", interrupted)
        return send(*of)

    def interrupted(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sender, "send", once)
    said = p2c("retry", FLOW, "--all", code=130)
    assert "Traceback" not in said
    monkeypatch.setattr(Sender, "send", send)
    assert sync.depth() == 1
    assert "sent again: 3, already queued: 2, left: 0." in p2c("retry", FLOW, "--all")
    assert sync.depth() == 3


def test_a_history_in_a_pipe_is_one_line_for_each_entry(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    sync.linked(1)
    (entry,) = answer("history", FLOW, "A-0")
    monkeypatch.delenv("COLUMNS")
    (line,) = (line for line in p2c("history", FLOW, "A-0").splitlines() if line.startswith("│"))
    assert f" {entry['run']} map {entry['map']} " in line
    assert f" {', '.join(entry['fields'])} " in line


def test_no_word_is_broken_on_a_terminal_of_80_columns(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    sync.linked(1)
    sync.account("B-1", address1_country="Atlantis")
    sync.tick()
    p2c("sync", FLOW, "A-0")
    p2c("map", "set", FLOW, "countries", "Lummerland", "DE", "--reason", "a test")
    for arguments in (
        ("records", FLOW),
        ("runs",),
        ("audit",),
        ("map", "show", FLOW),
        ("map", "entries"),
        ("links", FLOW, "show", "A-0"),
        ("explain", FLOW, "A-0"),
        ("explain", FLOW, "B-1"),
        ("plan", FLOW),
        ("damaged",),
    ):
        wide = set(re.split(r"[\s│┃]+", p2c(*arguments)))
        with monkeypatch.context() as narrowed:
            narrowed.setenv("COLUMNS", "80")
            narrow = p2c(*arguments)
        shown = set(re.split(r"[\s│┃]+", narrow))
        cut = {word for word in shown if word not in wide and any(word in each for each in wide)}
        assert cut == set(), arguments


def test_a_history_on_a_narrow_terminal_is_a_block_for_each_entry_with_its_run_and_its_map(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.linked(1)
    (entry,) = answer("history", FLOW, "A-0")
    monkeypatch.setenv("COLUMNS", "80")
    told = p2c("history", FLOW, "A-0")
    assert max(map(len, told.splitlines())) <= 80
    assert f"  run: {entry['run']} map {entry['map']}\n" in told
    assert [name for name in entry["fields"] if name not in told] == []


def test_a_paused_flow_is_not_accepted_but_resumed(sync: Product) -> None:
    p2c("pause", FLOW)
    assert "is not blocked but paused, so there is nothing to lift: call `p2c resume accounts`" in p2c(
        "accept", FLOW, code=2
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["retry", FLOW, "--all"], "accounts has no open failure"),
        (["dismiss", FLOW, "--cause", "country_unknown", "--reason", "a test"], "accounts has no open failure"),
        (["accept", FLOW], "accounts is not blocked and runs, so there is nothing to lift"),
        (["unblock", FLOW], "accounts is not blocked and runs, so there is nothing to lift"),
    ],
)
def test_nothing_to_do_is_no_mistake(sync: Product, arguments: list[str], said: str) -> None:
    sync.linked(1)
    assert said in p2c(*arguments)


@pytest.mark.parametrize("command", [("retry",), ("dismiss", "--reason", "a test"), ("assign", "--to", "Ana")])
def test_a_named_record_without_a_failure_is_a_mistake(sync: Product, command: tuple[str, ...]) -> None:
    sync.linked(1)
    name, *options = command
    assert "A-0 of accounts has no failure; see `p2c failures accounts`" in p2c(name, FLOW, "A-0", *options, code=2)


def test_a_no_changes_nothing_and_is_no_mistake(sync: Product) -> None:
    sync.linked(1)
    assert "Nothing was changed." in p2c("links", FLOW, "unlink", "A-0", said="n\n")
    assert answer("links", FLOW, "show", "A-0")["target_key"] == "A-0"


def test_the_status_fits_a_terminal_of_80_columns_and_breaks_no_word(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.linked(2)
    sync.account("B-1", address1_country="Atlantis")
    sync.tick()
    sync.clock.sleep(12)
    monkeypatch.setenv("COLUMNS", "80")
    lines = p2c("status", FLOW, code=1).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines == [
        "accounts: runs",
        "  last pull 12 s ago, 12 s behind",
        "  records: 2 written, 1 rejected",
        "  failures: 1 (p2c failures accounts)",
        "  last hour: 2 created, 1 rejected",
    ]


def test_the_status_counts_the_rules_of_filtered_and_of_ended_records(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id in (*sync.linked(1), sync.account("I-1")):
        sync.edit(id, statecode=1, statuscode=2)
    sync.tick()
    monkeypatch.setenv("COLUMNS", "80")
    lines = p2c("status", FLOW).splitlines()
    assert lines[2:4] == ["  records: 1 filtered, 1 ended", "  by rule: 2 inactive"]


def test_every_record_is_found_by_its_state_and_its_rule(sync: Product, tmp_path: Path) -> None:
    (written,) = sync.linked(1)
    inactive = sync.account("I-1")
    sync.edit(inactive, statecode=1, statuscode=2)
    rejected = sync.account("R-1", address1_country="Atlantis")
    sync.tick()
    every = {each["id"]: (each["state"], each["rule"]) for each in answer("records", FLOW)}
    assert every == {
        written: ("written", ""),
        inactive: ("filtered", "inactive"),
        rejected: ("rejected", "country_unknown"),
    }
    assert [each["id"] for each in answer("records", FLOW, "--state", "filtered")] == [inactive]
    assert [each["id"] for each in answer("records", FLOW, "--rule", "country_unknown")] == [rejected]
    assert "1 inactive" in p2c("status", FLOW, code=1)
    file = tmp_path / "records.csv"
    assert "records: 3" in p2c("records", FLOW, "--csv", str(file))
    header, *lines = file.read_text(encoding="utf-8-sig").splitlines()
    assert (header, len(lines)) == ("id,key,state,rule,since,kept", 3)
    assert "There are more; --limit N shows N" in p2c("records", FLOW, "--limit", "2")
    assert "there is no state 'gone'; the states are new, written" in p2c("records", FLOW, "--state", "gone", code=2)


def test_a_failure_says_that_it_was_not_tried_again_yet(sync: Product) -> None:
    sync.account("R-1", address1_country="Atlantis")
    sync.tick()
    assert "UTC, not tried again yet, next at " in p2c("failures", FLOW, "--cause", "country_unknown")


def test_records_are_listed_since_a_time(sync: Product) -> None:
    sync.linked(1)
    sync.clock.sleep(3600)
    later = sync.account("B-1", **US)
    sync.tick()
    since = f"{sync.clock.now():%Y-%m-%dT%H:%M}"
    assert [each["id"] for each in answer("records", FLOW, "--since", since)] == [later]
    assert "give a time such as 2026-11-29" in p2c("records", FLOW, "--since", "yesterday", code=2)


def test_a_cell_of_a_file_for_spreadsheets_is_no_formula(sync: Product, tmp_path: Path) -> None:
    sync.account("-17", **US)
    sync.tick()
    file = tmp_path / "records.csv"
    p2c("records", FLOW, "--csv", str(file))
    assert ",'-17," in file.read_text(encoding="utf-8-sig")


def test_runs_are_listed_with_what_they_did(sync: Product) -> None:
    sync.linked(2)
    kinds = [(run["kind"], run["counts"]) for run in answer("runs", FLOW)]
    assert ("apply", {"created": 2, "read": 2}) in kinds
    sync.service.pull(FLOW)
    told = p2c("runs", FLOW)
    assert re.search(r"\b1 page\b", told)
    assert not re.search(r"\b1 pages\b", told)
    assert len(p2c("runs", FLOW, "--limit", "1").splitlines()) == 5


def test_a_list_without_entries_says_so(sync: Product) -> None:
    assert p2c("records", FLOW) == "accounts has no records yet.\n"
    assert p2c("records", FLOW, "--rule", "inactive") == "No record of accounts is like that.\n"
    assert p2c("runs", FLOW) == "No runs.\n"


def test_a_misspelt_rule_is_told_the_one_that_is_like_it(sync: Product) -> None:
    sync.account("R-1", address1_country="Atlantis")
    sync.tick()
    for rule, close in (("Inactive", "inactive"), ("Country_unknown", "country_unknown")):
        assert p2c("records", FLOW, "--rule", rule).endswith(
            f"\nNo rule or cause known here is {rule!r}: did you mean {close}?\n"
        )
    assert p2c("records", FLOW, "--rule", "xyz") == "No record of accounts is like that.\n"


@pytest.mark.parametrize("width", [120, 240])
def test_the_status_is_a_table_where_it_fits_and_breaks_no_word(
    sync: Product, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    sync.linked(2)
    sync.account("B-1", address1_country="Atlantis")
    sync.edit(sync.account("B-2"), statecode=1, statuscode=2)
    sync.tick()
    for queue in (FLOW, hold_queue(FLOW), poison_queue(FLOW)):
        sync.queues.send(queue, "{}")
    wait = Wait(FLOW, "child", "products", "product", "P-1")
    sync.state.links.table.transact([Put(wait.to_row())])
    monkeypatch.setenv("COLUMNS", str(width))
    shown = p2c("status", code=1)
    table = [line for line in shown.splitlines() if line.startswith(("┃", "│"))]
    assert max(map(len, table)) <= width
    said = {word for line in table for word in re.split(r"[\s┃│,;/()]+", line)}
    names = {
        "flow",
        "state",
        "last",
        "pull",
        "behind",
        "queue",
        "hold",
        "poison",
        "records",
        "waiting",
        "failures",
        "hour",
    }
    known = {*FLOWS.names, *names, "runs", "off", "ago", "written", "rejected", "filtered", "by", "rule:", "inactive"}
    assert {word for word in said if word and not word.isdigit()} <= {*known, "created", "s", "min", "late"}
    assert names <= said


def test_a_column_in_which_no_flow_has_anything_is_left_out(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    sync.linked(2)
    monkeypatch.setenv("COLUMNS", "120")
    head = p2c("status", FLOW).splitlines()[1]
    assert "records" in head
    assert not [name for name in ("waiting", "failures", "poison") if name in head]


def test_a_watched_status_is_shown_again_until_ctrl_c(sync: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    sync.linked(1)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        if len(waited) == 2:
            raise KeyboardInterrupt
        waited.append(seconds)

    monkeypatch.setattr(sync.service.clock, "sleep", wait)
    assert p2c("status", FLOW, "--watch", "5", code=130).count("1 written") == 3
    assert waited == [5, 5]
    assert "leave out --json" in p2c("status", "--watch", "5", "--json", code=2)


def test_the_audit_names_records_by_their_key_too(sync: Product) -> None:
    (id,) = sync.linked(1)
    p2c("sync", FLOW, "A-0")
    assert f"A-0 ({id})" in p2c("audit")


def test_a_preflight_with_settings_of_another_deployment_is_refused(sync: Product) -> None:
    sync.linked(1)
    control = sync.service.state.control
    stored = control.environment(FLOW) or {}
    assert control.accept_environment(FLOW, {**stored, "company": "dat"}, stored)
    assert "company was dat and is usmf; correct the settings given here" in p2c("preflight", code=2)


def test_whoever_only_looks_leaves_the_storage_as_it_is() -> None:
    with invoicing() as desk:
        desk.invoiced(lines=1)
        account = desk.account("A-2")
        desk.contact(account)
        desk.quote(account)
        desk.order(account)
        desk.finops.customer()
        order(desk.finops)
        looking, before = desk.looking(), desk.snapshot()
        for flow in looking.flows.values():
            assert list(looking.dry_run(flow.name).of_all())
            list(looking.reconciling(flow.name).drifted())
        assert desk.snapshot() == before


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "returns"], "there is no flow 'returns'; the flows are accounts, contacts, products, quotations"),
        (["explain", FLOW, "NOPE"], "no record of accounts has the number or id 'NOPE'"),
        (["explain", "quotations", "NOPE"], "no record of quotations has the number or id 'NOPE'"),
        (["history", "products", "NOPE"], "no record of products has the number or id 'NOPE'"),
        (["links", FLOW, "show", "00000000-0000-0000-0000-000000000001"], "no record of accounts"),
        (["sync", FLOW, "00000000-0000-0000-0000-000000000001"], "no record of accounts"),
        (["sync", "quotations", "NOPE"], "no record of quotations"),
        (["plan", FLOW, "--markdown", "/nowhere/plan.md"], "--markdown /nowhere/plan.md cannot be written"),
        (["dismiss", FLOW, "--reason", "x"], "or pass --cause X; for example: `p2c dismiss accounts ACC-1001 --reason"),
        (["assign", FLOW], "name records, or pass --cause X; for example: `p2c assign accounts ACC-1001 --to Ana`"),
        (["dismiss", FLOW, "--cause", "x", "--reason", " "], "--reason is blank"),
        (["retry", FLOW], "pass --cause X, --all or --results; for example: `p2c retry accounts ACC-1001`"),
        (["resume"], "name a flow, or pass --all; for example: `p2c resume accounts`"),
        (["sync", FLOW], "name records, or pass --full; for example: `p2c sync accounts ACC-1001`"),
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


@pytest.mark.parametrize("command", [["explain", FLOW, "A-0"], ["plan", FLOW], ["reconcile", FLOW]])
def test_settings_of_another_company_are_reported_before_anything_is_predicted(
    sync: Product, command: list[str]
) -> None:
    sync.linked(1)
    control = sync.service.state.control
    stored = control.environment(FLOW) or {}
    assert control.accept_environment(FLOW, {**stored, "company": "dat"}, stored)
    assert "company was dat and is usmf; correct the settings given here" in p2c(*command, code=2)


def test_what_is_queued_for_a_flow_that_rests_says_so(sync: Product) -> None:
    sync.linked(1)
    p2c("pause", FLOW)
    assert "accounts is paused: they are synced when it runs again" in p2c("sync", FLOW, "A-0")


def test_more_failures_than_are_shown_are_counted(sync: Product) -> None:
    for number in range(3):
        sync.account(f"A-{number}", address1_country="Atlantis")
    sync.tick()
    assert "2 more; --limit N shows N." in p2c("failures", FLOW, "--cause", "country_unknown", "--limit", "1")


@pytest.mark.parametrize(
    "command", [["failures", FLOW], ["retry", FLOW], ["dismiss", FLOW, "--reason", "a test"]], ids=lambda of: of[0]
)
def test_a_cause_that_no_failure_has_is_a_mistake_that_lists_the_causes(sync: Product, command: list[str]) -> None:
    assert "No failures." in p2c("failures", FLOW, "--cause", "nonsense")
    sync.account("A-1", address1_country="Atlantis")
    sync.tick()
    said = "no open failure of accounts has the cause 'nonsense'; the open causes are country_unknown"
    assert said in p2c(*command, "--cause", "nonsense", code=2)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (("foo", "bar", "baz"), "there is no table 'foo'"),
        (("links", FLOW, "baz"), "there is no such row; `p2c damaged` lists the rows that cannot be read"),
        (("control", FLOW, "flow"), "it can be read; `p2c damaged` lists the rows that cannot be read"),
    ],
)
def test_a_row_that_cannot_be_dropped_is_refused_before_anything_is_asked(
    sync: Product, place: tuple[str, str, str], why: str
) -> None:
    sync.tick()
    told = p2c("drop", *place, code=2)
    assert why in told
    assert "Remove row" not in told


def test_settings_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in FLOWS.settings.model_fields:
        monkeypatch.delenv(name, raising=False)
    assert "DATAVERSE_URL is not set" in p2c("status", code=2)
    file = tmp_path / "settings.json"
    file.write_text("{}", encoding="utf-8")
    assert "put the settings there, as in local.settings.json.example" in p2c("--settings", str(file), "status", code=2)


def test_a_link_is_shown_taken_off_and_made_again(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert answer("links", FLOW, "show", "A-0")["target_key"] == "A-0"
    assert "applied OrganizationName" in p2c("links", FLOW, "show", id)
    assert "nothing was changed" in p2c("links", FLOW, "unlink", id, code=2)
    assert "unlinked from A-0" in p2c("links", FLOW, "unlink", id, "--yes")
    assert "linked to A-0" in p2c("links", FLOW, "link", id, "--yes")
    sync.drain()
    sync.check_in_step([id])


def test_a_record_that_is_gone_is_forgotten(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert "is still in Sales" in p2c("forget", FLOW, id, "--yes", code=2)
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.tick()
    assert "removed" in p2c("forget", FLOW, id, "--yes")
    assert "no record of accounts" in p2c("history", FLOW, id, code=2)


def test_drift_is_reported_with_both_values_and_repaired(sync: Product) -> None:
    ids = sync.linked(2)
    assert "drifted: 0" in p2c("reconcile", FLOW)
    changed = {"OrganizationName": "Changed by hand"}
    assert sync.finops.patch(customer_url("A-0"), changed, {"cross-company": "true"}).status_code in (200, 204)
    said = p2c("reconcile", FLOW, code=1)
    assert said.startswith("different: A-0")
    assert all(each in said for each in ("Changed by hand", "in F&O now", "would be written"))
    (found,) = answer("reconcile", FLOW, code=1)["drifted"]
    assert (found["key"], found["drift"]) == ("A-0", "different")
    assert "queued: 1" in p2c("reconcile", FLOW, "--repair", "--yes", code=1)
    sync.drain()
    assert "drifted: 0" in p2c("reconcile", FLOW)
    sync.check_in_step(ids)


def edited_in_finops(sync: Product, number: str, **values: str) -> None:
    """Somebody of finance changes a customer."""
    reply = sync.finops.patch(customer_url(number), dict(values), {"cross-company": "true"})
    assert reply.status_code in (200, 204), reply.text


def row_of(shown: str, field: str) -> list[str]:
    """The cells beside the name of a field, in the first table that names it."""
    line = next(line for line in shown.splitlines() if line.startswith(f"│ {field} "))
    return [cell.strip() for cell in line.split("│")[2:-1]]


def test_an_explanation_and_a_plan_show_what_finops_holds_now_beside_what_was_written(sync: Product) -> None:
    (id,) = sync.linked(1)
    assert "F&O still holds what was last written." in p2c("explain", FLOW, id)
    edited_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    told = p2c("explain", FLOW, id)
    assert "1 field changed in F&O since: the sync writes a field only when it changes in Sales" in told
    assert row_of(told, "OrganizationName") == ["Changed by hand", "Account A-0", "", "changed there since"]
    assert "rows of F&O that others have changed since they were written: 1;" in p2c("plan", FLOW)
    sync.edit(id, name="Another name")
    expected = ["Changed by hand", "Account A-0", "Another name", "changed there since"]
    assert row_of(p2c("explain", FLOW, id), "OrganizationName") == expected
    assert row_of(p2c("plan", FLOW), "OrganizationName") == expected


def test_what_was_remembered_is_shown_without_a_read_of_the_target(sync: Product) -> None:
    (id,) = sync.linked(1)
    edited_in_finops(sync, "A-0", OrganizationName="Changed by hand")
    assert "Changed by hand" in p2c("explain", FLOW, id)
    assert "Changed by hand" not in p2c("explain", FLOW, id, "--remembered")
    sync.edit(id, name="Another name")
    assert "Changed by hand" in p2c("plan", FLOW, id)
    assert "Changed by hand" not in p2c("plan", FLOW, id, "--remembered")
    assert answer("plan", FLOW, "--remembered")["side_by_side"][0]["is_looked_at"] is False


def test_a_customer_that_is_gone_in_finops_is_missed_by_name(sync: Product) -> None:
    (id,) = sync.linked(1)
    reply = sync.finops.delete(customer_url("A-0"), {"cross-company": "true"})
    assert reply.status_code == 204, reply.text
    told = p2c("explain", FLOW, id)
    assert f"Its row is not in F&O any more; `p2c reconcile {FLOW} {id} --repair` creates it again." in told


def test_records_that_are_named_are_compared_and_repaired_alone(sync: Product) -> None:
    first, second = sync.linked(2)
    for number in ("A-0", "A-1"):
        edited_in_finops(sync, number, OrganizationName="Changed by hand")
    assert "compared: 1, drifted: 1." in p2c("reconcile", FLOW, "A-0", code=1)
    assert "queued: 1." in p2c("reconcile", FLOW, first, "--repair", code=1)
    sync.drain()
    assert "compared: 1, drifted: 0." in p2c("reconcile", FLOW, "A-0")
    assert "drifted: 1." in p2c("reconcile", FLOW, second, code=1)


def test_a_repair_of_everything_asks_with_the_count_and_takes_a_limit(sync: Product) -> None:
    sync.linked(3)
    for number in range(3):
        edited_in_finops(sync, f"A-{number}", OrganizationName="Changed by hand")
    told = p2c("reconcile", FLOW, "--repair", said="n\n")
    assert "Queue 3 records of accounts to be written again?" in told
    assert "Nothing was changed." in told
    assert sync.depth() == 0
    told = p2c("reconcile", FLOW, "--repair", "--limit", "2", said="y\n", code=1)
    assert "Queue 2 records" in told
    assert "queued: 2." in told


def test_a_customer_of_no_account_is_reported_with_what_helps(sync: Product) -> None:
    sync.finops.customer(CustomerAccount="B-9", IsExternallyMaintained="Yes")
    said = p2c("reconcile", FLOW, "--repair", "--yes", code=1)
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
        assert "continues" in p2c("accept", FLOW, "--yes")
        assert answer("preflight", code=1)["blocked"] == [FLOW]
    assert "accounts is released" in p2c("preflight", code=1)
    assert answer("preflight", code=1)["released"] == []
    assert sorted(deed["what"] for deed in answer("audit")) == ["accept", "block", "block", "unblock"]


def test_a_preflight_continues_where_a_table_is_refused(sync: Product) -> None:
    body = json.dumps({"error": {"code": "0x80040220", "message": "prvReadPriceLevel is missing"}})
    sync.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), r"/pricelevels\?", status=403, body=body))
    found = {check["what"]: check for check in answer("preflight", code=1)["checks"]}
    assert "prvReadPriceLevel" in found["rows of pricelevels"]["found"]
    assert found["customer group 10 exists"]["verdict"] == "well"
    assert re.search(r"\d+ checks passed, \d+ checks? failed, \d+ checks to be made by hand", p2c("preflight", code=1))


def test_a_preflight_tells_what_it_has_found_also_where_it_cannot_block(
    sync: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.tick()
    properties = sync.sales.organisation.schema.entities["account"].properties
    assert isinstance(properties, dict)
    monkeypatch.delitem(properties, "fax")
    monkeypatch.setattr(sync.state.control.table, "step", _out_of_order)
    told = p2c("preflight", code=3)
    assert "missing: fax" in told
    assert "the storage account: out of order" in told


def _out_of_order(step: str) -> None:
    if step == "control.transact":
        raise StorageTrouble("out of order")


def shown_addresses(told: str) -> list[str]:
    """The addresses that stand in an answer."""
    return [line.strip() for line in told.splitlines() if line.strip().startswith("http")]


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("?cmp={company}&mi=CustTableListPage&key={key}", "?cmp=usmf&mi=CustTableListPage&key=A-0"),
        (
            "data/CustomersV3(dataAreaId='{company}',CustomerAccount='{key}')",
            "data/CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')",
        ),
    ],
)
def test_a_record_is_found_by_the_very_address_that_is_shown_for_it(sync: Product, place: str, shown: str) -> None:
    (id,) = sync.linked(1)
    finops = "https://contoso.operations.dynamics.com/"
    with operated(sync, P2C_FINOPS_ADDRESS=finops + place):
        addresses = shown_addresses(p2c("explain", FLOW, "A-0"))
        assert addresses == [
            f"{sync.sales.origin}/main.aspx?pagetype=entityrecord&etn=account&id={id}",
            finops + shown,
        ]
        around = [*addresses, *(f"\u200b {address} \ufeff" for address in addresses)]
        assert all(answer("explain", FLOW, address)["examined"]["row"]["id"] == id for address in around)


def test_a_record_is_found_however_its_id_or_number_is_pasted(sync: Product) -> None:
    id = sync.account("Acc-1001")
    pasted = [id.upper(), f"{{{id.upper()}}}", f"%7b{id}%7d", "acc-1001", " Acc-1001 "]
    assert [answer("explain", FLOW, text)["examined"]["row"]["id"] for text in pasted] == [id] * len(pasted)
    assert "the name of the record is blank; give the id or number of one of accounts" in p2c(
        "explain", FLOW, " ", code=2
    )


def test_a_number_that_two_records_have_is_reported_with_their_ids(sync: Product) -> None:
    ids = {sync.account("DUP"), sync.account("dup")}
    told = p2c("explain", FLOW, "Dup", code=2)
    assert "2 records of accounts have the number 'Dup'" in told
    assert all(id in told for id in ids)


def test_a_quote_is_shown_by_the_address_of_its_row_in_sales_and_found_by_it() -> None:
    with trading() as desk, operated(desk):
        quote, number = desk.quote(desk.account("A-1"))
        (before,) = shown_addresses(p2c("explain", "quotations", number))
        desk.settle(2)
        (after,) = shown_addresses(p2c("explain", "quotations", number))
        assert before == after == f"{desk.sales.origin}/main.aspx?pagetype=entityrecord&etn=quote&id={quote}"
        assert answer("history", "quotations", after)[0]["outcome"] == "created"


def test_a_contact_is_found_by_the_key_that_is_shown_for_it() -> None:
    with trading() as desk, operated(desk, P2C_FINOPS_ADDRESS="https://contoso.operations.dynamics.com/{key}"):
        contact = desk.contact(desk.account("A-1"))
        desk.settle(2)
        key = answer("explain", "contacts", contact)["examined"]["key"]
        assert key.endswith("/A-1")
        *_, in_finops = shown_addresses(p2c("explain", "contacts", contact))
        assert [answer("history", "contacts", text)[0]["outcome"] for text in (key, in_finops)] == ["created"] * 2
        assert "no record of contacts" in p2c("history", "contacts", key.replace("A-1", "A-2"), code=2)


@pytest.mark.parametrize(
    ("place", "helps"),
    [
        (
            "main.aspx?pagetype=entityrecord&etn=contact&id={id}",
            "`contact`, which is no record of accounts: name the flow contacts",
        ),
        ("api/data/v9.2/contacts({id})", "`contacts`, which is no record of accounts: name the flow contacts"),
        ("main.aspx?etn=lead&id={id}", ""),
        ("api/data/v9.2/contacts({id})/parentcustomerid_account({id})", ""),
        ("main.aspx?etn=account&id={id}", ""),
        ("api/data/v9.2/accounts({id})", ""),
        ("main.aspx?etc=1&id={id}", ""),
    ],
)
def test_the_address_of_another_tables_row_is_refused_by_the_name_of_its_flow(
    sync: Product, place: str, helps: str
) -> None:
    (id,) = sync.linked(1)
    address = f"{sync.sales.origin}/{place.format(id=id)}"
    said = p2c("explain", FLOW, address, code=2 if helps else 0)
    assert said == f"the address is that of a row of {helps}\n" if helps else id in said


@pytest.mark.parametrize(
    "place", ["main.aspx?pagetype=entityrecord&etn=account&id={id}", "api/data/v9.2/accounts({id})"]
)
def test_the_address_of_a_row_of_another_environment_is_refused_unless_a_template_makes_it(
    sync: Product, place: str
) -> None:
    (id,) = sync.linked(1)
    address = f"https://fabrikam.crm.dynamics.com/{place.format(id=id)}"
    assert p2c("explain", FLOW, address, code=2) == (
        "the address is that of a row of another environment: copy it from the one that DATAVERSE_URL names\n"
    )
    with operated(sync, P2C_SALES_ADDRESS=f"https://fabrikam.crm.dynamics.com/{place}"):
        assert id in p2c("explain", FLOW, address)


@pytest.mark.parametrize(("flow", "table"), [("products", "product"), ("ordersback", "salesorder")])
def test_a_record_of_finops_is_named_as_finops_has_it_and_not_by_a_row_of_sales(
    sync: Product, flow: str, table: str
) -> None:
    address = f"{sync.sales.origin}/main.aspx?etn={table}&id={sync.account('A-1')}"
    said = p2c("explain", flow, address, code=2)
    assert f"no record of {flow} has the number or id" in said
    assert "give it as F&O has it" in said
