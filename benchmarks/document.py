"""Writes figures into docs/performance.md, between two markers."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = _ROOT / "docs" / "performance.md"
_AZURITE = _ROOT / "node_modules" / "azurite" / "package.json"


def machine() -> str:
    """On what it was measured, and with which versions."""
    azurite = json.loads(_AZURITE.read_text(encoding="utf-8"))["version"] if _AZURITE.exists() else "missing"
    cores = f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}"
    return f"{cores}, Python {platform.python_version()}, Azurite {azurite}"


def write(name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the markers of a name. Raises ValueError where the document has no such markers."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    text = DOCUMENT.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise ValueError(f"{DOCUMENT} has no {begin} ... {end}; add both lines where the figures shall stand")
    before, rest = text.split(begin, 1)
    DOCUMENT.write_text(f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]
