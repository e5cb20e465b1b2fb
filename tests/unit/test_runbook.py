"""The runbook and the alerts belong together."""

import re
from pathlib import Path

import pytest

from p2c.__main__ import app
from tests.kql.alerts import Alert, alerts
from tests.kql.contract import breaches
from tests.kql.parsing import parse

DOCS = Path(__file__).parents[2] / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
QUERIES = re.findall(r"```kusto\n(.*?)```", RUNBOOK, re.DOTALL)


def test_every_alert_has_a_section_and_every_section_an_alert() -> None:
    assert SECTIONS.keys() == alerts().keys()


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts())
def test_the_text_of_an_alert_leads_to_its_section(alert: Alert) -> None:
    assert alert.description.endswith(f"docs/runbook.md#{alert.name}")


@pytest.mark.parametrize("name", alerts())
def test_a_section_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    assert all(f"*{part}*" in SECTIONS[name] for part in ("Meaning", "First look", "Action"))


@pytest.mark.process
def test_every_query_of_the_runbook_uses_only_tables_columns_events_and_fields_that_exist() -> None:
    beginning, *queries = QUERIES
    whole = {
        str(number): (beginning + query if query.startswith("events") else query)
        for number, query in enumerate(queries)
    }
    parsed = parse(whole).items()
    assert {name: value.errors for name, value in parsed if value.errors} == {}
    assert {name: found for name, value in parsed if (found := breaches(value.tree))} == {}


@pytest.mark.parametrize("name", alerts())
def test_every_section_uses_the_command_line(name: str) -> None:
    assert re.search(r"p2c (status|failures|explain|accept|retry|preflight)", SECTIONS[name])


def test_every_command_that_the_runbook_names_exists() -> None:
    known = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    assert set(re.findall(r"p2c ([a-z]+)", RUNBOOK)) <= known
