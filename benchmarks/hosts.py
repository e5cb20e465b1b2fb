"""What a functions host, and all that a measurement has started, take of the machine, read from the operating system
while they run."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_MEGABYTE = 1e6
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_s` is processor time since the start, `peak_mb` the largest resident size (units of 1,000,000 bytes)."""

    cpu_s: float
    peak_mb: float


def usage_of(pid: int) -> Usage:
    """What a process has taken so far, with those that it has started."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return Usage(_cpu_s(family), sum(map(_peak_mb, family)))


def cpu_s_of_children() -> dict[int, float]:
    """Processor seconds of each process that this one has started and that still runs, by its id."""
    return {each.pid: _cpu_s([each]) for each in psutil.Process().children(recursive=True)}


def _cpu_s(processes: Iterable[psutil.Process]) -> float:
    times = [each.cpu_times() for each in processes]
    return sum(each.user + each.system for each in times)


def forget_peak(pid: int) -> None:
    """Let the peak begin anew at the present size, where the system can do that."""
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(OSError):
            Path(f"/proc/{each.pid}/clear_refs").write_text("5", encoding="ascii")


def _peak_mb(process: psutil.Process) -> float:
    """Linux keeps the peak; elsewhere it is the present size."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * _KILOBYTE / _MEGABYTE
    return float(process.memory_info().rss) / _MEGABYTE
