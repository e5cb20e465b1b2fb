"""Runs one stage of tests in a process of its own, forked from one that has imported everything but the product."""

import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.mutation.mutated import import_changed
from tests.mutation.playing import HOW, Heard, restart_clock
from tests.mutation.swapping import NotSwapped

# A stage, with its waiting, has longer than a test (playing.CPU_S).
WALL_S = 1800
_NO_END = "no end"
# Whatever is imported once need not be imported by each mutant.
_IMPORTED_BEFORE = (
    "aiohttp.web", "azure.core.exceptions", "azure.data.tables", "azure.functions", "azure.identity",
    "azure.storage.queue", "greenlet", "odata_query.grammar", "odata_query.visitor", "pydantic", "requests",
    "rich.console", "typer", "yaml",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """Some tests that run together, in this order, by their ids; or seeds of the simulation."""

    tests: tuple[str, ...] = ()
    seeds: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """The changed text of a module, and the function whose body has the change; None where it is not in one."""

    file: str
    source: str
    function: str | None = None


class Died(RuntimeError):
    """A process of tests has died, which shows nothing of a change."""


def prepare() -> None:
    """Import what the tests need and nothing of the product."""
    for name in _IMPORTED_BEFORE:
        importlib.import_module(name)


@dataclass(slots=True)
class Running:
    """A stage under way: `reading` becomes readable when it is over. `ours`: whether this process has forked it."""

    pid: int
    reading: int
    ours: bool = True
    began: float = field(default_factory=time.monotonic)

    def finish(self) -> str | None:
        """The test that failed; None when all passed. Whoever does not end by itself has failed. Raises NotSwapped when
        the change could not be made in place, Died when the process ended otherwise: that shows nothing."""
        too_long = time.monotonic() - self.began > WALL_S
        if too_long:
            self._kill()
        with os.fdopen(self.reading, "rb") as stream:
            text = b"" if too_long else stream.read()
        if self.ours:
            os.waitpid(self.pid, 0)
        if too_long:
            return _NO_END
        return _verdict(json.loads(text) if text else {"died": -signal.SIGKILL})

    def stop(self) -> None:
        """End it, whatever it does."""
        self._kill()
        if self.ours:
            os.waitpid(self.pid, 0)
        os.close(self.reading)

    def _kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            assert not self.ours


def _verdict(told: Mapping[str, Any]) -> str | None:
    match told:
        case {"not_swapped": why}:
            raise NotSwapped(why)
        case {"died": code} if code == -signal.SIGPROF:
            return _NO_END
        case {"died": code}:
            raise Died(
                f"the process that played the tests died ({died_by(code)}): look at free memory, and judge again"
            )
    return str(told["failed"]) if told["failed"] else None


def died_by(code: int) -> str:
    """How a process ended, in words: `code` is what os.waitstatus_to_exitcode gives."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def start(root: Path, stage: Stage, change: Change | None) -> Running:
    """Begin a stage, with the change if there is one."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        in_child(lambda: _run(root, stage, change), writing)
    os.close(writing)
    return Running(pid, reading)


def first_finished(running: Sequence[Running]) -> Running:
    """Wait until one of them is over, or has had its time."""
    left_s = max(min(each.began + WALL_S for each in running) - time.monotonic(), 0.0)
    ready = select.select([each.reading for each in running], [], [], left_s)[0]
    if ready:
        return next(each for each in running if each.reading == ready[0])
    return min(running, key=lambda each: each.began)


def in_child(run: Callable[[], str | None], writing: int) -> NoReturn:
    """Run it silently in a fork of this process, which is a fork itself; write which test failed, or how it died, and
    end."""
    os.setsid()
    player = os.fork()
    if player == 0:
        _tell(run, writing)
    code = os.waitstatus_to_exitcode(os.waitpid(player, 0)[1])
    if code:
        os.write(writing, json.dumps({"died": code}).encode())
    os._exit(0)


def _tell(run: Callable[[], str | None], writing: int) -> NoReturn:
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    try:
        told = {"failed": run()}
    except NotSwapped as not_swapped:
        told = {"not_swapped": str(not_swapped)}
    except BaseException as broken:  # noqa: BLE001 - a change may break whatever it likes
        told = {"failed": f"{type(broken).__name__}: {broken}"}
    os.write(writing, json.dumps(told).encode())
    os._exit(0)


def play(seeds: int) -> str | None:
    """The first of so many seeds of the simulation that breaks something, and what; None when none does."""
    from tests.simulation.run import play_seeds

    for seed in range(seeds):
        restart_clock()
        for broken in play_seeds([seed]).broken:
            return f"seed {seed}: {broken.problems[0]}"
    return None


def told_by(heard: Heard, ended: int) -> str | None:
    """The test that failed, when pytest has ended so."""
    if ended in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return None
    return heard.failed or f"pytest: {pytest.ExitCode(ended).name}"


def _run(root: Path, stage: Stage, change: Change | None) -> str | None:
    os.chdir(root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    restart_clock()
    if change is not None:
        import_changed(root, change.file, change.source)
    if stage.seeds:
        return play(stage.seeds)
    heard = _Chosen(stage.tests)
    files = dict.fromkeys(test.partition("::")[0] for test in stage.tests)
    return told_by(heard, pytest.main([*files, *HOW, "-x", "--rootdir", str(root)], plugins=[heard]))


class _Chosen(Heard):
    """Of the tests of some files only those of a stage, in its order, each with a clock of its own."""

    def __init__(self, tests: Sequence[str]) -> None:
        super().__init__()
        self._places = {test: at for at, test in enumerate(tests)}

    def pytest_runtest_logstart(self) -> None:
        restart_clock()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._places]
        items[:] = sorted(chosen, key=lambda item: self._places[item.nodeid])
