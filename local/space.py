"""A full disk is reported by its folder at once: a retry would not find more space."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEGABYTE = 1_000_000
_ALMOST_NOTHING = 64 * 1024
FAILURES = (OSError, sqlite3.OperationalError)
"""The errors that may mean a full disk."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class NoSpaceLeft(Exception):
    """Nothing more can be written; the message names the folder."""

    def __init__(self, folder: Path, more: str = "", *, by: str = "") -> None:
        super().__init__(f"no space left on {folder}{more}: free some, or name another folder{by}.")


def require(folder: Path, megabytes: int, *, named_by: str = "") -> None:
    """Raise NoSpaceLeft where less than so much is free; `named_by` is what names the folder."""
    free = shutil.disk_usage(folder).free
    if free < megabytes * MEGABYTE:
        free_mb = f"{free / MEGABYTE:.1f} MB free, {megabytes} MB needed"
        raise NoSpaceLeft(folder, f" ({free_mb})", by=f" by {named_by}" if named_by else "")


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether an error of writing into a folder means that there is no space. SQLite reports it in several ways: for
    these the free space decides."""
    match error:
        case OSError():
            return error.errno in _FULL
        case sqlite3.OperationalError():
            free = shutil.disk_usage(folder).free
            return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or free < _ALMOST_NOTHING
    return False


@contextmanager
def named(folder: Path) -> Iterator[None]:
    """Raise NoSpaceLeft for an error of the block that means a full disk."""
    try:
        yield
    except FAILURES as error:
        if is_full(error, folder):
            raise NoSpaceLeft(folder) from error
        raise
