"""The commands that read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from p2c import reports
from p2c.calling import file_named, whole_number
from p2c.commands import (
    ATTENTION,
    SUCCESS,
    Flow,
    Ids,
    Json,
    Limit,
    MaybeFlow,
    app,
    connected,
    located,
)
from p2c.connecting import Connection
from p2c.loaded import loaded_functions
from p2c.mistakes import Mistake
from p2c.showing import as_json, say, table, tell
from shared.operations.drift_blocks import Enforcing
from shared.operations.dry_run import DryRun, summary_of
from shared.operations.examine import Examined
from shared.operations.explain import Explaining
from shared.operations.failures import Failing
from shared.operations.lookup import NotFound
from shared.operations.preflight.checks import CheckResult
from shared.operations.preflight.run import Preflight
from shared.operations.reconcile import Reconciling
from shared.operations.status import status_of
from shared.state.failures import Failure
from shared.state.history import Histories

# With the time, the outcome and the id of the run, a line of a history has some 120 characters.
_FIELDS_WIDTH = 42


@app.command(rich_help_panel="Inspect")
def status(
    flow: MaybeFlow = None,
    lag: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1, 525_600),
            metavar="MINUTES",
            help="how far a flow may be behind; default: 15 minutes, and 60 for products",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the state of every flow. Exit code 1 if something needs attention."""
    with connected() as to:
        told = status_of(to.parts, to.flows(flow), lag_minutes=lag)
        as_json(told) if json else reports.status(told)
    raise typer.Exit(ATTENTION if told.needs_attention else SUCCESS)


