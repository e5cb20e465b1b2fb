"""Each alert over what the functions really logged: it fires once its fault is there, and not before.

A rehearsal lasts seconds where an outage lasts hours: the limits of alerts that measure time are shortened to its own.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.orders import ORDERS
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from tests.e2e.host_log import Line, read_lines, telemetry
from tests.e2e.rehearsed import (
    ACTS,
    BLOCKED,
    BROKEN,
    DOWN,
    HEALTHY,
    LONG_S,
    RECOVERED,
    REFUSED,
    REJECTED,
    SCHEDULE_S,
    STOPPED,
    Rehearsed,
)
from tests.kql.alerts import Alert, alerts, workbook_queries
from tests.kql.evaluation import run
from tests.kql.parsing import parse

FROM_SALES = [ACCOUNTS, CONTACTS, QUOTATIONS, ORDERS]
# What these look at is written by Azure or its host, or comes after an hour: tests/kql has them.
NOT_OURS = {"daily-cap", "host-stops", "poison-stays"}
# What fires when nothing is told any more.
OF_SILENCE = {"no-sweep"}
SHORT_S = LONG_S * 0.9
SHORTENED = {
    "lag": replace(alerts()["lag"], threshold=SHORT_S / 60),
    "gate-closed": replace(alerts()["gate-closed"], threshold=SHORT_S / 60),
    "waiting-too-long": replace(alerts()["waiting-too-long"], threshold=SHORT_S / 3600),
    "no-successful-pull": replace(
        alerts()["no-successful-pull"],
        query=alerts()["no-successful-pull"].query.replace("ago(45m)", f"ago({3 * SCHEDULE_S}s)"),
    ),
}
FAULTS: dict[str, tuple[str, Sequence[str]]] = {
    "function-failures": (BROKEN, [*FLOWS.names, "sweep"]),
    "poison-message": (REJECTED, [CONTACTS]),
    "open-failures-grew": (REJECTED, [ACCOUNTS]),
    "lag": (DOWN, FROM_SALES),
    "no-successful-pull": (DOWN, FROM_SALES),
    "gate-closed": (DOWN, ["dataverse"]),
    "flow-blocked": (BLOCKED, [PRODUCTS]),
    "waiting-too-long": (DOWN, [CONTACTS]),
    "access-refused": (REFUSED, ["finops"]),
}


def fires(alert: Alert, rehearsed: Rehearsed, act: str, *, later: timedelta = timedelta()) -> list[str]:
    """Whether an alert would fire at the end of an act, over everything that was logged until then."""
    lines: list[Line] = []
    for name in ACTS[: ACTS.index(act) + 1]:
        lines += read_lines(rehearsed.logs[name])
    now: datetime = max(line.moment for line in lines)
    return alert.fires(telemetry(lines), now + later)


def rehearsal_limit(name: str) -> Alert:
    return SHORTENED.get(name, alerts()[name])


def test_every_alert_has_its_fault_in_the_rehearsal() -> None:
    assert FAULTS.keys() | NOT_OURS | OF_SILENCE == alerts().keys()


@pytest.mark.parametrize("name", FAULTS)
def test_an_alert_fires_when_its_fault_was_logged(rehearsed: Rehearsed, name: str) -> None:
    act, expected = FAULTS[name]
    assert fires(rehearsal_limit(name), rehearsed, act) == sorted(expected)


@pytest.mark.parametrize("name", alerts())
def test_no_alert_fires_over_an_empty_workspace_nor_while_the_first_telemetry_arrives(
    rehearsed: Rehearsed, name: str
) -> None:
    lines = read_lines(rehearsed.logs[HEALTHY])
    for arrived in range(0, len(lines), len(lines) // 20):
        now = lines[arrived].moment
        assert alerts()[name].fires(telemetry(lines[:arrived]), now) == []


@pytest.mark.parametrize("name", alerts())
def test_no_alert_fires_over_the_healthy_run(rehearsed: Rehearsed, name: str) -> None:
    assert fires(alerts()[name], rehearsed, HEALTHY) == []


@pytest.mark.parametrize("name", ["lag", "gate-closed"])
def test_an_alert_resolves_when_its_fault_is_over(rehearsed: Rehearsed, name: str) -> None:
    assert fires(rehearsal_limit(name), rehearsed, RECOVERED) == []


def test_the_host_tells_of_a_message_that_it_gives_up(rehearsed: Rehearsed) -> None:
    lines = [line for line in read_lines(rehearsed.logs[BROKEN]) if "MaxDequeueCount" in line.message]
    assert alerts()["poison-message"].fires(telemetry(lines), lines[-1].moment) == [ACCOUNTS]


def test_an_app_that_is_gone_is_reported_for_every_flow_that_should_run(rehearsed: Rehearsed) -> None:
    silence = alerts()["no-successful-pull"]
    # Products were blocked when the app went.
    assert fires(silence, rehearsed, STOPPED, later=silence.window) == sorted({*FLOWS.names} - {PRODUCTS})


@pytest.mark.parametrize("name", sorted(OF_SILENCE))
def test_silence_is_reported_once_its_window_has_passed(rehearsed: Rehearsed, name: str) -> None:
    alert = alerts()[name]
    assert fires(alert, rehearsed, STOPPED) == []
    assert fires(alert, rehearsed, STOPPED, later=alert.window) == [""]


def test_every_chart_of_the_workbook_has_something_to_show(rehearsed: Rehearsed) -> None:
    rows = telemetry(read_lines("".join(rehearsed.logs.values())))
    shown = {title: run(query.tree, rows) for title, query in parse(workbook_queries()).items()}
    assert len(shown) > len(FLOWS.names)
    assert [title for title, found in shown.items() if not found] == []
