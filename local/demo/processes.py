"""The demo's child processes: started one by one, each waited for, all ended in the opposite order."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.demo import logs
from local.demo.errors import DemoFailed, UserMistake
from local.endings import ending
from local.patience import Clock, Clockwork, Patience, effort_of

ROOT = Path(__file__).resolve().parent.parent.parent
# A child that starts or ends is waited for while it progresses; `_MOST` bounds one that never finishes. One that ends
# may be busy with what it was given last: whoever has pressed Ctrl-C does not wait for that.
START_IDLE_S, START_MOST_S = 60.0, 900.0
STOP_IDLE_S, STOP_MOST_S = 8.0, 10.0
_LOOK_EVERY_S = 0.02
MISTAKE = 2


def _say_nothing(_text: str) -> None:
    """For processes without a screen."""


def _patiently() -> bool:
    """For processes that must come to their end."""
    return False


@dataclass(slots=True)
class Child:
    """A running module or program; its output goes to `log`. `tell` gets a line for the user if it takes long. One that
    was asked to end is killed as soon as `in_a_hurry`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    tell: Callable[[str], None] = _say_nothing
    clock: Clock = field(default_factory=Clockwork)
    stop_idle_s: float = STOP_IDLE_S
    in_a_hurry: Callable[[], bool] = _patiently

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def ended(self) -> str:
        """How it has stopped by itself, empty while it runs. One that refused its arguments has never worked."""
        code = self.process.poll()
        if code is None or code == MISTAKE:
            return ""
        return ending(code)

    def require_alive(self) -> None:
        """Raises UserMistake with the child's own message when it refused its arguments, DemoFailed when it died."""
        code = self.process.poll()
        if code is None:
            return
        if code == MISTAKE:
            raise UserMistake(logs.last_line(self.log) or f"{self.name} refused its arguments")
        raise DemoFailed(f"{self.name} stopped by itself ({self.ended}). {logs.last_words(self.log)}")

    def wait_for(self, file: Path) -> str:
        """The content of the file that the child writes when it is ready."""
        self.wait_until(file.exists)
        return file.read_text(encoding="utf-8").strip()

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until it is ready. Raises DemoFailed when it ends before, or does nothing."""
        patience = self._patience(START_IDLE_S, START_MOST_S, f"the {self.name} to start")
        while not (why := patience.ended()):
            if ready():
                return
            self.require_alive()
            self.clock.sleep(_LOOK_EVERY_S)
        raise DemoFailed(f"{self.name} did not start: {why}. {logs.last_words(self.log)}")

    def kill(self) -> None:
        """End it at once and without a warning."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_alone(self) -> None:
        """End it at once, while what it has started lives on."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it and everything that it started: asked first, then killed."""
        if self.process.poll() is None:
            self.process.terminate()
            began = self.clock.monotonic()
            patience = self._patience(self.stop_idle_s, STOP_MOST_S, f"the {self.name} to end")
            why = ""
            while self.process.poll() is None and not self.in_a_hurry() and not (why := patience.ended()):
                self.clock.sleep(_LOOK_EVERY_S)
            if why:
                took_s = self.clock.monotonic() - began
                self.tell(f"the {self.name} did not end within {took_s:.0f} s of being asked, and was killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _patience(self, idle_s: float, most_s: float, what: str) -> Patience:
        return Patience(what, effort_of(self.pid, self.log), idle_s, most_s, self.tell, self.clock)


@contextlib.contextmanager
def running(
    name: str,
    module: str,
    arguments: Sequence[str],
    *,
    log: Path,
    environment: dict[str, str] | None = None,
    tell: Callable[[str], None] = _say_nothing,
    stop_idle_s: float = STOP_IDLE_S,
    in_a_hurry: Callable[[], bool] = _patiently,
) -> Iterator[Child]:
    """Run a module of ours, or with `child_process.PROGRAM` for a module the program that `arguments` begin with, for
    as long as the block lasts. `stop_idle_s` is how long it may do nothing once it was asked to end, and
    it is killed as soon as `in_a_hurry`. Call it from the
    main thread: the child ends with it."""
    command = [sys.executable, "-m", "local.demo.child_process", str(os.getpid()), module, *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches the whole foreground group: the children end when the demo says so, in order.
            start_new_session=True,
        )
    child = Child(name, process, log, tell, stop_idle_s=stop_idle_s, in_a_hurry=in_a_hurry)
    try:
        yield child
    finally:
        child.stop()
