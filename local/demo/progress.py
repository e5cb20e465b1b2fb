"""Shows how far the sync is: a moving picture on a terminal, otherwise a line now and then."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from local.demo import screen
from local.demo.stocktaking import Position
from local.demo.systems import SYSTEM_NAMES, Requests
from shared.counting import counted
from shared.state.checkpoint_parts import Phase
from shared.visible import visible

_LINE_EVERY_S = 2.0
_SIGN_OF_LIFE_S = 10.0
_BAR_WIDTH = 24
_READING = {
    None: "have not been read yet",
    Phase.BASELINE: "are read from their beginning",
    Phase.FULL: "are read from their beginning",
    Phase.ABSENT: "are searched for deleted ones",
    Phase.DELTA: "are being read",
    Phase.WALK: "are being read",
}

Positions = Mapping[str, Position]


class Progress:
    """Shows the flows from `__enter__` to `__exit__`."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        moving = console.is_terminal and not console.record
        self._live = Live(console=console, refresh_per_second=8, transient=True) if moving else None
        self._began = clock()
        self._seen: object = None
        self._news_at = self._began
        self._told: object = None  # what was last shown as a line
        self._told_at = self._began

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, positions: Positions, requests: Mapping[str, Requests]) -> None:
        """Show the state of the flows, and what is waited for if nothing has happened for a while."""
        now = self._clock()
        # Requests and messages alone are not progress: every run of a timer sends requests.
        news = [
            (position.progress, position.account.waits_for, position.glance.closed) for position in positions.values()
        ]
        if news != self._seen:
            self._seen, self._news_at = news, now
        if self._live is not None:
            self._live.update(self._picture(positions, requests, idle_s=now - self._news_at))
        elif now - self._told_at >= (_LINE_EVERY_S if news != self._told else _SIGN_OF_LIFE_S):
            self._tell(positions, now)

    def close(self, positions: Positions) -> None:
        """Show the state of the flows at the end of the wait, if it was not shown already."""
        now = self._clock()
        if self._live is None and now - self._began >= _LINE_EVERY_S and self._told != self._seen:
            self._tell(positions, now)

    def _tell(self, positions: Positions, now: float) -> None:
        screen.write(self._console, f"{now - self._began:6.1f} s  {sentence(positions)}", hanging=10)
        if self._told == self._seen and (awaited := waited_for(positions)):
            text = f"no news for {now - self._news_at:.0f} s; waiting: {'; '.join(awaited)}"
            screen.write(self._console, text, indent=10)
        self._told, self._told_at = self._seen, now

    def _picture(self, positions: Positions, requests: Mapping[str, Requests], *, idle_s: float) -> RenderableType:
        grid = Table.grid(padding=(0, 1))
        for flow, position in positions.items():
            account = position.account
            bar = ProgressBar(total=max(account.total, 1), completed=account.decided, width=_BAR_WIDTH)
            counted = Text(f"{account.decided} of {account.total} decided" if account.total else "none yet")
            details = ", ".join(
                [*_left(position), *([_messages(position.glance.messages)] if position.glance.messages else [])]
            )
            grid.add_row(Text(f"  {flow}", style="bold"), bar, counted, Text(details, style="dim"))
        elapsed = f"{self._clock() - self._began:7.1f} s  {_asked(requests)}"
        awaited = waited_for(positions) if idle_s >= _SIGN_OF_LIFE_S else []
        told = [Text(visible(f"  waiting: {what}"), style="yellow") for what in awaited]
        return Group(grid, Text(elapsed, style="dim"), *told)


def sentence(positions: Positions) -> str:
    """The state of the flows, as one line."""
    flows = ", ".join(_standing(flow, position) for flow, position in positions.items() if position.account.total)
    messages = sum(position.glance.messages for position in positions.values())
    decided = all(position.account.decided == position.account.total for position in positions.values())
    queued = ""
    if messages:
        queued = f"{_messages(messages)} to check again" if decided else _messages(messages)
    poisoned = sum(position.glance.poison for position in positions.values())
    given_up = f"{_messages(poisoned)} and given up" if poisoned else ""
    closed = "; ".join(
        dict.fromkeys(position.glance.closed for position in positions.values() if position.glance.closed)
    )
    return " | ".join(part for part in (f"decided: {flows or 'nothing yet'}", queued, given_up, closed) if part)


def waited_for(positions: Positions) -> list[str]:
    """What is still to happen before all is in step, each as a phrase."""
    return [what for flow, position in positions.items() for what in _waited_for(flow, position)]


def _waited_for(flow: str, of: Position) -> list[str]:
    glance, account = of.glance, of.account
    is_read = glance.pulled and glance.idle
    found = [] if is_read else [f"{flow} {_READING[glance.phase]}"]
    found += [f"{count} {flow} wait for {parent}" for parent, count in account.waits_for.items()]
    if account.claimed:
        until = f" (if it is dead, until {of.claims_until:%H:%M:%S})" if of.claims_until else ""
        found.append(f"{account.claimed} {flow} are claimed by a worker{until}")
    if glance.messages:
        found.append(f"{_messages(glance.messages)} for {flow}")
    if glance.poison:
        found.append(f"{_messages(glance.poison)} for {flow} and given up")
    left = len(account.unaccounted) - account.claimed
    if is_read and left > 0:
        found.append(f"{left} {flow} have no outcome yet")
    if glance.closed:
        found.append(f"{flow}: {glance.closed}")
    return found


def _standing(flow: str, of: Position) -> str:
    waits = _left(of)
    return f"{flow} {of.account.decided} of {of.account.total}" + (f" ({', '.join(waits)})" if waits else "")


def _left(of: Position) -> list[str]:
    """What is known of the records that are not decided."""
    found = [f"{count} wait for {parent}" for parent, count in of.account.waits_for.items()]
    return [*found, *([f"{of.account.again} processed again"] if of.account.again else [])]


def _messages(count: int) -> str:
    return f"{counted(count, 'message')} queued"


def _asked(requests: Mapping[str, Requests]) -> str:
    asked = ", ".join(f"{SYSTEM_NAMES[system]} {count.read + count.write}" for system, count in requests.items())
    return f"requests: {asked}" if asked else ""
