"""Which columns of both systems a preflight looks for."""

from decimal import Decimal

import pytest

from shared.flows.registry import FLOWS
from shared.flows.required_columns import attribute_of, of_types, written
from shared.flows.spec import Deployment
from shared.mapping.dates import EMPTY_DATE
from shared.mapping.type_names import LOOKUP, in_finops, in_sales
from shared.mapping.words import Column, TargetField
from shared.records import Json
from tests.unit.mapping.samples import maps
from tests.unit.mapping.test_wrong_map_documents import SETTINGS


@pytest.mark.parametrize(
    ("column", "attribute"),
    [
        ("name", "name"),
        ("_ownerid_value", "ownerid"),
        ("_name", "_name"),
        ("tax_value", "tax_value"),
        ("new_a_value", "new_a_value"),
    ],
)
def test_a_lookup_is_looked_for_under_the_name_that_the_metadata_gives_it(column: str, attribute: str) -> None:
    assert attribute_of(column) == attribute
    is_lookup = column != attribute
    assert of_types([Column(column)]) == {attribute: LOOKUP if is_lookup else in_sales(str)}


def test_the_types_of_columns_are_those_of_the_wire_and_a_date_is_a_date() -> None:
    columns = [Column("a", int), Column("b", Decimal), Column("c", bool), Column("d", is_date=True)]
    assert of_types(columns) == {
        "a": in_sales(int),
        "b": in_sales(Decimal),
        "c": in_sales(bool),
        "d": in_sales(str, is_date=True),
    }


def test_a_field_of_finops_that_is_emptied_as_a_date_is_one() -> None:
    fields = [
        TargetField("a", empty=EMPTY_DATE),
        TargetField("b", is_date=True),
        TargetField("c"),
        TargetField("d", type=int),
    ]
    assert written(fields, "e", "d") == {
        "a": in_finops(str, is_date=True),
        "b": in_finops(str, is_date=True),
        "c": in_finops(str),
        "d": in_finops(int),
        "e": in_finops(str),
    }


def columns_by_table(source: str, **parts: Json) -> dict[str, dict[str, object]]:
    """The columns of Sales that accounts use where one field is copied from `source`."""
    fields: Json = {"accounts": {"NameAlias": {"word": "copy", "from": source}}}
    deployment = Deployment(FLOWS, FLOWS.read_settings(SETTINGS), maps(fields=fields, **parts))
    found: dict[str, dict[str, object]] = {}
    for table in FLOWS["accounts"].required_columns(deployment).sales:
        found.setdefault(f"{table.entity_set} {table.id_column}", {}).update(table.columns)
    return found


def test_a_column_behind_a_lookup_needs_the_lookup_and_the_column_of_the_other_table() -> None:
    plain, behind = columns_by_table("yominame"), columns_by_table("primarycontactid.fullname")
    assert plain["accounts accountid"]["yominame"] == in_sales(str)
    assert "primarycontactid" not in plain["accounts accountid"]
    assert behind["accounts accountid"]["primarycontactid"] == LOOKUP
    assert behind["contacts contactid"] == {"fullname": in_sales(str)}
    assert "fullname" not in behind["accounts accountid"]


def test_behind_a_lookup_of_ones_own_only_the_lookup_is_known() -> None:
    own: Json = {
        "accounts": {"new_Region.new_name": {"type": "text"}},
    }
    found = columns_by_table("new_Region.new_name", own_columns=own)
    assert found["accounts accountid"]["new_region"] == LOOKUP
    assert not [table for table, columns in found.items() if "new_name" in columns]


@pytest.mark.parametrize(
    ("setting", "sales", "finops"),
    [
        ("off", set(), set()),
        ("status", {"salesorders"}, {"CDSSalesOrderHeaders", "CDSSalesOrderLines"}),
    ],
)
def test_a_flow_that_brings_back_the_status_of_orders_only_needs_nothing_to_create_some(
    setting: str, sales: set[str], finops: set[str]
) -> None:
    of = Deployment(FLOWS, FLOWS.read_settings({**SETTINGS, "ORDERS_BACK": setting}), maps())
    found = FLOWS["ordersback"].required_columns(of)
    assert {table.entity_set for table in found.sales} == sales
    assert {table.entity_set for table in found.finops} == finops


def test_a_flow_that_creates_orders_needs_the_tables_that_these_refer_to() -> None:
    of = Deployment(FLOWS, FLOWS.read_settings({**SETTINGS, "ORDERS_BACK": "all"}), maps())
    found = FLOWS["ordersback"].required_columns(of)
    assert {"salesorders", "salesorderdetails"} < {table.entity_set for table in found.sales}
    (header,) = (each for each in found.finops if each.entity_set == "CDSSalesOrderHeaders")
    assert {"SalesOrderName", "OrderTotalAmount"} <= set(header.columns)


def test_a_part_of_the_map_document_is_known_to_the_flows_whose_mapping_reads_it() -> None:
    assert set(FLOWS.knowing("value_maps")) == set(FLOWS.knowing("countries")) == set(FLOWS.names)
    assert "products" in FLOWS.knowing("price_lists")
    assert "accounts" not in FLOWS.knowing("price_lists")
    assert FLOWS.knowing("nothing") == ()
