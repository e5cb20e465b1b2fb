"""Keeps a test process small."""

import ctypes

# GNU's C library keeps what lies below memory that is still in use; others, as that of macOS, cannot be asked.
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """What the C library holds for later, between blocks that are in use, is the system's again."""
    if _TRIM is not None:
        _TRIM(0)
