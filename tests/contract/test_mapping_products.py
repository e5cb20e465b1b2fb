"""What the products flow relies on in both systems besides names and types (see test_products_schema)."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from shared.flows.products import catalogue
from shared.flows.products import mapping as products
from shared.flows.products.mapping import PriceItems, ProductChoices, ProductMapper, Vanished, late_columns
from shared.flows.registry import FLOWS
from tests.contract.test_mapping_schema import SCHEMAS, dataverse, finops
from tests.contract.test_products_schema import attributes, navigations, table

MAPS = FLOWS.read_map_document(None)
CHOICES = [ProductChoices(price_items=items, when_vanished=vanished) for items in PriceItems for vanished in Vanished]
FIELDS: Mapping[str, Any] = {field["name"]: field for field in finops()["entities"][products.ENTITY_SET]["fields"]}
COLUMNS, LOOKUPS = attributes(products.TARGET_SET), navigations(products.TARGET_SET)
READ_TYPES = {
    "isocurrencycode": "Edm.String",
    "name": "Edm.String",
    "statecode": "Edm.Int32",
    "begindate": "Edm.DateTimeOffset",
    "enddate": "Edm.DateTimeOffset",
    "pricingdecimalprecision": "Edm.Int32",
}


def sent(choices: ProductChoices) -> set[str]:
    """Every column of a product that the flow may ever write."""
    mapping = ProductMapper(MAPS, choices)
    return {*mapping.table.target_fields, *mapping.ended(), products.STATE, "statuscode"}


def lookup(entity_set: str, column: str) -> Mapping[str, Any]:
    (found,) = (each for each in table(entity_set)["lookups"] if each["attribute"] == column)
    return dict(found)


@pytest.mark.parametrize(
    ("entity_set", "id_column"),
    [(products.TARGET_SET, products.ID_COLUMN), (products.ITEM_SET, products.ITEM_ID_COLUMN)],
)
def test_the_id_of_a_new_row_is_ours_to_give_and_never_changes(entity_set: str, id_column: str) -> None:
    known = attributes(entity_set)[id_column]
    assert (known["edm_type"], known["primary_id"]) == ("Edm.Guid", True)
    assert (known["read_only"], known.get("valid_for_create", True), known["valid_for_update"]) == (False, True, False)


@pytest.mark.parametrize("choices", CHOICES)
def test_a_creation_sends_only_what_a_creation_takes(choices: ProductChoices) -> None:
    first = sent(choices) - late_columns(choices).keys() - {"statuscode"}
    columns = {name: COLUMNS[name] for name in first if name not in products.LOOKUPS}
    lookups = {name: lookup(products.TARGET_SET, name) for name in first if name in products.LOOKUPS}
    known = [*columns.values(), *lookups.values()]
    assert [each for each in known if each["read_only"] or not each.get("valid_for_create", True)] == []
    assert {LOOKUPS[name]["writable"] for name in lookups} == {"create+update"}


@pytest.mark.parametrize("choices", CHOICES)
def test_an_update_sends_only_what_an_update_takes(choices: ProductChoices) -> None:
    names = sent(choices)
    known = [lookup(products.TARGET_SET, n) if n in products.LOOKUPS else COLUMNS[n] for n in names]
    assert [each for each in known if each["read_only"] or not each.get("valid_for_update", True)] == []


def test_the_price_list_of_a_product_is_taken_by_an_update_only() -> None:
    known = lookup(products.TARGET_SET, "pricelevelid")
    assert (known["valid_for_create"], known.get("valid_for_update", True)) == (False, True)


@pytest.mark.parametrize("choices", CHOICES)
def test_the_lookups_that_are_bound_are_those_of_the_table_and_no_others(choices: ProductChoices) -> None:
    names = sent(choices)
    assert {name for name in names if name in LOOKUPS} <= set(products.LOOKUPS)
    assert {name for name in products.LOOKUPS if name in names} >= set(products.LOOKUPS) - {"pricelevelid"}


def test_every_column_that_a_new_product_must_have_is_sent_or_follows_from_the_key() -> None:
    must = {column["name"] for column in COLUMNS.values() if _required(column) and not column["read_only"]}
    must |= {
        each["attribute"] for each in table(products.TARGET_SET)["lookups"] if _required(each) and not each["read_only"]
    }
    given = sent(ProductChoices()) | {products.ID_COLUMN, products.KEY_COLUMN}
    assert must - given == {"productstructure"}
    assert COLUMNS["productstructure"]["default"] == 1


def test_every_column_that_a_new_item_must_have_is_sent() -> None:
    must = {
        attribute["name"]
        for attribute in attributes(products.ITEM_SET).values()
        if _required(attribute) and not attribute["read_only"]
    }
    must |= {
        each["attribute"] for each in table(products.ITEM_SET)["lookups"] if _required(each) and not each["read_only"]
    }
    given = {products.ITEM_ID_COLUMN, products.AMOUNT, *products.CURRENCY_AMOUNT, *products.ITEM_LOOKUPS}
    assert must
    assert must <= given


def test_the_columns_of_an_item_can_be_changed_but_for_its_place() -> None:
    unchangeable = {
        name for name in products.ITEM_LOOKUPS if not lookup(products.ITEM_SET, name).get("valid_for_update", True)
    }
    assert unchangeable == {"pricelevelid"}
    assert attributes(products.ITEM_SET)[products.AMOUNT].get("valid_for_update", True)


def test_money_is_kept_with_the_organisations_pricing_precision() -> None:
    money = [COLUMNS["price"], COLUMNS["currentcost"], attributes(products.ITEM_SET)[products.AMOUNT]]
    assert {each["precision_source"] for each in money} == {"organization.pricingdecimalprecision"}
    assert attributes(catalogue.ORGANIZATION)["pricingdecimalprecision"]["max"] == 10


@pytest.mark.parametrize(
    ("entity_set", "column"),
    [(name, column) for name, columns in catalogue.TABLES.items() for column in columns if column in READ_TYPES],
)
def test_a_column_of_the_small_tables_has_the_type_that_is_read(entity_set: str, column: str) -> None:
    assert attributes(entity_set)[column]["edm_type"] == READ_TYPES[column]


@pytest.mark.parametrize("entity_set", catalogue.TABLES)
def test_every_column_of_the_small_tables_is_an_id_a_lookup_or_has_a_known_type(entity_set: str) -> None:
    ids = {table(entity_set)["primary_id"], *(each["value_property"] for each in table(entity_set)["lookups"])}
    assert set(catalogue.TABLES[entity_set]) - ids <= set(READ_TYPES)


@pytest.mark.parametrize("entity_set", [catalogue.CURRENCIES, catalogue.UNIT_GROUPS, catalogue.PRICE_LISTS])
def test_active_is_0_in_the_small_tables_that_have_a_state(entity_set: str) -> None:
    options = {attribute["label"]: attribute["value"] for attribute in attributes(entity_set)["statecode"]["options"]}
    assert options == {"Active": 0, "Inactive": 1}


def test_a_unit_has_no_state() -> None:
    assert "statecode" not in attributes(catalogue.UNITS)


def test_the_mark_comes_with_the_solution_and_nothing_else_does() -> None:
    content = json.loads((SCHEMAS / "dataverse-schema.json").read_text(encoding="utf-8"))
    plain = {each["name"] for each in content["entities"]["product"]["attributes"]}
    plain |= {each["attribute"] for each in content["entities"]["product"]["lookups"]}
    assert sent(ProductChoices()) - plain == {"msdynce_ismaintainedexternally"}


def test_the_longest_product_number_of_finops_fits_into_sales() -> None:
    assert FIELDS[products.KEY_FIELD]["max_length_unverified"] <= products.NUMBER_LENGTH


def test_the_longest_unit_name_and_currency_code_are_longer_in_sales_than_in_finops() -> None:
    assert (
        FIELDS["CurrencyCode"]["max_length_unverified"]
        <= attributes(catalogue.CURRENCIES)["isocurrencycode"]["max_length"]
    )


def test_a_product_type_that_finops_knows_is_in_the_shipped_value_map() -> None:
    members = {each["name"] for each in finops()["enums"][FIELDS["ProductType"]["enum"]]["members"]}
    assert set(MAPS.product_types) == members


def test_every_price_that_is_0_or_more_is_within_the_range_of_sales() -> None:
    assert [COLUMNS[name]["min"] for name in ("price", "currentcost")] == [0, 0]


def test_bulk_messages_are_documented_for_products_and_not_for_their_items() -> None:
    tables = dataverse()
    assert "CreateMultiple, UpdateMultiple" in tables[products.LOGICAL_NAME]["bulk_messages"]
    assert tables[products.ITEM]["bulk_messages"].startswith("NOT listed")


def _required(of: Mapping[str, Any]) -> bool:
    return bool(of["required_level"] == "SystemRequired")
