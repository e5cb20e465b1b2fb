"""F&O as a source: a collection without versions, walked and read by key (protocol P3; finops-odata, sections 3 and
10)."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial

from shared import exact_json
from shared.clients import quoting
from shared.clients.finops.environment import FinopsSystem, Row
from shared.errors import OperatorNeeded, Transient
from shared.records import Json, SourceRow, WalkedRecord, WalkPage, fold

PAGE_ROWS = 10_000

_COMPANY = "dataAreaId"
_ACROSS = {"cross-company": "true"}
_DIGEST_BYTES = 8


class FinopsSource:
    """One collection in one company, whose key is the company and `key_field`. A record's id is its key as F&O writes
    it: if only the case of a key has changed, the old record is gone and a new one exists."""

    def __init__(
        self,
        system: FinopsSystem,
        entity_set: str,
        key_field: str,
        company: str,
        select: Sequence[str],
        *,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        self._system = system
        self._channel = system.channel
        self._set = entity_set
        self._key = key_field
        self._company = company
        self._fields = tuple(name for name in select if name not in (_COMPANY, key_field))
        self._select = quoting.columns([_COMPANY, key_field, *self._fields])
        self._page_rows = page_rows

    def walk(self, after: str | None) -> WalkPage:
        """The records after a key, in F&O's own order, with a digest of the fields that the mapping reads.

        The ETag of a record is not part of the digest: it changes with fields that we do not read.
        """
        conditions = [quoting.equals(_COMPANY, self._company)]
        if after is not None:
            conditions.append(quoting.greater(self._key, after))
        parameters = {
            "$filter": quoting.all_of(*conditions),
            "$orderby": self._key,
            "$top": str(self._page_rows),
            **_ACROSS,
            "$select": self._select,
        }
        body = self._channel.read(self._system.url(self._set, parameters), subject=self._set)
        rows = body.get("value")
        if not isinstance(rows, list):
            raise Transient(self._channel.system, f"the answer of F&O for {self._set} is wrong: it has no list of rows")
        records = tuple(WalkedRecord(self._id(row), self._digest(row)) for row in rows if isinstance(row, dict))
        more = len(records) >= self._page_rows or body.get("@odata.nextLink") is not None
        # A key that cannot be part of an address cannot be continued from: the one before it can.
        known = (record.id for record in reversed(records) if quoting.can_be_quoted(record.id))
        last = next(known, after) if more else None
        if more and last == after:
            raise OperatorNeeded(
                self._channel.system,
                f"F&O answers a walk over {self._set} with the key that it should continue from; check its health",
            )
        return WalkPage(records, last)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The rows that exist now, by id, each with the digest that a walk would give it."""
        found = {self._id(row): row for row in self._rows(ids, self._select)}
        return {id: SourceRow(id, None, found[id], self._digest(found[id])) for id in ids if id in found}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that exist now."""
        found = {self._id(row) for row in self._rows(ids, quoting.columns([_COMPANY, self._key]))}
        return frozenset(id for id in ids if id in found)

    def as_written(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """Those of the ids that exist now, each as F&O writes it, by the id as given."""
        rows = self._rows(ids, quoting.columns([_COMPANY, self._key])) if ids else ()
        written = {fold(self._id(row)): self._id(row) for row in rows}
        return {id: [written[fold(id)]] for id in ids if fold(id) in written}

    def _rows(self, ids: Sequence[str], select: str) -> list[Row]:
        wanted = [id for id in dict.fromkeys(ids) if quoting.can_be_quoted(id)]
        return self._system.rows_by_key(self._set, wanted, partial(self._url, select=select))

    def _url(self, ids: Sequence[str], select: str) -> str:
        wanted = quoting.all_of(quoting.equals(_COMPANY, self._company), quoting.any_key(self._key, ids))
        return self._system.url(self._set, {"$filter": wanted, **_ACROSS, "$select": select})

    def _digest(self, row: Mapping[str, Json]) -> bytes:
        content = exact_json.dumps([row.get(name) for name in self._fields])
        return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()

    def _id(self, row: Mapping[str, Json]) -> str:
        key = row.get(self._key)
        if not isinstance(key, str) or not key:
            raise Transient(self._channel.system, f"a row of {self._set} has no {self._key}")
        return key
