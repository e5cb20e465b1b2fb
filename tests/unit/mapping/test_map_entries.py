"""What a map document becomes with entries that are set by hand."""

import pytest

from shared.mapping.map_entries import code_in, identity, with_entries
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


PIECE: Json = {"sales": "Piece", "finops": "pcs"}
TO_SALES: Json = {"sales": "each", "finops": "pcs", "direction": "to_sales"}


def test_a_unit_keeps_its_place_and_a_further_one_stands_behind_the_others() -> None:
    before: dict[str, Json] = {"units": [EACH, TO_SALES, PIECE]}
    by_hand = [entry("Piece", "pc"), entry("EACH", "e", "to_sales"), entry("Box", "bx"), entry("Each", "one")]
    assert with_entries(before, by_hand)["units"] == [
        {"sales": "Each", "finops": "one"},
        {"sales": "EACH", "finops": "e", "direction": "to_sales"},
        {"sales": "Piece", "finops": "pc"},
        {"sales": "Box", "finops": "bx"},
    ]


@pytest.mark.parametrize(
    ("map", "name", "codes"),
    [
        ("countries", " GERMANY", {"Germany": "X", "deutsch land": "DE"}),
        ("countries", "Deutsch  Land", {"Germany": "DE", "deutsch land": "X"}),
        ("countries", "Italy", {"Germany": "DE", "deutsch land": "DE", "Italy": "X"}),
        ("currencies", "usd", {"USD": "USD", "usd": "X"}),
        ("currencies", "USD", {"USD": "X"}),
        ("value_maps.trades", "RETAIL", {"Retail": "X"}),
        ("value_maps.trades", "Wholesale", {"Retail": "R", "Wholesale": "X"}),
        ("states.DE", "Bayern", {"Bayern": "X"}),
    ],
)
def test_an_entry_takes_the_place_of_the_one_that_its_map_takes_for_the_same_name(
    map: str, name: str, codes: dict[str, Json]
) -> None:
    content: dict[str, Json] = {
        "countries": {"Germany": "DE", "deutsch land": "DE"},
        "currencies": {"USD": "USD"},
        "value_maps": {"trades": {"Retail": "R"}},
    }
    part, _, within = map.partition(".")
    found = with_entries(content, [entry(name, "X", map=map)])[part]
    assert found == ({within: codes} if within else codes)


def test_what_is_no_map_or_list_in_a_document_is_replaced_and_holds_no_code() -> None:
    content: dict[str, Json] = {"units": "none", "countries": None, "states": {"US": 5}}
    assert code_in(content, entry("Each", "?")) is None
    assert code_in(content, entry("Ohio", "?", map="states.US")) is None
    made = with_entries(content, [entry("Each", "ea"), entry("Germany", "DE", map="countries")])
    assert made == {"units": [EACH], "countries": {"Germany": "DE"}, "states": {"US": 5}}


def test_entries_of_one_map_name_and_direction_are_the_same() -> None:
    assert identity(entry(" EACH ", "a")) == identity(entry("each", "b"))
    assert identity(entry("Each", "a")) != identity(entry("Each", "a", "to_sales"))
    assert identity(entry("usd", "a", map="currencies")) != identity(entry("USD", "a", map="currencies"))
    assert identity(entry("New  York", "a", map="states.US")) == identity(entry("new york", "a", map="states.US"))
