"""The policies that each flow may have: what the JSON Schema offers is what the app accepts."""

import json
from typing import Any

import pytest

from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from tests.support.project import ROOT
from tests.unit.mapping.samples import document
from tests.unit.mapping.test_wrong_map_documents import check

EVERY = {
    "on_conflict": ("source_wins", "target_wins", "stop"),
    "on_target_deleted": ("recreate", "unlink", "list"),
    "on_existing": ("reject", "adopt"),
}
OFFERED: dict[str, Any] = json.loads((ROOT / "docs" / "map-document.schema.json").read_text(encoding="utf-8"))[
    "properties"
]["policies"]["properties"]


def is_accepted(flow: str, policy: str, value: str) -> bool:
    try:
        check(document(countries={}, states={}, policies={flow: {policy: value}}))
    except SettingsInvalid:
        return False
    return True


@pytest.mark.parametrize("flow", FLOWS.names)
def test_editors_are_offered_the_policies_that_are_accepted(flow: str) -> None:
    offered = {name: tuple(values["enum"]) for name, values in OFFERED[flow]["properties"].items()}
    accepted = {
        policy: tuple(value for value in values if is_accepted(flow, policy, value)) for policy, values in EVERY.items()
    }
    assert offered == {policy: values for policy, values in accepted.items() if values}


@pytest.mark.parametrize("flow", FLOWS.names)
def test_a_policy_that_the_schema_does_not_know_is_a_mistake_to_an_editor(flow: str) -> None:
    policies = FLOWS.value_maps.model_json_schema()["properties"]["policies"]
    assert policies["additionalProperties"] is False
    assert policies["properties"][flow] == OFFERED[flow]
    assert policies["properties"][flow]["additionalProperties"] is False
