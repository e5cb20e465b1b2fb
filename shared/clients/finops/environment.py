"""F&O as a target: collections addressed by our key, written by parallel single requests."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from shared.clients import quoting
from shared.clients.finops.keys import FinopsKey
from shared.clients.finops.refusals import Refusal, read_refusal
from shared.clients.http.channel import Channel, RequestCounts, StartLimit
from shared.clients.http.exchange import Answer
from shared.clients.http.filter_size import FilterSize, NoMemory, SizeMemory
from shared.clients.http.responses import schema_name
from shared.clients.http.sending import send_each
from shared.errors import (
    OperatorNeeded,
    RecordMissing,
    RecordRejected,
    SchemaDrift,
    SyncError,
    Transient,
)
from shared.records import Json, MarkedRow, TargetRow, Write, fold

ACCEPT = "application/json;odata.metadata=minimal"
MAX_URL_LENGTH = 2000
MAX_KEYS = 50

ACROSS = {"cross-company": "true"}
_ETAG = "@odata.etag"
_MAX_PAGES = 20
# For a walk over a whole collection: ten million rows.
_MAX_PAGES_OF_ALL = 1000

Row = dict[str, Json]


class FinopsSystem:
    """One F&O environment, seen through one company."""

    def __init__(self, channel: Channel, company: str, sizes: SizeMemory | None = None) -> None:
        self.channel = channel
        self.filters = FilterSize(MAX_KEYS, sizes or NoMemory(), channel.clock)
        self._company = company

    @property
    def requests(self) -> RequestCounts:
        """What was sent to it so far."""
        return self.channel.requests

    def probe(self) -> None:
        """Read the company. Raises SystemTrouble if the environment does not answer as it should."""
        self.identity()

    def identity(self) -> str:
        """The company's id as F&O writes it. Raises OperatorNeeded if we cannot see such a company."""
        parameters = {
            "$filter": quoting.equals("LegalEntityId", self._company),
            "$select": "LegalEntityId",
            "$top": "1",
            **ACROSS,
        }
        for row in rows_of(self.channel, self.url("LegalEntities", parameters), "LegalEntities"):
            found = row.get("LegalEntityId")
            if isinstance(found, str) and fold(found) == fold(self._company):
                return found
        raise OperatorNeeded(
            self.channel.system,
            f"F&O has no company {self._company!r} that the application's user may see; "
            "correct the company in the settings, or give the user access to it",
        )

    def companies(self) -> Iterator[tuple[str, str]]:
        """The code and the name of each company that the application's user may see. Raises SystemTrouble."""
        url = self.url("LegalEntities", {"$select": "LegalEntityId,Name", **ACROSS})
        for row in rows_of(self.channel, url, "LegalEntities"):
            yield str(row.get("LegalEntityId") or ""), str(row.get("Name") or "")

    def url(self, path: str, parameters: Mapping[str, str] | None = None) -> str:
        """The address of a collection or record, or of the service's own ones such as $batch."""
        options = f"?{quoting.query(parameters)}" if parameters else ""
        return self.channel.origin.url(f"/data/{path}{options}")

    def rows_by_key(
        self, entity_set: str, keys: Sequence[str], url_of: Callable[[Sequence[str]], str], *, etags: bool = False
    ) -> list[Row]:
        """The rows behind the addresses that name these keys, in as few requests as addresses and filters allow."""

        def read(part: Sequence[str]) -> list[Row]:
            return list(rows_of(self.channel, url_of(part), entity_set, etags=etags))

        chunks = list(chunks_of(keys, url_of, self.filters.at_once())) if keys else []
        parts = self.channel.gather_reads([partial(self.filters.read, chunk, read) for chunk in chunks])
        return [row for part in parts for rows in part for row in rows]


class FinopsTable:
    """One collection in one company as it is read. `select` are the fields that the mapping writes; `mark` are the
    values that mark a row as coming from our source, empty if no field can do that."""

    def __init__(
        self,
        system: FinopsSystem,
        entity_set: str,
        key: FinopsKey,
        select: Sequence[str],
        mark: Mapping[str, str] | None = None,
    ) -> None:
        self.system = system
        self.entity_set = entity_set
        self.key = key
        self._channel = system.channel
        self._select = quoting.columns([*key.names, *select])
        self._mark = mark or {}

    def rows(self, keys: Sequence[str], *, etags: bool = False) -> list[Row]:
        """The rows of these keys; more if a key has several parts."""
        return self.system.rows_by_key(self.entity_set, keys, self._keys_url, etags=etags)

    def find(self, keys: Sequence[str]) -> dict[str, TargetRow]:
        """The rows that exist, by the key as given, with their ETags.

        A key that cannot be compared exactly is left out: a write of it is refused before anything is sent.
        """
        wanted = [key for key in dict.fromkeys(keys) if self.key.can_be_found(key)]
        by_key = {self.key.of(row): _with_etag(row) for row in self.rows(wanted, etags=True)}
        return {key: by_key[folded] for key in wanted if (folded := self.key.folded(key)) in by_key}

    def marked(self) -> Iterator[MarkedRow]:
        """Every row with our mark. It is compared here: F&O cannot filter by every field that it shows."""
        if not self._mark:
            return
        parameters = {
            "$filter": self.key.everything(),
            "$orderby": quoting.columns(self.key.fields),
            **ACROSS,
            "$select": quoting.columns([*self.key.names, *self._mark]),
        }
        url = self.system.url(self.entity_set, parameters)
        for row in rows_of(self._channel, url, self.entity_set, max_pages=_MAX_PAGES_OF_ALL):
            if all(row.get(name) == value for name, value in self._mark.items()):
                yield MarkedRow(self.key.text(row), str(row.get(self.key.fields[0])))

    def url(self, segment: str = "") -> str:
        """The address of the collection, or of a record by its key."""
        return self.system.url(self.entity_set + segment, ACROSS)

    def checked(self, answer: Answer) -> Refusal:
        """What an answer that refuses a record says. Raises SchemaDrift if the mapping does not fit the schema."""
        refusal = read_refusal(answer)
        if refusal.schema_drift:
            raise SchemaDrift(
                self._channel.system,
                f"F&O does not know a field that the mapping of {self.entity_set} sends{schema_name(refusal.text)}; "
                "compare the mapping with the environment's version",
                said=refusal.text,
            )
        return refusal

    def exists_already(self, key: str, refusal: Refusal) -> RecordRejected:
        """The refusal of a create with a key that a record has already."""
        return RecordRejected(
            "target_exists",
            f"{key} exists in {self.entity_set} already: {refusal.text}",
            remedy="look at the record that has the key",
        )

    def _keys_url(self, keys: Sequence[str]) -> str:
        return self.system.url(self.entity_set, {"$filter": self.key.filter(keys), **ACROSS, "$select": self._select})


