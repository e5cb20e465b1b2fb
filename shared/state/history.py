"""History: what was done with a record, when and by which run. Row `H|id|inverted time|claim`: the newest first."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from types import MappingProxyType

from shared import exact_json
from shared.errors import StateUnreadable
from shared.records import Json
from shared.state.failures import STATE_UNREADABLE
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Row, Stored, Table, escape, unescape

# The old and the new value of a field.
Change = tuple[Json, Json]
VALUES = "values"
"""The property that holds the values of an entry."""
KEPT = "kept"
"""The property that holds what stays in the target, and what the source has there."""
PUT_BACK = "put back"
"""The outcome of an entry that tells what an operator has undone."""
IN_STEP_AGAIN = "in step again"
"""The outcome of an entry that tells that a failure has closed and nothing had to be written: both systems have the
same."""
FAILURE_CLOSED = "failure closed"
"""The same where nothing was to be written because the target keeps values that the source does not have."""
ADDED, REMOVED = "added", "removed"
"""What an entry says, as its new value, of a line of a document as a whole."""
OF_LINE = re.compile(r"line ([0-9]+)(?: (.+))?")
"""The name of a line, or of a field of a line, among the fields of a document."""
_PAGE = 1000
# A property holds 32,768 characters.
_VALUES_KEPT = 30_000
_MAP_TOLD = 12
_END_OF_TIME_MS = 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEHIND_THE_ID = re.compile(r"\|[0-9]{15}\|[^|]*")
_INVERTED = re.compile(r"(?:^|\|)([0-9]{15})(?:\||$)")


def line_of(number: int) -> str:
    """The name of a line among the fields of a document."""
    return f"line {number}"


def inverted(time: datetime) -> str:
    """A text that sorts later times first."""
    # A fraction of a second is rounded by a float: some times would come out a millisecond early.
    return f"{_END_OF_TIME_MS - (time - _EPOCH) // timedelta(milliseconds=1):015d}"


def told_by_key(key: str) -> datetime:
    """The time in a key made by `inverted`; the earliest time if there is none."""
    found = _INVERTED.findall(unescape(key))
    return _EPOCH + timedelta(milliseconds=max(0, _END_OF_TIME_MS - int(found[-1]))) if found else _EPOCH


def history_row(
    flow: str,
    id: str,
    *,
    time: datetime,
    claim: str,
    run: str,
    outcome: str,
    fields: str,
    sent_by: str = "",
    why: str = "",
    fingerprint: str = "",
    values: Mapping[str, Change] = MappingProxyType({}),
    kept: Mapping[str, Change] = MappingProxyType({}),
) -> Row:
    """One entry: names of fields, and values only if any are given."""
    cells: dict[str, Cell] = {"record_id": id, "time": time, "run": run, "outcome": outcome, "fields": fields[:16000]}
    if sent_by:
        cells |= {"sent_by": sent_by, "map": fingerprint[:_MAP_TOLD]}
    if why:
        cells["why"] = why
    if values:
        cells[VALUES] = _as_text(values)
    if kept:
        cells[KEPT] = _as_text(kept)
    return Row(escape(flow), escape(f"H|{id}|{inverted(time)}|{claim}"), cells)


def without_values(row: Row) -> Row:
    """The same entry without the values."""
    return Row(row.partition, row.key, {name: cell for name, cell in row.cells.items() if name not in (VALUES, KEPT)})


def has_values(row: Row) -> bool:
    """Whether an entry has values."""
    return VALUES in row.cells or KEPT in row.cells


def _as_text(values: Mapping[str, Change]) -> str:
    """As many of the values as a property holds, in their order. Those of a line are kept together or not at all: who
    puts an added line back removes it if it is as it was added, and sees that by all its values."""
    kept: dict[str, Json] = {}
    # A comma stands where a part has two braces, and the last part has none behind it.
    size = 1
    for _, names in groupby(values, key=_line_or_field):
        part: dict[str, Json] = {name: list(values[name]) for name in names}
        size += len(exact_json.dumps(part)) - 1
        if size > _VALUES_KEPT:
            break
        kept |= part
    return exact_json.dumps(kept)


def _line_or_field(name: str) -> str:
    of_line = OF_LINE.fullmatch(name)
    return line_of(int(of_line[1])) if of_line else name


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done with a record: `outcome` as committed, or one of those above, and the names of the
    fields that were written. `run` did it; `sent_by` is the run, or the act of an operator, that had the record looked
    at, and `why` the reason (a word of Why); `map` begins the fingerprint of the mapping. `values` are the fields with
    their old and new values, where a deployment keeps them or a policy has looked at the target. `kept` are the fields
    in which the target's own value stays, with that value and the source's."""

    time: datetime
    run: str
    outcome: str
    fields: tuple[str, ...] = ()
    sent_by: str = ""
    why: str = ""
    map: str = ""
    values: Mapping[str, Change] = field(default_factory=dict)
    kept: Mapping[str, Change] = field(default_factory=dict)


