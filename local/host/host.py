"""The host: puts listeners, threads and storage together, starts them, and stops them gracefully."""

import hashlib
import logging
import os
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from local.host.app import AppFunction
from local.host.app_settings import AppSettings
from local.host.backoff import Backoff
from local.host.clock import Clock, SystemClock
from local.host.documents import HIDDEN
from local.host.errors import HostError, SettingsInvalid
from local.host.events import Event, OnEvent, ignore
from local.host.host_json import HostJson
from local.host.invoker import Invoker, WorkerLost
from local.host.journal import Journal, SoFar
from local.host.loop import Loop
from local.host.queue_listener import LEASE_S, POISON_SUFFIX, QueueListener, has_poison_queue
from local.host.queues import encode_body
from local.host.storage import AzureStorage, Storage
from local.host.summary import Tally, peak_memory_mb
from local.host.timer_listener import TimerListener
from local.host.timer_lock import LEASE_S as LOCK_S
from local.host.timer_lock import Singleton
from local.host.triggers import QueueAddress, QueueFunction, TimerFunction, bind_triggers

log = logging.getLogger("Host.Startup")

STORAGE_SETTING = "AzureWebJobsStorage"
THREADS_SETTING = "PYTHON_THREADPOOL_THREAD_COUNT"
# How long the worker of a killed host may continue.
ABANDONED_S = 600.0
CRASHED, WORKER_LOST = 1, 3
# How long the real host waits after SIGTERM for running functions.
DRAIN_S = 10.0
# The real host kills a worker so long after one of its functions ran over the limit.
KILL_AFTER_S = 2.0


