"""What a walk over documents of F&O asks for."""

from urllib.parse import unquote

import pytest

from shared.clients.finops.document_source import FinopsDocumentSource, LineCollection
from shared.clients.finops.environment import FinopsSystem
from shared.clients.finops.source import ClosedBy, FinopsSource
from shared.clients.quoting import EnumMember
from shared.errors import Transient
from shared.records import Json
from tests.unit.clients.fakes import Line, line, ok, values_of

STATUS = "Microsoft.Dynamics.DataEntities.SalesOrderProcessingStatus"
CLOSED = ClosedBy("SalesOrderProcessingStatus", (EnumMember(STATUS, "Invoiced"), EnumMember(STATUS, "Canceled")))
NEXT = "https://org.crm4.dynamics.com/data/CDSSalesOrderLines?page=2"


def source(at: Line) -> FinopsDocumentSource:
    """Sales orders in pages of two."""
    system = FinopsSystem(at.channel, "usmf")
    select = [CLOSED.field]
    headers = FinopsSource(
        system, "CDSSalesOrderHeaders", "SalesOrderNumber", "usmf", select, page_rows=2, closed=CLOSED
    )
    lines = LineCollection("CDSSalesOrderLines", "LineCreationSequenceNumber", ("AreTotalsCalculated",), CLOSED)
    return FinopsDocumentSource(headers, lines)


def header(number: str, status: str = "Confirmed") -> dict[str, Json]:
    return {"SalesOrderNumber": number, CLOSED.field: status}


def of_line(order: str, number: Json, calculated: str = "Yes") -> dict[str, Json]:
    return {"SalesOrderNumber": order, "LineCreationSequenceNumber": number, "AreTotalsCalculated": calculated}


def asked(at: Line) -> list[str]:
    return [unquote(call.url.partition("/data/")[2]) for call in at.server.calls]


def test_a_page_costs_one_request_for_its_headers_and_one_for_each_page_of_their_lines() -> None:
    first = ok({"value": [of_line("SO-2", 1)], "@odata.nextLink": NEXT})
    at = line(values_of([header("SO-2"), header("SO-3")]), first, values_of([of_line("SO-3", 1)]))
    page = source(at).walk_open("SO-1")
    assert ([record.id for record in page.records], page.last) == (["SO-2", "SO-3"], "SO-3")
    open_only = f"SalesOrderProcessingStatus ne {STATUS}'Invoiced' and SalesOrderProcessingStatus ne {STATUS}'Canceled'"
    company = "dataAreaId eq 'usmf'"
    assert asked(at) == [
        f"CDSSalesOrderHeaders?$filter={company} and {open_only} and SalesOrderNumber gt 'SO-1'"
        "&$orderby=SalesOrderNumber&$top=2&cross-company=true"
        "&$select=dataAreaId,SalesOrderNumber,SalesOrderProcessingStatus",
        f"CDSSalesOrderLines?$filter={company} and {open_only} and SalesOrderNumber gt 'SO-1'"
        " and SalesOrderNumber le 'SO-3'&$orderby=SalesOrderNumber,LineCreationSequenceNumber&cross-company=true"
        "&$select=SalesOrderNumber,LineCreationSequenceNumber,AreTotalsCalculated",
        "CDSSalesOrderLines?page=2",
    ]


def test_a_walk_over_everything_asks_for_closed_documents_as_well_and_names_them() -> None:
    at = line(values_of([header("SO-1", "Invoiced")]), values_of([]))
    (record,) = source(at).walk(None).records
    assert record.closed
    assert not any(" ne " in address for address in asked(at))


def test_a_page_without_headers_asks_for_no_lines() -> None:
    at = line(values_of([]))
    assert source(at).walk_open(None).records == ()
    assert len(at.server.calls) == 1


def test_a_line_whose_header_the_walk_has_not_met_changes_nothing() -> None:
    alone = line(values_of([header("SO-1")]), values_of([of_line("SO-1", 1)]))
    beside = line(values_of([header("SO-1")]), values_of([of_line("SO-1", 1), of_line("SO-2", 1)]))
    assert source(alone).walk(None) == source(beside).walk(None)


def test_a_read_puts_the_lines_in_the_order_of_their_numbers() -> None:
    lines = [of_line("so-1", 10, "No"), of_line("so-1", 2)]
    read = line(values_of([header("SO-1")]), values_of(lines))
    walk = line(values_of([header("SO-1")]), values_of(lines[::-1]))
    assert {"SO-1": source(read).read(["SO-1"])["SO-1"].digest} == {
        record.id: record.digest for record in source(walk).walk(None).records
    }


def test_a_line_without_a_number_is_an_answer_that_cannot_be_read() -> None:
    at = line(values_of([header("SO-1")]), values_of([of_line("SO-1", None)]))
    with pytest.raises(Transient, match="has no number"):
        source(at).read(["SO-1"])
