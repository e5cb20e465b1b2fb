"""Files with one JSON object a line, as people save them: UTF-8, with or without a byte order mark, or UTF-16 with
one."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from shared import exact_json
from shared.records import Json

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class LinesUnreadable(Exception):
    """A file or a line of it cannot be read; the message names file, line, reason and remedy."""


def read(file: Path) -> Iterator[tuple[str, dict[str, Json]]]:
    """Each object of a file, with its place. Raises LinesUnreadable."""
    try:
        # A carriage return or a line feed ends a line: names may hold other line separators.
        with file.open(encoding=_encoding(file)) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{file} line {number}", _object(line, f"{file} line {number}")
    except UnicodeError as error:
        raise LinesUnreadable(f"{file} is not UTF-8 text; save it as UTF-8.") from error
    except OSError as error:
        raise LinesUnreadable(f"{file} cannot be read ({error.strerror}); correct or remove it.") from error


def _encoding(file: Path) -> str:
    with file.open("rb") as opened:
        start = opened.read(3)
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")


def _object(line: str, place: str) -> dict[str, Json]:
    if "\0" in line:
        raise UnicodeError("zero characters: UTF-16 without a byte order mark, most likely")
    try:
        record = exact_json.loads(line)
    except ValueError as error:
        raise LinesUnreadable(f"{place} is not JSON ({error}); correct or remove it.") from error
    if not isinstance(record, dict):
        raise LinesUnreadable(f"{place} is not a JSON object; correct or remove it.")
    return record
