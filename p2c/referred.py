"""The rows of Sales that a record refers to: the customer of a quote, the products of its lines."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.products import PRODUCTS
from shared.records import Json, Values

# By table of Sales: the flow of its records, and the column by which the flow knows them.
_KNOWN = {
    "account": (ACCOUNTS, "accountid"),
    "contact": (CONTACTS, "contactid"),
    "product": (PRODUCTS, "productnumber"),
}
_MOST = 20


@dataclass(frozen=True, slots=True)
class Referred:
    """A row of Sales by its table and id, and the record that it is: its flow and the id there."""

    table: str
    id: str
    flow: str
    record: str


def referred_in(values: Values) -> list[Referred]:
    """The rows that a record refers to, each once, in their order; no more than a few."""
    return list(dict.fromkeys(_found(values)))[:_MOST]


def _found(value: Json | Values) -> Iterator[Referred]:
    if isinstance(value, list):
        for each in value:
            yield from _found(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _of_row(each) if isinstance(each, dict) else ()
            yield from _found(each)


def _of_row(row: Values) -> Iterator[Referred]:
    """A row that a lookup leads to has its id under the name of its table."""
    for table, (flow, column) in _KNOWN.items():
        id, record = row.get(f"{table}id"), row.get(column)
        if isinstance(id, str) and isinstance(record, str):
            yield Referred(table, id, flow, record)
