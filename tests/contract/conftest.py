"""One storage emulator for the tests that call the app's triggers."""

import logging
from collections.abc import Iterator

import pytest

from local.azurite import Azurite
from shared.telemetry import QUIET


@pytest.fixture(scope="session")
def storage_account() -> Iterator[str]:
    """The connection string of Azurite in memory."""
    with Azurite() as running:
        yield running.connection_string


@pytest.fixture(autouse=True)
def _log_levels() -> Iterator[None]:
    """The app quiets the loggers of its libraries at its first invocation; other tests want them as they were."""
    loggers = [logging.getLogger(name) for name in QUIET]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
