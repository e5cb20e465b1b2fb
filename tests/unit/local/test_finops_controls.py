"""Promises of the F&O simulator's own part of the control plane."""

import pytest

from local.finops.controls import controls
from local.finops.switches import Switches


def test_the_state_shows_what_is_switched_until_it_is_deleted() -> None:
    plane = controls(Switches())
    plane["rights"]("POST", {"entity": "CustomersV3", "right": "read", "granted": False})
    plane["conflicts"]("POST", {"entity": "CustomersV3", "times": 2})
    assert plane["rights"]("GET", None) == {"rights_taken": ["CustomersV3.read"], "conflicts": {"CustomersV3": 2}}
    assert plane["conflicts"]("DELETE", None) == {"rights_taken": [], "conflicts": {}}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("rights", None),
        ("rights", {"entity": "CustomersV3", "right": "own", "granted": True}),
        ("rights", {"entity": "NoSuchSet", "right": "read", "granted": True}),
        ("conflicts", {"entity": "CustomersV3", "times": -1}),
        ("conflicts", {"entity": "NoSuchSet", "times": 1}),
    ],
)
def test_a_switch_that_does_not_exist_is_refused(name: str, body: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        controls(Switches())[name]("POST", body)
