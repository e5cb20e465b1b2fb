"""What a table of Dataverse must be known by to hold the records of a flow."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.clients import quoting
from shared.clients.dataverse.rows import WriteTable
from shared.records import Json


@dataclass(frozen=True, slots=True)
class Detail:
    """A row that belongs to the record, at most one per `place` (columns that say which one it is).

    It is passed as the value of `field`: an object with the columns of `place`, `also_set` and `amount`; an `amount` of
    None says that there should be no such row. In a row that was read, `field` holds all such rows, as a list, and
    `proof` says whether their id proves that we have created them. `written_by_others` is true if an
    automation in Dataverse writes it: then we only ever remove it. With `read_together` it is read in one request with
    the rows: worth it where rows are looked up before they are changed; a look for new ones finds none, and needs no
    second read.
    """

    field: str
    table: WriteTable
    parent: str
    place: tuple[str, ...]
    also_set: tuple[str, ...]
    amount: str
    constants: Mapping[str, Json]
    proof: str
    written_by_others: bool = False
    read_together: bool = False

    @property
    def parameters(self) -> dict[str, str]:
        """How they are read."""
        columns = (self.parent, *self.place, *self.also_set, self.amount)
        return {"$select": quoting.columns([self.table.id_column, *map(self.table.column, columns)])}


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A table whose rows are the records of a flow.

    `columns` are those that the mapping writes, `also_read` further ones that it reads, `late` those that a
    creation leaves out and sends afterwards; `status_of` the status that goes with a state, `already` the states of a
    row that count as the requested one (publishing a published row).
    """

    table: WriteTable
    key_column: str
    columns: tuple[str, ...]
    also_read: tuple[str, ...]
    late: frozenset[str]
    status_of: Mapping[int, int]
    already: Mapping[int, frozenset[int]]
    detail: Detail | None = None
