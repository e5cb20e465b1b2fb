"""The operators' command line on the state that real functions have left in the emulator."""

import json
from typing import Any

from tests.e2e.marked import MARK
from tests.e2e.rehearsed import MANY, Rehearsed


def answered(rehearsed: Rehearsed, name: str) -> Any:
    return json.loads(rehearsed.answers[name])


def test_the_status_counts_what_is_not_in_step(rehearsed: Rehearsed) -> None:
    flows = {flow["flow"]: flow for flow in answered(rehearsed, "status")["flows"]}
    assert flows["accounts"]["links"]["rejected"] == MANY
    assert flows["accounts"]["state"]["failures_open"] == MANY
    assert flows["contacts"]["state"]["waiting"] == 1


def test_one_cause_is_one_line_with_the_operators_own_data(rehearsed: Rehearsed) -> None:
    (cause,) = answered(rehearsed, "failures")
    assert (cause["cause"], cause["count"]) == ("country_unknown", MANY)
    assert MARK in cause["example"]["message"]


def test_a_record_is_explained_from_both_systems(rehearsed: Rehearsed) -> None:
    told = answered(rehearsed, "explanation")
    assert told["examined"]["kind"] == "rejected"
    assert told["action"] == told["failure"]["remedy"]


def test_a_dry_run_over_what_is_in_step_writes_nothing(rehearsed: Rehearsed) -> None:
    summary = answered(rehearsed, "plan")["summary"]
    assert summary["writes"] == 0
    assert set(summary["outcomes"]) == {"unchanged"}


def test_what_an_operator_does_is_in_the_audit(rehearsed: Rehearsed) -> None:
    assert "sent again: 1" in rehearsed.answers["retry"]
    assert [deed["what"] for deed in answered(rehearsed, "audit")] == ["resume", "pause", "retry"]


def test_the_console_shows_the_same_and_acts_as_the_commands_do(rehearsed: Rehearsed) -> None:
    assert f"{MANY} × country_unknown" in rehearsed.answers["page of causes"]
    record = rehearsed.answers["page of the record"]
    assert answered(rehearsed, "explanation")["action"].replace("'", "&#39;") in record
    assert "Paused: quotations" in rehearsed.answers["page of acts"]
    assert len({deed["who"] for deed in answered(rehearsed, "audit")}) == 1
