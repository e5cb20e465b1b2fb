"""One compact JSON event per line as the log message. Ids and counts only: never names, addresses or amounts."""

import json
import logging

QUIET = ("azure", "urllib3")
_LOGGER = logging.getLogger("p2c")


def quiet_libraries() -> None:
    """Keep the SDKs from logging every request with its headers: costly, and none of it helps an operator."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def log_event(event: str, *, level: int = logging.INFO, **fields: str | int | float | bool | None) -> None:
    """Log an event with its fields."""
    _LOGGER.log(level, json.dumps({"event": event, **fields}, separators=(",", ":"), ensure_ascii=False))
