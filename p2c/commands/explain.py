"""One record: why it is, or is not, in step, and what was done with it."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from p2c.app import Flow, Json, Remembered, app, check_settings, connected, located
from p2c.output import as_json, say, table
from p2c.texts import short, show_values
from shared.operations.explain import Explanation
from shared.operations.lookup import NotFound
from shared.records import Values
from shared.state.history import Histories

# With the time, the outcome and the id of the run, a line of a history has some 120 characters.
_FIELDS_WIDTH = 42


@app.command(rich_help_panel="Inspect")
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


@app.command(rich_help_panel="Inspect")
def history(flow: Flow, record: Annotated[str, typer.Argument(help="id or number")], json: Json = False) -> None:
    """Show what was done with a record, when, and by which run."""
    with connected() as to:
        (name,) = to.flows(flow)
        (id,) = located(to, name, [record])
        entries = Histories(to.service.state.links.table).latest(name, id, 200)
        if not entries:
            raise NotFound(f"there is no history of a record {record!r} of {name}")
        if json:
            as_json(entries)
        else:
            rows = ((entry.time, entry.outcome, ", ".join(entry.fields), entry.run) for entry in entries)
            columns = ["when (UTC)", "what", "fields", "run"]
            table(columns, rows, widest={"fields": _FIELDS_WIDTH}, whole={"run"})


def show_explanation(told: Explanation, addresses: Sequence[str], rival: Sequence[str]) -> None:
    """One record, and the addresses of the record that already has its key."""
    examined = told.examined
    say(f"{told.flow} {examined.id}", style="bold")
    for address in addresses:
        say(f"  {address}")
    for sentence in told.sentences:
        say(f"  {sentence}")
    for address in rival:
        say(f"  the other record: {address}")
    if told.beside.values:
        show_values(told.beside.values, told.target)
    if told.action:
        say(f"  What helps: {told.action}", style="green")
    if examined.row is not None:
        table([f"what {told.source} holds now", "value"], _flat(examined.row.values))
    if examined.link.content.applied:
        table([f"what the sync keeps equal in {told.target}", "as last written"], _flat(examined.link.content.applied))


def _flat(values: Values, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Values by name; those of nested rows by the name of the list and the position in it."""
    for name, value in values.items():
        nested = enumerate(value, 1) if isinstance(value, list) else [("", value)]
        for place, each in nested:
            if isinstance(each, dict):
                yield from _flat(each, f"{prefix}{name} {place} ".replace("  ", " "))
            elif each is not None:
                yield f"{prefix}{name}", short(each)
