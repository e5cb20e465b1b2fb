"""Navigations of the F&O simulator: those between a document and its lines are followed, all others named."""

from collections.abc import Iterator

import pytest

from tests.unit.local.finops_documents import HEADER, HEADERS, LINE, LINES, furnish, header_url, line_url, made
from tests.unit.local.finops_environment import Caller, customer_url, detail, environment

WAY = "CDSSalesQuotationLines"
BACK = "CDSSalesQuotationHeader"
ACTION = "Microsoft.Dynamics.DataEntities.Recalculate"


@pytest.fixture(scope="module")
def finops() -> Iterator[Caller]:
    """Two quotations: Q-1 with two lines, q-2 with none. These tests only read."""
    with environment() as caller:
        furnish(caller)
        made(caller, HEADERS, {**HEADER, "SalesQuotationName": "Bikes"})
        made(caller, HEADERS, {**HEADER, "SalesQuotationNumber": "q-2", "SalesQuotationName": "Nothing"})
        for number in (1, 2):
            made(caller, LINES, {**LINE, "LineCreationSequenceNumber": number, "RequestedSalesQuantity": number})
        yield caller


def test_a_list_shows_each_document_with_its_lines(finops: Caller) -> None:
    params = {"$select": "SalesQuotationNumber", "$expand": f"{WAY}($select=LineCreationSequenceNumber,LineAmount)"}
    answer = finops.get(HEADERS, params).json()
    context = f"#{HEADERS}(SalesQuotationNumber,{WAY},{WAY}(LineCreationSequenceNumber,LineAmount))"
    assert answer["@odata.context"].endswith(context)
    found = {row["SalesQuotationNumber"]: row[WAY] for row in answer["value"]}
    assert found["q-2"] == []
    assert [set(line) for line in found["Q-1"]] == [{"@odata.etag", "LineCreationSequenceNumber", "LineAmount"}] * 2
    assert [(line["LineCreationSequenceNumber"], line["LineAmount"]) for line in found["Q-1"]] == [(1, 100), (2, 200)]


def test_a_record_shows_its_lines_whole(finops: Caller) -> None:
    record = finops.get(header_url(), {"$expand": WAY}).json()
    assert record["SalesQuotationName"] == "Bikes"
    assert [line["ProductNumber"] for line in record[WAY]] == ["BK-1", "BK-1"]


def test_a_line_shows_its_document(finops: Caller) -> None:
    line = finops.get(line_url(2), {"$select": "ProductNumber", "$expand": f"{BACK}($select=SalesQuotationName)"})
    assert line.json()[BACK]["SalesQuotationName"] == "Bikes"
    assert line.json()["ProductNumber"] == "BK-1"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"{BACK}/SalesQuotationName eq 'BIKES '", [1, 2]),
        (f"{BACK}/SalesQuotationName eq 'bi*' and LineCreationSequenceNumber gt 1", [2]),
        (f"{BACK}/SalesQuotationName ne 'Bikes'", []),
        (f"{BACK}/TotalDiscountAmount lt 0.5", [1, 2]),
        (f"{BACK}/SalesQuotationStatus eq Microsoft.Dynamics.DataEntities.SalesQuotationStatus'Created'", [1, 2]),
        (f"{BACK}/ReceiptDateRequested lt 2000-01-01T00:00:00Z", []),
    ],
)
def test_lines_are_found_by_what_their_document_says(finops: Caller, expression: str, expected: list[int]) -> None:
    rows = finops.rows(LINES, {"$filter": expression})
    assert [row["LineCreationSequenceNumber"] for row in rows] == expected
    assert finops.get(f"{LINES}/$count", {"$filter": expression}).text == str(len(expected))


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("CustomersV3?$expand=D365SalesQuotationHeader", "D365SalesQuotationHeader"),
        (f"{customer_url()}?$expand=D365SalesQuotationHeader", "D365SalesQuotationHeader"),
        ("CustomerGroups?$expand=Prospects", "Prospects"),
        (f"{HEADERS}?$expand={WAY},CDSSalesOrderHeader", "CDSSalesOrderHeader"),
        (f"{HEADERS}?$expand=*", "*"),
        (f"{HEADERS}?$expand={WAY}($select=LineAmount;$top=1)", "$top"),
        (f"{HEADERS}?$select={WAY}", WAY),
        (f"{HEADERS}?$filter={WAY}/any(l:l/LineAmount gt 1)", WAY),
        (f"{HEADERS}?$filter=CDSSalesOrderHeader/SalesOrderName eq 'a'", "CDSSalesOrderHeader"),
        (f"{LINES}?$orderby={BACK}/SalesQuotationName", BACK),
        (f"{header_url()}/{WAY}", WAY),
        ("SalesOrderHeadersV2", "SalesOrderHeadersV2"),
        ("DataManagementDefinitionGroups", "DataManagementDefinitionGroups"),
    ],
)
def test_what_the_service_has_and_the_simulator_has_not_is_501_by_name(finops: Caller, path: str, named: str) -> None:
    answer = finops.get(path)
    assert (answer.status_code, named in detail(answer)) == (501, True)


@pytest.mark.parametrize("of", ["CustomersV3", customer_url()])
def test_an_action_is_501_by_name(finops: Caller, of: str) -> None:
    answer = finops.post(f"{of}/{ACTION}?cross-company=true", {})
    assert (answer.status_code, ACTION in detail(answer)) == (501, True)


@pytest.mark.parametrize(
    "path",
    [
        f"{HEADERS}?$expand=",
        f"{HEADERS}?$expand=Lines",
        f"{HEADERS}?$expand={WAY},{WAY}",
        f"{HEADERS}?$expand={WAY}($select=NoSuchProperty)",
        f"{HEADERS}?$expand={WAY}($select=LineAmount",
        f"{HEADERS}?$expand={WAY}($expand={BACK})",
        f"{HEADERS}?$expand={WAY}(select=LineAmount)",
        f"{HEADERS}?$filter={WAY}/LineAmount gt 1",
        f"{HEADERS}?$filter=Lines/any(l:l/LineAmount gt 1)",
        f"{LINES}?$filter={BACK}/NoSuchProperty eq 'a'",
        f"{LINES}?$filter={BACK} eq 'a'",
        f"{HEADERS}/$count?$expand={WAY}",
    ],
)
def test_a_navigation_that_is_misspelt_or_misused_is_400(finops: Caller, path: str) -> None:
    answer = finops.get(path)
    assert (answer.status_code, bool(detail(answer))) == (400, True)


def test_who_may_not_read_the_lines_does_not_see_them_inside_of_the_document() -> None:
    with environment() as finops:
        finops.control("rights", {"entity": LINES, "right": "read", "granted": False})
        assert finops.get(HEADERS, {"$expand": WAY}).status_code == 403
        assert finops.get(HEADERS).status_code == 200
