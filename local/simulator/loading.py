"""What both simulators share when they load sample records: the caller may skip refused ones."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

Skip = Callable[[str], None]
"""Takes note of a record that is left out; the message names file, line and column."""


def noting_in(file: Path | None) -> Skip | None:
    """Notes each record that is skipped on a line of a file; None, for no file, skips none."""
    if file is None:
        return None

    def note(message: str) -> None:
        with file.open("a", encoding="utf-8") as notes:
            notes.write(" ".join(message.split()) + "\n")

    return note


def column_in(record: Mapping[str, object], text: str) -> str:
    """The column of a record that a refusal is about: one that it names, otherwise one whose value it shows; empty
    if it does neither."""
    words = set(re.findall(r"\w+", text))
    named = [name for name in record if name in words]
    values = {name: str(value) for name, value in record.items() if value and "@" not in name}
    shown = sorted((name for name, value in values.items() if value in text), key=lambda name: len(values[name]))
    return max(named, key=len) if named else (shown or [""])[-1]
