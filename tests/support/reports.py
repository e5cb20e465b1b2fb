"""What a test process tells the first one, which writes the summary: for most tests, one report instead of three."""

import pytest
from _pytest.runner import runtestprotocol

# A set-up or a tear-down that takes so long shows among the slowest (`--durations`).
_TOLD_S = 0.05


class FewReports:
    """Runs each test as pytest does. A set-up and a tear-down that have passed are told only where they took long: to
    send them, and to read them again, takes longer than most tests."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Runs the test, and tells how it ended."""
        for report in runtestprotocol(item, log=False, nextitem=nextitem):
            if report.when == "call" or not report.passed or report.duration >= _TOLD_S:
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


def configure(config: pytest.Config) -> None:
    """For one of several test processes."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(FewReports(), "few-reports")
