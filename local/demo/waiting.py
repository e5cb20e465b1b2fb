"""Waits until both systems are in step, as long as there is progress."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rich.console import Console

from local.demo import vitals
from local.demo.progress import Positions, Progress, waited_for
from local.demo.standstill import Standstill
from local.demo.stocktaking import ANEW_AFTER_S, Position, Stocktaking
from local.demo.systems import Counts

# While something moves; and while nothing does, because every look takes time from what is waited for.
_LOOK_EVERY_S, _LOOK_SELDOM_S = 1.0, 2.0
_SELDOM_AFTER_S = 3.0
_MOST_PER_LOOK_S = _LOOK_SELDOM_S + 0.5
# Other flows may still work on a message, of which only the next account of their links tells.
_PATIENCE_WHEN_BLOCKED_S = ANEW_AFTER_S + _LOOK_SELDOM_S
# What still waits for another record when nothing has moved for so long, and every flow has looked at its source so
# often, continues to wait.
_PATIENCE_FOR_WAITING_S = 4.0
_PULLS_FOR_WAITING = 2


class Running(Protocol):
    """What is waited for."""

    def require_alive(self) -> None:
        """Raise DemoFailed if one of the processes has stopped by itself."""

    def counts(self) -> dict[str, Counts]:
        """What each system has answered so far."""

    @property
    def functions_log(self) -> Path:
        """What the functions have written."""

    @property
    def functions_pids(self) -> Sequence[int]:
        """The processes of the functions hosts that run."""


@dataclass(slots=True)
class Wait:
    """Waits for some flows. `patience_s` is how long it continues without any progress; `may_wait`: their records may
    still wait for those of flows that do not run. `gave_up` says afterwards why it gave up, empty if all came into
    step."""

    running: Running
    stock: Stocktaking
    console: Console
    patience_s: float
    may_wait: bool = False
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    gave_up: str = ""
    _pulls: int = 0
    _used: Mapping[int, float] = field(default_factory=dict)

    def until_in_step(self) -> dict[str, Position]:
        """Show the progress until all flows are in step, or nothing has moved for too long; their state then.

        Raises DemoFailed if a process dies or does not answer.
        """
        standstill = Standstill(_MOST_PER_LOOK_S, self.clock)
        self._used = vitals.processor_seconds(self.running.functions_pids)
        with Progress(self.console, self.clock) as progress:
            while True:
                self.running.require_alive()
                positions = self._look(progress)
                spent_s = standstill.look([position.progress for position in positions.values()])
                if spent_s == 0:
                    self._pulls, self._used = _pulls(positions), vitals.processor_seconds(self.running.functions_pids)
                if self._is_over(positions, spent_s):
                    # What was said so far may be some seconds old.
                    positions = self.stock.look(anew=True)
                    if self._is_over(positions, spent_s):
                        progress.close(positions)
                        self.gave_up = "" if _in_step(positions) else self._reason(positions, standstill.elapsed_s)
                        return positions
                self.sleep(_LOOK_EVERY_S if spent_s < _SELDOM_AFTER_S else _LOOK_SELDOM_S)

    def _look(self, progress: Progress) -> dict[str, Position]:
        positions = self.stock.look()
        progress.show(positions, {name: counts.total for name, counts in self.running.counts().items()})
        return positions

    def _is_over(self, positions: Positions, spent_s: float) -> bool:
        if _in_step(positions):
            looked = _pulls(positions) - self._pulls >= _PULLS_FOR_WAITING
            waits = not self.may_wait and any(position.waits for position in positions.values())
            return not waits or (looked and spent_s > _PATIENCE_FOR_WAITING_S)
        blocked = any(position.glance.blocked for position in positions.values())
        return spent_s > (_PATIENCE_WHEN_BLOCKED_S if blocked else self.patience_s)

    def _reason(self, positions: Positions, seconds: float) -> str:
        """Why the demo gives up, as one sentence for its user."""
        missing = {name: position for name, position in positions.items() if not position.in_step}
        blocked = [f"{name}: {value.glance.closed}" for name, value in missing.items() if value.glance.blocked]
        if blocked:
            return f"The sync waits for an operator: {'; '.join(blocked)}."
        told = "; ".join(waited_for(missing)) or "the sources are not read to their end"
        return f"No progress for {seconds:.0f} s: {told}. {self._where_to_look()}"

    def _where_to_look(self) -> str:
        log = f"look into {self.running.functions_log.name}"
        if vitals.is_silent_since(self._used, self.running.functions_pids):
            return f"The functions host has used no processor time meanwhile, so it hangs or was stopped; {log}."
        return f"The functions host is busy; {log}."


def _in_step(positions: Mapping[str, Position]) -> bool:
    return all(position.in_step for position in positions.values())


def _pulls(positions: Positions) -> int:
    """How often the flow that looks least has looked at its source."""
    return min((position.glance.pulls for position in positions.values()), default=0)
