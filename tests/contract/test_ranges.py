"""The numbers and texts that every mapping lets pass, against the schemas: what a target refuses is refused before."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from local.finops.values import INT32, MAX_DIGITS
from shared.flows.accounts.mapping import AccountMapper
from shared.flows.contacts.mapping import ContactMapper
from shared.flows.orders.mapping import OrderMapper
from shared.flows.products import mapping as products
from shared.flows.products.mapping import ProductChoices, ProductMapper
from shared.flows.quotations.mapping import QuotationMapper
from shared.flows.registry import FLOWS
from shared.mapping.field_table import FieldTable
from shared.mapping.ranges import Range, range_of
from shared.mapping.value_maps import ValueMaps
from shared.mapping.words import TargetField
from tests.contract.test_mapping_schema import dataverse, finops

SHIPPED = FLOWS.read_map_document(None)
WIDEST = SHIPPED.model_copy(update={"fields": {"accounts": {"CreditLimit": "owned"}}})


def tables(maps: ValueMaps = WIDEST) -> dict[str, FieldTable]:
    """Every table of every flow, by target collection."""
    contacts, quotations, orders = ContactMapper(maps), QuotationMapper(maps), OrderMapper(maps)
    return {
        "CustomersV3": AccountMapper(maps).table,
        "CustomersV3 of contacts": contacts.customer,
        "CDSContactPersonsV2": contacts.person,
        "CDSSalesQuotationHeaders": quotations.header,
        "CDSSalesQuotationLines": quotations.lines,
        "CDSSalesOrderHeaders": orders.header,
        "CDSSalesOrderLines": orders.lines,
    }


NUMBERS = [
    (name.split()[0], field)
    for name, table in tables().items()
    for field in table.fields
    if field.type in (int, Decimal)
]


def attributes(entity_set: str) -> dict[str, Mapping[str, Any]]:
    (table,) = (each for each in dataverse().values() if each.get("entity_set") == entity_set)
    return {attribute["name"]: attribute for attribute in table["attributes"]}


@pytest.mark.parametrize(("target_set", "field"), NUMBERS, ids=[f"{number}.{field.name}" for number, field in NUMBERS])
def test_a_number_for_finops_has_the_range_of_its_type(target_set: str, field: TargetField) -> None:
    (known,) = (each for each in finops()["entities"][target_set]["fields"] if each["name"] == field.name)
    wanted = {
        "Edm.Int32": Range(INT32.start, INT32.stop - 1),
        "Edm.Decimal": Range(digits=MAX_DIGITS),
    }
    assert range_of(field, None) == wanted[known["type"]]


def test_a_number_for_sales_has_the_range_of_its_column() -> None:
    known = attributes(products.TARGET_SET)
    fields = ProductMapper(SHIPPED).table.fields
    wanted = {
        field.name: Range(known[field.name]["min"], known[field.name]["max"])
        for field in fields
        if field.type in (int, Decimal) and "options" not in known[field.name]
    }
    assert {field.name: found for field in fields if (found := range_of(field, products.RANGES))} == wanted
    assert products.RANGES.keys() == wanted.keys()


def test_the_amount_of_an_item_has_the_range_of_its_column() -> None:
    known = attributes(products.ITEM_SET)[products.AMOUNT]
    assert Range(known["min"], known["max"]) == products.AMOUNT_RANGE


def test_every_amount_for_sales_is_rounded_to_the_precision_that_its_column_keeps() -> None:
    known = {**attributes(products.TARGET_SET), products.AMOUNT: attributes(products.ITEM_SET)[products.AMOUNT]}
    amounts = [field.name for field in ProductMapper(SHIPPED).table.fields if field.type is Decimal]
    assert sorted(amounts) == ["currentcost", "price"]
    for name in (*amounts, products.AMOUNT):
        assert known[name]["precision_source"] == "organization.pricingdecimalprecision", name


def test_every_text_for_sales_has_the_length_of_its_column() -> None:
    known = attributes(products.TARGET_SET)
    fields = [field for field in ProductMapper(SHIPPED, ProductChoices()).table.fields if field.type is str]
    lengths = {field.name: field.max_length for field in fields if field.name not in products.LOOKUPS}
    assert lengths == {name: known[name]["max_length"] for name in lengths}
    assert known[products.KEY_COLUMN]["max_length"] == products.NUMBER_LENGTH
