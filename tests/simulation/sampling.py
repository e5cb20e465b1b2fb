"""Chooses the records of a history out of a sample: a few that belong together, and values that people give them."""

import random
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared import exact_json
from shared.flows.accounts import mapping as accounts
from shared.flows.contacts import mapping as contacts
from shared.flows.products import mapping as products
from shared.flows.quotations import quote_rows
from shared.flows.sales_documents.rows import HEADERS, LINE_POSITION, LINES
from shared.records import SourceRow
from tests.simulation.company import RECORDS, Pool, Values
from tests.simulation.sample import Sample, rows_in
from tests.simulation.settings import LEFT_OUT

_NUMBERS, _LINES = 4, 8
# So many values of a column come in one history; others come in others.
_VALUES = 6
_ACCOUNT, _PARENT = "parentcustomerid_account", "_parentcustomerid_value"
_CUSTOMERS = ("customerid_account", "customerid_contact")
_TIMES = ("createdon", "modifiedon")
# Columns that no other record's value can have, or that only go with others.
_OWN = {
    "accounts": (accounts.KEY_COLUMN, *_TIMES),
    "contacts": (contacts.KEY_COLUMN, _ACCOUNT, _PARENT, *_TIMES),
    "products": (products.KEY_FIELD,),
    "quotes": (
        quote_rows.KEY_COLUMN, quote_rows.HEADER_ID_COLUMN, LINES, "revisionnumber", "statuscode",
        *_CUSTOMERS, *_TIMES,
    ),
    "lines": (quote_rows.LINE_ID_COLUMN, LINE_POSITION),
}  # fmt: skip
# What people do in every company, whether a sample shows it or not.
_ALWAYS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "accounts": {"statecode": [0, 0, 0, 1], "merged": [False, False, False, True]},
    "contacts": {
        "statecode": [0, 0, 0, 1],
        "merged": [False, False, False, True],
        "msdynce_isactivecustomer": [True, False, False],
    },
    "products": {},
    "quotes": {"statecode": [1, 1, 1, 0, 2]},
    "lines": {},
}


@dataclass(frozen=True, slots=True)
class _Records:
    """The records of one table: rows by id, and the column of their number."""

    number: str
    rows: Mapping[str, Values]

    def numbered(self) -> list[str]:
        """The ids of those that have a number."""
        return [id for id, row in self.rows.items() if _number(row, self.number)]


