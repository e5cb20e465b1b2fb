"""How many requests to tables a pull and a message of apply take: a number for each message, not for each record."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from local.finops.settings import Settings as FinopsSettings
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.state.storage.tables import Table
from tests.support.invoicing import Invoicing
from tests.support.requests import CountedTable
from tests.support.trading import trading_as

RECORDS, LINES = 25, 3


class Counted(Invoicing):
    """All flows between two simulators, with a count of the requests to tables."""

    # The numbers are those of a process that has applied a message before.
    begins_anew = True

    def __init__(self, *arguments: object, **settings: str) -> None:
        self.requests: Counter[str] = Counter()
        self.since = datetime.max.replace(tzinfo=UTC)
        super().__init__(*arguments, **settings)  # type: ignore[arg-type]

    def _table(self, name: str) -> Table:
        return CountedTable(self.memory(name), self.requests)

    def requests_of(self, flow: str) -> tuple[int, int]:
        """The requests of a pull of a flow, and those of the first message that it sends."""
        self.clock.sleep(60)
        self.since = self.clock.now()
        self.requests.clear()
        self.service.pull(flow)
        pulled = self.requests.total()
        first, *others = self.queues.receive(flow, limit=9, invisible_s=600)
        self.requests.clear()
        self.service.apply(flow, first.body.encode())
        applied = self.requests.total()
        for message in others:
            self.service.apply(flow, message.body.encode())
        for message in (first, *others):
            self.queues.delete(flow, message)
        return pulled, applied

    def outcomes(self, flow: str) -> Sequence[str]:
        """How the records of the messages ended whose requests were counted last."""
        runs = [run for run in self.state.runs.latest(flow, 20) if run.kind == "apply" and run.started >= self.since]
        return sorted({name for run in runs for name in run.counts} - {"read"})

    def change_all(self, entity_set: str, ids: Sequence[str], column: str) -> None:
        """Give each record another text in a column."""
        for number, id in enumerate(ids):
            reply = self.sales.patch(f"{entity_set}({id})", {column: f"{column} {number}"}, If_Match="*")
            assert reply.status_code == 204, reply.text


@pytest.fixture
def counted() -> Iterator[Counted]:
    """All flows, of which no walk is blocked because much has changed."""
    with trading_as(Counted, CHANGE_LIMIT_PERCENT="100") as desk:
        yield desk


@pytest.fixture
def counted_back() -> Iterator[Counted]:
    """The same with the flows that come back, which are off otherwise."""
    finops = FinopsSettings(amount_decimals=2)
    on = {"ORDERS_BACK": "status", "INVOICES": "on", "CHANGE_LIMIT_PERCENT": "100"}
    with trading_as(Counted, finops, **on) as desk:
        yield desk


def test_requests_of_a_tick_in_which_nothing_has_changed(counted: Counted) -> None:
    """docs/setup.md computes costs with these numbers."""
    counted.tick()
    counted.clock.sleep(60)
    counted.requests.clear()
    for flow in FLOWS.names:
        counted.service.pull(flow)
    assert counted.requests.total() == 39
    counted.requests.clear()
    counted.service.sweep()
    assert counted.requests.total() == 66


def test_requests_of_a_single_record(counted: Counted) -> None:
    """docs/setup.md computes costs with these numbers."""
    account = counted.account("A-1")
    _, new = counted.requests_of(ACCOUNTS)
    counted.edit(account, name="Another")
    _, changed = counted.requests_of(ACCOUNTS)
    counted.quote(account, lines=17)
    _, quote = counted.requests_of(QUOTATIONS)
    assert (new, changed, quote) == (12, 7, 12)


def test_requests_of_a_full_message(counted: Counted) -> None:
    """200 records, of which each transaction takes 100 rows."""
    accounts = [counted.account(f"A-{number}") for number in range(200)]
    assert counted.requests_of(ACCOUNTS) == (5, 18)
    counted.change_all("accounts", accounts, "name")
    assert (counted.requests_of(ACCOUNTS), counted.outcomes(ACCOUNTS)) == ((5, 11), ["updated"])
    counted.change_all("accounts", accounts, "sic")
    assert (counted.requests_of(ACCOUNTS), counted.outcomes(ACCOUNTS)) == ((5, 9), ["unchanged"])


def test_requests_of_accounts_and_contacts(counted: Counted) -> None:
    accounts = [counted.account(f"A-{number}") for number in range(RECORDS)]
    assert counted.requests_of(ACCOUNTS) == (5, 12)
    contacts = [counted.contact(account) for account in accounts]
    assert counted.requests_of(CONTACTS) == (5, 12)
    counted.change_all("accounts", accounts, "name")
    assert (counted.requests_of(ACCOUNTS), counted.outcomes(ACCOUNTS)) == ((5, 7), ["updated"])
    counted.change_all("accounts", accounts, "sic")
    assert (counted.requests_of(ACCOUNTS), counted.outcomes(ACCOUNTS)) == ((5, 7), ["unchanged"])
    counted.change_all("contacts", contacts, "lastname")
    assert (counted.requests_of(CONTACTS), counted.outcomes(CONTACTS)) == ((5, 9), ["updated"])
    counted.change_all("contacts", contacts, "nickname")
    assert (counted.requests_of(CONTACTS), counted.outcomes(CONTACTS)) == ((5, 8), ["unchanged"])


def test_requests_of_products(counted: Counted) -> None:
    numbers = [f"N-{number}" for number in range(RECORDS)]
    counted.put(*numbers)
    assert counted.requests_of(PRODUCTS) == (14, 9)
    for number in numbers:
        counted.put(number, ProductName=f"Product {number}")
    assert (counted.requests_of(PRODUCTS), counted.outcomes(PRODUCTS)) == ((14, 7), ["updated"])
    counted.clock.sleep(8 * 24 * 3600)
    assert (counted.requests_of(PRODUCTS), counted.outcomes(PRODUCTS)) == ((15, 8), ["unchanged"])


def test_requests_of_quotations_do_not_grow_with_their_lines(counted: Counted) -> None:
    accounts = [counted.account(f"A-{number}") for number in range(RECORDS)]
    counted.tick()
    quotes = [counted.quote(account, lines=LINES) for account in accounts]
    assert counted.requests_of(QUOTATIONS) == (13, 12)
    for id, _ in quotes:
        counted.revise(id)
    assert (counted.requests_of(QUOTATIONS), counted.outcomes(QUOTATIONS)) == ((13, 9), ["ended"])


def test_requests_of_orders_their_status_and_their_invoices(counted_back: Counted) -> None:
    """They are written once; a second look at them finds nothing to do."""
    desk = counted_back
    account = desk.account("A-1")
    desk.tick()
    orders = [desk.order(account, lines=LINES) for _ in range(RECORDS)]
    assert (desk.requests_of(ORDERS), desk.outcomes(ORDERS)) == ((13, 13), ["created"])
    desk.change_all("salesorders", [id for id, _ in orders], "description")
    # One of them is for what comes back: a worker may have died before it told of that.
    assert (desk.requests_of(ORDERS), desk.outcomes(ORDERS)) == ((10, 10), ["unchanged"])
    desk.clerk("totals")
    assert (desk.requests_of(ORDERSBACK), desk.outcomes(ORDERSBACK)) == ((11, 9), ["filtered"])
    for _, number in orders:
        for deed in ("confirm", "deliver", "invoice"):
            desk.clerk(deed, number)
    assert (desk.requests_of(ORDERSBACK), desk.outcomes(ORDERSBACK)) == ((14, 11), ["updated"])
    # An invoice waits for one look at its order, which finds nothing new here.
    assert (desk.requests_of(INVOICES), desk.outcomes(INVOICES)) == ((12, 15), ["waiting"])
    assert (desk.requests_of(ORDERSBACK), desk.outcomes(ORDERSBACK)) == ((12, 10), ["unchanged"])
    assert (desk.requests_of(INVOICES), desk.outcomes(INVOICES)) == ((13, 12), ["created"])
    desk.clock.sleep(8 * 24 * 3600)
    assert (desk.requests_of(INVOICES), desk.outcomes(INVOICES)) == ((15, 12), ["unchanged"])
