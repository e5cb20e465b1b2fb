"""Which records apply has read lately: row `B|CLAIM|PART` in the flow's partition, one for each message.

A delete entry of a change feed names a part of a record only by its own id. A part that was made and deleted between
two pulls is known to nobody; but whoever has read it has noted its record here before.
"""

from collections.abc import Iterator, Sequence

from shared import exact_json
from shared.errors import StateUnreadable
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Put, Row, Stored, Table, escape, remove, split_into_transactions
from shared.telemetry import tell_damage

_PREFIX, _END = "B|", "B}"
_PAGE = 1000
# Of the 32,768 characters that a property holds; an id has 512 at most.
_MOST_CHARACTERS = 30_000


class Batches:
    """The batches of every flow."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, flow: str, claim_id: str, ids: Sequence[str]) -> None:
        """These records are about to be read under a claim. Raises StorageTrouble."""
        rows = [
            Row(escape(flow), escape(f"{_PREFIX}{claim_id}|{part}"), {"ids": text})
            for part, text in enumerate(_texts(ids))
        ]
        for transaction in split_into_transactions([[Put(row)] for row in rows]):
            self._table.transact([put for group in transaction for put in group])

    def ids(self, flow: str) -> list[str]:
        """The records of all batches. An unreadable row is logged as an event: its records are unknown. Raises
        StorageTrouble."""
        found: dict[str, None] = {}
        for stored in self._rows(flow):
            try:
                found |= dict.fromkeys(read_batch(flow, stored))
            except StateUnreadable as unreadable:
                tell_damage(unreadable.damage, flow=flow)
        return list(found)

    def older_than(self, flow: str, age_s: float) -> list[Row]:
        """The batches that were noted so many seconds ago, by the clock of the storage service. Raises
        StorageTrouble."""
        return [stored.row for stored in self._rows(flow) if stored.age_s > age_s]

    def remove(self, rows: Sequence[Row]) -> None:
        """Remove batches of one flow. Raises StorageTrouble."""
        remove(self._table, rows)

    def _rows(self, flow: str) -> Iterator[Stored]:
        start: str | None = _PREFIX
        while start is not None:
            page = self._table.scan(escape(flow), start=start, end=_END, limit=_PAGE)
            yield from page
            start = page[-1].row.key + " " if len(page) == _PAGE else None


def read_batch(flow: str, stored: Stored) -> tuple[str, ...]:
    """The ids from a stored row. Raises StateUnreadable."""
    return Cells("links", stored.row, f"{drop('links', stored.row)}, then p2c reconcile {flow}").texts("ids")


def _texts(ids: Sequence[str]) -> Iterator[str]:
    """The ids as JSON lists, each of which fits into a property."""
    together: list[str] = []
    characters = 0
    for id in ids:
        size = len(exact_json.dumps(id)) + 1
        if together and characters + size > _MOST_CHARACTERS:
            yield exact_json.dumps(list(together))
            together, characters = [], 0
        together.append(id)
        characters += size
    if together:
        yield exact_json.dumps(list(together))
