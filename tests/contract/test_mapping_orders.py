"""The orders mapping against the schemas of both systems: names, types, activation, lengths."""

import pytest

from shared.flows.orders import mapping as orders
from shared.flows.orders import order_rows
from shared.flows.orders.mapping import OrderChoices, OrderMapper, header_words, line_words
from shared.flows.orders.settings import OrderSettings
from shared.flows.registry import FLOWS
from shared.flows.sales_documents.mapping import LINE_KEY_FIELD
from shared.flows.sales_documents.rules import STORED_DECIMALS
from shared.flows.sales_documents.words import RequestedDate
from shared.mapping.addresses import AddressRules
from tests.contract.test_mapping_schema import attribute, dataverse, fields, finops, source_mistakes

MAPS = FLOWS.read_map_document(None)
CHOICES = [
    OrderChoices(origin="Sales", requested_date=requested, addresses=AddressRules(street_number=True))
    for requested in RequestedDate
]
EVERY_HEADER_WORD = tuple(word for choices in CHOICES for word in header_words(choices))
EVERY_LINE_WORD = tuple(word for choices in CHOICES for word in line_words(choices))
LINE_SETS = (orders.TARGET_LINE_SET, orders.TARGET_LINE_SET_V2)
TARGETS = [(orders.TARGET_SET, EVERY_HEADER_WORD), *((each, EVERY_LINE_WORD) for each in LINE_SETS)]


@pytest.mark.parametrize("choices", CHOICES)
def test_every_column_of_an_order_and_its_lines_that_the_mapping_reads_exists_with_its_type(
    choices: OrderChoices,
) -> None:
    mapper = OrderMapper(MAPS, choices)
    assert list(source_mistakes(orders.HEADER_SET, mapper.header.columns)) == []
    assert list(source_mistakes(orders.LINE_SET, mapper.lines.columns)) == []


@pytest.mark.parametrize("table", [orders.HEADER_TABLE, orders.LINE_TABLE])
def test_the_dates_are_midnights_of_a_user(table: str) -> None:
    column = attribute(table, "requestdeliveryby")
    assert (column["date_behavior"], column["date_format"]) == ("UserLocal", "DateOnly")


@pytest.mark.parametrize("lines", LINE_SETS)
def test_a_sales_order_and_its_lines_are_addressed_by_number(lines: str) -> None:
    entities = finops()["entities"]
    assert entities[orders.TARGET_SET]["key"] == ["dataAreaId", orders.KEY_FIELD]
    assert set(entities[lines]["key"]) == {"dataAreaId", orders.KEY_FIELD, LINE_KEY_FIELD}
    assert fields(orders.TARGET_SET)[orders.KEY_FIELD]["max_length_unverified"] == orders.KEY_LENGTH
    assert fields(lines)[LINE_KEY_FIELD]["type"] == "Edm.Int32"


def test_the_source_tables_are_read_by_their_ids() -> None:
    of, tables = orders.NAMES, dataverse()
    assert (tables[of.header_table]["entity_set"], tables[of.header_table]["primary_id"]) == (
        of.header_set,
        of.header_id,
    )
    assert (tables[of.line_table]["entity_set"], tables[of.line_table]["primary_id"]) == (of.line_set, of.line_id)


def test_the_processing_statuses_are_those_that_the_mapping_means() -> None:
    column = attribute(orders.HEADER_TABLE, order_rows.PROCESSING_STATUS)
    statuses = {option["label"]: option["value"] for option in column["options"]}
    assert (statuses["Draft"], statuses["Active"]) == (order_rows.DRAFT, order_rows.ACTIVE)
    assert column["default"] == order_rows.DRAFT


def test_a_line_has_no_more_decimals_of_quantity_than_finops_stores() -> None:
    assert attribute(orders.LINE_TABLE, "quantity")["precision"] <= STORED_DECIMALS


def test_the_setting_takes_no_longer_sales_origin_than_finops() -> None:
    (limit,) = (
        each.max_length
        for each in OrderSettings.model_fields["ORDERS_ORIGIN"].metadata
        if getattr(each, "max_length", None)
    )
    assert limit == fields(orders.TARGET_SET)["SalesOrderOriginCode"]["max_length_unverified"]


def test_nothing_of_the_header_is_carried_that_finops_sets_up_itself() -> None:
    written = {field.name for word in EVERY_HEADER_WORD for field in word.fields}
    assert not {name for name in written if "Total" in name or "Tax" in name} - {"ArePricesIncludingSalesTax"}
