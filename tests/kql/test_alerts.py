"""Each alert fires for its fault, for its flow or system only, not over a healthy hour, and resolves by itself."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.flows.registry import FLOWS
from shared.systems import System
from tests.kql.alerts import Alert, Telemetry, alerts
from tests.kql.evaluation import Row

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALM: dict[str, Any] = {
    "run": "r",
    "paused": False,
    "blocked": "",
    "checkpoint_age_s": 20,
    "queued": 0,
    "queued_s": None,
    "held": 0,
    "poison": 0,
    "poison_s": None,
    "failures_open": 2,
    "waiting": 0,
    "waiting_s": None,
}
MINUTES = range(60)


def told(minutes_ago: float, event: str, **fields: Any) -> Row:
    """A row of the log for an event."""
    text = json.dumps({"event": event, **fields}, separators=(",", ":"))
    return {"TimeGenerated": NOW - timedelta(minutes=minutes_ago), "Message": text}


def states(minutes: Iterable[float] = MINUTES, flows: Iterable[str] = FLOWS.names, **other: Any) -> list[Row]:
    """How flows stood at each of these minutes before now."""
    return [told(ago, "flow_state", flow=flow, **{**CALM, **other}) for ago in minutes for flow in flows]


def pulls(
    minutes: Iterable[float] = MINUTES, flows: Iterable[str] = FLOWS.names, ended: str = "caught_up"
) -> list[Row]:
    return [
        told(ago, "pull_run", flow=flow, run="r", ended=ended, ms=1, pages=1, hints=0)
        for ago in minutes
        for flow in flows
    ]


def gates(minutes: Iterable[float] = MINUTES, closed_s: int = 0) -> list[Row]:
    return [
        told(ago, "gate_state", system=str(system), run="r", closed=closed_s > 0, closed_s=closed_s)
        for ago in minutes
        for system in System
    ]


def runs(name: str, count: int, *, success: bool) -> list[Row]:
    return [{"TimeGenerated": NOW - timedelta(minutes=1), "Name": name, "Success": success, "ItemCount": 1}] * count


def traced(*rows: list[Row]) -> Telemetry:
    return {"AppTraces": [row for part in rows for row in part]}


def fires(name: str, telemetry: Telemetry, *, later: timedelta = timedelta()) -> list[str]:
    return alerts()[name].fires(telemetry, NOW + later)


HEALTHY = {
    **traced(states(), pulls(), gates()),
    "AppRequests": runs("accounts_pull", 60, success=True),
}


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts())
def test_no_alert_fires_over_a_healthy_hour(alert: Alert) -> None:
    assert alert.fires(HEALTHY, NOW) == []


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts())
def test_every_alert_resolves_automatically(alert: Alert) -> None:
    assert alert.resolves
    assert alert.every <= alert.window


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts())
def test_an_empty_workspace_raises_no_alert(alert: Alert) -> None:
    assert alert.fires({}, NOW) == []


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts())
def test_the_first_minutes_of_a_deployment_raise_no_alert(alert: Alert) -> None:
    for sweeps in range(5):
        first = traced(states(range(sweeps), paused=True, checkpoint_age_s=None), gates(range(sweeps)))
        assert alert.fires(first, NOW) == []


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts())
def test_paused_flows_of_a_new_deployment_raise_no_alert(alert: Alert) -> None:
    assert alert.fires(traced(states(paused=True, checkpoint_age_s=None), gates()), NOW) == []


def test_functions_that_fail_are_reported_by_flow() -> None:
    failing = [*runs("accounts_apply", 3, success=False), *runs("contacts_pull", 2, success=False)]
    assert fires("function-failures", {"AppRequests": failing}) == ["accounts"]
    assert fires("function-failures", {"AppRequests": failing}, later=timedelta(minutes=20)) == []


@pytest.mark.parametrize(
    "row",
    [
        {
            "TimeGenerated": NOW,
            "Message": "Message has reached MaxDequeueCount of 5. Moving message to queue 'products-poison'.",
        },
        told(1, "poison_split", flow="products", run="r", sent_by="q", records=3),
        told(1, "poison_listed", flow="products", run="r", id="X", cause="internal_error"),
        told(1, "invariant_broken", flow="products", run="r", id="X", rule="key_without_owner"),
    ],
)
def test_a_poison_message_is_reported_by_flow(row: Row) -> None:
    assert fires("poison-message", traced([row])) == ["products"]
    assert fires("poison-message", traced([row]), later=timedelta(minutes=20)) == []


def test_poison_messages_that_nobody_takes_are_reported_whether_they_can_be_seen_or_not() -> None:
    seen = states([3, 2, 1], ["accounts"], poison=2, poison_s=3700)
    always_in_hand = states(MINUTES, ["products"], poison=1)
    assert fires("poison-stays", traced(seen, always_in_hand)) == ["accounts", "products"]
    assert fires("poison-stays", traced(seen, always_in_hand), later=timedelta(minutes=70)) == []


def test_poison_messages_that_come_and_go_are_not_reported() -> None:
    passing = [*states(range(10), ["accounts"], poison=1, poison_s=30), *states(range(10, 60), ["accounts"])]
    assert fires("poison-stays", traced(passing)) == []
    young = states(range(10), ["accounts"], poison=1, poison_s=30)
    assert fires("poison-stays", traced(young)) == []


@pytest.mark.parametrize(
    "line",
    [
        "An unhandled exception has occurred. Host is shutting down.",
        "Exceeded language worker restart retry count for runtime:python. Shutting down and proactively recycling the "
        "Functions Host to recover",
    ],
)
def test_a_host_that_ends_again_and_again_is_reported_without_a_word_of_the_app_and_one_end_is_not(line: str) -> None:
    ends = [{"TimeGenerated": NOW - timedelta(seconds=20 * number), "Message": line} for number in range(3)]
    assert fires("host-stops", {"AppTraces": ends}) == [""]
    assert fires("host-stops", {"AppTraces": ends}, later=timedelta(minutes=20)) == []
    assert fires("host-stops", {"AppTraces": ends[:1]}) == []


def test_open_failures_that_grow_are_reported_and_those_that_shrink_or_stay_are_not() -> None:
    grown = [*states(range(1, 60), ["accounts"], failures_open=2), *states([0], ["accounts"], failures_open=12)]
    assert fires("open-failures-grew", traced(grown)) == ["accounts"]
    shrunk = [*states(range(1, 60), ["accounts"], failures_open=90), *states([0], ["accounts"], failures_open=12)]
    assert fires("open-failures-grew", traced(shrunk)) == []
    assert fires("open-failures-grew", traced(states(failures_open=900))) == []


@pytest.mark.parametrize("field", ["checkpoint_age_s", "queued_s"])
def test_a_flow_that_is_behind_is_reported_whether_it_was_not_read_or_not_applied(field: str) -> None:
    much: dict[str, Any] = {field: 31 * 60}
    less: dict[str, Any] = {field: 29 * 60}
    behind = [*states(flows=["accounts"], **much), *states(flows=["contacts"], **less)]
    assert fires("lag", traced(behind)) == ["accounts"]


@pytest.mark.parametrize("rest", [{"paused": True}, {"blocked": "300 of 1000 records would be gone"}])
def test_a_flow_that_is_paused_or_blocked_does_not_lag(rest: dict[str, Any]) -> None:
    assert fires("lag", traced(states(**rest, checkpoint_age_s=99_999))) == []


@pytest.mark.parametrize("name", ["lag", "no-successful-pull"])
@pytest.mark.parametrize("rest", [{"paused": True}, {"blocked": "300 of 1000 records would be gone"}])
def test_a_flow_that_was_just_resumed_has_time_for_its_first_pull(name: str, rest: dict[str, Any]) -> None:
    behind = 3 * 86_400
    before = states(range(10, 60), **rest, checkpoint_age_s=behind)
    after = states(range(10), checkpoint_age_s=behind)
    assert fires(name, traced(before, after)) == []


def test_a_flow_that_a_sweep_tells_of_before_its_first_pull_has_time_for_it() -> None:
    new, others = states(range(44), ["products"]), states(flows=["accounts"])
    assert fires("no-successful-pull", traced(new, others, pulls(flows=["accounts"]))) == []
    new = states(range(47), ["products"])
    assert fires("no-successful-pull", traced(new, others, pulls(flows=["accounts"]))) == ["products"]


@pytest.mark.parametrize("name", ["lag", "no-successful-pull"])
def test_a_flow_that_is_not_read_for_long_after_it_was_resumed_is_reported(name: str) -> None:
    behind = 3 * 86_400
    before = states(range(50, 90), paused=True, checkpoint_age_s=behind)
    after = states(range(50), ["products"], checkpoint_age_s=behind)
    others = [*states(range(50), set(FLOWS.names) - {"products"}), *pulls(range(50), set(FLOWS.names) - {"products"})]
    assert fires(name, traced(before, after, others)) == ["products"]


def test_a_flow_that_has_caught_up_lags_no_longer() -> None:
    assert fires("lag", traced(states(range(1, 60), checkpoint_age_s=99_999), states([0]))) == []


@pytest.mark.parametrize("gone_for", [timedelta(hours=1), timedelta(hours=46)])
def test_an_app_that_is_gone_is_reported_for_every_flow_that_ran(gone_for: timedelta) -> None:
    resting = [*states(flows=["contacts"], paused=True), *states(flows=["products"], blocked="why")]
    told = traced(states(flows=["accounts", "quotations"]), resting, pulls())
    assert fires("no-successful-pull", told, later=gone_for) == ["accounts", "quotations"]
    assert fires("no-sweep", told, later=gone_for) == [""]


def test_an_app_that_is_gone_for_more_than_two_days_is_reported_no_longer() -> None:
    assert fires("no-successful-pull", HEALTHY, later=timedelta(hours=49)) == []
    assert fires("no-sweep", HEALTHY, later=timedelta(hours=49)) == []


def test_a_flow_whose_pulls_all_fail_is_reported() -> None:
    others = [flow for flow in FLOWS.names if flow != "contacts"]
    failing = traced(states(), pulls(flows=others), pulls(flows=["contacts"], ended="trouble"))
    assert fires("no-successful-pull", failing) == ["contacts"]


def test_a_long_first_read_counts_as_pulls() -> None:
    assert fires("no-successful-pull", traced(states(), pulls(ended="out_of_time"))) == []


def test_flows_that_are_paused_or_blocked_need_no_pull() -> None:
    assert fires("no-successful-pull", traced(states(paused=True))) == []
    assert fires("no-successful-pull", traced(states(blocked="300 of 1000 records would be gone"))) == []


def test_a_gate_that_is_closed_for_long_is_reported_by_system_until_it_opens() -> None:
    assert fires("gate-closed", traced(gates(closed_s=16 * 60))) == ["dataverse", "finops"]
    assert fires("gate-closed", traced(gates(closed_s=14 * 60))) == []
    assert fires("gate-closed", traced(gates(range(1, 60), closed_s=99 * 60), gates([0]))) == []


def test_a_blocked_flow_is_reported_until_it_is_accepted() -> None:
    assert fires("flow-blocked", traced(states(flows=["products"], blocked="why"))) == ["products"]
    assert fires("flow-blocked", traced(states(range(1, 60), blocked="why"), states([0]))) == []


def test_a_record_that_waits_too_long_is_reported() -> None:
    waiting = [*states(flows=["contacts"], waiting=3, waiting_s=25 * 3600), *states(flows=["quotations"], waiting_s=60)]
    assert fires("waiting-too-long", traced(waiting)) == ["contacts"]


def test_storage_and_systems_that_refuse_the_app_are_reported_by_name() -> None:
    refused = [
        told(1, "storage_trouble", flow="accounts", run="r", kind="refused", reason="403"),
        told(1, "access_refused", system="finops", lacks="token", reason="401"),
    ]
    assert fires("access-refused", traced(refused)) == ["finops", "storage"]
    unreachable = [told(1, "storage_trouble", flow="accounts", run="r", kind="unreachable", reason="503")]
    assert fires("access-refused", traced(unreachable)) == []


def notice(hours_ago: float, operation: str, detail: str) -> Row:
    return {
        "TimeGenerated": NOW - timedelta(hours=hours_ago),
        "Category": "Ingestion",
        "Operation": operation,
        "Level": "Warning",
        "Detail": detail,
    }


STOPPED = "Data collection stopped due to daily limit of free data reached. Ingestion status = OverQuota"


def test_the_daily_cap_is_reported_for_as_long_as_no_logs_are_taken() -> None:
    stopped = notice(5, "Data collection stopped", STOPPED)
    assert fires("daily-cap", {"_LogOperation": [stopped]}) == [""]
    resumed = notice(1, "Data collection resumed", "Ingestion status = RespectQuota")
    assert fires("daily-cap", {"_LogOperation": [stopped, resumed]}) == []
    again = notice(0, "Data collection stopped", STOPPED)
    assert fires("daily-cap", {"_LogOperation": [stopped, resumed, again]}) == [""]


def test_the_daily_cap_is_no_longer_reported_a_day_later_without_a_notice_that_logs_are_taken_again() -> None:
    stopped = notice(5, "Data collection stopped", STOPPED)
    assert fires("daily-cap", {"_LogOperation": [stopped]}, later=timedelta(hours=20)) == []


def test_other_notices_of_the_workspace_are_no_daily_cap() -> None:
    other = notice(0, "Ingestion rate", "The data ingestion volume rate crossed the threshold in your workspace")
    assert fires("daily-cap", {"_LogOperation": [other]}) == []


def test_a_sweep_that_does_not_run_is_reported_also_while_all_flows_are_paused() -> None:
    assert fires("no-sweep", traced(states(range(16, 60), paused=True), pulls(), gates())) == [""]
    assert fires("no-sweep", traced(states(range(16, 60)))) == [""]
    assert fires("no-sweep", traced(states(paused=True))) == []
