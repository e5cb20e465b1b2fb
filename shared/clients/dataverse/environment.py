"""One environment of Dataverse: its rows, read in bulk by id, and the pages of its change tracking."""

import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shared.clients import quoting
from shared.clients.http.channel import Channel, RequestCounts
from shared.clients.http.filter_size import FilterSize, NoMemory, SizeMemory
from shared.clients.http.multipart import MAX_PARTS, BatchPart
from shared.clients.http.origin import is_at, start_of
from shared.clients.http.responses import ReadRefused
from shared.errors import LinkElsewhere, LinkRefused, OperatorNeeded, Transient
from shared.records import Change, ChangePage, Json

MAX_PAGE_SIZE = 5000
MAX_IDS = 100
MAX_URL_LENGTH = 8000
# Of an address in a batch; Dataverse takes twice as much there (dataverse-web-api, section 6).
MAX_URL_LENGTH_IN_BATCH = 32_000

API = "/api/data/v9.2"
_VERSION = "versionnumber"
_MAX_PAGES = 200
_BULK_MESSAGES = ("CreateMultiple", "UpdateMultiple")
_ETAG = re.compile(r'W/"([0-9]{1,20})"')
_DIGITS = re.compile(r"[0-9]{1,20}")
# Links and answers of a tracked walk; a plain one has neither of these.
_TRACKED = re.compile(r"\$deltatoken=|istracking(?:=|%3d)(?:%22|\")true", re.IGNORECASE)
_DELTA_CONTEXT = "/$delta"
_DELETED_CONTEXT = "/$deletedEntity"

Row = dict[str, Json]


@dataclass(frozen=True, slots=True)
class KeyedRead:
    """A bulk read of one table: `condition` is the filter for some keys."""

    entity_set: str
    condition: Callable[[Sequence[str]], str]
    parameters: Mapping[str, str]


