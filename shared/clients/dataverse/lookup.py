"""The small tables of Dataverse that a mapping uses to look up names: read as a whole, kept for some minutes."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem
from shared.records import References, Values
from shared.systems import System


@dataclass(frozen=True, slots=True)
class LookupTable:
    """The columns of a table that are read; only active rows where `active_only`."""

    select: Sequence[str]
    active_only: bool = False


class DataverseLookup:
    """Reads the tables together; satisfies the engine's Lookup. Safe for use by many threads."""

    def __init__(self, system: DataverseSystem, tables: Mapping[str, LookupTable]) -> None:
        self._system = system
        self._tables = tables
        self._lock = threading.Lock()
        self._kept: tuple[float, References] | None = None

    @property
    def system(self) -> System:
        """Whose tables they are."""
        return self._system.channel.system

    def rows(self, *, max_age_s: float) -> References:
        """The tables by entity set. Raises SystemTrouble."""
        with self._lock:
            now = self._system.channel.clock.monotonic()
            if self._kept is None or now - self._kept[0] > max_age_s:
                self._kept = now, {name: tuple(self._read(name, table)) for name, table in self._tables.items()}
            return self._kept[1]

    def _read(self, entity_set: str, table: LookupTable) -> Sequence[Values]:
        wanted = {"$filter": quoting.equals("statecode", 0)} if table.active_only else {}
        url = self._system.url(entity_set, {"$select": quoting.columns(table.select), **wanted})
        return list(self._system.rows(entity_set, url))
