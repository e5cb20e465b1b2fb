"""Worlds that begin in the same state: what the first of a kind has come to is kept, and the next ones begin with it.

The rows of both systems and of the app's storage are copied. The app itself is another instance of it, as after a
restart, and finds its systems at other addresses.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from local.finops.tables import Tables
from local.simulator.store import Store
from shared.state.storage.tables import Cell, Put, Row
from tests.support.assortment import Assortment

# Each takes two small databases in memory.
_MOST = 8


@dataclass(frozen=True, slots=True)
class Stocked:
    """The rows of a world at rest, with the addresses that its systems had."""

    sales: Store
    finops: Tables
    addresses: tuple[str, str]
    catalogue: Mapping[str, str]
    tables: Mapping[str, Sequence[Row]]

    @classmethod
    def of(cls, world: Assortment) -> "Stocked":
        """What a world has come to."""
        return cls(
            world.sales.organisation.store.copied(),
            world.finops.tables.copied(),
            _addresses(world),
            world.catalogue,
            {name: list(table.content().values()) for name, table in world.tables.items()},
        )

    def fill(self, world: Assortment) -> None:
        """Put the rows of the app into its tables, with the addresses that its systems have now."""
        now = dict(zip(self.addresses, _addresses(world), strict=True))
        for name, rows in self.tables.items():
            for row in rows:
                world.memory(name).transact([Put(_moved(row, now))])


class Stocks:
    """The states that are kept, the latest ones. Worlds of the same kind and settings have the same."""

    def __init__(self) -> None:
        self._kept: dict[object, Stocked] = {}

    def get(self, kind: object) -> Stocked | None:
        """The state of that kind of world, if there is one."""
        found = self._kept.pop(kind, None)
        if found is not None:
            self._kept[kind] = found
        return found

    def keep(self, kind: object, stocked: Stocked) -> None:
        """Keep a state; the one that was used least lately makes room for it."""
        self._kept[kind] = stocked
        while len(self._kept) > _MOST:
            left = self._kept.pop(next(iter(self._kept)))
            left.sales.close()
            left.finops.close()


def _addresses(world: Assortment) -> tuple[str, str]:
    return world.sales.origin, world.finops.base_url


def _moved(row: Row, now: Mapping[str, str]) -> Row:
    # At once: a system may have the port that the other one had.
    former = re.compile("|".join(map(re.escape, now)))

    def moved(cell: Cell) -> Cell:
        return former.sub(lambda found: now[found[0]], cell) if isinstance(cell, str) else cell

    return replace(row, cells={name: moved(cell) for name, cell in row.cells.items()})
