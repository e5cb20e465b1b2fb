"""From the columns of an organisation's own to a simulator of it: what `p2c map learn` writes is what both simulators
take, and a simulator with it says the same again."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from local.simulator.owncolumns import read_own_columns
from tests.support.operator import operated, p2c
from tests.support.product import Product
from tests.unit.local import dataverse_world, finops_environment

OWN: dict[str, dict[str, Any]] = {
    "accounts": {
        "_new_keeperid_value": {"type": "id"},
        "new_KeeperId": {"type": "lookup", "table": "contacts"},
        "new_code": {"type": "text", "length": 5},
        "new_key": {"type": "yes_no"},
        "new_note": {"type": "text", "length": 5000},
        "new_seats": {"type": "whole"},
        "new_seen": {"type": "date", "behavior": "TimeZoneIndependent"},
        "new_share": {"type": "decimal"},
        "new_since": {"type": "date", "behavior": "DateOnly"},
        "new_tier": {"type": "option", "options": [1, 2]},
    },
    "products": {"new_brand": {"type": "option", "options": [100, 200]}},
    "CustomersV3": {
        "ContosoIsKey": {"type": "member", "members": ["No", "Yes"]},
        "ContosoNote": {"type": "text"},
        "ContosoSeats": {"type": "whole"},
        "ContosoShare": {"type": "decimal"},
        "ContosoSeen": {"type": "date", "behavior": "TimeZoneIndependent"},
        "ContosoSince": {"type": "date"},
        "ContosoTier": {"type": "member", "members": ["None", "Gold", "Silver"]},
    },
    "SellableReleasedProducts": {"ContosoBrand": {"type": "member", "members": ["None", "Own"]}},
}


def learned(overlay: Path) -> dict[str, Any]:
    """What `p2c map learn` says of both simulators with an overlay."""
    with ExitStack() as stack:
        sales = stack.enter_context(dataverse_world.dataverse(own=overlay))
        finops = stack.enter_context(finops_environment.environment(own=read_own_columns(overlay)))
        with operated(Product(sales, finops)):
            said: dict[str, Any] = json.loads(p2c("map", "learn"))
    return said


def test_what_is_learned_of_a_simulator_makes_a_simulator_that_says_the_same(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(json.dumps({"own_columns": OWN}), encoding="utf-8")
    of_first = learned(first)
    assert of_first == {"own_columns": OWN}
    second.write_text(json.dumps(of_first), encoding="utf-8")
    assert learned(second) == of_first
