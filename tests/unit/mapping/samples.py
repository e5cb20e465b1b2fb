"""Accounts, value maps and mappers for the tests of the mapping."""

import json
import pickle
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from shared import exact_json
from shared.flows.accounts.mapping import AccountChoices, AccountMapper
from shared.flows.registry import FLOWS
from shared.mapping.date_columns import DateColumns, metadata_of
from shared.mapping.map_source import SHIPPED
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Filtered, Known, Mapped, Rejected
from shared.records import Json, References, SourceRow
from tests.support.clock import START

# What an account's mapping needs to know besides the row: nothing.
KNOWN = Known(START)
DATA = Path(__file__).parents[3] / "local" / "data" / "adventureworks"

SEATTLE: Mapping[str, Json] = {
    "address1_line1": "1 Way",
    "address1_city": "Seattle",
    "address1_stateorprovince": "Washington",
    "address1_postalcode": "98052",
    "address1_country": "United States",
}
BERLIN: Mapping[str, Json] = {"address2_line1": "Allee 2", "address2_city": "Berlin", "address2_country": "Germany"}


def account(**values: Json) -> SourceRow:
    """An active account with a number and a name."""
    given: dict[str, Json] = {"statecode": 0, "accountnumber": "A-1", "name": "Litware", **values}
    return SourceRow("00000000-0000-0000-0000-000000000001", 7, given)


def document(**parts: Json) -> dict[str, Json]:
    """The shipped map document with whole parts replaced."""
    shipped: dict[str, Json] = pickle.loads(_shipped_document())
    return {**shipped, **parts}


@cache
def _shipped_document() -> bytes:
    """Read once, and made anew for each test, which may change it."""
    shipped = exact_json.loads(SHIPPED.read_text(encoding="utf-8"))
    assert isinstance(shipped, dict)
    return pickle.dumps(shipped)


def maps(**parts: Json) -> ValueMaps:
    """The value maps of such a document, which nobody changes."""
    return _read(exact_json.dumps(parts)) if parts else _shipped()


@lru_cache(maxsize=64)
def _read(parts: str) -> ValueMaps:
    replaced = exact_json.loads(parts)
    assert isinstance(replaced, dict)
    return FLOWS.read_map_document(exact_json.dumps(document(**replaced)))


@cache
def _shipped() -> ValueMaps:
    return FLOWS.read_map_document(None)


def metadata(columns: DateColumns, **behaviors: str) -> References:
    """What Sales tells of date columns: that they behave as it is delivered, but for the given ones."""
    return {
        metadata_of(table): tuple(
            {"LogicalName": column, "DateTimeBehavior": {"Value": behaviors.get(column, str(delivered))}}
            for column, delivered in each.items()
        )
        for table, each in columns.items()
    }


def mapper(choices: AccountChoices | None = None, **parts: Json) -> AccountMapper:
    """The accounts mapping with choices and with parts of the document replaced."""
    return AccountMapper(maps(**parts), choices)


def owned_as(**fields: str) -> dict[str, Json]:
    """The document's part `fields` for accounts, by ownership alone."""
    return {"accounts": dict(fields)}


def keeping(*conditions: Json, flow: str = "accounts") -> dict[str, Json]:
    """The document's part `filters` with one filter, for which all conditions must hold."""
    return {flow: [{"name": "pilot", "keep": {"and": list(conditions)}}]}


def lengths(**fields: int | None) -> dict[str, Json]:
    """The document's part `text_lengths` for customers."""
    return {"CustomersV3": dict(fields)}


def mapped(mapping: AccountMapper, row: SourceRow) -> Mapped:
    """What an account becomes."""
    verdict = mapping.evaluate(row, KNOWN)
    assert isinstance(verdict, Mapped), verdict
    return verdict


def rejected(mapping: AccountMapper, row: SourceRow) -> Rejected:
    """Why an account is refused."""
    verdict = mapping.evaluate(row, KNOWN)
    assert isinstance(verdict, Rejected), verdict
    return verdict


def filtered(mapping: AccountMapper, row: SourceRow) -> Filtered:
    """Why an account is not for F&O."""
    verdict = mapping.evaluate(row, KNOWN)
    assert isinstance(verdict, Filtered), verdict
    return verdict


def adventureworks() -> list[SourceRow]:
    """The sample accounts as Dataverse gives them, the currency expanded."""
    codes = {row["transactioncurrencyid"]: row["isocurrencycode"] for row in _lines("transactioncurrencies")}
    rows = []
    for number, values in enumerate(_lines("accounts"), 1):
        currency = values.get("_transactioncurrencyid_value")
        expanded: Json = {"isocurrencycode": codes[currency]} if currency is not None else None
        rows.append(SourceRow(str(values["accountid"]), number, {**values, "transactioncurrencyid": expanded}))
    return rows


def _lines(name: str) -> list[dict[str, Json]]:
    text = (DATA / f"{name}.jsonl").read_text(encoding="utf-8")
    return [_object(line) for line in text.splitlines()]


def _object(line: str) -> dict[str, Json]:
    value = exact_json.loads(line)
    assert isinstance(value, dict), json.dumps(line)
    return value
