"""How an address of F&O reaches Sales."""

import pytest

from shared.flows.finops_documents.words import FinopsAddress
from shared.mapping.value_maps import ValueMaps
from shared.records import Json
from tests.unit.mapping.samples import maps

ADDRESS = FinopsAddress("InvoiceAddress", "billto", "StateId")
NUMBERED = FinopsAddress("InvoiceAddress", "billto", "StateId", street_number=True)


def values(address: FinopsAddress, shipped: ValueMaps | None = None, **fields: Json) -> dict[str, Json]:
    """What becomes of an address with these fields; the others are blank."""
    row = {column.name: "" for column in address.columns} | {f"InvoiceAddress{name}": fields[name] for name in fields}
    made = address.values(row, shipped or maps())
    return {name.removeprefix("billto_"): value for name, value in made.items() if value is not None}


def test_the_parts_of_an_address_have_their_columns() -> None:
    assert values(ADDRESS, Street="1 Way", City="Seattle", StateId="WA", ZipCode="98052") == {
        "line1": "1 Way",
        "city": "Seattle",
        "stateorprovince": "WA",
        "postalcode": "98052",
    }


@pytest.mark.parametrize(
    ("code", "country"), [("US", "United States"), ("us", "United States"), ("XK", "XK"), ("", None)]
)
def test_a_country_has_its_name_by_value_map_else_its_code_and_none_stays_blank(code: str, country: str | None) -> None:
    assert values(ADDRESS, maps(country_names={"US": "United States"}), CountryRegionISOCode=code).get("country") == (
        country
    )


@pytest.mark.parametrize(
    ("street", "lines"),
    [
        ("1 Way", ["1 Way"]),
        ("1 Way\n Floor 2 \n\nGate 3", ["1 Way", "Floor 2", "Gate 3"]),
        ("1\n2\n3\n4", ["1", "2", "3 4"]),
    ],
)
def test_a_street_becomes_up_to_three_lines_and_nothing_of_it_is_lost(street: str, lines: list[str]) -> None:
    assert list(values(ADDRESS, Street=street).values()) == lines


def test_a_street_number_stands_in_the_second_line_where_that_is_chosen() -> None:
    assert values(NUMBERED, Street="Way\nFloor 2\nGate 3", StreetNumber="1 A") == {
        "line1": "Way",
        "line2": "1 A",
        "line3": "Floor 2 Gate 3",
    }
    assert NUMBERED.sources("billto_line2") == ("InvoiceAddressStreetNumber",)
    assert ADDRESS.sources("billto_line2") == ("InvoiceAddressStreet",)
