"""Orders as they are deployed, between both simulators."""

from contextlib import AbstractContextManager
from typing import Any

from shared.flows.orders import ORDERS
from shared.flows.orders.order_rows import ACTIVE as ACTIVATED
from tests.support.trading import Trading, trading_as


class Ordering(Trading):
    """A salesperson's desk in Sales, and the sales orders of F&O. A product P-1 is in both systems."""

    flow = ORDERS
    route = "order"
    headers = "salesorders"

    def order(self, account: str, *, lines: int = 1, active: bool = True, **values: object) -> tuple[str, str]:
        """Create an order with so many lines of P-1; its id and number. None leaves a column out."""
        given = {
            "name": "Order",
            "pricelevelid__to": f"/pricelevels({self.catalogue['prices']})",
            "transactioncurrencyid__to": f"/transactioncurrencies({self.catalogue['currency']})",
            "customerid_account__to": f"/accounts({account})",
        }
        body = {name: value for name, value in {**given, **values}.items() if value is not None}
        id = self.sales.create("salesorders", **body)
        for _ in range(lines):
            self.order_line(id)
        if active:
            self.activate(id)
        return id, self.number_of(id)

    def in_finops(self, number: str) -> dict[str, Any] | None:
        """The sales order of F&O with a number."""
        return self.sales_order(number)

    def lines_in_sales(self, header: str) -> list[dict[str, Any]]:
        """The lines of an order in Sales."""
        return self.order_lines(header)

    def number_of(self, order: str) -> str:
        """The number of an order."""
        return str(self.sales.get(f"salesorders({order})?$select=ordernumber").json()["ordernumber"])

    def order_line(self, order: str, product: str = "P-1", **values: object) -> str:
        """Add a line to an order; its id."""
        known = self.product(product)
        assert known is not None
        bound = {
            "salesorderid__to": f"/salesorders({order})",
            "productid__to": f"/products({known['productid']})",
            "uomid__to": f"/uoms({self.catalogue['unit']})",
            "quantity": 2,
        }
        return self.sales.create("salesorderdetails", **{**bound, **values})

    def order_lines(self, order: str) -> list[dict[str, Any]]:
        """The lines of an order in Sales, by their number."""
        return self.sales.rows(f"salesorderdetails?$filter=_salesorderid_value eq {order}&$orderby=lineitemnumber")

    def activate(self, order: str) -> None:
        """Activate an order as the form does: first its header, then line by line."""
        self.activate_header(order)
        for line in self.order_lines(order):
            self.submit(str(line["salesorderdetailid"]))

    def activate_header(self, order: str) -> None:
        """Activate an order, whose lines are not marked yet."""
        self.change_draft(f"salesorders({order})", msdynce_processingstatus=ACTIVATED)

    def submit(self, line: str) -> None:
        """Mark a line of an activated order."""
        self.change_draft(f"salesorderdetails({line})", msdynce_orderissubmitted=True)

    def convert(self, quote: str) -> tuple[str, str]:
        """Win an active quote, and activate the order that it becomes; its id and number."""
        body = {"QuoteId": quote, "ColumnSet": {"AllColumns": True}}
        reply = self.sales.send("POST", "ConvertQuoteToSalesOrder", body)
        assert reply.status_code == 200, reply.text
        id = str(reply.json()["salesorderid"])
        self.activate(id)
        return id, self.number_of(id)

    def sales_order(self, number: str, *, lines: str = "CDSSalesOrderLines") -> dict[str, Any] | None:
        """A sales order of F&O, with its lines by number under `lines`."""
        wanted = {"cross-company": "true", "$filter": f"dataAreaId eq 'usmf' and SalesOrderNumber eq '{number}'"}
        headers = self.finops.rows("CDSSalesOrderHeaders", wanted)
        if not headers:
            return None
        found = {row["LineCreationSequenceNumber"]: row for row in self.finops.rows(lines, wanted)}
        return {**headers[0], "lines": dict(sorted(found.items()))}

    def sales_orders(self) -> list[str]:
        """The numbers of all sales orders of F&O."""
        rows = self.finops.rows("CDSSalesOrderHeaders", {"cross-company": "true"})
        return sorted(row["SalesOrderNumber"] for row in rows)


def ordering(**settings: str) -> AbstractContextManager[Ordering]:
    """All flows between two fresh simulators; P-1 is in both."""
    return trading_as(Ordering, **settings)
