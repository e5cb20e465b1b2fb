"""Once a system has refused requests, they follow each other at the pace that it takes."""

import math
from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.http.pace import SLOWEST, Pace


def paced(requests: int = 60, window_s: float = 30.0) -> Pace:
    """A pace after a burst that has used up a window; refused at 0, for the whole window."""
    pace = Pace()
    for number in reversed(range(requests)):
        pace.note_accepted(-number / 1000)
    pace.slow_down(0, window_s)
    return pace


def test_there_is_no_pace_before_the_first_refusal() -> None:
    pace = Pace()
    assert [pace.take_turn(1.0).wait_s for _ in range(1000)] == [0.0] * 1000


def test_a_refusal_spreads_a_little_less_than_what_got_through() -> None:
    assert paced(60, 30).rate(30) == pytest.approx(0.95 * 60 / 30)


def test_a_refusal_after_few_requests_sets_no_pace() -> None:
    assert math.isinf(paced(9, 1).rate(2))


def test_ten_requests_set_a_pace() -> None:
    assert paced(10, 1).rate(1) == pytest.approx(0.95 * 10 / 1.009)


@pytest.mark.parametrize(("wait_s", "window_s"), [(1, 30), (30, 30), (120, 120), (300, 300), (900, 300)])
def test_a_window_lasts_from_half_a_minute_to_five_minutes(wait_s: float, window_s: float) -> None:
    pace = paced(600, wait_s)
    grown = pace.rate(wait_s + window_s) / pace.rate(wait_s)
    assert grown == pytest.approx(1.01)


def test_a_refusal_at_the_beginning_does_not_spread_requests_over_a_whole_window() -> None:
    assert paced(20, 1).rate(1) > 10


def test_turns_follow_each_other_evenly_after_the_wait() -> None:
    pace = paced(60, 30)
    first, second, third = (pace.take_turn(30.0).wait_s for _ in range(3))
    assert first == 0
    assert third - second == pytest.approx(1 / 1.9)


def test_no_turn_lies_within_the_wait() -> None:
    assert paced(60, 30).take_turn(10.0).wait_s == pytest.approx(20)


def test_turns_that_nobody_took_are_made_up_for_in_part_only() -> None:
    pace = paced(60, 30)
    turns = [pace.take_turn(60.0).wait_s for _ in range(20)]
    # Of a window of 30 s the last 1.5 s, at 1.92 requests a second.
    assert turns.count(0.0) == 3
    assert turns[3] == pytest.approx(3 / 1.919 - 1.5, abs=0.001)


def test_a_refusal_takes_back_the_turns_that_were_given() -> None:
    pace = paced()
    turn = pace.take_turn(30.0)
    assert pace.still_holds(turn)
    pace.slow_down(30.0, 1)
    assert not pace.still_holds(turn)


def test_refusals_of_requests_that_were_on_their_way_slow_down_once() -> None:
    pace = paced(60, 30)
    pace.slow_down(0.1, 30)
    assert pace.rate(31) == pytest.approx(0.95 * 60 / 30, rel=0.01)


def test_a_longer_wait_that_a_request_on_its_way_is_given_counts() -> None:
    pace = paced(60, 30)
    pace.slow_down(0.1, 60)
    assert pace.take_turn(0.1).wait_s == pytest.approx(60)
    pace.slow_down(0.2, 10)
    assert pace.take_turn(0.1).wait_s == pytest.approx(60)


def test_only_what_got_through_within_the_window_counts() -> None:
    pace = Pace()
    for number in range(100):
        pace.note_accepted(float(number))
    pace.slow_down(99, 1)
    # 30 requests of the last 30 s.
    assert pace.rate(100) == pytest.approx(0.95 * 30 / 30, rel=0.01)


def test_the_pace_grows_the_faster_the_longer_nobody_objects_and_is_gone_at_last() -> None:
    pace = paced(60, 30)
    rates = [pace.rate(30 + 30 * windows) for windows in range(8)]
    gains = [later - earlier for earlier, later in pairwise(rates)]
    assert gains == sorted(gains)
    assert rates[1] / rates[0] < 1.02
    assert rates[7] / rates[0] > 2
    assert math.isfinite(pace.rate(30 + 30 * 30.0))
    assert math.isinf(pace.rate(30 + 31 * 30.0))
    assert pace.take_turn(30 + 40 * 30.0).wait_s == 0


@given(st.integers(0, 200), st.floats(0, 100_000))
def test_nobody_is_slowed_down_below_the_slowest_pace(requests: int, wait_s: float) -> None:
    pace = paced(requests, wait_s)
    pace.take_turn(wait_s)
    assert pace.take_turn(wait_s).wait_s <= 1 / SLOWEST


class Window:
    """A limit of a sliding window that several processes share."""

    def __init__(self, requests: int, window_s: float) -> None:
        self.requests, self.window_s = requests, window_s
        self.accepted: deque[float] = deque()
        self.all: list[float] = []

    def ask(self, now: float) -> float:
        """Seconds to wait, 0 when accepted."""
        while self.accepted and self.accepted[0] + self.window_s <= now:
            self.accepted.popleft()
        if len(self.accepted) >= self.requests:
            return max(1.0, self.accepted[0] + self.window_s - now)
        self.accepted.append(now)
        self.all.append(now)
        return 0.0


@pytest.mark.parametrize("requests", [60, 600])
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_that_share_a_limit_use_nearly_all_of_it_with_few_refusals(requests: int, processes: int) -> None:
    window = Window(requests, 30)
    paces = [Pace() for _ in range(processes)]
    # When each process sends next; they begin one after the other.
    due = {number: number * 0.7 for number in range(processes)}
    refusals: list[float] = []
    end_s = 900.0
    while min(due.values()) < end_s:
        number = min(due, key=lambda each: due[each])
        now, pace = due[number], paces[number]
        wait_s = window.ask(now)
        if wait_s:
            refusals.append(now)
            pace.slow_down(now, wait_s)
        else:
            pace.note_accepted(now)
        due[number] = now + max(pace.take_turn(now).wait_s, 0.02)
    steady = sum(at >= 90 for at in window.all)
    assert steady / (requests * (end_s - 90) / 30) >= 0.9
    assert sum(at >= 90 for at in refusals) <= 27 * processes
