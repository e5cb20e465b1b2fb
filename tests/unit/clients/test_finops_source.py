"""A walk over F&O whose pages end with keys that no address can hold."""

import pytest

from shared.clients.finops import FinopsSystem
from shared.clients.finops_source import FinopsSource
from shared.errors import OperatorNeeded
from tests.unit.clients.fakes import Line, line, values_of

HALF = "P\ud83d"


def source(at: Line) -> FinopsSource:
    """Products in pages of two."""
    return FinopsSource(FinopsSystem(at.channel, "usmf"), "Products", "ProductNumber", "usmf", ["Name"], page_rows=2)


def page(*numbers: str) -> list[dict[str, str]]:
    """Rows with these numbers."""
    return [{"ProductNumber": number, "Name": "x"} for number in numbers]


def test_a_walk_goes_on_from_the_last_key_that_an_address_can_hold() -> None:
    at = line(values_of(page("P1", HALF)))
    found = source(at).walk(None)
    assert [record.id for record in found.records] == ["P1", HALF]
    assert found.last == "P1"


@pytest.mark.parametrize("after", [None, "P1"])
def test_a_walk_that_cannot_go_on_says_so_and_is_not_at_its_end(after: str | None) -> None:
    with pytest.raises(OperatorNeeded):
        source(line(values_of(page(HALF, HALF + "2")))).walk(after)
