"""How long to wait for a process of ours: as long as it gets on, however slow the machine is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

# What a process does that only looks whether there is something to do takes less than this between two looks.
_WORK_S = 0.5
_TELL_AFTER_S, _TELL_EVERY_S = 10.0, 30.0
# To find the processes that a process has started takes some milliseconds.
_LOOK_EVERY_S = 0.5


class Clock(Protocol):
    """Time that only grows, and waiting."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Clockwork:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass
class Patience:
    """Ends when `effort` has stayed the same for `idle_s`, and in any case after `most_s`. Reports what it waits for if
    it takes long."""

    what: str
    effort: Callable[[], object]
    idle_s: float
    most_s: float
    tell: Callable[[str], None] = lambda _text: None
    clock: Clock = field(default_factory=Clockwork)

    def __post_init__(self) -> None:
        self._began = self._moved = self.clock.monotonic()
        self._tell_at = self._began + _TELL_AFTER_S
        self._look_at = self._began + _LOOK_EVERY_S
        self._seen = self.effort()

    def ended(self) -> str:
        """Why it is useless to wait longer; empty while it is not."""
        now = self.clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY_S
            self._note(self.effort(), now)
        if now - self._moved >= self.idle_s:
            return f"it has done nothing for {self.idle_s:g} s"
        if now - self._began >= self.most_s:
            return f"it was not ready after {self.most_s:g} s"
        if now >= self._tell_at:
            self._tell_at = now + _TELL_EVERY_S
            self.tell(f"still waiting for {self.what}: {now - self._began:.0f} s so far, and it is working")
        return ""

    def _note(self, seen: object, now: float) -> None:
        if seen != self._seen:
            self._seen, self._moved = seen, now


def effort_of(pid: int, *files: Path) -> Callable[[], object]:
    """What a process and those that it has started have done so far: processor time in half seconds, and how much is
    written into files. None once it is gone."""

    def measure() -> object:
        try:
            process = psutil.Process(pid)
            spent = sum(map(_spent, (process, *process.children(recursive=True))))
        except psutil.Error:
            return None
        return int(spent / _WORK_S), *(_size(file) for file in files)

    return measure


def _spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
