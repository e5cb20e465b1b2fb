"""Dataverse as a target: a table addressed by our key, with the parts of a record that are in other tables.

A record may have several parts: the row itself, one row of another table that belongs to it (a price list item), and
columns that a new row does not accept, above all its state. They are written in this order; if a later part fails, the
record is reported as partly applied.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.bisect import Result
from shared.clients.dataverse.closings import STATE, Closings
from shared.clients.dataverse.environment import DataverseSystem, KeyedRead, Row
from shared.clients.dataverse.record_table import Detail, RecordTable
from shared.clients.dataverse.rows import BULK_ROWS, RowWrite, RowWriter, WriteTable, own_id
from shared.clients.http.sending import Sending
from shared.errors import NotSent, PartlyApplied, RecordMissing, RecordRejected, SyncError, SystemTrouble
from shared.records import Json, MarkedRow, TargetRow, Values, Write, fold

STATUS = "statuscode"
# For a walk over the whole table: ten million rows.
_MAX_PAGES_OF_ALL = 2000


class DataverseTarget:
    """The records of one flow; satisfies the engine's Target. `namespace` makes the ids of new rows our own;
    `acts_for` is the user in whose name rows are written (see RowWriter). With `closings` a state is reached by an
    action of its own."""

    def __init__(
        self,
        system: DataverseSystem,
        records: RecordTable,
        namespace: str,
        *,
        bulk_rows: int = BULK_ROWS,
        acts_for: str = "",
        closings: Closings | None = None,
    ) -> None:
        self._system = system
        self._records = records
        self._namespace = namespace
        self._rows = RowWriter(system, records.table, bulk_rows, acts_for=acts_for)
        self._closings = closings
        self._detail_rows = RowWriter(system, records.detail.table, bulk_rows) if records.detail else None

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        """The rows that exist, by the key as given, with their state and what the mapping writes. Raises
        SystemTrouble."""
        table, key_column = self._records.table, self._records.key_column
        wanted = [key for key in dict.fromkeys(keys) if key.strip(" ") and quoting.can_be_quoted(key)]
        columns = dict.fromkeys((*self._records.columns, *self._records.also_read))
        parameters = table.parameters(columns, table.id_column, key_column)
        found_rows, found_details = self._read(wanted, parameters)
        rows = {fold(str(row[key_column])): row for row in found_rows}
        details = self._held_details([self._id_of(row) for row in rows.values()], found_details)
        found: dict[str, TargetRow] = {}
        for key, row in rows.items():
            id = self._id_of(row)
            values = {name: table.value(row, name) for name in columns}
            found[key] = TargetRow({**values, **details.get(id, {})}, id, ours=id == self._own_id(key))
        return {key: found[fold(key)] for key in wanted if fold(key) in found}

    def row_id(self, key: str) -> str:
        """The id that we give the row under a key."""
        return self._own_id(fold(key))

    def check_key(self, key: str) -> None:
        """Any text is a number here."""

    def marked(self) -> Iterator[MarkedRow]:
        """The rows whose id proves that we have created them: other deployments may write to the same table."""
        table, key_column = self._records.table, self._records.key_column
        parameters = {"$select": quoting.columns([table.id_column, key_column]), "$orderby": key_column}
        url = self._system.url(table.entity_set, parameters)
        for row in self._system.rows(table.entity_set, url, max_pages=_MAX_PAGES_OF_ALL):
            number = str(row.get(key_column))
            if self._id_of(row) == self.row_id(number):
                yield MarkedRow(number, number)

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        """Send every write; the result per id is None (applied) or the error that says what to do."""
        sending = Sending(self._system.channel.clock, not_after)
        records = [_Record(write, write.target_id or self.row_id(write.key)) for write in writes]
        outdated = [record for record in records if record.write.former]
        for stage, concerned in (
            (self._write_rows, records),
            (self._write_details, records),
            (self._write_late, records),
            (self._remove_former, outdated),
        ):
            due = [record for record in concerned if record.error is None]
            try:
                stage(due, sending)
            except (SystemTrouble, NotSent) as trouble:
                for record in due:
                    record.take(trouble)
        return {record.write.id: record.result for record in records}

    def _id_of(self, row: Values) -> str:
        return str(row[self._records.table.id_column]).lower()

    def _read(self, keys: Sequence[str], parameters: Mapping[str, str]) -> tuple[list[Row], list[Row] | None]:
        """The rows under these keys, and their details; None if those were not read."""
        table, key_column, detail = self._records.table, self._records.key_column, self._records.detail
        if detail is None or not detail.read_together:
            return self._system.rows_with(table.entity_set, key_column, keys, parameters), None
        rows = KeyedRead(table.entity_set, partial(quoting.one_of, key_column), parameters)
        behind = partial(quoting.any_of, f"{detail.parent}/{key_column}")
        details = KeyedRead(detail.table.entity_set, behind, detail.parameters)
        found, found_details = self._system.rows_together([rows, details], keys)
        return found, found_details

    def _held_details(self, row_ids: Sequence[str], known: Sequence[Row] | None) -> dict[str, Values]:
        """The details that records have, as values of their field; `known` are those that were read already."""
        detail = self._records.detail
        if detail is None or not row_ids:
            return {}
        columns = (*detail.place, *detail.also_set, detail.amount)
        return {
            id: {
                detail.field: [
                    {
                        **{name: detail.table.value(row, name) for name in columns},
                        detail.proof: self._is_our_detail(id, row),
                    }
                    for row in rows
                ]
            }
            for id, rows in self._details_of(row_ids, known).items()
        }

    def _is_our_detail(self, row_id: str, detail_row: Values) -> bool:
        detail = self._records.detail
        assert detail is not None
        return self._detail_id(row_id, lambda name: detail.table.value(detail_row, name)) == _id_in(detail, detail_row)

    def _detail_id(self, row_id: str, column: Callable[[str], Json]) -> str:
        """The id that we give the detail of a row at a place."""
        detail = self._records.detail
        assert detail is not None
        return own_id(self._namespace, detail.table.logical_name, row_id, *(str(column(name)) for name in detail.place))

    def _own_id(self, folded_key: str) -> str:
        return own_id(self._namespace, self._records.table.logical_name, folded_key)

    def _write_rows(self, records: "Sequence[_Record]", sending: Sending) -> None:
        due = [(record, self._first_values(record.write)) for record in records]
        due = [(record, values) for record, values in due if values or record.write.create]
        rows = [
            RowWrite(record.row_id, values, create=record.write.create, alone=record.write.alone)
            for record, values in due
        ]
        _take([record for record, _ in due], self._rows.write(rows, sending))

    def _first_values(self, write: Write) -> Values:
        late = self._records.late if write.create else {STATE}
        detail = self._records.detail
        left_out = {*late, *([detail.field] if detail else [])}
        values = {name: value for name, value in write.values.items() if name not in left_out}
        return {**values, self._records.key_column: write.key} if write.create else values

    def _write_late(self, records: "Sequence[_Record]", sending: Sending) -> None:
        if self._closings is not None:
            asked = [(record, self._closings.action_of(record.write)) for record in records]
            closing = [(record, action) for record, action in asked if action is not None]
            done = self._closings.close([(record.row_id, action) for record, action in closing], sending)
            _take([record for record, _ in closing], done)
            return
        due = [(record, self._late_values(record.write)) for record in records]
        due = [(record, values) for record, values in due if values]
        rows = [RowWrite(record.row_id, values, alone=record.write.alone) for record, values in due]
        _take([record for record, _ in due], self._rows.write(rows, sending))

    def _late_values(self, write: Write) -> Values:
        late = self._records.late if write.create else {STATE}
        values = {name: value for name, value in write.values.items() if name in late}
        state = values.pop(STATE, None)
        if isinstance(state, int) and not self._has_state(write.before, state):
            values |= {STATE: state, STATUS: self._records.status_of[state]}
        return values

    def _has_state(self, before: TargetRow | None, wanted: int) -> bool:
        state = before.values.get(STATE) if before else None
        return isinstance(state, int) and state in self._records.already.get(wanted, frozenset({wanted}))

    def _write_details(self, records: "Sequence[_Record]", sending: Sending) -> None:
        detail, writer = self._records.detail, self._detail_rows
        if detail is None or writer is None:
            return
        due = [(record, content) for record in records if (content := self._detail_content(record.write)) is not None]
        if not due:
            return
        existing = self._details_of([record.row_id for record, _ in due])
        planned = [(record, self._detail_row(record, content, existing)) for record, content in due]
        rows = [(record, row) for record, row in planned if row is not None]
        _take([record for record, _ in rows], writer.write([row for _, row in rows], sending))

    def _detail_content(self, write: Write) -> Values | None:
        """What to do with the detail; None if nothing."""
        detail = self._records.detail
        content = write.values.get(detail.field) if detail else None
        if detail is None or not isinstance(content, dict):
            return None
        removes = content[detail.amount] is None
        if removes:
            return None if write.create else content
        return None if detail.written_by_others else content

    def _details_of(self, row_ids: Sequence[str], known: Sequence[Row] | None = None) -> dict[str, list[Values]]:
        detail = self._records.detail
        assert detail is not None
        table = detail.table
        found: dict[str, list[Values]] = {id: [] for id in row_ids}
        if known is None:
            known = self._system.rows_with(table.entity_set, detail.parent, list(row_ids), detail.parameters)
        for row in known:
            found.setdefault(str(table.value(row, detail.parent)), []).append(row)
        return found

    def _detail_row(
        self, record: "_Record", content: Values, existing: Mapping[str, Sequence[Values]]
    ) -> RowWrite | None:
        detail = self._records.detail
        assert detail is not None
        table, alone = detail.table, record.write.alone
        same_place = [row for row in existing[record.row_id] if _agree(table, row, content, detail.place)]
        exact = [row for row in same_place if _agree(table, row, content, detail.also_set)]
        own = self._detail_id(record.row_id, content.__getitem__)
        mine = [row for row in same_place if _id_in(detail, row) == own]
        held = next(iter(exact or mine), None)
        if content[detail.amount] is None:
            return RowWrite(str(held[table.id_column]), {}, delete=True, alone=alone) if held else None
        changing: dict[str, Json] = {name: content[name] for name in (*detail.also_set, detail.amount)}
        if held is not None:
            return RowWrite(str(held[table.id_column]), changing, alone=alone)
        places = {name: content[name] for name in detail.place}
        parent = {detail.parent: record.row_id}
        return RowWrite(own, {**parent, **places, **changing, **detail.constants}, create=True, alone=alone)

    def _remove_former(self, records: "Sequence[_Record]", sending: Sending) -> None:
        """Remove details that we have written at places that should no longer have one. They are removed last: their
        replacement exists by then, and if Dataverse refuses the removal, nothing else is held up."""
        detail, writer = self._records.detail, self._detail_rows
        if detail is None or writer is None or not records:
            return
        existing = self._details_of([record.row_id for record in records])
        columns = (*detail.place, *detail.also_set)
        rows = [
            (record, RowWrite(_id_in(detail, row), {}, delete=True, alone=record.write.alone))
            for record in records
            for row in existing[record.row_id]
            if any(_agree(detail.table, row, place, columns) for place in record.write.former)
        ]
        results = writer.write([row for _, row in rows], sending)
        for (record, row), result in zip(rows, results, strict=True):
            # Somebody else has removed it meanwhile.
            if record.error is None and not isinstance(result, RecordMissing):
                record.take(_told_as_left(result, detail.table, row.id))


class _Record:
    """One write, part by part."""

    def __init__(self, write: Write, row_id: str) -> None:
        self.write = write
        self.row_id = row_id
        self.error: SyncError | None = None
        self._applied = False

    def take(self, result: Result) -> None:
        """Note the result of a part."""
        self.error = result
        self._applied = self._applied or result is None

    @property
    def result(self) -> Result:
        """The result of the record as a whole."""
        return PartlyApplied(self.error) if self.error is not None and self._applied else self.error


def _take(records: Sequence[_Record], results: Sequence[Result]) -> None:
    for record, result in zip(records, results, strict=True):
        record.take(result)


def _told_as_left(result: Result, table: WriteTable, id: str) -> Result:
    """A refusal to remove a row names the row and the remedy."""
    if not isinstance(result, RecordRejected):
        return result
    return RecordRejected(
        "dataverse.row_left",
        f"{table.entity_set}({id}) was written for this record before and cannot be removed: {result}",
        remedy=f"remove this row of {table.entity_set} in Sales: it can still be quoted; then retry",
        repeatable=result.repeatable,
    )


def _id_in(detail: Detail, row: Values) -> str:
    return str(row[detail.table.id_column]).lower()


def _agree(table: WriteTable, row: Values, content: Values, columns: Sequence[str]) -> bool:
    return all(table.value(row, name) == str(content[name]).lower() for name in columns)
