"""What the shipped value-map document knows, and how its names are found."""

import pytest

from shared.errors import SettingsInvalid
from shared.mapping.value_maps import SHIPPED, read_value_maps
from tests.unit.mapping.samples import maps

MAPS = read_value_maps(None)


def test_every_country_of_the_world_is_known_by_its_code() -> None:
    assert len({*MAPS.countries.values()}) == 249
    assert all(MAPS.country(code.lower()) == code for code in MAPS.countries.values())


@pytest.mark.parametrize(
    ("name", "code"),
    [("U.S.", "US"), ("usa", "US"), ("England", "GB"), ("Türkiye", "TR"), ("TURKEY", "TR"), ("Suisse", "CH")],
)
def test_a_country_is_known_by_the_names_that_people_write(name: str, code: str) -> None:
    assert MAPS.country(name) == code


def test_every_default_is_one_that_the_document_lists() -> None:
    assert MAPS.country(MAPS.defaults.country) == MAPS.defaults.country
    assert MAPS.currency(MAPS.defaults.currency) is not None


def test_every_country_with_states_is_listed() -> None:
    assert {*MAPS.states} <= {*MAPS.countries.values()}


def test_the_codes_of_states_fit_into_finops() -> None:
    limit = MAPS.lengths_of("CustomersV3")["AddressState"]
    assert limit is not None
    assert all(len(code) <= limit for states in MAPS.states.values() for code in states.values())


def test_a_name_counts_before_a_code_that_looks_like_it() -> None:
    odd = maps(countries={"AT": "AU", "Austria": "AT"})
    assert (odd.country("at"), odd.country("austria")) == ("AU", "AT")


def test_a_name_that_stands_twice_in_the_document_is_refused() -> None:
    text = SHIPPED.read_text(encoding="utf-8").replace('"Germany": "DE"', '"Germany": "DE", "Germany": "GE"')
    with pytest.raises(SettingsInvalid, match="'Germany' stands more than once"):
        read_value_maps(text)
