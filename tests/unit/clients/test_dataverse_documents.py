"""Documents of Dataverse as a source: quotes by number, with their lines."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.dataverse.documents import (
    DataverseDocumentLines,
    DataverseDocuments,
    DocumentTables,
    HeaderTable,
    LineTable,
)
from shared.clients.dataverse.environment import MAX_URL_LENGTH, DataverseSystem
from shared.clients.http.exchange import Answer, PreparedCall
from shared.errors import LinkRefused, Transient
from shared.records import Change, ChangePage, Json
from shared.state.owners import Owners
from shared.state.storage.memory import MemoryTable
from shared.systems import System
from tests.support.clock import ManualClock
from tests.unit.clients.fakes import ORIGIN, Line, line, ok

PAGE = 5000
FLOW = "quotations"
ACTIVE, DRAFT = 1, 0
HEADERS = HeaderTable(
    "quotes", "quoteid", "quotenumber", ["statecode", "name"], {"transactioncurrencyid": ["isocurrencycode"]}
)
LINES = LineTable("quotedetails", "quotedetailid", "quoteid", "lineitemnumber", ["quantity"], {"uomid": ["name"]})
TABLES = DocumentTables(HEADERS, LINES, lambda header: header["statecode"] == ACTIVE)


def id_of(number: int) -> str:
    return str(UUID(int=number))


@dataclass
class Sales:
    """Quotes and their lines, as far as a source asks for them. `before` is run before each answer."""

    quotes: dict[str, dict[str, Json]] = field(default_factory=dict)
    lines: dict[str, dict[str, Json]] = field(default_factory=dict)
    version: int = 0
    told: list[dict[str, Json]] = field(default_factory=list)
    before: Callable[[str, "Sales"], None] = lambda entity_set, sales: None

    def quote(self, id: str, number: str, state: int = ACTIVE) -> int:
        """Save a quote; its version."""
        self.version += 1
        self.quotes[id] = {
            "@odata.etag": f'W/"{self.version}"',
            "quoteid": id,
            "versionnumber": self.version,
            "quotenumber": number,
            "statecode": state,
            "name": None,
            "transactioncurrencyid": {"@odata.etag": 'W/"1"', "isocurrencycode": "EUR"},
        }
        return self.version

    def line(self, id: str, quote: str, position: int | None = None) -> None:
        """Save a line, which saves its quote."""
        self.version += 1
        self.lines[id] = {
            "@odata.etag": f'W/"{self.version}"',
            "quotedetailid": id,
            "versionnumber": self.version,
            "_quoteid_value": quote,
            "lineitemnumber": position,
            "quantity": 2,
            "uomid": {"@odata.etag": 'W/"1"', "name": "ea"},
        }
        if quote in self.quotes:
            self.quotes[quote] |= {"versionnumber": self.version}

    def tell(self, *entries: Mapping[str, Json]) -> None:
        """What the next delta link brings."""
        self.told = [dict(entry) for entry in entries]

    def __call__(self, call: PreparedCall) -> Answer:
        """Answer one request."""
        address = urlsplit(call.url)
        entity_set = address.path.rsplit("/", 1)[1]
        self.before(entity_set, self)
        options = {name: values[0] for name, values in parse_qs(address.query).items()}
        if "$deltatoken" in options:
            return ok({"value": list(self.told), "@odata.deltaLink": delta(entity_set)})
        rows = list(self._rows(entity_set, options.get("$filter", "")))
        start = int(options.get("$skiptoken", "0"))
        body: dict[str, Json] = {"value": list(rows[start : start + PAGE])}
        if start + PAGE < len(rows):
            options["$skiptoken"] = str(start + PAGE)
            body["@odata.nextLink"] = ORIGIN.url(f"{address.path}?{'&'.join(f'{k}={v}' for k, v in options.items())}")
        else:
            body["@odata.deltaLink"] = delta(entity_set)
        return ok(body)

    def _rows(self, entity_set: str, condition: str) -> Iterator[dict[str, Json]]:
        rows = self.quotes if entity_set == "quotes" else self.lines
        column, _, values = condition.removeprefix("Microsoft.Dynamics.CRM.In(PropertyName='").partition("'")
        wanted = {text.lower() for text in json.loads(values.split("=")[1][:-1])} if values else None
        of = f"_{column}_value" if entity_set == "quotedetails" and column == "quoteid" else column
        for row in rows.values():
            if wanted is None or str(row[of]).lower() in wanted:
                yield row | ({"quoteid": self._header(row)} if entity_set == "quotedetails" else {})

    def _header(self, line: Mapping[str, Json]) -> dict[str, Json]:
        header = self.quotes[str(line["_quoteid_value"])]
        return {"@odata.etag": "x", "quoteid": header["quoteid"], "versionnumber": header["versionnumber"]}


def delta(entity_set: str) -> str:
    return ORIGIN.url(f"/api/data/v9.2/{entity_set}?$deltatoken=7")


def deleted(id: str) -> dict[str, Json]:
    return {"@odata.context": f"{ORIGIN}/api/data/v9.2/$metadata#quotes/$deletedEntity", "id": id, "reason": "deleted"}


def header(id: str, number: str, version: int) -> dict[str, Json]:
    return {"quoteid": id, "quotenumber": number, "versionnumber": version}


def detail(id: str, quote: str, version: int = 1) -> dict[str, Json]:
    return {"quotedetailid": id, "_quoteid_value": quote, "versionnumber": version}


@dataclass
class World:
    sales: Sales
    at: Line
    documents: DataverseDocuments
    lines: DataverseDocumentLines

    @property
    def asked(self) -> list[str]:
        """The collections that were asked, in order."""
        return [urlsplit(call.url).path.rsplit("/", 1)[1] for call in self.at.server.calls]

    def quote_page(self, *entries: Mapping[str, Json]) -> ChangePage:
        self.sales.tell(*entries)
        return self.documents.follow(delta("quotes"))

    def line_page(self, *entries: Mapping[str, Json]) -> ChangePage:
        self.sales.tell(*entries)
        return self.lines.follow(delta("quotedetails"))

    def told_of_quotes(self, *entries: Mapping[str, Json]) -> tuple[Change, ...]:
        return self.quote_page(*entries).changes

    def told_of_lines(self, *entries: Mapping[str, Json]) -> tuple[Change, ...]:
        return self.line_page(*entries).changes


def world() -> World:
    sales = Sales()
    at = line(sales, system=System.DATAVERSE)
    system, owners = DataverseSystem(at.channel), Owners(MemoryTable(ManualClock()))
    documents = DataverseDocuments(system, TABLES, owners, FLOW)
    return World(sales, at, documents, DataverseDocumentLines(system, documents, owners, FLOW))


def options(call: PreparedCall) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(call.url).query).items()}


def revisions(values: Mapping[str, Json]) -> list[dict[str, Json]]:
    listed = values["revisions"]
    assert isinstance(listed, list)
    return [row for row in listed if isinstance(row, dict)]


Q, R, S = id_of(1), id_of(2), id_of(3)
A, B, C = id_of(11), id_of(12), id_of(13)


def test_walks_ask_for_what_tells_the_document_and_nothing_else() -> None:
    at = world()
    at.documents.track_changes()
    at.lines.track_changes()
    at.documents.list_rows()
    assert [options(call)["$select"] for call in at.at.server.calls] == [
        "quoteid,versionnumber,quotenumber",
        "quotedetailid,versionnumber,_quoteid_value",
        "quoteid,versionnumber,quotenumber",
    ]
    assert [call.headers["Prefer"].startswith("odata.track-changes") for call in at.at.server.calls] == [1, 1, 0]


def test_a_changed_header_is_a_change_of_its_number() -> None:
    assert world().told_of_quotes(header(Q, "Q-1", 5)) == (Change("Q-1", 5),)


def test_the_revisions_of_a_page_are_one_change_of_the_highest_version() -> None:
    changes = world().told_of_quotes(header(Q, "Q-1", 5), header(R, "Q-1", 9), header(S, "Q-2", 6))
    assert changes == (Change("Q-1", 9), Change("Q-2", 6))


def test_a_deleted_header_is_named_by_its_number() -> None:
    at = world()
    at.told_of_quotes(header(Q, "Q-1", 5))
    assert at.told_of_quotes(deleted(Q.upper())) == (Change("Q-1", None, gone=True),)


def test_the_deletion_of_one_revision_beside_the_change_of_another_is_a_change() -> None:
    at = world()
    at.told_of_quotes(header(Q, "Q-1", 5))
    assert at.told_of_quotes(header(R, "Q-1", 9), deleted(Q)) == (Change("Q-1", 9),)


def test_a_deleted_header_that_was_never_met_is_left_out() -> None:
    assert world().told_of_quotes(deleted(Q)) == ()


def test_a_header_with_another_number_names_both_however_often_it_is_reported() -> None:
    at = world()
    at.told_of_quotes(header(Q, "Q-1", 5))
    for _ in range(2):
        assert at.told_of_quotes(header(Q, "Q-2", 6)) == (Change("Q-2", 6), Change("Q-1", None))
    assert at.told_of_quotes(deleted(Q)) == (Change("Q-2", None, gone=True), Change("Q-1", None))


def test_a_blank_number_names_no_document() -> None:
    assert world().told_of_quotes(header(Q, " ", 5)) == ()


def test_a_header_without_a_number_stops_the_page() -> None:
    with pytest.raises(Transient, match="quotenumber"):
        world().told_of_quotes({"quoteid": Q, "versionnumber": 5})


def test_a_refused_link_says_so() -> None:
    at = world()
    at.at.server.reply(ok({"error": {"code": "0x80044352", "message": "expired"}}, 410))
    for source in (at.documents, at.lines):
        with pytest.raises(LinkRefused):
            source.follow(delta("quotes"))


def test_the_changed_lines_of_a_document_are_one_change_of_its_number() -> None:
    at = world()
    at.told_of_quotes(header(Q, "Q-1", 5), header(R, "Q-2", 6))
    changes = at.told_of_lines(detail(A, Q), detail(B, Q.upper()), detail(C, R))
    assert changes == (Change("Q-1", 1), Change("Q-2", 1))
    assert at.asked == ["quotes", "quotedetails"]


def test_a_deleted_line_is_a_change_of_its_document() -> None:
    at = world()
    at.told_of_quotes(header(Q, "Q-1", 5))
    at.told_of_lines(detail(A, Q))
    assert at.told_of_lines(deleted(A)) == (Change("Q-1", None),)


def test_a_deleted_line_that_was_never_met_is_left_out() -> None:
    at = world()
    assert at.told_of_lines(deleted(A)) == ()
    assert at.asked == ["quotedetails"]


def test_the_lines_of_a_deleted_document_name_it_still() -> None:
    at = world()
    at.told_of_quotes(header(Q, "Q-1", 5))
    at.told_of_lines(detail(A, Q))
    at.told_of_quotes(deleted(Q))
    assert at.told_of_lines(deleted(A)) == (Change("Q-1", None),)


def test_a_line_that_has_moved_is_a_change_of_both_documents() -> None:
    at = world()
    at.told_of_quotes(header(Q, "Q-1", 5), header(R, "Q-2", 6))
    at.told_of_lines(detail(A, Q))
    assert set(at.told_of_lines(detail(A, R))) == {Change("Q-1", 1), Change("Q-2", 1)}


def test_headers_that_were_never_met_are_looked_up_once_and_remembered() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    at.sales.quote(R, "Q-2")
    for _ in range(2):
        changes = at.told_of_lines(detail(A, Q), detail(B, R))
        assert set(changes) == {Change("Q-1", 1), Change("Q-2", 1)}
    assert at.asked == ["quotedetails", "quotes", "quotedetails"]
    assert options(at.at.server.calls[1])["$select"] == "quoteid,quotenumber"
    assert at.told_of_quotes(deleted(Q)) == (Change("Q-1", None, gone=True),)


def test_a_line_of_a_header_that_exists_nowhere_is_left_out() -> None:
    assert world().told_of_lines(detail(A, Q)) == ()


def test_a_deleted_row_that_no_page_has_told_of_is_an_unknown_part() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    at.told_of_lines(detail(A, Q))
    known, unknown = (at.line_page(deleted(id)) for id in (A, B))
    assert (known.changes, known.gone_parts, known.has_unknown_parts) == ((Change("Q-1", None),), (A,), False)
    assert (unknown.changes, unknown.gone_parts, unknown.has_unknown_parts) == ((), (B,), True)
    assert at.quote_page(deleted(R)).has_unknown_parts


def test_what_a_deleted_row_belonged_to_is_forgotten_once_that_is_queued() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    at.told_of_lines(detail(A, Q))
    at.lines.forget([A, B])
    at.documents.forget([Q])
    assert at.line_page(deleted(A)).has_unknown_parts
    assert at.quote_page(deleted(Q)).has_unknown_parts


def test_a_page_that_cannot_be_remembered_is_not_reported() -> None:
    sales = Sales()
    at = line(sales, system=System.DATAVERSE)
    memory = MemoryTable(ManualClock(), step=_full)
    documents = DataverseDocuments(DataverseSystem(at.channel), TABLES, Owners(memory), FLOW)
    sales.tell(header(Q, "Q-1", 5))
    with pytest.raises(OSError, match="full"):
        documents.follow(delta("quotes"))


def _full(step: str) -> None:
    if step.endswith("transact"):
        raise OSError("full")


def test_a_document_holds_every_revision_and_the_lines_of_those_that_are_wanted() -> None:
    at = world()
    at.sales.quote(Q, "Q-1", DRAFT)
    at.sales.quote(R, "Q-1")
    for id, quote in ((C, Q), (B, R), (A, R)):
        at.sales.line(id, quote, 1)
    document = at.documents.read(["Q-1"])["Q-1"]
    assert (document.id, document.version, document.values["quotenumber"]) == ("Q-1", at.sales.version, "Q-1")
    assert revisions(document.values) == [
        plain(at.sales.quotes[Q]) | CURRENCY,
        plain(at.sales.quotes[R]) | CURRENCY | {"lines": [plain(at.sales.lines[id]) | UNIT for id in (A, B)]},
    ]


CURRENCY: dict[str, Json] = {"transactioncurrencyid": {"isocurrencycode": "EUR"}}
UNIT: dict[str, Json] = {"uomid": {"name": "ea"}}


def plain(row: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in row.items() if "@" not in name}


def test_both_tables_are_read_in_bulk_with_their_columns_and_expansions() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    at.documents.read(["Q-1"])
    headers, lines = at.at.server.calls
    assert options(headers)["$select"] == "quoteid,versionnumber,quotenumber,statecode,name"
    assert options(headers)["$expand"] == "transactioncurrencyid($select=isocurrencycode)"
    assert options(lines)["$select"] == "quotedetailid,versionnumber,_quoteid_value,lineitemnumber,quantity"
    assert options(lines)["$expand"] == "uomid($select=name),quoteid($select=versionnumber)"
    assert [call.headers["If-None-Match"] for call in (headers, lines)] == ["null", "null"]


def test_the_lines_of_unwanted_headers_are_not_asked_for() -> None:
    at = world()
    at.sales.quote(Q, "Q-1", DRAFT)
    at.documents.read(["Q-1"])
    assert at.asked == ["quotes"]


def test_a_document_without_lines_has_an_empty_list_of_them() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    assert lines_of(at, "Q-1") == []


def test_lines_are_ordered_by_their_position_then_by_id() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    positions = {4: 10, 5: None, 6: 2, 7: 10, 8: -1, 3: 10}
    for number, position in positions.items():
        at.sales.line(id_of(number), Q, position)
    assert lines_of(at, "Q-1") == [id_of(number) for number in (8, 6, 3, 4, 7, 5)]


def lines_of(at: World, number: str) -> list[Json]:
    (revision,) = revisions(at.documents.read([number])[number].values)
    listed = revision["lines"]
    assert isinstance(listed, list)
    return [row["quotedetailid"] for row in listed if isinstance(row, dict)]


@given(st.text(alphabet="qQ1-", min_size=1, max_size=4), st.booleans(), st.integers(0, 2))
def test_a_number_is_found_in_any_case_and_given_back_as_asked_for(number: str, upper: bool, blanks: int) -> None:
    at = world()
    at.sales.quote(Q, number)
    asked = (number.upper() if upper else number.lower()) + " " * blanks
    wanted = list(dict.fromkeys([asked.rstrip(" "), number]))
    assert {key: row.id for key, row in at.documents.read(wanted).items()} == {id: id for id in wanted}
    assert at.documents.existing([*wanted, "other"]) == frozenset(wanted)


def test_existing_reads_numbers_only() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    assert at.documents.existing(["Q-1", "Q-2"]) == {"Q-1"}
    assert at.lines.existing(["Q-1", "Q-2"]) == {"Q-1"}
    assert options(at.at.server.calls[0])["$select"] == "quotenumber"


def test_the_lines_as_a_source_read_the_documents() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    assert at.lines.read(["Q-1"]) == at.documents.read(["Q-1"])


@pytest.mark.parametrize("number", ["", "  ", "Q\0", "Q\ud800"])
def test_what_is_no_number_reaches_no_filter(number: str) -> None:
    at = world()
    assert at.documents.read([number]) == {}
    assert at.documents.existing([number]) == frozenset()
    assert at.asked == []


def test_rows_that_only_the_filter_treats_as_equal_are_left_out() -> None:
    at = world()
    at.at.server.reply(ok({"value": [header(Q, "Q-é", 1) | {"statecode": DRAFT}]}))
    assert at.documents.read(["Q-e"]) == {}
    assert at.documents.existing(["Q-e"]) == frozenset()


def test_a_document_that_changes_while_it_is_read_is_read_again() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    at.sales.quote(R, "Q-2")
    at.sales.line(A, Q)
    at.sales.line(B, R)

    def edit(entity_set: str, sales: Sales) -> None:
        if entity_set == "quotedetails":
            sales.before = _nothing
            sales.quote(Q, "Q-1", DRAFT)
            sales.line(C, Q)

    at.sales.before = edit
    documents = at.documents.read(["Q-1", "Q-2"])
    (changed,), (steady,) = revisions(documents["Q-1"].values), revisions(documents["Q-2"].values)
    assert (changed["statecode"], "lines" in changed) == (DRAFT, False)
    assert "lines" in steady
    assert documents["Q-1"].version == at.sales.version
    assert options(at.at.server.calls[2])["$filter"].endswith('PropertyValues=["Q-1"])')


def test_a_document_that_changes_without_end_is_taken_as_it_is_and_holds_up_nobody() -> None:
    at = world()
    at.sales.quote(Q, "Q-1")
    at.sales.line(A, Q)
    at.sales.before = lambda entity_set, sales: sales.line(A, Q)
    assert list(at.documents.read(["Q-1"])) == ["Q-1"]


def _nothing(entity_set: str, sales: Sales) -> None:
    return None


def walk(source: DataverseDocuments | DataverseDocumentLines, page: ChangePage) -> list[Change]:
    changes = list(page.changes)
    while page.next_link is not None:
        page = source.follow(page.next_link)
        changes += page.changes
    return changes


def test_a_first_sync_of_hundreds_of_quotes_needs_few_requests() -> None:
    at = world()
    for number in range(600):
        at.sales.quote(id_of(number + 1), f"QUO-{number:05}-A1B2C3")
    for number in range(6_000):
        at.sales.line(id_of(100_000 + number), id_of(number % 600 + 1), number // 600 + 1)
    walk(at.lines, at.lines.track_changes())
    walk(at.documents, at.documents.track_changes())
    numbers = [change.id for change in walk(at.documents, at.documents.list_rows())]
    for start in range(0, 600, 100):
        read = at.documents.read(numbers[start : start + 100])
        assert all(len(_lines(row.values)) == 10 for row in read.values())
        assert len(read) == 100
    assert len(at.asked) == 2 + 6 + 2 + 12
    assert max(len(call.url) for call in at.at.server.calls) < MAX_URL_LENGTH


def _lines(values: Mapping[str, Json]) -> Sequence[Json]:
    (revision,) = revisions(values)
    lines = revision["lines"]
    assert isinstance(lines, list)
    return lines
