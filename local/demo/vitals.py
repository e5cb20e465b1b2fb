"""Whether the functions do anything: checked when there is no progress."""

from collections.abc import Iterable, Mapping

import psutil

_LEAST_S = 0.02


def processor_seconds(hosts: Iterable[int]) -> dict[int, float]:
    """The processor time that functions hosts and what they have started have used so far, by process id."""
    used = {}
    for pid in hosts:
        try:
            host = psutil.Process(pid)
            for process in (host, *host.children(recursive=True)):
                times = process.cpu_times()
                used[process.pid] = times.user + times.system
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return used


def is_silent_since(before: Mapping[int, float], hosts: Iterable[int]) -> bool:
    """Whether they have used no processor time since then. A host that was restarted meanwhile began at none."""
    return sum(used - before.get(pid, 0.0) for pid, used in processor_seconds(hosts).items()) < _LEAST_S
