"""Quotes as documents over real HTTP against the simulator: walks, deletions, bulk reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import requests

from local.dataverse.settings import Settings
from local.dataverse.simulator import build_simulator
from local.simulator.auth import FixedToken
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults
from local.simulator.server import running
from shared.clients.dataverse.documents import (
    DataverseDocumentLines,
    DataverseDocuments,
    DocumentTables,
    HeaderTable,
    LineTable,
)
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.http.channel import Channel
from shared.clients.http.throttle import Throttle
from shared.errors import LinkRefused
from shared.records import Change, ChangePage, Json
from shared.state.owners import Owners
from shared.state.storage.memory import MemoryTable
from shared.systems import System
from tests.support.channels import open_channel
from tests.support.clock import ManualClock
from tests.support.patience import PATIENCE_S
from tests.unit.local.dataverse_world import fresh_organisation

TOKEN = "scenario"
PAGE = 7
FLOW = "quotations"
HEADERS = HeaderTable(
    "quotes",
    "quoteid",
    "quotenumber",
    ["revisionnumber", "statecode", "name"],
    {"customerid_account": ["accountnumber"], "transactioncurrencyid": ["isocurrencycode"]},
)
LINES = LineTable(
    "quotedetails",
    "quotedetailid",
    "quoteid",
    "lineitemnumber",
    ["quantity", "isproductoverridden", "productdescription"],
    {"productid": ["productnumber"], "uomid": ["name"]},
)


@dataclass
class Sales:
    """An organisation with a customer and a price list, and both sources of its quotes."""

    channel: Channel
    documents: DataverseDocuments
    lines: DataverseDocumentLines

    def send(self, method: str, path: str, body: object = None) -> None:
        """What somebody does in Sales."""
        url = self.channel.origin.url(f"/api/data/v9.2/{path}")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        reply = requests.request(method, url, json=body, headers=headers, timeout=PATIENCE_S)
        assert reply.status_code < 300, reply.text

    def draft(self, number: int) -> None:
        """A new quote in draft, whose lines the tests want."""
        body = {
            "quoteid": quote_id(number),
            "quotenumber": f"Q-{number}",
            "name": f"Bikes {number}",
            "customerid_account@odata.bind": f"/accounts({CUSTOMER})",
            "pricelevelid@odata.bind": f"/pricelevels({PRICE_LIST})",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({CURRENCY})",
        }
        self.send("POST", "quotes", body)

    def line(self, quote: int, position: int) -> None:
        """A new line without a product."""
        body = {
            "quotedetailid": line_id(quote, position),
            "quoteid@odata.bind": f"/quotes({quote_id(quote)})",
            "isproductoverridden": True,
            "productdescription": "Repair",
            "lineitemnumber": position,
            "quantity": 1,
            "priceperunit": 5,
        }
        self.send("POST", "quotedetails", body)


CUSTOMER, PRICE_LIST, CURRENCY = (str(UUID(int=number, version=4)) for number in (1, 2, 3))


def quote_id(number: int) -> str:
    return str(UUID(int=1000 + number, version=4))


def line_id(quote: int, position: int) -> str:
    return str(UUID(int=100_000 + 100 * quote + position, version=4))


@pytest.fixture
def sales() -> Iterator[Sales]:
    organisation = fresh_organisation(settings=Settings(page_cap=PAGE))
    simulator = build_simulator(organisation, FixedToken(TOKEN), Faults(), ExchangeLog("dataverse"), "admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.DATAVERSE, clock, start=4, maximum=8)
        with open_channel(System.DATAVERSE, url, TOKEN, throttle, clock) as channel:
            system, owners = DataverseSystem(channel), Owners(MemoryTable(clock))
            tables = DocumentTables(HEADERS, LINES, lambda header: header["statecode"] == 0)
            documents = DataverseDocuments(system, tables, owners, FLOW)
            lines = DataverseDocumentLines(system, documents, owners, FLOW)
            selling = Sales(channel, documents, lines)
            _open_shop(selling)
            yield selling
    organisation.store.close()


def _open_shop(sales: Sales) -> None:
    currency = {"transactioncurrencyid": CURRENCY, "isocurrencycode": "CHF", "currencyname": "Franc"}
    sales.send(
        "POST", "transactioncurrencies", {**currency, "currencysymbol": "Fr", "currencyprecision": 2, "exchangerate": 1}
    )
    in_currency = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({CURRENCY})"}
    sales.send("POST", "pricelevels", {"pricelevelid": PRICE_LIST, "name": "Standard", **in_currency})
    sales.send("POST", "accounts", {"accountid": CUSTOMER, "name": "Litra AG", "accountnumber": "A-1"})


def walk(source: DataverseDocuments | DataverseDocumentLines, page: ChangePage) -> tuple[list[Change], str]:
    """Every change of a walk, and its delta link ("" where there is none)."""
    changes = list(page.changes)
    for _ in range(50):
        if page.next_link is None:
            return changes, page.delta_link or ""
        page = source.follow(page.next_link)
        changes += page.changes
    raise AssertionError("the walk does not end")


def numbers(changes: list[Change]) -> dict[str, bool]:
    """The documents that are named, and whether they are told to be gone."""
    return {change.id: change.gone for change in changes}


def test_walks_bring_every_document_and_then_the_changed_ones_only(sales: Sales) -> None:
    for number in range(10):
        sales.draft(number)
    _, lines_delta = walk(sales.lines, sales.lines.track_changes())
    changes, delta = walk(sales.documents, sales.documents.track_changes())
    assert numbers(changes) == {f"Q-{number}": False for number in range(10)}
    assert walk(sales.documents, sales.documents.list_rows())[0] == changes
    sales.send("PATCH", f"quotes({quote_id(3)})", {"name": "Other bikes"})
    sales.line(5, 1)
    changes, _ = walk(sales.documents, sales.documents.follow(delta))
    assert numbers(changes).items() >= {"Q-3": False}.items()
    assert numbers(changes).keys() <= {"Q-3", "Q-5"}
    assert numbers(walk(sales.lines, sales.lines.follow(lines_delta))[0]) == {"Q-5": False}


def test_deleted_rows_are_reported_by_the_number_of_their_document(sales: Sales) -> None:
    for number in range(2):
        sales.draft(number)
        sales.line(number, 1)
        sales.line(number, 2)
    _, lines_delta = walk(sales.lines, sales.lines.track_changes())
    _, delta = walk(sales.documents, sales.documents.track_changes())
    sales.send("DELETE", f"quotedetails({line_id(0, 2)})")
    sales.send("DELETE", f"quotes({quote_id(1)})")
    changes, _ = walk(sales.documents, sales.documents.follow(delta))
    assert numbers(changes)["Q-1"] is True
    assert numbers(walk(sales.lines, sales.lines.follow(lines_delta))[0]) == {"Q-0": False, "Q-1": False}


def test_a_document_that_lived_between_two_reads_is_not_reported(sales: Sales) -> None:
    _, lines_delta = walk(sales.lines, sales.lines.track_changes())
    _, delta = walk(sales.documents, sales.documents.track_changes())
    sales.draft(1)
    sales.line(1, 1)
    sales.send("DELETE", f"quotes({quote_id(1)})")
    assert walk(sales.documents, sales.documents.follow(delta))[0] == []
    assert walk(sales.lines, sales.lines.follow(lines_delta))[0] == []


def test_documents_are_read_with_their_lines_over_many_pages(sales: Sales) -> None:
    for number in range(9):
        sales.draft(number)
        for position in (3, 1, 2):
            sales.line(number, position)
    asked = [f"q-{number}" for number in range(11)]
    documents = sales.documents.read(asked)
    assert set(documents) == set(asked[:9]) == sales.documents.existing(asked)
    versions = {change.id.lower(): change.version for change in walk(sales.documents, sales.documents.list_rows())[0]}
    for number in range(9):
        document = documents[f"q-{number}"]
        assert document.version == versions[f"q-{number}"]
        (header,) = _objects(document.values["revisions"])
        assert header["customerid_account"] == {"accountid": CUSTOMER, "accountnumber": "A-1"}
        assert [row["lineitemnumber"] for row in _objects(header["lines"])] == [1, 2, 3]
        assert {str(row["productdescription"]) for row in _objects(header["lines"])} == {"Repair"}


def _objects(value: Json) -> list[dict[str, Json]]:
    assert isinstance(value, list)
    return [row for row in value if isinstance(row, dict)]


def test_a_link_of_another_environment_is_refused(sales: Sales) -> None:
    link = sales.channel.origin.url("/api/data/v9.2/quotes?$deltatoken=1")
    for source in (sales.documents, sales.lines):
        with pytest.raises(LinkRefused):
            source.follow(link)
