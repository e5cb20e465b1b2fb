"""Dataverse as a source: tables with change tracking, read in bulk by id."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence

from shared.clients import quoting
from shared.clients.answers import ReadRefused
from shared.clients.channel import Channel, RequestCounts
from shared.errors import LinkRefused, OperatorNeeded, Transient
from shared.records import Change, ChangePage, Json, SourceRow

MAX_PAGE_SIZE = 5000
MAX_IDS = 100
MAX_URL_LENGTH = 8000

API = "/api/data/v9.2"
_VERSION = "versionnumber"
_MAX_PAGES = 200
_BULK_MESSAGES = ("CreateMultiple", "UpdateMultiple")
_ETAG = re.compile(r'W/"(\d+)"')
# Links and answers of a tracked walk; a plain one has neither of these.
_TRACKED = re.compile(r"\$deltatoken=|istracking(?:=|%3d)(?:%22|\")true", re.IGNORECASE)
_DELTA_CONTEXT = "/$delta"
_DELETED_CONTEXT = "/$deletedEntity"
_LINK_NOT_AT_FAULT = frozenset({401, 403, 408, 429})

Row = dict[str, Json]


class DataverseSystem:
    """One Dataverse environment."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._asking = threading.Lock()
        self._bulk: dict[str, bool] = {}

    @property
    def requests(self) -> RequestCounts:
        """What was sent to it so far."""
        return self.channel.requests

    def probe(self) -> None:
        """Ask who we are. Raises SystemTrouble when the environment does not answer as it should."""
        self._who_am_i()

    def identity(self) -> str:
        """The organization id: a copy of the environment has another one."""
        organization = self._who_am_i().get("OrganizationId")
        if not isinstance(organization, str) or not quoting.is_guid(organization):
            raise self.unreadable("WhoAmI", "it names no OrganizationId")
        return organization.lower()

    def url(self, entity_set: str, parameters: Mapping[str, str]) -> str:
        """The address of a collection."""
        return self.channel.origin.url(f"{API}/{entity_set}?{quoting.query(parameters)}")

    def has_bulk_messages(self, table: str) -> bool:
        """Whether a table has CreateMultiple and UpdateMultiple: asked once per process, since it differs between
        tables and environments (dataverse-web-api, section 7). Raises SystemTrouble."""
        with self._asking:
            if table not in self._bulk:
                self._bulk[table] = all(self._has_message(table, name) for name in _BULK_MESSAGES)
            return self._bulk[table]

    def _has_message(self, table: str, message: str) -> bool:
        parameters = {
            "$select": "sdkmessagefilterid",
            "$filter": quoting.all_of("sdkmessageid/name eq @m", "primaryobjecttypecode eq @t"),
            "@m": quoting.literal(message),
            "@t": quoting.literal(table),
        }
        url = self.url("sdkmessagefilters", parameters)
        return any(True for _ in self.rows("sdkmessagefilters", url))

    def rows(self, entity_set: str, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Row]:
        """Every row behind an address, page by page."""
        link: str | None = url
        for _ in range(_MAX_PAGES):
            if link is None:
                return
            body = self.page(entity_set, link, _paged(MAX_PAGE_SIZE), headers)
            yield from self.rows_in(entity_set, body)
            link = self.link(entity_set, body, "@odata.nextLink")
        raise OperatorNeeded(
            self.channel.system,
            f"{self.channel.system} answers a bulk read of {entity_set} with more than {_MAX_PAGES} pages; "
            "look at the environment's health",
        )

    def rows_with(
        self, entity_set: str, column: str, values: Sequence[str], parameters: Mapping[str, str]
    ) -> Iterator[Row]:
        """The rows whose column has one of the values, asked for in groups that fit into an address."""
        # Answers to requests with $expand may come out of a cache without this.
        fresh = {"If-None-Match": "null"} if parameters.get("$expand") else {}
        pending = [values[at : at + MAX_IDS] for at in range(0, len(values), MAX_IDS)][::-1]
        while pending:
            chunk = pending.pop()
            url = self.url(entity_set, {**parameters, "$filter": quoting.one_of(column, chunk)})
            if len(url) < MAX_URL_LENGTH or len(chunk) == 1:
                yield from self.rows(entity_set, url, fresh)
            else:
                middle = len(chunk) // 2
                pending += [chunk[middle:], chunk[:middle]]

    def page(self, entity_set: str, url: str, prefer: str, headers: Mapping[str, str] | None = None) -> Row:
        """One page."""
        return self.channel.read(url, subject=entity_set, headers={"Prefer": prefer, **(headers or {})})

    def link(self, entity_set: str, body: Row, name: str) -> str | None:
        """A link of a page."""
        link = body.get(name)
        if link is not None and not isinstance(link, str):
            raise self.unreadable(entity_set, f"{name} is not a text")
        return link or None

    def rows_in(self, entity_set: str, body: Row) -> Iterator[Row]:
        """The rows of a page."""
        rows = body.get("value")
        if not isinstance(rows, list):
            raise self.unreadable(entity_set, "it has no list of rows")
        for row in rows:
            if not isinstance(row, dict):
                raise self.unreadable(entity_set, "a row is not an object")
            yield row

    def unreadable(self, subject: str, problem: str) -> Transient:
        """What to raise for an answer that is JSON but not what the service promises."""
        return Transient(self.channel.system, f"the answer of {self.channel.system} for {subject} is wrong: {problem}")

    def _who_am_i(self) -> Row:
        return self.channel.read(self.channel.origin.url(f"{API}/WhoAmI"), subject="WhoAmI")


