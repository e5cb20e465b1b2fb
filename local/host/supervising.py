"""The host as the parent of its worker. A worker that gives up is followed by the next one. When a worker dies, its
messages come back before that, and the third death ends the host."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from local import console
from local.host.errors import HostError
from local.host.journal import SO_FAR, VARIABLE, SoFar

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CRASHED = 1
MOST_DEATHS = 3
FORGET_DEATHS_AFTER_S = 30 * 60.0
# As a shell reports an end by a signal.
_BY_SIGNAL = 128


class Deaths:
    """How often workers have died in a row: a pause of half an hour clears the list."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._last_s = 0.0

    def too_many(self) -> bool:
        """Count one more; whether the host gives up."""
        now_s = self._clock()
        self._count = 1 if now_s - self._last_s > FORGET_DEATHS_AFTER_S else self._count + 1
        self._last_s = now_s
        return self._count >= MOST_DEATHS


class Worker:
    """A worker's process and what it has reported."""

    def __init__(self, so_far: SoFar, instance: str) -> None:
        reading, writing = os.pipe()
        told = {VARIABLE: f"{writing}:{os.getpid()}:{instance}", SO_FAR: json.dumps(asdict(so_far))}
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "local.host", *sys.argv[1:]], env={**os.environ, **told}, pass_fds=[writing]
        )
        os.close(writing)
        self._pipe = os.fdopen(reading, encoding="utf-8")
        self.has_ended = False
        """Whether it has ended by its own will."""
        self.left: SoFar | None = None
        """What to tell the next worker, if this one has given up."""
        self.held: dict[str, dict[str, Any]] = {}
        """The messages that it holds, by id."""

    def wait(self) -> int:
        """Listen until it has ended; its exit code."""
        with self._pipe as lines:
            for line in lines:
                self._hear(line)
        return self.process.wait()

    def _hear(self, line: str) -> None:
        match json.loads(line):
            case {"holds": {"id": str(id)}} as entry:
                self.held[id] = entry
            case {"settled": str(id)}:
                self.held.pop(id, None)
            case {"lost": so_far}:
                self.left = SoFar(**so_far)
            case {"end": True}:
                self.has_ended = True


class Stop:
    """Requests to stop. They are passed to the worker, also to one that starts at that moment."""

    def __init__(self) -> None:
        self.asked = False
        self._process: subprocess.Popen[bytes] | None = None
        for number in SIGNALS:
            signal.signal(number, self._hear)

    def pass_on_to(self, process: subprocess.Popen[bytes]) -> None:
        """This process gets them from now on."""
        self._process = process
        if self.asked:
            process.terminate()

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.asked = True
        if self._process is not None:
            self._process.send_signal(number)


def supervise() -> int:
    """Run one worker after the other until one ends by its own will, or too many have died. The exit code."""
    console.take_any_character()
    instance, deaths, stop, so_far = uuid.uuid4().hex, Deaths(), Stop(), SoFar()
    while True:
        worker = Worker(so_far, instance)
        stop.pass_on_to(worker.process)
        code = worker.wait()
        if worker.has_ended:
            return code
        if stop.asked:
            return 0 if worker.left else abs(code) + (_BY_SIGNAL if code < 0 else 0)
        if worker.left:
            so_far = worker.left
            continue
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        _say("ERR", f"The worker died ({how})")
        try:
            give_back(worker.held)
        except HostError as error:
            _say("CRT", f"An unhandled exception has occurred. Host is shutting down. ({error})")
            return CRASHED
        if deaths.too_many():
            _say("CRT", "Exceeded language worker restart retry count. Host is shutting down.")
            return CRASHED
        so_far = SoFar(so_far.restarts + 1, f"the worker died ({how})", so_far.functions, so_far.peak_memory_mb)


def give_back(held: dict[str, dict[str, Any]]) -> None:
    """Settle what a dead worker held as failures: that is what the real host does at once. Raises HostError where
    storage does not let it."""
    if not held:
        return
    # Modules that take memory are loaded when they are needed.
    from local.host import givingback  # noqa: PLC0415

    givingback.give_back(list(held.values()), sys.argv[1:])


def _say(level: str, text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {level} Host.Worker: {text}\n")
    sys.stderr.flush()
