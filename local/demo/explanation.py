"""A picture of what `p2c explain` says about a quote that stays in Sales."""

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from local.demo import environment, screen
from local.demo.errors import DemoFailed
from local.demo.processes import ROOT
from shared.flows.quotations import QUOTATIONS


def save_picture(file: Path, settings: Path, number: str) -> None:
    """Ask the operators' command line about a quote, and write what it shows as a picture. Raises DemoFailed."""
    question = ("explain", QUOTATIONS, number)
    answer = _answer(settings, question)
    # What is drawn goes nowhere else.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=screen.PICTURE_WIDTH, file=nowhere, force_terminal=True)
        console.print(Text(f"$ p2c {' '.join(question)}", style="bold"))
        console.print(Text.from_ansi(answer))
        save(console, file, "p2c explain")


def save(console: Console, file: Path, title: str) -> None:
    """Write what a console has shown. Raises DemoFailed."""
    try:
        console.save_svg(str(file), title=title)
    except OSError as error:
        raise DemoFailed(f"{file}: {error.strerror}; name a file that can be written.") from error


def _answer(settings: Path, question: tuple[str, ...]) -> str:
    screen_of_it = {"COLUMNS": str(screen.PICTURE_WIDTH), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    ended = subprocess.run(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", "p2c", "--settings", str(settings), *question],
        cwd=ROOT,
        env=environment.child_environment(os.environ, screen_of_it),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode not in {0, 1}:
        raise DemoFailed(f"p2c {' '.join(question)} ended with code {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout
