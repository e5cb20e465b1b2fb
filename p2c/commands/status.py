"""The state of every flow."""

from typing import Annotated

import typer

from p2c.app import ATTENTION, SUCCESS, Json, MaybeFlow, app, connected
from p2c.arguments import whole_number
from p2c.output import age, as_json, say, table, words
from shared.counting import counted
from shared.operations.status import Status


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
    json: Json = False,
) -> None:
    """Show the state of every flow. Exit code 1 if something needs attention."""
    with connected() as to:
        told = to.service.status(to.flows(flow), lag_minutes=lag)
        as_json(told) if json else show_status(told)
    raise typer.Exit(ATTENTION if told.needs_attention else SUCCESS)


def show_status(told: Status) -> None:
    """The state of everything."""
    rows = []
    for flow in told.flows:
        state = flow.state
        running = "blocked" if state.blocked else "paused" if state.paused else "late" if flow.is_late else "runs"
        running = "off" if flow.off else running
        queues = f"{state.queued} / {state.held} / {state.poison}"
        waiting = f"{state.waiting} ({age(state.waiting_s)})" if state.waiting else ""
        rows.append(
            (flow.flow, running, flow.last_pull, age(state.checkpoint_age_s), queues, flow.links, waiting,
             state.failures_open or "", flow.applied)
        )  # fmt: skip
    columns = ["flow", "state", "last pull (UTC)", "behind", "queue / hold / poison", "records", "waiting", "failures"]
    table([*columns, "last hour"], rows)
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
