"""The dry run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from p2c.app import Flow, Ids, Json, Limit, Remembered, app, check_settings, connected, located
from p2c.arguments import file_named
from p2c.estimate import Estimate, estimate_of
from p2c.mistakes import Mistake
from p2c.output import as_json, say, words
from p2c.plans import Found, after, as_markdown, remarks_of
from p2c.texts import SHOWN, show_values
from shared.counting import counted
from shared.operations.dry_run import Summary, summary_of
from shared.operations.examine import Examined
from shared.systems import System


@app.command(rich_help_panel="Inspect", example="p2c plan accounts")
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
    remembered: Remembered = False,
    map_file: Annotated[
        Path | None,
        typer.Option("--map", parser=file_named, metavar="FILE", help="as if this were the map document"),
    ] = None,
    json: Json = False,
) -> None:
    """Show in a dry run what would be created, changed, adopted or rejected. It writes nothing."""
    with connected(looks_only=True, without_state=without_state) as deployed:
        (name,) = deployed.flows(flow)
        check_settings(deployed, name)
        to = deployed if map_file is None else deployed.with_map(map_file)
        if markdown is not None:
            _write(markdown, "")
        run = to.service.dry_run(name)
        chosen: Iterator[Examined] = run.of(located(to, name, ids)) if ids else run.of_all(limit)
        examined = list(chosen)
        found = Found(examined, to.service.side_by_side(name, examined, remembered=remembered))
        summary = summary_of(examined)
        estimate = estimate_of(to.service.limits, summary, to.service.state.runs.latest(name, 500))
        if markdown is not None:
            _write(markdown, as_markdown(name, summary, found, estimate))
        if json:
            answer = {"summary": summary, "estimate": estimate, "fields": found.fields, "records": examined}
            as_json({**answer, "side_by_side": found.beside})
        elif markdown is None:
            show_plan(name, summary, found, estimate, to.service.flows[name].target_system)
        else:
            say(f"The plan is in {markdown}.")


def show_plan(flow: str, summary: Summary, found: Found, estimate: Estimate, system: System) -> None:
    """A dry run."""
    target = system.label
    adopted = f"; {summary.adopted} of them adopted" if summary.adopted else ""
    say(f"{flow}: {counted(summary.records, 'record')}: {summary.sentence}{adopted}")
    say(f"  {estimate.sentence}")
    if found.fields:
        say(f"  fields that would change: {words(found.fields)}")
    if found.changed_there:
        say(
            f"  rows of {target} that others have changed since they were written: {found.changed_there}; "
            f"`p2c reconcile {flow}` shows them"
        )
    for line in remarks_of(summary):
        say(f"  {line}")
    told = found.told
    for each, beside in told[:SHOWN]:
        say(f"{each.kind} {each.key or ''} ({each.id}){after(each)}", style="bold")
        if each.failure:
            say(f"  {each.failure.cause}: {each.failure.message}")
            say(f"  what helps: {each.failure.remedy}")
        if beside.values:
            show_values(beside.values, target)
    if len(told) > SHOWN:
        say(f"{len(told) - SHOWN} more; --markdown FILE or --json has them all.")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise Mistake(f"--markdown {file} cannot be written ({wrong.strerror}); name another file") from wrong
