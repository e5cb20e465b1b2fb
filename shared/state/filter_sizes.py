"""How many keys a filter of a system may name, as it was measured: in the control table, for all instances, for a
day."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from shared.errors import StateUnreadable, StorageTrouble
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Put, Row, Stored, Table, escape
from shared.systems import System
from shared.telemetry import log_event

FILTER = "filter"
# Of filters in reads that are one batch.
FILTER_TOGETHER = "filter-together"
_KEPT = timedelta(days=1)


class FilterSizes:
    """What is known of the filters of one system under a key (FILTER, FILTER_TOGETHER). Storage trouble does not fail a
    read: at worst a filter that is too long is sent again."""

    def __init__(self, table: Table, system: System, now: Callable[[], datetime], key: str = FILTER) -> None:
        self._table = table
        self._system = system
        self._key = key
        self._now = now

    def known(self) -> int | None:
        """How many keys a filter may name; None if nothing was measured within a day."""
        with suppress(StorageTrouble, StateUnreadable):
            stored = self._table.read(escape(self._system), [self._key]).get(self._key)
            if stored is not None:
                size, found_at = read_size(stored)
                if self._now() - found_at < _KEPT:
                    return size
        return None

    def remember(self, size: int) -> None:
        """Note that so many keys passed, and more did not."""
        log_event("filter_limit_found", system=str(self._system), keys=size)
        with suppress(StorageTrouble):
            self._table.transact([Put(Row(escape(self._system), self._key, {"keys": size, "found_at": self._now()}))])


def read_size(stored: Stored) -> tuple[int, datetime]:
    """How many keys passed, and when that was found, from the stored row. Raises StateUnreadable."""
    cells = Cells("control", stored.row, drop("control", stored.row))
    size = cells.number("keys")
    if size == 0:
        raise cells.unreadable("keys", "is 0")
    return size, cells.time("found_at")
