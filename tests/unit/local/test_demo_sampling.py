"""The small sample: a few records of every kind, and all that they refer to."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.demo import samples
from local.demo.arguments import SAMPLES
from local.demo.errors import UserMistake
from local.demo.sampling import choose, small_folder


@pytest.fixture(scope="module")
def chosen() -> dict[str, list[dict[str, Any]]]:
    return choose(SAMPLES).files


def ids(rows: list[dict[str, Any]], column: str) -> set[str]:
    return {row[column] for row in rows}


def test_it_has_some_sixty_records_with_the_quotes_that_the_demo_adds(chosen: dict[str, list[dict[str, Any]]]) -> None:
    flows = ("accounts", "contacts", "contacts_individuals", "products", "quotes")
    individuals, in_every_way = len(chosen["contacts_individuals"]) // 2, 7
    assert 55 <= sum(len(chosen[name]) for name in flows) + individuals + in_every_way <= 65


def test_whatever_a_record_refers_to_is_there(chosen: dict[str, list[dict[str, Any]]]) -> None:
    accounts, contacts = ids(chosen["accounts"], "accountid"), ids(chosen["contacts"], "contactid")
    assert {row["_parentcustomerid_value"] for row in chosen["contacts"]} <= accounts
    assert {row["_primarycontactid_value"] for row in chosen["accounts"]} <= contacts
    assert {row["_customerid_value"] for row in chosen["quotes"]} <= accounts
    assert {row["_quoteid_value"] for row in chosen["quotedetails"]} == ids(chosen["quotes"], "quoteid")
    numbers = {row["productid"]: row["productnumber"] for row in chosen["products_dataverse"]}
    on_lines = {numbers[row["_productid_value"]] for row in chosen["quotedetails"]}
    assert on_lines <= ids(chosen["products"], "ProductNumber")
    currencies = ids(chosen["transactioncurrencies"], "transactioncurrencyid")
    assert {row["_transactioncurrencyid_value"] for row in (*chosen["accounts"], *chosen["quotes"])} <= currencies


def test_it_has_one_of_every_interesting_case(chosen: dict[str, list[dict[str, Any]]]) -> None:
    assert len(ids(chosen["quotes"], "_transactioncurrencyid_value")) > 1
    assert any(row["manualdiscountamount"] for row in chosen["quotedetails"])
    assert any(row.get("address2_city") for row in chosen["accounts"])
    assert {bool(row["SalesPrice"]) for row in chosen["products"]} == {True, False}


def test_it_is_the_same_every_time_and_gone_afterwards() -> None:
    with small_folder(SAMPLES) as first, small_folder(SAMPLES) as second:
        assert samples.check_folder(first, samples.KNOWN) == samples.check_folder(second, samples.KNOWN)
    assert not first.exists()


def test_it_may_be_of_a_folder_that_has_few_files(tmp_path: Path) -> None:
    rows = [{"accountid": str(number), "name": f"A{number}"} for number in range(20)]
    (tmp_path / "accounts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    files = {name: rows for name, rows in choose(tmp_path).files.items() if rows}
    assert files == {"accounts": rows[:12]}


def test_a_folder_without_records_is_still_refused(tmp_path: Path) -> None:
    with small_folder(tmp_path) as empty, pytest.raises(UserMistake, match="none of its files is known"):
        samples.check_folder(empty, samples.KNOWN)
