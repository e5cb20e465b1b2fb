"""Runs a module, or another program, that ends with its parent process: `python -m local.demo.child_process 42
local.finops --port 0 ...`, `python -m local.demo.child_process 42 -- func start ...`.

A process that is killed cannot end its children, so the child does it itself. For another program this works on Linux
only: there the kernel sends the signal.
"""

import ctypes
import gc
import os
import runpy
import signal
import sys
import threading
import time

PROGRAM = "--"
"""Used instead of a module name for a program that is not a module of ours."""
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_LOOK_EVERY_S = 1.0


def end_with_parent(parent: int) -> None:
    """From now on this process gets SIGTERM when `parent` is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()
    if os.getppid() != parent:
        # It was gone before the signal was requested.
        sys.exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    started_by, module, *rest = sys.argv[1:]
    end_with_parent(int(started_by))
    if module == PROGRAM:
        os.execvp(rest[0], rest)  # noqa: S606 - what the demo was told to run
    sys.argv = [module, *rest]
    # What is imported is no garbage: to look through it again and again takes a tenth of the start. The thresholds stay
    # for the whole life: a simulator leaves few cycles behind, and 20,000 objects of them are some megabytes.
    gc.set_threshold(20_000, 20, 20)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
