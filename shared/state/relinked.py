"""Relinked records: row `R|id` in a record's own partition, written with its commit, says that it has another target
key than before, and that records that know it by the former one must still be found."""

from collections.abc import Iterable, Sequence

from shared.state.storage.tables import Delete, Row, Stored, Table, apply_where_possible, escape


def relinked_row(flow: str, id: str) -> Row:
    """The row as stored."""
    return Row(escape(flow), relinked_key(id), {"record_id": id})


def relinked_key(id: str) -> str:
    """The row key."""
    return escape(f"R|{id}")


class Relinked:
    """The relinked records of every flow."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def page(self, flow: str, limit: int) -> Sequence[Stored]:
        """The first of them."""
        return self._table.scan(escape(flow), start="R|", end="R}", limit=limit)

    def told(self, rows: Iterable[Stored]) -> None:
        """Remove what was read, except for records that have been relinked again since."""
        apply_where_possible(self._table, [Delete(stored.row, stored.etag) for stored in rows])
