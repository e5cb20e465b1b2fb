"""What holds for all tests."""

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

from local import loopback
from local.host import summary
from shared.collector import COLLECTED_AFTER, settle_memory
from tests.infra import compiler
from tests.odata import recording
from tests.support import memory, reports, shares, starts
from tests.support.events import Heard, keep_warnings, listening
from tests.support.quick import quicken

# A slow moment of a shared machine is no finding: timings belong into the benchmarks.
settings.register_profile("project", deadline=None, max_examples=16)
# `make nightly` looks at many more examples of each property.
settings.register_profile("nightly", deadline=None, max_examples=400)
settings.load_profile("project")
# Whatever proxies this machine has: all that the tests speak to is on it.
loopback.spare(os.environ)
# The line editor that pytest loads gives its processes the size of a terminal that is not there: it folds tables.
for _size in ("COLUMNS", "LINES"):
    os.environ.pop(_size, None)
# The run that many end-to-end tests look at is played once (tests/e2e/conftest.py), in so many seconds.
REHEARSAL_S = 50
_END_TO_END = "tests/e2e/"
# What is collected lives to the end: to look through it for garbage, again and again, takes a twentieth of the time.
gc.set_threshold(*COLLECTED_AFTER)
_PEAKS_MB: list[float] = []
# Microsoft's compiler and functions host watch themselves to become faster, which pays in hours and not in seconds.
os.environ.setdefault("DOTNET_TieredPGO", "0")
# Pydantic looks for plug-ins among all installed packages, in each process that a test starts; there are none.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def pytest_configure(config: pytest.Config) -> None:
    """What a test process tells of each test, and what it looks at."""
    reports.configure(config)
    starts.configure(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    """What a test process keeps of each test."""
    keep_warnings(session.config)


def pytest_addoption(parser: pytest.Parser) -> None:
    """An organisation's own map document, and the columns that its systems have (docs/adding-a-field.md)."""
    group = parser.getgroup("map document", "what tests/contract/test_map_document.py looks at")
    group.addoption("--map", metavar="FILE", help="a map document; default: each one of examples/")
    group.addoption(
        "--schema", metavar="FILE", help="what `p2c map learn` wrote; default: `own_columns` of the document"
    )


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """One test process more than there are cores: tests that start processes often wait for them."""
    cores = yield
    return cores if "not process" in config.option.markexpr else cores + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Half of the test processes, rounded up, begin with their part of the tests that take longest and of those that
    wait for processes of their own. Only those count that are left when pytest has taken out what `-m` leaves out."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    _begin_with_one_of_those_that_share_a_run(items)
    # Others wait for the run that they share.
    long = sorted((item for item in items if _seconds(item)), key=lambda item: (_shares_a_run(item), _seconds(item)))
    short = [item for item in items if not _seconds(item)]
    waiting = [item for item in short if _waits(item)]
    others = [item for item in short if not _waits(item)]
    items[:] = shares.in_order(long[::-1], waiting, sorted(others, key=_shares_a_run), workers, seconds=_seconds)


def _begin_with_one_of_those_that_share_a_run(items: list[pytest.Item]) -> None:
    """The test that comes first plays the run; the others wait for it, and so come last."""
    first = next((item for item in items if _shares_a_run(item)), None)
    if first is not None:
        first.add_marker(pytest.mark.long(REHEARSAL_S))


def _waits(item: pytest.Item) -> bool:
    return item.nodeid.startswith(_END_TO_END) and not _shares_a_run(item)


def _shares_a_run(item: pytest.Item) -> bool:
    return "rehearsed" in getattr(item, "fixturenames", ())


def _seconds(item: pytest.Item) -> float:
    """How long a test takes, about; 0 where it is not marked as long."""
    mark = item.get_closest_marker("long")
    return float(mark.args[0]) if mark else 0.0


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Hardly anything is garbage while tests are collected: a look for it, once they are, is enough."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is loaded by now is made quickly. The tests and all modules are no garbage; what else collecting has left
    is, with 15 MB."""
    quicken()
    settle_memory()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Where exchanges are recorded, those of a test bear its name; those of its session's simulators that of the
    test that is running. After the last test of a module what it has freed goes back to the system."""
    recording.begin(item)
    result = yield
    if nextitem is None or nextitem.path != item.path:
        _forget_reports(item.config)
        if isinstance(item, pytest.Function):
            memory.forget(item.module)
        memory.give_back()
    return result


def _forget_reports(config: pytest.Config) -> None:
    """One of several test processes has sent its reports to the first, which writes the summary."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and hasattr(config, "workerinput"):
        reporter.stats.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a passed test has written and logged is forgotten, and not kept to the end of the run."""
    report = yield
    if report.passed:
        report.sections.clear()
    if report.when == "teardown":
        item._report_sections.clear()
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test process tells how much memory it took."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["peak_mb"] = summary.peak_memory_mb()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Noted for the summary; a process that has died tells nothing."""
    _PEAKS_MB.append(getattr(node, "workeroutput", {}).get("peak_mb", 0.0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line each: the memory of the test processes, and what was left out for want of the Bicep compiler."""
    if _PEAKS_MB:
        terminalreporter.write_line(f"memory of the largest test process: {max(_PEAKS_MB):.0f} MB")
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum(compiler.MISSING in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.write_line(f"{left_out} tests left out: {compiler.MISSING}")


@pytest.fixture(autouse=True)
def heard() -> Iterator[Heard]:
    """The events that the test makes the code log: whatever a test is about, they keep to their contract."""
    with listening() as events:
        yield events
    assert events.breaches == set()
