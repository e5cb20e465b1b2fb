"""The rows that documents of Dataverse are made from, such as the order of an invoice, where no automation there looks
after them (dataverse-web-api, sections 11.6 and 11.7).

A document gets the owner of such a row. The row itself gets its last state by an action only, and that makes a document
of its own: a copy that nobody needs, which is removed at once. Copies that a worker has left behind, or of which the
answer was lost, are found again by who has made them and by their ids: a document of ours has one that is derived from
its key, and one that was taken over has columns that no copy has.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.bisect import Result
from shared.clients.dataverse.environment import API, DataverseSystem, Row
from shared.clients.dataverse.refusals import refusal_of
from shared.clients.dataverse.rows import RowWrite, RowWriter, WriteTable
from shared.clients.http.sending import Sending
from shared.errors import RecordMissing, RecordRejected, SyncError
from shared.records import Json, Values, Write

_STATE = "statecode"
_TEAM, _USER = "_owningteam_value", "_owninguser_value"
_MADE_BY = "_createdby_value"
_OWNER = "ownerid@odata.bind"


@dataclass(frozen=True, slots=True)
class OriginTable:
    """The table of the rows that documents are made from. `lookup` is the column of a document that names its row.
    `action` brings a row, whose id is its parameter `argument`, into the state `done`; a row in a state of `closed`
    needs it no more, or cannot get there. `field` is the name under which a document says that its row is done, and
    `never_copied` are columns of a document that are blank in what the action makes."""

    table: WriteTable
    lookup: str
    action: str
    argument: str
    done: int
    closed: frozenset[int]
    field: str
    never_copied: tuple[str, ...] = ()


class Origins:
    """The rows that `documents` are made from."""

    def __init__(self, system: DataverseSystem, of: OriginTable, documents: WriteTable) -> None:
        self.of = of
        self._system = system
        self._documents = documents
        self._document_rows = RowWriter(system, documents)

    def named_in(self, values: Values) -> str | None:
        """The id of the row that a document is made from."""
        id = values.get(self.of.lookup)
        return str(id).lower() if id is not None else None

    def named_by(self, write: Write) -> str | None:
        """The id of the row that a write brings into its last state; None if it does not do that."""
        if self.of.field not in write.values:
            return None
        return self.named_in(write.values) or (self.named_in(write.before.values) if write.before else None)

    def owners(self, ids: Iterable[str]) -> Mapping[str, Mapping[str, Json]]:
        """Who owns these rows, as a column of a new document, by the id of the row. Raises SystemTrouble."""
        rows = self._rows(ids, (_TEAM, _USER))
        return {id: {_OWNER: address} for id, row in rows.items() if (address := _owner_of(row)) is not None}

    def finished(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of the rows for which nothing is left to do: they are closed, or gone, and no copy is there. Raises
        SystemTrouble."""
        asked = frozenset(ids)
        closed = asked - self._open(asked)
        return closed - self._copies(closed).keys()

    def finish(self, ids: Iterable[str], sending: Sending) -> Mapping[str, Result]:
        """Bring rows into their last state, and remove the copies; the result by id. Raises SystemTrouble if they
        cannot be read."""
        results: dict[str, Result] = dict.fromkeys(ids)
        acting = sorted(self._open(results))
        found = self._system.channel.gather_writes([partial(self._act, id, sending) for id in acting])
        results |= dict(zip(acting, found, strict=True))
        refused = [id for id in acting if isinstance(results[id], RecordRejected)]
        if refused:
            # Another worker was faster.
            results |= dict.fromkeys(set(refused) - self._open(refused))
        copies = self._copies([id for id, result in results.items() if result is None])
        removals = [(id, copy) for id, of_row in sorted(copies.items()) for copy in of_row]
        rows = [RowWrite(copy, {}, delete=True) for _, copy in removals]
        for (id, _), result in zip(removals, self._document_rows.write(rows, sending), strict=True):
            if result is not None and not isinstance(result, RecordMissing):
                results[id] = result
        return results

    def _open(self, ids: Iterable[str]) -> frozenset[str]:
        """Those of the rows that are there and not closed."""
        rows = self._rows(ids, (_STATE,))
        return frozenset(id for id, row in rows.items() if row.get(_STATE) not in self.of.closed)

    def _rows(self, ids: Iterable[str], columns: Sequence[str]) -> dict[str, Row]:
        of = self.of.table
        wanted, parameters = sorted(set(ids)), {"$select": quoting.columns([of.id_column, *columns])}
        rows = self._system.rows_with(of.entity_set, of.id_column, wanted, parameters)
        return {str(row[of.id_column]).lower(): row for row in rows}

    def _copies(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """The documents that the action has made of these rows, by the id of the row."""
        wanted, documents = sorted(ids), self._documents
        if not wanted:
            return {}
        named, maker = f"_{self.of.lookup}_value", self._system.user()
        columns = [documents.id_column, named, _MADE_BY, *self.of.never_copied]
        parameters = {"$select": quoting.columns(columns)}
        found: dict[str, list[str]] = {}
        for row in self._system.rows_with(documents.entity_set, self.of.lookup, wanted, parameters):
            id = str(row[documents.id_column]).lower()
            is_blank = all(row.get(name) is None for name in self.of.never_copied)
            if str(row.get(_MADE_BY)).lower() == maker and is_blank and not quoting.is_name_based(id):
                found.setdefault(str(row[named]).lower(), []).append(id)
        return found

    def _act(self, id: str, sending: Sending) -> Result:
        try:
            sending.require_turn()
            result = self._request(id, sending)
        except SyncError as error:
            result = error
        sending.note(result)
        return result

    def _request(self, id: str, sending: Sending) -> Result:
        channel, action = self._system.channel, self.of.action
        body: dict[str, Json] = {self.of.argument: id, "ColumnSet": {"AllColumns": True}}
        url = channel.origin.url(f"{API}/{action}")
        answer = channel.write("POST", url, body, subject=self.of.table.entity_set, turn=sending.turn)
        return None if answer.status < 300 else refusal_of(answer, channel.system, action)


def _owner_of(row: Row) -> str | None:
    for column, entity_set in ((_TEAM, "teams"), (_USER, "systemusers")):
        if row.get(column) is not None:
            return f"/{entity_set}({row[column]})"
    return None
