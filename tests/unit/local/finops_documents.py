"""Quotations, orders and contact persons in a running F&O environment, for the tests of the simulator."""

from collections.abc import Sequence
from typing import Any

from tests.unit.local.batch_bodies import CONTENT_TYPE, Answered, Op, answers_in, body_of
from tests.unit.local.finops_environment import Caller, detail, text

HEADERS, LINES, PERSONS = "CDSSalesQuotationHeaders", "CDSSalesQuotationLines", "CDSContactPersonsV2"
HEADER = {"SalesQuotationNumber": "Q-1", "RequestingCustomerAccountNumber": "US-001"}
LINE = {
    "SalesQuotationNumber": "Q-1",
    "LineCreationSequenceNumber": 1,
    "ProductNumber": "BK-1",
    "RequestedSalesQuantity": 3,
    "SalesPrice": 100,
    "ShippingSiteId": "1",
}
ORDERS, ORDER_LINES, ORDER_LINES_V1 = "CDSSalesOrderHeaders", "CDSSalesOrderLinesV2", "CDSSalesOrderLines"
ORDER = {"SalesOrderNumber": "O-1", "OrderingCustomerAccountNumber": "US-001"}
ORDER_LINE = {
    "SalesOrderNumber": "O-1",
    "LineCreationSequenceNumber": 1,
    "ProductNumber": "BK-1",
    "OrderedSalesQuantity": 3,
    "SalesPrice": 100,
    "ShippingSiteId": "1",
}
PERSON = {
    "ContactPersonPartyNumber": "CON-1",
    "AssociatedContactType": "Customer",
    "AssociatedContactNumber": "US-001",
    "FirstName": "Ana",
    "LastName": "Trujillo",
}
BIKE = {"ProductNumber": "BK-1", "ProductName": "Mountain bike", "SalesUnitSymbol": "ea", "SalesPrice": 120}
SERVICE = {"ProductNumber": "SV-1", "ProductName": "Repair", "SalesUnitSymbol": "hr", "ProductType": "Service"}


def furnish(finops: Caller) -> None:
    """Give an environment the customer and the products that the documents name."""
    finops.customer()
    stocked = {"InventoryUnitSymbol": "ea"}
    assert finops.control("products", [{**BIKE, **stocked}, {**SERVICE, **stocked}]).status_code == 200


def header_url(number: str = "Q-1", company: str = "usmf") -> str:
    return f"{HEADERS}(dataAreaId={text(company)},SalesQuotationNumber={text(number)})"


def line_url(line: int = 1, number: str = "Q-1") -> str:
    return f"{LINES}(dataAreaId='usmf',LineCreationSequenceNumber={line},SalesQuotationNumber={text(number)})"


def order_url(number: str = "O-1", company: str = "usmf") -> str:
    return f"{ORDERS}(dataAreaId={text(company)},SalesOrderNumber={text(number)})"


def order_line_url(line: int = 1, number: str = "O-1", collection: str = ORDER_LINES) -> str:
    return f"{collection}(dataAreaId='usmf',LineCreationSequenceNumber={line},SalesOrderNumber={text(number)})"


def person_url(number: str = "CON-1", account: str = "US-001", kind: str = "Customer") -> str:
    enumeration = "Microsoft.Dynamics.DataEntities.smmContactPersonCDSAssociatedContactType"
    return (
        f"{PERSONS}(dataAreaId='usmf',ContactPersonPartyNumber={text(number)},"
        f"AssociatedContactType={enumeration}'{kind}',AssociatedContactNumber={text(account)})"
    )


def made(finops: Caller, collection: str, body: dict[str, Any]) -> dict[str, Any]:
    """Create a record and give the answered one."""
    answer = finops.post(collection, body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def header(finops: Caller, **values: Any) -> dict[str, Any]:
    return made(finops, HEADERS, {**HEADER, **values})


def line(finops: Caller, number: int = 1, **values: Any) -> dict[str, Any]:
    return made(finops, LINES, {**LINE, "LineCreationSequenceNumber": number, **values})


def order(finops: Caller, **values: Any) -> dict[str, Any]:
    return made(finops, ORDERS, {**ORDER, **values})


def order_line(finops: Caller, number: int = 1, collection: str = ORDER_LINES, **values: Any) -> dict[str, Any]:
    return made(finops, collection, {**ORDER_LINE, "LineCreationSequenceNumber": number, **values})


def person(finops: Caller, **values: Any) -> dict[str, Any]:
    return made(finops, PERSONS, {**PERSON, **values})


def read(finops: Caller, url: str) -> dict[str, Any]:
    """The record at an address."""
    answer = finops.get(url)
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


def refused(finops: Caller, collection: str, body: dict[str, Any]) -> str:
    """The text with which a new record is refused."""
    answer = finops.post(collection, body)
    assert answer.status_code == 400, answer.text
    return detail(answer)


def change_set(finops: Caller, *operations: Op) -> list[Answered]:
    """Send one change set and give its answers."""
    members: Sequence[Op] = operations
    reply = finops.send("POST", "/data/$batch", data=body_of(members), headers={"Content-Type": CONTENT_TYPE})
    assert reply.status_code == 200
    return answers_in(reply)
