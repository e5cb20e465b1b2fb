"""p2c: an operator sees what is not in step, why, and repairs it."""

import gc
import sys
from collections.abc import Sequence

# What is imported is no garbage: to look through it again and again takes a tenth of the start.
gc.disable()
# Azure's SDK loads aiohttp for its asynchronous clients where it is installed, as in a clone: a tenth more.
sys.modules.setdefault("azure.core.pipeline.transport._aiohttp", None)  # type: ignore[arg-type]
try:
    from p2c import commands
    from p2c.app import app
    from p2c.endings import end_of, require_streams
    from p2c.output import write_what_can_be_written
except KeyboardInterrupt:
    # Loading takes a moment; Ctrl-C meanwhile shows no traceback.
    sys.exit(130)
finally:
    gc.enable()

__all__ = ["app", "commands", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command `p2c`, without arguments with those of the process. Ends by SystemExit with the exit code."""
    require_streams()
    write_what_can_be_written(sys.stdout, sys.stderr)
    sys.exit(end_of(app, arguments))


if __name__ == "__main__":
    main()
