"""What the ordersback flow relies on in both systems: names, types, ranges, and what a creation takes."""

from decimal import Decimal
from typing import Any

import pytest

from shared.clients.dataverse.closings import STATE
from shared.flows.finops_documents.references import READ_AS
from shared.flows.finops_documents.totals import LINE_TOTAL, TOTAL
from shared.flows.finops_documents.words import HEADER_RANGES, LINE_RANGES
from shared.flows.orders import mapping as orders
from shared.flows.ordersback import created
from shared.flows.ordersback.created import CreatedChoices, CreatedOrders
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.flows.ordersback.states import ACTIONS, CANCELED, FULFILLED, STATUS_FIELD, ClosingChoices
from shared.flows.registry import FLOWS
from shared.mapping.field_table import FieldTable
from shared.mapping.ranges import Range, Ranges
from shared.mapping.words import Ownership
from tests.contract.test_mapping_schema import finops
from tests.contract.test_products_schema import attributes, table

MAPS = FLOWS.read_map_document(None)
CLOSING = ClosingChoices(cancels=True, fulfills=True)
CREATED = CreatedOrders(MAPS, CreatedChoices(street_number=True, closing=CLOSING))
MAPPER = OrdersBackMapper(MAPS, CREATED, CLOSING)
LINE_SETS = (orders.TARGET_LINE_SET, orders.TARGET_LINE_SET_V2)
TABLES = [
    (created.TARGET_SET, CREATED.header, created.LOOKUPS, HEADER_RANGES),
    (created.TARGET_LINE_SET, CREATED.lines, created.LINES_LOOKUPS, LINE_RANGES),
]


def fields(entity_set: str) -> dict[str, Any]:
    return {field["name"]: field for field in finops()["entities"][entity_set]["fields"]}


def test_every_field_that_is_read_is_in_finops() -> None:
    assert set(MAPPER.select) <= set(fields(orders.TARGET_SET))
    for lines in LINE_SETS:
        assert set(MAPPER.line_select) <= set(fields(lines)), lines


@pytest.mark.parametrize(("entity_set", "mapping", "lookups", "_ranges"), TABLES, ids=[row[0] for row in TABLES])
def test_a_creation_sends_only_what_a_creation_takes(
    entity_set: str, mapping: FieldTable, lookups: dict[str, str], _ranges: Ranges
) -> None:
    """The state is reached by an action, and never sent."""
    columns, known = attributes(entity_set), {each["attribute"] for each in table(entity_set)["lookups"]}
    for name in set(mapping.target_fields) - {STATE}:
        if name in lookups:
            assert READ_AS.get(name, name) in known
        else:
            assert not columns[name]["read_only"], name
            assert columns[name].get("valid_for_create", True), name


@pytest.mark.parametrize(("entity_set", "mapping", "lookups", "_ranges"), TABLES, ids=[row[0] for row in TABLES])
def test_what_is_kept_equal_may_be_changed(
    entity_set: str, mapping: FieldTable, lookups: dict[str, str], _ranges: Ranges
) -> None:
    columns = attributes(entity_set)
    owned = {field.name for field in mapping.fields if field.ownership is Ownership.OWNED} - set(lookups)
    assert {name for name in owned if not columns[name].get("valid_for_update", True)} == set()


@pytest.mark.parametrize(("entity_set", "mapping", "_lookups", "ranges"), TABLES, ids=[row[0] for row in TABLES])
def test_every_number_has_the_range_of_its_column(
    entity_set: str, mapping: FieldTable, _lookups: dict[str, str], ranges: Ranges
) -> None:
    numbers = {field.name for field in mapping.fields if field.type is Decimal} | set(ranges)
    columns = attributes(entity_set)
    assert {name: Range(columns[name]["min"], columns[name]["max"]) for name in numbers} == dict(ranges)


@pytest.mark.parametrize(("entity_set", "mapping", "_lookups", "_ranges"), TABLES, ids=[row[0] for row in TABLES])
def test_every_text_has_the_length_of_its_column(
    entity_set: str, mapping: FieldTable, _lookups: dict[str, str], _ranges: Ranges
) -> None:
    columns = attributes(entity_set)
    lengths = {field.name: field.max_length for field in mapping.fields if field.max_length is not None}
    assert lengths == {name: columns[name]["max_length"] for name in lengths}


@pytest.mark.parametrize(("entity_set", "total"), [(TABLES[0][0], TOTAL), (TABLES[1][0], LINE_TOTAL)])
def test_totals_are_read_and_never_sent(entity_set: str, total: str) -> None:
    assert not attributes(entity_set)[total]["valid_for_create"]
    assert all(total not in mapping.target_fields for _, mapping, _, _ in TABLES)


def test_every_state_that_closes_an_order_is_one_of_its_states() -> None:
    (field,) = CLOSING.words
    assert [column.name for column in field.columns] == [STATUS_FIELD]
    statuses = {option["value"]: option for option in attributes(created.TARGET_SET)["statuscode"]["options"]}
    found = {state: statuses[action.status]["state"] for state, action in ACTIONS.items()}
    assert found == {CANCELED: "Canceled", FULFILLED: "Fulfilled"}
