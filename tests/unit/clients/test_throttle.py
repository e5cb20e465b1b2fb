"""Parallelism follows the system, and a pause holds for every thread."""

import threading
from collections.abc import Callable, Sequence

import pytest

from shared.clients.http.throttle import READS_IN_A_ROW, Throttle
from shared.errors import NotSent, Transient
from shared.systems import System
from tests.support.clock import ManualClock
from tests.support.patience import PATIENCE_S


def succeed(throttle: Throttle, times: int) -> None:
    for _ in range(times):
        with throttle.slot():
            pass


def throttled(throttle: Throttle) -> None:
    with throttle.slot() as slot:
        slot.throttled = True


def limits_of(throttle: Throttle, successes: int) -> list[int]:
    """The limit after each of so many successes."""
    limits = []
    for _ in range(successes):
        succeed(throttle, 1)
        limits.append(throttle.limit)
    return limits


def test_the_limit_grows_with_each_success_until_the_system_says_something_about_it() -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=4, maximum=16)
    assert limits_of(throttle, 13) == [*range(5, 17), 16]


@pytest.mark.parametrize(("maximum", "limit"), [(1, 1), (0, 1), (2, 2)])
def test_no_limit_grows_beyond_its_maximum_and_one_request_at_least_is_allowed(maximum: int, limit: int) -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=1, maximum=maximum)
    assert limits_of(throttle, 4)[-1] == limit


def test_after_a_refusal_the_limit_grows_by_one_after_as_many_successes_as_it_is() -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=4, maximum=4)
    throttled(throttle)
    assert limits_of(throttle, 12) == [2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]


def test_after_a_hint_the_limit_grows_by_one_after_as_many_successes_as_it_is() -> None:
    throttle = Throttle(System.DATAVERSE, ManualClock(), start=4, maximum=16)
    with throttle.slot() as slot:
        slot.dop_hint = 2
    assert limits_of(throttle, 5) == [2, 3, 3, 3, 4]


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


@pytest.mark.parametrize(("seconds", "limit"), [(30, 9), (30.1, 4)])
def test_an_answer_is_slow_after_more_than_half_a_minute(seconds: float, limit: int) -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock, start=8)
    with throttle.slot():
        clock.sleep(seconds)
    assert throttle.limit == limit


def test_four_requests_run_at_a_time_at_first_and_sixteen_at_most() -> None:
    throttle = Throttle(System.FINOPS, ManualClock())
    assert (throttle.limit, limits_of(throttle, 20)[-1]) == (4, 16)
    assert Throttle(System.FINOPS, ManualClock(), start=0).limit == 1


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


def test_a_long_pause_is_raised_to_everybody() -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock)
    assert not throttle.pause(900)
    with pytest.raises(Transient) as caught:
        succeed(throttle, 1)
    assert caught.value.retry_after_s == 900
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


@pytest.mark.parametrize(("seconds", "waits"), [(20, True), (20.1, False)])
def test_a_pause_of_twenty_seconds_is_waited_for_and_a_longer_one_is_told(seconds: float, waits: bool) -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock)
    assert throttle.pause(seconds) is waits
    if waits:
        succeed(throttle, 1)
        assert clock.seconds == seconds
    else:
        with pytest.raises(Transient, match="F&O asked for a pause of 20 s more"):
            succeed(throttle, 1)
        assert clock.seconds == 0


def test_a_pause_that_ends_in_time_is_waited_for() -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock)
    assert throttle.pause(9, not_after=9)
    with throttle.slot(not_after=9):
        assert clock.seconds == 9


def test_pauses_that_follow_each_other_are_waited_for_as_long_as_one() -> None:
    clock = InterruptedClock()
    throttle = Throttle(System.FINOPS, clock)
    throttle.pause(15)
    clock.interruption = lambda: throttle.pause(15)
    with pytest.raises(Transient) as caught:
        succeed(throttle, 1)
    assert (clock.seconds, caught.value.retry_after_s) == (15, 7.5)


def test_a_system_that_does_not_say_for_how_long_it_throttles_gets_no_pause() -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock)
    assert not throttle.pause(None)
    succeed(throttle, 1)
    assert clock.seconds == 0


