"""The state of every flow."""

from collections.abc import Iterator
from typing import Annotated

import typer

from p2c.app import ATTENTION, SUCCESS, Json, MaybeFlow, app, connected
from p2c.arguments import whole_number
from p2c.connection import Connection
from p2c.output import age, as_json, clear, console, fits, say, say_indented, table, words
from shared.counting import counted
from shared.operations.status import FlowStatus, Status

_TABLE_FITS = 120


@app.command(rich_help_panel="Inspect")
def status(
    flow: MaybeFlow = None,
    lag: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1, 525_600),
            metavar="MINUTES",
            help="how far a flow may be behind; default: 15 minutes, and 60 for flows from F&O",
        ),
    ] = None,
    watch: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1, 3600), metavar="SECONDS", help="show it again every so many seconds, until Ctrl-C"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show the state of every flow. Exit code 1 if something needs attention."""
    if watch is not None and json:
        raise typer.BadParameter("--watch shows a screen; leave out --json, or call p2c status --json again and again")
    with connected() as to:
        names = to.flows(flow)
        told = to.service.status(names, lag_minutes=lag)
        as_json(told) if json else show_status(told, to)
        while watch is not None:
            to.service.clock.sleep(watch)
            told = to.service.status(names, lag_minutes=lag)
            clear()
            show_status(told, to)
    raise typer.Exit(ATTENTION if told.needs_attention else SUCCESS)


def show_status(told: Status, to: Connection) -> None:
    """The state of everything: a table, or where it is too wide for the terminal, a block for each flow."""
    columns, rows = _table_of(told, to)
    if console().width >= _TABLE_FITS and fits(columns, rows):
        table(columns, rows)
    else:
        for flow in told.flows:
            _show_block(flow, to)
    for each in told.flows:
        if each.state.blocked:
            said = f". It said: {each.said}" if each.said else ""
            say(f"{each.flow} is blocked: {each.state.blocked}{said}", style="red")
        if each.state.poison:
            since = "" if each.state.poison_s is None else f", the next one since {age(each.state.poison_s)}"
            say(
                f"the poison queue of {each.flow} holds {counted(each.state.poison, 'message')}{since}: check whether "
                f"the function {each.flow}_poison runs and why it fails (docs/runbook.md#poison-stays)",
                style="red",
            )
    for gate in told.gates:
        if gate.closed:
            said = f" It said: {gate.said}" if gate.said else ""
            say(
                f"{gate.system.label} has not been reachable since {words(gate.closed_since)}: {gate.reason}.{said}",
                style="red",
            )


def _table_of(told: Status, to: Connection) -> tuple[list[str], list[list[object]]]:
    """The flows as columns and rows of a table. Columns in which no flow has anything are left out."""
    rows = []
    for flow in told.flows:
        state = flow.state
        queues = f"{state.queued} / {state.held} / {state.poison}" if state.queued or state.held or state.poison else ""
        waiting = f"{state.waiting} ({age(state.waiting_s)})" if state.waiting else ""
        records = f"{words(flow.links)}; by rule: {words(flow.rules)}" if flow.rules else flow.links
        records = f"{words(records)}; kept: {flow.kept}" if flow.kept else records
        rows.append(
            (flow.flow, flow.standing, _last_pull(flow, to), age(state.checkpoint_age_s), queues, words(records),
             waiting, state.failures_open or "", words(flow.applied))
        )  # fmt: skip
    columns = ["flow", "state", "last pull", "behind", "queue / hold / poison", "records", "waiting", "failures"]
    columns.append("last hour")
    kept = [at for at in range(len(columns)) if any(row[at] != "" for row in rows)]
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in rows]


def _last_pull(flow: FlowStatus, to: Connection) -> str:
    """How long ago the last pull was; empty if there was none."""
    if flow.last_pull is None:
        return ""
    return f"{age(max((to.service.clock.now() - flow.last_pull).total_seconds(), 0))} ago"


def _show_block(flow: FlowStatus, to: Connection) -> None:
    running = flow.standing
    why = f" ({flow.off})" if flow.off else ""
    say(f"{flow.flow}: {running}{why}", style="bold" if running in ("runs", "off") else "bold red")
    for text in _lines(flow, to):
        say_indented(text)


def _lines(flow: FlowStatus, to: Connection) -> Iterator[str]:
    """What there is to tell of a flow; nothing of what is empty."""
    state = flow.state
    if last_pull := _last_pull(flow, to):
        behind = f", {age(state.checkpoint_age_s)} behind" if state.checkpoint_age_s is not None else ""
        yield f"last pull {last_pull}{behind}"
    queued = {"queued": state.queued, "on hold": state.held, "poison": state.poison}
    if any(queued.values()):
        yield "messages: " + ", ".join(f"{count} {name}" for name, count in queued.items() if count)
    if flow.links:
        yield f"records: {words(flow.links)}"
    if flow.rules:
        yield f"by rule: {words(flow.rules)}"
    if flow.kept:
        yield f"with fields that stay as others have changed them: {flow.kept} (p2c records {flow.flow} --kept)"
    if state.waiting:
        yield f"waiting: {state.waiting}, the oldest for {age(state.waiting_s)}"
    if state.failures_open:
        yield f"failures: {state.failures_open} (p2c failures {flow.flow})"
    if flow.applied:
        yield f"last hour: {words(flow.applied)}"
