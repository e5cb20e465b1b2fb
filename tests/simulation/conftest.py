"""What the tests that play many histories share."""

from collections.abc import Iterator

import pytest

from tests.simulation.quick import quickened


@pytest.fixture(scope="module")
def quick() -> Iterator[None]:
    """Histories are played as `make simulate` plays them, in less time."""
    with quickened():
        yield
