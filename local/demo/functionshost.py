"""A functions host of the demo: started, killed, ended, and restarted if it stops by itself."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import psutil

from local.demo import interrupts
from local.demo.hosts import Program
from local.demo.parts import Part

_MEGABYTE = 1e6
# To find the processes of a host takes some milliseconds.
_LOOK_AT_MEMORY_EVERY_S = 1.0
# So often a host may end in a row without having been ready: then it never will.
_MOST_ENDS = 10


class FunctionsHost:
    """A functions host on the app. Several may run on one storage account, each with a name of its own.

    A host that stops by itself is restarted, as on the platform: without storage, for example, no host keeps running.
    `own` are settings of this host alone.
    """

    def __init__(
        self,
        name: str,
        program: Program,
        log: Path,
        tell: Callable[[str], None],
        own: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # The functions can be killed at any step; both systems and the storage write what they hold first.
        hurry = interrupts.asked_again
        self._part = Part(name, program.module, log, tell, stop_idle_s=program.stop_idle_s, in_a_hurry=hurry)
        self._program = program
        self._tell = tell
        self._own = own
        self._begin: Callable[[], None] = lambda: None
        self._ends = 0
        self._ready = False
        self._look_at = 0.0
        self.peak_memory_mb = 0.0
        """The largest resident size seen so far, with its workers, in units of 1,000,000 bytes."""

    @property
    def log(self) -> Path:
        """What it has written, of every start."""
        return self._part.log

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._part.pid

    @property
    def processes(self) -> list[psutil.Process]:
        """The process of the host while it runs, and those of its workers."""
        return list(self._processes())

    def start(self, settings_file: Path, settings: Mapping[str, str]) -> None:
        """Start it with the app settings of a file, which are those of `settings`. Raises DemoFailed."""

        def begin() -> None:
            arguments, more = self._program.prepare(settings_file)
            self._ready = False
            self._part.begin(arguments, {**settings, **self._own, **more})

        self._begin, self._ends = begin, 0
        begin()
        self._part.wait(self._program.is_ready)

    def kill(self) -> None:
        """Pull its plug."""
        self._note_memory()
        self._part.kill()

    def kill_alone(self) -> None:
        """Pull its plug, while its worker lives on."""
        self._note_memory()
        self._part.kill_alone()

    def stop(self) -> None:
        """End it; what it says of its memory is kept."""
        self._part.stop()
        self.peak_memory_mb = max(self.peak_memory_mb, self._program.peak_memory_mb())

    def require_alive(self) -> None:
        """Restart it if it has stopped by itself; raises DemoFailed if that does not help. Notes how much memory it
        takes, and reports when a worker was restarted."""
        if self.pid is None:
            return
        if how := self._part.ended:
            self._start_again(how)
        self._part.require_alive()
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_AT_MEMORY_EVERY_S
            self._note_memory()
        if not self._ready and self._program.is_ready():
            self._ready, self._ends = True, 0
        if reason := self._program.news():
            self._tell(f"the {self._part.name} restarted its worker: {reason}")

    def _start_again(self, how: str) -> None:
        self._ends += 1
        if self._ends > _MOST_ENDS:
            return
        self._tell(f"the {self._part.name} stopped by itself ({how}); it is restarted, as in Azure")
        self._part.stop()
        self._begin()

    def _note_memory(self) -> None:
        resident = 0.0
        for process in self.processes:
            try:
                resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.peak_memory_mb = max(self.peak_memory_mb, round(resident / _MEGABYTE, 1))

    def _processes(self) -> Iterator[psutil.Process]:
        """The host and what it has started."""
        if self.pid is None:
            return
        try:
            host = psutil.Process(self.pid)
            yield host
            yield from host.children(recursive=True)
        except psutil.NoSuchProcess:
            return
