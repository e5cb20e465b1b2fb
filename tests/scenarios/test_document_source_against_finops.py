"""Documents of F&O as a walked source, over real HTTP against the simulator: quotations with their lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from local.finops import quotationlines
from local.finops.assortment import Assortment
from local.finops.environment import finops_simulator
from local.finops.salesdesk import SalesDesk
from local.finops.settings import Settings
from local.simulator.auth import FixedToken
from local.simulator.server import running
from shared.clients.finops.document_source import LINES, FinopsDocumentSource, LineCollection
from shared.clients.finops.documents import FinopsDocuments
from shared.clients.finops.environment import ACCEPT, FinopsCollection, FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.finops.source import ClosedBy, FinopsSource
from shared.clients.http.throttle import Throttle
from shared.clients.quoting import EnumMember
from shared.records import Json, LineAction, LineWrite, WalkPage, Write
from shared.systems import System
from tests.support.channels import open_channel
from tests.support.clock import ManualClock
from tests.unit.local.finops_environment import fresh_tables

TOKEN = "scenario"
FOREVER = 1_000_000.0
SERVER_PAGE = 20
HEADERS, LINE_SET, NUMBER = "CDSSalesQuotationHeaders", "CDSSalesQuotationLines", "SalesQuotationNumber"
STATUS = "Microsoft.Dynamics.DataEntities.SalesQuotationStatus"
CLOSED = ClosedBy("SalesQuotationStatus", (EnumMember(STATUS, "Lost"), EnumMember(STATUS, "Cancelled")))


@dataclass
class Environment:
    """An F&O environment with a customer and a product."""

    system: FinopsSystem
    desk: SalesDesk

    def source(self, *, page_rows: int = 10_000) -> FinopsDocumentSource:
        select = ["SalesQuotationName", CLOSED.field]
        headers = FinopsSource(self.system, HEADERS, NUMBER, "usmf", select, page_rows=page_rows, closed=CLOSED)
        lines = LineCollection(LINE_SET, "LineCreationSequenceNumber", ("RequestedSalesQuantity",), CLOSED)
        return FinopsDocumentSource(headers, lines)

    def make(self, key: str, lines: int) -> None:
        values: dict[str, Json] = {"RequestingCustomerAccountNumber": "A-1", "SalesQuotationName": key}
        added = [
            LineWrite(
                number,
                LineAction.CREATE,
                {"ProductNumber": "BK-1", "RequestedSalesQuantity": number, "ShippingSiteId": "1"},
            )
            for number in range(1, lines + 1)
        ]
        self._write(Write(key, key, values, create=True, lines=tuple(added)))

    def change(self, key: str, *lines: LineWrite, **values: Json) -> None:
        self._write(Write(key, key, values, create=False, lines=lines))

    def close(self, key: str, status: str = "Lost") -> None:
        self.desk.put({NUMBER: key, "SalesQuotationStatus": status})

    def _write(self, write: Write) -> None:
        key = FinopsKey("usmf", (NUMBER,))
        target = FinopsDocuments(
            FinopsTable(self.system, HEADERS, key, []),
            FinopsTable(self.system, LINE_SET, key, ["LineCreationSequenceNumber"]),
            "LineCreationSequenceNumber",
        )
        assert target.write([write], not_after=FOREVER) == {write.id: None}


@pytest.fixture
def at() -> Iterator[Environment]:
    setup = Settings(page_size=SERVER_PAGE)
    tables = fresh_tables(setup)
    Assortment(tables, setup).put(
        {"ProductNumber": "BK-1", "ProductName": "Bike", "SalesUnitSymbol": "ea", "InventoryUnitSymbol": "ea",
         "SalesPrice": Decimal("12.5")}
    )  # fmt: skip
    simulator = finops_simulator(tables, setup, FixedToken(TOKEN), admin_token="admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.FINOPS, clock, start=4, maximum=8)
        with open_channel(System.FINOPS, url, TOKEN, throttle, clock, accept=ACCEPT) as channel:
            system = FinopsSystem(channel, "usmf")
            accounts = FinopsCollection(FinopsTable(system, "CustomersV3", FinopsKey("usmf", ("CustomerAccount",)), []))
            values: dict[str, Json] = {
                "OrganizationName": "Litra", "CustomerGroupId": "10", "SalesCurrencyCode": "USD"
            }  # fmt: skip
            assert accounts.write([Write("A-1", "A-1", values, create=True)], not_after=FOREVER) == {"A-1": None}
            yield Environment(system, SalesDesk(tables, setup, quotationlines.SET_NAME))
    tables.close()


def walked(walk: Callable[[str | None], WalkPage]) -> dict[str, bytes]:
    """What a walk meets, page by page."""
    found: dict[str, bytes] = {}
    after: str | None = None
    while True:
        page = walk(after)
        found |= {record.id: record.digest for record in page.records}
        if page.last is None:
            return found
        after = page.last


def changed(number: int, **values: Json) -> LineWrite:
    return LineWrite(number, LineAction.UPDATE, values)


@pytest.mark.parametrize("page_rows", [1, 3, 10_000])
def test_a_walk_gives_each_document_the_digest_that_a_read_gives_it(at: Environment, page_rows: int) -> None:
    lines = {f"Q-{number}": number * 5 % 9 for number in range(7)}
    for key, count in lines.items():
        at.make(key, count)
    source = at.source(page_rows=page_rows)
    met = walked(source.walk)
    read = source.read([*lines, "Q-none"])
    assert met == {key: row.digest for key, row in read.items()}
    assert {key: len(row.values[LINES]) for key, row in read.items()} == lines  # type: ignore[arg-type]
    assert len(set(met.values())) == len(lines)


def test_the_digest_changes_with_the_header_and_with_each_line(at: Environment) -> None:
    at.make("Q-1", 30)
    at.make("Q-2", 30)
    seen = [walked(at.source().walk)]
    for lines, values in (
        ((), {"SalesQuotationName": "Another"}),
        ((changed(1, RequestedSalesQuantity=7),), {}),
        ((changed(30, RequestedSalesQuantity=7),), {}),
        ((LineWrite(15, LineAction.DELETE),), {}),
    ):
        at.change("Q-1", *lines, **values)
        seen.append(walked(at.source().walk))
    assert len({each["Q-1"] for each in seen}) == len(seen)
    assert len({each["Q-2"] for each in seen}) == 1


def test_a_walk_over_the_open_documents_leaves_closed_ones_out_and_a_read_says_that_they_are_closed(
    at: Environment,
) -> None:
    for number in range(4):
        at.make(f"Q-{number}", 2)
    at.close("Q-1")
    at.close("Q-2", "Cancelled")
    source = at.source(page_rows=2)
    assert sorted(walked(source.walk_open)) == ["Q-0", "Q-3"]
    assert {record.id: record.closed for record in at.source().walk(None).records} == {
        "Q-0": False,
        "Q-1": True,
        "Q-2": True,
        "Q-3": False,
    }
    assert {id: row.closed for id, row in source.read(["Q-0", "Q-1"]).items()} == {"Q-0": False, "Q-1": True}
    assert source.existing(["Q-1", "Q-9"]) == {"Q-1"}


def test_documents_whose_keys_differ_in_letters_that_f_and_o_does_not_compare_are_one(at: Environment) -> None:
    at.make("q-1", 1)
    assert at.source().read(["Q-1"]) == {}
    assert at.source().as_written(["Q-1"]) == {"Q-1": ["q-1"]}
