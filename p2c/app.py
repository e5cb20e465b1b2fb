"""What all commands share: the application, its options, and the connection to the deployment."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from p2c.arguments import file_named, whole_number
from p2c.connection import Connection, connect
from p2c.helping import Application
from p2c.mistakes import Mistake
from p2c.output import say, tell
from p2c.troubles import TOLD, told
from shared.flows.registry import FLOWS
from shared.telemetry import QUIET
from shared.visible import visible

SUCCESS, ATTENTION = 0, 1

app = Application(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="See what is not in step and why, and repair it. Sign in first, with `az login` or `azd auth login`.",
    epilog="Exit codes: 0 success, 1 something needs attention, 2 wrong usage, 3 a system or the storage is not "
    "reachable, 130 interrupted, 141 the reader of the output has gone. Begin with: p2c status; then p2c failures, "
    "and p2c explain accounts NUMBER.",
)

Flow = Annotated[str, typer.Argument(help=f"{', '.join(FLOWS.names[:-1])} or {FLOWS.names[-1]}")]
MaybeFlow = Annotated[str | None, typer.Argument(help="one flow; default: all")]
Ids = Annotated[list[str] | None, typer.Argument(help="ids or numbers of records")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document instead of a table")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
Remembered = Annotated[
    bool, typer.Option("--remembered", help="do not read what the target holds now: show what was last written")
]
All = Annotated[bool, typer.Option("--all", help="every flow")]
Reason = Annotated[str, typer.Option("--reason", help="the reason, kept in the audit log")]
Limit = Annotated[
    int | None, typer.Option("--limit", parser=whole_number(1, 1_000_000), metavar="N", help="stop after the first N")
]

_given: dict[str, Path | None] = {"settings": None}


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"p2c {version('prospect-to-cash-sync')}")
        raise typer.Exit


@app.callback()
def main(
    settings: Annotated[
        Path | None,
        typer.Option(
            parser=file_named,
            metavar="FILE",
            help="read the settings from a file in the form of local.settings.json; default: the environment",
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="show the version", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Which deployment."""
    # Errors are shown as one sentence of our own.
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    _given["settings"] = settings


def located(to: Connection, flow: str, given: list[str]) -> list[str]:
    """The ids of the records that the user has named by id, number or address. Raises NotFound, and
    Mistake for the address of another table's row."""
    return [to.service.locate(flow, to.meant_in(flow, text)) for text in given]


def confirm(question: str, yes: bool) -> None:
    """Ask before something is changed, unless `yes`. A no ends the command well; raises Mistake if nobody answers,
    and typer.Abort for Ctrl-C."""
    try:
        agreed = yes or typer.confirm(visible(question))
    except typer.Abort as nobody:
        # The library ends in the same way by Ctrl-C, and where the input has no answer.
        if isinstance(nobody.__context__, KeyboardInterrupt):
            raise
        raise Mistake("nothing was changed; answer y, or pass --yes") from nobody
    if not agreed:
        say("Nothing was changed.")
        raise typer.Exit(SUCCESS)


@contextmanager
def connected(*, looks_only: bool = False, without_state: bool | None = False) -> Iterator[Connection]:
    """The deployment. Every error becomes one sentence and an exit code."""
    try:
        yield connect(FLOWS, _given["settings"], looks_only=looks_only, without_state=without_state)
    except TOLD as error:
        why = told(error)
        tell(why.message)
        raise typer.Exit(why.code) from None


def check_settings(to: Connection, flow: str) -> None:
    """Tell it if the app maps the flow by other settings than those given here, from which a prediction follows. Raises
    Mistake if they name other systems than the deployment."""
    change = to.service.environment.change_by_settings(flow)
    if change:
        raise Mistake(f"{change}; correct the settings given here: the sync remembers nothing about other systems")
    checkpoint = to.service.state.checkpoints.load(flow)
    if checkpoint is None or checkpoint.made_for.fingerprint is None:
        return
    known = (to.service.flows, to.service.flows_now)
    if not any(flows[flow].maps_as(checkpoint.made_for.fingerprint) for flows in known):
        tell(
            f"note: the app maps {flow} differently: its value maps, settings or version are not those given here, or "
            "entries were set by hand since its last pull"
        )


def standstill(to: Connection, flow: str) -> str:
    """The sentence that says when queued records are synced, with a blank before it; empty if the flow runs now."""
    control = to.service.state.control.flow(flow)
    why = "paused" if control.paused else "blocked" if control.blocked else ""
    why = "off" if to.service.flows[flow].off else why
    return f" {flow} is {why}: they are synced when it runs again." if why else ""
