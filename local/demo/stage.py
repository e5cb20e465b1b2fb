"""Where the demo tells what happens: one line with the time of day for each thing."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from local.demo.arrivals import PATIENCE_S

_SKIPPED_SHOWN = 10


def say_skipped(console: Console, system: str, messages: Sequence[str]) -> None:
    """How many records of the folder a system has refused, and which: file, line, column and reason."""
    if not messages:
        return
    lines = [f"records of --data that {system} refuses, skipped: {len(messages)}", *messages[:_SKIPPED_SHOWN]]
    if len(messages) > _SKIPPED_SHOWN:
        lines.append(f"and {len(messages) - _SKIPPED_SHOWN} more")
    for at, line in enumerate(lines):
        console.print(f"  {'  ' if at else ''}{line}", style="yellow", markup=False, highlight=False, soft_wrap=True)


class Stage:
    """The lines of the story on the screen."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str, *, style: str = "") -> None:
        """One line."""
        self.console.print(
            f"{datetime.now().astimezone():%H:%M:%S}  {text}",
            style=style,
            markup=False,
            highlight=False,
            soft_wrap=True,
        )

    def show(self, what: str, seconds: float | None, *, then: str, trouble: str = "") -> None:
        """What somebody did, and after how many seconds it had arrived; None when it took too long."""
        if seconds is None:
            self.say(f"{what}: not {then} after {PATIENCE_S:g} s {trouble}", style="red")
        else:
            self.say(f"{what}: {then} after {seconds:.1f} s", style="green")
