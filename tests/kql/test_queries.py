"""Every query of an alert or of the workbook is read by Microsoft's parser, and uses only what is there."""

import re

import pytest

from tests.infra.snapshots import INFRA
from tests.kql.alerts import alerts, workbook_queries
from tests.kql.allowed import refused_in_alerts
from tests.kql.contract import breaches
from tests.kql.parsing import Parsed, parse
from tests.support.project import ROOT

LAG = alerts()["lag"].query


@pytest.fixture(scope="module")
def parsed() -> dict[str, Parsed]:
    return parse({**{name: alert.query for name, alert in alerts().items()}, **workbook_queries()})


def test_every_query_parses_and_uses_only_tables_and_columns_that_exist(parsed: dict[str, Parsed]) -> None:
    assert len(parsed) == len(alerts()) + len(workbook_queries())
    assert {name: value.errors for name, value in parsed.items() if value.errors} == {}


def test_every_query_uses_only_events_and_fields_that_the_app_logs(parsed: dict[str, Parsed]) -> None:
    assert {name: found for name, value in parsed.items() if (found := breaches(value.tree))} == {}


def test_the_query_of_the_daily_digest_may_be_one_of_an_alert() -> None:
    (query,) = re.findall(r"```kusto\n(.*?)```", (ROOT / "docs/operations.md").read_text(encoding="utf-8"), re.DOTALL)
    (read,) = parse({"digest": query}).values()
    assert [*read.errors, *breaches(read.tree), *refused_in_alerts(query)] == []


@pytest.mark.parametrize("name", alerts())
def test_the_query_of_an_alert_begins_with_a_table_and_takes_nothing_that_alerts_refuse(name: str) -> None:
    assert refused_in_alerts(alerts()[name].query) == []


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("union AppTraces, AppRequests | summarize n = count()", "UnionOperator"),
        ("AppTraces | union AppRequests | summarize n = count()", "UnionOperator"),
        ("search 'x' | summarize n = count()", "SearchOperator"),
        ('datatable(flow: string) ["accounts"] | project flow', "DataTableExpression"),
        (
            'let f = datatable(flow: string) ["accounts"]; AppTraces | join (f) on $left.Message == $right.flow',
            "DataTableExpression",
        ),
        ("let moment = now(); AppTraces | where TimeGenerated > moment", "now"),
        ("AppTraces | where TimeGenerated > ago(3 * 5m)", "ago"),
        ("print n = 1", "PrintOperator"),
    ],
)
def test_a_query_that_alerts_refuse_is_found(query: str, named: str) -> None:
    assert named in " ".join(refused_in_alerts(query))


def test_every_file_of_queries_is_used() -> None:
    templates = "".join(file.read_text(encoding="utf-8") for file in INFRA.glob("*.bicep"))
    assert [file.name for file in (INFRA / "queries").iterdir() if f"queries/{file.name}'" not in templates] == []


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("lag_s / 60.0", "lags / 60.0", "'lags' does not refer to any known"),
        ("AppTraces", "AppTrace", "'AppTrace' does not refer to any known"),
        ("summarize arg_max", "summarise arg_max", "summarise"),
        ("isnotempty(blocked)", "isnotemptied(blocked)", "'isnotemptied' does not refer to any known function"),
        ("isnotempty(blocked)", "isnotempty(blocked", "Expected: )"),
    ],
)
def test_a_mistake_in_a_query_is_found_and_named(old: str, new: str, named: str) -> None:
    assert old in LAG
    (parsed,) = parse({"mistaken": LAG.replace(old, new)}).values()
    assert named in "\n".join(parsed.errors)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("e.checkpoint_age_s", "e.checkpoint_age", "no field 'checkpoint_age' is logged with 'flow_state'"),
        ("e.checkpoint_age_s", "e.closed_s", "no field 'closed_s' is logged with 'flow_state'"),
        ("tostring(e.system)", "tostring(e.systems)", "no field 'systems' is logged with any event"),
        ('"flow_state"', '"flow_states"', "no event 'flow_states' is logged"),
    ],
)
def test_an_event_or_a_field_that_is_never_logged_is_found(old: str, new: str, named: str) -> None:
    assert old in LAG
    (parsed,) = parse({"mistaken": LAG.replace(old, new)}).values()
    assert named in breaches(parsed.tree)