def refuse(throttle: Throttle, seconds: float, *, after: int) -> None:
    """A system that takes so many requests and refuses the next one."""
    succeed(throttle, after)
    throttled(throttle)
    assert throttle.pause(seconds, too_fast=True)


def test_requests_are_spread_once_the_system_has_refused_one() -> None:
    clock = ManualClock()
    throttle = Throttle(System.DATAVERSE, clock)
    refuse(throttle, 20, after=40)
    succeed(throttle, 1)
    began = clock.seconds
    succeed(throttle, 19)
    assert began == 20
    assert clock.seconds - began == pytest.approx(10, rel=0.1)


def test_a_system_that_is_merely_busy_gets_no_pace() -> None:
    clock = ManualClock()
    throttle = Throttle(System.FINOPS, clock)
    succeed(throttle, 40)
    throttled(throttle)
    assert throttle.pause(5)
    succeed(throttle, 40)
    assert clock.seconds == 5


def test_a_turn_of_the_pace_that_comes_too_late_is_not_taken_and_holds_nobody_up() -> None:
    clock = ManualClock()
    throttle = Throttle(System.DATAVERSE, clock, start=1, maximum=1)
    refuse(throttle, 20, after=20)
    succeed(throttle, 1)
    with pytest.raises(NotSent), throttle.slot(not_after=clock.seconds + 0.1):
        pytest.fail("sent")
    succeed(throttle, 1)


class InterruptedClock(ManualClock):
    """Does something in the middle of the next sleep."""

    interruption: Callable[[], object] | None = None

    def sleep(self, seconds: float) -> None:
        """Pass the time at once."""
        interruption, self.interruption = self.interruption, None
        super().sleep(seconds / 2)
        if interruption is not None:
            interruption()
        super().sleep(seconds / 2)


def test_a_pause_that_is_asked_for_during_the_wait_for_a_turn_holds_too() -> None:
    clock = InterruptedClock()
    throttle = Throttle(System.DATAVERSE, clock)
    refuse(throttle, 20, after=20)
    succeed(throttle, 1)
    asked_at = clock.seconds
    clock.interruption = lambda: throttle.pause(15)
    succeed(throttle, 1)
    assert clock.seconds >= asked_at + 15


def test_a_request_may_begin_at_the_last_moment() -> None:
    with Throttle(System.FINOPS, ManualClock(seconds=10)).slot(not_after=10):
        pass


def test_a_turn_that_comes_too_late_is_not_taken() -> None:
    clock = ManualClock(seconds=10.1)
    with pytest.raises(NotSent), Throttle(System.FINOPS, clock).slot(not_after=10):
        pytest.fail("sent")


def served(kinds: Sequence[str]) -> list[str]:
    """Requests that wait for the same single place, one after the other, in the order in which they get it."""
    looks = threading.Semaphore(0)
    throttle = Throttle(System.FINOPS, ManualClock(looked=looks.release), start=1, maximum=1)
    done: list[str] = []

    def request(kind: str) -> None:
        with throttle.slot(not_after=1_000, reads=kind == "read"):
            done.append(kind)

    threads = [threading.Thread(target=request, args=(kind,)) for kind in kinds]
    with throttle.slot():
        while looks.acquire(blocking=False):
            pass
        for thread in threads:
            thread.start()
            # It looks whether time is up, and then waits.
            assert looks.acquire(timeout=PATIENCE_S)
    for thread in threads:
        thread.join(PATIENCE_S)
    return done


def test_a_read_takes_the_next_place_although_a_write_asked_before() -> None:
    assert served(["write", "write", "read"]) == ["read", "write", "write"]


def test_a_write_takes_the_next_place_after_four_reads_however_many_wait() -> None:
    reads = ["read"] * READS_IN_A_ROW
    assert served(["write", *reads, *reads, "write", "read"]) == [*reads, "write", *reads, "write", "read"]


def test_no_more_requests_run_than_the_limit_says() -> None:
    throttle = Throttle(System.FINOPS, ManualClock(), start=2, maximum=2)
    running, most, lock = 0, 0, threading.Lock()
    two_inside = threading.Barrier(2, timeout=PATIENCE_S)

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
        thread.join(PATIENCE_S)
    assert most == 2
