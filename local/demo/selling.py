"""Quotes as sales people write them in Sales: those of the sample records, and some of every kind that stays there."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from local import jsonlines
from local.demo.flows import API
from local.demo.systems import Access
from shared.clients import quoting
from shared.records import Json, Values

_CHUNK = 500
INDIVIDUALS = 25
DRAFT: Mapping[str, Json] = {"statecode": 0, "statuscode": 1}
ACTIVE: Mapping[str, Json] = {"statecode": 1, "statuscode": 2}
LOST, REVISED = 5, 7
_HEADER = (
    "quotenumber", "name", "effectivefrom", "effectiveto", "requestdeliveryby", "freightamount", "discountpercentage",
    "emailaddress", "description",
)  # fmt: skip
_LINE = ("lineitemnumber", "quantity", "priceperunit", "manualdiscountamount", "tax", "productdescription")
_PLACES = ("billto_", "shipto_")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line that somebody wants to quote: a product by its number, or a text."""

    number: str = ""
    quantity: int = 1
    price: Decimal | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The products of Sales by number, and its price lists and currencies."""

    products: Mapping[str, Values]
    lists: Mapping[str, str] = field(default_factory=dict)


class Seller:
    """Writes quotes over the Web API of Sales."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def catalogue(self) -> Catalogue:
        """What can be quoted now: active products, and the price list of each currency."""
        select = (
            "productid,productnumber,name,price,_defaultuomid_value,_defaultuomscheduleid_value,"
            "_transactioncurrencyid_value"
        )
        rows = self._rows("products", select, "statecode eq 0")
        lists = self._rows("pricelevels", "pricelevelid,_transactioncurrencyid_value", "statecode eq 0")
        return Catalogue(
            {str(row["productnumber"]): row for row in rows},
            {str(row["_transactioncurrencyid_value"]): str(row["pricelevelid"]) for row in lists},
        )

    def add_prices(self, folder: Path, catalogue: Catalogue, tell: Callable[[str], None] = lambda _text: None) -> int:
        """Put the quoted products on the price lists of the quotes in other currencies; how many items. `tell` hears
        how far it is."""
        lists = {str(row["quoteid"]): str(row["_pricelevelid_value"]) for row in read_rows(folder, "quotes.jsonl")}
        items = self._rows("productpricelevels", "_productid_value,_pricelevelid_value", "")
        there = {(str(item["_pricelevelid_value"]), str(item["_productid_value"])) for item in items}
        numbers = _product_numbers(folder)
        added = 0
        for line in read_rows(folder, "quotedetails.jsonl"):
            product = catalogue.products.get(numbers.get(str(line["_productid_value"]), ""))
            price_list = lists.get(str(line["_quoteid_value"]))
            if product is None or price_list is None or (price_list, str(product["productid"])) in there:
                continue
            if price_list == catalogue.lists.get(str(product["_transactioncurrencyid_value"])):
                continue
            there.add((price_list, str(product["productid"])))
            self._add_price(price_list, product, line["priceperunit"])
            added += 1
            tell(f"{added} prices in the quotes' currencies are written")
        return added

    def write_sample_quotes(
        self, folder: Path, catalogue: Catalogue, tell: Callable[[str], None] = lambda _text: None
    ) -> tuple[int, int]:
        """Write and activate the active quotes of the sample records, with all their lines; how many of both. A quote
        with a product that Sales does not have stays away. `tell` hears how far it is."""
        numbers = _product_numbers(folder)
        lines: dict[str, list[dict[str, Json]]] = defaultdict(list)
        incomplete: set[str] = set()
        for row in read_rows(folder, "quotedetails.jsonl"):
            product = catalogue.products.get(numbers.get(str(row["_productid_value"]), ""))
            quote = str(row["_quoteid_value"])
            if product is None:
                incomplete.add(quote)
            else:
                lines[quote].append(_sample_line(row, product))
        quotes = [row for row in read_rows(folder, "quotes.jsonl") if row.get("statecode") == 1]
        quotes = [row for row in quotes if str(row["quoteid"]) not in incomplete]
        ids = [str(row["quoteid"]) for row in quotes]
        self._many("quotes", "quote", "CreateMultiple", [_sample_header(row) for row in quotes])
        written = [line for id in ids for line in lines[id]]
        for at in range(0, len(written), _CHUNK):
            self._many("quotedetails", "quotedetail", "CreateMultiple", written[at : at + _CHUNK])
            tell(f"{min(at + _CHUNK, len(written))} of {len(written)} lines are written")
        self._many("quotes", "quote", "UpdateMultiple", [{"quoteid": id, **ACTIVE} for id in ids])
        return len(ids), sum(len(lines[id]) for id in ids)

    def quote(
        self, customer: str, name: str, wanted: Sequence[Wanted], catalogue: Catalogue, **values: Json
    ) -> tuple[str, str]:
        """Write a quote in the company's currency to an account or contact, given as the address of its row; the
        quote's id and number. It is a draft."""
        priced = (row for row in catalogue.products.values() if row["_transactioncurrencyid_value"] is not None)
        price_list, currency = self._usual_list(next(priced))
        kind = "customerid_account" if customer.startswith("/accounts") else "customerid_contact"
        body: dict[str, Json] = {
            "name": name,
            f"{kind}@odata.bind": customer,
            "pricelevelid@odata.bind": f"/pricelevels({price_list})",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})",
            **values,
        }
        made = self._access.send("POST", f"{API}/quotes", body, Prefer="return=representation")
        id = str(made["quoteid"])
        for line in wanted:
            self.add_line(id, line, catalogue)
        return id, str(made["quotenumber"])

    def add_line(self, id: str, wanted: Wanted, catalogue: Catalogue) -> None:
        """Add a line to a draft."""
        body: dict[str, Json] = {"quoteid@odata.bind": f"/quotes({id})", "quantity": wanted.quantity}
        if wanted.text:
            body |= {"isproductoverridden": True, "productdescription": wanted.text}
        else:
            body |= _of_product(catalogue.products[wanted.number])
        if wanted.price is not None:
            body |= {"ispriceoverridden": True, "priceperunit": wanted.price}
        self._access.send("POST", f"{API}/quotedetails", body)

    def change(self, id: str, values: Mapping[str, Json]) -> None:
        """Change some columns of a quote; its state, too."""
        self._access.send("PATCH", f"{API}/quotes({id})", {**values}, **{"If-Match": "*"})

    def change_line(self, id: str, values: Mapping[str, Json]) -> None:
        """Change some columns of a line of a draft."""
        self._access.send("PATCH", f"{API}/quotedetails({id})", {**values}, **{"If-Match": "*"})

    def lines(self, id: str) -> list[Values]:
        """The lines of a quote."""
        wanted = quoting.equals("_quoteid_value", quoting.Guid(id))
        return self._rows("quotedetails", "quotedetailid,quantity,lineitemnumber", wanted)

    def close(self, id: str, status: int) -> None:
        """Close an active quote."""
        activity: dict[str, Json] = {
            "@odata.type": "Microsoft.Dynamics.CRM.quoteclose",
            "subject": "closed",
            "quoteid@odata.bind": f"/quotes({id})",
        }
        self._access.send("POST", f"{API}/CloseQuote", {"Status": status, "QuoteClose": activity})

    def revise(self, id: str) -> str:
        """Close an active quote as revised; the id of the new revision, a draft."""
        self.close(id, REVISED)
        body: dict[str, Json] = {"QuoteId": id, "ColumnSet": {"AllColumns": True}}
        return str(self._access.send("POST", f"{API}/ReviseQuote", body)["quoteid"])

    def own_product(self, like: Values, number: str, name: str) -> str:
        """Enter a product in Sales that F&O does not know; its number."""
        body: dict[str, Json] = {
            "productnumber": number,
            "name": name,
            "quantitydecimal": 0,
            "defaultuomid@odata.bind": f"/uoms({like['_defaultuomid_value']})",
            "defaultuomscheduleid@odata.bind": f"/uomschedules({like['_defaultuomscheduleid_value']})",
        }
        made = self._access.send("POST", f"{API}/products", body, Prefer="return=representation")
        self._access.send("PATCH", f"{API}/products({made['productid']})", {"statecode": 0, "statuscode": 1})
        return number

    def _usual_list(self, product: Values) -> tuple[str, str]:
        wanted = quoting.equals("productid", quoting.Guid(str(product["productid"])))
        (row,) = self._rows("products", "_pricelevelid_value,_transactioncurrencyid_value", wanted)
        currency = str(row["_transactioncurrencyid_value"])
        lists = self.catalogue().lists
        return str(row["_pricelevelid_value"] or lists[currency]), currency

    def _add_price(self, price_list: str, product: Values, amount: Json) -> None:
        body: dict[str, Json] = {
            "amount": amount,
            "pricingmethodcode": 1,
            "pricelevelid@odata.bind": f"/pricelevels({price_list})",
            "productid@odata.bind": f"/products({product['productid']})",
            "uomid@odata.bind": f"/uoms({product['_defaultuomid_value']})",
        }
        self._access.send("POST", f"{API}/productpricelevels", body)

    def _rows(self, entity_set: str, select: str, wanted: str) -> list[Values]:
        query = quoting.query({"$select": select, "$filter": wanted})
        return list(self._access.rows(f"{API}/{entity_set}?{query}"))

    def _many(self, entity_set: str, table: str, message: str, rows: Sequence[Mapping[str, Json]]) -> None:
        for at in range(0, len(rows), _CHUNK):
            targets: list[Json] = [
                {"@odata.type": f"Microsoft.Dynamics.CRM.{table}", **row} for row in rows[at : at + _CHUNK]
            ]
            self._access.send("POST", f"{API}/{entity_set}/Microsoft.Dynamics.CRM.{message}", {"Targets": targets})


