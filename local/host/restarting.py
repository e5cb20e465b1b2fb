"""How the worker is started anew: this process runs its own program again.

A thread cannot be killed. The real host kills its worker process and starts another one; here the host and its worker
are one process, so it replaces itself: every thread is gone, the process id, the output and the files stay.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT)
VARIABLE = "LOCAL_HOST_SO_FAR"


@dataclass(frozen=True)
class SoFar:
    """What the host remembers of its life before: how often its worker was started anew, why the last time, and the
    counts of each function."""

    restarts: int = 0
    reason: str = ""
    functions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def take_over(environ: MutableMapping[str, str]) -> SoFar:
    """Return what the run before has left in the environment, and remove it there."""
    left = environ.pop(VARIABLE, None)
    return SoFar(**json.loads(left)) if left else SoFar()


def hold_signals() -> None:
    """Keep the signals that come from now on for the next run."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def run_again(environ: Mapping[str, str], so_far: SoFar) -> NoReturn:
    """Start this program over with the same arguments."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    variables = {**environ, VARIABLE: json.dumps(asdict(so_far))}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)  # noqa: S606 - our own program


def hear_signals() -> None:
    """Let the signals through that were kept; call it once their handlers stand."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
