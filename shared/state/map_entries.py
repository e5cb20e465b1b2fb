"""Entries of value maps that operators have set by hand, above the map document. They are one row of the control table:
whoever reads what may run knows them without a further request."""

from collections.abc import Callable, Sequence
from datetime import datetime

from shared import exact_json
from shared.errors import RowConflict, StorageTrouble
from shared.records import MapEntry
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Insert, Replace, Row, Stored, Table

MAP, ENTRIES = "map", "entries"
_ENTRY = "entry_"
_ROUNDS = 5
_TEXTS = ("map", "name", "direction", "flow", "who", "reason", "at")


class MapEntries:
    """The entries in a control table, or in what was read of it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def now(self) -> tuple[MapEntry, ...]:
        """The entries, in the order in which they were set. Raises StorageTrouble and StateUnreadable."""
        stored = self._stored()
        return () if stored is None else read_map_entries(stored)

    def change(self, change: Callable[[Sequence[MapEntry]], Sequence[MapEntry]]) -> None:
        """Change the entries as they are now, despite concurrent changes. Raises StorageTrouble and
        StateUnreadable."""
        for _ in range(_ROUNDS):
            stored = self._stored()
            changed = change(() if stored is None else read_map_entries(stored))
            cells: dict[str, Cell] = {f"{_ENTRY}{number:03}": _cell(entry) for number, entry in enumerate(changed)}
            row = Row(MAP, ENTRIES, cells)
            try:
                self._table.transact([Insert(row) if stored is None else Replace(row, stored.etag)])
            except RowConflict:
                continue
            return
        raise StorageTrouble(f"the entries that are set by hand could not be saved in {_ROUNDS} rounds")

    def _stored(self) -> Stored | None:
        return self._table.read(MAP, [ENTRIES]).get(ENTRIES)


def read_map_entries(stored: Stored) -> tuple[MapEntry, ...]:
    """The entries of the row. Raises StateUnreadable."""
    cells = Cells("control", stored.row, f"{drop('control', stored.row)}, then set them again")
    return tuple(_entry(cells, name) for name in sorted(stored.row.cells))


def _cell(entry: MapEntry) -> str:
    texts = {name: getattr(entry, name) for name in _TEXTS if name != "at"}
    return exact_json.dumps({**texts, "code": entry.code, "at": entry.at.isoformat()})


def _entry(cells: Cells, name: str) -> MapEntry:
    found = cells.json_object(name)
    texts = {part: text for part in _TEXTS if isinstance(text := found.get(part), str)}
    code = found.get("code")
    if len(texts) < len(_TEXTS) or not isinstance(code, str | int) or isinstance(code, bool):
        raise cells.unreadable(name, "is no entry of a value map")
    try:
        at = datetime.fromisoformat(texts.pop("at"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise cells.unreadable(name, "has no moment at which it was set")
    return MapEntry(code=code, at=at, **texts)
