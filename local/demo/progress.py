"""Shows how far the sync is: a line that moves on a terminal, a line now and then where there is none."""

import time
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local.demo.standing import Glance
from local.demo.systems import SYSTEM_NAMES, Requests
from shared.state.checkpoints import Phase

_LINE_EVERY_S = 2.0
_SIGN_OF_LIFE_S = 10.0
_BAR_WIDTH = 32
_STEPS = {
    None: "waiting for the first pull",
    Phase.BASELINE: "marking the start",
    Phase.FULL: "reading all",
    Phase.ABSENT: "looking for deleted ones",
    Phase.DELTA: "following changes",
    Phase.WALK: "following changes",
}
SHOWN = ("created", "updated", "unchanged", "filtered", "ended", "waiting", "rejected", "deleted", "retried")


class Progress:
    """Shows the flows from `__enter__` to `__exit__`; `totals` says how many records of each are to come, None if
    unknown."""

    def __init__(self, console: Console, totals: Mapping[str, int | None]) -> None:
        self._console = console
        self._totals = totals
        moving = console.is_terminal and not console.record
        self._live = Live(console=console, refresh_per_second=8, transient=True) if moving else None
        self._began = time.monotonic()
        self._shown: dict[str, tuple[Glance, float]] = {}

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, glances: Mapping[str, Glance], requests: Mapping[str, Requests]) -> None:
        """Show where the flows stand now."""
        if self._live is not None:
            self._live.update(self._picture(glances, requests))
            return
        for flow, glance in glances.items():
            self._show_line(flow, glance, requests)

    def _show_line(self, flow: str, glance: Glance, requests: Mapping[str, Requests]) -> None:
        now = time.monotonic()
        news = replace(glance, hints=0, held=0, poison=0, first=None, last=None)
        shown, at = self._shown.get(flow, (None, 0.0))
        # Requests and queues alone are no news, but a sign of life now and then.
        if now - at >= (_LINE_EVERY_S if news != shown else _SIGN_OF_LIFE_S):
            self._shown[flow] = news, now
            line = f"{now - self._began:6.1f} s  {sentence(flow, self._totals[flow], glance, requests)}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _picture(self, glances: Mapping[str, Glance], requests: Mapping[str, Requests]) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        elapsed = Text(f"{time.monotonic() - self._began:5.1f} s", style="dim")
        closed: list[str] = []
        for flow, glance in glances.items():
            total = self._totals[flow]
            done = min(glance.decided, total or 0)
            bar = "" if total is None else ProgressBar(total=max(total, 1), completed=done, width=_BAR_WIDTH)
            details = Text(_details(glance), style="dim")
            grid.add_row(Text(f"  {flow}", style="bold"), bar, _done(glance, total), details)
            closed += [glance.closed] if glance.closed and glance.closed not in closed else []
        grid.add_row("", elapsed, "", Text(_asked(requests), style="dim"))
        return Group(grid, *(Text(f"  {reason}", style="yellow") for reason in closed))


def sentence(flow: str, total: int | None, glance: Glance, requests: Mapping[str, Requests]) -> str:
    """Where a flow stands, as one line."""
    parts = (f"{flow} {_done(glance, total)}", _details(glance), _asked(requests), glance.closed)
    return " | ".join(part for part in parts if part)


def _done(glance: Glance, total: int | None) -> str:
    return f"{glance.decided} records" if total is None else f"{min(glance.decided, total)}/{total} done"


def _details(glance: Glance) -> str:
    outcomes = ", ".join(f"{glance.counts[name]} {name}" for name in SHOWN if glance.counts.get(name))
    queued = [f"{glance.hints} queued"] if glance.hints else []
    queued += [f"{glance.held} held"] if glance.held else []
    queued += [f"{glance.poison} poisoned"] if glance.poison else []
    return " | ".join(part for part in (_STEPS[glance.phase], outcomes, ", ".join(queued)) if part)


def _asked(requests: Mapping[str, Requests]) -> str:
    asked = ", ".join(f"{SYSTEM_NAMES[system]} {count.read + count.write}" for system, count in requests.items())
    return f"requests: {asked}" if asked else ""