class DataverseTable:
    """One table. `select` are the columns to read, `expand` the single-valued lookups with theirs."""

    def __init__(
        self,
        system: DataverseSystem,
        entity_set: str,
        id_column: str,
        select: Sequence[str],
        expand: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._system = system
        self._channel = system.channel
        self._set = entity_set
        self._id = id_column
        self._select = quoting.columns([id_column, _VERSION, *select])
        self._expand = quoting.expansions(expand or {})

    def track_changes(self) -> ChangePage:
        """The first page of a tracked walk over everything; its last page carries the delta link."""
        body = self._system.page(self._set, self._walk_url(), f"odata.track-changes,odata.maxpagesize={MAX_PAGE_SIZE}")
        return self._change_page(body, tracked=True)

    def list_rows(self) -> ChangePage:
        """The first page of a plain walk over every row that exists."""
        return self._change_page(self._system.page(self._set, self._walk_url(), _paged(MAX_PAGE_SIZE)), tracked=False)

    def follow(self, link: str) -> ChangePage:
        """The page behind a next link or a delta link, sent as it was given.

        Raises LinkRefused when the environment refuses it, OperatorNeeded when it leads to another origin.
        """
        try:
            body = self._system.page(self._set, link, _paged(MAX_PAGE_SIZE))
        except ReadRefused as refused:
            if refused.status in _LINK_NOT_AT_FAULT:
                raise
            raise LinkRefused(f"{self._set}: {refused}") from refused
        tracked = _TRACKED.search(link) is not None or str(body.get("@odata.context")).endswith(_DELTA_CONTEXT)
        return self._change_page(body, tracked=tracked)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The rows that exist now, by id in lower case."""
        rows = self._by_ids(ids, {"$select": self._select, "$expand": self._expand})
        read = (self._source_row(row) for row in rows)
        return {row.id: row for row in read}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that exist now, in lower case."""
        return frozenset(self._row_id(row) for row in self._by_ids(ids, {"$select": self._id}))

    def _walk_url(self) -> str:
        return self._system.url(self._set, {"$select": quoting.columns([self._id, _VERSION])})

    def _change_page(self, body: Row, *, tracked: bool) -> ChangePage:
        next_link, delta_link = self._link(body, "next"), self._link(body, "delta")
        if tracked and next_link is None and delta_link is None:
            raise self._system.unreadable(self._set, "a page of a tracked walk has neither next link nor delta link")
        return ChangePage(
            tuple(self._change(row) for row in self._system.rows_in(self._set, body)), next_link, delta_link
        )

    def _link(self, body: Row, kind: str) -> str | None:
        return self._system.link(self._set, body, f"@odata.{kind}Link")

    def _change(self, row: Row) -> Change:
        if str(row.get("@odata.context")).endswith(_DELETED_CONTEXT):
            return Change(self._checked_id(row.get("id")), None, gone=True)
        return Change(self._row_id(row), self._version(row))

    def _source_row(self, row: Row) -> SourceRow:
        values = {name: value for name, value in row.items() if "@" not in name}
        return SourceRow(self._row_id(row), self._version(row), values)

    def _row_id(self, row: Row) -> str:
        return self._checked_id(row.get(self._id))

    def _checked_id(self, id: Json) -> str:
        if not isinstance(id, str) or not quoting.is_guid(id):
            raise self._system.unreadable(self._set, f"a row has no valid {self._id}")
        return id.lower()

    def _version(self, row: Row) -> int:
        version = row.get(_VERSION)
        if isinstance(version, int) and not isinstance(version, bool):
            return version
        if isinstance(version, str) and version.isascii() and version.isdigit():
            return int(version)
        etag = _ETAG.fullmatch(str(row.get("@odata.etag")))
        if etag is None:
            raise self._system.unreadable(self._set, f"a row has no {_VERSION}")
        return int(etag.group(1))

    def _by_ids(self, ids: Sequence[str], parameters: Mapping[str, str]) -> Iterator[Row]:
        # What is not an id names no row, and must not reach a filter.
        wanted = dict.fromkeys(id.lower() for id in ids if quoting.is_guid(id))
        return self._system.rows_with(self._set, self._id, tuple(wanted), parameters)


def _paged(size: int) -> str:
    return f"odata.maxpagesize={size}"
