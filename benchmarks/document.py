"""Writes figures into a document, docs/performance.md as a rule, between two markers."""

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

from local.demo.errors import UserMistake

_ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = _ROOT / "docs" / "performance.md"
_ROUNDS = 400_000
_TRIES = 5
_AZURITE = _ROOT / "node_modules" / "azurite" / "package.json"


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add `--write [FILE]`."""
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=DOCUMENT,
        metavar="FILE",
        help="write the figures into this document, docs/performance.md when none is named",
    )


def machine() -> str:
    """On what it is measured, and with which versions; ask before the measurement, for how busy it is by itself."""
    azurite = json.loads(_AZURITE.read_text(encoding="utf-8"))["version"] if _AZURITE.exists() else "missing"
    cores = f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}"
    # Windows does not tell its load.
    load = f", load before {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    speed = f"{millions_of_rounds():.0f} million rounds/s"
    return f"{cores}, Python {platform.python_version()}, Azurite {azurite}, {speed}{load}"


def millions_of_rounds() -> float:
    """How quick the machine is at this hour: how many million rounds a loop of Python that adds numbers makes in a
    second of processor time, the most of some tries. Shared machines differ by a factor of two, and figures of
    different speeds do not compare."""
    spent_s = []
    for _ in range(_TRIES):
        began = time.process_time()
        total = 0
        for number in range(_ROUNDS):
            total += number
        spent_s.append(time.process_time() - began)
    # A clock of coarse steps may show none.
    return _ROUNDS / 1e6 / max(min(spent_s), 1e-3)


def require_places(file: Path | None, names: Sequence[str]) -> None:
    """Raise UserMistake, before anything is measured, where a document has no place for the figures."""
    if file is None:
        return
    if not file.is_file():
        raise UserMistake(f"--write {file}: there is no such file; name a document with the markers of the figures.")
    text = file.read_text(encoding="utf-8")
    for name in names:
        if any(marker not in text for marker in _markers(name)):
            begin, end = _markers(name)
            raise UserMistake(
                f"--write {file}: it has no {begin} and {end}; add both lines where the figures shall stand."
            )


def write(file: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the markers of a name."""
    begin, end = _markers(name)
    before, rest = file.read_text(encoding="utf-8").split(begin, 1)
    after = rest.split(end, 1)[1]
    file.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}", encoding="utf-8")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def tables(file: Path, name: str) -> list[list[dict[str, str]]]:
    """The tables between the markers of a name, each with its rows by their headings."""
    begin, end = _markers(name)
    found: list[list[dict[str, str]]] = []
    headings: list[str] = []
    for line in file.read_text(encoding="utf-8").split(begin, 1)[1].split(end, 1)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            headings = []
        elif not headings:
            headings = cells
            found.append([])
        elif any(cell.strip("-") for cell in cells):
            found[-1].append(dict(zip(headings, cells, strict=True)))
    return found


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
