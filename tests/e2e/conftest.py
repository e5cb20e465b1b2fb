"""One emulator for all end-to-end tests; each test takes names of its own."""

from collections.abc import Iterator

import pytest

from local.azurite import Azurite


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Azurite in memory."""
    with Azurite() as running:
        yield running
