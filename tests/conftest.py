"""What holds for all tests."""

import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from local import loopback
from tests.odata import recording
from tests.support.events import Heard, listening

# A slow moment of a shared machine is no finding: timings belong into the benchmarks.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
# Whatever proxies this machine has: all that the tests speak to is on it.
loopback.spare(os.environ)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test process begins with a share of the list: the tests that take minutes head one share each, so that
    no process is left with all of them at the end."""
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if not item.get_closest_marker("long")]
    share = -(-len(others) // max(len(long), 1))
    spread = [[item, *others[at * share : (at + 1) * share]] for at, item in enumerate(long)]
    items[:] = [item for part in spread for item in part] if long else others


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Where exchanges are recorded, those of a test bear its name; those of its session's simulators that of the
    test that is running."""
    recording.begin(item)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a passed test has written and logged is forgotten, and not kept to the end of the run."""
    report = yield
    if report.passed:
        report.sections.clear()
    if report.when == "teardown":
        item._report_sections.clear()
    return report


@pytest.fixture(autouse=True)
def heard() -> Iterator[Heard]:
    """The events that the test makes the code log: whatever a test is about, they keep to their contract."""
    with listening() as events:
        yield events
    assert events.breaches == set()
