"""The demo's child processes: started one by one, each waited for, all ended in the opposite order."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.demo.errors import DemoFailed, UserMistake

ROOT = Path(__file__).resolve().parent.parent.parent
START_LIMIT_S = 60.0
STOP_LIMIT_S = 8.0
_LOOK_EVERY_S = 0.02
_LINES_SHOWN = 12
MISTAKE = 2


@dataclass(slots=True)
class Child:
    """A running module of ours; its output goes to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def require_alive(self) -> None:
        """Raises UserMistake with the child's own message when it refused its arguments, DemoFailed when it died."""
        code = self.process.poll()
        if code is None:
            return
        if code == MISTAKE:
            raise UserMistake(last_lines(self.log, 1) or f"{self.name} refused its arguments")
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise DemoFailed(f"{self.name} ended by itself ({how}). Its last lines:\n{last_lines(self.log)}")

    def wait_for(self, file: Path) -> str:
        """The content of the file by which the child says that it is ready."""
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end:
            if file.exists():
                return file.read_text(encoding="utf-8").strip()
            self.require_alive()
            time.sleep(_LOOK_EVERY_S)
        raise DemoFailed(
            f"{self.name} did not start within {START_LIMIT_S:g} s. Its last lines:\n{last_lines(self.log)}"
        )

    def kill(self) -> None:
        """End it at once and without a warning."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it and whatever it started: asked first, then killed."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_LIMIT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def running(
    name: str, module: str, arguments: Sequence[str], *, log: Path, environment: dict[str, str] | None = None
) -> Iterator[Child]:
    """Run a module of ours for as long as the block lasts. Call it from the main thread: the child ends with it."""
    command = [sys.executable, "-m", "local.demo.tether", str(os.getpid()), module, *arguments]
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
    child = Child(name, process, log)
    try:
        yield child
    finally:
        child.stop()


def last_lines(log: Path, count: int = _LINES_SHOWN) -> str:
    """The end of a log, for people."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])
