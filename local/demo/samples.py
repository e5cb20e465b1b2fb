"""A folder of sample records: is it one, does every line of it read, and what does it say of the organisation?"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from local import jsonlines
from local.dataverse import loading as sales
from local.demo.errors import UserMistake
from local.finops import loading as fulfilment
from local.finops.seeds import CURRENCIES
from local.finops.settings import Settings
from shared.records import Values

KNOWN = frozenset({*sales.FILES, *sales.PRODUCTS, *fulfilment.FILES})
"""The files of a folder that one of the two systems loads, or that the demo writes into Sales."""

USUAL_CURRENCY = Settings().accounting_currency
_USUAL_DECIMALS = 2


def check_folder(folder: Path, known: frozenset[str]) -> str:
    """A digest of the known files of a folder. Raises UserMistake for a folder that holds none, or a broken line.

    `known` are the names of the files that are loaded; other files are left alone.
    """
    if folder.is_file():
        raise UserMistake(f"--data {folder}: is a file; name a folder of *.jsonl files.")
    if not folder.is_dir():
        raise UserMistake(f"--data {folder}: there is no such folder; name a folder of *.jsonl files.")
    files = sorted(file for file in folder.iterdir() if file.name in known)
    if not files:
        raise UserMistake(
            f"--data {folder}: none of its files is known; expected at least one of {', '.join(sorted(known))}."
        )
    digest = hashlib.sha256()
    for file in files:
        _check_lines(file)
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def unit_group(folder: Path) -> str | None:
    """The name of the only unit group of a checked folder, None if there is none or more than one."""
    names = {str(row["name"]) for row in _rows(folder / "uomschedules.jsonl") if "name" in row}
    return names.pop() if len(names) == 1 else None


def unit_pairs(folder: Path) -> dict[str, str]:
    """The units of a checked folder that have one name in both systems, by their symbol in F&O: their name in Sales."""
    names = {str(row["name"]).casefold(): str(row["name"]) for row in _rows(folder / "uoms.jsonl") if "name" in row}
    pairs: dict[str, str] = {}
    for row in _rows(folder / "fo_units.jsonl"):
        name = names.get(str(row.get("UnitDescription")).casefold())
        if name is not None:
            pairs[str(row.get("UnitSymbol"))] = name
    return pairs


def company_currency(folder: Path, wanted: str | None) -> str:
    """The accounting currency of the company in F&O: the requested one, otherwise the only one in the price
    lists of a checked folder. Raises UserMistake if that cannot be known."""
    if wanted is not None:
        return _require_known(wanted.upper())
    codes = {str(row.get("transactioncurrencyid")): row.get("isocurrencycode") for row in _currencies(folder)}
    used = (str(row.get("_transactioncurrencyid_value")) for row in _rows(folder / "pricelevels.jsonl"))
    listed = {str(codes[id]) for id in used if codes.get(id)}
    if not listed or USUAL_CURRENCY in listed or not (folder / "products.jsonl").exists():
        return USUAL_CURRENCY
    if len(listed) > 1:
        raise UserMistake(
            f"--data {folder}: its price lists are in {', '.join(sorted(listed))}; say with --currency which of them "
            "is the accounting currency of the company in F&O."
        )
    return _require_known(listed.pop())


def require_company(folder: Path, company: str) -> None:
    """Raise UserMistake if all products of a checked folder are those of other companies: nothing could be ordered."""
    companies = {str(row.get("dataAreaId", company)) for row in _rows(folder / "products.jsonl")}
    if companies and company.casefold() not in {name.casefold() for name in companies}:
        raise UserMistake(
            f"COMPANY={company}: the products of these records belong to {', '.join(sorted(companies))}; "
            "unset COMPANY, or name that company."
        )


def amount_decimals(folder: Path) -> int:
    """How many decimals amounts have in the currencies of a checked folder: those of the one with the fewest. F&O must
    have as many as Sales, or each amount with more is another one there."""
    given = (row.get("currencyprecision") for row in _currencies(folder))
    return min(
        (decimals if isinstance(decimals, int) else _USUAL_DECIMALS for decimals in given), default=_USUAL_DECIMALS
    )


def _require_known(code: str) -> str:
    if code not in CURRENCIES:
        raise UserMistake(f"--currency {code}: F&O does not have it; name one of {', '.join(sorted(CURRENCIES))}.")
    return code


def _currencies(folder: Path) -> Iterator[Values]:
    return _rows(folder / "transactioncurrencies.jsonl")


def _rows(file: Path) -> Iterator[Values]:
    """The records of a file whose lines were checked; none if there is no such file."""
    if not file.exists():
        return
    for _place, record in jsonlines.read(file):
        yield record


def _check_lines(file: Path) -> None:
    try:
        for _record in jsonlines.read(file):
            pass
    except jsonlines.LinesUnreadable as error:
        raise UserMistake(str(error)) from error
