"""The operators' console, served while users edit: its address is shown."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from local.demo import environment
from local.demo.processes import running

_ADDRESS = re.compile(r"http://127\.0\.0\.1:[0-9]+/\?key=\S+")
# What it prints is awaited, and must not stay in a buffer.
_AT_ONCE = {"PYTHONUNBUFFERED": "1"}


@contextmanager
def serving_console(settings: Path) -> Iterator[str]:
    """Run `p2c console --write` for as long as the block lasts; its address, which holds a secret of this start. Raises
    UserMistake and DemoFailed if it does not start."""
    # Its output holds the secret, so that is no log of the demo's folder.
    with TemporaryDirectory(prefix="p2c-console-") as folder:
        log = Path(folder, "console.log")
        arguments = ["--settings", str(settings), "console", "--write"]
        own = environment.child_environment(os.environ, _AT_ONCE)
        with running("console", "p2c", arguments, log=log, environment=own) as child:
            child.wait_until(lambda: _address_in(log) is not None)
            yield _address_in(log) or ""


def _address_in(log: Path) -> str | None:
    found = _ADDRESS.search(log.read_text(encoding="utf-8", errors="replace"))
    return found[0] if found else None
