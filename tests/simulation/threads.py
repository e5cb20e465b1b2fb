"""Virtual time and virtual threads: workers that give way, stall and die at any of their steps, all by one seed.

A worker is a greenlet. It runs until one of its steps hands over to another one; only then does another one run, so
the same dice give the same interleaving on every machine.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import greenlet

_BEGINNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_CLAIM_S = 600.0
# A worker that goes on and on is a fault of its own.
_MOST_STEPS = 20_000


class Died(BaseException):
    """The process of a worker has ended here. No BaseException handler may do any work."""


class Endless(AssertionError):
    """A worker does not come to an end."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to a worker: it dies, or stands still for so many seconds, at a step by its number, or at the first
    step of a kind: one whose name holds that text. It gives way to another worker that could run with a chance of
    `gives_way` at each step. One that has stood still for longer than its claim lives comes to its end: what is said of
    late writes in docs/reliability.md."""

    dies_at: int | None = None
    stalls: dict[int, float] = field(default_factory=dict)
    gives_way: float = 0.0
    dies_in: str = ""
    stands_in: str = ""
    stands_s: float = 0.0


CALM = Plan()


@dataclass(eq=False, slots=True)
class Worker:
    """One invocation. `dice` are its own, whatever the others do."""

    name: str
    work: Callable[[], None]
    dice: random.Random
    plan: Plan
    steps: int = 0
    wakes_at: float = 0.0
    let: Any = None
    done: bool = False
    died: bool = False
    error: BaseException | None = None
    last_step: str = ""
    stood: bool = False
    stood_s: float = 0.0

    @property
    def is_late(self) -> bool:
        """Whether it has stood still for longer than a claim holds others off: another one may have its records."""
        return self.stood_s >= _CLAIM_S


class Threads:
    """Runs workers, and moves the time."""

    def __init__(self, on_step: Callable[[Worker, str], None] = lambda _worker, _name: None) -> None:
        self.seconds = 0.0
        self.current: Worker | None = None
        self.standing: list[Worker] = []
        self.on_step = on_step
        self._hub: Any = None
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._told = 0.0, _BEGINNING

    def empty(self) -> None:
        """Begin anew: nobody stands still, nothing is to come."""
        self.seconds, self.current = 0.0, None
        self.standing.clear()
        self._later.clear()

    def now(self) -> datetime:
        """The true time of day in UTC."""
        if self._told[0] != self.seconds:
            self._told = self.seconds, _BEGINNING + timedelta(seconds=self.seconds)
        return self._told[1]

    def later(self, delay_s: float, deed: Callable[[], object]) -> None:
        """Do something when the time has come, such as a write that lands after its time-out."""
        heapq.heappush(self._later, (self.seconds + delay_s, next(self._order), deed))

    def run(self, workers: list[Worker], dice: random.Random) -> None:
        """Let workers run until each has ended or stands still; where several can run, by the dice."""
        able = list(workers)
        while able:
            worker = able[0] if len(able) == 1 else dice.choice(able)
            self._resume(worker, alone=len(able) == 1)
            if worker.done:
                able.remove(worker)
            elif worker.wakes_at > self.seconds:
                able.remove(worker)
                self.standing.append(worker)

    def advance(self, seconds: float, dice: random.Random) -> None:
        """Let the time pass; what comes due meanwhile happens in its order."""
        end = self.seconds + seconds
        while (at := self._next_at()) is not None and at <= end:
            self.seconds = max(self.seconds, at)
            while self._later and self._later[0][0] <= self.seconds:
                heapq.heappop(self._later)[2]()
            awake = [worker for worker in self.standing if worker.wakes_at <= self.seconds]
            self.standing = [worker for worker in self.standing if worker.wakes_at > self.seconds]
            self.run(awake, dice)
        self.seconds = max(self.seconds, end)

    def finish(self, dice: random.Random) -> None:
        """Let the time pass until nobody stands still and nothing is to come."""
        while (at := self._next_at()) is not None:
            self.advance(max(0.0, at - self.seconds), dice)

    def step(self, name: str) -> None:
        """A worker is at one of its steps: here it may die, stand still or give way. Outside of workers it is
        nothing."""
        worker = self.current
        if worker is None:
            return
        if worker.died:
            # What a dead process would do behind its death, in some `finally`, does not happen.
            raise Died(name)
        worker.steps += 1
        worker.last_step = name
        self.on_step(worker, name)
        plan = worker.plan
        if plan is CALM and worker.steps < _MOST_STEPS:
            return
        if not worker.is_late and (worker.steps == plan.dies_at or (plan.dies_in and plan.dies_in in name)):
            worker.died = True
            raise Died(name)
        if worker.steps >= _MOST_STEPS:
            raise Endless(f"{worker.name} has done {worker.steps} steps, the last one {name}")
        if worker.steps in plan.stalls:
            self._stand(worker, plan.stalls[worker.steps])
        elif plan.stands_in and not worker.stood and plan.stands_in in name:
            worker.stood = True
            self._stand(worker, plan.stands_s)
        elif plan.gives_way and worker.dice.random() < plan.gives_way:
            self._give_way()

    def _stand(self, worker: Worker, seconds: float) -> None:
        self.sleep(seconds)
        worker.stood_s += seconds

    def sleep(self, seconds: float) -> None:
        """The current worker stands still; outside of workers the time passes."""
        if self.current is None:
            self.seconds += seconds
            return
        self.current.wakes_at = self.seconds + seconds
        self._give_way()

    def _give_way(self) -> None:
        self._hub.switch()

    def _next_at(self) -> float | None:
        times = [worker.wakes_at for worker in self.standing]
        if self._later:
            times.append(self._later[0][0])
        return min(times, default=None)

    def _resume(self, worker: Worker, *, alone: bool) -> None:
        if worker.let is None:
            worker.let = greenlet(self._body)
        before, self.current = self.current, worker
        hub, self._hub = self._hub, greenlet.getcurrent()
        kept = worker.plan
        if alone and kept.gives_way and kept.dies_at is None and not kept.stalls:
            worker.plan = CALM
        try:
            worker.let.switch(worker)
        finally:
            worker.plan = kept
            self.current, self._hub = before, hub

    def _body(self, worker: Worker) -> None:
        try:
            worker.work()
        except Died:
            worker.died = True
        except Exception as error:  # noqa: BLE001 - whoever runs the worker looks at it
            worker.error = error
        finally:
            worker.done = True


@dataclass(slots=True)
class WorkerClock:
    """The clock of one computer, which may be wrong by so many seconds; satisfies the engine's Clock."""

    threads: Threads
    wrong_by_s: float = 0.0

    def now(self) -> datetime:
        """The time of day as this computer knows it."""
        now = self.threads.now()
        return now + timedelta(seconds=self.wrong_by_s) if self.wrong_by_s else now

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self.threads.seconds

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.threads.sleep(seconds)
