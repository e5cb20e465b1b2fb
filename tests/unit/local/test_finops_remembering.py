"""What the simulator of F&O remembers of its rows: no client can tell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from local.finops.settings import Settings
from local.finops.tables import Tables
from local.simulator.messages import Reply
from tests.support.thinned import few_examples
from tests.unit.local.batch_bodies import Op
from tests.unit.local.finops_documents import (
    HEADERS,
    LINE,
    LINES,
    ORDER_LINE,
    ORDER_LINES,
    ORDER_LINES_V1,
    ORDERS,
    PERSON,
    PERSONS,
    furnish,
    header,
    header_url,
    line,
    line_url,
    made,
    order,
    order_line,
    order_line_url,
    order_url,
    person,
    person_url,
)
from tests.unit.local.finops_environment import ADMIN_TOKEN, CUSTOMER, TOKEN, Caller, customer_url, environment, text
from tests.unit.local.twins import Twins

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SETTINGS = Settings(page_size=3)
COMPANIES = ("usmf", "usrt", "USMF")
ACCOUNTS = ("US-001", "us-001", "US-002", "US-001 ")
PARTIES = ("CON-1", "CON-2")
PRODUCTS = ("BK-1", "SV-1", "P-3", "bk-1")
CROSS = "cross-company=true"
Numbers = tuple[int, int, int]


@dataclass
class Environment:
    """The twins, the last tag that they gave, and where the last page went on."""

    twins: Twins
    tag: str = 'W/"1"'
    following: str = "/data/CustomersV3"


Deed = Callable[[Environment, Numbers], Op]


def address(path: str, a: int) -> str:
    """Below /data, in the default company or in all."""
    return f"/data/{path}?{CROSS}" if a % 3 else f"/data/{path}"


def tagged(twin: Environment, c: int) -> dict[str, str]:
    """Some changes are of a record as it was last seen."""
    return {"If-Match": twin.tag} if c % 4 == 3 else {}


def customer(twin: Environment, numbers: Numbers) -> Op:
    a, b, c = numbers
    account, company = ACCOUNTS[b % 4], COMPANIES[c % 3]
    named = {"CustomerAccount": account} if a % 2 else {}
    person = {"PartyType": "Person", "OrganizationName": "", "PersonLastName": "Trujillo"}
    party = {"PartyNumber": PARTIES[c % 2], **person} if c % 5 == 0 else {}
    match a % 4:
        case 0 | 1:
            group = {"CustomerGroupId": ("30", "G-1")[b % 2], "PaymentTerms": ("Net10", "T-1")[c % 2]}
            body = {**CUSTOMER, "CustomerAccount": None, **named, **party, **group, "dataAreaId": company}
            return Op("POST", "/data/CustomersV3", {name: value for name, value in body.items() if value is not None})
        case 2:
            changed = (
                {"OrganizationName": f"Name {c}"},
                {"CustomerGroupId": "G-1"},
                {"PrimaryContactEmail": f"a{c}@example.com"},
                {"PersonLastName": f"Person {c}"},
            )[c % 4]
            return Op("PATCH", address(customer_url(account, company), b), changed, headers=tagged(twin, c))
    return Op("DELETE", address(customer_url(account, company), b), headers=tagged(twin, c))


def contact(twin: Environment, numbers: Numbers) -> Op:
    a, b, c = numbers
    party, account = PARTIES[b % 2], ACCOUNTS[c % 3]
    match a % 3:
        case 0:
            number = {"ContactPersonPartyNumber": party, "AssociatedContactNumber": account}
            return Op("POST", f"/data/{PERSONS}", {**PERSON, **number})
        case 1:
            changed = {"LastName": f"Person {c}"} if c % 2 else {"PrimaryAddressCity": f"City {c}"}
            return Op("PATCH", address(person_url(party, account), b), changed, headers=tagged(twin, c))
    return Op("DELETE", address(person_url(party, account), b))


VALUE_LISTS: dict[str, tuple[tuple[str, ...], str]] = {
    "CustomerGroups": (("30", "G-1"), "Description"),
    "PaymentTerms": (("Net10", "T-1"), "Description"),
    "DeliveryTerms": (("CIF", "D-1"), "TermsDescription"),
    "DeliveryModesV2": (("10", "M-1"), "ModeDescription"),
    "UnitsOfMeasure": (("ea", "u-1"), "UnitDescription"),
    "Currencies": (("USD", "XTS"), "Name"),
    "LegalEntities": (("usrt", "zzzz"), "Name"),
}
KEYS = {
    "CustomerGroups": "CustomerGroupId",
    "PaymentTerms": "Name",
    "DeliveryTerms": "TermsCode",
    "DeliveryModesV2": "ModeCode",
    "UnitsOfMeasure": "UnitSymbol",
    "Currencies": "CurrencyCode",
    "LegalEntities": "LegalEntityId",
}


def value_list(twin: Environment, numbers: Numbers) -> Op:
    """Groups, terms, modes, units, currencies and companies: what other records name."""
    a, b, c = numbers
    collection = tuple(VALUE_LISTS)[b % len(VALUE_LISTS)]
    values, described = VALUE_LISTS[collection]
    key: dict[str, str] = {KEYS[collection]: values[a % 2]}
    if collection not in ("UnitsOfMeasure", "Currencies", "LegalEntities"):
        key["dataAreaId"] = COMPANIES[c % 3]
    url = f"{collection}({','.join(f'{name}={text(value)}' for name, value in key.items())})"
    match c % 4:
        case 0 | 1:
            return Op("POST", f"/data/{collection}", {**key, described: f"Value {c}"})
        case 2:
            precise = {"DecimalPrecision": c % 4} if collection == "UnitsOfMeasure" else {described: f"Changed {c}"}
            return Op("PATCH", address(url, 1), precise, headers=tagged(twin, b))
    return Op("DELETE", address(url, 1))


def product(_twin: Environment, numbers: Numbers) -> Op:
    """Release products, change them or take them out, one or several, of which one may be refused."""
    a, b, c = numbers
    company = {"dataAreaId": COMPANIES[1]} if c % 4 == 0 else {}
    released = {"ProductNumber": PRODUCTS[b % 4], "SalesUnitSymbol": ("ea", "u-1")[c % 2], "InventoryUnitSymbol": "ea"}
    one = {**released, "ProductName": f"Product {c}", "SalesPrice": c, **company}
    refused = {"ProductNumber": "P-9", "SalesUnitSymbol": "nothing"}
    match a % 4:
        case 0 | 1:
            return steered("POST", "products", one)
        case 2:
            return steered("POST", "products", [one, refused] if c % 2 else [one, {**one, "SalesPrice": 5}])
    return steered(
        "DELETE", "products", [{"ProductNumber": PRODUCTS[(b + at) % 4], **company} for at in range(1 + c % 2)]
    )


def document(twin: Environment, numbers: Numbers) -> Op:
    """A quotation or an order."""
    a, b, c = numbers
    is_quotation, company = b % 2, COMPANIES[c % 3]
    number = f"{'Q' if is_quotation else 'O'}-{1 + c % 2}"
    collection, name, customer_of, title = (
        (HEADERS, "SalesQuotationNumber", "RequestingCustomerAccountNumber", "SalesQuotationName")
        if is_quotation
        else (ORDERS, "SalesOrderNumber", "OrderingCustomerAccountNumber", "SalesOrderName")
    )
    url = header_url(number, company) if is_quotation else order_url(number, company)
    match a % 4:
        case 0 | 1:
            named = {name: number} if a % 4 else {}
            return Op("POST", f"/data/{collection}", {**named, customer_of: ACCOUNTS[b % 4], "dataAreaId": company})
        case 2:
            changed = ({title: f"Title {c}"}, {"DeliveryTermsCode": "D-1"}, {"DeliveryModeCode": "10"})[c % 3]
            return Op("PATCH", address(url, b), changed, headers=tagged(twin, c))
    return Op("DELETE", address(url, 1))


def document_line(twin: Environment, numbers: Numbers) -> Op:
    """A line of a quotation, or of an order by either of its two collections."""
    a, b, c = numbers
    at, quoted = 1 + c % 3, b % 3 == 0
    collection = (LINES, ORDER_LINES, ORDER_LINES_V1)[b % 3]
    quantity = "RequestedSalesQuantity" if quoted else "OrderedSalesQuantity"
    url = line_url(at) if quoted else order_line_url(at, collection=collection)
    match a % 4:
        case 0 | 1:
            numbered = {"LineCreationSequenceNumber": at, "ProductNumber": PRODUCTS[c % 4]}
            return Op("POST", f"/data/{collection}", {**(LINE if quoted else ORDER_LINE), **numbered})
        case 2:
            changed = ({quantity: c}, {"SalesPrice": c}, {"SalesUnitSymbol": "u-1"})[c % 3]
            return Op("PATCH", address(url, 1), changed, headers=tagged(twin, c))
    return Op("DELETE", address(url, 1))


WRITES: tuple[Deed, ...] = (customer, contact, value_list, document, document_line)


def read(twin: Environment, numbers: Numbers) -> Op:
    """One record or several, by key, by condition, with the records that they navigate to, with and without a tag."""
    a, b, c = numbers
    account, company = ACCOUNTS[c % 4], COMPANIES[b % 3]
    paths = (
        f"{customer_url(account, company)}?{CROSS}",
        customer_url(account, company),
        f"CustomersV3?{CROSS}&$count=true&$select=CustomerAccount,OrganizationName,CustomerGroupId",
        "CustomersV3?$filter=CustomerGroupId eq '30' or OrganizationName eq 'Name*'",
        f"{header_url()}?$expand=CDSSalesQuotationLines",
        f"{line_url(1 + c % 3)}?$expand=CDSSalesQuotationHeader($select=SalesQuotationName)",
        f"{order_url()}?$expand=CDSSalesOrderLinesV2",
        order_line_url(1 + c % 3, collection=(ORDER_LINES, ORDER_LINES_V1)[b % 2]),
        f"{person_url(PARTIES[b % 2], account)}?{CROSS}",
        f"{PERSONS}?$filter=LastName ne 'x'&{CROSS}",
        f"SellableReleasedProducts?{CROSS}",
        f"{tuple(VALUE_LISTS)[c % 7]}/$count?{CROSS}",
    )
    tag = {"If-None-Match": twin.tag} if c % 3 == 0 else {}
    return Op("GET", f"/data/{paths[a % len(paths)]}", headers=tag)


def go_on(twin: Environment, _numbers: Numbers) -> Op:
    """The page after the last one."""
    return Op("GET", twin.following)


def steered(method: str, name: str, body: Any) -> Op:
    """What is changed past the service."""
    return Op(method, f"/_simulator/{name}", body, headers={"x-simulator-admin-token": ADMIN_TOKEN})


def clerk(_twin: Environment, numbers: Numbers) -> Op:
    """What people of the company do with orders and quotations."""
    a, b, c = numbers
    number = f"O-{1 + b % 2}"
    match a % 8:
        case 0:
            return steered("POST", "clerk", {"do": "totals"})
        case 6:
            own = {"SalesOrderNumber": number, "OrderTotalChargesAmount": c, "CustomersOrderReference": f"R-{b}"}
            lines = [{"LineCreationSequenceNumber": 1 + at, "OrderedSalesQuantity": c} for at in range(b)]
            return steered("POST", "orders", {**own, "lines": lines})
        case 7:
            lines = [{"LineCreationSequenceNumber": 1 + b}]
            if c % 2:
                return steered("DELETE", "quotations", {"SalesQuotationNumber": "Q-1", "lines": lines})
            return steered("POST", "quotations", {"SalesQuotationNumber": "Q-1", "SalesQuotationStatus": "Sent"})
    deed = ("confirm", "pick", "deliver", "invoice", "cancel")[a % 8 - 1]
    part = [{"LineCreationSequenceNumber": 1, "quantity": 1}] if c % 2 else []
    return steered("POST", "clerk", {"do": deed, "SalesOrderNumber": number, **({"lines": part} if part else {})})


def switch(_twin: Environment, numbers: Numbers) -> Op:
    """Take a right away, expect a conflict, or end both."""
    a, b, _ = numbers
    collection = ("CustomersV3", PERSONS, HEADERS)[b % 3]
    match a % 3:
        case 0:
            return steered("POST", "rights", {"entity": collection, "right": "write", "granted": False})
        case 1:
            return steered("POST", "conflicts", {"entity": collection, "times": 1})
    return steered("DELETE", "rights", None)


ANY: tuple[Deed, ...] = (*WRITES, *WRITES, read, read, read, go_on, product, product, clerk, clerk, switch)

NUMBERS = st.tuples(st.integers(0, 11), st.integers(0, 6), st.integers(0, 11))
ALONE = st.tuples(st.just("alone"), st.lists(st.tuples(st.sampled_from(ANY), NUMBERS), min_size=1, max_size=4))
TOGETHER = st.tuples(
    st.sampled_from(["change set", "batch"]),
    st.lists(st.tuples(st.sampled_from(WRITES), NUMBERS), min_size=1, max_size=4),
)
PARTS = st.lists(st.one_of(ALONE, ALONE, TOGETHER), min_size=4, max_size=20)


@cache
def _stocked() -> Tables:
    """Customers of two companies, a contact person, products, and a quotation and an order with two lines each."""
    with environment(SETTINGS, clock=lambda: NOON) as finops:
        furnish(finops)
        finops.customer(CustomerAccount="US-002")
        finops.customer(dataAreaId="usrt")
        made(finops, "UnitsOfMeasure", {"UnitSymbol": "u-1"})
        made(finops, "PaymentTerms", {"Name": "T-1"})
        person(finops)
        header(finops)
        order(finops)
        order(finops, SalesOrderNumber="O-2")
        for at in (1, 2):
            line(finops, at)
            order_line(finops, at)
        return finops.tables.copied()


@contextmanager
def twins() -> Iterator[Twins]:
    """Two environments at the same moment."""
    with _copy() as one, _copy() as other:
        pair = [(finops.simulator, finops.tables._store) for finops in (one, other)]
        yield Twins(pair[0], pair[1], {"Authorization": f"Bearer {TOKEN}"})


@contextmanager
def _copy() -> Iterator[Caller]:
    with environment(SETTINGS, tables=_stocked(), clock=lambda: NOON) as finops:
        yield finops


def note(twin: Environment, reply: Reply) -> None:
    """What later requests can name: the tag, and the next page."""
    twin.tag = reply.headers.get("ETag", twin.tag)
    _, found, rest = reply.body.decode().partition('"@odata.nextLink":"http://twin')
    if found:
        twin.following = rest.partition('"')[0]


def play(twin: Environment, kind: str, steps: list[tuple[Deed, Numbers]]) -> None:
    ops = [deed(twin, numbers) for deed, numbers in steps]
    if kind == "alone":
        for op in ops:
            note(twin, twin.twins.ask(op))
    else:
        twin.twins.ask_in_batch("/data/$batch", ops, as_change_set=kind == "change set")


# A line that both collections of lines show, one of a change set that is undone, a customer that is a contact, and a
# customer whose key differs from the first in one part only.
SHOWN_TWICE = ("alone", [(read, (7, 1, 0)), (document_line, (2, 1, 6)), (read, (7, 1, 0))])
UNDONE = ("change set", [(document_line, (2, 2, 9)), (document_line, (2, 2, 3))])
PARTY = (
    "alone",
    [(customer, (3, 2, 0)), (customer, (1, 2, 0)), (read, (0, 0, 2)), (read, (0, 0, 0)), (contact, (1, 0, 1))],
)


@few_examples()
@example([SHOWN_TWICE, UNDONE, PARTY])
@given(PARTS)
def test_no_client_of_finops_can_tell_what_is_remembered(parts: list[tuple[str, list[tuple[Deed, Numbers]]]]) -> None:
    with twins() as pair:
        twin = Environment(pair)
        for kind, steps in parts:
            play(twin, kind, steps)
        pair.compare()
