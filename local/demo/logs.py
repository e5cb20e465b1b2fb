"""What the log of a part says of its end, and where logs stay that somebody may want to read."""

import os
import re
import shutil
import tempfile
from pathlib import Path

_TAIL_BYTES = 512 * 1024
_LINES, _BESIDE_ERRORS, _ERRORS = 12, 6, 6
# A line of the functions host: time, level, category.
_ENTRY = re.compile(r"\S+ (?:DBG|INF|WRN|(?P<grave>ERR|CRT)) ")
_TRACE = "Traceback (most recent call last):"


def last_words(log: Path) -> str:
    """The end of a log, for people: its last errors first, if it has any."""
    lines = _tail(log)
    errors = _errors(lines)[-_ERRORS:]
    if not errors:
        return "Its last lines:\n" + "\n".join(lines[-_LINES:])
    return "\n".join(["Its last errors:", *errors, "Its last lines:", *lines[-_BESIDE_ERRORS:]])


def last_line(log: Path) -> str:
    """The last line of a log, empty if there is none."""
    return next(reversed(_tail(log)), "")


def keep(logs: Path) -> Path | None:
    """Copy a folder of logs to a place that outlives the demo; None if that cannot be done."""
    kept = Path(tempfile.gettempdir()) / f"prospect-to-cash-logs-{os.getpid()}"
    try:
        return Path(shutil.copytree(logs, kept, dirs_exist_ok=True))
    except OSError:
        # The disk is full, most likely.
        shutil.rmtree(kept, ignore_errors=True)
        return None


def _errors(lines: list[str]) -> list[str]:
    """The lines of level ERROR and CRITICAL, and what each traceback ends with."""
    found: list[str] = []
    in_trace = False
    for line in lines:
        entry = _ENTRY.match(line)
        if entry is not None or line.startswith(_TRACE):
            in_trace = entry is None
            if entry is not None and entry["grave"]:
                found.append(line)
        elif in_trace and line and not line[0].isspace():
            found.append(line)
            in_trace = False
    return found


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as opened:
            opened.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return opened.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
