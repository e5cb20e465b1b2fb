"""What a flow says of itself: its mapping, its records, and the flows around it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.records import Json, References, SourceRow
from shared.sync.flow import Flow, OnConflict, dependents, in_turn, waiting_for_looks
from tests.support.clock import START
from tests.support.doubles import ROUTE
from tests.support.trade import CONTACT, CUSTOMER
from tests.support.world import TRADE, World


class Tables:
    """Small tables of the target: each time the next ones."""

    def __init__(self, *found: str) -> None:
        self._found, self.ages = list(found), list[float]()

    def rows(self, *, max_age_s: float) -> References:
        self.ages.append(max_age_s)
        return {"Units": ({"name": self._found.pop(0)},)}


def flow(name: str = "parents") -> Flow:
    return World(flows=(*TRADE, "children")).service().flows[name]


def day_and_units(references: References, now: Any) -> Json:
    return [str(now.date()), *(str(row["name"]) for row in references["Units"])]


def test_the_basis_of_a_mapping_belongs_to_its_fingerprint() -> None:
    tables: Any = Tables("ea", "ea", "kg", "ea")
    plain = flow()
    with_basis = replace(plain, lookup=tables, basis=day_and_units)
    first, same, other, later = (
        with_basis.as_of(START).fingerprint,
        with_basis.as_of(START).fingerprint,
        with_basis.as_of(START).fingerprint,
        with_basis.as_of(START + timedelta(days=1), max_age_s=5).fingerprint,
    )
    assert first == same
    assert len({plain.fingerprint, first, other, later}) == 4
    assert tables.ages == [300, 300, 300, 5]
    for without in (replace(plain, lookup=tables), replace(plain, basis=day_and_units)):
        assert without.as_of(START) is without


@pytest.mark.parametrize(
    ("known", "is_of_it"),
    [(None, False), ("", False), ("f1", True), ("f1-ab", True), ("f10", False), ("f2-ab", False), ("-f1", False)],
)
def test_a_mapping_knows_its_fingerprint_whatever_its_basis_was(known: str | None, is_of_it: bool) -> None:
    present = flow().as_read_for("f1-cd")
    assert present.fingerprint == "f1-cd"
    assert present.maps_as(known) is is_of_it
    assert present.as_read_for(known).fingerprint == (known if is_of_it else "f1-cd")


@pytest.mark.parametrize(
    ("values", "number", "name"),
    [
        (None, "", ""),
        ({}, "", ""),
        ({"no": None, "first": None, "last": ""}, "", ""),
        ({"no": 7, "first": " Ada ", "last": "King"}, "7", "Ada King"),
        ({"no": "", "first": "", "last": "King"}, "", "King"),
    ],
)
def test_a_record_is_known_by_its_number_and_its_name(values: dict[str, Json] | None, number: str, name: str) -> None:
    named = replace(flow(), number_column="no", name_columns=("first", "last"))
    row = None if values is None else SourceRow("1", 1, values)
    assert (named.number_of(row), named.name_of(row)) == (number, name)
    assert flow().number_of(row) == ""


def test_a_flow_with_one_route_has_it_without_a_name_and_one_with_several_only_by_name() -> None:
    people = flow("people")
    assert flow().route(None).name == ROUTE
    assert [people.route(name).name for name in (CONTACT, CUSTOMER)] == [CONTACT, CUSTOMER]
    with pytest.raises(ValueError, match="too many"):
        people.route(None)


def test_only_records_of_several_rows_have_parts() -> None:
    assert [name for name in (*TRADE, "children") if flow(name).has_parts] == ["documents"]
    assert not World(flows=("products",)).service().flows["products"].has_parts


def test_flows_whose_records_wait_for_those_of_another_depend_on_it_by_name_or_by_collection() -> None:
    flows = dict(World(flows=(*TRADE, "children")).service().flows)
    assert [each.name for each in dependents(flows, "parents")] == ["people", "children"]
    assert dependents(flows, "documents") == []
    entity = flows["parents"].route(ROUTE).entity
    flows["documents"] = replace(flows["documents"], parents_by_key=(entity,), looks_first=("children",))
    assert [each.name for each in dependents(flows, "parents")] == ["people", "documents", "children"]
    assert [each.name for each in waiting_for_looks(flows, "children")] == ["documents"]
    assert waiting_for_looks(flows, "documents") == []


def test_each_run_has_every_flow_once_and_begins_with_another_one() -> None:
    flows = World(flows=(*TRADE, "children")).service().flows
    turns = [[each.name for each in in_turn(flows, f"run{number}")] for number in range(40)]
    assert {turn[0] for turn in turns} == set(flows)
    order = list(flows)
    assert all(turn == order[order.index(turn[0]) :] + order[: order.index(turn[0])] for turn in turns)


@pytest.mark.parametrize(
    ("policy", "looks"), [(OnConflict.SOURCE_WINS, False), (OnConflict.TARGET_WINS, True), (OnConflict.STOP, True)]
)
def test_a_row_is_read_before_it_is_written_where_changes_of_others_count(policy: OnConflict, looks: bool) -> None:
    assert replace(flow().route(ROUTE), on_conflict=policy).looks_for_conflicts is looks
