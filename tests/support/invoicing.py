"""Invoices as they are deployed, between both simulators: orders of Sales that F&O invoices."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from local.finops.settings import Settings as FinopsSettings
from shared.flows.invoices import INVOICES
from shared.flows.invoices.amounts import DISCOUNTS_FROM
from shared.state.links import LinkState
from tests.support.assortment import MAP_DOCUMENT
from tests.support.ordering import Ordering
from tests.support.trading import trading_as

Row = Mapping[str, object]
_NOTHING: Row = {}


class Invoicing(Ordering):
    """A salesperson's desk in Sales, and the clerk of F&O who delivers and invoices. P-1 is in both systems."""

    flow = INVOICES
    route = "invoice"

    def clerk(self, what: str, number: str = "", **values: object) -> dict[str, Any]:
        """The clerk does something to an order."""
        named = {"SalesOrderNumber": number} if number else {}
        reply = self.finops.control("clerk", {"do": what, **named, **values})
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    def delivered(self, *, lines: int = 2, **values: object) -> tuple[str, str]:
        """An order of Sales that F&O has delivered; its id and number."""
        account = self.account("A-1") if self.customer("A-1") is None else self.account_id("A-1")
        self.tick()
        id, number = self.order(account, lines=0, active=False, **values)
        for _ in range(lines):
            self.order_line(id, quantity=3, ispriceoverridden=True, priceperunit=19.95, manualdiscountamount=10)
        self.activate(id)
        self.tick()
        for step in ("totals", "confirm", "deliver"):
            self.clerk(step, "" if step == "totals" else number)
        return id, number

    def account_id(self, number: str) -> str:
        """The id of an account."""
        return str(self.sales.rows(f"accounts?$filter=accountnumber eq '{number}'")[0]["accountid"])

    def invoiced(self, *, lines: int = 2) -> tuple[str, str]:
        """An order that F&O has invoiced as a whole; its id and the number of the invoice."""
        id, number = self.delivered(lines=lines)
        return id, str(self.clerk("invoice", number)["InvoiceNumber"])

    def born_in_finops(
        self, number: str, *, product: str = "P-1", line: Row = _NOTHING, header: Row = _NOTHING
    ) -> None:
        """An order that F&O has made and delivered."""
        given = {"LineCreationSequenceNumber": 1, "ProductNumber": product, "ShippingSiteId": "1"}
        usual = {
            "SalesOrderNumber": number,
            "OrderingCustomerAccountNumber": "A-1",
            "OrderTotalChargesAmount": 12.5,
        }
        amounts = {"OrderedSalesQuantity": 2, "SalesPrice": 7}
        reply = self.finops.control("orders", {**usual, **header, "lines": [{**given, **amounts, **line}]})
        assert reply.status_code == 200, reply.text
        self.clerk("totals")
        self.clerk("deliver", number)

    def invoice_line(self, invoice: str, **values: object) -> str:
        """Add a line with P-1 and a price of its own to an invoice of Sales; its id."""
        known = self.product("P-1")
        assert known is not None
        bound = {
            "invoiceid__to": f"/invoices({invoice})",
            "productid__to": f"/products({known['productid']})",
            "uomid__to": f"/uoms({self.catalogue['unit']})",
            "ispriceoverridden": True,
        }
        return self.sales.create("invoicedetails", **bound, **values)

    def posted(self) -> dict[str, dict[str, Any]]:
        """The posted invoices of F&O by number, with their lines by number under `lines`."""
        everywhere = {"cross-company": "true"}
        headers = self.finops.rows("ExternallyMaintainedCustomerSalesInvoiceHeaders", everywhere)
        lines = self.finops.rows("ExternallyMaintainedCustomerSalesInvoiceLinesV2", everywhere)
        return {
            header["InvoiceNumber"]: {
                **header,
                "lines": {
                    line["LineCreationSequenceNumber"]: line
                    for line in lines
                    if line["InvoiceNumber"] == header["InvoiceNumber"]
                },
            }
            for header in headers
        }

    def ids(self) -> dict[str, str]:
        """The ids of the posted invoices, as the flow knows them, by number."""
        return {
            number: f"{number}/{row['InvoiceDate']}/{row['LedgerVoucher']}" for number, row in self.posted().items()
        }

    def invoice(self, number: str) -> dict[str, Any] | None:
        """An invoice of Sales, with its lines by position under `lines`."""
        headers = self.sales.rows(f"invoices?$filter=invoicenumber eq '{number}'")
        if not headers:
            return None
        (header,) = headers
        lines = self.sales.rows(
            f"invoicedetails?$filter=_invoiceid_value eq {header['invoiceid']}&$orderby=sequencenumber"
        )
        assert len({line["sequencenumber"] for line in lines}) == len(lines)
        return {**header, "lines": {line["sequencenumber"]: line for line in lines}}

    def invoices(self) -> list[str]:
        """The numbers of all invoices of Sales."""
        return sorted(row["invoicenumber"] for row in self.sales.rows("invoices"))


def invoicing(**settings: str) -> AbstractContextManager[Invoicing]:
    """All flows between two fresh simulators; P-1 is in both, and so are the decimals of amounts."""
    return trading_as(Invoicing, FinopsSettings(amount_decimals=2), **{"INVOICES": "on", **settings})


# Everything that the mappings of products and invoices write into columns of the solution is off.
_OF_SOLUTION = {
    "products": ("ismaintainedexternally",),
    "invoices": ("invoicedate", "misctax", "ismaintainedexternally"),
    "invoice_lines": ("invoicenumber", "invoicedate", "ismisctax", "ismaintainedexternally"),
}
_OFF = {part: {f"msdynce_{name}": "off" for name in names} for part, names in _OF_SOLUTION.items()}
STANDARD_ONLY = json.dumps({**json.loads(MAP_DOCUMENT), "fields": _OFF})


class _WithoutSolution(Invoicing):
    has_solution = False


def invoicing_without_solution(**settings: str) -> AbstractContextManager[Invoicing]:
    """The same in an organisation without Microsoft's solution: its columns are off in the map document, and the
    sync does what its automation would do."""
    given = {
        "INVOICES": "on",
        "INVOICES_ORDER": "sync",
        "PRODUCTS_PRICE_ITEMS": "sync",
        "MAP_DOCUMENT": STANDARD_ONLY,
    }
    return trading_as(_WithoutSolution, FinopsSettings(amount_decimals=2), **{**given, **settings})


def same_amounts(desk: Invoicing) -> None:
    """Every posted invoice is in Sales once, is linked and clean, and costs the same, line by line and as a whole."""
    ids = desk.ids()
    assert desk.depth() == 0
    assert desk.invoices() == sorted(ids)
    for number, posted in desk.posted().items():
        link, found = desk.link(ids[number]), desk.invoice(number)
        assert (link.state, link.dirty, link.claim.id, link.intent) == (LinkState.WRITTEN, False, None, None)
        assert desk.failure(ids[number]) is None
        assert found is not None
        assert Decimal(str(found["totalamount"])) == Decimal(str(posted["TotalInvoiceAmount"]))
        there = {n: Decimal(str(line["LineAmount"])) for n, line in posted["lines"].items()}
        here = {
            n: Decimal(str(line["baseamount"])) - Decimal(str(line["manualdiscountamount"] or 0))
            for n, line in found["lines"].items()
        }
        for n, added in here.items():
            if n >= DISCOUNTS_FROM and n - DISCOUNTS_FROM in there:
                here[n - DISCOUNTS_FROM] += added
        assert {n: here[n] for n in there} == there
