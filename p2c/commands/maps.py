"""The map document: whether it is right, what it makes of the maps of the flows, and what differs between two."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from p2c.app import ATTENTION, SUCCESS, Flow, Json, app, connected
from p2c.arguments import file_named
from p2c.commands.preflight import show_checks
from p2c.connection import Connection
from p2c.helping import Application
from p2c.mistakes import Mistake
from p2c.output import as_json, say, table
from p2c.texts import code_of
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import FinopsSystem
from shared.counting import counted
from shared.errors import SettingsInvalid
from shared.flows.checks import Check, CheckResult
from shared.mapping.field_row import FieldRow
from shared.mapping.map_source import MapSource, map_source, require_readable, told_of_file
from shared.operations.map_entries import ListedEntry, listed
from shared.operations.map_tables import map_differences, map_tables
from shared.operations.own_columns import own_columns
from shared.operations.preflight.run import Preflight
from shared.records import Json as Value
from shared.systems import System
from shared.visible import visible

maps = Application(no_args_is_help=True, help="Check the map document, show what it makes of the maps, or compare two.")
app.add_typer(maps, name="map", rich_help_panel="Inspect")

File = Annotated[Path, typer.Argument(parser=file_named, metavar="FILE", help="a map document")]
MaybeFile = Annotated[
    Path | None,
    typer.Option("--map", parser=file_named, metavar="FILE", help="a map document; default: that of the settings"),
]


@maps.command(example="p2c map check examples/contoso.yaml")
def check(
    file: File,
    live: Annotated[
        bool, typer.Option("--live", help="also compare its names with the metadata of both systems")
    ] = False,
    json: Json = False,
) -> None:
    """Check a map document: its form, its names, types, lengths and members. Without --live no system is called, and no
    settings are needed. Exit code 1 if a system lacks something."""
    with connected(looks_only=True, without_state=True) as to:
        with_map = to.with_map(file, placeholders=not live)
        deployment = with_map.deployment
        found = list(_live(with_map)) if live else []
        wrong = [check for check in found if check.verdict is CheckResult.WRONG]
        tables = (each for flow in to.registry for each in map_tables(deployment, flow.name))
        fields = sum(row.is_changed for each in tables for row in each.rows)
        if json:
            as_json({"file": str(file), "changed_fields": fields, "checks": found})
        else:
            say(f"{file} is a map document without mistakes; it changes or adds {counted(fields, 'field')}.")
            if live:
                show_checks(found, {}, ())
    raise typer.Exit(ATTENTION if wrong else SUCCESS)


@maps.command(example="p2c map show accounts")
def show(
    flow: Flow,
    file: MaybeFile = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="write Markdown tables, for a document")] = False,
    json: Json = False,
) -> None:
    """Show the map that counts: every field of a flow's targets with its source, its rule, ownership and length. A star
    marks what the document changes. If the settings name the storage, what is set by hand is shown, too."""
    with connected(looks_only=True, without_state=None) as to:
        with_map = to.with_map(file, placeholders=True)
        (name,) = to.flows(flow)
        tables = map_tables(with_map.deployment, name)
        if json:
            as_json(tables)
            return
        for each in tables:
            if markdown:
                say(f"{each.part}: {each.source_set or 'source'} to {each.target_set}")
                say("")
                for line in markdown_of(each.rows, each.towards):
                    say(line)
                say("")
            else:
                title = f"{each.part}: {each.source_set} to {each.target_set}"
                table(["field", "ownership", "from", "how", "length"], map(_cells, each.rows), title=title)
        by_hand = listed(with_map.deployment, with_map.service.map_entries.now())
        if by_hand and not markdown:
            entries_table(by_hand)


def entries_table(found: Sequence[ListedEntry]) -> None:
    """The entries of value maps that are set by hand."""
    if not found:
        say("No entry is set by hand.")
        return
    columns = ["map", "name", "code", "set by", "when (UTC)", "why", "beside the document"]
    rows = (
        (each.entry.map, each.entry.name, code_of(each.entry), each.entry.who, each.entry.at, each.entry.reason,
         each.meaning)
        for each in found
    )  # fmt: skip
    table(columns, rows, title="set by hand, for every flow")


@maps.command()
def learn(
    into: Annotated[
        Path | None,
        typer.Option(parser=file_named, metavar="FILE", help="write them into this map document, beside what it has"),
    ] = None,
) -> None:
    """Read which columns of both systems only your organisation has, and write them as `own_columns` of a map document:
    to the terminal, or into a file. It reads metadata only."""
    with connected(looks_only=True, without_state=True) as to:
        document = None if into is None else _document(into)
        found = own_columns(to.deployment, *_systems(to))
        count = sum(map(len, found.values()))
        if into is None or document is None:
            as_json({"own_columns": found})
            return
        known = _object(_object(document.content()).get("own_columns"))
        merged = dict(known)
        for name, columns in found.items():
            # What somebody has written counts.
            merged[name] = {**columns, **_object(merged.get(name))}
        if merged == known:
            say(f"{counted(count, 'column')} of your own, and {into} lacks none: it stays as it is.")
            return
        write_map(into, document.with_part("own_columns", merged))
        say(f"{counted(count, 'column')} of your own; {into} has them now.")


@maps.command(example="p2c map diff shared/mapping/value_maps.json examples/contoso.yaml")
def diff(old: File, new: File, json: Json = False) -> None:
    """Show what differs between two map documents: fields first, then value maps and the other parts. Exit code 1 if
    something does."""
    with connected(looks_only=True, without_state=True) as to:
        before, after = (to.with_map(file, placeholders=True).deployment for file in (old, new))
        found = list(map_differences(before, after))
        if json:
            as_json(found)
        else:
            table(["place", str(old), str(new)], ((each.place, each.old, each.new) for each in found))
            say(f"differences: {len(found)}")
    raise typer.Exit(ATTENTION if found else SUCCESS)


def markdown_of(rows: Iterable[FieldRow], towards: System) -> Iterator[str]:
    """The fields of a mapping as a Markdown table: the pages of docs/ are made with it."""
    target, source = ("F&O field", "Sales column") if towards is System.FINOPS else ("Sales column", "F&O field")
    yield f"| {target} | ownership | {source} | how | length |"
    yield "|---|---|---|---|---|"
    for row in rows:
        yield f"| `{row.field}` | {row.ownership} | {_code(row.columns)} | {_rule(row)} | {_length(row)} |"


def _systems(to: Connection) -> tuple[DataverseSystem, FinopsSystem]:
    dataverse, finops = to.service.systems[System.DATAVERSE], to.service.systems[System.FINOPS]
    assert isinstance(dataverse, DataverseSystem)
    assert isinstance(finops, FinopsSystem)
    return dataverse, finops


def _document(file: Path) -> MapSource:
    """A map document, which need not be right. Raises Mistake if it is no object at all."""
    try:
        require_readable(file)
        found = map_source(str(file))
        content = found.content()
    except SettingsInvalid as invalid:
        mistake = Mistake(told_of_file(invalid))
    else:
        if isinstance(content, dict):
            return found
        mistake = Mistake(f"{file} holds no object; name a map document")
    raise mistake


def _object(value: Value) -> Mapping[str, Value]:
    return value if isinstance(value, dict) else {}


def write_map(file: Path, text: str) -> None:
    """Write a map document. Raises Mistake."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise Mistake(f"{file} cannot be written ({wrong.strerror}); name another file") from wrong


def _live(to: Connection) -> Iterator[Check]:
    """The checks of the names against the metadata of both systems."""
    preflight = Preflight(to.service.systems, to.deployment, to.service.clock.now())
    return (check for check in preflight.checks() if check.flows)


def _cells(row: FieldRow) -> Sequence[object]:
    star = "*" if row.is_changed else ""
    return f"{row.field}{star}", row.ownership, ", ".join(row.columns), row.rule, row.length or ""


def _rule(row: FieldRow) -> str:
    """A rule, which has code in it; what would end a cell does not."""
    return visible(row.rule).replace("|", "\\|")


def _code(columns: Sequence[str]) -> str:
    return f"`{', '.join(columns)}`" if columns else ""


def _length(row: FieldRow) -> str:
    return "" if row.length is None else str(row.length) if row.is_verified else f"*{row.length}*"
