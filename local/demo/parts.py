"""A part of the demo that runs in a process of its own, and may end and be started again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from os import environ
from pathlib import Path
from types import MappingProxyType

from local.demo import child_process, environment, interrupts
from local.demo.processes import STOP_IDLE_S, Child, running


class Part:
    """A module of ours in a process, or another program (`child_process.PROGRAM`). Its output goes to `log`."""

    def __init__(
        self,
        name: str,
        module: str,
        log: Path,
        tell: Callable[[str], None],
        *,
        stop_idle_s: float = STOP_IDLE_S,
        in_a_hurry: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.log = log
        self._module = module
        self._tell = tell
        self._stack = ExitStack()
        self._orphans = ExitStack()
        self._child: Child | None = None
        self._stop_idle_s = stop_idle_s
        self._in_a_hurry = in_a_hurry

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._child is None else self._child.pid

    @property
    def ended(self) -> str:
        """How it has stopped by itself; empty while it runs, and if it was ended on purpose."""
        return "" if self._child is None else self._child.ended

    def begin(self, arguments: Sequence[str], settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start the process, and return at once. `settings` are more variables of its environment."""
        own = {} if self._module == child_process.PROGRAM else environment.WITHOUT_TLS
        variables = environment.child_environment(environ, {**own, **settings})
        child = running(
            self.name,
            self._module,
            arguments,
            log=self.log,
            environment=variables,
            tell=self._tell,
            stop_idle_s=self._stop_idle_s,
            in_a_hurry=self._in_a_hurry,
        )
        self._child = self._stack.enter_context(child)

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait until it can be used. Raises DemoFailed, and UserMistake if it refused its arguments."""
        assert self._child is not None
        self._child.wait_until(ready)

    def kill(self) -> None:
        """Kill it with SIGKILL: it cannot clean up."""
        if self._child is not None:
            self._child.kill()
        self.stop()

    def kill_alone(self) -> None:
        """Kill its process, while those that it has started live on until the part is ended next time."""
        if self._child is not None:
            self._child.kill_alone()
        self._orphans.push(self._stack.pop_all())
        self._child = None

    def stop(self) -> None:
        """End it, if it runs."""
        with interrupts.held_off():
            self._stack.close()
            self._orphans.close()
        self._child = None

    def require_alive(self) -> None:
        """Raises DemoFailed if it has stopped by itself, and not if it was ended on purpose."""
        if self._child is not None:
            self._child.require_alive()
