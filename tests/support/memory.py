"""Keeps a test process small."""

import ctypes
import gc
from types import ModuleType

from local.host.summary import peak_memory_mb

# GNU's C library keeps what lies below memory that is still in use; others, as that of macOS, cannot be asked.
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)
# From this size on a test process is looked through for garbage after each module: databases in memory wait there.
_LARGE_MB = 320


def give_back() -> None:
    """What the C library holds for later, between blocks that are in use, is the system's again."""
    if peak_memory_mb() > _LARGE_MB:
        gc.collect()
    if _TRIM is not None:
        _TRIM(0)


def forget(module: ModuleType) -> None:
    """What the functions of a module of tests have made once for its tests goes with them: settled worlds are large."""
    for made in vars(module).values():
        if getattr(made, "__module__", None) == module.__name__ and hasattr(made, "cache_clear"):
            made.cache_clear()
