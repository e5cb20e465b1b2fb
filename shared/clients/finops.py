"""F&O as a target: collections addressed by our key, written by parallel single requests."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from shared.clients import quoting
from shared.clients.channel import Channel, RequestCounts, Turn
from shared.clients.finops_refusals import Refusal, read_refusal
from shared.clients.sending import Sending
from shared.errors import (
    OperatorNeeded,
    RecordMissing,
    RecordRejected,
    SyncError,
    Transient,
)
from shared.records import Json, TargetRow, Write, fold

ACCEPT = "application/json;odata.metadata=minimal"
MAX_URL_LENGTH = 2000

_COMPANY = "dataAreaId"
_ACROSS = {"cross-company": "true"}
_MAX_PAGES = 20

Row = dict[str, Json]


class FinopsSystem:
    """One F&O environment, seen through one company."""

    def __init__(self, channel: Channel, company: str) -> None:
        self.channel = channel
        self._company = company

    @property
    def requests(self) -> RequestCounts:
        """What was sent to it so far."""
        return self.channel.requests

    def probe(self) -> None:
        """Read the company. Raises SystemTrouble when the environment does not answer as it should."""
        self.identity()

    def identity(self) -> str:
        """The company's id as F&O writes it. Raises OperatorNeeded when there is no such company for us."""
        parameters = {
            "$filter": quoting.equals("LegalEntityId", self._company),
            "$select": "LegalEntityId",
            "$top": "1",
            **_ACROSS,
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

    def url(self, path: str, parameters: Mapping[str, str]) -> str:
        """The address of a collection or record."""
        return self.channel.origin.url(f"/data/{path}?{quoting.query(parameters)}")


class FinopsCollection:
    """One collection in one company, whose key is the company and `key_field`.

    `select` are the fields that the mapping writes.
    """

    def __init__(
        self,
        system: FinopsSystem,
        entity_set: str,
        key_field: str,
        company: str,
        select: Sequence[str],
    ) -> None:
        self._system = system
        self._channel = system.channel
        self._set = entity_set
        self._key = key_field
        self._company = company
        self._select = quoting.columns([_COMPANY, key_field, *select])

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        """The rows that exist, by the key as given.

        A key that cannot be compared exactly is left out: write() refuses it before anything is sent.
        """
        wanted = [key for key in dict.fromkeys(keys) if key.strip(" ") and quoting.can_be_compared(key)]
        urls = list(urls_for(wanted, self._keys_url))
        pages = self._channel.gather([partial(self._read_all, url) for url in urls]) if urls else []
        by_key = {self._row_key(row): row for rows in pages for row in rows}
        return {key: TargetRow(by_key[fold(key)]) for key in wanted if fold(key) in by_key}

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        """Send every write, in parallel; the result per id is None (applied) or the error that says what to do.

        Once the system is in trouble, what was not sent yet stays unsent (NotSent).
        """
        if not writes:
            return {}
        batch = Sending(self._channel.clock, not_after)
        results = self._channel.gather([partial(self._result, write, batch) for write in writes])
        return {write.id: result for write, result in zip(writes, results, strict=True)}

    def _result(self, write: Write, batch: Sending) -> SyncError | None:
        try:
            batch.require_turn()
            (self._create if write.create else self._update)(write, batch.turn)
        except SyncError as error:
            batch.note(error)
            return error
        batch.note(None)
        return None

    def _create(self, write: Write, turn: Turn) -> None:
        quoting.require_addressable(write.key)
        url = self._system.url(self._set, _ACROSS)
        values = {_COMPANY: self._company, **write.values, self._key: write.key}
        answer = self._channel.write("POST", url, values, subject=self._set, turn=turn)
        if answer.status < 300:
            return
        refusal = self._checked(read_refusal(answer))
        # The text of a duplicate comes in the user's language, and an update of ours may have been first: look.
        if self.find([write.key]):
            raise RecordRejected(
                "target_exists",
                f"{write.key} exists in {self._set} already: {refusal.text}",
                remedy="if it is the same record, allow adoption for this flow and retry; otherwise change the number",
            )
        raise refusal.error()

    def _update(self, write: Write, turn: Turn) -> None:
        key = quoting.key_segment({_COMPANY: self._company, self._key: write.key})
        values = {name: value for name, value in write.values.items() if name not in (_COMPANY, self._key)}
        if not values:
            return
        url = self._system.url(self._set + key, _ACROSS)
        answer = self._channel.write("PATCH", url, values, subject=self._set, turn=turn)
        if answer.status < 300:
            return
        refusal = self._checked(read_refusal(answer))
        # "No such row" is an ordinary 400 whose text depends on the language.
        if not self.find([write.key]):
            raise RecordMissing(f"{write.key} does not exist in {self._set}")
        raise refusal.error()

    def _checked(self, refusal: Refusal) -> Refusal:
        if refusal.schema_drift:
            raise OperatorNeeded(
                self._channel.system,
                f"F&O does not know a field that the mapping of {self._set} sends: {refusal.text}; "
                "compare the mapping with the environment's version",
            )
        return refusal

    def _keys_url(self, keys: Sequence[str]) -> str:
        wanted = quoting.all_of(quoting.equals(_COMPANY, self._company), quoting.any_of(self._key, keys))
        return self._system.url(self._set, {"$filter": wanted, **_ACROSS, "$select": self._select})

    def _read_all(self, url: str) -> list[Row]:
        return list(rows_of(self._channel, url, self._set))

    def _row_key(self, row: Row) -> str:
        return fold(str(row.get(self._key)))


def urls_for(keys: Iterable[str], url_of: Callable[[Sequence[str]], str]) -> Iterator[str]:
    """Addresses that name every key, as many in each as its length allows (finops-odata, query options)."""
    chunk: list[str] = []
    for key in keys:
        if chunk and len(url_of([*chunk, key])) >= MAX_URL_LENGTH:
            yield url_of(chunk)
            chunk = []
        chunk.append(key)
    if chunk:
        yield url_of(chunk)


def rows_of(channel: Channel, url: str, subject: str) -> Iterator[Row]:
    """The rows of a collection, page by page, without annotations."""
    link: str | None = url
    for _ in range(_MAX_PAGES):
        if link is None:
            return
        body = channel.read(link, subject=subject)
        rows, following = body.get("value"), body.get("@odata.nextLink")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Transient(channel.system, f"the answer of F&O for {subject} is wrong: it has no list of rows")
        yield from ({name: row[name] for name in row if "@" not in name} for row in rows if isinstance(row, dict))
        link = following if isinstance(following, str) else None
    raise OperatorNeeded(
        channel.system,
        f"F&O answers a bulk read of {subject} with more than {_MAX_PAGES} pages; look at the environment's health",
    )