class FinopsCollection:
    """Records of one collection, each written by a request of its own; satisfies the engine's Target."""

    def __init__(self, table: FinopsTable) -> None:
        self._table = table
        self._channel = table.system.channel

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        """The rows that exist, by the key as given; see FinopsTable."""
        return self._table.find(keys)

    def check_key(self, key: str) -> None:
        """Raises RecordRejected for a key that no row of the target can have."""
        self._table.key.values(key)

    def marked(self) -> Iterator[MarkedRow]:
        """Every row that is marked as coming from our source, page by page. Raises SystemTrouble."""
        return self._table.marked()

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        """Send every write, in parallel; the result per id is None (applied) or the error that says what to do.

        Once the system is in trouble, the remaining writes are not sent (NotSent).
        """
        return send_each(self._channel, writes, self._send, not_after=not_after)

    def _send(self, write: Write, turn: StartLimit) -> None:
        (self._create if write.create else self._update)(write, turn)

    def _create(self, write: Write, turn: StartLimit) -> None:
        table = self._table
        values = {**write.values, **table.key.values(write.key)}
        answer = self._channel.write("POST", table.url(), values, subject=table.entity_set, turn=turn)
        if answer.status < 300:
            return
        refusal = table.checked(answer)
        # The text of a duplicate comes in the user's language, and one of our updates may have been first: read the
        # row.
        if table.find([write.key]):
            raise table.exists_already(write.key, refusal)
        raise refusal.error()

    def _update(self, write: Write, turn: StartLimit) -> None:
        table = self._table
        url = table.url(table.key.segment(write.key))
        values = table.key.changes(write.values)
        if not values:
            return
        headers = only_if_unchanged(write)
        answer = self._channel.write("PATCH", url, values, subject=table.entity_set, turn=turn, headers=headers)
        if answer.status < 300:
            return
        refusal = table.checked(answer)
        # "No such row" is an ordinary 400 whose text depends on the language.
        if not table.find([write.key]):
            raise RecordMissing(f"{write.key} does not exist in {table.entity_set}")
        raise refusal.error()


def chunks_of(keys: Iterable[str], url_of: Callable[[Sequence[str]], str], at_most: int) -> Iterator[list[str]]:
    """Every key, in groups whose addresses are not too long (finops-odata, section 3)."""
    rest = list(keys)
    while rest:
        size = _fitting(rest[:at_most], url_of)
        yield rest[:size]
        rest = rest[size:]


def _fitting(keys: Sequence[str], url_of: Callable[[Sequence[str]], str]) -> int:
    """How many of the keys, from the first one on, fit into one address; at least one."""
    if len(url_of(keys)) < MAX_URL_LENGTH:
        return len(keys)
    too_many = bisect_left(range(len(keys)), True, key=lambda more: len(url_of(keys[: more + 1])) >= MAX_URL_LENGTH)
    return max(too_many, 1)


def only_if_unchanged(write: Write) -> dict[str, str]:
    """The header by which F&O should refuse a change of a row that is another one by now; no recording shows it
    (finops-odata, section 5)."""
    return {} if write.if_match is None else {"If-Match": write.if_match}


def _with_etag(row: Row) -> TargetRow:
    etag = row.pop(_ETAG, None)
    return TargetRow(row, etag=etag if isinstance(etag, str) else None)


def rows_of(
    channel: Channel, url: str, subject: str, *, max_pages: int = _MAX_PAGES, etags: bool = False
) -> Iterator[Row]:
    """The rows of a collection, page by page, without annotations but for their ETags, if those are wanted."""
    kept = (_ETAG,) if etags else ()
    link = url
    for _ in range(max_pages):
        body = channel.read(link, subject=subject)
        rows, following = body.get("value"), body.get("@odata.nextLink")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Transient(channel.system, f"the answer of F&O for {subject} is wrong: it has no list of rows")
        yield from (
            {name: row[name] for name in row if "@" not in name or name in kept}
            for row in rows
            if isinstance(row, dict)
        )
        if not isinstance(following, str):
            return
        link = following
    raise OperatorNeeded(
        channel.system,
        f"F&O answers a bulk read of {subject} with more than {max_pages} pages; check the environment's health",
    )
