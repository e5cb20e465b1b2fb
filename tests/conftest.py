"""What holds for all tests."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.events import Heard, breaches, listening

# A slow moment of a shared machine is no finding: timings belong into the benchmarks.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def heard() -> Iterator[Heard]:
    """The events that the test makes the code log: whatever a test is about, they keep to their contract."""
    with listening() as events:
        yield events
    assert breaches(events.events) == set()
