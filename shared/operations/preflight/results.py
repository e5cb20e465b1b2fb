"""Preflight's checks of the columns for results: whether each exists, has a type and length that take its result, and
may be written. A column that does not fit holds up no record, so it is no drift."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import API, DataverseSystem
from shared.flows.checks import SALES, Check, CheckResult, judged, part
from shared.flows.spec import Deployment, FlowSpec
from shared.mapping.date_columns import told_behaviors
from shared.mapping.dates import Behavior
from shared.mapping.results import STATE_LENGTH, ResultColumns
from shared.operations.live_types import text_lengths
from shared.records import Json
from shared.setupguide import section

_TYPES = "Microsoft.Dynamics.CRM"
_TEXTS = ("String", "Memo")
_MOMENT = "DateTime"
_REMEDY = f"correct the column, or `results` of the map document: {section('4')}"


@dataclass(frozen=True, slots=True)
class _Column:
    """What the metadata says of a column."""

    type: str
    is_written: bool
    length: int | None = None
    behavior: str = ""


def result_checks(dataverse: DataverseSystem, deployment: Deployment) -> Iterator[Check]:
    """The columns for results of each flow that has some."""
    for name, columns in deployment.result_columns.items():
        flow = deployment.flows[name]
        what = f"columns of {flow.results_in} for results (Attributes)"
        yield from part(SALES, what, partial(_checks, dataverse, flow, columns))
        yield Check(SALES, f"the app may write {flow.results_in}, for results", CheckResult.BY_HAND, "", section("6.1"))
        if columns.written_for:
            what = f"the app may act for the user of results.{name}.written_for, a system administrator"
            yield Check(SALES, what, CheckResult.BY_HAND, "", section("6.1"))


def _checks(dataverse: DataverseSystem, flow: FlowSpec, columns: ResultColumns) -> Iterator[Check]:
    told = _columns(dataverse, flow.sales_table, columns)
    found = [problem for part_of in columns.named.items() if (problem := _problem(*part_of, columns, told))]
    what = f"{flow.results_in} has the columns for results"
    yield judged(SALES, what, not found, "; ".join(found), _REMEDY)


def _problem(gets: str, column: str, columns: ResultColumns, told: Mapping[str, _Column]) -> str:
    """What is wrong with a column; empty if nothing is."""
    of = told.get(column)
    if of is None:
        return f"there is no {column}"
    if not of.is_written:
        return f"{column} cannot be written"
    if gets == "since":
        if of.type != _MOMENT or of.behavior == Behavior.DATE_ONLY:
            shown = of.behavior if of.type == _MOMENT else of.type
            return f"{column} is {shown}, and needs a date with its time"
        return ""
    if of.type not in _TEXTS:
        return f"{column} is {of.type}, and needs a text"
    needed = columns.reason_length if gets == "reason" else STATE_LENGTH
    if of.length is not None and of.length < needed:
        return f"{column} takes {of.length} characters, and needs {needed}"
    return ""


def _columns(dataverse: DataverseSystem, table: str, columns: ResultColumns) -> dict[str, _Column]:
    """Those of the columns that the metadata knows. Raises SystemTrouble."""
    known = {str(row.get("LogicalName")): row for row in _rows(dataverse, table, "", "AttributeType,IsValidForUpdate")}
    lengths = text_lengths(dataverse, table)
    dates = told_behaviors(_rows(dataverse, table, f"/{_TYPES}.{_MOMENT}AttributeMetadata", "DateTimeBehavior"))
    return {
        name: _Column(
            str(known[name].get("AttributeType")),
            known[name].get("IsValidForUpdate") is not False,
            lengths.get(name),
            dates.get(name, ""),
        )
        for name in columns.named.values()
        if name in known
    }


def _rows(dataverse: DataverseSystem, table: str, kind: str, select: str) -> list[dict[str, Json]]:
    query = quoting.query({"$select": f"LogicalName,{select}"})
    path = f"{API}/EntityDefinitions(LogicalName={quoting.literal(table)})/Attributes{kind}?{query}"
    return list(dataverse.rows("Attributes", dataverse.channel.origin.url(path)))
