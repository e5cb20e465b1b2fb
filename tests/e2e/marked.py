"""A few sample records with a mark in every text and every amount: what of it turns up where it must not is told."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.dataverse.schema import TEXTS, EntityType, load_schema
from local.demo.arguments import SAMPLES

MARK = "Qzmark"
"""Stands in every text, in this case or another."""
AMOUNT = 73519.37
"""Every price."""

ACCOUNTS, QUOTES = 8, 2
_WHOLE = ("transactioncurrencies", "systemusers", "uomschedules", "uoms", "pricelevels", "fo_units")
# Numbers that identify a record, and texts that the value maps must know.
_KEPT = ("accountnumber", "quotenumber", "country", "stateorprovince", "msdynce_")
_PRODUCT_TEXTS = ("ProductName", "SearchName", "ProductSearchName", "ProductDescription")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sample records that belong together: quotes, their lines and products, the accounts and their contacts."""

    accounts: Sequence[Row]
    contacts: Sequence[Row]
    products: Sequence[Row]
    quotes: Sequence[Row]
    lines: Sequence[Row]


def write_marked_samples(folder: Path) -> Chosen:
    """Write the files of a `--data` folder; what stands in them."""
    chosen = _marked(_chosen())
    for name in (*_WHOLE, "products_dataverse"):
        _write(folder, name, _read(name))
    _write(folder, "accounts", chosen.accounts)
    _write(folder, "contacts", chosen.contacts)
    _write(folder, "products", chosen.products)
    _write(folder, "quotes", chosen.quotes)
    _write(folder, "quotedetails", chosen.lines)
    return chosen


def marked_texts(table: str) -> Row:
    """The mark in every text column of a table of Sales that a user may fill."""
    return {text.name: value for text, value in _texts(load_schema().entities[table])}


def _chosen() -> Chosen:
    lines: dict[str, list[Row]] = {}
    for line in _read("quotedetails"):
        lines.setdefault(line["_quoteid_value"], []).append(line)
    customers = {row["accountid"]: row for row in _read("accounts")}
    shortest = sorted(
        (row for row in _read("quotes") if row.get("statecode") == 1 and row["_customerid_value"] in customers),
        key=lambda row: (len(lines.get(row["quoteid"], [])), row["quoteid"]),
    )
    quotes = [row for row in shortest if lines.get(row["quoteid"])][:QUOTES]
    quoted = {row["_customerid_value"]: customers[row["_customerid_value"]] for row in quotes}
    accounts = list({**quoted, **dict(list(customers.items())[:ACCOUNTS])}.values())
    numbers = {row["productid"]: row["productnumber"] for row in _read("products_dataverse")}
    own = [line for row in quotes for line in lines[row["quoteid"]]]
    wanted = {numbers[line["_productid_value"]] for line in own}
    ids = {row["accountid"] for row in accounts}
    return Chosen(
        accounts=accounts,
        contacts=[row for row in _read("contacts") if row.get("_parentcustomerid_value") in ids],
        products=[row for row in _read("products") if row["ProductNumber"] in wanted],
        quotes=quotes,
        lines=own,
    )


def _marked(chosen: Chosen) -> Chosen:
    return Chosen(
        accounts=[{**row, **marked_texts("account")} for row in chosen.accounts],
        contacts=[{**row, **marked_texts("contact")} for row in chosen.contacts],
        products=[{**row, **dict.fromkeys(_PRODUCT_TEXTS, MARK), "SalesPrice": AMOUNT} for row in chosen.products],
        quotes=[{**row, **marked_texts("quote")} for row in chosen.quotes],
        lines=[{**row, **marked_texts("quotedetail"), "priceperunit": AMOUNT} for row in chosen.lines],
    )


def _texts(entity: EntityType) -> Iterator[tuple[Any, str]]:
    for property_ in entity.properties.values():
        if property_.kind not in TEXTS or not property_.on_create or any(part in property_.name for part in _KEPT):
            continue
        if (property_.max_length or len(MARK)) >= len(MARK):
            yield property_, MARK


def _read(name: str) -> list[Row]:
    lines = (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
