"""How a process has ended, in words."""

import signal


def ending(code: int) -> str:
    """The exit code or the signal of a process that has ended with this return code."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
