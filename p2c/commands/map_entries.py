"""Entries of value maps that are set by hand above the map document, without a deployment."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from p2c.app import Flow, Json, Reason, check_settings, connected
from p2c.arguments import file_named
from p2c.commands.maps import entries_table, maps, write_map
from p2c.output import as_json, say
from shared.counting import counted
from shared.mapping.map_source import YAML_SUFFIXES
from shared.operations.map_entries import EntryState, ListedEntry, exported, listed
from shared.records import BOTH

Map = Annotated[
    str,
    typer.Argument(metavar="MAP", help="a value map of the document: countries, states.US, units, or one of your own"),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="the name in the map; of units, the unit in Sales")]
Direction = Annotated[
    str, typer.Option(metavar="DIRECTION", help="of units only: both, to_finops or to_sales, as in the document")
]


@maps.command("set", example='p2c map set accounts countries Wales GB --reason "asked by sales"')
def set_entry(  # noqa: PLR0917 - the words of an entry
    flow: Flow,
    map_name: Map,
    name: Name,
    code: Annotated[str, typer.Argument(metavar="CODE", help="its code; of units, the symbol in F&O")],
    reason: Reason,
    direction: Direction = BOTH,
) -> None:
    """Set an entry of a value map, above the map document and without a deployment. It counts for every flow, from the
    next pull and message on; every record is looked at again, the rejected ones too."""
    with connected() as to:
        (known,) = to.flows(flow)
        check_settings(to, known)
        editing = to.service.map_editing(to.deployment, to.audit_log)
        entry = editing.set(known, map_name, name, code, reason, direction=direction)
        if entry is None:
            say("Nothing was changed: the map has this entry.")
            return
        say(f"{entry.sentence}: it counts from the next pull and message on, and every record is looked at again.")
        (beside,) = listed(to.deployment, [entry])
        if beside.state is EntryState.INSTEAD:
            say(f"It counts {beside.meaning}.")
        say("Put it into the document with the next deployment: `p2c map export FILE`.")


@maps.command("unset", example='p2c map unset accounts countries Wales --reason "deployed"')
def unset_entry(flow: Flow, map_name: Map, name: Name, reason: Reason, direction: Direction = BOTH) -> None:
    """Take back an entry that is set by hand: the map document alone counts again."""
    with connected() as to:
        (known,) = to.flows(flow)
        check_settings(to, known)
        editing = to.service.map_editing(to.deployment, to.audit_log)
        entry = editing.unset(known, map_name, name, reason, direction=direction)
        say(f"{entry.sentence} is taken back: the map document counts again from the next pull and message on.")


@maps.command("entries")
def entries(json: Json = False) -> None:
    """List the entries of value maps that are set by hand: by whom, when and why, and whether the document has them."""
    with connected(looks_only=True) as to:
        found = listed(to.deployment, to.service.map_entries.now())
        if json:
            as_json([_plain(each) for each in found])
        else:
            entries_table(found)
            _tell_unneeded(found)


@maps.command("export")
def export(
    file: Annotated[
        Path | None,
        typer.Argument(
            parser=file_named, metavar="[FILE]", help="the file to write, JSON or YAML by its name; default: shown"
        ),
    ] = None,
) -> None:
    """Write the complete map document with the entries that are set by hand, ready to be reviewed and deployed. Of a
    YAML document that is written as YAML only the parts that get entries are written anew; comments elsewhere stay."""
    with connected(looks_only=True) as to:
        for name in to.flows(None):
            check_settings(to, name)
        entries = to.service.map_entries.now()
        as_yaml = None if file is None else file.suffix.lower() in YAML_SUFFIXES
        text = exported(to.deployment, entries, as_yaml=as_yaml)
        if file is None:
            typer.echo(text, nl=False)
            return
        write_map(file, text)
        found = listed(to.deployment, entries)
        unfit = [each for each in found if each.state is EntryState.UNFIT]
        say(f"{file} has the whole document, with {counted(len(found) - len(unfit), 'entry', 'entries')} set by hand.")
        for each in unfit:
            say(f"left out: {each.entry.sentence}: {each.why}")


def _tell_unneeded(found: Sequence[ListedEntry]) -> None:
    for each in found:
        if each.state is EntryState.IN_DOCUMENT:
            entry = each.entry
            way = [] if entry.direction == BOTH else ["--direction", entry.direction]
            words = ["p2c", "map", "unset", entry.flow, entry.map, entry.name, *way, "--reason", "deployed"]
            say(f"no longer needed: {shlex.join(words)}")


def _plain(each: ListedEntry) -> dict[str, object]:
    entry = each.entry
    return {
        "map": entry.map, "name": entry.name, "code": entry.code, "direction": entry.direction, "flow": entry.flow,
        "who": entry.who, "at": entry.at, "reason": entry.reason, "state": each.state, "document": each.document,
        "why": each.why,
    }  # fmt: skip