class Stock:
    """The records of a completed sample. `made_up` are the records of a flow of which the sample has none."""

    def __init__(self, sample: Sample, made_up: Mapping[str, Pool]) -> None:
        of = sample.records
        headers = [header for row in of.get("quotations", ()) for header in _newest(row)]
        lines = [line for header in headers for line in rows_in(header, LINES)]
        self._made_up = made_up
        self._records = {
            "accounts": _Records(accounts.KEY_COLUMN, _by_id(of.get("accounts", ()))),
            "contacts": _Records(contacts.KEY_COLUMN, _by_id(of.get("contacts", ()))),
            "products": _Records(products.KEY_FIELD, _by_id(of.get("products", ()))),
            "quotes": _Records(
                quote_rows.KEY_COLUMN, {str(row[quote_rows.KEY_COLUMN]): _without_lines(row) for row in headers}
            ),
            "lines": _Records("", {str(place): row for place, row in enumerate(lines)}),
        }
        self._values = {name: _values(name, records.rows.values()) for name, records in self._records.items()}

    def pools(self, dice: random.Random) -> Mapping[str, Pool]:
        """The records of one history."""
        pools = {"accounts": self._people("accounts", dice, lambda _row: True)}
        chosen = set(pools["accounts"].ids)
        contacts_pool = self._people("contacts", dice, lambda row: _customer(row, _ACCOUNT) in chosen)
        pools["contacts"] = replace(
            contacts_pool, rows=[_moved(row, pools["accounts"].ids, dice) for row in contacts_pool.rows]
        )
        people = chosen | set(pools["contacts"].ids)
        pools["quotes"] = self._numbered(
            "quotes", dice, lambda row: any(_customer(row, name) in people for name in _CUSTOMERS)
        )
        pools["products"] = self._numbered("products", dice, lambda _row: True)
        lines = list(self._records["lines"].rows.values())
        if lines:
            rows = dice.sample(lines, k=min(_LINES, len(lines)))
            pools["lines"] = Pool(rows[0], self._columns("lines", dice), "", (), rows=rows)
        elif "lines" in self._made_up:
            pools["lines"] = self._made_up["lines"]
        return pools

    def _people(self, name: str, dice: random.Random, belongs: Callable[[Values], bool]) -> Pool:
        """Accounts or contacts: each has its id; who has no number gets a made-up one."""
        records, made_up = self._records[name], self._made_up[name]
        ids = _pick(records, dice, RECORDS, belongs)
        if not ids:
            return made_up
        rows = [records.rows[id] for id in ids]
        numbers = [
            _number(records.rows[ids[place]], records.number) if place < len(ids) else "" for place in range(RECORDS)
        ]
        own = [number or made_up.numbers[place] for place, number in enumerate(numbers)]
        further = [id for id in made_up.ids if id not in ids]
        return Pool(
            rows[0],
            self._columns(name, dice),
            records.number,
            [*own, *_alike(own[0])],
            [*ids, *further][:RECORDS],
            rows,
        )

    def _numbered(self, name: str, dice: random.Random, belongs: Callable[[Values], bool]) -> Pool:
        """Quotes or products: their number tells them apart."""
        records, made_up = self._records[name], self._made_up[name]
        ids = _pick(records, dice, _NUMBERS, belongs)
        numbers = [number for id in ids if (number := _number(records.rows[id], records.number))]
        if not numbers:
            return made_up
        rows = [records.rows[id] for id in ids if _number(records.rows[id], records.number)]
        alike = _alike(numbers[0])[:1] if name == "products" else []
        return Pool(rows[0], self._columns(name, dice), records.number, [*numbers, *alike], rows=rows)

    def _columns(self, name: str, dice: random.Random) -> dict[str, Sequence[Any]]:
        found = {
            column: values if len(values) <= _VALUES else dice.sample(values, k=_VALUES)
            for column, values in self._values[name].items()
        }
        if name == "accounts":
            found["name"] = [*found.get("name", ()), LEFT_OUT]
        return {**found, **_ALWAYS[name]}


def _by_id(rows: Iterable[SourceRow]) -> dict[str, Values]:
    return {row.id: dict(row.values) for row in rows}


def _newest(row: SourceRow) -> list[Values]:
    """The revision of a quote that was made last."""
    revisions = sorted(rows_in(row.values, HEADERS), key=lambda each: int(str(each["revisionnumber"] or 0)))
    return [dict(revision) for revision in revisions[-1:]]


def _without_lines(header: Values) -> Values:
    return {name: value for name, value in header.items() if name != LINES}


def _values(name: str, rows: Iterable[Values]) -> dict[str, list[Any]]:
    """The values that occur in each column, where there are several."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        for column, value in row.items():
            if column not in _OWN[name]:
                found.setdefault(column, {})[exact_json.dumps(value)] = value
    return {column: list(values.values()) for column, values in found.items() if len(values) > 1}


def _pick(records: _Records, dice: random.Random, count: int, belongs: Callable[[Values], bool]) -> list[str]:
    """Some records: first those that belong to others that were chosen, then those that have a number."""
    numbered = set(records.numbered())
    shuffled = dice.sample(sorted(records.rows), k=len(records.rows))
    return sorted(shuffled, key=lambda id: (not belongs(records.rows[id]), id not in numbered))[:count]


def _number(row: Values, column: str) -> str:
    number = row.get(column)
    return number if isinstance(number, str) and number.strip() else ""


def _alike(number: str) -> list[str]:
    """Texts that both systems take for the same number."""
    other = number.lower() if number != number.lower() else number.upper()
    return [other, f" {number} "]


def _customer(row: Mapping[str, Any], navigation: str) -> str | None:
    found = row.get(navigation)
    return str(next(iter(found.values()), "")).lower() if isinstance(found, dict) else None


def _moved(row: Mapping[str, Any], ids: Sequence[str], dice: random.Random) -> Mapping[str, Any]:
    """A contact of an account that is not in this history is one of an account that is."""
    account = _customer(row, _ACCOUNT)
    if account is None or account in ids:
        return row
    id = dice.choice(ids)
    return {**row, _PARENT: id, _ACCOUNT: {"accountid": id}}


def as_id(text: str) -> str:
    """An id as Dataverse writes it; what is none becomes one, always the same."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, text))
