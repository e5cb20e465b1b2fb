"""Which of several hosts fires a timer: the one that holds its lock."""

import logging
from typing import Protocol

from local.host.clock import Clock
from local.host.errors import StorageUnavailable

log = logging.getLogger("Host.Singleton")

LEASE_S = 60
_ASK_AGAIN_S = 5.0


class TimerLock(Protocol):
    """One timer's lock. `take` raises `StorageUnavailable` when storage does not answer, or refuses us."""

    def take(self) -> bool:
        """Take the lock, or keep it; false where another host has it."""

    def release(self) -> None:
        """Let another host take it at once."""


class Singleton:
    """Keeps trying to get a lock, and to keep it. Without a lock no other host is expected.

    A lease of 60 s is renewed at half time. A host that does not get it tries again after 60 s: if a host is killed,
    its timers stop for 60 to 90 s.
    """

    def __init__(self, lock: TimerLock | None, clock: Clock, name: str, lease_s: float = LEASE_S) -> None:
        self._lock = lock
        self._clock = clock
        self._name = name
        self._lease_s = lease_s
        self._ask_at_s = 0.0
        self._until_s = 0.0
        self._held = lock is None

    @property
    def held(self) -> bool:
        """Whether this host fires the timer."""
        return self._lock is None or (self._held and self._clock.monotonic() < self._until_s)

    def step(self) -> float:
        """Ask if it is time to; return the seconds until it is time again."""
        if self._lock is None:
            return float("inf")
        now_s = self._clock.monotonic()
        if now_s >= self._ask_at_s:
            self._ask(self._lock, now_s)
        return max(0.0, self._ask_at_s - self._clock.monotonic())

    def release(self) -> None:
        """Let another host fire the timer."""
        if self._lock is not None and self._held:
            self._lock.release()
        self._held = self._lock is None

    def _ask(self, lock: TimerLock, now_s: float) -> None:
        try:
            self._held = lock.take()
        except StorageUnavailable as error:
            # The lock stays held until the lease is over.
            log.warning("The lock of timer %s is not renewed: %s", self._name, error)
            self._ask_at_s = now_s + _ASK_AGAIN_S
            return
        if self._held:
            self._until_s = now_s + self._lease_s
        self._ask_at_s = now_s + self._lease_s / (2 if self._held else 1)
