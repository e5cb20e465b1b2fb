"""One timer trigger: fires on schedule, one run at a time, and once at start for what it missed.

A run that is longer than its interval is followed by the next one at once, as on the real host: the next occurrence
counts from the start of the run that has ended.
"""

import logging
import math
from collections.abc import Callable
from datetime import datetime
from functools import partial

from azure.functions.timer import TimerRequest

from local.host.clock import Clock
from local.host.errors import StorageUnavailable
from local.host.invoker import Invoker, Outcome
from local.host.timer_lock import Singleton
from local.host.timer_status import TimerStatus, TimerStatusStore, expected_status, status_after_run, status_as_dict
from local.host.triggers import TimerFunction

log = logging.getLogger("Host.Triggers.Timer")


class TimerListener:
    """Fires one timer function. One thread calls `step`; outcomes may arrive on any other."""

    def __init__(
        self,
        timer: TimerFunction,
        store: TimerStatusStore | None,
        *,
        invoker: Invoker,
        clock: Clock,
        wake: Callable[[], None],
        singleton: Singleton | None = None,
    ) -> None:
        self._timer = timer
        # Like the real host, schedules below one minute keep no status.
        self._store = None if timer.schedule.is_shorter_than_a_minute(clock.now()) else store
        self._invoker = invoker
        self._clock = clock
        self._wake = wake
        self._singleton = singleton or Singleton(None, clock, timer.function.name)
        self._status: TimerStatus | None = None
        self._next: datetime | None = None
        self._running = False
        self._asked = False
        self._fetching = True

    @property
    def name(self) -> str:
        """The function's name."""
        return self._timer.function.name

    @property
    def next_at(self) -> datetime | None:
        """When it fires next; None before the first step."""
        return self._next

    def stop_fetching(self) -> None:
        """Fire no more."""
        self._fetching = False

    def close(self) -> None:
        """Let another host fire the timer."""
        self._singleton.release()

    def fire_now(self) -> None:
        """Fire once out of schedule, as an administrator would; after the current run if there is one."""
        self._asked = True
        self._wake()

    def step(self) -> float:
        """Do what is due; return the seconds until something is due again."""
        until_lock_s = self._singleton.step()
        if not self._singleton.held:
            # The host that gets the lock begins with what the status says.
            self._next = None
            return until_lock_s
        return min(until_lock_s, self._step())

    def _step(self) -> float:
        if self._running or not self._fetching:
            return math.inf
        now = self._clock.now()
        if self._next is None:
            self._begin(now)
        elif self._asked:
            self._asked = False
            self._fire(now, past_due=False)
        elif now >= self._next:
            self._fire(max(now, self._next), past_due=False)
        return math.inf if self._running else max(0.0, (self._due() - self._clock.now()).total_seconds())

    def _due(self) -> datetime:
        return self._clock.now() if self._next is None or self._asked else self._next

    def _begin(self, now: datetime) -> None:
        past_due = self._read_status(now)
        self._next = self._timer.schedule.after(now)
        if past_due:
            log.info("Function %s is past due on startup. Executing now.", self.name)
        if past_due or self._timer.run_on_startup:
            self._fire(now, past_due=past_due)

    def _read_status(self, now: datetime) -> bool:
        """True when a firing was missed while no host ran."""
        if self._store is None:
            return False
        try:
            stored = self._store.load()
            self._status = expected_status(stored, self._timer.schedule, now)
            if self._status != stored:
                self._store.save(self._status)
        except StorageUnavailable as error:
            log.warning("Timer %s starts without its status: %s", self.name, error)
            return False
        return now > self._status.next

    def _fire(self, ran_at: datetime, *, past_due: bool) -> None:
        self._running = True
        status = status_as_dict(self._status) if self._status else {}
        request = TimerRequest(past_due=past_due, schedule_status=status, schedule={"AdjustForDST": True})
        function = self._timer.function
        self._invoker.start(function, {function.trigger.name: request}, partial(self._settle, ran_at))

    def _settle(self, ran_at: datetime, _outcome: Outcome) -> None:
        try:
            self._write_status(ran_at)
        finally:
            self._next = self._timer.schedule.after(ran_at)
            self._running = False
            self._wake()

    def _write_status(self, ran_at: datetime) -> None:
        if self._store is None:
            return
        self._status = status_after_run(ran_at, self._timer.schedule)
        try:
            self._store.save(self._status)
        except StorageUnavailable as error:
            log.warning("The status of timer %s is not saved: %s", self.name, error)
