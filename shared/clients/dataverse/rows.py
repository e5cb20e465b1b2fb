"""Rows of one Dataverse table, written in as few requests as the table allows (dataverse-web-api, sections 6 and 7)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from uuid import uuid4

from shared.clients import quoting
from shared.clients.dataverse.bisect import Result, write_in_halves
from shared.clients.dataverse.environment import API, DataverseSystem
from shared.clients.dataverse.refusals import refusal_of
from shared.clients.http import multipart
from shared.clients.http.channel import encoded
from shared.clients.http.exchange import Answer
from shared.clients.http.multipart import BatchPart
from shared.clients.http.sending import Sending
from shared.errors import OutcomeUnknown, RecordRejected, SyncError
from shared.records import Json

BULK_ROWS = 100

_MUST_EXIST = {"If-Match": "*"}
# dataverse-web-api, section 1.
_ACTS_FOR = "CallerObjectId"


@dataclass(frozen=True, slots=True)
class WriteTable:
    """A table as it is written and read: `lookups` name the entity set of each lookup column that is set. A lookup to
    one of several tables is set under a name for each of them, such as `customerid_account`: `read_as` names its
    column. A lookup that is `keyed` is set and read by an alternate key of its row: the entity set and the column of
    that key, by navigation."""

    entity_set: str
    logical_name: str
    id_column: str
    lookups: Mapping[str, str] = field(default_factory=dict)
    read_as: Mapping[str, str] = field(default_factory=dict)
    keyed: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def body(self, values: Mapping[str, Json]) -> dict[str, Json]:
        """Columns in the form of a request body: a lookup is bound by the address of its row."""
        return dict(self._member(name, value) for name, value in values.items())

    def parameters(self, names: Iterable[str], *also: str) -> dict[str, str]:
        """How columns are read, with further ones of the table itself."""
        names = tuple(dict.fromkeys(names))
        plain = (self.column(name) for name in names if name not in self.keyed)
        behind = {name: [self.keyed[name][1]] for name in names if name in self.keyed}
        expand = {"$expand": quoting.expansions(behind)} if behind else {}
        return {"$select": quoting.columns([*also, *plain]), **expand}

    def column(self, name: str) -> str:
        """A column as $select and answers name it."""
        return f"_{self.read_as.get(name, name)}_value" if name in self.lookups else name

    def value(self, row: Mapping[str, Json], name: str) -> Json:
        """The value of a column of a row as it came; of a lookup the id in lower case."""
        if name in self.keyed:
            behind = row.get(name)
            return behind.get(self.keyed[name][1]) if isinstance(behind, Mapping) else None
        value = row.get(self.column(name))
        return value.lower() if name in self.lookups and isinstance(value, str) else value

    def _member(self, name: str, value: Json) -> tuple[str, Json]:
        if name in self.keyed:
            return f"{name}@odata.bind", None if value is None else _bound(*self.keyed[name], value)
        if name not in self.lookups:
            return name, value
        return f"{name}@odata.bind", None if value is None else f"/{self.lookups[name]}({value})"


def _bound(entity_set: str, key: str, value: Json) -> str:
    assert isinstance(value, str | int)
    return quoting.row_address(entity_set, key, value)


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One row to create (with an id of our own), to update (never created by it) or to delete. `alone` asks for a
    request of its own. Rows of the same `of` belong together and are written one request after the other, in their
    order: each of them changes the row that it names. If these are alone, they share requests with no other rows."""

    id: str
    values: Mapping[str, Json]
    create: bool = False
    delete: bool = False
    alone: bool = False
    of: str = ""

    @property
    def kind(self) -> str:
        """What is done, as far as rows of one request have it in common."""
        if self.alone and not self.of:
            return "alone"
        return "delete" if self.delete else "create" if self.create else "update"


