"""The products flow against the schemas of both systems: every name, type, length, option and navigation it uses."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from shared.flows.products import catalogue
from shared.flows.products import mapping as products
from shared.flows.products.mapping import ProductMapper
from shared.flows.registry import FLOWS
from shared.mapping.words import columns_of
from tests.contract.test_mapping_schema import dataverse, finops

MAPPER = ProductMapper(FLOWS.read_map_document(None))
SOURCE: Mapping[str, Any] = finops()["entities"][products.ENTITY_SET]
TYPES = {str: {"Edm.String"}, int: {"Edm.Int32"}, Decimal: {"Edm.Decimal"}, bool: {"Edm.Boolean"}}


def table(entity_set: str) -> Mapping[str, Any]:
    """A table of Sales by its entity set."""
    (found,) = (each for each in dataverse().values() if each.get("entity_set") == entity_set)
    return found


def attributes(entity_set: str) -> dict[str, Mapping[str, Any]]:
    return {attribute["name"]: attribute for attribute in table(entity_set)["attributes"]}


def navigations(entity_set: str) -> dict[str, Mapping[str, Any]]:
    """The single navigation of each lookup, by column."""
    return {lookup["attribute"]: lookup["navigation"][0] for lookup in table(entity_set)["lookups"]}


def test_the_source_has_the_key_and_every_field_that_is_read() -> None:
    assert SOURCE["key"] == ["dataAreaId", products.KEY_FIELD]
    known = {field["name"]: field for field in SOURCE["fields"]}
    for column in MAPPER.table.columns:
        kind = known[column.name]["type"]
        assert kind in TYPES[column.type] or (column.type is str and known[column.name]["enum"]), column.name


def test_every_column_that_is_written_exists_with_its_type_and_length() -> None:
    known, lookups = attributes(products.TARGET_SET), navigations(products.TARGET_SET)
    for field in MAPPER.table.fields:
        if field.name in products.LOOKUPS:
            assert lookups[field.name]["nav"] == field.name
            continue
        assert known[field.name]["edm_type"] in TYPES[field.type], field.name
        assert not known[field.name].get("read_only"), field.name
        assert field.max_length == known[field.name].get("max_length", field.max_length), field.name


@pytest.mark.parametrize(
    ("entity_set", "lookups"),
    [(products.TARGET_SET, products.LOOKUPS), (products.ITEM_SET, products.ITEM_LOOKUPS)],
)
def test_every_lookup_is_bound_by_its_navigation_to_its_entity_set(entity_set: str, lookups: Mapping[str, str]) -> None:
    known = navigations(entity_set)
    for column, target in lookups.items():
        assert (known[column]["nav"], known[column]["entity_set"]) == (column, target)


def test_what_a_creation_does_not_take_is_sent_afterwards() -> None:
    known = navigations(products.TARGET_SET)
    update_only = {column for column in products.LOOKUPS if known[column]["writable"] == "update only"}
    assert update_only == {"pricelevelid"}
    assert update_only <= products.late_columns(MAPPER.choices).keys()


def test_the_place_of_an_item_never_changes_and_its_unit_may() -> None:
    known = navigations(products.ITEM_SET)
    assert known["pricelevelid"]["writable"] == "create only"
    assert known["uomid"]["writable"] == "create+update"


def test_ids_numbers_and_states_are_those_of_the_tables() -> None:
    assert table(products.TARGET_SET)["logical_name"] == products.LOGICAL_NAME
    assert table(products.TARGET_SET)["primary_id"] == products.ID_COLUMN
    assert table(products.ITEM_SET)["logical_name"] == products.ITEM
    assert table(products.ITEM_SET)["primary_id"] == products.ITEM_ID_COLUMN
    known = attributes(products.TARGET_SET)
    assert known[products.KEY_COLUMN]["max_length"] == products.NUMBER_LENGTH
    states = {option["label"]: option["value"] for option in known[products.STATE]["options"]}
    assert (states["Active"], states["Retired"], states["Under Revision"]) == (
        products.ACTIVE,
        products.RETIRED,
        products.UNDER_REVISION,
    )
    by_state = known["statuscode"]["default_status_by_state"]
    assert {int(state): status for state, status in by_state.items()}.items() >= products.STATUS_OF.items()


def test_an_item_has_its_amount_and_the_method_of_a_currency_amount() -> None:
    known = attributes(products.ITEM_SET)
    assert known[products.AMOUNT]["edm_type"] == "Edm.Decimal"
    (name, value), *_ = products.CURRENCY_AMOUNT.items()
    assert {option["value"]: option["label"] for option in known[name]["options"]}[value] == "Currency Amount"


@pytest.mark.parametrize("entity_set", catalogue.TABLES)
def test_every_column_of_the_small_tables_exists(entity_set: str) -> None:
    known = set(attributes(entity_set)) | {lookup["value_property"] for lookup in table(entity_set)["lookups"]}
    assert set(catalogue.TABLES[entity_set]) - known - {table(entity_set)["primary_id"]} == set()


def test_product_types_are_members_and_options() -> None:
    members = {
        each["name"] if isinstance(each, dict) else each for each in finops()["enums"]["EcoResProductType"]["members"]
    }
    options = {option["value"] for option in attributes(products.TARGET_SET)["producttypecode"]["options"]}
    shipped = FLOWS.read_map_document(None).product_types
    assert set(shipped) <= members
    assert set(shipped.values()) <= options


def test_the_mapping_reads_what_its_words_name() -> None:
    assert {column.name for column in columns_of(MAPPER.table.used)} <= set(MAPPER.select)
