"""Which of the demo's processes do nothing: where to look when nothing gets on."""

from collections.abc import Mapping

import psutil

# By what stands in the command line of a child.
_PARTS: Mapping[str, str] = {
    "local.host": "functions host",
    "local.dataverse": "dataverse simulator",
    "local.finops": "finops simulator",
    "azurite": "storage emulator",
}
_LEAST_S = 0.02


def processor_seconds() -> dict[str, float]:
    """The processor time that each part of the demo has used so far."""
    used: dict[str, float] = {}
    for child in psutil.Process().children(recursive=True):
        try:
            command, times = " ".join(child.cmdline()), child.cpu_times()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        part = next((name for sign, name in _PARTS.items() if sign in command), None)
        if part is not None:
            used[part] = used.get(part, 0.0) + times.user + times.system
    return used


def silent_since(before: Mapping[str, float]) -> list[str]:
    """The parts that have used no processor time since then."""
    now = processor_seconds()
    return [part for part, used in now.items() if part in before and used - before[part] < _LEAST_S]
