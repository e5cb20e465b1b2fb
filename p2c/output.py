"""Answers on the terminal: tables for people, JSON for programs."""

import errno
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.visible import visible, visible_in_json

_UNFOLDED = 10_000
_INDENT = "  "
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def write_what_can_be_written(*streams: TextIO) -> None:
    """Characters that the encoding of a terminal, file or pipe does not have are written as their number, such as
    \\u0142."""
    for stream in streams:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_of_output(error: OSError) -> bool:
    """Whether an error means that standard output or standard error takes no more, as on a full disk. An error of a
    file that the program has opened names it, or is told where it is written."""
    return error.errno in _UNWRITABLE and error.filename is None


def console() -> Console:
    """The terminal as it is now. Output to a file or another program is not wrapped."""
    given = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console() if given else Console(width=_UNFOLDED)


def as_json(answer: Any) -> None:
    """Write an answer as one JSON document, in any output encoding."""
    text = json.dumps(answer, default=_plain, ensure_ascii=False, indent=1)
    if not _can_be_encoded(text, sys.stdout.encoding or "ascii"):
        text = json.dumps(answer, default=_plain, indent=1)
    sys.stdout.write(f"{visible_in_json(text)}\n")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Write a table in which no word is broken; where the terminal has no room for one, a block of lines for each row.
    In a file or pipe each row is one line. A column without a heading is left out where no row has anything in it."""
    cells = [[words(cell) for cell in row] for row in rows]
    kept = [at for at, column in enumerate(columns) if column or any(row[at] for row in cells)]
    columns, cells = [columns[at] for at in kept], [[row[at] for at in kept] for row in cells]
    widths = _widths([columns, *cells], console().width)
    if widths is None:
        _write_blocks(columns, cells, title)
        return
    shown = Table(title=None if title is None else Text(visible(title)), title_justify="left")
    for column, width in zip(columns, widths, strict=True):
        # Rich narrows no column with a width of its own.
        shown.add_column(Text(words(column)), overflow="fold", width=width)
    for row in cells:
        shown.add_row(*map(Text, row))
    screen = console()
    with screen.capture() as captured:
        screen.print(shown)
    # Cells and titles are padded with blanks, which are useless at the end of a line.
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().removesuffix("\n").split("\n"))


def fits(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bool:
    """Whether the terminal has room for a table in which no word is broken."""
    return _widths([columns, *([words(cell) for cell in row] for row in rows)], console().width) is not None


def _widths(lines: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """The widths of the columns of a table, heading included, in which no word is broken; None if so much room has
    none."""
    by_column = [[visible(cell) for cell in column] for column in zip(*lines, strict=True)]
    most = [max(1, *map(cell_len, column)) for column in by_column]
    widths = [max((cell_len(word) for cell in column for word in cell.split()), default=1) for column in by_column]
    left = room - 3 * len(widths) - 1
    if sum(widths) > left:
        return None
    if sum(most) <= left:
        return most
    # Short cells, such as times, come to one line before long ones get more room.
    for _ in range(left - sum(widths)):
        narrowest = min((at for at in range(len(widths)) if widths[at] < most[at]), key=lambda at: widths[at])
        widths[narrowest] += 1
    return widths


def _write_blocks(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> None:
    """A block for each row, with a line for each cell that holds something; of two columns a line for each row."""
    if title is not None:
        say(title)
    if len(columns) == 2:
        say(_labelled(*columns), style="bold")
        for row in rows:
            say_indented(_labelled(*row))
        return
    for row in rows:
        filled = [_labelled(column, cell) for column, cell in zip(columns, row, strict=True) if cell]
        for first in filled[:1]:
            say(first, style="bold")
        for other in filled[1:]:
            say_indented(other)


def _labelled(label: str, text: str) -> str:
    return f"{label}: {text}" if label else text


def say(text: str, *, style: str | None = None) -> None:
    """Write one line, with control characters made visible."""
    console().print(Text(visible(text), style=style or ""), soft_wrap=True)


def say_indented(text: str) -> None:
    """Write a line that belongs to the one before. No word is broken where the terminal ends."""
    for line in textwrap.wrap(
        visible(text),
        console().width,
        initial_indent=_INDENT,
        subsequent_indent=2 * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        say(line)


def clear() -> None:
    """Empty the screen of a terminal."""
    console().clear()


def tell(text: str) -> None:
    """Write one or more lines to standard error."""
    sys.stderr.write(f"{visible(text, lines=True)}\n")


def words(cell: object) -> str:
    """A value for people, without control characters that a terminal would obey."""
    return visible(_words(cell))


def _words(cell: object) -> str:
    match cell:
        case None | "":
            return ""
        case bool():
            return "yes" if cell else "no"
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M:%S}"
        case Mapping():
            return ", ".join(f"{count} {name}" for name, count in cell.items())
    return str(cell)


def age(seconds: float | None) -> str:
    """A time for people: 45 s, 12 min, 3 h, 2 d."""
    if seconds is None:
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _can_be_encoded(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes():
            return value.hex()
        case tuple() | set() | frozenset():
            return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON")
