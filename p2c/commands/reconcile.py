"""The comparison of both systems, record by record."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from p2c.app import ATTENTION, SUCCESS, Flow, Json, app, check_settings, connected
from p2c.output import as_json, say
from p2c.texts import SHOWN, show_changes
from shared.operations.reconcile import Drifted


@app.command(rich_help_panel="Inspect")
def reconcile(
    flow: Flow,
    repair: Annotated[bool, typer.Option("--repair", help="queue the records that differ")] = False,
    json: Json = False,
) -> None:
    """Compare both systems record by record: what is missing, extra or different. Exit code 1 on any drift."""
    with connected(looks_only=not repair) as to:
        (name,) = to.flows(flow)
        check_settings(to, name)
        reconciling = to.service.reconciling(name)
        tally = DriftReport(name, keeps_all=json)
        found = tally.of(reconciling.drifted())
        queued = reconciling.repair(found, to.audit_log, to.service.sender) if repair else sum(0 for _ in found)
        if json:
            as_json({"compared": reconciling.compared, "drifted": tally.kept, "queued": queued})
        else:
            tally.show(reconciling.compared)
            if queued:
                say(f"{name}: queued: {queued}.")
    raise typer.Exit(ATTENTION if tally.count else SUCCESS)


class DriftReport:
    """What a comparison finds, as it is found; only the first entries are kept, unless `keeps_all`."""

    def __init__(self, flow: str, *, keeps_all: bool) -> None:
        self._flow = flow
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
            if each.changes:
                show_changes(each.changes)
        if self.count > len(self.kept):
            say(f"{self.count - len(self.kept)} more; --json has them all.")
        say(f"{self._flow}: compared: {compared}, drifted: {self.count}.")
        if any(each.id is None for each in self.kept):
            say("  what helps with a row of no record: end it by hand, or remove its mark; --repair does not touch it")
