"""What a test process tells the first one, which writes the summary: for most tests, one report instead of three."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

# A set-up or a tear-down that takes so long shows among the slowest (`--durations`).
_TOLD_S = 0.05
# What ends the whole run, and no test alone.
_ENDS_ALL = (pytest.exit.Exception, KeyboardInterrupt)
# Options with which pytest shows set-ups, or plays nothing else.
_OF_SET_UPS = ("setuponly", "setupshow")


class FewReports:
    """Runs each test as pytest does. A set-up and a tear-down that have passed are told only where they took long: to
    send them, and to read them again, takes longer than most tests."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Runs the test, and tells how it ended. That it has ended is told by its report alone: the first process would
        do nothing else with it."""
        try:
            for report in _reports(item, nextitem):
                if report.when == "call" or not report.passed or report.duration >= _TOLD_S:
                    item.ihook.pytest_runtest_logreport(report=report)
        finally:
            if isinstance(item, pytest.Function):
                # A test stays to the end of the run; the worlds and systems that it had do not.
                item.funcargs.clear()
        return True


def _reports(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[pytest.TestReport]:
    """Plays a test by pytest's hooks: its own function for that, which tells each part, has no promise to stay."""
    hooks = item.ihook
    set_up = _report(item, "setup", hooks.pytest_runtest_setup)
    yield set_up
    if set_up.passed:
        yield _report(item, "call", hooks.pytest_runtest_call)
    # What several tests share is torn down here if this test is the last to run.
    is_last = item.session.shouldfail or item.session.shouldstop
    yield _report(item, "teardown", hooks.pytest_runtest_teardown, nextitem=None if is_last else nextitem)


def _report(
    item: pytest.Item, when: Literal["setup", "call", "teardown"], hook: Callable[..., object], **further: Any
) -> pytest.TestReport:
    call = pytest.CallInfo.from_call(lambda: hook(item=item, **further), when, reraise=_ENDS_ALL)
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    return report


def configure(config: pytest.Config) -> None:
    """For one of several test processes."""
    if hasattr(config, "workerinput") and not any(config.getoption(each, False) for each in _OF_SET_UPS):
        config.pluginmanager.register(FewReports(), "few-reports")
