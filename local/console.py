"""Output that accepts any character, in any encoding of the console, pipe or file."""

import io
import sys


def take_any_character() -> None:
    """From now on a character that the encoding of standard output or error lacks is written as `?`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
