"""A small sample of a folder of sample records: some sixty records of the four flows, closed under their references."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from local import jsonlines, space
from shared import exact_json
from shared.records import Json, Values

ACCOUNTS, INDIVIDUALS, PRODUCTS, UNPRICED = 12, 6, 16, 2
_WHOLE = ("transactioncurrencies", "systemusers", "uomschedules", "uoms", "pricelevels", "fo_units")
_CUSTOMER, _PARENT = "_customerid_value", "_parentcustomerid_value"
_KIND = "@Microsoft.Dynamics.CRM.lookuplogicalname"

Row = dict[str, Json]
Rows = list[Row]


@dataclass(frozen=True, slots=True)
class Sample:
    """The chosen records, by the name of their file."""

    files: dict[str, Rows]

    def write(self, folder: Path) -> None:
        """Write the files of a folder of sample records; a file without records is left out."""
        for name, rows in self.files.items():
            if rows:
                text = "".join(f"{exact_json.dumps(row)}\n" for row in rows)
                (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


@contextmanager
def small_folder(data: Path) -> Iterator[Path]:
    """A small sample of a checked folder, in a folder of its own for as long as the block lasts. Raises
    NoSpaceLeft."""
    with tempfile.TemporaryDirectory(prefix="prospect-to-cash-sample-", ignore_cleanup_errors=True) as folder:
        with space.named(Path(folder)):
            choose(data).write(Path(folder))
        yield Path(folder)


def choose(data: Path) -> Sample:
    """Choose the records; always the same of the same folder."""
    quotes, lines = _quotes(_read(data, "quotes"), _read(data, "quotedetails"))
    on_lines = {line["_productid_value"] for line in lines}
    named = [row for row in _read(data, "products_dataverse") if row["productid"] in on_lines]
    accounts = _accounts(_read(data, "accounts"), quotes)
    ids = {row["accountid"] for row in accounts}
    quoted = {row[_CUSTOMER] for row in quotes}
    contacts, individuals = _read(data, "contacts"), _read(data, "contacts_individuals")
    return Sample(
        {
            **{name: _read(data, name) for name in _WHOLE},
            "accounts": accounts,
            "contacts": [row for row in contacts if row.get(_PARENT) in ids or row["contactid"] in quoted],
            "contacts_individuals": _some(individuals, INDIVIDUALS, lambda row: row["contactid"] in quoted),
            "products": _products(_read(data, "products"), {row["productnumber"] for row in named}),
            "products_dataverse": named,
            "quotes": quotes,
            "quotedetails": lines,
        }
    )


def _quotes(quotes: Rows, lines: Rows) -> tuple[Rows, Rows]:
    """The shortest quote, the shortest in another currency, and the shortest with a discount; with their lines."""
    of_quote: dict[str, Rows] = defaultdict(list)
    for line in lines:
        of_quote[str(line["_quoteid_value"])].append(line)
    active = [row for row in quotes if row.get("statecode") == 1 and of_quote[str(row["quoteid"])]]
    active.sort(key=lambda row: (len(of_quote[str(row["quoteid"])]), str(row["quoteid"])))
    chosen = {str(row["quoteid"]): row for row in active[:1]}
    currencies = {_currency(row) for row in chosen.values()}
    others = (row for row in active if _currency(row) not in currencies)
    reduced = (row for row in active if any(line.get("manualdiscountamount") for line in of_quote[str(row["quoteid"])]))
    for row in (*islice(others, 1), *islice(reduced, 1)):
        chosen[str(row["quoteid"])] = row
    return list(chosen.values()), [line for id in chosen for line in of_quote[id]]


def _currency(quote: Values) -> Json:
    return quote.get("_transactioncurrencyid_value")


def _accounts(accounts: Rows, quotes: Rows) -> Rows:
    """Those that are quoted, one with a second address, and some more."""
    customers = {row[_CUSTOMER] for row in quotes if row.get(_CUSTOMER + _KIND, "account") == "account"}
    second = next((row["accountid"] for row in accounts if row.get("address2_city")), None)
    return _some(accounts, ACCOUNTS, lambda row: row["accountid"] in {*customers, second})


def _products(products: Rows, quoted: set[Json]) -> Rows:
    """Those that are quoted, some without a price, and some more with one."""
    unpriced = [row["ProductNumber"] for row in products if not row.get("SalesPrice")][:UNPRICED]
    needed = {*quoted, *unpriced}
    wanted = [row for row in products if row.get("SalesPrice") or row["ProductNumber"] in needed]
    return _some(wanted, PRODUCTS, lambda row: row["ProductNumber"] in needed)


def _some(rows: Sequence[Row], count: int, needed: Callable[[Row], bool]) -> Rows:
    """All rows that are needed, and the first others until there are so many."""
    kept = [row for row in rows if needed(row)]
    others = (row for row in rows if not needed(row))
    return [*kept, *islice(others, max(count - len(kept), 0))]


def _read(data: Path, name: str) -> Rows:
    file = data / f"{name}.jsonl"
    return [row for _place, row in jsonlines.read(file)] if file.is_file() else []
