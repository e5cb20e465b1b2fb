"""The alert rules as they would be deployed, and whether they would fire over rows of telemetry."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from tests.infra.snapshots import DEFAULT, Resource, read_snapshot
from tests.kql.evaluation import Row, run
from tests.kql.parsing import Tree, parse

_RULES = "Microsoft.Insights/scheduledQueryRules"
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThan": lambda value, threshold: value > threshold,
    "GreaterThanOrEqual": lambda value, threshold: value >= threshold,
    "LessThan": lambda value, threshold: value < threshold,
}
_PERIOD = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")

Telemetry = Mapping[str, Sequence[Row]]
"""Rows by table; `TimeGenerated` is when."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule. `dimension` is empty where it does not tell flows apart; `sees` is how far back its query looks."""

    name: str
    description: str
    severity: int
    resolves: bool
    query: str
    window: timedelta
    sees: timedelta
    every: timedelta
    aggregation: str
    measure: str
    operator: str
    threshold: float
    dimension: str

    def fires(self, telemetry: Telemetry, now: datetime) -> list[str]:
        """For which values of the dimension it would fire at a moment; [""] for a rule without one."""
        seen = {
            table: [row for row in rows if now - self.sees < row["TimeGenerated"] <= now]
            for table, rows in telemetry.items()
        }
        known = {"AppTraces": [], "AppRequests": [], "_LogOperation": [], **seen}
        rows = run(_tree(self.query), known, now)
        assert self.aggregation == "Maximum", f"the aggregation {self.aggregation} is not known here"
        groups: dict[str, list[float]] = {}
        for row in rows:
            if row[self.measure] is not None:
                groups.setdefault(str(row[self.dimension]) if self.dimension else "", []).append(row[self.measure])
        beyond = _OPERATORS[self.operator]
        return sorted(name for name, found in groups.items() if beyond(max(found), self.threshold))


@cache
def alerts() -> Mapping[str, Alert]:
    """The rules of the template by name, with the limits that it has by default."""
    rules = (_alert(resource) for resource in read_snapshot(DEFAULT).of(_RULES))
    return {rule.name: rule for rule in rules}


@cache
def _tree(query: str) -> Tree:
    (parsed,) = parse({"query": query}).values()
    return parsed.tree


@cache
def workbook_queries() -> Mapping[str, str]:
    """The queries of the workbook by title."""
    workbook = read_snapshot(DEFAULT).one("Microsoft.Insights/workbooks")
    items = json.loads(workbook.properties["serializedData"])["items"]
    return {item["content"]["title"]: item["content"]["query"] for item in items if item["type"] == 3}


def _alert(resource: Resource) -> Alert:
    of = resource.properties
    (criterion,) = of["criteria"]["allOf"]
    dimensions: list[dict[str, Any]] = criterion["dimensions"]
    return Alert(
        name=of["displayName"],
        description=of["description"],
        severity=of["severity"],
        resolves=of["autoMitigate"],
        query=criterion["query"],
        window=_period(of["windowSize"]),
        sees=_period(of.get("overrideQueryTimeRange") or of["windowSize"]),
        every=_period(of["evaluationFrequency"]),
        aggregation=criterion["timeAggregation"],
        measure=criterion["metricMeasureColumn"],
        operator=criterion["operator"],
        threshold=criterion["threshold"],
        dimension=dimensions[0]["name"] if dimensions else "",
    )


def _period(text: str) -> timedelta:
    found = _PERIOD.fullmatch(text)
    assert found is not None, text
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)
