"""What is told of the names in a map document, some parts of which are missing, unknown or misspelt."""

import pytest

from shared import exact_json
from shared.errors import MapInvalid, SettingsInvalid
from shared.flows.misnamed import OfNames, mistakes_of_names
from shared.flows.registry import FLOWS
from shared.mapping.map_source import MapSource
from shared.mapping.value_maps import ValueMaps
from shared.records import Json

TOLD = ("fields.accounts.X is not known",)
COLUMNS: Json = {"accounts": {"new_x": {"type": "text"}}}


def told(document: Json, wrong: Exception | None) -> OfNames:
    """What is told of a document with which the mappings have this wrong."""

    def check(_maps: ValueMaps) -> None:
        if wrong is not None:
            raise wrong

    return mistakes_of_names(
        MapSource("the map document", exact_json.dumps(document), is_yaml=False), FLOWS.value_maps, check
    )


@pytest.mark.parametrize(
    ("document", "is_told"),
    [
        ({}, True),
        ({"comments": {}}, True),
        ({"value_maps": {}}, True),
        ({"own_columns": {}, "value_maps": {}}, True),
        ({"own_colums": COLUMNS}, False),
        ({"value_map": {"codes": {}}}, False),
        ({"own_columns": COLUMNS, "own_colums": COLUMNS}, True),
        ({"own_columns": {}, "own_colums": COLUMNS}, False),
        ({"own_columns": 5}, False),
        ({"text_lengths": 5}, False),
        ({"fields": 5}, False),
        ([], False),
    ],
)
def test_names_are_told_unless_what_declares_them_may_be_misspelt(document: Json, is_told: bool) -> None:
    assert told(document, MapInvalid("wrong", TOLD)) == (OfNames(TOLD) if is_told else OfNames((), left_out=True))


@pytest.mark.parametrize(
    "document",
    [
        {"countries": 5},
        {"countries": {"": "US", "x": 5}},
        {"fields": {"accounts": {"NameAlias": {"word": "copy", "from": "name", "length": 0}}}},
        {"fields": {"accounts": {"NameAlias": {"word": "coppy", "from": "name"}}, "acounts": {}}},
        {"filters": {"accounts": [{"name": "P", "keep": {"column": "name", "operator": "filled"}}]}},
        {"policies": {"accounts": {"on_conflict": "ask"}}},
    ],
)
def test_names_are_told_beside_what_has_not_its_form(document: Json) -> None:
    assert told(document, MapInvalid("wrong", TOLD)) == OfNames(TOLD, left_out=True)


def test_what_is_wrong_beside_names_is_told_as_it_is() -> None:
    assert told({}, SettingsInvalid("something else")) == OfNames(("something else",))
    assert told({}, MapInvalid("wrong", TOLD, left_out=True)) == OfNames(TOLD, left_out=True)
    assert told({}, None) == OfNames(())