class Histories:
    """The history of every record."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def latest(self, flow: str, id: str, limit: int) -> list[Entry]:
        """At most `limit` entries of a record, the newest first."""
        return [_to_entry(row) for row in islice(self.rows(flow, id, min(limit, _PAGE)), limit)]

    def records_of(self, flow: str, run: str) -> list[str]:
        """The records that have an entry of a run, in the order of their ids. Every entry of the flow is read."""
        found: dict[str, None] = {}
        start, more = "H|", True
        while more:
            stored = self._table.scan(escape(flow), start=start, end="H}", limit=_PAGE)
            ids = (row.row.cells.get("record_id") for row in stored if row.row.cells.get("run") == run)
            found |= dict.fromkeys(id for id in ids if isinstance(id, str))
            more = len(stored) == _PAGE
            start = stored[-1].row.key + " " if stored else start
        return list(found)

    def rows(self, flow: str, id: str, page: int = _PAGE) -> Iterator[Stored]:
        """Every entry of a record as stored, the newest first, page by page."""
        prefix = escape(f"H|{id}")
        start, more = f"{prefix}|", True
        while more:
            stored = self._table.scan(escape(flow), start=start, end=f"{prefix}}}", limit=page)
            # The id of another record may begin with this one and continue after a bar.
            yield from (row for row in stored if _is_of(id, prefix, row.row))
            more = len(stored) == page
            start = stored[-1].row.key + " " if stored else start


def _is_of(id: str, prefix: str, row: Row) -> bool:
    """Whether an entry belongs to this record: by its key if it does not say so."""
    named = row.cells.get("record_id")
    return named == id if isinstance(named, str) else bool(_BEHIND_THE_ID.fullmatch(row.key[len(prefix) :]))


def _to_entry(stored: Stored) -> Entry:
    """An entry from its stored row; if the row cannot be read, the entry says so, with the time of its key."""
    try:
        return read_entry(stored)
    except StateUnreadable as unreadable:
        return Entry(told_by_key(stored.row.key), "", f"{STATE_UNREADABLE}: {unreadable.damage}")


def read_entry(stored: Stored) -> Entry:
    """An entry from its stored row. Raises StateUnreadable."""
    cells = Cells("links", stored.row, drop("links", stored.row))
    cells.text("record_id")
    fields = cells.text("fields", "").split(",")
    return Entry(
        cells.time("time"),
        cells.text("run"),
        cells.text("outcome"),
        tuple(name for name in fields if name),
        cells.text("sent_by", ""),
        cells.text("why", ""),
        cells.text("map", ""),
        _values(cells, VALUES),
        _values(cells, KEPT),
    )


def _values(cells: Cells, property: str) -> dict[str, Change]:
    found = cells.json_object(property)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in found.values()):
        raise cells.unreadable(property, "holds something other than pairs of values")
    return {name: (pair[0], pair[1]) for name, pair in found.items() if isinstance(pair, list)}
