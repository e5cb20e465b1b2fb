"""A clock that tests move."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@dataclass
class ManualClock:
    """Time that passes only when told, or when somebody sleeps. `looked` is told of each look at the seconds by those
    who call a system: they look before each request."""

    seconds: float = 0.0
    looked: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """The wall clock."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Seconds since the test began."""
        self.looked()
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Pass the time at once."""
        self.seconds += seconds


@dataclass
class StorageClock:
    """The same time, as the storage has it."""

    of: ManualClock

    def now(self) -> datetime:
        """The wall clock."""
        return self.of.now()

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self.of.seconds

    def sleep(self, seconds: float) -> None:
        """Pass the time at once."""
        self.of.sleep(seconds)