@app.command(rich_help_panel="Inspect")
def failures(
    flow: MaybeFlow = None,
    cause: Annotated[str | None, typer.Option(help="show each record of one cause")] = None,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="show the dismissed ones instead")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List what could not be written, by cause; with --cause, record by record."""
    with connected() as to:
        failing, flows = Failing(to.parts), to.flows(flow)
        if cause is None:
            causes = failing.causes(flows, dismissed=dismissed)
            as_json(causes) if json else reports.causes(causes)
            return
        found = [of for name in flows for of in failing.walk(name, cause=cause, dismissed=dismissed)]
        records = [_failed(to, of) for of in found[:limit]]
        if json:
            as_json(records)
            return
        reports.failures(records)
        if len(found) > len(records):
            say(f"{len(found) - len(records)} more; --limit N shows N.")


@app.command(rich_help_panel="Inspect")
def explain(flow: Flow, record: Annotated[str, typer.Argument(help="id or number")], json: Json = False) -> None:
    """Explain why a record is, or is not, in step, and what helps."""
    with connected(looks_only=True) as to:
        (name,) = to.flows(flow)
        _check_settings(to, name)
        (id,) = located(to, name, [record])
        told = Explaining(to.parts, to.parts.flows[name]).explain(id)
        if json:
            as_json(told)
            return
        failure = told.examined.failure or told.failure
        reports.explanation(told, to.addresses(name, id, told.examined.key, told.examined.row), _rival(to, failure))


@app.command(rich_help_panel="Inspect")
def plan(  # noqa: PLR0917 - the options of a command
    flow: Flow,
    ids: Ids = None,
    limit: Limit = None,
    markdown: Annotated[
        Path | None, typer.Option(parser=file_named, metavar="FILE", help="write the plan to this file, for a review")
    ] = None,
    without_state: Annotated[
        bool,
        typer.Option("--without-state", help="as if nothing was synced yet; needs both systems, but no deployment"),
    ] = False,
    json: Json = False,
) -> None:
    """Show in a dry run what would be created, changed, adopted or rejected. It writes nothing."""
    with connected(looks_only=True, without_state=without_state) as to:
        (name,) = to.flows(flow)
        _check_settings(to, name)
        if markdown is not None:
            _write(markdown, "")
        run = DryRun(to.parts, to.parts.flows[name])
        chosen: Iterator[Examined] = run.of(located(to, name, ids)) if ids else run.of_all(limit)
        examined = list(chosen)
        summary = summary_of(examined)
        estimate = reports.estimate(to.parts.limits, summary, to.parts.state.runs.latest(name, 500))
        if markdown is not None:
            _write(markdown, reports.plan_markdown(name, summary, examined, estimate))
        if json:
            as_json({"summary": summary, "estimate": estimate, "records": examined})
        elif markdown is None:
            reports.plan(name, summary, examined, estimate)
        else:
            say(f"The plan is in {markdown}.")


@app.command(rich_help_panel="Inspect")
def preflight(
    without_state: Annotated[
        bool, typer.Option("--without-state", help="before anything is deployed; needs both systems only")
    ] = False,
    json: Json = False,
) -> None:
    """Check whether everything is in place that the flows need. It blocks flows whose columns do not match the mapping,
    and releases them once they match. Exit code 1 if something is wrong."""
    with connected(without_state=without_state) as to:
        checks = list(Preflight(to.parts, to.deployment).checks())
        if not without_state:
            checks += loaded_functions(os.environ)
        blocked: dict[str, str] = {}
        released: list[str] = []
        try:
            if not without_state:
                enforcing = Enforcing(to.parts, to.deeds)
                blocked, released = enforcing.blocked, enforcing.released
                enforcing.enforce(checks)
        finally:
            # The findings are shown even if the blocks cannot be stored.
            if json:
                as_json({"checks": checks, "blocked": list(blocked), "released": released})
            else:
                reports.checks(checks, blocked, released)
    wrong = any(check.verdict is CheckResult.WRONG for check in checks)
    raise typer.Exit(ATTENTION if wrong else SUCCESS)


@app.command(rich_help_panel="Inspect")
def reconcile(
    flow: Flow,
    repair: Annotated[bool, typer.Option("--repair", help="queue the records that differ")] = False,
    json: Json = False,
) -> None:
    """Compare both systems record by record: what is missing, extra or different. Exit code 1 on any drift."""
    with connected(looks_only=not repair) as to:
        (name,) = to.flows(flow)
        _check_settings(to, name)
        reconciling = Reconciling(to.parts, to.parts.flows[name])
        tally = reports.DriftReport(name, keeps_all=json)
        found = tally.of(reconciling.drifted())
        queued = reconciling.repair(found, to.deeds) if repair else sum(0 for _ in found)
        if json:
            as_json({"compared": reconciling.compared, "drifted": tally.kept, "queued": queued})
        else:
            tally.show(reconciling.compared)
            if queued:
                say(f"{name}: queued: {queued}.")
    raise typer.Exit(ATTENTION if tally.count else SUCCESS)


@app.command(rich_help_panel="Inspect")
def history(flow: Flow, record: Annotated[str, typer.Argument(help="id or number")], json: Json = False) -> None:
    """Show what was done with a record, when, and by which run."""
    with connected() as to:
        (name,) = to.flows(flow)
        (id,) = located(to, name, [record])
        entries = Histories(to.parts.state.links.table).latest(name, id, 200)
        if not entries:
            raise NotFound(f"there is no history of a record {record!r} of {name}")
        if json:
            as_json(entries)
        else:
            rows = ((entry.time, entry.outcome, ", ".join(entry.fields), entry.run) for entry in entries)
            columns = ["when (UTC)", "what", "fields", "run"]
            table(columns, rows, widest={"fields": _FIELDS_WIDTH}, whole={"run"})


@app.command(rich_help_panel="Inspect")
def audit(limit: Limit = 100, json: Json = False) -> None:
    """Show what operators have done."""
    with connected() as to:
        deeds = to.parts.state.audit.latest(limit or 100)
        if json:
            as_json(deeds)
        else:
            rows = ((of.time, of.who, of.what, of.flow, reports.short(of.subject), of.reason) for of in deeds)
            table(["when (UTC)", "who", "what", "flow", "on", "why"], rows)


def _check_settings(to: Connection, flow: str) -> None:
    """The prediction follows from the settings given here. Raises Mistake if they name other systems than the
    deployment."""
    change = to.parts.environment.change_by_settings(flow)
    if change:
        raise Mistake(f"{change}; correct the settings given here: the sync remembers nothing about other systems")
    checkpoint = to.parts.state.checkpoints.load(flow)
    if checkpoint is None or checkpoint.fingerprint is None:
        return
    if not to.parts.flows[flow].maps_as(checkpoint.fingerprint):
        tell(f"note: the app maps {flow} differently: its value maps, settings or version are not those given here")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise Mistake(f"--markdown {file} cannot be written ({wrong.strerror}); name another file") from wrong


def _failed(to: Connection, failure: Failure) -> reports.FailedRecord:
    link = to.parts.state.links.load(failure.flow, [failure.id])[failure.id]
    key = link.target_key or link.held_key
    where = to.addresses(failure.flow, failure.id, key)
    return reports.FailedRecord(failure, key, where, _rival(to, failure))


def _rival(to: Connection, failure: Failure | None) -> list[str]:
    """The addresses of the record that already has the key which a failed one needs."""
    if failure is None or failure.rival is None:
        return []
    flow, id = failure.rival
    link = to.parts.state.links.load(flow, [id])[id]
    return to.addresses(flow, id, link.target_key or link.held_key)
