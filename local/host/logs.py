"""Log lines on stderr, filtered by host.json's `logging.logLevel` as the real host does by category."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from local.host.context import current, thread_local

LEVELS = {
    "trace": 5,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
SHORT = {"DEBUG": "DBG", "INFO": "INF", "WARNING": "WRN", "ERROR": "ERR", "CRITICAL": "CRT"}
HOST_CATEGORIES = ("Host.", "Function.", "Microsoft.Azure.WebJobs.")
LIBRARIES = ("azure.", "urllib3", "asyncio")


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes one line for each record: time, level, category, invocation, message."""

    def __init__(self, stream: TextIO, levels: Mapping[str, str]) -> None:
        super().__init__(stream)
        self._levels = {prefix: LEVELS[level] for prefix, level in levels.items()}

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop what the category's level does not let through, and the host's own storage traffic."""
        is_own_traffic = _invocation_id() == "" and record.name.startswith(LIBRARIES)
        if is_own_traffic and record.levelno < logging.WARNING:
            return False
        return record.levelno >= self._level_of(_category(record)) and bool(super().filter(record))

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a traceback follows if there is one."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        short = SHORT.get(record.levelname, record.levelname)
        invocation = f" {found}" if (found := _invocation_id()) else ""
        line = f"{moment} {short} {_category(record)}{invocation}: {record.getMessage()}"
        if record.exc_info:
            line += "\n" + logging.Formatter().formatException(record.exc_info)
        return line

    def _level_of(self, category: str) -> int:
        lowered = category.casefold()
        prefixes = [prefix for prefix in self._levels if _covers(prefix, lowered)]
        return self._levels[max(prefixes, key=len)] if prefixes else self._levels.get("default", logging.INFO)


def install(stream: TextIO, levels: Mapping[str, str], *, debug: bool = False) -> None:
    """Send every log record of this process to `stream`; records below information only when `debug`."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(LineHandler(stream, levels))
    root.setLevel(logging.DEBUG if debug else logging.INFO)


def _covers(prefix: str, category: str) -> bool:
    return category == prefix or category.startswith(f"{prefix}.")


def _category(record: logging.LogRecord) -> str:
    if record.name.startswith(HOST_CATEGORIES):
        return record.name
    invocation = current.get()
    return f"Function.{invocation.function}.User" if invocation else "Function"


def _invocation_id() -> str:
    invocation = current.get()
    return invocation.id if invocation else getattr(thread_local, "invocation_id", None) or ""
