"""How a call ends: with an exit code, and a mistake in it with one sentence."""

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import typer

from p2c.helping import example_of, for_example
from p2c.output import is_of_output, tell
from p2c.troubles import MISTAKE

INTERRUPTED, UNREAD = 130, 141
"""The exit codes of shells for Ctrl-C, and for an output that nobody reads any more."""
_TOO_MANY = re.compile(r"Got unexpected extra argument(?:\(s\)|s)? \((.*)\)")
_SECOND = re.compile(r"\. (Did|Choose)\b")
_OF_ONE = re.compile(r"Invalid value for '?([\w<>-]+)'?: (?:Value error, )?")


def end_of(app: typer.Typer, arguments: Sequence[str] | None) -> int:
    """Run the application, and return its exit code. `arguments` are those of the process where there are none."""
    try:
        code = _run(app, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    except SystemExit as ended:
        # The library has met a pipe that is closed.
        if isinstance(ended.__context__, BrokenPipeError):
            return _unread()
        raise
    except OSError as wrong:
        if not is_of_output(wrong):
            raise
        return _unwritable(wrong)
    return code


def require_streams() -> None:
    """Without a standard error, what is told there goes nowhere. Raises SystemExit without a standard output, which is
    told in one sentence: a file or connection that is opened later would get its number, and the answer with it."""
    if sys.__stderr__ is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.__stdout__ is None:
        tell("standard output is closed, so nothing can be shown: leave out `>&-`, or write to a file or to /dev/null")
        raise SystemExit(MISTAKE)


def _run(app: typer.Typer, arguments: Sequence[str] | None) -> int:
    try:
        code = app(None if arguments is None else list(arguments), prog_name="p2c", standalone_mode=False)
    except typer.TyperException as mistake:
        told = _sentence(mistake)
        if told:
            tell(told)
        return mistake.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _unread() -> int:
    _drop(sys.stdout)
    return UNREAD


def _unwritable(wrong: OSError) -> int:
    """Standard error may be on the same full disk: then nothing can be said."""
    _drop(sys.stdout)
    with suppress(OSError):
        tell(f"the output cannot be written ({wrong.strerror}); free some space, or write it elsewhere")
        return MISTAKE
    _drop(sys.stderr)
    return MISTAKE


def _drop(stream: TextIO) -> None:
    """What is still buffered has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


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
    if context is not None and said.startswith("Missing "):
        example = example_of(context.command)
        said = for_example(said, example) if example else said
    joined = " See" if said.endswith("?") else "; see"
    return f"{said[0].lower()}{said[1:]}{joined} `{command} --help`"
