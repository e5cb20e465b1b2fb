"""The quotes of the sample records, written into Sales as users would. Sales may refuse some; these are named."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from local import jsonlines
from local.demo.flows import API
from local.demo.selling import ACTIVE, Catalogue, of_product
from local.demo.systems import Access, RequestRefused
from local.simulator.loading import column_in
from shared.clients import quoting
from shared.records import Json, Values

_CHUNK = 500
_HEADER = (
    "quotenumber", "name", "effectivefrom", "effectiveto", "requestdeliveryby", "freightamount", "discountpercentage",
    "emailaddress", "description",
)  # fmt: skip
_LINE = ("lineitemnumber", "quantity", "priceperunit", "manualdiscountamount", "tax", "productdescription")
_PLACES = ("billto_", "shipto_")
_IS_ACTIVE = 1
Tell = Callable[[str], None]


def _tell_nobody(_text: str) -> None:
    """A progress callback that does nothing."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A record with its place: file and line. `source` is the record as written there, `values` what is sent."""

    place: str
    source: Values
    values: Values


class Incomplete(Exception):
    """A record lacks a column; the message names its place and the column."""


class SampleQuotes:
    """The quotes of a checked folder. `skipped` gives place and reason of each record that was left out."""

    def __init__(self, access: Access, folder: Path) -> None:
        self._access = access
        self._folder = folder
        self.skipped: list[str] = []

    def add_prices(self, catalogue: Catalogue, tell: Tell = _tell_nobody) -> int:
        """Put the quoted products on the price lists of the quotes in other currencies; how many items. Reports
        progress to `tell`."""
        lists = {
            str(each.values.get("quoteid")): each.values.get("_pricelevelid_value")
            for each in self._read("quotes.jsonl")
        }
        items = self._rows("productpricelevels", "_productid_value,_pricelevelid_value")
        there = {(str(item["_pricelevelid_value"]), str(item["_productid_value"])) for item in items}
        numbers = self._product_numbers()
        added = 0
        for line in self._read("quotedetails.jsonl"):
            product = catalogue.products.get(numbers.get(str(line.values.get("_productid_value")), ""))
            price_list = str(lists.get(str(line.values.get("_quoteid_value"))) or "")
            amount = line.values.get("priceperunit")
            if product is None or not price_list or amount is None or (price_list, str(product["productid"])) in there:
                continue
            if price_list == catalogue.lists.get(str(product["_transactioncurrencyid_value"])):
                continue
            there.add((price_list, str(product["productid"])))
            added += self._add_price(price_list, product, line)
            tell(f"{added} prices in the quotes' currencies are written")
        return added

    def write(self, catalogue: Catalogue, tell: Tell = _tell_nobody) -> tuple[int, int]:
        """Write and activate the active quotes, with all their lines; how many of both. A quote with a product that
        Sales does not have is left out. Reports progress to `tell`."""
        lines, incomplete = self._lines(catalogue)
        quotes = [each for each in self._read("quotes.jsonl") if each.values.get("statecode") == _IS_ACTIVE]
        quotes = [quote for quote in quotes if str(quote.values.get("quoteid")) not in incomplete]
        made = self._sent("quotes", "quote", "CreateMultiple", self._complete(quotes, _sample_header))
        ids = {str(each.values["quoteid"]) for each in made}
        wanted = [line for id in ids for line in lines[id]]
        written: list[Placed] = []
        for at in range(0, len(wanted), _CHUNK):
            written += self._sent("quotedetails", "quotedetail", "CreateMultiple", wanted[at : at + _CHUNK])
            tell(f"{len(written)} of {len(wanted)} lines are written")
        states = [replace(each, values={"quoteid": each.values["quoteid"], **ACTIVE}) for each in made]
        return len(self._sent("quotes", "quote", "UpdateMultiple", states)), len(written)

    def _lines(self, catalogue: Catalogue) -> tuple[Mapping[str, list[Placed]], set[str]]:
        """The lines by quote, and the quotes with a product that Sales does not have."""
        numbers = self._product_numbers()
        lines: dict[str, list[Placed]] = defaultdict(list)
        incomplete: set[str] = set()
        for row in self._read("quotedetails.jsonl"):
            product = catalogue.products.get(numbers.get(str(row.values.get("_productid_value")), ""))
            quote = str(row.values.get("_quoteid_value"))
            if product is None:
                incomplete.add(quote)
            else:
                lines[quote].append(replace(row, values=_sample_line(row.values, product)))
        return lines, incomplete

    def _complete(self, rows: Sequence[Placed], make: Callable[[Placed], dict[str, Json]]) -> list[Placed]:
        """What is sent for these records; those that lack a column are skipped."""
        found = []
        for row in rows:
            try:
                found.append(replace(row, values=make(row)))
            except Incomplete as lacking:
                self.skipped.append(str(lacking))
        return found

    def _sent(self, entity_set: str, table: str, message: str, rows: Sequence[Placed]) -> list[Placed]:
        """Send records together, and one by one if that is refused; the accepted ones."""
        taken: list[Placed] = []
        for at in range(0, len(rows), _CHUNK):
            chunk = rows[at : at + _CHUNK]
            try:
                self._send(entity_set, table, message, chunk)
                taken += chunk
            except RequestRefused:
                taken += [row for row in chunk if self._sent_alone(entity_set, table, message, row)]
        return taken

    def _sent_alone(self, entity_set: str, table: str, message: str, row: Placed) -> bool:
        try:
            self._send(entity_set, table, message, [row])
        except RequestRefused as refused:
            self._skip(row, refused)
            return False
        return True

    def _send(self, entity_set: str, table: str, message: str, rows: Sequence[Placed]) -> None:
        kind = f"Microsoft.Dynamics.CRM.{table}"
        targets: list[Json] = [{"@odata.type": kind, **row.values} for row in rows]
        self._access.send("POST", f"{API}/{entity_set}/Microsoft.Dynamics.CRM.{message}", {"Targets": targets})

    def _add_price(self, price_list: str, product: Values, line: Placed) -> bool:
        body: dict[str, Json] = {
            "amount": line.values["priceperunit"],
            "pricingmethodcode": 1,
            "pricelevelid@odata.bind": f"/pricelevels({price_list})",
            "productid@odata.bind": f"/products({product['productid']})",
            "uomid@odata.bind": f"/uoms({product['_defaultuomid_value']})",
        }
        try:
            self._access.send("POST", f"{API}/productpricelevels", body)
        except RequestRefused as refused:
            self._skip(line, refused, of="priceperunit")
            return False
        return True

    def _skip(self, row: Placed, refused: RequestRefused, of: str = "") -> None:
        column = of or column_in(row.source, refused.reason)
        named = f"column {column}: " if column else ""
        self.skipped.append(f"{row.place}: {named}{refused.reason}")

    def _rows(self, entity_set: str, select: str) -> list[Values]:
        return list(self._access.rows(f"{API}/{entity_set}?{quoting.query({'$select': select})}"))

    def _read(self, name: str) -> Iterator[Placed]:
        """The records of a checked file; none if there is no such file."""
        file = self._folder / name
        if not file.is_file():
            return
        for place, record in jsonlines.read(file):
            yield Placed(place, record, record)

    def _product_numbers(self) -> dict[str, str]:
        """The numbers of the products that the sample quotes name by id: Sales has given them other ids."""
        rows = self._read("products_dataverse.jsonl")
        return {str(row.values.get("productid")): str(row.values.get("productnumber")) for row in rows}


def _column(row: Placed, name: str) -> Json:
    if row.values.get(name) is None:
        raise Incomplete(f"{row.place}: column {name}: it is missing")
    return row.values[name]


def _sample_header(row: Placed) -> dict[str, Json]:
    kept = {
        name: value
        for name, value in row.values.items()
        if name in _HEADER or (name.startswith(_PLACES) and "composite" not in name)
    }
    kind = row.values.get("_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname", "account")
    return {
        **kept,
        "quoteid": _column(row, "quoteid"),
        f"customerid_{kind}@odata.bind": f"/{kind}s({_column(row, '_customerid_value')})",
        "pricelevelid@odata.bind": f"/pricelevels({_column(row, '_pricelevelid_value')})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({_column(row, '_transactioncurrencyid_value')})",
    }


def _sample_line(row: Values, product: Values) -> dict[str, Json]:
    return {
        **{name: value for name, value in row.items() if name in _LINE},
        "quotedetailid": row.get("quotedetailid") or str(uuid4()),
        "quoteid@odata.bind": f"/quotes({row['_quoteid_value']})",
        "ispriceoverridden": True,
        **of_product(product),
    }
