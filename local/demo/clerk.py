"""The clerk of F&O: what people there do with orders, from the confirmation to the invoice."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from local.demo.flows import Collection
from local.demo.systems import FINOPS, Access
from shared.records import Json, Values

ORDERS, ORDER_LINES, NUMBER = "CDSSalesOrderHeaders", "CDSSalesOrderLines", "SalesOrderNumber"
STATUS = "SalesOrderProcessingStatus"
_LINE, _QUANTITY, _CHARGES = "LineCreationSequenceNumber", "OrderedSalesQuantity", "OrderTotalChargesAmount"
# The statuses of an order of which nothing was delivered, and of one of which something can be invoiced.
TO_DELIVER, TO_INVOICE = ("Confirmed", "Picked"), ("Delivered", "DeliveredPartiallyInvoiced")
_CUSTOMER, _SITE = "OrderingCustomerAccountNumber", "1"
# A product with a price that a discount can be taken off.
_CHEAP = 10
# For the freight of an order.
FREIGHT = Decimal("12.5")


@dataclass(frozen=True, slots=True)
class Clerk:
    """A clerk in one company, over the control plane of the simulator. RequestRefused says what cannot be done."""

    access: Access
    company: str

    def orders(self, *statuses: str) -> list[str]:
        """The numbers of the sales orders with one of these statuses, or of all, in their order."""
        rows = self._rows(ORDERS, NUMBER, STATUS)
        return sorted(str(row[NUMBER]) for row in rows if not statuses or row[STATUS] in statuses)

    def customers(self) -> list[str]:
        """The customer accounts of organisations, in their order."""
        rows = self._rows("CustomersV3", "CustomerAccount", "PartyType")
        return sorted(str(row["CustomerAccount"]) for row in rows if row["PartyType"] == "Organization")

    def take_order(self, number: str, customer: str) -> None:
        """Enter an order of a customer for two products. The discount of the first line does not divide by its
        quantity."""
        released = self._rows("SellableReleasedProducts", "ProductNumber", "SalesPrice")
        priced = sorted(str(row["ProductNumber"]) for row in released if Decimal(str(row["SalesPrice"])) > _CHEAP)
        reduced: dict[str, Json] = {"LineDiscountAmount": Decimal("3.3333"), "FixedPriceCharges": Decimal("-0.0001")}
        lines: list[Json] = [
            {
                _LINE: at,
                "ProductNumber": product,
                _QUANTITY: 4 - at,
                "ShippingSiteId": _SITE,
                **({} if at > 1 else reduced),
            }
            for at, product in enumerate(priced[:2], start=1)
        ]
        header: dict[str, Json] = {NUMBER: number, "SalesOrderName": "Ordered by telephone", _CUSTOMER: customer}
        self.access.control("POST", "orders", {"dataAreaId": self.company, **header, "lines": lines})

    def calculate_totals(self) -> None:
        """Run the batch job that calculates the totals of orders."""
        self.access.control("POST", "clerk", {"do": "totals"})

    def charge_freight(self, number: str) -> None:
        """Charge the customer for the freight."""
        self.access.control("POST", "orders", {"dataAreaId": self.company, NUMBER: number, _CHARGES: FREIGHT})

    def confirm(self, number: str) -> None:
        """Confirm an order."""
        self._do("confirm", number)

    def pick(self, number: str) -> None:
        """Pick what was ordered."""
        self._do("pick", number)

    def deliver(self, number: str) -> None:
        """Deliver what was not delivered yet."""
        self._do("deliver", number)

    def deliver_half(self, number: str) -> None:
        """Deliver half of what was ordered."""
        self._do("deliver", number, self._halves(number))

    def invoice(self, number: str) -> str:
        """Post an invoice of what was delivered and is not invoiced yet; its number."""
        return str(self._do("invoice", number)["InvoiceNumber"])

    def invoice_half(self, number: str) -> str:
        """Post an invoice of half of what was ordered; its number."""
        return str(self._do("invoice", number, self._halves(number))["InvoiceNumber"])

    def cancel(self, number: str) -> None:
        """Cancel an order of which nothing was delivered."""
        self._do("cancel", number)

    def halvable(self) -> set[str]:
        """The orders of which half is less than all."""
        lines: dict[str, list[Values]] = defaultdict(list)
        for line in self._lines.rows({FINOPS: self.access}):
            lines[str(line[NUMBER])].append(line)
        return {number for number, own in lines.items() if len(own) > 1 or _quantity(own[0]) > 1}

    def _rows(self, entity_set: str, key: str, *columns: str) -> list[Values]:
        return Collection(FINOPS, entity_set, key, columns, company=self.company).rows({FINOPS: self.access})

    @property
    def _lines(self) -> Collection:
        return Collection(FINOPS, ORDER_LINES, NUMBER, (_LINE, _QUANTITY), company=self.company)

    def _do(self, deed: str, number: str, lines: Sequence[Json] = ()) -> Values:
        order: dict[str, Json] = {"do": deed, "dataAreaId": self.company, NUMBER: number}
        return self.access.control("POST", "clerk", {**order, **({"lines": [*lines]} if lines else {})})

    def _halves(self, number: str) -> list[Json]:
        """Half of each line, rounded up; of lines of one piece each, half of the lines."""
        lines = self._lines.rows({FINOPS: self.access}, number)
        if all(_quantity(line) <= 1 for line in lines):
            lines = lines[: math.ceil(len(lines) / 2)]
        return [{_LINE: line[_LINE], "quantity": math.ceil(_quantity(line) / 2)} for line in lines]


def _quantity(line: Values) -> Decimal:
    return Decimal(str(line[_QUANTITY]))
