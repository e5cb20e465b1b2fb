"""Time as the adapters need it, passed in so that tests can move it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The wall clock, a clock that only grows, and a way to wait."""

    def now(self) -> datetime:
        """The wall clock in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
