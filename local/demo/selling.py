"""Quotes and orders as Sales users write them: what can be sold, the documents and their lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from local.demo.flows import API
from local.demo.systems import Access
from shared.clients import quoting
from shared.flows.orders.order_rows import ACTIVE as ACTIVATED
from shared.records import Json, Values

INDIVIDUALS = 25
DRAFT: Mapping[str, Json] = {"statecode": 0, "statuscode": 1}
ACTIVE: Mapping[str, Json] = {"statecode": 1, "statuscode": 2}
LOST, REVISED = 5, 7
# What activates an order: first its header, then line by line.
HEADER_ACTIVATED: Mapping[str, Json] = {"msdynce_processingstatus": ACTIVATED}
LINE_SUBMITTED: Mapping[str, Json] = {"msdynce_orderissubmitted": True}
QUOTE, ORDER = "quote", "salesorder"
_NUMBERS = {QUOTE: "quotenumber", ORDER: "ordernumber"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line of a quote or an order: a product by its number, or a text."""

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
    """Writes quotes and orders over the Web API of Sales."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def catalogue(self) -> Catalogue:
        """What can be sold now: active products, and the price list of each currency."""
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

    def quote(
        self, customer: str, name: str, wanted: Sequence[Wanted], catalogue: Catalogue, **values: Json
    ) -> tuple[str, str]:
        """Write a quote in the company's currency to an account or contact, given as the address of its row; the
        quote's id and number. It is a draft."""
        return self._document(QUOTE, {**self._header(customer, name, catalogue), **values}, wanted, catalogue)

    def order(
        self, customer: str, name: str, wanted: Sequence[Wanted], catalogue: Catalogue, **values: Json
    ) -> tuple[str, str]:
        """Write an order, as a quote is written; its id and number. It is not activated."""
        return self._document(ORDER, {**self._header(customer, name, catalogue), **values}, wanted, catalogue)

    def convert(self, quote: str) -> tuple[str, str]:
        """Win an active quote; id and number of the order that it becomes, which is not activated."""
        body: dict[str, Json] = {"QuoteId": quote, "ColumnSet": {"AllColumns": True}}
        made = self._access.send("POST", f"{API}/ConvertQuoteToSalesOrder", body)
        return str(made["salesorderid"]), str(made["ordernumber"])

    def activate(self, order: str) -> None:
        """Activate an order, as the form does."""
        self.change(order, HEADER_ACTIVATED, ORDER)
        for line in self.lines(order, ORDER):
            self.change_line(str(line["salesorderdetailid"]), LINE_SUBMITTED, ORDER)

    def _header(self, customer: str, name: str, catalogue: Catalogue) -> dict[str, Json]:
        priced = (row for row in catalogue.products.values() if row["_transactioncurrencyid_value"] is not None)
        price_list, currency = self._usual_list(next(priced))
        kind = "customerid_account" if customer.startswith("/accounts") else "customerid_contact"
        return {
            "name": name,
            f"{kind}@odata.bind": customer,
            "pricelevelid@odata.bind": f"/pricelevels({price_list})",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency})",
        }

    def _document(
        self, table: str, header: dict[str, Json], wanted: Sequence[Wanted], catalogue: Catalogue
    ) -> tuple[str, str]:
        made = self._access.send("POST", f"{API}/{table}s", header, Prefer="return=representation")
        id = str(made[f"{table}id"])
        for line in wanted:
            self.add_line(id, line, catalogue, table)
        return id, str(made[_NUMBERS[table]])

    def add_line(self, id: str, wanted: Wanted, catalogue: Catalogue, table: str = QUOTE) -> None:
        """Add a line to a draft."""
        body: dict[str, Json] = {f"{table}id@odata.bind": f"/{table}s({id})", "quantity": wanted.quantity}
        if wanted.text:
            body |= {"isproductoverridden": True, "productdescription": wanted.text}
        else:
            body |= of_product(catalogue.products[wanted.number])
        if wanted.price is not None:
            body |= {"ispriceoverridden": True, "priceperunit": wanted.price}
        self._access.send("POST", f"{API}/{table}details", body)

    def change(self, id: str, values: Mapping[str, Json], table: str = QUOTE) -> None:
        """Change some columns of a quote or an order; its state, too."""
        self._access.send("PATCH", f"{API}/{table}s({id})", {**values}, **{"If-Match": "*"})

    def change_line(self, id: str, values: Mapping[str, Json], table: str = QUOTE) -> None:
        """Change some columns of a line."""
        self._access.send("PATCH", f"{API}/{table}details({id})", {**values}, **{"If-Match": "*"})

    def lines(self, id: str, table: str = QUOTE) -> list[Values]:
        """The lines of a quote or an order."""
        wanted = quoting.equals(f"_{table}id_value", quoting.Guid(id))
        return self._rows(f"{table}details", f"{table}detailid,quantity,lineitemnumber", wanted)

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

    def _rows(self, entity_set: str, select: str, wanted: str) -> list[Values]:
        query = quoting.query({"$select": select, "$filter": wanted})
        return list(self._access.rows(f"{API}/{entity_set}?{query}"))


def some_products(catalogue: Catalogue, count: int) -> list[Wanted]:
    """Products with a price of their own: not everything in the catalogue has one."""
    priced = sorted(number for number, row in catalogue.products.items() if row["price"])
    return [Wanted(number, quantity) for quantity, number in enumerate(priced[:count], start=1)]


def of_product(product: Values) -> dict[str, Json]:
    """How a line names a product and its unit."""
    return {
        "productid@odata.bind": f"/products({product['productid']})",
        "uomid@odata.bind": f"/uoms({product['_defaultuomid_value']})",
    }
