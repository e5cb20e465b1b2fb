"""The parts of the demo that run in processes of their own, and may end and be started again."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from os import environ
from pathlib import Path
from types import MappingProxyType

import psutil

from local.demo import environment, interrupts
from local.demo.processes import ROOT, Child, running
from local.demo.restarts import Restarts

_DRAIN_S = 3
# How long a message stays invisible that a host has fetched and was killed over; it renews what it is at.
_LEASE_S = 20
_MEGABYTE = 1e6


class Part:
    """A module of ours in a process, which writes a ready file once it can be used. Its output goes to `log`."""

    def __init__(self, name: str, module: str, log: Path, tell: Callable[[str], None]) -> None:
        self.name = name
        self.log = log
        self._module = module
        self._tell = tell
        self._stack = ExitStack()
        self._child: Child | None = None
        self._ready = Path()

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._child is None else self._child.pid

    def begin(self, arguments: Sequence[str], ready: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start the process, and return at once. `settings` are more variables of its environment."""
        ready.unlink(missing_ok=True)
        self._ready = ready
        variables = environment.child_environment(environ, settings)
        child = running(self.name, self._module, arguments, log=self.log, environment=variables, tell=self._tell)
        self._child = self._stack.enter_context(child)

    def wait(self) -> None:
        """Wait until it can be used. Raises DemoFailed, and UserMistake where it refused its arguments."""
        assert self._child is not None
        self._child.wait_for(self._ready)

    def kill(self) -> None:
        """Pull its plug: SIGKILL, it cannot put anything in order."""
        if self._child is not None:
            self._child.kill()
        self.stop()

    def stop(self) -> None:
        """End it, if it runs."""
        with interrupts.held_off():
            self._stack.close()
        self._child = None

    def require_alive(self) -> None:
        """Raises DemoFailed when it has ended by itself; one that was ended on purpose is no matter."""
        if self._child is not None:
            self._child.require_alive()


class FunctionsHost:
    """A functions host on the app. Several may run on one storage account: each has a name of its own, after which its
    files in the folder `run` are called."""

    def __init__(self, name: str, run: Path, log: Path, tell: Callable[[str], None]) -> None:
        stem = run / log.stem
        self._part = Part(name, "local.host", log, tell)
        self._tell = tell
        self._ready, self._summary = stem.with_suffix(".ready"), stem.with_suffix(".summary")
        self._restarts = Restarts(self._ready)
        self.peak_memory_mb = 0.0
        """The largest resident size seen so far, in units of 1,000,000 bytes."""

    @property
    def log(self) -> Path:
        """What it has written, of every start."""
        return self._part.log

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._part.pid

    def start(self, settings_file: Path, settings: Mapping[str, str]) -> None:
        """Start it with the app settings of a file, which are those of `settings`. Raises DemoFailed."""
        self._summary.unlink(missing_ok=True)
        arguments = ["--app", str(ROOT), "--settings", str(settings_file), "--ready-file", str(self._ready)]
        arguments += ["--summary", str(self._summary), "--drain-seconds", str(_DRAIN_S)]
        arguments += ["--lease-seconds", str(_LEASE_S)]
        self._restarts = Restarts(self._ready)
        self._part.begin(arguments, self._ready, settings)
        self._part.wait()

    def kill(self) -> None:
        """Pull its plug."""
        self._note_memory()
        self._part.kill()

    def stop(self) -> None:
        """End it; what it says of its memory is kept."""
        self._part.stop()
        if self._summary.exists():
            peak = json.loads(self._summary.read_text(encoding="utf-8")).get("peak_memory_mb")
            self.peak_memory_mb = max(self.peak_memory_mb, float(peak or 0))

    def require_alive(self) -> None:
        """Raises DemoFailed when it has ended by itself; notes how much memory it takes, and tells when its worker was
        started anew."""
        self._part.require_alive()
        if self.pid is not None:
            self._note_memory()
            if reason := self._restarts.news():
                self._tell(f"the {self._part.name} started its worker anew: {reason}")

    def _note_memory(self) -> None:
        if self.pid is None:
            return
        try:
            resident: int = psutil.Process(self.pid).memory_info().rss
        except psutil.NoSuchProcess:
            return
        self.peak_memory_mb = max(self.peak_memory_mb, round(resident / _MEGABYTE, 1))