class DataverseSystem:
    """One Dataverse environment. `sizes` know the limit of its filters, `sizes_together` that of reads that are one
    batch: these compare keys one by one, and so reach it sooner."""

    def __init__(
        self, channel: Channel, sizes: SizeMemory | None = None, sizes_together: SizeMemory | None = None
    ) -> None:
        self.channel = channel
        self.filters = FilterSize(MAX_IDS, sizes or NoMemory(), channel.clock)
        self.filters_together = FilterSize(MAX_IDS, sizes_together or NoMemory(), channel.clock)
        self._asking = threading.Lock()
        self._bulk: dict[str, bool] = {}
        self._user: str | None = None

    @property
    def requests(self) -> RequestCounts:
        """What was sent to it so far."""
        return self.channel.requests

    def probe(self) -> None:
        """Ask who we are. Raises SystemTrouble if the environment does not answer as it should."""
        self._who_am_i()

    def identity(self) -> str:
        """The organization id: a copy of the environment has another one."""
        organization = self._who_am_i().get("OrganizationId")
        if not isinstance(organization, str) or not quoting.is_guid(organization):
            raise self.unreadable("WhoAmI", "it names no OrganizationId")
        return organization.lower()

    def user(self) -> str:
        """The id of the user that the app is in this environment; asked once per process. Raises SystemTrouble."""
        with self._asking:
            if self._user is None:
                user = self._who_am_i().get("UserId")
                if not isinstance(user, str) or not quoting.is_guid(user):
                    raise self.unreadable("WhoAmI", "it names no UserId")
                self._user = user.lower()
            return self._user

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

    def rows(
        self, entity_set: str, url: str, headers: Mapping[str, str] | None = None, *, max_pages: int = _MAX_PAGES
    ) -> Iterator[Row]:
        """Every row behind an address, page by page."""
        link = url
        for _ in range(max_pages):
            body = self.page(entity_set, link, _paged(MAX_PAGE_SIZE), headers)
            yield from self.rows_in(entity_set, body)
            following = self.link(entity_set, body, "@odata.nextLink")
            if following is None:
                return
            link = following
        raise OperatorNeeded(
            self.channel.system,
            f"{self.channel.system.label} answers a bulk read of {entity_set} with more than {max_pages} "
            "pages; check the environment's health",
        )

    def rows_with(
        self, entity_set: str, column: str, values: Sequence[str], parameters: Mapping[str, str]
    ) -> list[Row]:
        """The rows whose column has one of the values, asked for in groups that fit into an address and a filter, in
        parallel."""
        fresh = _fresh(parameters)

        def url_of(part: Sequence[str]) -> str:
            return self.url(entity_set, {**parameters, "$filter": quoting.one_of(column, part)})

        def read(part: Sequence[str]) -> list[Row]:
            return list(self.rows(entity_set, url_of(part), fresh))

        size = self.filters.at_once() if values else 1
        groups = _groups(values, size, lambda part: len(url_of(part)) < MAX_URL_LENGTH)
        parts = self.channel.gather_reads([partial(self.filters.read, group, read) for group in groups])
        return [row for part in parts for rows in part for row in rows]

    def rows_together(self, reads: Sequence[KeyedRead], values: Sequence[str]) -> list[list[Row]]:
        """What each of several bulk reads finds for the same keys: all of them are one batch, and so one request.
        Raises SystemTrouble."""

        def url_of(read: KeyedRead, part: Sequence[str]) -> str:
            return self.url(read.entity_set, {**read.parameters, "$filter": read.condition(part)})

        def fits(part: Sequence[str]) -> bool:
            return all(len(url_of(read, part)) < MAX_URL_LENGTH_IN_BATCH for read in reads)

        def found(size: int) -> list[list[Row]]:
            groups = list(_groups(values, size, fits))
            asked = [(at, url_of(read, group)) for group in groups for at, read in enumerate(reads)]
            rows: list[list[Row]] = [[] for _ in reads]
            for begin in range(0, len(asked), MAX_PARTS):
                for at, first in self._first_pages(reads, asked[begin : begin + MAX_PARTS]):
                    rows[at] += self._all_of(reads[at], first)
            return rows

        return self.filters_together.in_groups(len(values), found) if values else [[] for _ in reads]

    def _first_pages(self, reads: Sequence[KeyedRead], asked: Sequence[tuple[int, str]]) -> Iterator[tuple[int, Row]]:
        headers = {"Accept": "application/json", "Prefer": _paged(MAX_PAGE_SIZE)}
        subject = " and ".join(dict.fromkeys(read.entity_set for read in reads))
        parts = [BatchPart("GET", url, headers={**headers, **_fresh(reads[at].parameters)}) for at, url in asked]
        pages = self.channel.read_batch(self.channel.origin.url(f"{API}/$batch"), parts, subject=subject)
        return zip((at for at, _ in asked), pages, strict=True)

    def _all_of(self, read: KeyedRead, first: Row) -> Iterator[Row]:
        """The rows of a first page, and of those that follow it."""
        yield from self.rows_in(read.entity_set, first)
        following = self.link(read.entity_set, first, "@odata.nextLink")
        if following is not None:
            yield from self.rows(read.entity_set, following, _fresh(read.parameters))

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
        """The error for an answer that is JSON but not what the service promises."""
        return Transient(
            self.channel.system, f"the answer of {self.channel.system.label} for {subject} is wrong: {problem}"
        )

    def _who_am_i(self) -> Row:
        return self.channel.read(self.channel.origin.url(f"{API}/WhoAmI"), subject="WhoAmI")


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of a walk over a table: rows as they came, and the ids of deleted ones. Links as in ChangePage."""

    rows: tuple[Row, ...]
    gone: tuple[str, ...]
    next_link: str | None
    delta_link: str | None

    def with_changes(self, changes: Iterable[Change], *, known: Collection[str] | None = None) -> ChangePage:
        """The page as the engine wants it. `known` are the deleted rows whose records are known, if the rows are parts
        of records."""
        parts = () if known is None else self.gone
        unknown = known is not None and any(id not in known for id in self.gone)
        return ChangePage(tuple(changes), self.next_link, self.delta_link, parts, unknown)


class TableRows:
    """The rows of one table, walked and read in bulk. `walked` are the columns that a walk brings beside id and
    version: a change of them invalidates every delta link."""

    def __init__(self, system: DataverseSystem, entity_set: str, id_column: str, walked: Sequence[str] = ()) -> None:
        self.entity_set = entity_set
        self.id_column = id_column
        self._system = system
        self._walked = quoting.columns([id_column, _VERSION, *walked])

    def columns(self, select: Sequence[str]) -> str:
        """The value of $select for rows with id and version."""
        return quoting.columns([self.id_column, _VERSION, *select])

    def track_changes(self) -> RowPage:
        """The first page of a tracked walk over everything; its last page carries the delta link."""
        prefer = f"odata.track-changes,{_paged(MAX_PAGE_SIZE)}"
        return self._page(self._system.page(self.entity_set, self._walk_url(), prefer), tracked=True)

    def list_rows(self) -> RowPage:
        """The first page of a plain walk over every row that exists."""
        return self._page(self._system.page(self.entity_set, self._walk_url(), _paged(MAX_PAGE_SIZE)), tracked=False)

    def follow(self, link: str) -> RowPage:
        """The page of a next link or a delta link, which is sent unchanged.

        Raises LinkRefused if the environment refuses it, LinkElsewhere if it leads to another origin.
        """
        origin = self._system.channel.origin
        if not is_at(link, origin):
            raise LinkElsewhere(f"{self.entity_set}: a link leads to {start_of(link)!r} instead of {origin}")
        try:
            body = self._system.page(self.entity_set, link, _paged(MAX_PAGE_SIZE))
        except ReadRefused as refused:
            raise LinkRefused(f"{self.entity_set}: {refused}", said=refused.said) from refused
        tracked = _TRACKED.search(link) is not None or str(body.get("@odata.context")).endswith(_DELTA_CONTEXT)
        return self._page(body, tracked=tracked)

    def by_id(self, ids: Sequence[str], parameters: Mapping[str, str]) -> list[Row]:
        """The rows that exist among `ids`."""
        # A text that is not an id names no row, and must not reach a filter.
        wanted = dict.fromkeys(id.lower() for id in ids if quoting.is_guid(id))
        return self.by_value(self.id_column, tuple(wanted), parameters)

    def by_value(self, column: str, values: Sequence[str], parameters: Mapping[str, str]) -> list[Row]:
        """The rows whose column has one of the values."""
        return self._system.rows_with(self.entity_set, column, values, parameters)

    def id_of(self, row: Row) -> str:
        """The id of a row, in lower case. Raises Transient when it has none."""
        return self.lookup_of(row, self.id_column)

    def lookup_of(self, row: Row, column: str) -> str:
        """The id that a column holds, in lower case. Raises Transient when it holds none."""
        return self._checked_id(row.get(column), column)

    def version_of(self, row: Row) -> int:
        """The version of a row. Raises Transient when it has none."""
        version = row.get(_VERSION)
        if isinstance(version, int) and not isinstance(version, bool):
            return version
        if isinstance(version, str) and _DIGITS.fullmatch(version):
            return int(version)
        etag = _ETAG.fullmatch(str(row.get("@odata.etag")))
        if etag is None:
            raise self.unreadable(f"a row has no {_VERSION}")
        return int(etag.group(1))

    def unreadable(self, problem: str) -> Transient:
        """The error for an answer that is JSON but not what the service promises."""
        return self._system.unreadable(self.entity_set, problem)

    def _walk_url(self) -> str:
        return self._system.url(self.entity_set, {"$select": self._walked})

    def _page(self, body: Row, *, tracked: bool) -> RowPage:
        next_link, delta_link = self._link(body, "next"), self._link(body, "delta")
        if tracked and next_link is None and delta_link is None:
            raise self.unreadable("a page of a tracked walk has neither next link nor delta link")
        rows: list[Row] = []
        gone: list[str] = []
        for row in self._system.rows_in(self.entity_set, body):
            if str(row.get("@odata.context")).endswith(_DELETED_CONTEXT):
                gone.append(self._checked_id(row.get("id"), self.id_column))
            else:
                rows.append(row)
        return RowPage(tuple(rows), tuple(gone), next_link, delta_link)

    def _link(self, body: Row, kind: str) -> str | None:
        return self._system.link(self.entity_set, body, f"@odata.{kind}Link")

    def _checked_id(self, id: Json, column: str) -> str:
        if not isinstance(id, str) or not quoting.is_guid(id):
            raise self.unreadable(f"a row has no valid {column}")
        return id.lower()


def _groups(values: Sequence[str], size: int, fits: Callable[[Sequence[str]], bool]) -> Iterator[Sequence[str]]:
    """The values in groups of at most this size, in halves where one does not fit."""
    pending = [values[at : at + size] for at in range(0, len(values), size)][::-1]
    while pending:
        group = pending.pop()
        if len(group) == 1 or fits(group):
            yield group
        else:
            middle = len(group) // 2
            pending += [group[middle:], group[:middle]]


def _fresh(parameters: Mapping[str, str]) -> dict[str, str]:
    """Without this header, answers to reads with $expand may come from a cache."""
    return {"If-None-Match": "null"} if parameters.get("$expand") else {}


def _paged(size: int) -> str:
    return f"odata.maxpagesize={size}"
