"""What source rows belong to."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StorageTrouble
from shared.state.failures import Failures
from shared.state.links import Links
from shared.state.owners import Owners
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Operation
from shared.state.waiting import Waits
from tests.support.clock import ManualClock

IDS = st.text(min_size=1, max_size=8)


@dataclass
class CountingTable(MemoryTable):
    """A table that notes how many rows each transaction has written."""

    written: list[int] = field(default_factory=list)

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, which share one partition, or none; returns the new etags in order."""
        etags = super().transact(operations)
        self.written.append(len(operations))
        return etags


def table() -> CountingTable:
    return CountingTable(ManualClock())


@given(st.dictionaries(IDS, IDS), st.dictionaries(IDS, IDS))
def test_the_last_owner_told_is_the_present_one(first: dict[str, str], second: dict[str, str]) -> None:
    owners = Owners(table())
    owners.remember("quotations", "quotes", first)
    told = owners.remember("quotations", "quotes", second)
    known = owners.owners("quotations", "quotes", [*first, *second, "not met"])
    assert {id: value[0] for id, value in known.items()} == first | second
    assert told == {id: known[id] for id in second}


def test_a_former_owner_is_kept_behind_the_present_one() -> None:
    owners = Owners(table())
    for owner in ("Q-1", "Q-2", "Q-3", "Q-1"):
        owners.remember("quotations", "quotes", {"a": owner})
    assert owners.owners("quotations", "quotes", ["a"]) == {"a": ("Q-1", "Q-3", "Q-2")}


def test_a_row_that_moves_without_end_does_not_grow_without_end() -> None:
    owners = Owners(table())
    for number in range(50):
        owners.remember("quotations", "quotes", {"a": f"Q-{number}"})
    assert owners.owners("quotations", "quotes", ["a"])["a"] == ("Q-49", "Q-48", "Q-47", "Q-46", "Q-45", "Q-44")


def test_what_is_known_already_is_not_written_again() -> None:
    at = table()
    owners = Owners(at)
    owners.remember("quotations", "quotes", {"a": "Q-1", "b": "Q-2"})
    owners.remember("quotations", "quotes", {"a": "Q-1", "b": "Q-3", "c": "Q-4"})
    owners.remember("quotations", "quotes", {"a": "Q-1", "b": "Q-3"})
    assert at.written == [2, 2]


def test_many_rows_are_written_in_full_transactions() -> None:
    at = table()
    Owners(at).remember("quotations", "quotedetails", {f"{number:036}": "q" for number in range(250)})
    assert at.written == [100, 100, 50]


def test_of_many_rows_only_those_are_read_that_stand_in_a_transaction_with_one_that_is_known() -> None:
    steps: list[str] = []
    at, ids = table(), [f"{number:036}" for number in range(450)]
    owners = Owners(at)
    owners.remember("quotations", "quotedetails", {ids[150]: "q", ids[151]: "former", ids[350]: "q"})
    at.written.clear()
    at.step = steps.append
    told = owners.remember("quotations", "quotedetails", dict.fromkeys(ids, "q"))
    at.step = lambda _step: None
    assert told == {id: ("q", "former") if id == ids[151] else ("q",) for id in ids}
    assert owners.owners("quotations", "quotedetails", ids) == told
    assert steps.count("table.read") == 1
    assert at.written == [100, 100, 50, 100, 98]


def test_a_transaction_that_fails_is_told_to_whoever_notes_the_rows() -> None:
    at = table()

    def fail_at_the_third(step: str) -> None:
        if step == "table.transact" and len(at.written) == 2:
            raise StorageTrouble("the storage did not answer")

    at.step = fail_at_the_third
    with pytest.raises(StorageTrouble):
        Owners(at).remember("quotations", "quotedetails", {f"{number:036}": "q" for number in range(450)})
    assert at.written == [100, 100]


def test_flows_and_kinds_are_kept_apart() -> None:
    owners = Owners(table())
    owners.remember("quotations", "quotes", {"a": "Q-1"})
    assert owners.owners("orders", "quotes", ["a"]) == {}
    assert owners.owners("quotations", "quotedetails", ["a"]) == {}


def test_nobody_who_looks_through_the_flow_meets_them() -> None:
    at = table()
    Owners(at).remember("quotations", "quotes", {"a": "Q-1"})
    assert list(Links(at).walk("quotations")) == []
    assert Failures(at).page("quotations", "", 10) == ([], None)
    assert Waits(at).page("quotations", "", 10) == ([], None)
