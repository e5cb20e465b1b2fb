"""What a map document becomes with entries that are set by hand."""

import pytest

from shared.mapping.map_entries import code_in, with_entries
from shared.records import BOTH, Json, MapEntry
from tests.support.clock import START

EACH: Json = {"sales": "Each", "finops": "ea"}


def entry(name: str, code: str, direction: str = BOTH, map: str = "units") -> MapEntry:
    return MapEntry(map, name, code, direction, flow="products", who="operator@contoso", reason="new", at=START)


@pytest.mark.parametrize(
    ("set_by_hand", "units"),
    [
        (entry("Gross", "grs"), [EACH, {"sales": "Gross", "finops": "grs"}]),
        (entry(" each", "pcs"), [{"sales": " each", "finops": "pcs"}]),
        (entry("Each", "pcs", "to_sales"), [EACH, {"sales": "Each", "finops": "pcs", "direction": "to_sales"}]),
    ],
    ids=["a further one", "in the place of one", "for its direction only"],
)
def test_a_unit_is_added_or_takes_the_place_of_the_one_of_its_name_and_direction(
    set_by_hand: MapEntry, units: list[Json]
) -> None:
    before: dict[str, Json] = {"units": [EACH]}
    assert with_entries(before, [set_by_hand]) == {"units": units}
    assert before == {"units": [EACH]}


def test_a_code_is_found_by_its_name_as_the_map_compares_names() -> None:
    content: dict[str, Json] = {"units": [EACH], "states": {"US": {"New York": "NY"}}, "currencies": {"usd": "USD"}}
    assert code_in(content, entry("EACH ", "?")) == "ea"
    assert code_in(content, entry("Each", "?", "to_sales")) is None
    assert code_in(content, entry("new  york", "?", map="states.US")) == "NY"
    assert code_in(content, entry("USD", "?", map="currencies")) is None
    replaced = with_entries(content, [entry("NEW YORK", "N", map="states.US")])
    assert replaced["states"] == {"US": {"New York": "N"}}