class Host:
    """Runs the functions of one app. Of several hosts on one storage account with one host id, one fires a timer.

    `lease_s` is how long a fetched message stays invisible (the real host's 10 minutes unless a crash test shortens
    it), `lock_s` how long the lock of a timer lasts that is not renewed (60 s, or a crash test's 15), `drain_s` how
    long running functions may continue after `request_stop`. `on_event` is never called by two
    threads at once. `so_far` are the counts before the worker was restarted.
    """

    def __init__(
        self,
        functions: Sequence[AppFunction],
        settings: AppSettings,
        host_json: HostJson,
        *,
        directory: Path,
        storage: Storage | None = None,
        clock: Clock | None = None,
        on_event: OnEvent = ignore,
        lease_s: float = LEASE_S,
        lock_s: int = LOCK_S,
        drain_s: float = DRAIN_S,
        so_far: SoFar | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._settings = settings
        self._options = host_json.queues
        self._storage = storage or AzureStorage()
        self._clock = clock or SystemClock()
        self._observer = on_event
        self._observing = threading.Lock()
        self._journal = journal or Journal()
        self._lease_s = lease_s
        self._lock_s = lock_s
        self._drain_s = drain_s
        self._so_far = so_far or SoFar()
        self._tally = Tally(self._so_far.functions)
        self._stopping = threading.Event()
        self._stop_asked = False
        self._exit_code = 0
        self._lost_by = ""
        self._triggers = bind_triggers(functions, settings)
        self._host_id = settings.get("AzureFunctionsWebHost__hostid") or _host_id(directory)
        self._pool = ThreadPoolExecutor(_thread_count(settings), thread_name_prefix="function")
        self._invoker = Invoker(
            self._pool,
            self._clock,
            timeout_s=host_json.function_timeout,
            directory=directory,
            send_output=self._send_output,
            on_event=self._observe,
            on_timeout=self._lose_worker,
            is_orphan=self._journal.is_orphan,
        )
        self._loops: list[Loop] = []
        self._queues = {queue.function.name: self._queue_listener(queue) for queue in self._triggers.queues}
        self._timers = {timer.function.name: self._timer_listener(timer) for timer in self._triggers.timers}
        self._watchdog = Loop("functionTimeout", self._crash)
        for name in host_json.unknown_queue_options:
            log.warning("host.json extensions.queues.%s means nothing: correct its name", name)

    @property
    def function_names(self) -> tuple[str, ...]:
        """The functions that this host listens for."""
        return (*self._timers, *self._queues)

    @property
    def host_id(self) -> str:
        """Under which id the status of timers is kept."""
        return self._host_id

    @property
    def exit_code(self) -> int:
        """0, `CRASHED`, or `WORKER_LOST`; a lost worker does not count if the host was asked to stop."""
        return 0 if self._exit_code == WORKER_LOST and self._stop_asked else self._exit_code

    def start(self) -> None:
        """Begin to listen; return at once."""
        for loop, listener in zip(self._loops, self._listeners(), strict=True):
            loop.start(listener.step)
        self._watchdog.start(self._invoker.check_timeouts)
        log.info("Host %s listens for: %s", self._host_id, ", ".join(self.function_names) or "nothing")

    def require_timers(self, names: Sequence[str]) -> None:
        """Raises HostError if one of the names is no timer function: said before anything begins."""
        for name in names:
            if name not in self._timers:
                raise HostError(f"{name} is not a timer of this app: choose from {', '.join(self._timers) or 'none'}")

    def fire(self, name: str) -> None:
        """Run a timer function once, out of schedule. Raises HostError if there is none of this name."""
        self.require_timers([name])
        self._timers[name].fire_now()

    def request_stop(self) -> None:
        """Ask the host to stop; may be called from a signal handler."""
        self._stop_asked = True
        self._stopping.set()

    def abandon(self) -> None:
        """The host's process was killed: what runs goes to its end, and nothing of it is settled."""
        self._stop_listening()
        self._close_loops(0.0)
        self._invoker.wait_until_idle(ABANDONED_S)
        os._exit(CRASHED)

    def wait(self) -> int:
        """Wait for the request to stop or a reason to, stop gracefully, return the exit code. `WORKER_LOST`: the caller
        restarts the process of the host."""
        self._stopping.wait()
        return self.stop()

    def stop(self) -> int:
        """Let running functions finish, stop listening, release the timers' locks; return the exit code.

        A host that was asked to stop continues to take messages and to fire timers until nothing runs, or its time is
        over. What still runs then ends with the process; its messages come back after their lease.
        """
        self._stopping.set()
        ends_at_s = self._clock.monotonic() + self._drain_s
        if self._exit_code:
            self._stop_listening()
        if self._exit_code == WORKER_LOST:
            # What a listener is just fetching is lost with the rest.
            self._close_loops(5.0)
        left = self._drain()
        self._stop_listening()
        self._close_loops(5.0)
        if self._exit_code == 0:
            left = self._invoker.wait_until_idle(max(0.0, ends_at_s - self._clock.monotonic()))
            if left:
                log.warning("%d functions are still running; their messages come back after the lease", left)
        if self.exit_code != WORKER_LOST:
            # The next worker of this host continues with them.
            for timer in self._timers.values():
                timer.close()
        is_idle = left == 0 and self._exit_code == 0
        self._pool.shutdown(wait=is_idle, cancel_futures=True)
        if is_idle:
            self._storage.close()
        return self.exit_code

    def so_far(self) -> SoFar:
        """Return what the next worker must know of this one."""
        return SoFar(self._so_far.restarts + 1, self._lost_by, self._tally.as_dict(), self._peak_memory_mb())

    def summary(self) -> dict[str, object]:
        """Return peak memory in megabytes, the exit code, how often the worker was restarted, and the counts of
        each function."""
        return {
            "peak_memory_mb": self._peak_memory_mb(),
            "exit_code": self.exit_code,
            "restarts": self._so_far.restarts,
            "functions": self._tally.as_dict(),
        }

    def _peak_memory_mb(self) -> float:
        return max(self._so_far.peak_memory_mb, peak_memory_mb())

    def __enter__(self) -> "Host":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _stop_listening(self) -> None:
        for listener in self._listeners():
            listener.stop_fetching()

    def _close_loops(self, timeout_s: float) -> None:
        """End all of them, and wait for their last steps: at most `timeout_s` for all together."""
        loops = (self._watchdog, *self._loops)
        for loop in loops:
            loop.end()
        ends_at_s = self._clock.monotonic() + timeout_s
        for loop in loops:
            loop.join(max(0.0, ends_at_s - self._clock.monotonic()))

    def _listeners(self) -> list[QueueListener | TimerListener]:
        return [*self._queues.values(), *self._timers.values()]

    def _loop(self, name: str) -> Loop:
        self._loops.append(Loop(name, self._crash))
        return self._loops[-1]

    def _queue_listener(self, queue: QueueFunction) -> QueueListener:
        source = queue.source
        poison = QueueAddress(source.connection_string, source.name + POISON_SUFFIX)
        return QueueListener(
            queue.function,
            self._storage.queue(source),
            self._storage.queue(poison) if has_poison_queue(source.name) else None,
            options=self._options,
            invoker=self._invoker,
            clock=self._clock,
            backoff=Backoff(self._options.max_polling_interval, random.Random()),
            on_event=self._observe,
            wake=self._loop(queue.function.name).wake,
            on_lost_storage=self._crash,
            on_held=partial(self._journal.holds, source),
            on_settled=self._journal.settled,
            lease_s=self._lease_s,
        )

    def _timer_listener(self, timer: TimerFunction) -> TimerListener:
        name = timer.function.name
        wake = self._loop(name).wake
        try:
            connection = self._settings.connection_string(STORAGE_SETTING, where=f"function {name}")
        except SettingsInvalid as error:
            # As in the real host, the timer runs all the same.
            log.error("Timer %s runs without status and lock: %s", name, error)
            return TimerListener(timer, None, invoker=self._invoker, clock=self._clock, wake=wake)
        status = self._storage.timer_status(connection, self._host_id, name) if timer.use_monitor else None
        lock = self._storage.timer_lock(connection, self._host_id, name, self._lock_s, self._journal.instance)
        singleton = Singleton(lock, self._clock, name, self._lock_s)
        return TimerListener(timer, status, invoker=self._invoker, clock=self._clock, wake=wake, singleton=singleton)

    def _send_output(self, function: str, binding: str, body: bytes) -> None:
        address = self._triggers.outputs[function, binding]
        self._storage.queue(address).send(encode_body(body, self._options.message_encoding))
        for queue in self._triggers.queues:
            if queue.source == address:
                self._queues[queue.function.name].look_now()

    def _observe(self, event: Event) -> None:
        self._tally.add(event)
        try:
            with self._observing:
                self._observer(event)
        except OSError as error:
            # What happened cannot be reported any more, above all on a full disk.
            self._crash("its own events", error)

    def _drain(self) -> int:
        """Let running functions finish; return how many did not. With a lost worker they are lost, too."""
        if self._exit_code != WORKER_LOST:
            return self._invoker.wait_until_idle(self._drain_s)
        left = self._invoker.wait_until_idle(min(self._drain_s, KILL_AFTER_S))
        self._invoker.fail_running(WorkerLost(f"the worker is restarted: {self._lost_by}"))
        return left

    def _lose_worker(self, reason: str) -> None:
        log.error("The worker is restarted: %s; shorten its work or raise the limit", reason)
        self._lost_by = self._lost_by or reason
        self._exit_code = self._exit_code or WORKER_LOST
        self._stopping.set()

    def _crash(self, name: str, error: BaseException) -> None:
        log.critical("An unhandled exception has occurred. Host is shutting down. (%s)", name, exc_info=error)
        self._exit_code = CRASHED
        self._stopping.set()


def _host_id(directory: Path) -> str:
    """Derive an id from the app's folder, so two apps on one account keep separate timer statuses."""
    return "local-" + hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:16]


def _thread_count(settings: AppSettings) -> int:
    text = settings.get(THREADS_SETTING)
    if text is None:
        return min(32, (os.cpu_count() or 1) + 4)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsInvalid(f"{THREADS_SETTING} is {HIDDEN}: set a whole number of at least 1")
    return int(text)
