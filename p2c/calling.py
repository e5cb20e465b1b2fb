"""How a call is read and how it ends: a mistake in it is told in one sentence of ours, with the name, the value and the
remedy, and every end has its exit code."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from p2c.showing import tell
from shared.discretion import shown

INTERRUPTED, UNREAD = 130, 141
"""Ctrl-C; and nobody reads the output any more, as shells count it for a program that ends so."""
_TOO_MANY = re.compile(r"Got unexpected extra argument(?:\(s\)|s)? \((.*)\)")
_SECOND = re.compile(r"\. (Did|Choose)\b")
_OF_ONE = re.compile(r"Invalid value for '?([\w<>-]+)'?: (?:Value error, )?")


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """Reads a whole number from `least` to `most`; a default is read too, and is a number already."""

    def read(given: str | int) -> int:
        text = str(given)
        digits = text.strip()
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= len(str(most)) else least - 1
        if not least <= number <= most:
            raise typer.BadParameter(f"is {shown(text)}: give a whole number from {least} to {most}")
        return number

    return read


def file_named(text: str) -> Path:
    """Reads the name of a file."""
    if not text.strip():
        raise typer.BadParameter("is blank: name a file, or leave the option out")
    return Path(text)


def end_of(app: typer.Typer, arguments: Sequence[str] | None) -> int:
    """Run the application, and return its exit code. `arguments` are those of the process where there are none."""
    try:
        code = app(None if arguments is None else list(arguments), prog_name="p2c", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as mistake:
        told = _sentence(mistake)
        if told:
            tell(told)
        return mistake.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return _unread()
    except SystemExit as ended:
        # The library has met a pipe that is closed.
        if isinstance(ended.__context__, BrokenPipeError):
            return _unread()
        raise
    return code if isinstance(code, int) else 0


def _unread() -> int:
    """What is still buffered has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNREAD


def _sentence(mistake: typer.TyperException) -> str:
    """What the library says of a call, in one line, and where to read on; empty where it has shown the help."""
    said = " ".join(mistake.format_message().split()).rstrip(".")
    if not said:
        return ""
    said, has_remedy = _OF_ONE.subn(r"\1 ", said)
    if has_remedy:
        return said
    said = _SECOND.sub(lambda found: f"; {found[1].lower()}", _TOO_MANY.sub(r"Too many arguments: \1", said))
    context = getattr(mistake, "ctx", None)
    command = context.command_path if context is not None else "p2c"
    return f"{said[0].lower()}{said[1:].rstrip('?')}; see `{command} --help`"
