"""mapping.md, The map document: one value map used both ways is one-to-one or names its preferred direction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import SettingsInvalid
from shared.mapping.units import UnitPair, finops_unit, sales_unit
from shared.records import Json
from tests.unit.mapping.samples import maps

EACH: Json = {"sales": "Each", "finops": "ea"}


def pair(sales: str, finops: str, direction: str = "both") -> Json:
    """A pair of the document."""
    return {"sales": sales, "finops": finops, "direction": direction}


def test_a_pair_is_read_in_both_directions() -> None:
    units = maps(units=[EACH]).units
    assert finops_unit(units, " each ") == "ea"
    assert sales_unit(units, "EA") == "Each"


def test_a_unit_that_is_not_listed_has_no_counterpart() -> None:
    units = maps(units=[EACH]).units
    assert finops_unit(units, "Dozen") is None
    assert sales_unit(units, "dz") is None


def test_of_two_units_with_one_counterpart_one_names_its_direction() -> None:
    units = maps(units=[EACH, pair("Piece", "ea", "to_finops"), pair("Each", "pcs", "to_sales")]).units
    assert (finops_unit(units, "Piece"), finops_unit(units, "Each")) == ("ea", "ea")
    assert (sales_unit(units, "ea"), sales_unit(units, "pcs")) == ("Each", "Each")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (pair("Piece", "ea"), "ea to Sales"),
        (pair("Each", "pcs"), "each to F&O"),
        (pair("Piece", "EA", "to_sales"), "ea to Sales"),
        (pair(" EACH", "pcs", "to_finops"), "each to F&O"),
    ],
)
def test_units_that_are_not_one_to_one_are_refused_at_the_start(other: Json, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"units.*{said}.*to_finops or to_sales"):
        maps(units=[EACH, other])


@pytest.mark.parametrize("name", [b"Each", 1, True, ["Each"], None])
def test_a_name_that_is_no_text_is_refused_and_never_made_one(name: object) -> None:
    # A document in YAML may hold bytes, as !!binary.
    for given_ in ({"sales": name, "finops": "ea"}, {"sales": "Each", "finops": name}):
        with pytest.raises(ValidationError):
            UnitPair.model_validate(given_)


@given(
    st.lists(
        st.tuples(st.text("abc", min_size=1), st.text("xyz", min_size=1)), unique_by=(lambda p: p[0], lambda p: p[1])
    )
)
def test_a_unit_that_goes_there_comes_back(names: list[tuple[str, str]]) -> None:
    units = [UnitPair(sales=sales, finops=finops) for sales, finops in names]
    assert all(sales_unit(units, finops_unit(units, sales) or "") == sales for sales, _ in names)
