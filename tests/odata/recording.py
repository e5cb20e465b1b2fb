"""Lets the simulators keep what scenario and end-to-end tests send and get, each exchange under its test's name."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.simulator.evidence import FOLDER, OCCASION

MARK = "odata_refused"
PURPOSES = "*.purposes"

_RECORDED = ("tests/scenarios/", "tests/e2e/")


def begin(item: pytest.Item) -> None:
    """From now on exchanges of this process, and of simulators that it starts, belong to a test, or are not kept."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    os.environ.pop(OCCASION, None)
    if item.nodeid.startswith(_RECORDED):
        os.environ[OCCASION] = item.nodeid
        _note_purposes(Path(folder), item)


def purposes(folder: Path) -> dict[str, list[str]]:
    """What each test wants to be refused, as a text in the finding."""
    noted: dict[str, list[str]] = {}
    for file in sorted(folder.glob(PURPOSES)):
        for line in file.read_text(encoding="utf-8").splitlines():
            noted |= json.loads(line)
    return noted


def _note_purposes(folder: Path, item: pytest.Item) -> None:
    texts = list(_texts(item))
    if texts:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{os.getpid()}.purposes").open("a", encoding="utf-8") as file:
            file.write(json.dumps({item.nodeid: texts}) + "\n")


def _texts(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers(MARK):
        if not mark.args:
            raise pytest.UsageError(f"{item.nodeid}: @pytest.mark.{MARK} names a text of what is refused.")
        yield from map(str, mark.args)
