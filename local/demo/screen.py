"""How the demo writes: whole words only, one line for one thing in a file or pipe, and commands that can be pasted."""

import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Column, Table
from rich.text import Text

from shared.visible import visible

PICTURE_WIDTH = 118
# What goes into a file or another program is not folded to any width.
_UNFOLDED = 10_000
_BETWEEN_COLUMNS = 3
# Characters with a meaning for a shell within double quotes, or for make.
_SPECIAL = frozenset('"$`\\!#')


@dataclass(frozen=True, slots=True)
class _Whole:
    """A table that is as wide as its words need. At most one of its columns may be wrapped: of several, Rich cuts the
    words of the widest."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        least = sum(_least_width(column) + _BETWEEN_COLUMNS for column in self.table.columns) + 1
        yield from console.render(self.table, options.update(max_width=max(options.max_width, least)))


def _least_width(column: Column) -> int:
    texts = [str(column.header), *map(str, column.cells)]
    whole = texts if column.no_wrap else [word for text in texts for word in text.split()]
    return max(map(cell_len, whole), default=0)


def open_console(*, picture: bool) -> Console:
    """The screen; for a picture, one of a fixed width that remembers what it shows."""
    if picture:
        return Console(record=True, width=PICTURE_WIDTH)
    console = Console()
    return console if console.is_terminal else Console(width=_UNFOLDED)


def write(console: Console, text: str, *, style: str = "", indent: int = 0, hanging: int = 2) -> None:
    """One line, or several that are broken between words; `hanging` is how much further the others are indented."""
    margin = " " * indent
    lines = textwrap.wrap(
        visible(text),
        console.width,
        initial_indent=margin,
        subsequent_indent=margin + " " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        write_verbatim(console, line, style=style)


def write_verbatim(console: Console, text: str, *, style: str = "") -> None:
    """One unbroken line of any length, to be pasted."""
    console.print(Text(visible(text, lines=True), style=style), soft_wrap=True)


def show(console: Console, part: RenderableType) -> None:
    """A table or a text. A table that is too wide for the screen keeps its words whole."""
    console.print(_Whole(part) if isinstance(part, Table) else part, crop=False)


def shell_function(name: str, *words: str) -> str:
    """A line that makes a name a command of the shell: these words, and what is written behind the name."""
    return f'{name}() {{ {shlex.join(words)} "$@"; }}'


def make_command(target: str, *arguments: str) -> str:
    """The command that runs a target of the Makefile with arguments, to be pasted into a shell."""
    if not arguments:
        return f"make {target}"
    inner = shlex.join(arguments).replace("$", "$$")
    quoted = shlex.quote(f"ARGS={inner}") if _SPECIAL & set(inner) else f'ARGS="{inner}"'
    return f"make {target} {quoted}"


def near(path: Path) -> Path:
    """A path as its user would write it from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
