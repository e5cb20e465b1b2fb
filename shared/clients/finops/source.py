"""F&O as a source: a collection without versions, walked and read by key (protocol P3; finops-odata, sections 3 and
10)."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol

from shared import exact_json
from shared.clients import quoting
from shared.clients.finops.environment import FinopsSystem, Row
from shared.clients.finops.walk_keys import WalkKey
from shared.clients.quoting import EnumMember, Moment
from shared.clock import Clock
from shared.errors import OperatorNeeded, Transient
from shared.records import Json, SourceRow, WalkedRecord, WalkPage, fold

PAGE_ROWS = 10_000

_COMPANY = "dataAreaId"
_ACROSS = {"cross-company": "true"}
DIGEST_BYTES = 8


class ClosedRecords(Protocol):
    """Which records are closed: nothing is expected to change in them any more."""

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """The conditions of a filter that leaves closed records out."""

    def holds(self, row: Mapping[str, Json]) -> bool:
        """Whether a row is closed."""


@dataclass(frozen=True, slots=True)
class ClosedBy:
    """The members of an enumeration by which a record is closed: nothing is expected to change in it any more."""

    field: str
    members: tuple[EnumMember, ...]

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """The conditions of a filter that leaves closed records out."""
        return tuple(quoting.differs(self.field, member) for member in self.members)

    def holds(self, row: Mapping[str, Json]) -> bool:
        """Whether a row is closed."""
        return row.get(self.field) in {member.member for member in self.members}


@dataclass(frozen=True, slots=True)
class ClosedAfterDays:
    """Records are closed so many days after their date."""

    field: str
    days: int
    clock: Clock

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """The condition of a filter that leaves closed records out."""
        return (quoting.at_least(self.field, Moment(self._first_moment)),)

    def holds(self, row: Mapping[str, Json]) -> bool:
        """Whether a row is closed."""
        moment = row.get(self.field)
        return isinstance(moment, str) and moment < self._first_moment

    @property
    def _first_moment(self) -> str:
        first: datetime = self.clock.now().astimezone(UTC) - timedelta(days=self.days)
        return f"{first.date().isoformat()}T00:00:00Z"


class FinopsSource:
    """One collection in one company, whose key is the company and `key`; a name is a key of one field. A record's id
    is its key as F&O writes it: if only the case of a key has changed, the old record is gone and a new one exists.
    `closed` says which records a walk over the open ones leaves out; `select` holds its field."""

    def __init__(
        self,
        system: FinopsSystem,
        entity_set: str,
        key: str | WalkKey,
        company: str,
        select: Sequence[str],
        *,
        page_rows: int = PAGE_ROWS,
        closed: ClosedRecords | None = None,
    ) -> None:
        self.system = system
        self.key = key if isinstance(key, WalkKey) else WalkKey.of(key)
        self._channel = system.channel
        self._set = entity_set
        self._company = company
        self._key_select = quoting.columns([_COMPANY, *self.key.fields])
        self._fields = tuple(name for name in select if name not in (_COMPANY, *self.key.fields))
        self._select = quoting.columns([_COMPANY, *self.key.fields, *self._fields])
        self._page_rows = page_rows
        self._closed = closed

    def walk(self, after: str | None) -> WalkPage:
        """The records after a key, in F&O's own order, with a digest of the fields that the mapping reads.

        The ETag of a record is not part of the digest: it changes with fields that we do not read.
        """
        return self._walked(*self.page(after))

    def walk_open(self, after: str | None) -> WalkPage:
        """The same of the open records."""
        return self._walked(*self.page(after, open_only=True))

    def _walked(self, rows: Sequence[Row], last: str | None) -> WalkPage:
        records = (WalkedRecord(self.id_of(row), _digest(self.content_of(row)), self.is_closed(row)) for row in rows)
        return WalkPage(tuple(records), last)

    def page(self, after: str | None, *, open_only: bool = False) -> tuple[list[Row], str | None]:
        """The rows after a key, and the key to go on from: None at the end. Raises SystemTrouble."""
        conditions = list(self.conditions(self._closed if open_only else None))
        if after is not None:
            conditions.append(self.key.after(after))
        parameters = {
            "$filter": quoting.all_of(*conditions),
            "$orderby": quoting.columns(self.key.order),
            "$top": str(self._page_rows),
            **_ACROSS,
            "$select": self._select,
        }
        body = self._channel.read(self.system.url(self._set, parameters), subject=self._set)
        found = body.get("value")
        if not isinstance(found, list):
            raise Transient(self._channel.system, f"the answer of F&O for {self._set} is wrong: it has no list of rows")
        rows = [row for row in found if isinstance(row, dict)]
        more = len(rows) >= self._page_rows or body.get("@odata.nextLink") is not None
        # A key that cannot be part of an address cannot be continued from: the one before it can.
        known = (id for id in map(self.id_of, reversed(rows)) if quoting.can_be_quoted(id))
        last = next(known, after) if more else None
        if more and last == after:
            raise OperatorNeeded(
                self._channel.system,
                f"F&O answers a walk over {self._set} with the key that it should continue from; check its health",
            )
        return rows, last

    def conditions(self, closed: ClosedRecords | None) -> tuple[str, ...]:
        """The conditions of a walk: the company, and that a record is not closed."""
        return (quoting.equals(_COMPANY, self._company), *(closed.leaves_out if closed is not None else ()))

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The rows that exist now, by id, each with the digest that a walk would give it."""
        return {
            id: SourceRow(id, None, row, _digest(self.content_of(row)), self.is_closed(row))
            for id, row in self.rows(ids).items()
        }

    def rows(self, ids: Sequence[str]) -> dict[str, Row]:
        """The rows that exist now, by id. Raises SystemTrouble."""
        found = {self.id_of(row): row for row in self._rows(ids, self._select)}
        return {id: found[id] for id in ids if id in found}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that exist now."""
        found = {self.id_of(row) for row in self._rows(ids, self._key_select)}
        return frozenset(id for id in ids if id in found)

    def as_written(self, numbers: Sequence[str]) -> dict[str, list[str]]:
        """The ids of the records that have these numbers now, by the number as given."""
        written: dict[str, list[str]] = defaultdict(list)
        for row in self._with_numbers(self._set, numbers, self._key_select) if numbers else ():
            written[fold(str(row[self.key.number]))].append(self.id_of(row))
        return {number: written[fold(number)] for number in numbers if fold(number) in written}

    def of_keys(self, entity_set: str, ids: Sequence[str], select: str) -> list[Row]:
        """The rows of a collection that has our key fields, by these ids; more if a key has several parts. Raises
        SystemTrouble."""
        return self._with_numbers(entity_set, [self.key.number_of(id) for id in ids], select)

    def content_of(self, row: Mapping[str, Json]) -> bytes:
        """What the mapping reads of a row, as one text."""
        return content_of(row, self._fields)

    def is_closed(self, row: Mapping[str, Json]) -> bool:
        """Whether a walk over the open records leaves a row out."""
        return self._closed is not None and self._closed.holds(row)

    def id_of(self, row: Mapping[str, Json]) -> str:
        """The id of a row. Raises Transient if it has none."""
        id = self.key.id_of(row)
        if id is None:
            raise Transient(self._channel.system, f"a row of {self._set} has no {' or no '.join(self.key.fields)}")
        return id

    def _rows(self, ids: Sequence[str], select: str) -> list[Row]:
        return self.of_keys(self._set, ids, select)

    def _with_numbers(self, entity_set: str, numbers: Sequence[str], select: str) -> list[Row]:
        wanted = [number for number in dict.fromkeys(numbers) if quoting.can_be_quoted(number)]
        return self.system.rows_by_key(entity_set, wanted, partial(self._url, entity_set, select=select))

    def _url(self, entity_set: str, numbers: Sequence[str], select: str) -> str:
        wanted = quoting.all_of(quoting.equals(_COMPANY, self._company), quoting.any_key(self.key.number, numbers))
        return self.system.url(entity_set, {"$filter": wanted, **_ACROSS, "$select": select})


def content_of(row: Mapping[str, Json], fields: Sequence[str]) -> bytes:
    """Some fields of a row as one text."""
    return exact_json.dumps([row.get(name) for name in fields]).encode("utf-8", "surrogatepass")


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
