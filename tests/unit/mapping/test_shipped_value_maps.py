"""What the shipped map document knows, and how its names are found."""

import pytest

from local.states import LANGUAGES
from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from tests.unit.mapping.samples import maps

MAPS = FLOWS.read_map_document(None)


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


@pytest.mark.parametrize(
    ("country", "name", "code"),
    [
        ("BR", "RJ", "RJ"), ("BR", "São Paulo", "SP"), ("BR", "Sao Paulo", "SP"), ("AT", "Kärnten", "2"),
        ("IT", "Milano", "MI"), ("IT", "L'Aquila", "AQ"), ("ES", "Sevilla", "SE"), ("CH", "Zuerich", None),
        ("CH", "Zurich", "ZH"), ("CH", "Genève", "GE"), ("JP", "Hokkaido", "01"), ("JP", "東京都", "13"),
        ("IN", "Maharashtra", "MH"), ("CN", "Guangdong", "GD"), ("MX", "Estado de México", "MEX"),
        ("GB", "Kent", "KEN"), ("GB", "Scotland", "SCT"), ("US", "Armed Forces Pacific", "AP"),
        ("US", "AE", "AE"), ("US", "aa", "AA"),
        ("US", "Puerto Rico", "PR"), ("US", "U.S. Virgin Islands", "VI"), ("FR", "Hautes-Alpes", "05"),
    ],
)  # fmt: skip
def test_a_state_is_known_by_the_names_that_people_write(country: str, name: str, code: str | None) -> None:
    assert MAPS.state(country, name) == code


def test_the_thirty_largest_countries_of_finops_have_lists() -> None:
    assert len(LANGUAGES) == 30
    assert all(len(MAPS.states[country]) >= 7 for country in LANGUAGES)


def test_an_accent_is_left_out_only_where_that_names_one_state() -> None:
    odd = maps(states={"DE": {"Muhlen": "A", "Mühlen": "B", "Köln": "C"}})
    assert [odd.state("DE", name) for name in ("Mühlen", "Muhlen", "Koln")] == ["B", "A", "C"]


def test_a_name_counts_before_a_code_that_looks_like_it() -> None:
    odd = maps(countries={"AT": "AU", "Austria": "AT"})
    assert (odd.country("at"), odd.country("austria")) == ("AU", "AT")


def test_a_name_that_stands_twice_in_the_document_is_refused() -> None:
    text = SHIPPED.read_text(encoding="utf-8").replace('"Germany": "DE"', '"Germany": "DE", "Germany": "GE"')
    with pytest.raises(SettingsInvalid, match="'Germany' occurs more than once"):
        FLOWS.read_map_document(text)
