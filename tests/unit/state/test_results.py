"""What is kept of results that are not written yet, and whose turn it is to write them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.state.results import Result, Results, ResultTurn
from shared.state.storage.memory import MemoryTable
from tests.support.clock import START, ManualClock


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


def results() -> Results:
    clock = ManualClock()
    return Results(MemoryTable(clock), MemoryTable(clock))


def result(id: str, state: str = "written") -> Result:
    return Result("parents", id, f"row of {id}", {"new_state": state})


def test_a_refused_result_is_tried_again_after_an_hour_that_doubles_up_to_a_day() -> None:
    now, pauses = result("1"), []
    for _ in range(7):
        now = now.refused("refused", "no", "mend it", START)
        assert now.next_try is not None
        pauses.append((now.next_try - START) / timedelta(hours=1))
    assert (now.tries, pauses) == (7, [1, 2, 4, 8, 16, 24, 24])


@pytest.mark.parametrize(
    ("hours", "is_due"), [(None, True), (-1, True), (0, True), (1, False), (2, False), (2.001, True)]
)
def test_a_result_is_due_at_its_time_and_at_once_if_a_wrong_clock_has_set_it(hours: float | None, is_due: bool) -> None:
    next_try = None if hours is None else START + timedelta(hours=hours)
    assert replace(result("1"), tries=1, next_try=next_try).is_due(START) is is_due


def test_what_is_asked_for_waits_once_and_the_result_that_waits_already_stays() -> None:
    of = results()
    of.ask([result("1"), result("2")])
    of.ask([result("1", "rejected"), result("3")])
    found, after = of.page("parents", "", 9)
    assert ([(each.id, each.values["new_state"]) for each in found], after) == (
        [("1", "written"), ("2", "written"), ("3", "written")],
        None,
    )


def test_what_has_changed_since_it_was_read_is_neither_removed_nor_written_over() -> None:
    of = results()
    of.ask([result("1"), result("2")])
    old = of.page("parents", "", 9)[0]
    assert of.save([old[0].refused("refused", "m" * 9_000, "r" * 9_000, START)]) == 1
    assert of.save([replace(each, values={}) for each in old]) == 1
    of.remove(old)
    first, second = of.load("parents", "1"), of.load("parents", "2")
    assert first is not None
    assert second is not None
    assert (first.cause, len(first.message), len(first.remedy), first.tries) == ("refused", 2000, 2000, 1)
    assert second.values == {}
    of.remove([first, second])
    assert (of.load("parents", "1"), of.page("parents", "", 9)) == (None, ([], None))


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_of_any_size_give_each_result_once(limit: int) -> None:
    of, found = results(), list[str]()
    of.ask([result(id) for id in ("1", "10", "2")])
    after: str | None = ""
    while after is not None:
        page, after = of.page("parents", after, limit)
        assert len(page) <= limit
        found += [each.id for each in page]
        assert len(found) <= 3
    assert found == ["1", "10", "2"]
