"""How rows of Sales are found by their number."""

from urllib.parse import parse_qs, urlsplit

from shared.clients.dataverse.environment import DataverseSystem
from shared.flows.finops_documents.wiring import products_finder
from shared.systems import System
from tests.unit.clients.fakes import line, values_of


def test_products_are_found_by_their_numbers_and_what_is_no_number_is_not_asked_for() -> None:
    at = line(
        values_of(
            [
                {"productnumber": "P-1", "productid": "2E451703-0000-0000-0000-00000000000B"},
                {"productnumber": "p-1", "productid": "2E451703-0000-0000-0000-00000000000A"},
            ]
        ),
        system=System.DATAVERSE,
    )
    found = products_finder(DataverseSystem(at.channel))(["P-1", " ", ""])
    # Of two the one that was created first, which comes last.
    assert found == {"p-1": "2e451703-0000-0000-0000-00000000000a"}
    options = parse_qs(urlsplit(at.server.calls[0].url).query)
    assert options["$orderby"] == ["createdon desc"]
    assert options["$filter"] == ["Microsoft.Dynamics.CRM.In(PropertyName='productnumber',PropertyValues=[\"P-1\"])"]


def test_without_a_number_nothing_is_asked() -> None:
    at = line(values_of([]), system=System.DATAVERSE)
    assert products_finder(DataverseSystem(at.channel))([" "]) == {}
    assert at.server.calls == []
