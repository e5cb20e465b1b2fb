"""The console: the same answers and acts as pages in a browser, for those who do not use a terminal."""

from dataclasses import replace
from importlib.util import find_spec
from typing import Annotated

import typer

from p2c.app import app, connected
from p2c.arguments import whole_number
from p2c.mistakes import Mistake
from p2c.output import say

# What the pages need besides the packages of `p2c`: the extra `console`.
_NEEDED = ("jinja2", "starlette", "uvicorn")


@app.command(rich_help_panel="Inspect")
def console(
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="allow changes: retry, dismiss, repair, decide conflicts, put values back, pause; default: only show",
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(parser=whole_number(0, 65535), metavar="N", help="the port; default: a free one")
    ] = 0,
) -> None:
    """Serve pages on this computer that show what these commands show. Only a browser on this computer that has the
    address can use them. Ctrl-C ends it."""
    with connected(looks_only=not write) as connection:
        _require_packages()
        to = replace(connection, for_pages=True)
        # Its packages are an extra: no other command needs them.
        from p2c.console.server import serving  # noqa: PLC0415

        _ = to.service
        if write:
            _ = to.audit_log
        with serving(to, port=port, writes=write) as pages:
            _tell(pages.address)
            pages.run()


def _require_packages() -> None:
    """Raises Mistake if one of the packages is missing."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise Mistake(
            f"the console needs {', '.join(missing)}: install this project with its extra `console` "
            "(`pip install '.[console]'` in a clone), or run ./p2c.sh console in the clone, whose environment has them"
        )


def _tell(address: str) -> None:
    say("Open this address in a browser on this computer. It holds a secret of this start: keep it to yourself.")
    say(f"  {address}")
    say("Ctrl-C ends the console.")
