"""Entries of value maps that operators have set by hand, as they are kept."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.errors import StateUnreadable, StorageTrouble
from shared.records import BOTH, MapEntry
from shared.state.map_entries import MapEntries
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row
from tests.support.clock import START, ManualClock


def entry(name: str, code: str | int = "X") -> MapEntry:
    return MapEntry("countries", name, code, BOTH, flow="accounts", who="ana@contoso", reason="new", at=START)


def entries() -> MapEntries:
    return MapEntries(MemoryTable(ManualClock()))


def test_entries_are_kept_in_the_order_in_which_they_were_set() -> None:
    of, several = entries(), [entry(f"n{number}", number) for number in range(12)]
    assert of.now() == ()
    for each in several:
        of.change(lambda now, each=each: [*now, each])  # type: ignore[misc]
    assert of.now() == tuple(several)
    of.change(lambda now: now[1:])
    assert of.now() == tuple(several[1:])


@pytest.mark.parametrize(("others", "is_saved"), [(0, True), (4, True), (5, False)])
def test_entries_that_others_change_all_the_time_are_tried_five_times(others: int, is_saved: bool) -> None:
    of, tries = entries(), list[int]()

    def change(now: Sequence[MapEntry]) -> Sequence[MapEntry]:
        tries.append(len(now))
        if len(tries) <= others:
            of.change(lambda there: [*there, entry(f"other {len(tries)}")])
        return [*now, entry("mine")]

    if is_saved:
        of.change(change)
        assert len(of.now()) == others + 1
    else:
        with pytest.raises(StorageTrouble, match="could not be saved in 5 rounds"):
            of.change(change)
    assert tries == list(range(min(others + 1, 5)))


KEPT = '"map":"countries","name":"n","direction":"both","flow":"accounts","who":"a","reason":"r"'


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (f'{{{KEPT},"code":true,"at":"2026-01-05T08:00:00+00:00"}}', "is no entry of a value map"),
        (f'{{{KEPT},"at":"2026-01-05T08:00:00+00:00"}}', "is no entry of a value map"),
        (f'{{{KEPT},"code":1}}', "is no entry of a value map"),
        (f'{{{KEPT},"code":1,"at":"2026-01-05T08:00:00"}}', "has no moment at which it was set"),
        (f'{{{KEPT},"code":1,"at":"soon"}}', "has no moment at which it was set"),
    ],
)
def test_an_entry_that_cannot_be_read_is_told_and_never_guessed(cell: str, told: str) -> None:
    table = MemoryTable(ManualClock())
    MapEntries(table).change(lambda _: [entry("n", 1)])
    ((partition, key), row), *_ = table.content().items()
    assert list(row.cells) == ["entry_000"]
    table.transact([Put(Row(partition, key, {"entry_000": cell}))])
    with pytest.raises(StateUnreadable, match=told):
        MapEntries(table).now()
    whole = f'{{{KEPT},"code":1,"at":"2026-01-05T08:00:00+00:00"}}'
    table.transact([Put(Row(partition, key, {"entry_000": whole}))])
    assert MapEntries(table).now() == (replace(entry("n", 1), who="a", reason="r"),)
