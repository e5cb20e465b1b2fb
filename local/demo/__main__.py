"""Runs the demo: `python -m local.demo [--once] ...`, which is what `make demo ARGS="..."` calls."""

import gc
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from local import console, loopback, space
from local.demo import interrupts, screen
from local.demo.arguments import parse
from local.demo.errors import DemoFailed, UserMistake
from shared.visible import visible

FAILED, MISTAKE, INTERRUPTED, SIGNALLED = 1, 2, 130, 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; see the exit codes in docs/report.md."""
    console.take_any_character()
    loopback.spare(os.environ)
    options = parse(arguments)
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    try:
        with interrupts.as_exceptions():
            # Takes a second or two: by now Ctrl-C ends the program without a traceback. What is imported is no garbage:
            # to look through it again and again takes a tenth of that.
            gc.disable()
            from local.demo.run import run  # noqa: PLC0415

            gc.enable()
            return run(options, screen.open_console(picture=options.picture is not None))
    except UserMistake as mistake:
        errors.print(visible(str(mistake), lines=True), style="red", emoji=False)
        return MISTAKE
    except (DemoFailed, space.NoSpaceLeft) as failed:
        errors.print(visible(str(failed), lines=True), style="red", emoji=False)
        return FAILED
    except interrupts.Terminated as terminated:
        return SIGNALLED + terminated.number
    except KeyboardInterrupt:
        errors.print("Ended by Ctrl-C; no process is left behind.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone: buffered output has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
