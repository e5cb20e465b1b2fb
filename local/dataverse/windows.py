"""How full the windows of one user on one web server are, and how long the user has to wait."""

import math
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from local.dataverse.refusals import Refused, limit_exceeded
from local.dataverse.settings import Limits

_SHORTEST_WAIT_S = 1.0


class Limit(StrEnum):
    """Which of the three limits a request met."""

    REQUESTS = "requests"
    EXECUTION_TIME = "execution_time"
    CONCURRENCY = "concurrency"


class LimitMet(Refused):
    """429: a limit of service protection."""

    def __init__(self, limit: Limit, refused: Refused) -> None:
        super().__init__(refused.status, refused.code, str(refused), refused.headers)
        self.limit = limit


@dataclass(slots=True)
class _Wait:
    """A Retry-After that was announced: since when, until when, and for which limit."""

    limit: Limit
    began: float
    until: float

    def come_again(self, now: float, limits: Limits) -> None:
        """Make it longer for a request that did not wait."""
        if now >= self.began + limits.grace_s:
            self.until = max(self.until, min(self.until + limits.extension_s, now + limits.window_s))

    def seconds(self, now: float) -> int:
        # Rounded first, so a sum of floats just above a whole number is not a second more.
        return max(1, math.ceil(round(self.until - now, 6)))


@dataclass(slots=True)
class Load:
    """What one user does on one web server. Execution times are whole microseconds, so that sums stay exact."""

    arrivals: deque[float] = field(default_factory=deque)
    executions: deque[tuple[float, int]] = field(default_factory=deque)
    used_us: int = 0
    running: int = 0
    most_arrivals: int = 0
    wait: _Wait | None = None
    queue: _Wait | None = None

    def slide(self, now: float, limits: Limits) -> None:
        """Forget what is before the window."""
        while self.arrivals and self.arrivals[0] + limits.window_s <= now:
            self.arrivals.popleft()
        while self.executions and self.executions[0][0] + limits.window_s <= now:
            self.used_us -= self.executions.popleft()[1]

    def admit(self, now: float, limits: Limits) -> None:
        """Let a request in. Raises Refused."""
        self.slide(now, limits)
        if self.wait is not None and now < self.wait.until:
            self.wait.come_again(now, limits)
            raise _refused(self.wait, now, limits)
        self.wait = self._full(now, limits)
        if self.wait is not None:
            raise _refused(self.wait, now, limits)
        if self.running >= limits.concurrency:
            raise _refused(self._queued(now, limits), now, limits)
        self.arrivals.append(now)
        self.most_arrivals = max(self.most_arrivals, len(self.arrivals))
        self.running += 1

    def leave(self, now: float, execution_s: float) -> None:
        """A request is over and took so long."""
        self.running -= 1
        execution_us = round(execution_s * 1_000_000)
        self.executions.append((now, execution_us))
        self.used_us += execution_us

    def _full(self, now: float, limits: Limits) -> _Wait | None:
        surplus = len(self.arrivals) + 1 - limits.requests
        if surplus > 0:
            return _Wait(Limit.REQUESTS, now, self.arrivals[surplus - 1] + limits.window_s)
        over_us = self.used_us - round(limits.execution_s * 1_000_000)
        if over_us <= 0:
            return None
        until = now
        for ended, execution_us in self.executions:
            if over_us <= 0:
                break
            over_us -= execution_us
            until = ended + limits.window_s
        return _Wait(Limit.EXECUTION_TIME, now, until)

    def _queued(self, now: float, limits: Limits) -> _Wait:
        if self.queue is not None and now < self.queue.until:
            self.queue.come_again(now, limits)
        else:
            self.queue = _Wait(Limit.CONCURRENCY, now, now + _SHORTEST_WAIT_S)
        return self.queue


def _refused(wait: _Wait, now: float, limits: Limits) -> LimitMet:
    match wait.limit:
        case Limit.REQUESTS:
            code = "0x80072322"
            text = (
                f"Number of requests exceeded the limit of {limits.requests} "
                f"over time window of {_plain(limits.window_s)} seconds."
            )
        case Limit.EXECUTION_TIME:
            code = "0x80072321"
            text = (
                "Combined execution time of incoming requests exceeded limit of "
                f"{limits.execution_s * 1000:,.0f} milliseconds over time window of {_plain(limits.window_s)} seconds. "
                "Decrease number of concurrent requests or reduce the duration of requests and try again later."
            )
        case Limit.CONCURRENCY:
            code = "0x80072326"
            text = f"Number of concurrent requests exceeded the limit of {limits.concurrency}."
    return LimitMet(wait.limit, limit_exceeded(code, text, wait.seconds(now)))


def _plain(number: float) -> str:
    return f"{number:.3f}".rstrip("0").rstrip(".")
