"""The events that the code logs, held against their contract."""

import json
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared.telemetry import EVENTS

LOGGER = "p2c"
# More than a test asks for; one that plays thousands of crashes logs a hundred thousand.
_KEPT = 10_000


class Heard(logging.Handler):
    """Holds every event that is logged against the contract, and keeps the latest ones. `breaches` is what differs from
    the contract in `shared/telemetry.py`, empty when nothing does."""

    def __init__(self) -> None:
        super().__init__()
        self.events: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self.breaches: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        event = json.loads(record.getMessage())
        self.events.append(event)
        self.breaches.update(_breaches(event))

    def of(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The events of one kind, with these fields."""
        found = [each for each in self.events if each["event"] == event]
        return [each for each in found if all(each.get(name) == value for name, value in fields.items())]


@contextmanager
def listening() -> Iterator[Heard]:
    """Hear what is logged inside."""
    heard, logger = Heard(), logging.getLogger(LOGGER)
    level = logger.level
    logger.addHandler(heard)
    _set_level(logger, logging.INFO)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
        _set_level(logger, level)


def keep_warnings(config: pytest.Config) -> None:
    """What is kept of each test, for the report of one that fails: warnings. --log-level=INFO keeps the events, too:
    with them a test that plays a thousand crashes takes 60 MB, and a third of its time. The levels are set once: pytest
    would set those of its option for each phase of each test, and each time all loggers forget what they know."""
    logging.getLogger(LOGGER).setLevel(logging.INFO)
    kept = config.pluginmanager.get_plugin("logging-plugin")
    assert kept is not None, "pytest has no plugin for logging yet: call this later"
    if kept.log_level is None:
        for handler in (kept.caplog_handler, kept.report_handler):
            handler.setLevel(logging.WARNING)


def _set_level(logger: logging.Logger, level: int) -> None:
    if logger.level != level:
        logger.setLevel(level)


def _breaches(event: dict[str, Any]) -> Iterator[str]:
    name = event["event"]
    if name not in EVENTS:
        yield f"the event {name} is not in EVENTS"
        return
    given, contract = event.keys() - {"event"}, EVENTS[name]
    for field in sorted(contract.fields.keys() - given):
        yield f"{name} is logged without its field {field}"
    for field in sorted(given - contract.fields.keys() - contract.optional.keys()):
        yield f"{name} is logged with {field}, which is not in EVENTS"