class RowWriter:
    """Writes rows of one table: by bulk messages if the table supports them, otherwise by batches; never twice.
    `acts_for` is the Entra object id of the user in whose name they are written; empty: our own."""

    def __init__(
        self, system: DataverseSystem, table: WriteTable, bulk_rows: int = BULK_ROWS, *, acts_for: str = ""
    ) -> None:
        self._headers = {_ACTS_FOR: acts_for} if acts_for else {}
        self._system = system
        self._channel = system.channel
        self._table = table
        self._bulk_rows = bulk_rows

    def write(self, rows: Sequence[RowWrite], sending: Sending) -> list[Result]:
        """The result of every row, in order. Raises SystemTrouble if the table's abilities cannot be read: then nothing
        was sent."""
        if any(row.kind in ("create", "update") for row in rows):
            self._system.has_bulk_messages(self._table.logical_name)
        results: list[Result] = [None] * len(rows)
        for turn in _turns(rows, self._bulk_rows):
            tasks: list[tuple[list[int], Callable[[], list[Result]]]] = []
            for kind, places in turn.items():
                for chunk in _chunks(rows, places, 1 if kind == "alone" else self._bulk_rows):
                    tasks.append((chunk, partial(self._chunk, kind, [rows[place] for place in chunk], sending)))
            found = self._channel.gather_writes([task for _, task in tasks])
            for (places, _), answers in zip(tasks, found, strict=True):
                for place, answer in zip(places, answers, strict=True):
                    results[place] = answer
        return results

    def _chunk(self, kind: str, rows: Sequence[RowWrite], sending: Sending) -> list[Result]:
        if kind == "alone":
            return [self._noted(partial(self._single, rows[0], sending), sending)]
        each = partial(self._batch, sending=sending)
        if kind == "delete" or not self._system.has_bulk_messages(self._table.logical_name):
            return each(rows)
        action = {"create": "CreateMultiple", "update": "UpdateMultiple"}[kind]

        def send(part: Sequence[RowWrite]) -> Result:
            return self._noted(partial(self._bulk, action, part, sending), sending)

        return write_in_halves(rows, send, each)

    def _noted(self, request: Callable[[], Result], sending: Sending) -> Result:
        try:
            sending.require_turn()
            result = request()
        except SyncError as error:
            result = error
        sending.note(result)
        return result

    def _bulk(self, action: str, rows: Sequence[RowWrite], sending: Sending) -> Result:
        table = self._table
        type_name = f"Microsoft.Dynamics.CRM.{table.logical_name}"
        targets: list[Json] = [
            {"@odata.type": type_name, table.id_column: row.id, **table.body(row.values)} for row in rows
        ]
        url = self._url(f"{table.entity_set}/Microsoft.Dynamics.CRM.{action}")
        answer = self._channel.write(
            "POST",
            url,
            {"Targets": targets},
            subject=table.entity_set,
            turn=sending.turn,
            headers=self._headers,
        )
        return self._judged(answer, rows)

    def _single(self, row: RowWrite, sending: Sending) -> Result:
        part = self._part(row)
        headers = {**part.headers, **self._headers, "Content-Type": "application/json"}
        answer = self._channel.send(
            part.method,
            part.url,
            part.body or None,
            subject=self._table.entity_set,
            turn=sending.turn,
            headers=headers,
        )
        return self._judged(answer, [row])

    def _part(self, row: RowWrite) -> BatchPart:
        table = self._table
        if row.create:
            body = encoded({table.id_column: row.id, **table.body(row.values)})
            return BatchPart("POST", self._url(table.entity_set), body, self._headers)
        url = self._url(f"{table.entity_set}({row.id})")
        if row.delete:
            return BatchPart("DELETE", url, headers=self._headers)
        return BatchPart("PATCH", url, encoded(table.body(row.values)), {**_MUST_EXIST, **self._headers})

    def _batch(self, rows: Sequence[RowWrite], sending: Sending) -> list[Result]:
        """One request that answers for every row."""
        results: dict[int, Result] = {}
        parts: dict[int, BatchPart] = {}
        for place, row in enumerate(rows):
            try:
                parts[place] = self._part(row)
            except RecordRejected as refused:
                results[place] = refused
        if parts:
            results |= dict(zip(parts, self._sent(rows, parts, sending), strict=True))
        return [results[place] for place in range(len(rows))]

    def _sent(self, rows: Sequence[RowWrite], parts: Mapping[int, BatchPart], sending: Sending) -> list[Result]:
        boundary = f"batch_{uuid4()}"
        headers = {"Content-Type": multipart.content_type(boundary), "Prefer": "odata.continue-on-error"}
        body = multipart.compose(list(parts.values()), boundary)
        try:
            sending.require_turn()
            answer = self._channel.send(
                "POST", self._url("$batch"), body, subject=self._table.entity_set, turn=sending.turn, headers=headers
            )
        except SyncError as error:
            sending.note(error)
            return [error] * len(parts)
        system = self._channel.system
        if answer.status != 200:
            refused = refusal_of(answer, system, "$batch")
            sending.note(refused)
            return [refused] * len(parts)
        text = f"{system.label}: the answer of a batch of {self._table.entity_set} lacks a part"
        lost = OutcomeUnknown(system, text)
        found = multipart.read_answers(answer, len(parts))
        results = [self._part_result(part, rows[place], lost) for part, place in zip(found, parts, strict=True)]
        for result in {id(result): result for result in results}.values():
            sending.note(result)
        return results

    def _part_result(self, answer: Answer | None, row: RowWrite, lost: OutcomeUnknown) -> Result:
        if answer is None:
            return lost
        try:
            self._channel.check_written(answer, self._table.entity_set)
        except SyncError as error:
            return error
        return self._judged(answer, [row])

    def _judged(self, answer: Answer, rows: Iterable[RowWrite]) -> Result:
        if answer.status < 300:
            return None
        ids = frozenset(row.id for row in rows)
        return refusal_of(answer, self._channel.system, self._table.entity_set, ids=ids)

    def _url(self, path: str) -> str:
        return self._channel.origin.url(f"{API}/{path}")


