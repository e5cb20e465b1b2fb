"""Promises of the F&O simulator for quotations that are written as one change set."""

from collections.abc import Iterator

import pytest

from tests.unit.local.batch_bodies import Op
from tests.unit.local.finops_documents import (
    HEADER,
    HEADERS,
    LINE,
    LINES,
    change_set,
    furnish,
    header,
    header_url,
    line,
    line_url,
)
from tests.unit.local.finops_environment import Caller, environment

CREATE = Op("POST", f"/data/{HEADERS}", HEADER, "1")


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        furnish(caller)
        yield caller


def new_line(number: int, **values: object) -> Op:
    return Op("POST", f"/data/{LINES}", {**LINE, "LineCreationSequenceNumber": number, **values}, str(number + 1))


def test_lines_name_the_quotation_that_is_written_with_them(finops: Caller) -> None:
    found = change_set(finops, CREATE, new_line(1), new_line(2))
    assert [(each.status, each.content_id) for each in found] == [(201, "1"), (201, "2"), (201, "3")]
    assert finops.get(header_url()).json()["QuotationTotalAmount"] == 600


def test_a_line_that_is_refused_undoes_quotation_and_lines(finops: Caller) -> None:
    found = change_set(finops, CREATE, new_line(1), new_line(2, ProductNumber="BK-9"), new_line(3))
    assert [(each.status, each.content_id) for each in found] == [(400, "1")]
    assert "SalesQuotationLineCDSEntity.ProductNumber" in found[0].json()["error"]["innererror"]["message"]
    assert finops.rows(HEADERS) == finops.rows(LINES) == []


def test_changes_of_all_kinds_go_together(finops: Caller) -> None:
    header(finops)
    for number in (1, 2):
        line(finops, number)
    found = change_set(
        finops,
        Op("PATCH", f"/data/{header_url()}?cross-company=true", {"SalesQuotationName": "Changed"}),
        Op("PATCH", f"/data/{line_url(1)}?cross-company=true", {"SalesPrice": 10}),
        Op("DELETE", f"/data/{line_url(2)}?cross-company=true"),
        new_line(3),
    )
    assert [each.status for each in found] == [204, 204, 204, 201]
    assert [row["LineAmount"] for row in finops.rows(LINES)] == [30, 300]
    record = finops.get(header_url()).json()
    assert (record["SalesQuotationName"], record["QuotationTotalAmount"]) == ("Changed", 330)


def test_a_change_that_is_refused_leaves_the_quotation_as_it_was(finops: Caller) -> None:
    before = header(finops)
    line(finops)
    before = finops.get(header_url()).json()
    found = change_set(
        finops,
        Op("PATCH", f"/data/{header_url()}", {"SalesQuotationName": "Changed"}),
        Op("PATCH", f"/data/{line_url(1)}", {"SalesPrice": 10}),
        Op("DELETE", f"/data/{line_url(2)}"),
    )
    assert [each.status for each in found] == [400]
    assert finops.get(header_url()).json() == before
    assert [row["LineAmount"] for row in finops.rows(LINES)] == [300]


def test_500_lines_are_written_at_once(finops: Caller) -> None:
    found = change_set(finops, CREATE, *(new_line(number) for number in range(1, 501)))
    assert len(found) == 501
    assert finops.get(header_url()).json()["QuotationTotalAmount"] == 150_000
