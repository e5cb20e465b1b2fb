"""A model of Dataverse: tables with versions and change tracking, read by the product's own adapters.

It stands where the HTTP service stands: `DataverseSystem` asks it for pages and rows, and the adapters above it
(tables, documents, products) are the product's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from shared.clients.dataverse.bisect import Result
from shared.clients.dataverse.document_target import DataverseDocumentTarget
from shared.clients.dataverse.environment import API, DataverseSystem, KeyedRead
from shared.clients.dataverse.record_table import RecordTable
from shared.clients.dataverse.rows import RowWrite, RowWriter
from shared.clients.dataverse.rows import WriteTable as RowTable
from shared.clients.dataverse.target import DataverseTarget
from shared.clients.http.origin import Origin, require_same_origin
from shared.clients.http.responses import ReadRefused
from shared.clients.http.sending import Sending
from shared.errors import RecordMissing, RecordRejected, SyncError
from shared.mapping.amounts import rounded_half_up
from shared.records import Json, TargetRow, Write, fold
from shared.systems import System
from tests.simulation.settings import RESULT_COLUMNS
from tests.simulation.targets import Row as Judged
from tests.simulation.watching import Decided, Place, Watch
from tests.simulation.weather import Weather

PAGE_ROWS = 2
_SYSTEM = System.DATAVERSE
_LIST = "list"
_ROW_MISSING = "dataverse.reference_missing"
# The columns of lookups by which rows are asked for.
_LOOKUPS = {
    ("quotedetails", "quoteid"): "_quoteid_value",
    ("productpricelevels", "productid"): "_productid_value",
    ("salesorderdetails", "salesorderid"): "_salesorderid_value",
    ("invoicedetails", "invoiceid"): "_invoiceid_value",
}
# The header of each line.
_HEADERS = {"quotedetails": ("quoteid", "quotes"), "salesorderdetails": ("salesorderid", "salesorders")}
# What a new row must refer to: the column that is bound, and its table.
_REFERENCES = {
    "products": {"pricelevelid": "pricelevels"},
    "productpricelevels": {"pricelevelid": "pricelevels", "productid": "products"},
    "invoices": {
        "salesorderid": "salesorders",
        "customerid_account": "accounts",
        "customerid_contact": "contacts",
        "pricelevelid": "pricelevels",
    },
    "invoicedetails": {"invoiceid": "invoices", "productid": "products"},
}
Row = dict[str, Any]


@dataclass(slots=True)
class Table:
    """The rows of one table by id, and when rows were deleted. `forgotten` is the version below which delta tokens are
    refused."""

    id_column: str
    rows: dict[str, Row] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0


class _Channel:
    """What the adapters ask of the channel beside requests."""

    system = _SYSTEM

    def __init__(self, model: "Sales") -> None:
        self._model = model

    @property
    def clock(self) -> Any:
        return self._model.clock

    @property
    def origin(self) -> Origin:
        return self._model.origin


class Sales(DataverseSystem):
    """One environment of Sales."""

    def __init__(self, weather: Weather, clock: Any) -> None:
        self.weather = weather
        self.clock = clock
        self.empty()
        super().__init__(_Channel(self))  # type: ignore[arg-type]

    def empty(self) -> None:
        """Begin anew, without tables."""
        self.origin = Origin.parse("https://contoso.crm.dynamics.com")
        self.organization = "0a000000-0000-4000-8000-000000000001"
        self.tables: dict[str, Table] = {}
        self.version = 1000
        self.writes = 0
        self.writers: dict[str, tuple[str, str]] = {}
        self.touched: dict[str, set[str]] = {}
        self.removed_invoices: set[str] = set()
        self.watch: Watch | None = None
        self._results: dict[str, Row] = {}

    def move_to(self, url: str) -> None:
        """The environment gets another address."""
        self.origin = Origin.parse(url)

    def table(self, entity_set: str) -> Table:
        """A table of the model."""
        return self.tables[entity_set]

    def save(self, entity_set: str, id: str, values: Mapping[str, Any]) -> Row:
        """Somebody creates or changes a row."""
        table = self.tables[entity_set]
        self.version += 1
        former = table.rows.pop(id, {table.id_column: id, **self._results.pop(id, {})})
        row = {**former, **values, "versionnumber": self.version}
        table.rows[id] = row
        table.gone.pop(id, None)
        return row

    def edit(self, entity_set: str, id: str, values: Mapping[str, Any]) -> None:
        """Somebody changes a row that the sync has written."""
        self.save(entity_set, id, values)
        self.touched.setdefault(id, set()).update(values)

    def remove(self, entity_set: str, id: str) -> None:
        """Somebody deletes a row."""
        table = self.tables[entity_set]
        self.version += 1
        row = table.rows.pop(id)
        # Whoever restores a record gets it with the result that it had.
        if shown := {name: row[name] for name in RESULT_COLUMNS.values() if name in row}:
            self._results[id] = shown
        table.gone[id] = self.version
        self.touched.pop(id, None)

    # What DataverseSystem asks of the service.

    def probe(self) -> None:
        self._answer("probe")

    def identity(self) -> str:
        self._answer("identity")
        return self.organization

    def url(self, entity_set: str, parameters: Mapping[str, str]) -> str:
        return f"{self.origin}{API}/{entity_set}"

    def has_bulk_messages(self, table: str) -> bool:
        return True

    def page(self, entity_set: str, url: str, prefer: str, headers: Mapping[str, str] | None = None) -> Row:
        self._answer(f"page {entity_set}")
        require_same_origin(url, self.origin, _SYSTEM)
        table = self.tables[entity_set]
        _, _, cookie = url.partition("?")
        if not cookie:
            token = str(self.version) if "track-changes" in prefer else _LIST
            return self._page(entity_set, table, 0, (0, 0), token)
        name, _, place = cookie.partition("=")
        if name == "$deltatoken" and ":" not in place:
            if int(place) < table.forgotten:
                raise ReadRefused(_SYSTEM, "the delta token is too old")
            return self._page(entity_set, table, int(place), (0, 0), str(self.version))
        since, section, after, token = place.split(":")
        return self._page(entity_set, table, int(since), (int(section), int(after)), token)

    def rows_with(
        self,
        entity_set: str,
        column: str,
        values: Sequence[str],
        parameters: Mapping[str, str],
    ) -> list[Row]:
        self._answer(f"rows {entity_set}")
        wanted = {fold(value) for value in values}
        name = _LOOKUPS.get((entity_set, column), column)
        rows = self.tables[entity_set].rows.values()
        found = [row for row in rows if isinstance(row.get(name), str) and fold(row[name]) in wanted]
        return [self._expanded(entity_set, row) for row in found]

    def rows_together(self, reads: Sequence[KeyedRead], values: Sequence[str]) -> list[list[Row]]:
        """Rows by a column, and the rows that refer to them: what a condition names is its first argument."""
        of_rows, of_details = reads
        self._answer(f"rows {of_rows.entity_set}")
        wanted = {fold(value) for value in values}
        (column,), (path,) = (read.condition.args for read in reads)  # type: ignore[attr-defined]
        lookup, _, same = path.partition("/")
        assert column == same, f"{path} leads to another column than {column}"
        rows = [
            row
            for row in self.tables[of_rows.entity_set].rows.values()
            if isinstance(row.get(column), str) and fold(row[column]) in wanted
        ]
        ids = {row[self.tables[of_rows.entity_set].id_column] for row in rows}
        details = self.tables[of_details.entity_set].rows.values()
        return [rows, [row for row in details if row.get(f"_{lookup}_value") in ids]]

    def rows(
        self,
        entity_set: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        max_pages: int = 0,
    ) -> Iterator[Row]:
        self._answer(f"all {entity_set}")
        yield from [self._expanded(entity_set, row) for row in self.tables[entity_set].rows.values()]

    def _answer(self, what: str) -> None:
        self.weather.threads.step(f"sales {what}")
        self.weather.read(_SYSTEM, f"sales {what}")

    def _expanded(self, entity_set: str, row: Row) -> Row:
        if entity_set in ("invoices", "invoicedetails"):
            return self._with_totals(entity_set, row)
        if entity_set not in _HEADERS:
            return row
        lookup, headers = _HEADERS[entity_set]
        header = self.tables[headers].rows.get(row[f"_{lookup}_value"], {})
        return {**row, lookup: {"versionnumber": header.get("versionnumber", 0)}}

    def _with_totals(self, entity_set: str, row: Row) -> Row:
        """An invoice, or a line of it, with what Sales calculates."""
        if entity_set == "invoicedetails":
            return {**row, "extendedamount": _base(row) - _amount(row, "manualdiscountamount") + _amount(row, "tax")}
        details = self.tables["invoicedetails"].rows.values()
        lines = [line for line in details if line.get("_invoiceid_value") == row["invoiceid"]]
        items = sum((_base(line) - _amount(line, "manualdiscountamount") for line in lines), Decimal(0))
        tax = sum((_amount(line, "tax") for line in lines), Decimal(0))
        of_header = _amount(row, "freightamount") - _amount(row, "discountamount")
        return {**row, "totalamount": items + of_header + tax}

    def _page(self, entity_set: str, table: Table, since: int, after: tuple[int, int], token: str) -> Row:
        """The entries behind a cookie: rows by version, then deletions; a token says what the walk has covered."""
        entries: list[tuple[tuple[int, int], Row]] = [
            ((0, row["versionnumber"]), row) for row in table.rows.values() if row["versionnumber"] > since
        ]
        if since:
            context = f"{self.origin}{API}/$metadata#{entity_set}/$deletedEntity"
            gone = [(at, id) for id, at in table.gone.items() if at > since]
            entries += [((1, at), {"@odata.context": context, "id": id, "reason": "deleted"}) for at, id in gone]
        entries = sorted((entry for entry in entries if entry[0] > after), key=lambda entry: entry[0])
        page, rest = entries[:PAGE_ROWS], entries[PAGE_ROWS:]
        body: Row = {"value": [row for _, row in page]}
        address = f"{self.origin}{API}/{entity_set}"
        tracked = token != _LIST
        if rest:
            (section, version), _ = page[-1]
            name = "$deltatoken" if tracked else "$skiptoken"
            body["@odata.nextLink"] = f"{address}?{name}={since}:{section}:{version}:{token}"
        elif tracked:
            body["@odata.deltaLink"] = f"{address}?$deltatoken={token}"
        return body


def _amount(row: Row, name: str) -> Decimal:
    return Decimal(row.get(name) or 0)


def _base(line: Row) -> Decimal:
    """What a line costs without its discount, to the cent."""
    return rounded_half_up(_amount(line, "quantity") * _amount(line, "priceperunit"), 2)


class ModelRows(RowWriter):
    """Writes rows of a table of the model; request by request, as many rows as one takes, all or nothing."""

    def __init__(self, sales: Sales, table: RowTable, bulk_rows: int) -> None:
        super().__init__(sales, table, bulk_rows)
        self._sales = sales
        self._most = bulk_rows
        self._of = table

    def write(self, rows: Sequence[RowWrite], sending: Sending) -> list[Result]:
        results: dict[int, Result] = {}
        for places in self._requests(rows):
            asked = [rows[place] for place in places]
            try:
                sending.require_turn()
            except Exception as none_left:  # noqa: BLE001 - NotSent or the trouble of an earlier request
                for place in places:
                    results[place] = none_left  # type: ignore[assignment]
                continue
            answers = self._request(asked)
            for result in {id(answer): answer for answer in answers}.values():
                sending.note(result)
            results |= dict(zip(places, answers, strict=True))
        return [results[place] for place in range(len(rows))]

    def _requests(self, rows: Sequence[RowWrite]) -> list[list[int]]:
        requests: list[list[int]] = []
        kinds: dict[tuple[bool, bool], list[int]] = {}
        for place, row in enumerate(rows):
            if row.alone:
                requests.append([place])
            else:
                kinds.setdefault((row.create, row.delete), []).append(place)
        for places in kinds.values():
            requests += [places[at : at + self._most] for at in range(0, len(places), self._most)]
        return requests

    def _request(self, rows: list[RowWrite]) -> list[Result]:
        sales = self._sales
        step = f"sales write {self._of.entity_set}"
        sales.weather.threads.step(step)
        fault = sales.weather.write(_SYSTEM, step)
        if fault is not None and not fault.lands:
            if fault.lands_after_s is not None:
                sales.weather.threads.later(fault.lands_after_s, partial(self._land, rows))
            return [fault.error] * len(rows)
        answers = self._land(rows)
        sales.weather.threads.step(f"{step} done")
        return answers if fault is None else [fault.error] * len(rows)

    def _land(self, rows: list[RowWrite]) -> list[Result]:
        """A refused row is found by halving: the others of its request are written."""
        refused = [self._refusal(row) for row in rows]
        for row, refusal in zip(rows, refused, strict=True):
            if refusal is None:
                self._apply(row)
        return refused

    def _refusal(self, row: RowWrite) -> Result:
        table, sales = self._of, self._sales
        held = sales.tables[table.entity_set].rows
        if not row.create:
            return self._update_refusal(row, held.get(row.id))
        if row.id in held:
            return RecordRejected("target_exists", f"{row.id} exists", remedy="adopt it")
        if (missing := self._missing(row)) is not None:
            return RecordRejected(_ROW_MISSING, f"no {missing}", remedy="wait", repeatable=True)
        product = sales.tables["products"].rows.get(str(row.values.get("productid")))
        if table.entity_set == "invoicedetails" and product is not None and product.get("statecode") != 0:
            return RecordRejected("dataverse.0x8004f908", "You can only add active products.", remedy="publish it")
        number = row.values.get("productnumber")
        if table.entity_set == "products" and any(
            fold(str(each.get("productnumber"))) == fold(str(number)) for each in held.values()
        ):
            return RecordRejected("target_exists", f"the number {number} exists", remedy="adopt it")
        return None

    def _update_refusal(self, row: RowWrite, held: Row | None) -> Result:
        if held is None:
            return RecordMissing(f"a row of {self._of.entity_set} does not exist")
        if self._of.entity_set == "salesorders" and held.get("statecode") != 0:
            return RecordRejected("dataverse.0x80040216", "Cannot Update a Read-Only Entity", remedy="set it back")
        return None

    def _missing(self, row: RowWrite) -> str | None:
        """A row that a new one refers to, and that is not there."""
        tables = self._sales.tables
        for column, entity_set in _REFERENCES.get(self._of.entity_set, {}).items():
            id, of = row.values.get(column), tables[entity_set]
            if id is not None and id not in of.rows and all(each.get(f"{column}") != id for each in of.rows.values()):
                return f"{column} {id}"
        return None

    def _apply(self, row: RowWrite) -> None:
        table, sales = self._of, self._sales
        sales.writes += 1
        sales.touched.get(row.id, set()).difference_update(row.values)
        if row.delete:
            sales.remove(table.entity_set, row.id)
            return
        values: dict[str, Json] = {table.column(name): value for name, value in row.values.items()}
        if row.create:
            start: Row = {"statecode": 2, "productstructure": 1} if table.entity_set == "products" else {}
            values = {**start, **values}
        sales.save(table.entity_set, row.id, values)
        order = row.values.get("salesorderid")
        if row.create and table.entity_set == "invoices" and order in sales.tables["salesorders"].rows:
            # The solution does this: the order of an invoice is invoiced.
            sales.save("salesorders", str(order), {"statecode": 4})


class ModelDocuments(DataverseDocumentTarget):
    """The target of invoices over the model, which notes for which record each header is written."""

    def __init__(self, sales: Sales, of: DataverseDocumentTarget, bulk_rows: int, flow: str) -> None:
        super().__init__(sales, of._headers, of._lines, of._namespace, bulk_rows=bulk_rows)
        self._sales = sales
        self._flow = flow
        self._header_rows = ModelRows(sales, of._headers.table, bulk_rows)
        self._line_rows = ModelRows(sales, of._lines.table, bulk_rows)

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        for write in writes:
            self._sales.writers[write.target_id or self.row_id(write.key)] = self._flow, write.id
        return super().write(writes, not_after=not_after)


class ModelResults(DataverseTarget):
    """The rows of records in their source, into which their results are written."""

    def __init__(self, sales: Sales, of: DataverseTarget, bulk_rows: int) -> None:
        super().__init__(sales, of._records, of._namespace, bulk_rows=bulk_rows)
        self._rows = ModelRows(sales, of._records.table, bulk_rows)


class ModelTarget(DataverseTarget):
    """A target of single rows over the model, which notes for which record each row is written."""

    def __init__(self, sales: Sales, records: RecordTable, namespace: str, bulk_rows: int, flow: str) -> None:
        super().__init__(sales, records, namespace, bulk_rows=bulk_rows)
        self._sales = sales
        self._flow = flow
        self._rows = ModelRows(sales, records.table, bulk_rows)
        self.decided = Decided()
        if records.detail is not None:
            self._detail_rows = ModelRows(sales, records.detail.table, bulk_rows)

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        found = super().find(keys)
        if self._sales.watch is not None:
            for key, row in found.items():
                self._sales.watch.note_read(self._place(key), dict(row.values))
        return found

    def _place(self, key: str) -> Place:
        return "", self._records.table.entity_set, fold(key)

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        for write in writes:
            id = write.target_id or self._own_id(fold(write.key))
            if self._sales.watch is not None:
                self._judge(self._sales.watch, id, write)
            self._sales.writers[id] = self._flow, write.id
        return super().write(writes, not_after=not_after)

    def _judge(self, watch: Watch, id: str, write: Write) -> None:
        values, sales = self._sales.tables[self._records.table.entity_set].rows.get(id), self._sales
        touched = set(sales.touched.get(id, ()))
        row = None if values is None else Judged(write.key, dict(values), sales.writers.get(id), touched=touched)
        place, record = self._place(write.key), (self._flow, write.id)
        watch.judge_creation(self.decided, place, record, write)
        if not watch.may_be_overtaken:
            watch.judge_change(self.decided, row, record, write, watch.last_read(place))
