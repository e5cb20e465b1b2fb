"""The records of a flow, and its runs, as lists."""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, TextIO

import typer

from p2c.app import Flow, Json, Limit, MaybeFlow, app, connected
from p2c.arguments import file_named, moment
from p2c.mistakes import Mistake
from p2c.output import as_json, say, table, words
from p2c.sheets import harmless
from p2c.texts import run_counts
from shared.operations.records_list import STATES, Listed, listed_records, require_state, rule_like
from shared.state.runs import Run

_COLUMNS = tuple(field.name for field in fields(Listed))


@app.command(rich_help_panel="Inspect", example="p2c records accounts")
def records(  # noqa: PLR0917 - the options of a command
    flow: Flow,
    state: Annotated[str | None, typer.Option(help=f"those in this state: {', '.join(STATES)}")] = None,
    rule: Annotated[str | None, typer.Option(help="those that this rule filters, or that this cause rejects")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="those whose state was written since then, UTC"),
    ] = None,
    kept: Annotated[
        bool, typer.Option("--kept", help="those with fields in which the target's own value stays, by a policy")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--csv", parser=file_named, metavar="FILE", help="write all of them to this file")
    ] = None,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """List the records of a flow with their state, and the rule or cause of it."""
    with connected() as to:
        (name,) = to.flows(flow)
        if state is not None:
            require_state(state)
        service = to.service
        found = listed_records(service.state.links, name, service.clock, state=state, rule=rule, since=since, kept=kept)
        if file is not None:
            with _opened(file) as stream:
                count = _write(stream, islice(found, limit))
            say(f"{name}: records: {count}, in {file}.")
            return
        shown = list(islice(found, limit or 100))
        if json:
            as_json(shown)
            return
        if not shown:
            asked = state or rule or since or kept
            say(f"No record of {name} is like that." if asked else f"{name} has no records yet.")
            close = rule_like(service.flows[name], service.failing(), rule) if rule else ""
            if close:
                say(f"No rule or cause known here is {rule!r}: did you mean {close}?")
            return
        columns = ["key in the target", "id", "state", "rule or cause", "since (UTC)"]
        keeps = any(each.kept for each in shown)
        rows = [
            (each.key, each.id, each.state, each.rule, each.since, *([each.kept] if keeps else ())) for each in shown
        ]
        table([*columns, "kept"] if keeps else columns, rows)
        if next(found, None) is not None:
            say("There are more; --limit N shows N, --csv FILE writes all of them.")


@app.command(rich_help_panel="Inspect")
def runs(flow: MaybeFlow = None, limit: Limit = 20, json: Json = False) -> None:
    """List what the last runs did, and how long they took."""
    with connected() as to:
        found: list[Run] = []
        for name in to.flows(flow):
            found += to.service.state.runs.latest(name, limit or 20)
        found = sorted(found, key=lambda run: run.started, reverse=True)[:limit]
        if json:
            as_json(found)
            return
        if not found:
            say("No runs.")
            return
        rows = (
            (run.started, run.flow, run.kind, f"{run.seconds:.1f}", run_counts(run.counts), run.id) for run in found
        )
        table(["started (UTC)", "flow", "kind", "seconds", "what", "run"], rows)


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    try:
        # Spreadsheets know the encoding by the mark at the beginning.
        with file.open("w", encoding="utf-8-sig", newline="") as stream:
            yield stream
    except OSError as wrong:
        raise Mistake(f"--csv {file} cannot be written ({wrong.strerror}); name another file") from wrong


def _write(stream: TextIO, found: Iterable[Listed]) -> int:
    """Write records as comma-separated values; how many."""
    lines = csv.writer(stream)
    lines.writerow(_COLUMNS)
    count = 0
    for each in found:
        lines.writerow(harmless(words(value)) for value in astuple(each))
        count += 1
    return count
