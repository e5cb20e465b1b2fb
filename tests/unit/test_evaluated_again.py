"""What settings make of the mappings; docs/settings.md names those whose change evaluates records again, no other."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import pytest

from p2c.connection import Connection
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.sync.flow import Flow, Walked
from tests.support.company import clear_network
from tests.support.project import ROOT

_DEPLOYMENT = {
    "DATAVERSE_URL": "https://contoso.crm.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}
# Other values than the defaults, of settings that accept any text of a form.
_OTHER = {
    "ACCOUNTS_SCOPE": "linked",
    "CONTACTS_SCOPE": "linked",
    "QUOTATIONS_SCOPE": "linked",
    "QUOTATIONS_STATUSES": "Created",
    "ORDERS_SCOPE": "linked",
    "ORDERS_ORIGIN": "Sales",
    "ORDERS_BACK_SCOPE": "linked",
    "INVOICES_SCOPE": "linked",
    "BUSINESS_TIME_ZONE": "Europe/Berlin",
}
# Flows do all that they can: what is off has no mapping.
_COMPLETE = {"ORDERS_BACK": "all"}
_MAP_DOCUMENT = "the content of the map document"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection would read the certificates of this machine's company."""
    clear_network(monkeypatch)


def wired(settings: dict[str, str]) -> Mapping[str, Flow]:
    return Connection(FLOWS, {**_DEPLOYMENT, **settings}, looks_only=True, without_state=True).service.flows


def fingerprints(settings: dict[str, str]) -> dict[str, str]:
    return {name: flow.mapper.fingerprint for name, flow in wired(settings).items()}


def other_values() -> Iterator[tuple[str, str]]:
    """Each setting that has a value other than its default, with that value."""
    for name, field in FLOWS.settings.model_fields.items():
        kind: Any = field.annotation
        if name in _OTHER:
            yield name, _OTHER[name]
        elif get_origin(kind) is Literal:
            yield name, next(value for value in get_args(kind) if value != field.default)
        elif kind is bool:
            yield name, str(not field.default).lower()
        elif kind in (int, float):
            yield name, str(field.default + 1)


def test_products_are_evaluated_again_after_as_many_days_as_the_setting_says() -> None:
    feed = wired({"PRODUCTS_FULL_WALK_DAYS": "3"})["products"].feed
    assert isinstance(feed, Walked)
    assert feed.full_every_s == 3 * 24 * 3600


def test_the_settings_that_evaluate_records_again_are_listed_with_their_flows() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    table = text.partition("evaluates every record of these flows again")[2].partition("\n## ")[0]
    listed = {
        name.strip("`"): set(flows.split(", "))
        for names, flows in re.findall(r"^\| (?!setting )(.+) \| ([a-z, ]+) \|$", table, re.MULTILINE)
        for name in names.split(", ")
    }
    usual = fingerprints(_COMPLETE)
    given = [(name, {name: value}) for name, value in other_values()]
    maps = SHIPPED.read_text(encoding="utf-8").replace('"unit_group": "Default unit"', '"unit_group": "Units"')
    given.append((_MAP_DOCUMENT, {"MAP_DOCUMENT": maps}))
    found: dict[str, set[str]] = {}
    for name, settings in given:
        now = fingerprints({**_COMPLETE, **settings})
        if flows := {flow for flow in usual if usual[flow] != now[flow]}:
            found[name] = flows
    assert found == listed


def test_every_value_that_a_setting_allows_makes_a_mapping() -> None:
    allowed = {name: get_args(field.annotation) for name, field in FLOWS.settings.model_fields.items()}
    tried = [(name, value) for name, values in allowed.items() for value in values if isinstance(value, str)]
    assert len(tried) > 30
    # To build all mappings takes a tenth of a second: every setting takes its next value at the same time.
    rounds: list[dict[str, str]] = []
    for name, value in tried:
        at = next((each for each in rounds if name not in each), None)
        if at is None:
            rounds.append(at := {})
        at[name] = value
    for settings in rounds:
        assert fingerprints(settings).keys() == set(FLOWS.names), settings
