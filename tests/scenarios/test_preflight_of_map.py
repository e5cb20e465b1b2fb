"""What a preflight finds of columns that the map document adds or changes, against the metadata of both simulators."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from local.simulator.owncolumns import read_own_columns
from shared.flows.checks import CheckResult
from shared.mapping.map_source import SHIPPED
from shared.operations.preflight.run import Preflight
from tests.support.product import Product
from tests.unit.local import dataverse_world, finops_environment

SHORT: dict[str, Any] = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "countries": {}, "states": {}}
# What both systems have.
LIVE: dict[str, Any] = {
    "accounts": {"new_tier": {"type": "option", "options": [1, 2]}},
    "products": {"new_code": {"type": "text", "length": 5}, "new_kind": {"type": "option", "options": [10, 20]}},
    "CustomersV3": {"ContosoTier": {"type": "member", "members": ["None", "Gold"]}},
}
# What the document says of them.
SAID: dict[str, Any] = {
    "accounts": {"new_tier": {"type": "option", "options": [1, 2, 3]}},
    "products": {"new_code": {"type": "text", "length": 30}, "new_kind": {"type": "option", "options": [10, 20, 30]}},
    "CustomersV3": {"ContosoTier": {"type": "member", "members": ["None", "Gold", "Silver"]}},
}


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[Product]:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"own_columns": LIVE}), encoding="utf-8")
    with ExitStack() as stack:
        sales = stack.enter_context(dataverse_world.dataverse(own=own))
        finops = stack.enter_context(finops_environment.environment(own=read_own_columns(own)))
        yield Product(sales, finops)


def found(sync: Product, fields: dict[str, Any], **parts: Any) -> dict[str, str]:
    """What a preflight says about the document, by table; empty where everything is well."""
    sync.start(MAP_DOCUMENT=json.dumps({**SHORT, "own_columns": SAID, "fields": fields, **parts}))
    checks = Preflight(sync.service.systems, sync.deployment, sync.clock.now()).checks()
    end = " takes what the map document says"
    told = {check.what.removesuffix(end): check for check in checks if check.what.endswith(end)}
    assert all(check.flows and bool(check.remedy) is (check.verdict is CheckResult.WRONG) for check in told.values())
    return {name: check.found for name, check in told.items()}


def option(to: Mapping[str, Any], source: str) -> dict[str, Any]:
    return {"word": "option", "from": source, "to": to}


def test_options_members_and_lengths_of_the_document_are_those_of_both_systems(sync: Product) -> None:
    tier = option({"1": "Gold", "3": "Silver"}, "new_tier")
    fields = {
        "accounts": {"ContosoTier": tier},
        "products": {
            "new_code": {"word": "copy", "from": "ProductNumber"},
            "new_kind": option({"Item": 10, "Service": 30}, "ProductType"),
        },
    }
    assert found(sync, fields) == {
        "accounts": "new_tier has no 3, but 1, 2",
        "products": "new_code takes 5 characters, and the document sends up to 30; new_kind has no 30, but 10, 20",
        "CustomersV3": "ContosoTier has no Silver, but Gold, None",
        "SellableReleasedProducts": "",
    }


def test_a_declared_column_that_a_system_lacks_is_told_as_declared(sync: Product) -> None:
    declared = {"accounts": {"new_since": {"type": "text"}, "_new_seller_value": {"type": "id"}}}
    fields = {"accounts": {"NameAlias": {"word": "copy", "from": "new_since"}}}
    sync.start(MAP_DOCUMENT=json.dumps({**SHORT, "own_columns": declared, "fields": fields}))
    checks = Preflight(sync.service.systems, sync.deployment, sync.clock.now()).checks()
    (check,) = (each for each in checks if each.what == "accounts has the columns of the mapping")
    assert check.found == "missing: new_since"
    assert check.remedy == ("own_columns declares new_since, but this system lacks it: create it there, or remove it")


def test_what_both_systems_have_is_well(sync: Product) -> None:
    rules = {
        "word": "rules",
        "rules": [{"when": {"column": "new_tier", "operator": "in", "value": [1, 2]}, "value": "Gold"}],
    }
    fields = {
        "accounts": {"ContosoTier": rules},
        "products": {"new_code": {"word": "copy", "from": "ProductNumber", "length": 5}},
    }
    assert found(sync, fields) == {"accounts": "", "products": "", "CustomersV3": ""}


def test_options_that_filters_and_rules_compare_with_are_looked_for(sync: Product) -> None:
    compared = {"column": "new_tier", "operator": "eq", "value": 3}
    rules = {"word": "rules", "rules": [{"when": compared, "value": "20"}]}
    missing = {"accounts": "new_tier has no 3, but 1, 2"}
    assert found(sync, {"accounts": {"CustomerGroupId": rules}}) == {**missing, "CustomersV3": ""}
    assert found(sync, {}, filters={"accounts": [{"name": "pilot", "keep": compared}]}) == missing


def test_nothing_is_looked_for_if_the_document_changes_nothing(sync: Product) -> None:
    assert found(sync, {}) == {}


def test_a_column_that_nobody_may_write_is_told(tmp_path: Path) -> None:
    attribute = {
        "name": "new_code", "schema_name": "new_code", "edm_type": "Edm.String", "max_length": 50,
        "required_level": "None", "read_only": False,
    }  # fmt: skip
    told = {}
    for name, facts in {"read only": {"read_only": True}, "at creation": {"valid_for_update": False}}.items():
        overlay = tmp_path / f"{name}.json"
        content = {"entities": {"product": {"attributes": [{**attribute, **facts}]}}}
        overlay.write_text(json.dumps(content), encoding="utf-8")
        with dataverse_world.dataverse(own=overlay) as sales, finops_environment.environment() as finops:
            fields = {"products": {"new_code": {"word": "copy", "from": "ProductNumber"}}}
            told[name] = found(Product(sales, finops), fields)["products"]
    assert told == {
        "read only": "new_code cannot be written",
        "at creation": "new_code can be set at creation only: make it on_create",
    }
