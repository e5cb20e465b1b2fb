"""A walk over F&O whose pages end with keys that no address can hold."""

import pytest

from shared.clients.finops.environment import FinopsSystem
from shared.clients.finops.source import FinopsSource
from shared.errors import OperatorNeeded
from tests.unit.clients.fakes import Line, line, values_of

HALF = "P\ud83d"


def source(at: Line) -> FinopsSource:
    """Products in pages of two."""
    return FinopsSource(FinopsSystem(at.channel, "usmf"), "Products", "ProductNumber", "usmf", ["Name"], page_rows=2)


def page(*numbers: str) -> list[dict[str, str]]:
    """Rows with these numbers."""
    return [{"ProductNumber": number, "Name": "x"} for number in numbers]


def test_a_walk_continues_from_the_last_key_that_an_address_can_hold() -> None:
    at = line(values_of(page("P1", HALF)))
    found = source(at).walk(None)
    assert [record.id for record in found.records] == ["P1", HALF]
    assert found.last == "P1"


def test_a_record_has_the_same_digest_whether_it_is_walked_or_read() -> None:
    rows = [
        {"@odata.etag": "1", "dataAreaId": "usmf", "ProductNumber": "P1", "Name": "x"},
        {"dataAreaId": "usmf", "ProductNumber": "P2", "Name": "y"},
    ]
    read = [{"Name": "x", "ProductNumber": "P1", "@odata.etag": "2"}, rows[1]]
    at = source(line(values_of(rows), values_of(read)))
    walked = {record.id: record.digest for record in at.walk(None).records}
    found = at.read(["P1", "P2", "P3"])
    assert {id: row.digest for id, row in found.items()} == walked
    assert len(set(walked.values())) == 2


@pytest.mark.parametrize("after", [None, "P1"])
def test_a_walk_that_cannot_go_on_says_so_and_is_not_at_its_end(after: str | None) -> None:
    with pytest.raises(OperatorNeeded):
        source(line(values_of(page(HALF, HALF + "2")))).walk(after)