def _turns(rows: Sequence[RowWrite], bulk_rows: int) -> list[dict[str, list[int]]]:
    """The places of the rows by what is done, turn after turn: a further write of a row waits for the next one, since
    a bulk message takes the first write of a row and drops the others silently (dataverse-web-api, section 7). So do
    rows that belong together and do not fit into one request."""
    turns: list[dict[str, list[int]]] = []
    last: dict[str, tuple[int, str, int]] = {}
    for place, row in enumerate(rows):
        turn, kind, count = last.get(row.of or row.id, (-1, "", 0))
        joins = bool(row.of) and kind == row.kind and count < bulk_rows
        turn, count = (turn, count + 1) if joins else (turn + 1, 1)
        last[row.of or row.id] = turn, row.kind, count
        if turn == len(turns):
            turns.append(defaultdict(list))
        turns[turn][row.kind].append(place)
    return turns


def _chunks(rows: Sequence[RowWrite], places: Sequence[int], size: int) -> Iterator[list[int]]:
    """The places of a turn in groups for one request each. Rows that belong together are not separated."""
    chunk: list[int] = []
    for _, together in groupby(places, lambda place: rows[place].of or place):
        added = list(together)
        apart = bool(chunk) and (_is_apart(rows[chunk[0]]) or _is_apart(rows[added[0]]))
        if chunk and (apart or len(chunk) + len(added) > size):
            yield chunk
            chunk = []
        chunk += added
    if chunk:
        yield chunk


def _is_apart(row: RowWrite) -> bool:
    return row.alone and bool(row.of)


def own_id(namespace: str, *names: str) -> str:
    """The id that we give a new row: always the same for the same flow, company and key (docs/decisions.md, Rows
    that the sync creates in Dataverse have derived ids)."""
    return quoting.name_based_id("|".join((namespace, *names)))
