"""What every benchmark with a table of its own does: measure, print, and write into a document when asked to."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import document
from local.azurite import AzuriteFailed
from local.demo import interrupts
from local.demo.errors import DemoFailed, UserMistake


def report(name: str, file: Path | None, measure: Callable[[], Sequence[str]], *, how: str = "") -> int:
    """Print the lines that `measure` returns, and write them between the markers of `name` into `file`, if one is
    given. `how` is told behind the machine. Returns the exit code: 1 where a part of the stage failed, 2 for a mistake
    in the call, 130 for Ctrl-C."""
    machine = document.machine()
    try:
        document.require_places(file, [name])
        with interrupts.as_exceptions():
            lines = [f"Measured on {machine}{how}.", "", *measure()]
    except (UserMistake, DemoFailed, AzuriteFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, UserMistake) else 1
    except KeyboardInterrupt:
        return 130
    sys.stdout.write("\n".join(lines) + "\n")
    if file is not None:
        document.write(file, name, lines)
    return 0
