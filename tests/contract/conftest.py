"""One storage emulator for the tests that call the app's triggers."""

from collections.abc import Iterator

import pytest

from local.azurite import Azurite


@pytest.fixture(scope="session")
def storage_account() -> Iterator[str]:
    """The connection string of Azurite in memory."""
    with Azurite() as running:
        yield running.connection_string
