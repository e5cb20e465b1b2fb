"""Records that are to be synced now."""

from typing import Annotated

import typer

from p2c.app import Flow, Ids, app, connected, located, standstill
from p2c.helping import for_example
from p2c.mistakes import Mistake
from p2c.output import say

_EXAMPLE = "p2c sync accounts ACC-1001"


@app.command(rich_help_panel="Change", example=_EXAMPLE)
def sync(
    flow: Flow,
    ids: Ids = None,
    full: Annotated[
        bool, typer.Option("--full", help="read everything again; unchanged records cost no write")
    ] = False,
) -> None:
    """Queue records to be synced now; with --full, have everything read again."""
    with connected() as to:
        (name,) = to.flows(flow)
        if bool(ids) == full:
            raise Mistake(for_example("name records, or pass --full", _EXAMPLE))
        syncing = to.service.syncing(to.audit_log)
        if ids:
            say(f"{name}: queued: {syncing.some(name, located(to, name, ids))}.{standstill(to, name)}")
        elif syncing.everything(name):
            say(f"The next pull of {name} reads everything.")
        else:
            raise Mistake(f"{name} is being read at the moment; try again when that is finished")
