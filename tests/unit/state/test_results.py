"""What is kept of results that are not written yet, and whose turn it is to write them."""

from dataclasses import replace

from shared.state.results import Results, ResultTurn
from shared.state.storage.memory import MemoryTable
from tests.support.clock import ManualClock


def test_of_two_workers_that_take_the_turn_at_once_one_has_it() -> None:
    clock = ManualClock()
    results = Results(MemoryTable(clock), MemoryTable(clock))
    free = results.turn("parents")
    first = results.save_turn(replace(free, holder="r1"))
    assert first is not None
    assert results.save_turn(replace(free, holder="r2")) is None
    assert results.turn("parents").holder == "r1"
    # Whoever has it may go on, and whoever has read an earlier version may not.
    assert results.save_turn(replace(first, holder="")) is not None
    assert results.save_turn(replace(first, holder="r3")) is None
    assert results.turn("parents") == replace(ResultTurn("parents"), etag=results.turn("parents").etag)
