"""Whoever reads all rows of a kind gets each of them once, in pages as large as the service gives them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.state.batches import Batches
from shared.state.decided_contents import DecidedContents, decided_row
from shared.state.history import Histories, history_row
from shared.state.links import Link, Links
from shared.state.runs import Run, Runs
from shared.state.snapshots import BUCKETS, Sight, Snapshot, digest
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import MAX_TRANSACTION_ROWS, Put, Row, escape
from tests.support.clock import ManualClock

FLOW = "contacts"
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Kind:
    """The row of a number, and how all are read: by their numbers."""

    row: Callable[[int], Row]
    read: Callable[[MemoryTable], Iterable[str]]


def id_of(number: int) -> str:
    return f"{number:05}"


def entry(record: str, number: int) -> Row:
    time = NOW + timedelta(seconds=number)
    return history_row(FLOW, record, time=time, claim="c", run="r", outcome="updated", fields="")


KINDS = {
    "links": Kind(lambda n: Link(FLOW, id_of(n)).to_row(), lambda at: (link.id for link in Links(at).walk(FLOW))),
    "runs": Kind(
        lambda n: Run(FLOW, "pull", id_of(n), NOW + timedelta(seconds=n), 0, {}).to_row(),
        lambda at: (run.id for run in Runs(at).walk(FLOW)),
    ),
    "batches": Kind(
        lambda n: Row(FLOW, escape(f"B|{id_of(n)}|0"), {"ids": f'["{id_of(n)}"]'}), lambda at: Batches(at).ids(FLOW)
    ),
    "decided contents": Kind(
        lambda n: decided_row(FLOW, id_of(n), None), lambda at: (each.id for each in DecidedContents(at, FLOW).take())
    ),
    "records of a run": Kind(lambda n: entry(id_of(n), n), lambda at: Histories(at).records_of(FLOW, "r")),
    "history of a record": Kind(
        lambda n: entry("a", n),
        lambda at: (id_of((each.row.cells["time"] - NOW).seconds) for each in Histories(at).rows(FLOW, "a")),  # type: ignore[operator, union-attr]
    ),
}


def filled(rows: Sequence[Row], steps: list[str]) -> MemoryTable:
    table = MemoryTable(ManualClock(), step=steps.append)
    for at in range(0, len(rows), MAX_TRANSACTION_ROWS):
        table.transact([Put(row) for row in rows[at : at + MAX_TRANSACTION_ROWS]])
    steps.clear()
    return table


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1000, 2), (1001, 2)])
def test_every_row_is_read_once_a_thousand_with_each_request(kind: Kind, count: int, requests: int) -> None:
    steps: list[str] = []
    table = filled([kind.row(number) for number in range(count)], steps)
    assert sorted(kind.read(table)) == [id_of(number) for number in range(count)]
    assert steps == ["table.scan"] * requests


@pytest.mark.parametrize(("buckets", "requests"), [(63, 1), (64, 2), (127, 2), (BUCKETS, 5)])
def test_a_snapshot_is_read_64_rows_with_each_request(buckets: int, requests: int) -> None:
    """A row has the records of one bucket."""
    steps: list[str] = []
    table = MemoryTable(ManualClock(), step=steps.append)
    snapshot = Snapshot(table, "products", "w")
    ids = {digest(id)[0]: id for id in map(str, range(4000))}
    assert len(ids) == BUCKETS
    met = list(ids.values())[:buckets]
    for id in met:
        snapshot.note(id, digest("a"))
    assert snapshot.save(finished=True)
    steps.clear()
    known = Snapshot(table, "products", "next")
    assert steps == ["table.scan"] * requests
    assert {known.note(id, digest("a")) for id in met} == {Sight.SAME}
