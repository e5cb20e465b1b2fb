"""How much load one system gets: parallelism and pace that adapt, and a pause that all threads share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.clients.http.pace import Pace
from shared.clock import Clock
from shared.errors import NotSent, Transient
from shared.systems import System

PATIENCE_S = 20.0
SLOW_S = 30.0
# So many reads go before a write that waits.
READS_IN_A_ROW = 4

_LOOK_AGAIN_S = 1.0


class Slot:
    """The right to send one request."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.throttled = False
        self.dop_hint: int | None = None


class Throttle:
    """One per system and process. Additive increase, multiplicative decrease; waits only with the given clock.

    Until the system has said anything about its limit, by a hint, a refusal or a slow answer, each success raises it.
    So the limit doubles with each round, and a short first sync does not end before it is reached.
    """

    def __init__(
        self,
        system: System,
        clock: Clock,
        *,
        start: int = 4,
        maximum: int = 16,
        patience_s: float = PATIENCE_S,
        slow_s: float = SLOW_S,
    ) -> None:
        self.maximum = max(1, maximum)
        self._system = system
        self._clock = clock
        self._patience_s = patience_s
        self._slow_s = slow_s
        self._changed = threading.Condition()
        self._limit = min(max(1, start), self.maximum)
        self._running = 0
        # Reads and writes that wait for a place.
        self._waiting = {True: 0, False: 0}
        # Reads that have gone before a waiting write since the last write.
        self._gone_before = 0
        self._successes = 0
        self._generation = 0
        self._hint: int | None = None
        self._paused_until = clock.monotonic()
        self._pace = Pace()

    @property
    def limit(self) -> int:
        """How many requests may run at a time now."""
        return self._limit

    @contextmanager
    def slot(self, *, not_after: float | None = None, reads: bool = False) -> Iterator[Slot]:
        """Wait for a turn, and adapt to the result. A read goes before writes: a message that has nothing to write yet
        waits for it, and writes of all messages need the same places. After some reads the next place is a write's, or
        walks would let no write begin. Raises Transient if the system asks for a longer pause than we wait for, NotSent
        if time is up."""
        slot = self._enter(not_after, reads=reads)
        began = self._clock.monotonic()
        try:
            yield slot
        finally:
            self._leave(slot, began)

    def pause(self, seconds: float | None, *, too_fast: bool = False, not_after: float | None = None) -> bool:
        """Note that the system throttles, for this long; `too_fast` when it counts requests over a window. Whether
        the pause is short enough to be waited for in place; otherwise the gate takes it over, which all processes see.
        """
        if seconds is None:
            return False
        with self._changed:
            now = self._clock.monotonic()
            self._paused_until = max(self._paused_until, now + seconds)
            if too_fast:
                self._pace.slow_down(now, seconds)
        return self._can_wait(seconds, not_after)

    def _enter(self, not_after: float | None, *, reads: bool) -> Slot:
        waited_s = 0.0
        while True:
            pause_s = self._occupy(not_after, reads=reads)
            if pause_s == 0:
                slot = self._wait_for_turn(not_after)
                if slot is not None:
                    return slot
                continue
            waited_s += pause_s
            if waited_s > self._patience_s or not self._can_wait(pause_s, not_after):
                raise Transient(
                    self._system,
                    f"{self._system.label} asked for a pause of {pause_s:.0f} s more",
                    retry_after_s=pause_s,
                )
            self._clock.sleep(pause_s)

    def _occupy(self, not_after: float | None, *, reads: bool) -> float:
        """Take one of the places of running requests; during a pause none is given, and the rest of the pause is
        returned."""
        with self._changed:
            self._wait_for_place(not_after, reads=reads)
            pause_s = max(self._paused_until - self._clock.monotonic(), 0.0)
            if pause_s == 0:
                self._running += 1
                self._gone_before = self._gone_before + 1 if reads and self._waiting[False] else 0
            return pause_s

    def _wait_for_place(self, not_after: float | None, *, reads: bool) -> None:
        self._waiting[reads] += 1
        try:
            while self._running >= self._limit or self._gives_way(reads=reads):
                self._check_time(not_after)
                self._changed.wait(_LOOK_AGAIN_S)
        finally:
            gave_way = self._waiting[not reads] > 0
            self._waiting[reads] -= 1
            if gave_way:
                self._changed.notify_all()
        self._check_time(not_after)

    def _gives_way(self, *, reads: bool) -> bool:
        """Whether the next place is for a waiting request of the other kind."""
        is_turn_of_writes = self._gone_before >= READS_IN_A_ROW
        return self._waiting[not reads] > 0 and is_turn_of_writes == reads

    def _wait_for_turn(self, not_after: float | None) -> Slot | None:
        """Wait for the pace. None, and the place is free again, if the system has asked for a pause meanwhile."""
        with self._changed:
            now = self._clock.monotonic()
            turn = self._pace.take_turn(now)
        too_late = not_after is not None and now + turn.wait_s > not_after
        if turn.wait_s > 0 and not too_late:
            self._clock.sleep(turn.wait_s)
        with self._changed:
            paused = self._paused_until > self._clock.monotonic()
            if self._pace.still_holds(turn) and not too_late and not paused:
                return Slot(self._generation)
            self._running -= 1
            self._changed.notify_all()
        if too_late:
            raise NotSent(f"no time was left for a request to {self._system.label}")
        return None

    def _check_time(self, not_after: float | None) -> None:
        if not_after is not None and self._clock.monotonic() > not_after:
            raise NotSent(f"no time was left for a request to {self._system.label}")

    def _can_wait(self, seconds: float, not_after: float | None) -> bool:
        in_time = not_after is None or self._clock.monotonic() + seconds <= not_after
        return in_time and seconds <= self._patience_s

    def _leave(self, slot: Slot, began: float) -> None:
        seconds = self._clock.monotonic() - began
        with self._changed:
            self._running -= 1
            if not slot.throttled:
                self._pace.note_accepted(began)
            hinted = self._take_hint(slot.dop_hint)
            # Requests sent before the last change say nothing about the present limit.
            if slot.generation == self._generation:
                self._adapt(slow=slot.throttled or seconds > self._slow_s, fresh=hinted)
            self._changed.notify_all()

    def _take_hint(self, hint: int | None) -> bool:
        if hint is None or hint == self._hint:
            return False
        self._hint = hint
        self._limit = min(max(1, hint), self.maximum)
        self._successes = 0
        return True

    def _adapt(self, *, slow: bool, fresh: bool) -> None:
        if slow:
            self._limit = max(1, self._limit // 2)
            self._generation += 1
            self._successes = 0
        elif not fresh:
            self._count_success()

    def _count_success(self) -> None:
        self._successes += 1
        nothing_said = self._hint is None and self._generation == 0
        if (nothing_said or self._successes >= self._limit) and self._limit < self.maximum:
            self._limit += 1
            self._successes = 0
