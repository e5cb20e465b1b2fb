"""Parallelism follows the system, and a pause holds for every thread."""

import threading

import pytest

from shared.clients.throttle import Throttle
from shared.errors import NotSent, System, Transient
from tests.support.clock import ManualClock


def succeed(throttle: Throttle, times: int) -> None:
    for _ in range(times):
        with throttle.slot():
            pass


def throttled(throttle: Throttle) -> None:
    with throttle.slot() as slot:
        slot.throttled = True


def test_the_limit_grows_by_one_after_as_many_successes_as_it_is() -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=2, maximum=4)
    limits = []
    for _ in range(12):
        succeed(throttle, 1)
        limits.append(throttle.limit)
    assert limits == [2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]


def test_the_limit_halves_when_throttled_and_never_falls_below_one() -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=9, maximum=16)
    limits = []
    for _ in range(5):
        throttled(throttle)
        limits.append(throttle.limit)
    assert limits == [4, 2, 1, 1, 1]


def test_requests_that_were_on_their_way_together_halve_the_limit_once() -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=8, maximum=16)
    with throttle.slot() as first, throttle.slot() as second:
        first.throttled = second.throttled = True
    assert throttle.limit == 4


def test_a_slow_answer_halves_the_limit() -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock, start=8, maximum=16, slow_s=30)
    with throttle.slot():
        clock.sleep(31)
    assert throttle.limit == 4


@pytest.mark.parametrize(("hint", "limit"), [(12, 12), (1, 1), (50, 16)])
def test_the_hint_of_the_system_sets_the_start(hint: int, limit: int) -> None:
    throttle = Throttle(System.DATAVERSE, ManualClock(), start=4, maximum=16)
    with throttle.slot() as slot:
        slot.dop_hint = hint
    assert throttle.limit == limit


def test_a_repeated_hint_does_not_undo_what_was_learned() -> None:
    throttle = Throttle(System.DATAVERSE, ManualClock(), start=4, maximum=16)
    for _ in range(2):
        with throttle.slot() as slot:
            slot.dop_hint, slot.throttled = 8, True
    assert throttle.limit < 8


def test_a_short_pause_is_waited_for_by_the_next_request() -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock)
    assert throttle.pause(7)
    succeed(throttle, 1)
    assert clock.seconds == 7


def test_a_long_pause_is_told_and_raised_to_everybody() -> None:
    told: list[tuple[System, float | None]] = []
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock, on_throttled=lambda system, seconds: told.append((system, seconds)))
    assert not throttle.pause(900)
    with pytest.raises(Transient) as caught:
        succeed(throttle, 1)
    assert caught.value.retry_after_s == 900
    assert told == [(System.FINOPS, 900)]
    assert clock.seconds == 0


def test_a_pause_never_gets_shorter() -> None:
    throttle = Throttle(System.FINOPS, ManualClock())
    throttle.pause(900)
    throttle.pause(1)
    with pytest.raises(Transient):
        succeed(throttle, 1)


def test_a_pause_that_ends_too_late_is_not_waited_for() -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock)
    assert not throttle.pause(10, not_after=9)
    with pytest.raises(Transient), throttle.slot(not_after=9):
        pytest.fail("sent")
    assert clock.seconds == 0


def test_a_turn_that_comes_too_late_is_not_taken() -> None:
    clock = ManualClock(seconds=10.1)
    with pytest.raises(NotSent), Throttle(System.FINOPS, clock).slot(not_after=10):
        pytest.fail("sent")


def test_no_more_requests_run_than_the_limit_says() -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=2, maximum=2)
    running, most, lock = 0, 0, threading.Lock()
    two_inside = threading.Barrier(2, timeout=10)

    def request() -> None:
        nonlocal running, most
        with throttle.slot():
            with lock:
                running += 1
                most = max(most, running)
            two_inside.wait()
            with lock:
                running -= 1

    threads = [threading.Thread(target=request) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == 2
