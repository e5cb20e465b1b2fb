"""Exchanges kept for checks of what went over the wire, from all simulators of this process.

Two variables of the environment enable this: a folder, where each process appends to a file of its own, and the
occasion that each exchange is kept under. Without both nothing is kept.
"""

import atexit
import json
import os
import threading
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER = "EXCHANGES_DIR"
OCCASION = "EXCHANGES_OCCASION"

# Exchanges of one occasion in one process: further ones are like those before them, and disks are finite.
_MOST = 5_000


class Evidence:
    """One file of JSON lines: exchanges with the member `test`, the occasion; so many of each and no more."""

    def __init__(self, file: Path, *, most: int = _MOST) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("a", encoding="utf-8", newline="\n")
        self._most = most
        self._kept: Counter[str] = Counter()
        self._lock = threading.Lock()
        atexit.register(self._file.close)

    def add(self, exchange: Mapping[str, object]) -> None:
        """Keep an exchange if it has an occasion. It may stay in memory until the process ends."""
        occasion = os.environ.get(OCCASION)
        if not occasion:
            return
        with self._lock:
            if self._kept[occasion] < self._most:
                self._kept[occasion] += 1
                self._file.write(json.dumps({"test": occasion, **exchange}) + "\n")

    def flush(self) -> None:
        """Write the exchanges in memory to the file."""
        with self._lock:
            self._file.flush()


def evidence() -> Evidence | None:
    """The file of this process in the folder that the environment names now; None if it names none."""
    folder = os.environ.get(FOLDER)
    return _opened(Path(folder) / f"{os.getpid()}.jsonl") if folder else None


@cache
def _opened(file: Path) -> Evidence:
    return Evidence(file)
