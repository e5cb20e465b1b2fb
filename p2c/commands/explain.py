"""One record: why it is, or is not, in step, and what was done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from p2c.app import Flow, Json, Remembered, app, check_settings, connected, located
from p2c.output import as_json, console, fits, say, say_indented, table, words
from p2c.referred import referred_in
from p2c.texts import flat, nested_rows, short, show_columns, show_values, written_of
from shared.operations.causers import causers_of
from shared.operations.explain import Explanation
from shared.operations.lines import LineBeside
from shared.operations.lookup import NotFound
from shared.state.history import Entry, Histories

_TABLE_FITS = 120


@app.command(rich_help_panel="Inspect", example="p2c explain accounts ACC-1001")
def explain(
    flow: Flow,
    record: Annotated[str, typer.Argument(help="id or number")],
    remembered: Remembered = False,
    json: Json = False,
) -> None:
    """Explain why a record is, or is not, in step, and what helps."""
    with connected(looks_only=True) as to:
        (name,) = to.flows(flow)
        check_settings(to, name)
        (id,) = located(to, name, [record])
        told = to.service.explaining(name).explain(id, remembered=remembered)
        if json:
            as_json(told)
            return
        failure = told.examined.failure or told.failure
        show_explanation(
            told, to.addresses(name, id, told.examined.key, told.examined.row), to.addresses_of_rival(failure)
        )
        if told.examined.row is not None:
            for each in referred_in(told.examined.row.values, to.registry):
                say(f"  refers to {each.flow} {each.record}: {to.address_of_row(each.table, each.id)}")


@app.command(rich_help_panel="Inspect", example="p2c history accounts ACC-1001")
def history(flow: Flow, record: Annotated[str, typer.Argument(help="id or number")], json: Json = False) -> None:
    """Show what was done with a record, when, and by which run."""
    with connected() as to:
        (name,) = to.flows(flow)
        (id,) = located(to, name, [record])
        entries = Histories(to.service.state.links.table).latest(name, id, 200)
        if not entries:
            raise NotFound(f"there is no history of a record {record!r} of {name}")
        causers = causers_of(to.service.state.audit, entries)
        if json:
            as_json([{**asdict(entry), "by": by} for entry, by in zip(entries, causers, strict=True)])
        else:
            show_history(list(zip(entries, causers, strict=True)))


def show_history(entries: Sequence[tuple[Entry, str]]) -> None:
    """What was done with a record, each entry with who caused it: a table, or where it is too wide for the terminal, a
    block for each entry."""
    rows = [(entry.time, entry.outcome, by, written_of(entry), _run_of(entry)) for entry, by in entries]
    columns = ["when (UTC)", "what", "because of", "fields", "run, and its map"]
    if console().width >= _TABLE_FITS and fits(columns, rows):
        table(columns, rows)
        return
    for entry, by in entries:
        say(f"{words(entry.time)} UTC {entry.outcome}", style="bold")
        for label, text in (("because of", by), ("fields", written_of(entry)), ("run", _run_of(entry))):
            if text:
                say_indented(f"{label}: {text}")


def _run_of(entry: Entry) -> str:
    """The run that has done something, and the fingerprint of the map with which it did."""
    return f"{entry.run} map {entry.map}" if entry.map else entry.run


def show_explanation(told: Explanation, addresses: Sequence[str], rival: Sequence[str]) -> None:
    """One record, and the addresses of the record that already has its key."""
    examined = told.examined
    named = " ".join(part for part in (told.number if told.number != examined.id else "", told.name) if part)
    say(f"{told.flow} {examined.id}{f' ({named})' if named else ''}", style="bold")
    for address in addresses:
        say(f"  {address}")
    for sentence in told.sentences:
        say(f"  {sentence}")
    for address in rival:
        say(f"  the other record: {address}")
    if told.beside.values:
        show_values(told.beside.values, told.target)
    if told.lines:
        show_columns("field", [(f"line {each.number}", _cells(each, told.target)) for each in told.lines])
    if len(told.steps) > 1:
        say("  From record to record to the first cause:")
        for step in told.steps:
            name = f" {step.name}" if step.name else ""
            say(f"  {'  ' * (step.depth + 1)}{step.flow} {step.number or step.id}{name}: {step.words}")
    if told.action:
        say(f"  What helps: {told.action}", style="green")
    for act in told.acts:
        say(f"    {act}")
    if examined.row is not None:
        table([f"what {told.source} holds now", "value"], flat(examined.row.values))
        for title, rows in nested_rows(examined.row.values):
            show_columns(title, [(str(place), row) for place, row in enumerate(rows, 1)])
    if examined.link.content.applied:
        table([f"what the sync keeps equal in {told.target}", "as last written"], flat(examined.link.content.applied))


def _cells(line: LineBeside, target: str) -> Mapping[str, object]:
    """The fields of a line: ours, and theirs where they differ."""
    return {
        name: f"{short(cell.ours)} (in {target}: {short(cell.theirs)})" if cell.differs else cell.ours
        for name, cell in line.cells.items()
    }
