"""How pytest plays the tests that judge: the same examples each time, each test within a bound."""

import signal

import hypothesis
import pytest

# A test or a history that takes more processor time than this has no end.
CPU_S = 60
_EXAMPLES = 30
# pytest would like to be the first to import hypothesis.
HOW = (
    "-q", "-m", "not nightly", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist", "-p", "no:anyio",
    "--capture=sys",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


def restart_clock() -> None:
    """Whoever goes on for CPU_S from now on is ended by SIGPROF."""
    signal.setitimer(signal.ITIMER_PROF, CPU_S)


class Heard:
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

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed = self.failed or f"{report.nodeid} cannot be imported"
