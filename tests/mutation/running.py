"""Runs one stage of tests in a process of its own, forked from one that has imported everything but the product."""

import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import pytest

from tests.mutation.choosing import SIMULATION, Stage
from tests.mutation.mutated import import_changed

# A test or a history that takes more processor time than this has no end; a whole stage, with its waiting, has longer.
CPU_S = 60
WALL_S = 1800
# Whatever is imported once need not be imported by each mutant.
_IMPORTED_BEFORE = (
    "aiohttp.web", "azure.core.exceptions", "azure.data.tables", "azure.functions", "azure.identity",
    "azure.storage.queue", "greenlet", "odata_query.grammar", "odata_query.visitor", "pydantic", "requests",
    "rich.console", "typer", "yaml",
)  # fmt: skip
_EXAMPLES = 30
# pytest would like to be the first to import hypothesis.
_HOW = (
    "-x", "-q", "-m", "not nightly", "-p", "no:cacheprovider", "-p", "no:cov",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """The changed text of a module."""

    file: str
    source: str


def prepare() -> None:
    """Import what the tests need and nothing of the product."""
    for name in _IMPORTED_BEFORE:
        importlib.import_module(name)


@dataclass(slots=True)
class Running:
    """A stage under way: `reading` becomes readable when it is over."""

    pid: int
    reading: int
    began: float = field(default_factory=time.monotonic)

    def finish(self) -> str | None:
        """The test that failed; None when all passed. Whoever does not end by itself has failed."""
        too_long = time.monotonic() - self.began > WALL_S
        if too_long:
            os.killpg(self.pid, signal.SIGKILL)
        with os.fdopen(self.reading, "rb") as stream:
            text = b"" if too_long else stream.read()
        _, status = os.waitpid(self.pid, 0)
        if too_long or os.waitstatus_to_exitcode(status) == -signal.SIGPROF:
            return "no end"
        return json.loads(text)["failed"] if text else f"the process ended ({os.waitstatus_to_exitcode(status)})"

    def stop(self) -> None:
        """End it, whatever it does."""
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.reading)


def start(root: Path, stage: Stage, change: Change | None) -> Running:
    """Begin a stage, with the change if there is one."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _in_child(lambda: _run(root, stage, change), writing)
    os.close(writing)
    return Running(pid, reading)


def first_finished(running: Sequence[Running]) -> Running:
    """Wait until one of them is over, or has had its time."""
    left_s = max(min(each.began + WALL_S for each in running) - time.monotonic(), 0.0)
    ready = select.select([each.reading for each in running], [], [], left_s)[0]
    if ready:
        return next(each for each in running if each.reading == ready[0])
    return min(running, key=lambda each: each.began)


def _in_child(run: Callable[[], str | None], writing: int) -> None:
    os.setsid()
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    try:
        failed = run()
    except BaseException as broken:  # noqa: BLE001 - a change may break whatever it likes
        failed = f"{type(broken).__name__}: {broken}"
    os.write(writing, json.dumps({"failed": failed}).encode())
    os._exit(0)


def _run(root: Path, stage: Stage, change: Change | None) -> str | None:
    os.chdir(root)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    _restart_clock()
    if change is not None:
        import_changed(root, change.file, change.source)
    if stage.name == SIMULATION:
        return _play(stage.seeds)
    heard = _Heard()
    ended = pytest.main([*stage.files, *_HOW, "--rootdir", str(root)], plugins=[heard])
    if ended in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return None
    return heard.failed or f"pytest: {pytest.ExitCode(ended).name}"


def _play(seeds: int) -> str | None:
    from tests.simulation.run import play_seeds

    for seed in range(seeds):
        _restart_clock()
        for broken in play_seeds([seed]).broken:
            return f"seed {seed}: {broken.problems[0]}"
    return None


def _restart_clock() -> None:
    """Whoever goes on for CPU_S from now on is ended by SIGPROF."""
    signal.setitimer(signal.ITIMER_PROF, CPU_S)


class _Heard:
    """What pytest says, and how it plays: the same examples each time, and no smaller ones of what has failed."""

    failed: str | None = None

    def pytest_sessionstart(self) -> None:
        hypothesis.settings.register_profile(
            "mutation",
            parent=hypothesis.settings.default,
            max_examples=_EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        )
        hypothesis.settings.load_profile("mutation")

    def pytest_runtest_logstart(self) -> None:
        _restart_clock()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} cannot be imported"
