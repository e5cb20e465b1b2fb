"""What the hooks of azd share: values of its environment, and the Azure CLI. Nothing but Python itself is needed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Failed(Exception):
    """A hook cannot do its work; the text says why, and what to do."""


def names() -> dict[str, Any]:
    """The names in the code: infra/names.json."""
    found: dict[str, Any] = json.loads((ROOT / "infra" / "names.json").read_text(encoding="utf-8"))
    return found


def value(name: str) -> str:
    """A value of azd's environment: azd passes it to its hooks; if a hook is run by hand, azd is asked for it.

    Raises Failed if there is none.
    """
    given = os.environ.get(name) or _asked("azd", "env", "get-value", name).strip()
    if not given:
        raise Failed(
            f"azd has no value {name}: choose its environment with `azd env select NAME`, then `azd provision`."
        )
    return given


def az(*arguments: str) -> Any:
    """The answer of the Azure CLI. Raises Failed with its error text."""
    answer = _asked("az", *arguments, "--only-show-errors", "--output", "json")
    return json.loads(answer) if answer.strip() else None


def _asked(program: str, *arguments: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise Failed(f"`{program}` is not installed: see docs/setup.md, section 1.")
    ended = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if ended.returncode != 0:
        called = " ".join([program, *arguments])
        raise Failed(
            f"`{called}` failed:\n{ended.stderr.strip()}\nIf it asks you to, sign in: `{program} {_LOGIN[program]}`."
        )
    return ended.stdout


_LOGIN = {"az": "login", "azd": "auth login"}


def tell(text: str) -> None:
    """Print a line for the user of azd, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(hook: Callable[[], None]) -> None:
    """Run a hook; a failure is printed and ends azd."""
    try:
        hook()
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        sys.exit(1)
