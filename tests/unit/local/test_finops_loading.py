"""Promises of the F&O simulator for its rows on disk and its sample records."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from local.finops.__main__ import main
from local.finops.loading import DATABASE, FolderRefused, open_tables
from local.finops.schema import load_schema
from local.finops.settings import Settings
from local.finops.tables import Tables
from tests.unit.local.finops_environment import environment

ADVENTUREWORKS = Path(__file__).parents[3] / "local" / "data" / "adventureworks"
IMPORTED = {
    "CustomerAccount": "IMP-110143",
    "CustomerGroupId": "10",
    "LanguageId": "en-us",
    "NameAlias": "Import - 110142",
    "OrganizationName": "Import - 110142-1",
    "PartyNumber": "1305255",
    "PaymentTerms": "Net30",
    "SalesCurrencyCode": "USD",
    "dataAreaId": "USMF",
}


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    customers = [IMPORTED, {**IMPORTED, "dataAreaId": "GBSI", "OrganizationName": "Import - 110142-2"}]
    write(folder / "customersv3.jsonl", customers)
    write(folder / "fo_units.jsonl", [{"UnitSymbol": "EA", "UnitDescription": "Each"}])
    write(folder / "accounts.jsonl", [{"name": "of another system"}])
    return folder


def write(file: Path, records: Sequence[Mapping[str, object]]) -> None:
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def found(tables: Tables, set_name: str, **key: str) -> dict[str, object] | None:
    record = tables.find(load_schema().entities[set_name], key)
    return dict(record.row) if record else None


def test_sample_customers_keep_their_values_and_get_the_defaults(samples: Path) -> None:
    with environment(load=samples) as finops:
        rows = finops.rows("CustomersV3", {"cross-company": "true"})
    shown = [(row["dataAreaId"], row["OrganizationName"], row["LanguageId"], row["CreditLimit"]) for row in rows]
    assert shown == [("gbsi", "Import - 110142-2", "en-US", 0), ("usmf", "Import - 110142-1", "en-US", 0)]


def test_a_company_that_only_a_sample_names_is_a_legal_entity_with_groups(samples: Path) -> None:
    with environment(load=samples) as finops:
        assert finops.get("LegalEntities('gbsi')").status_code == 200
        assert finops.customer(dataAreaId="gbsi")["dataAreaId"] == "gbsi"


PRODUCT = {
    "dataAreaId": "usmf",
    "ItemNumber": "BK-1",
    "ProductNumber": "BK-1",
    "ProductName": "Mountain bike",
    "ProductType": "Item",
    "SalesUnitSymbol": "EA",
    "InventoryUnitSymbol": "EA",
    "SalesPrice": 1003.914,
    "UnitCost": 605.6492,
    "NetProductWeight": 20.4,
    "SellEndDate": "2008-04-30T12:00:00Z",
}


def test_the_sample_products_are_sellable_products() -> None:
    with environment(load=ADVENTUREWORKS) as finops:
        rows = finops.rows("SellableReleasedProducts")
        units = {row["UnitSymbol"] for row in finops.rows("UnitsOfMeasure")}
    assert (len(rows), len(units)) == (504, 38)
    assert {(row["CurrencyCode"], row["SalesUnitSymbol"], row["IsSalesStopped"]) for row in rows} == {
        ("USD", "EA", "No")
    }
    assert {row["FieldServiceProductType"] for row in rows} == {"Inventory"}
    assert sum(row["ProductDescription"] == "" for row in rows) == 210
    assert sum(row["SalesPrice"] == 0 for row in rows) == 200


def test_a_released_product_shows_what_the_sellable_one_has(tmp_path: Path) -> None:
    write(tmp_path / "fo_units.jsonl", [{"UnitSymbol": "EA", "UnitDescription": "Each", "DecimalPrecision": 2}])
    write(tmp_path / "products.jsonl", [PRODUCT])
    with environment(load=tmp_path) as finops:
        [row] = finops.rows("SellableReleasedProducts")
    del row["@odata.etag"]
    assert row == {
        "dataAreaId": "usmf",
        "ProductNumber": "BK-1",
        "ProductName": "Mountain bike",
        "ProductDescription": "",
        "ProductType": "Item",
        "SalesUnitSymbol": "EA",
        "SalesUnitDecimalPrecision": 2,
        "InventoryUnitSymbol": "EA",
        "InventoryUnitDecimalPrecision": 2,
        "SalesPrice": 1003.914,
        "UnitCost": 605.6492,
        "CurrencyCode": "USD",
        "IsSalesStopped": "No",
        "IsStockedProduct": "Yes",
        "FieldServiceProductType": "Inventory",
    }


def test_a_product_with_its_number_alone_loads_with_defaults(tmp_path: Path) -> None:
    write(tmp_path / "products.jsonl", [{"ProductNumber": "BK-1"}])
    with environment(load=tmp_path) as finops:
        [row] = finops.rows("SellableReleasedProducts")
    shown = (row["dataAreaId"], row["ProductName"], row["SalesUnitSymbol"], row["SalesPrice"], row["ProductType"])
    assert shown == ("usmf", "", "", 0, "Item")


def test_products_have_the_accounting_currency_whatever_they_say(tmp_path: Path) -> None:
    write(tmp_path / "products.jsonl", [{**PRODUCT, "CurrencyCode": "EUR"}])
    with environment(Settings(accounting_currency="GBP"), load=tmp_path) as finops:
        assert [row["CurrencyCode"] for row in finops.rows("SellableReleasedProducts")] == ["GBP"]


@pytest.mark.parametrize("change", [{"SalePrice": 1}, {"ProductNumber": ""}, {"ProductType": "Thing"}])
def test_a_product_that_is_none_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    write(tmp_path / "products.jsonl", [PRODUCT, {**PRODUCT, **change}])
    with pytest.raises(FolderRefused, match=r"products\.jsonl line 2"):
        open_tables(tmp_path, None, Settings())


def test_records_that_are_refused_can_be_skipped_by_name_and_the_others_are_loaded(tmp_path: Path) -> None:
    changes: list[dict[str, object]] = [
        {"SalePrice": 1}, {"ProductNumber": ""}, {"ProductType": "Thing"}, {"SalesPrice": "much"}, {},
        {"ProductNumber": "BK-2"},
    ]  # fmt: skip
    write(tmp_path / "products.jsonl", [PRODUCT, *({**PRODUCT, **change} for change in changes)])
    skipped: list[str] = []
    tables = open_tables(None, tmp_path, Settings(), skip=skipped.append)
    assert all(
        found(tables, "SellableReleasedProducts", dataAreaId="usmf", ProductNumber=number)
        for number in ("BK-1", "BK-2")
    )
    tables.close()
    columns = ["SalePrice", "ProductNumber", "ProductType", "SalesPrice", "ProductNumber"]
    for line, (message, column) in enumerate(zip(skipped, columns, strict=True), start=2):
        assert message.startswith(f"{tmp_path / 'products.jsonl'} line {line}: column {column}: ")


def test_made_up_products_come_beside_those_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "products.jsonl", [PRODUCT])
    tables = open_tables(None, tmp_path, Settings(), products=3)
    keys = [{"dataAreaId": "usmf", "ProductNumber": number} for number in ("BK-1", "P0000001", "P0000003")]
    assert all(found(tables, "SellableReleasedProducts", **key) for key in keys)
    tables.close()


def test_a_product_of_a_folder_with_the_number_of_a_made_up_one_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "products.jsonl", [{**PRODUCT, "ProductNumber": "p0000002"}])
    with pytest.raises(FolderRefused, match="made-up"):
        open_tables(None, tmp_path, Settings(), products=3)


def test_units_of_a_folder_replace_the_units_of_the_seeds(samples: Path) -> None:
    with environment(load=samples) as finops:
        assert [row["UnitSymbol"] for row in finops.rows("UnitsOfMeasure")] == ["EA"]


def test_a_sample_folder_is_served_from_memory_and_stays_untouched(samples: Path) -> None:
    before = sorted(file.name for file in samples.iterdir())
    tables = open_tables(samples, None, Settings())
    assert found(tables, "CustomersV3", dataAreaId="gbsi", CustomerAccount="IMP-110143")
    tables.close()
    assert sorted(file.name for file in samples.iterdir()) == before


def test_a_state_folder_keeps_rows_and_is_not_seeded_twice(tmp_path: Path, samples: Path) -> None:
    folder = tmp_path / "state" / "finops"
    first = open_tables(folder, samples, Settings())
    first.delete(load_schema().entities["Currencies"], {"CurrencyCode": "ISK"})
    first.close()
    again = open_tables(folder, samples, Settings())
    assert (folder / DATABASE).exists()
    assert found(again, "CustomersV3", dataAreaId="usmf", CustomerAccount="IMP-110143")
    assert found(again, "Currencies", CurrencyCode="ISK") is None
    again.close()


def test_a_restart_does_not_draw_the_same_versions_again(tmp_path: Path) -> None:
    of, key = load_schema().entities["Currencies"], {"CurrencyCode": "USD"}
    versions = set()
    for name in ("Dollar", "US Dollar"):
        tables = open_tables(tmp_path / "state", None, Settings())
        tables.update(of, key, {"Name": name}, {})
        record = tables.find(of, key)
        assert record is not None
        versions.add(record.pairs[0].version)
        tables.close()
    assert len(versions) == 2


def test_the_default_company_of_the_settings_is_there() -> None:
    with environment(Settings(company="gbsi")) as finops:
        assert finops.customer()["dataAreaId"] == "gbsi"


@pytest.mark.parametrize("line", ["{", "[]", '{"UnitSymbol": 1}', '{"NoSuchProperty": "a"}'])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "fo_units.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(FolderRefused, match=r"fo_units\.jsonl line 2"):
        open_tables(tmp_path, None, Settings())


def test_a_missing_sample_folder_ends_the_program_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--token", "t", "--load", "no-such-folder"]) == 2
    assert "no-such-folder" in capsys.readouterr().err
