"""Columns of an organisation's own in both simulators, as `own_columns` of a map document declares them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.dataverse import __main__ as dataverse_process
from local.dataverse.schemafiles import mappings, read_own
from local.finops import __main__ as finops_process
from local.finops.loading import open_tables
from local.finops.settings import Settings
from local.simulator.owncolumns import OverlayUnreadable, read_own_columns
from tests.unit.local import dataverse_world
from tests.unit.local.finops_environment import Caller, customer_url, detail, environment

SALES = {
    "accounts": {
        "new_tier": {"type": "option", "options": [1, 2]},
        "new_code": {"type": "text", "length": 5},
        "new_seats": {"type": "whole"},
        "new_share": {"type": "decimal"},
        "new_key": {"type": "yes_no"},
        "new_since": {"type": "date", "behavior": "DateOnly"},
        "new_seen": {"type": "date", "behavior": "UserLocal"},
        "new_ref": {"type": "id"},
    }
}
FINOPS = {
    "CustomersV3": {
        "ContosoTier": {"type": "member", "members": ["None", "Gold", "Silver"]},
        "ContosoIsKey": {"type": "member", "members": ["No", "Yes"]},
        "ContosoCode": {"type": "text", "length": 5},
        "ContosoSeats": {"type": "whole"},
        "ContosoShare": {"type": "decimal"},
        "ContosoSince": {"type": "date"},
        "ContosoRef": {"type": "id"},
    }
}


def overlay(folder: Path, columns: Any) -> Path:
    """A file with `own_columns`."""
    file = folder / "own.json"
    file.write_text(json.dumps({"own_columns": columns}), encoding="utf-8")
    return file


@pytest.fixture
def finops(tmp_path: Path) -> Iterator[Caller]:
    with environment(own=read_own_columns(overlay(tmp_path, {**SALES, **FINOPS}))) as caller:
        yield caller


def test_a_field_of_ones_own_is_empty_until_it_is_written_and_then_read_back(finops: Caller) -> None:
    made = finops.customer()
    assert {name: made[name] for name in FINOPS["CustomersV3"]} == {
        "ContosoTier": "None",
        "ContosoIsKey": "No",
        "ContosoCode": "",
        "ContosoSeats": 0,
        "ContosoShare": 0,
        "ContosoSince": "1900-01-01T12:00:00Z",
        "ContosoRef": "00000000-0000-0000-0000-000000000000",
    }
    written = {
        "ContosoTier": "Gold",
        "ContosoIsKey": "Yes",
        "ContosoCode": "A",
        "ContosoSeats": 3,
        "ContosoShare": 1.25,
    }
    assert finops.patch(customer_url(), written).status_code == 204
    found = finops.get(customer_url()).json()
    assert {name: found[name] for name in written} == written


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"ContosoTier": "Bronze"}, "ContosoTier"),
        ({"ContosoCode": "ABCDEF"}, "longer than the maximum of 5"),
        ({"ContosoNote": "A"}, "The property 'ContosoNote' does not exist"),
    ],
)
def test_a_field_of_ones_own_takes_no_other_value_than_it_is_declared_for(
    finops: Caller, values: dict[str, str], told: str
) -> None:
    finops.customer()
    refused = finops.patch(customer_url(), values)
    assert (refused.status_code, told in json.dumps(refused.json())) == (400, True), refused.text


def test_an_environment_without_the_overlay_refuses_the_same_field() -> None:
    with environment() as plain:
        plain.customer()
        refused = plain.patch(customer_url(), {"ContosoCode": "A"})
        assert (refused.status_code, "does not exist" in detail(refused)) == (400, True)


def test_the_metadata_document_and_the_metadata_service_name_the_fields_of_ones_own(finops: Caller) -> None:
    document = finops.get("$metadata").text
    assert '<Property Name="ContosoTier" Type="Microsoft.Dynamics.DataEntities.ContosoTier"/>' in document
    assert '<EnumType Name="ContosoTier"><Member Name="None" Value="0"/>' in document
    assert '<Property Name="ContosoIsKey" Type="Microsoft.Dynamics.DataEntities.NoYes"/>' in document
    assert document.count('"ContosoSeats"') == 1


def test_rows_of_a_state_that_is_older_than_the_overlay_hold_what_a_new_row_has(tmp_path: Path) -> None:
    state = tmp_path / "state"
    open_tables(state, None, Settings()).close()
    tables = open_tables(
        state, None, Settings(), own={"UnitsOfMeasure": read_own_columns(overlay(tmp_path, FINOPS))["CustomersV3"]}
    )
    try:
        found = tables.find(tables.schema.entities["UnitsOfMeasure"], {"UnitSymbol": "ea"})
        assert found is not None
        assert (found.row["ContosoTier"], found.row["ContosoCode"], found.row["ContosoSeats"]) == ("None", "", 0)
    finally:
        tables.close()


def test_a_field_of_a_collection_that_shows_the_rows_of_another_one_is_a_field_of_both(tmp_path: Path) -> None:
    own = {"CDSSalesOrderLinesV2": {"ContosoCode": {"type": "text"}}}
    tables = open_tables(None, None, Settings(), own=read_own_columns(overlay(tmp_path, own)))
    tables.close()
    assert all(
        "ContosoCode" in tables.schema.entities[name].properties
        for name in ("CDSSalesOrderLines", "CDSSalesOrderLinesV2")
    )


def test_columns_of_ones_own_in_sales_have_the_declared_types(tmp_path: Path) -> None:
    with dataverse_world.dataverse(own=overlay(tmp_path, {**SALES, **FINOPS})) as sales:
        written = {
            "new_tier": 2, "new_code": "A", "new_seats": 3, "new_share": 1.25, "new_key": True,
            "new_since": "2026-01-31", "new_seen": "2026-01-31T13:05:00Z",
            "new_ref": "a22517e3-848d-4ebe-b9d9-7437f3432304",
        }  # fmt: skip
        id = sales.create("accounts", name="A", **written)
        found = sales.get(f"accounts({id})").json()
        assert {name: found[name] for name in written} == written
        for wrong in ({"new_tier": 3}, {"new_code": "ABCDEF"}, {"new_since": "2026-01-31T13:05:00Z"}):
            assert sales.patch(f"accounts({id})", wrong).status_code == 400, wrong


WRONG = [
    ("", "is empty: begin with a copy of shared/mapping/value_maps.json"),
    ("[]", "is no object in braces"),
    ('{"fields": {}}', "own_columns"),
    ('{"own_columns": {"account": {}}}', "has columns of account, which no simulator has"),
    (
        '{"own_columns": {"accounts": {"new_x": {"type": "colour"}}}}',
        "own_columns.accounts.new_x.type: ",
    ),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
@pytest.mark.parametrize("process", [dataverse_process, finops_process])
def test_both_simulators_refuse_a_wrong_file_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], process: Any, text: str, told: str
) -> None:
    file = tmp_path / "own.json"
    file.write_text(text, encoding="utf-8")
    assert process.main(["--port", "0", "--token", "t", "--schema", str(file)]) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), str(file) in said, told in said) == (1, True, True), said


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert finops_process.main(["--port", "0", "--token", "t", "--schema", str(tmp_path / "none.json")]) == 2
    assert "none.json does not exist: create it, or name another file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("column", "declared", "told"),
    [
        ("new_tier", {"type": "option"}, "has no `options`"),
        ("new_tier", {"type": "member", "members": ["A"]}, "which Sales does not have"),
    ],
)
def test_sales_refuses_a_column_that_does_not_say_what_it_must(
    tmp_path: Path, column: str, declared: Any, told: str
) -> None:
    with pytest.raises(OverlayUnreadable, match=rf"own_columns\.accounts\.{column} .*{told}"):
        read_own(overlay(tmp_path, {"accounts": {column: declared}}))


def test_sales_leaves_out_a_lookup_since_nothing_says_where_it_leads(tmp_path: Path) -> None:
    lookups = {"_new_region_value": {"type": "id"}, "new_Region.new_name": {"type": "text"}, "new_x": {"type": "text"}}
    (table,) = read_own(overlay(tmp_path, {"accounts": lookups})).values()
    assert [each["name"] for each in mappings(table["attributes"])] == ["new_x"]


@pytest.mark.parametrize("kind", ["option", "yes_no"])
def test_finops_refuses_a_type_that_it_does_not_have(tmp_path: Path, kind: str) -> None:
    own = read_own_columns(overlay(tmp_path, {"CustomersV3": {"ContosoTier": {"type": kind}}}))
    with pytest.raises(OverlayUnreadable, match=rf"own_columns\.CustomersV3\.ContosoTier is of the type {kind}"):
        open_tables(None, None, Settings(), own=own)