def has_quotes(folder: Path) -> bool:
    """Whether a folder brings quotes."""
    return (folder / "quotes.jsonl").is_file()


def read_rows(folder: Path, name: str) -> Iterator[Values]:
    """The records of a checked file; none where there is no such file."""
    file = folder / name
    if not file.is_file():
        return
    for _place, record in jsonlines.read(file):
        yield record


def _product_numbers(folder: Path) -> dict[str, str]:
    """The numbers of the products that the sample quotes name by id: Sales has given them other ids."""
    rows = read_rows(folder, "products_dataverse.jsonl")
    return {str(row["productid"]): str(row["productnumber"]) for row in rows}


def _sample_header(row: Values) -> dict[str, Json]:
    kept = {
        name: value
        for name, value in row.items()
        if name in _HEADER or (name.startswith(_PLACES) and "composite" not in name)
    }
    kind = row.get("_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname", "account")
    return {
        **kept,
        "quoteid": row["quoteid"],
        f"customerid_{kind}@odata.bind": f"/{kind}s({row['_customerid_value']})",
        "pricelevelid@odata.bind": f"/pricelevels({row['_pricelevelid_value']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({row['_transactioncurrencyid_value']})",
    }


def _sample_line(row: Values, product: Values) -> dict[str, Json]:
    return {
        **{name: value for name, value in row.items() if name in _LINE},
        "quotedetailid": row.get("quotedetailid") or str(uuid4()),
        "quoteid@odata.bind": f"/quotes({row['_quoteid_value']})",
        "ispriceoverridden": True,
        **_of_product(product),
    }


def _of_product(product: Values) -> dict[str, Json]:
    return {
        "productid@odata.bind": f"/products({product['productid']})",
        "uomid@odata.bind": f"/uoms({product['_defaultuomid_value']})",
    }
