"""Reads a folder of sample records (JSON lines, as local/data has them) as the flows would read them from both systems.

The files are named by table: `accounts`, `contacts` (and `contacts_individuals`), `quotes` with `quotedetails`,
`products` of F&O; and for what they refer to `products_dataverse`, `transactioncurrencies`, `uoms`, `uomschedules` and
`pricelevels` of Sales. A lookup is a column `_NAME_value`, or the navigation itself as the Web API expands it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local import jsonlines
from shared.flows.accounts import mapping as accounts
from shared.flows.contacts import mapping as contacts
from shared.flows.products import catalogue
from shared.flows.products import mapping as products
from shared.flows.quotations import quote_rows
from shared.flows.sales_documents.rows import HEADERS, LINES
from shared.mapping.value_maps import ValueMaps
from shared.records import Json, SourceRow, Values, fold
from tests.simulation.sample import Sample, SampleUnusable
from tests.simulation.sampling import as_id
from tests.simulation.settings import Mappers

# The table and the id column of each file of Sales.
_FILES = {
    "accounts": ("account", accounts.ID_COLUMN),
    "contacts": ("contact", contacts.ID_COLUMN),
    "contacts_individuals": ("contact", contacts.ID_COLUMN),
    "quotes": ("quote", quote_rows.HEADER_ID_COLUMN),
    "quotedetails": ("quotedetail", quote_rows.LINE_ID_COLUMN),
    "products_dataverse": ("product", products.ID_COLUMN),
    catalogue.CURRENCIES: ("transactioncurrency", "transactioncurrencyid"),
    catalogue.UNITS: ("uom", "uomid"),
    catalogue.UNIT_GROUPS: ("uomschedule", "uomscheduleid"),
    catalogue.PRICE_LISTS: ("pricelevel", "pricelevelid"),
}
_PRODUCTS = "products"
_RECORDS = ("accounts", "contacts", "contacts_individuals", "quotes", _PRODUCTS)
_KIND = "@Microsoft.Dynamics.CRM.lookuplogicalname"
_QUOTE = "_quoteid_value"
_EXTERNAL = "msdynce_ismaintainedexternally"


def read_folder(folder: Path, maps: ValueMaps, mappers: Mappers) -> Sample:
    """The records of a folder. Raises SampleUnusable, by file, line and column."""
    if folder.is_file():
        raise SampleUnusable(f"{folder} is a file; name a folder of *.jsonl files")
    if not folder.is_dir():
        raise SampleUnusable(f"there is no folder {folder}; name a folder of *.jsonl files")
    if not any((folder / f"{name}.jsonl").is_file() for name in _RECORDS):
        files = ", ".join(f"{name}.jsonl" for name in _RECORDS)
        raise SampleUnusable(f"{folder} has none of the files {files}; name the folder where they are")
    try:
        return _Folder(folder, maps).sample(mappers)
    except jsonlines.LinesUnreadable as unreadable:
        raise SampleUnusable(str(unreadable).rstrip(".")) from unreadable


@dataclass(frozen=True, slots=True)
class _Related:
    """The rows of a folder that others refer to, by table and id."""

    rows: Mapping[tuple[str, str], Values]

    def expanded(self, row: Values, navigations: Mapping[str, Sequence[str]]) -> dict[str, Json]:
        """A row with its lookups as Dataverse expands them."""
        return {**row, **{name: self._of(row, name, columns) for name, columns in navigations.items()}}

    def _of(self, row: Values, navigation: str, columns: Sequence[str]) -> Json:
        if navigation in row:
            return row[navigation]
        lookup, of, table = navigation.rpartition("_")
        if not of:
            lookup, table = navigation, navigation.removesuffix("id")
        column = f"_{lookup}_value"
        id = row.get(column)
        if not isinstance(id, str):
            return None
        id = as_id(id)
        if of and (row.get(column + _KIND) or self._kind(id)) != table:
            return None
        found = self.rows.get((table, id))
        return {name: id if name == f"{table}id" else (found or {}).get(name) for name in columns}

    def _kind(self, id: str) -> str:
        """The table of a customer of which the row does not say it: an account, unless a contact has the id."""
        return "contact" if ("contact", id) in self.rows else "account"


class _Folder:
    """The rows of a folder. What F&O tells of every product, and files of released products do not, is as usual: the
    company's currency is the default one."""

    def __init__(self, folder: Path, maps: ValueMaps) -> None:
        currency = maps.defaults.currency
        self._products = [
            (_required(row, products.KEY_FIELD, place), {"CurrencyCode": currency, **row})
            for place, row in _lines(folder, _PRODUCTS)
        ]
        self._rows = {
            name: {as_id(_required(row, id, place)): (place, row) for place, row in _lines(folder, name)}
            for name, (_, id) in _FILES.items()
        }
        known = {fold(number) for number, _ in self._products}
        self._related = _Related(
            {
                (table, id): self._as_referred(name, row, known)
                for name, (table, _) in _FILES.items()
                for id, (_, row) in self._rows[name].items()
            }
        )

    @staticmethod
    def _as_referred(name: str, row: Values, numbers: set[str]) -> Values:
        """A product of Sales is one of F&O where F&O has its number, and nothing else is said."""
        if name != "products_dataverse" or not numbers:
            return row
        return {_EXTERNAL: fold(str(row.get(products.KEY_COLUMN))) in numbers, **row}

    def sample(self, mappers: Mappers) -> Sample:
        """The records as the flows read them."""
        people = {**self._rows["contacts"], **self._rows["contacts_individuals"]}
        return Sample(
            {
                "accounts": self._records(self._rows["accounts"], mappers.accounts.table.expand),
                "contacts": self._records(people, mappers.contacts.expand),
                "products": [SourceRow(number, None, row) for number, row in self._products],
                "quotations": list(self._quotations(mappers)),
            },
            {
                name: [{column: row.get(column) for column in columns} for _, row in self._rows[name].values()]
                for name, columns in catalogue.TABLES.items()
                if name in self._rows
            },
        )

    def _records(
        self, rows: Mapping[str, tuple[str, Values]], navigations: Mapping[str, Sequence[str]]
    ) -> list[SourceRow]:
        return [SourceRow(id, None, self._related.expanded(row, navigations)) for id, (_, row) in rows.items()]

    def _quotations(self, mappers: Mappers) -> Iterator[SourceRow]:
        of, lines = mappers.quotations, self._lines_by_quote(mappers)
        revisions: dict[str, tuple[str, list[Json]]] = {}
        for id, (place, row) in self._rows["quotes"].items():
            header = self._related.expanded(row, of.header_expand)
            header[LINES] = lines.get(id, [])
            header[quote_rows.HEADER_ID_COLUMN] = id
            number = _required(row, quote_rows.KEY_COLUMN, place)
            revisions.setdefault(fold(number), (number, []))[1].append(header)
        for number, headers in revisions.values():
            yield SourceRow(number, None, {quote_rows.KEY_COLUMN: number, HEADERS: headers})

    def _lines_by_quote(self, mappers: Mappers) -> dict[str, list[Json]]:
        found: dict[str, list[Json]] = {}
        for id, (place, row) in self._rows["quotedetails"].items():
            line = {**self._related.expanded(row, mappers.quotations.line_expand), quote_rows.LINE_ID_COLUMN: id}
            found.setdefault(as_id(_required(row, _QUOTE, place)), []).append(line)
        return found


def _lines(folder: Path, name: str) -> Iterator[tuple[str, dict[str, Json]]]:
    file = folder / f"{name}.jsonl"
    return jsonlines.read(file) if file.is_file() else iter(())


def _required(row: Values, column: str, place: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise SampleUnusable(f"{place}: column {column} is missing, or no text; give every row its {column}")
    return value
