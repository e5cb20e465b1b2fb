"""Whether the functions do anything: checked when there is no progress."""

from collections.abc import Iterable

import psutil

_LEAST_S = 0.02


def processor_seconds(hosts: Iterable[int]) -> float:
    """The processor time that functions hosts and what they have started have used so far, 0 if none runs."""
    used = 0.0
    for pid in hosts:
        try:
            host = psutil.Process(pid)
            for process in (host, *host.children(recursive=True)):
                times = process.cpu_times()
                used += times.user + times.system
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return used


def is_silent_since(before: float, hosts: Iterable[int]) -> bool:
    """Whether they have used no processor time since then."""
    return processor_seconds(hosts) - before < _LEAST_S
