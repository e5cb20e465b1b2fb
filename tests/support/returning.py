"""What comes back of orders, as it is deployed, between both simulators: the clerk works in F&O."""

from decimal import Decimal
from typing import Any

from shared.flows.ordersback import ORDERSBACK
from shared.state.links import LinkState
from tests.support.ordering import Ordering
from tests.unit.local import finops_environment

ACTIVATED, CONFIRMED, INVOICED, SHIPPED_STATUS, PARTIALLY_SHIPPED, CANCELLED = (
    647390000, 647390001, 647390003, 647390007, 647390008, 647390010,
)  # fmt: skip


class Returning(Ordering):
    """The desk, seen by what comes back; the clerk works in F&O."""

    flow = ORDERSBACK
    route = "status"

    def made(self, *, lines: int = 1) -> tuple[str, str]:
        """An order of Sales that is a sales order in F&O; its id and number."""
        id, number = self.order(self.customer_id, lines=lines)
        self.tick()
        assert self.sales_order(number) is not None
        return id, number

    @property
    def customer_id(self) -> str:
        """The account of all orders."""
        rows = self.sales.rows("accounts?$select=accountid&$filter=accountnumber eq 'A-1'")
        return str(rows[0]["accountid"]) if rows else self.account("A-1")

    def clerk(self, deed: str, number: str, **values: object) -> None:
        """The clerk does something to a sales order."""
        reply = self.finops.control("clerk", {"do": deed, "SalesOrderNumber": number, **values})
        assert reply.status_code == 200, reply.text

    def totals(self) -> None:
        """The batch job for totals runs."""
        assert self.finops.control("clerk", {"do": "totals"}).status_code == 200

    def confirmed(self, *, lines: int = 1) -> tuple[str, str]:
        """An order that is confirmed in F&O, with its totals."""
        id, number = self.made(lines=lines)
        self.clerk("confirm", number)
        self.totals()
        return id, number

    def status(self, order: str) -> int:
        """The processing status of an order in Sales."""
        return int(self.sales.get(f"salesorders({order})").json()["msdynce_processingstatus"])

    def rule(self, number: str) -> str | None:
        """The rule by which a sales order is filtered."""
        link = self.link(number)
        assert link.state is LinkState.FILTERED
        return link.rule

    def version(self, order: str) -> Any:
        """The version of an order in Sales: each write changes it."""
        return self.sales.get(f"salesorders({order})").json()["versionnumber"]

    def born(self, number: str = "F-1", *, customer: str = "A-1", confirmed: bool = True, **values: object) -> None:
        """A sales order that people have made in F&O, with one line of P-1."""
        if self.customer(customer) is None:
            self.account(customer)
            self.tick()
        self.at_desk(
            number, {"OrderingCustomerAccountNumber": customer, "CurrencyCode": "USD", **values}, self.finops_line(1)
        )
        if confirmed:
            self.clerk("confirm", number)
            self.totals()

    def finops_line(self, number: int, **values: object) -> dict[str, object]:
        """A line of a sales order, as people of F&O enter it."""
        given = {"ProductNumber": "P-1", "OrderedSalesQuantity": 2, "SalesPrice": 7, "ShippingSiteId": "1"}
        return {"LineCreationSequenceNumber": number, **given, **values}

    def at_desk(self, number: str, header: dict[str, object] | None = None, *lines: dict[str, object]) -> None:
        """People of F&O make a sales order, or change it. What they change has no totals yet."""
        body = {"SalesOrderNumber": number, **(header or {}), "lines": list(lines), "AreTotalsUpdated": "No"}
        reply = self.finops.control("orders", body)
        assert reply.status_code == 200, reply.text

    def remove_line(self, number: str, line: int) -> None:
        """People of F&O remove a line of a sales order."""
        body = {"SalesOrderNumber": number, "lines": [{"LineCreationSequenceNumber": line}]}
        headers = {"x-simulator-admin-token": finops_environment.ADMIN_TOKEN}
        reply = self.finops.send("DELETE", "/_simulator/orders", json=body, headers=headers)
        assert reply.status_code == 200, reply.text

    def orders_in_sales(self, number: str) -> list[dict[str, Any]]:
        """The orders of Sales that have a number, each with its lines by position under `lines`."""
        found = self.sales.rows(f"salesorders?$filter=ordernumber eq '{number}'")
        return [{**order, "lines": self._lines_of(str(order["salesorderid"]))} for order in found]

    def order_in_sales(self, number: str) -> dict[str, Any]:
        """The one order of Sales with a number, with its lines by position under `lines`."""
        (order,) = self.orders_in_sales(number)
        return order

    def _lines_of(self, order: str) -> dict[int, dict[str, Any]]:
        rows = self.sales.rows(f"salesorderdetails?$filter=_salesorderid_value eq {order}&$orderby=sequencenumber")
        assert len({row["sequencenumber"] for row in rows}) == len(rows)
        return {row["sequencenumber"]: row for row in rows}

    def same_in_both(self, *numbers: str) -> None:
        """These sales orders of F&O are in Sales once, linked and clean, and cost the same, as a whole and line by
        line."""
        assert self.depth() == 0
        for number in numbers:
            link, there, here = self.link(number), self.sales_order(number), self.order_in_sales(number)
            assert (link.state, link.dirty, link.claim.id, link.intent) == (LinkState.WRITTEN, False, None, None)
            assert self.failure(number) is None
            assert there is not None
            assert exact(here["totalamount"]) == exact(there["OrderTotalAmount"]), number
            amounts = {at: exact(line["LineAmount"]) for at, line in there["lines"].items()}
            sold = {
                at: exact(line["extendedamount"]) - exact(line["tax"])
                for at, line in here["lines"].items()
                if not line["msdynce_ismisctax"]
            }
            assert sold == amounts, number


def exact(amount: object) -> Decimal:
    """An amount of an answer; blank counts as 0."""
    return Decimal(str(amount or 0))
