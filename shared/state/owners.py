"""What a source row belongs to: row `P|kind|id` in the flow's partition.

A delete entry of a change feed names a row only by its id; what the row was a part of is known only from here.
"""

from collections.abc import Iterable, Mapping, Sequence

from shared import exact_json
from shared.errors import StateUnreadable
from shared.state.storage.cells import Cells
from shared.state.storage.tables import (
    Cell,
    Insert,
    Put,
    Row,
    Stored,
    Table,
    by_transaction,
    escape,
    remove,
)
from shared.telemetry import tell_damage

_FORMER_KEPT = 5


class Owners:
    """The owners of the rows of every flow, by the kind of row (its table)."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def owners(self, flow: str, kind: str, ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The owners of those of the rows that are known: the present one first, then those that the row has left, the
        latest first. An unreadable row is logged as an event and counts as unknown: it is rewritten when the source row
        is read next."""
        keys = {id: _row_key(kind, id) for id in ids}
        stored = self._table.read(escape(flow), list(keys.values()))
        known: dict[str, tuple[str, ...]] = {}
        for id, key in keys.items():
            try:
                if key in stored:
                    known[id] = read_owners(flow, stored[key])
            except StateUnreadable as unreadable:
                tell_damage(unreadable.damage, flow=flow)
        return known

    def remember(self, flow: str, kind: str, present: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """Note what each row belongs to now; the owners of all of them, as `owners` gives them.

        Most rows are new: only those of a transaction that meets another row are read. A former owner is kept, so that
        a move that was not reported yet can be reported the next time. Raises StorageTrouble; then some are noted.
        """
        parts = by_transaction(list(present))
        new = [[Insert(_row(flow, kind, id, (present[id],))) for id in part] for part in parts]
        conflicts = self._table.transact_each(new)
        met = {id: present[id] for part, conflict in zip(parts, conflicts, strict=True) if conflict for id in part}
        owners: dict[str, tuple[str, ...]] = {id: (owner,) for id, owner in present.items()}
        return owners | self._change(flow, kind, met)

    def forget(self, flow: str, kind: str, ids: Sequence[str]) -> None:
        """These rows do not exist any more. Raises StorageTrouble."""
        remove(self._table, [Row(escape(flow), _row_key(kind, id), {}) for id in ids])

    def _change(self, flow: str, kind: str, present: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """Write what is new or different."""
        if not present:
            return {}
        known = self.owners(flow, kind, present)
        owners = {id: _moved(known.get(id, ()), owner) for id, owner in present.items()}
        puts = [Put(_row(flow, kind, id, owner)) for id, owner in owners.items() if owner != known.get(id)]
        self._table.transact_each(by_transaction(puts))
        return owners


def _row_key(kind: str, id: str) -> str:
    return escape(f"P|{kind}|{id}")


def _moved(known: Sequence[str], owner: str) -> tuple[str, ...]:
    former = [each for each in known if each != owner]
    return (owner, *former[:_FORMER_KEPT])


def _row(flow: str, kind: str, id: str, owners: Sequence[str]) -> Row:
    cells: dict[str, Cell] = {"owner": owners[0]}
    if owners[1:]:
        cells["former"] = exact_json.dumps(list(owners[1:]))
    return Row(escape(flow), _row_key(kind, id), cells)


def read_owners(flow: str, stored: Stored) -> tuple[str, ...]:
    """The owners from a stored row. Raises StateUnreadable."""
    cells = Cells("links", stored.row, f"p2c sync {flow} --full; p2c reconcile {flow} shows what was missed")
    return (cells.text("owner"), *cells.texts("former"))
