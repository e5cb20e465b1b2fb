"""Shows how far the sync is: a line that moves on a terminal, a line now and then where there is none."""

import time
from dataclasses import replace
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local.demo.standing import Glance
from local.demo.systems import Requests
from shared.state.checkpoints import Phase

_LINE_EVERY_S = 2.0
_SIGN_OF_LIFE_S = 10.0
_BAR_WIDTH = 32
SYSTEM_NAMES = {"dataverse": "Sales", "finops": "F&O"}
_STEPS = {
    None: "waiting for the first pull",
    Phase.BASELINE: "marking the start",
    Phase.FULL: "reading all",
    Phase.ABSENT: "looking for deleted ones",
    Phase.DELTA: "following changes",
}
SHOWN = ("created", "updated", "unchanged", "filtered", "ended", "waiting", "rejected", "deleted", "retried")


class Progress:
    """Shows one flow from `__enter__` to `__exit__`; `total` is how many records are to come, None if unknown."""

    def __init__(self, console: Console, flow: str, total: int | None) -> None:
        self._console = console
        self._flow = flow
        self._total = total
        moving = console.is_terminal and not console.record
        self._live = Live(console=console, refresh_per_second=8, transient=True) if moving else None
        self._began = time.monotonic()
        self._shown: tuple[Glance | None, float] = (None, 0.0)

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, glance: Glance, requests: dict[str, Requests]) -> None:
        """Show where the flow stands now."""
        if self._live is not None:
            self._live.update(self._picture(glance, requests))
            return
        now = time.monotonic()
        line = sentence(self._flow, self._total, glance, requests)
        news = replace(glance, hints=0, held=0, poison=0, first=None, last=None)
        shown, at = self._shown
        # Requests and queues alone are no news, but a sign of life now and then.
        if now - at >= (_LINE_EVERY_S if news != shown else _SIGN_OF_LIFE_S):
            self._shown = news, now
            self._console.print(f"{now - self._began:6.1f} s  {line}", highlight=False, markup=False, soft_wrap=True)

    def _picture(self, glance: Glance, requests: dict[str, Requests]) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        elapsed = Text(f"{time.monotonic() - self._began:5.1f} s", style="dim")
        name = Text(f"  {self._flow}", style="bold")
        if self._total is None:
            grid.add_row(name, _done(glance, None), elapsed)
        else:
            # A message's records are committed together; their writes can be seen one by one.
            written = sum(count.write for count in requests.values())
            done = min(max(glance.decided, written), self._total)
            bar = ProgressBar(total=max(self._total, 1), completed=done, width=_BAR_WIDTH)
            grid.add_row(name, bar, _done(glance, self._total), elapsed)
        lines: list[RenderableType] = [grid, Text(f"  {_details(glance, requests)}", style="dim")]
        if glance.closed:
            lines.append(Text(f"  {glance.closed}", style="yellow"))
        return Group(*lines)


def sentence(flow: str, total: int | None, glance: Glance, requests: dict[str, Requests]) -> str:
    """Where a flow stands, as one line."""
    closed = f" | {glance.closed}" if glance.closed else ""
    return f"{flow} {_done(glance, total)} | {_details(glance, requests)}{closed}"


def _done(glance: Glance, total: int | None) -> str:
    return f"{glance.decided} records" if total is None else f"{min(glance.decided, total)}/{total} done"


def _details(glance: Glance, requests: dict[str, Requests]) -> str:
    outcomes = ", ".join(f"{glance.counts[name]} {name}" for name in SHOWN if glance.counts.get(name))
    queued = [f"{glance.hints} queued"] if glance.hints else []
    queued += [f"{glance.held} held"] if glance.held else []
    queued += [f"{glance.poison} poisoned"] if glance.poison else []
    asked = ", ".join(f"{SYSTEM_NAMES[system]} {count.read + count.write}" for system, count in requests.items())
    parts = [_STEPS[glance.phase], outcomes, ", ".join(queued), f"requests: {asked}" if asked else ""]
    return " | ".join(part for part in parts if part)
