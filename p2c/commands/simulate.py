"""The command that plays random histories of the whole product. The simulation is part of the source tree: it runs as a
separate process in the clone, and its output is the output of the command."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from p2c.app import ATTENTION, SUCCESS, app, connected
from p2c.arguments import whole_number
from p2c.connection import Connection
from p2c.endings import INTERRUPTED, UNREAD
from p2c.mistakes import Mistake
from p2c.troubles import MISTAKE
from shared import exact_json
from shared.errors import SettingsInvalid
from shared.mapping.map_source import SHIPPED, is_text
from shared.operations.sample import sample_of

_CLONE = Path(__file__).resolve().parents[2]


_MODULE = "tests.simulation"


# What the simulation needs besides the packages of `p2c`.
_NEEDED = ("greenlet",)


_ROWS = 200


_MAPS = "MAP_DOCUMENT"


@app.command(rich_help_panel="Inspect")
def simulate(  # noqa: PLR0917 - the options of a command
    value_map: Annotated[
        str | None,
        typer.Option("--map", metavar="FILE", help="a map document; default: the one that the settings name"),
    ] = None,
    seeds: Annotated[
        int, typer.Option(parser=whole_number(1, 10_000_000), metavar="N", help="how many histories")
    ] = 500,
    sample: Annotated[str | None, typer.Option(metavar="FOLDER", help="use the records of these *.jsonl files")] = None,
    from_sandbox: Annotated[
        bool, typer.Option("--from-sandbox", help="use records of both systems; they are read and not stored")
    ] = False,
    rows: Annotated[
        int | None,
        typer.Option(parser=whole_number(1, 5000), metavar="N", help=f"records to read of each flow; default: {_ROWS}"),
    ] = None,
    first: Annotated[
        int, typer.Option(parser=whole_number(0, 10**15), metavar="SEED", help="start with this seed")
    ] = 0,
) -> None:
    """Play random histories of the whole product with your value map and records like yours: faults, crashes, edits and
    operators between models of both systems. It writes nothing. Exit code 1 if a history ends in a wrong state, or if
    the map rejects every record of a flow in the sample."""
    with connected(looks_only=True, without_state=True) as to:
        if sample is not None and from_sandbox:
            raise Mistake("--sample and --from-sandbox are both given; choose one of them")
        if rows is not None and not from_sandbox:
            raise Mistake("--rows needs --from-sandbox; omit it, or read from the sandbox")
        _require_simulation(_CLONE)
        maps, folder = _maps(to, value_map), None if sample is None else _folder(sample)
        records = exact_json.dumps(sample_of(to.service.flows, rows or _ROWS)) if from_sandbox else None
        again = _again(value_map, sample, from_sandbox=from_sandbox, rows=rows)
        source = "-" if from_sandbox else folder
        asked = ["--map", maps, *(["--sample", source] if source else []), "--called", again]
        code = _play([*asked, "--seeds", str(seeds), "--first", str(first)], records)
    raise typer.Exit(code)


def _require_simulation(clone: Path) -> None:
    """Raises Mistake if it cannot run."""
    if not (clone / "tests" / "simulation" / "__main__.py").is_file():
        raise Mistake(
            "the simulation is part of the source tree, not of the installed package: clone the "
            "repository and run ./p2c.sh simulate there"
        )
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise Mistake(
            f"the simulation needs {', '.join(missing)}, a development package: run ./p2c.sh simulate "
            "in the clone, whose environment has it"
        )


def _maps(to: Connection, given: str | None) -> str:
    """The map document: the path of a file, or the text of the settings. Raises Mistake."""
    named = to.environ.get(_MAPS, "") if given is None else given
    if given is not None and not given.strip():
        raise Mistake("--map is blank; name a map document")
    source = named.strip() or str(SHIPPED)
    try:
        to.registry.read_map_document(source)
    except SettingsInvalid as invalid:
        mistake = Mistake(str(invalid) if given is None else str(invalid).replace(_MAPS, "--map", 1))
    else:
        return source if is_text(source) else str(Path(source).resolve())
    raise mistake


def _folder(given: str) -> str:
    if not given.strip():
        raise Mistake("--sample is blank; name a folder of *.jsonl files")
    return str(Path(given).resolve())


def _again(value_map: str | None, sample: str | None, *, from_sandbox: bool, rows: int | None) -> str:
    """The part of the command that decides what a seed plays."""
    given: Sequence[str | None] = [
        *(["--map", value_map] if value_map else []),
        *(["--sample", sample] if sample else []),
        *(["--from-sandbox"] if from_sandbox else []),
        *(["--rows", str(rows)] if rows else []),
    ]
    return shlex.join(["p2c", "simulate", *map(str, given)])


def _play(arguments: Sequence[str], records: str | None) -> int:
    """The exit code of the simulation. Records go to it through a pipe: they may be personal data, and are never
    written to a file."""
    command = [sys.executable, "-m", _MODULE, *arguments]
    sys.stdout.flush()
    text = None if records is None else records.encode("utf-8", "surrogatepass")
    try:
        ended = subprocess.run(  # noqa: S603 - our own module, no shell
            command, cwd=_CLONE, env=_environment(), input=text, check=False
        )
    except OSError as refused:
        raise Mistake(
            f"the simulation cannot be started ({refused.strerror}); where {_MAPS} is a long text, put "
            "it into a file and name it with --map"
        ) from refused
    if ended.returncode in (SUCCESS, ATTENTION, MISTAKE, INTERRUPTED, UNREAD):
        return ended.returncode
    raise Mistake(f"the simulation ended with code {ended.returncode}; its output is above")


def _environment() -> Mapping[str, str]:
    """The clone takes precedence over an installed package."""
    return {**os.environ, "PYTHONPATH": str(_CLONE)}
