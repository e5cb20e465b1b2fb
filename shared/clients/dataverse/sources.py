"""Tables of Dataverse as sources: their rows, and their changes as its change tracking tells them."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem, Row, RowPage, TableRows
from shared.records import Change, ChangePage, SourceRow, fold


class TrackedRows(ABC):
    """A table whose changes are followed. What a page of its rows means for the records is said by each source."""

    def __init__(self, rows: TableRows) -> None:
        self._rows = rows

    @abstractmethod
    def changes_of(self, page: RowPage) -> ChangePage:
        """The changes of records that a page of rows tells."""

    def track_changes(self) -> ChangePage:
        """The first page of a tracked walk over everything; its last page carries the delta link."""
        return self.changes_of(self._rows.track_changes())

    def list_rows(self) -> ChangePage:
        """The first page of a plain walk over every row that exists, without a delta link."""
        return self.changes_of(self._rows.list_rows())

    def follow(self, link: str) -> ChangePage:
        """The page behind a next link or a delta link. Raises LinkRefused and LinkElsewhere."""
        return self.changes_of(self._rows.follow(link))

    @abstractmethod
    def forget(self, parts: Sequence[str]) -> None:
        """The records to which these deleted parts belonged are queued. Raises StorageTrouble."""


class DataverseTable(TrackedRows):
    """One table as a source. `select` are the columns to read, `expand` the single-valued lookups with theirs."""

    def __init__(
        self,
        system: DataverseSystem,
        entity_set: str,
        id_column: str,
        select: Sequence[str],
        expand: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(TableRows(system, entity_set, id_column))
        self._read = {"$select": self._rows.columns(select), "$expand": quoting.expansions(expand or {})}

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The rows that exist now, by id in lower case."""
        read = (self._source_row(row) for row in self._rows.by_id(ids, self._read))
        return {row.id: row for row in read}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that exist now, in lower case."""
        only_ids = {"$select": self._rows.id_column}
        return frozenset(self._rows.id_of(row) for row in self._rows.by_id(ids, only_ids))

    def ids_by(self, column: str, values: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the rows whose column has one of these texts, by the text as given."""
        wanted = [value for value in dict.fromkeys(values) if quoting.can_be_quoted(value)]
        found: dict[str, list[str]] = defaultdict(list)
        columns = {"$select": quoting.columns([self._rows.id_column, column])}
        for row in self._rows.by_value(column, wanted, columns) if wanted else ():
            found[fold(str(row.get(column)))].append(self._rows.id_of(row))
        return {value: found[fold(value)] for value in wanted if fold(value) in found}

    def changes_of(self, page: RowPage) -> ChangePage:
        """Each row is a record, by its id."""
        changed = (Change(self._rows.id_of(row), self._rows.version_of(row)) for row in page.rows)
        gone = (Change(id, None, gone=True) for id in page.gone)
        return page.with_changes((*changed, *gone))

    def forget(self, parts: Sequence[str]) -> None:
        """A row is a record, and has no parts."""

    def _source_row(self, row: Row) -> SourceRow:
        values = {name: value for name, value in row.items() if "@" not in name}
        return SourceRow(self._rows.id_of(row), self._rows.version_of(row), values)
