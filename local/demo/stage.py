"""Where the demo reports what happens: one line with the time of day for each event."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from rich.console import Console

from local.demo import screen
from local.demo.arrivals import PATIENCE_S
from shared.records import Json
from shared.visible import visible

_NOW_AND_THEN_S = 3.0
_SKIPPED_SHOWN = 10


def money(amount: Json, currency: Json) -> str:
    """An amount as people write it, rounded to two decimals, with its currency."""
    return f"{Decimal(str(amount)):.2f} {currency}"


def say_skipped(console: Console, system: str, messages: Sequence[str]) -> None:
    """How many records of the folder a system has refused, and which: file, line, column and reason."""
    if not messages:
        return
    lines = [f"records of --data that {system} refuses, skipped: {len(messages)}", *messages[:_SKIPPED_SHOWN]]
    if len(messages) > _SKIPPED_SHOWN:
        lines.append(f"and {len(messages) - _SKIPPED_SHOWN} more")
    for at, line in enumerate(lines):
        screen.write_verbatim(console, f"  {'  ' if at else ''}{visible(line)}", style="yellow")


class Stage:
    """The lines of the story on the screen."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str, *, style: str = "") -> None:
        """One line; what begins with blanks belongs to the line before."""
        margin = len(text) - len(text.lstrip())
        told = f"{datetime.now().astimezone():%H:%M:%S}  {text}"
        screen.write(self.console, told, style=style, hanging=10 + margin)

    def now_and_then(self) -> Callable[[str], None]:
        """A way to say how far something is, every few seconds."""
        told_at = time.monotonic()

        def tell(text: str) -> None:
            nonlocal told_at
            if time.monotonic() - told_at >= _NOW_AND_THEN_S:
                told_at = time.monotonic()
                self.say(text)

        return tell

    def show(self, what: str, seconds: float | None, *, then: str, trouble: str = "") -> None:
        """What somebody did, and after how many seconds it had arrived; None if it took too long."""
        if seconds is None:
            self.say(f"{what}: not {then} after more than {PATIENCE_S:g} s {trouble}", style="red")
        else:
            self.say(f"{what}: {then} after {seconds:.1f} s", style="green")
