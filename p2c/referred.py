"""The rows of Sales that a record refers to: the customer of a quote, the products of its lines."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.flows.spec import Flows
from shared.records import Json, Values

_MOST = 20


@dataclass(frozen=True, slots=True)
class Referred:
    """A row of Sales by its table and id, and the record that it is: its flow and the id there."""

    table: str
    id: str
    flow: str
    record: str


def referred_in(values: Values, flows: Flows) -> list[Referred]:
    """The rows of these flows that a record refers to, each once, in their order; no more than a few."""
    return list(dict.fromkeys(_found(values, flows)))[:_MOST]


def _found(value: Json | Values, flows: Flows) -> Iterator[Referred]:
    if isinstance(value, list):
        for each in value:
            yield from _found(each, flows)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _of_row(each, flows) if isinstance(each, dict) else ()
            yield from _found(each, flows)


def _of_row(row: Values, flows: Flows) -> Iterator[Referred]:
    """A row that a lookup leads to has its id under the name of its table."""
    for flow in flows:
        table, column = flow.referred_as or ("", "")
        id, record = row.get(f"{table}id"), row.get(column)
        if isinstance(id, str) and isinstance(record, str):
            yield Referred(table, id, flow.name, record)
