"""The host beside its worker: when the worker dies, its messages come back and a new one starts; the third death in a
row ends the host."""

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

from local.host import restarting
from local.host.journal import VARIABLE

CRASHED = 1
MOST_DEATHS = 3
FORGET_DEATHS_AFTER_S = 30 * 60.0


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
    """A worker's process and what it has told."""

    def __init__(self, so_far: restarting.SoFar, instance: str) -> None:
        reading, writing = os.pipe()
        told = {VARIABLE: f"{writing}:{os.getpid()}:{instance}", restarting.VARIABLE: json.dumps(asdict(so_far))}
        command = [sys.executable, *sys.orig_argv[1:]]
        self.process = subprocess.Popen(command, env={**os.environ, **told}, pass_fds=[writing])  # noqa: S603 - our own
        os.close(writing)
        self._pipe = os.fdopen(reading, encoding="utf-8")
        self.restarts = so_far.restarts
        self.has_ended = False
        self.held: dict[str, dict[str, Any]] = {}

    def wait(self) -> int:
        """Listen until it is no more; its exit code."""
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
            case {"restarts": int(restarts)}:
                self.restarts = restarts
            case {"end": True}:
                self.has_ended = True


def supervise() -> int:
    """Run workers until one ends by its own will, or too many have died. The exit code."""
    instance, deaths, so_far = uuid.uuid4().hex, Deaths(), restarting.SoFar()
    while True:
        worker = Worker(so_far, instance)
        asked = _pass_signals_on(worker.process)
        code = worker.wait()
        if worker.has_ended or asked:
            return code
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        _say("ERR", f"The worker died ({how})")
        give_back(worker.held)
        if deaths.too_many():
            _say("CRT", "Exceeded language worker restart retry count. Host is shutting down.")
            return CRASHED
        so_far = restarting.SoFar(worker.restarts + 1, f"the worker died ({how})")


def give_back(held: dict[str, dict[str, Any]]) -> None:
    """Settle what a dead worker held as failures: that is what the real host does at once."""
    if not held:
        return
    # What takes memory is loaded when it is needed.
    from local.host import givingback  # noqa: PLC0415

    givingback.give_back(list(held.values()), sys.argv[1:])


def _pass_signals_on(process: subprocess.Popen[bytes]) -> list[int]:
    """From now on a request to stop goes to this process; the list holds those that came."""
    asked: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        process.send_signal(number)

    for number in restarting.SIGNALS:
        signal.signal(number, stop)
    return asked


def _say(level: str, text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {level} Host.Worker: {text}\n")
