"""Runs functions on the worker's threads, ends their wait if they run too long, reports how each one ended."""

import asyncio
import inspect
import logging
import math
import threading
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from local.host.app import CONTEXT, AppFunction
from local.host.clock import Clock
from local.host.context import HostContext, Invocation, current, thread_local
from local.host.events import InvocationFailed, InvocationStarted, InvocationSucceeded, OnEvent
from local.host.outputs import SendOutput, output_parameters, send_outputs


@dataclass(frozen=True)
class Succeeded:
    """The function returned and its outputs were sent."""


@dataclass(frozen=True)
class Failed:
    """The function raised, its outputs could not be sent, it ran over the limit, or its worker was lost: the host
    notices that after so many seconds."""

    noticed_in_s: float = 0.0


Outcome = Succeeded | Failed
OnDone = Callable[[Outcome], None]


class FunctionTimeout(Exception):
    """An invocation ran longer than `functionTimeout`."""


class WorkerLost(Exception):
    """The worker is restarted, and everything else that ran in it is lost."""


class Pool(Protocol):
    """Where functions run."""

    def submit(self, task: Callable[[], None], /) -> object:
        """Run `task` as soon as a thread is free."""


class CoroutineLoop:
    """The one event loop on which every async function runs, as in the real worker; started on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, coroutine: Coroutine[object, object, object]) -> object:
        """Wait for `coroutine` on the shared loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._started()).result()

    def close(self) -> None:
        """Stop the loop, if it ever started."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run_and_close, args=(self._loop,), name="async-functions", daemon=True).start()
            return self._loop


def _run_and_close(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


@dataclass(eq=False)
class _Run:
    """One invocation. Either its thread or the watchdog ends it: only the first of the two."""

    function: AppFunction
    arguments: Mapping[str, object]
    on_done: OnDone
    started_s: float
    invocation: Invocation
    has_ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self) -> bool:
        """True for the first caller only."""
        with self.lock:
            first, self.has_ended = not self.has_ended, True
            return first


class Invoker:
    """Starts invocations and settles each one exactly once; none once `is_orphan`: outputs, messages and the status of
    timers are up to the host, and that is gone."""

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        *,
        timeout_s: float | None,
        directory: Path,
        send_output: SendOutput,
        on_event: OnEvent,
        on_timeout: Callable[[str], None],
        is_orphan: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._timeout_s = timeout_s
        self._directory = directory
        self._send_output = send_output
        self._on_event = on_event
        self._on_timeout = on_timeout
        self._is_orphan = is_orphan
        self._coroutines = CoroutineLoop()
        self._runs: set[_Run] = set()
        self._changed = threading.Condition()

    def start(self, function: AppFunction, arguments: Mapping[str, object], on_done: OnDone) -> None:
        """Run `function` as soon as a thread is free; `on_done` is called once. The time limit counts from now."""
        invocation = Invocation(str(uuid.uuid4()), function.name)
        run = _Run(function, arguments, on_done, self._clock.monotonic(), invocation)
        with self._changed:
            self._runs.add(run)
        self._pool.submit(lambda: self._execute(run))

    def check_timeouts(self) -> float:
        """End the wait for every overdue invocation; return the seconds until the next one may be overdue."""
        if self._timeout_s is None:
            return math.inf
        now_s = self._clock.monotonic()
        with self._changed:
            runs = sorted(self._runs, key=lambda run: run.started_s)
        for run in runs:
            left_s = run.started_s + self._timeout_s - now_s
            if left_s > 0:
                return left_s
            if run.end():
                self._fail(run, FunctionTimeout(f"ran longer than functionTimeout ({self._timeout_s:g} s)"))
                self._on_timeout(function_timed_out(run.function.name, self._timeout_s))
        return self._timeout_s

    def fail_running(self, error: BaseException) -> None:
        """End the wait for every invocation that still runs: its thread goes with the process. The real host notices
        the death of those only at their own time limit."""
        with self._changed:
            runs = list(self._runs)
        for run in runs:
            if run.end():
                left_s = 0.0 if self._timeout_s is None else self._timeout_s - self._seconds(run)
                self._fail(run, error, Failed(max(0.0, left_s)))

    def wait_until_idle(self, timeout_s: float) -> int:
        """Wait for running functions, at most `timeout_s`; return how many are still running."""
        with self._changed:
            self._changed.wait_for(lambda: not self._runs, timeout=timeout_s)
            left = len(self._runs)
        self._coroutines.close()
        return left

    def _execute(self, run: _Run) -> None:
        if run.has_ended:
            # Its worker was lost before a thread was free.
            return
        token = current.set(run.invocation)
        thread_local.invocation_id = run.invocation.id
        try:
            self._log(run).info("Executing 'Functions.%s' (Id=%s)", run.function.name, run.invocation.id)
            self._on_event(InvocationStarted(run.function.name, run.invocation.id))
            self._call(run)
        except BaseException as error:  # noqa: BLE001 - the trigger boundary: even sys.exit fails one invocation only
            if run.end():
                self._fail(run, error)
        else:
            if run.end():
                self._succeed(run)
        finally:
            thread_local.invocation_id = None
            current.reset(token)

    def _call(self, run: _Run) -> None:
        outputs = output_parameters(run.function)
        context = {CONTEXT: HostContext(run.invocation, self._directory)} if run.function.wants_context else {}
        returned = run.function.call(**run.arguments, **outputs, **context)
        if inspect.iscoroutine(returned):
            returned = self._coroutines.run(cast(Coroutine[object, object, object], returned))
        if not run.has_ended and not self._is_orphan():
            send_outputs(run.function, outputs, returned, self._send_output)

    def _succeed(self, run: _Run) -> None:
        seconds = self._seconds(run)
        self._log(run).info(
            "Executed 'Functions.%s' (Succeeded, Id=%s, Duration=%dms)",
            run.function.name, run.invocation.id, seconds * 1000,
        )  # fmt: skip
        self._on_event(InvocationSucceeded(run.function.name, run.invocation.id, seconds))
        self._finish(run, Succeeded())

    def _fail(self, run: _Run, error: BaseException, outcome: Outcome = Failed()) -> None:
        seconds = self._seconds(run)
        self._log(run).error(
            "Executed 'Functions.%s' (Failed, Id=%s, Duration=%dms)",
            run.function.name, run.invocation.id, seconds * 1000, exc_info=error,
        )  # fmt: skip
        self._on_event(InvocationFailed(run.function.name, run.invocation.id, seconds, type(error).__name__))
        self._finish(run, outcome)

    def _finish(self, run: _Run, outcome: Outcome) -> None:
        try:
            if not self._is_orphan():
                run.on_done(outcome)
        finally:
            with self._changed:
                self._runs.discard(run)
                self._changed.notify_all()

    def _seconds(self, run: _Run) -> float:
        return self._clock.monotonic() - run.started_s

    def _log(self, run: _Run) -> logging.Logger:
        return logging.getLogger(f"Function.{run.function.name}")


def function_timed_out(name: str, timeout_s: float) -> str:
    """Return the reason for restarting the worker, which is what the real host does."""
    return f"{name} ran over functionTimeout ({timeout_s:g} s)"
