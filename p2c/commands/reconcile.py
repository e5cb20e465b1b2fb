"""The comparison of both systems, record by record."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated

import typer
from rich.progress import Progress

from p2c.app import ATTENTION, SUCCESS, Flow, Ids, Json, Limit, Yes, app, check_settings, confirm, connected, located
from p2c.connection import Connection
from p2c.output import as_json, console, say
from p2c.texts import SHOWN, show_changes
from shared.counting import counted
from shared.operations.reconcile import Drifted, Reconciling


@app.command(rich_help_panel="Inspect", example="p2c reconcile accounts")
def reconcile(  # noqa: PLR0917 - the options of a command
    flow: Flow,
    ids: Ids = None,
    repair: Annotated[bool, typer.Option("--repair", help="queue the records that differ")] = False,
    limit: Limit = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Compare both systems record by record: what is missing, extra or different. Exit code 1 on any drift.

    With records, only these are compared. Without, --repair asks first; --limit queues only the first ones.
    """
    with connected(looks_only=not repair) as to:
        (name,) = to.flows(flow)
        check_settings(to, name)
        reconciling = to.service.reconciling(name)
        tally = DriftReport(name, to.service.flows[name].target_system.label, keeps_all=json)
        drifted = reconciling.drifted_of(located(to, name, ids)) if ids else reconciling.drifted()
        # Where nobody looks, the library would leave a blank line.
        is_unseen = json or not console().is_interactive
        with Progress(console=console(), transient=True, disable=is_unseen) as progress:
            task = progress.add_task(f"comparing {name}", total=None)
            found: list[Drifted] = []
            for each in tally.of(drifted):
                progress.update(task, description=f"comparing {name}: {reconciling.compared}")
                # Only the first ones are shown with their fields.
                found.append(replace(each, changes=()))
        if not json:
            tally.show(reconciling.compared)
        queued = _repair(to, reconciling, name, found[:limit], asks=not ids and not yes) if repair else 0
        if json:
            as_json({"compared": reconciling.compared, "drifted": tally.kept, "queued": queued})
        elif queued:
            say(f"{name}: queued: {queued}.")
    raise typer.Exit(ATTENTION if tally.count else SUCCESS)


def _repair(to: Connection, reconciling: Reconciling, flow: str, found: list[Drifted], *, asks: bool) -> int:
    """Queue records; how many."""
    count = sum(each.id is not None for each in found)
    if not count:
        return 0
    confirm(f"Queue {counted(count, 'record')} of {flow} to be written again?", not asks)
    return reconciling.repair(found, to.audit_log, to.service.sender)


class DriftReport:
    """What a comparison finds, as it is found; only the first entries are kept, unless `keeps_all`."""

    def __init__(self, flow: str, target: str, *, keeps_all: bool) -> None:
        self._flow = flow
        self._target = target
        self._keeps_all = keeps_all
        self.kept: list[Drifted] = []
        self.count = 0

    def of(self, drifted: Iterable[Drifted]) -> Iterator[Drifted]:
        """The same, noted on their way."""
        for each in drifted:
            self.count += 1
            if self._keeps_all or self.count <= SHOWN:
                self.kept.append(each)
            yield each

    def show(self, compared: int) -> None:
        """In words."""
        for each in self.kept:
            say(f"{each.drift}: {each.key} ({each.id or 'the row of no record'})", style="bold")
            if each.reason:
                say(f"  {each.reason}")
            if each.changes:
                show_changes(each.changes, self._target)
        if self.count > len(self.kept):
            say(f"{self.count - len(self.kept)} more; --json has them all.")
        say(f"{self._flow}: compared: {compared}, drifted: {self.count}.")
        if any(each.id is None for each in self.kept):
            say("  what helps with a row of no record: end it by hand, or remove its mark; --repair does not touch it")
