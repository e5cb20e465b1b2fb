"""Schedules, and a timer listener on a clock that the test moves."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.functions.timer import TimerRequest
from hypothesis import given
from hypothesis import strategies as st

from local.host.app import AppFunction, Binding
from local.host.errors import SettingsInvalid, StorageUnavailable
from local.host.events import ignore
from local.host.invoker import Invoker
from local.host.schedule import Schedule
from local.host.timer_listener import TimerListener
from local.host.timer_lock import Singleton, TimerLock
from local.host.timer_status import TimerStatus, expected_status, parse_status, status_as_json
from local.host.triggers import TimerFunction
from tests.support.clock import START, ManualClock

EVERY_FIVE_MINUTES = "0 */5 * * * *"
MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("*/15 * * * * *", datetime(2026, 1, 5, 8, 0, 15, tzinfo=UTC)),
        ("0 */5 * * * *", datetime(2026, 1, 5, 8, 5, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 1, 5, 8, 5, tzinfo=UTC)),
        ("0 30 6 * * *", datetime(2026, 1, 6, 6, 30, tzinfo=UTC)),
        ("0 0 0 * * Sun", datetime(2026, 1, 11, tzinfo=UTC)),
        ("0 0 0 * * 0", datetime(2026, 1, 11, tzinfo=UTC)),
        # Both day fields must match: the first 13th that is a Friday.
        ("0 0 0 13 * 5", datetime(2026, 2, 13, tzinfo=UTC)),
    ],
)
def test_the_next_occurrence_is_that_of_ncrontab(expression: str, following: datetime) -> None:
    assert Schedule(expression).after(MONDAY) == following


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "00:05:00",
        "61 * * * * *",
        "0 0 0 L * *",
        "0 0 0 LW * *",
        "0 0 0 * * 5#2",
        "0 0 0 * * 7",
        "0 0 0 * * 5L",
    ],
)
def test_what_is_no_ncrontab_is_refused(expression: str) -> None:
    with pytest.raises(SettingsInvalid):
        Schedule(expression)


MOMENTS = st.integers(946_684_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(MOMENTS)
def test_an_occurrence_is_always_later_than_the_moment(moment: datetime) -> None:
    following = Schedule(EVERY_FIVE_MINUTES).after(moment)

    assert moment < following <= moment + timedelta(minutes=5)
    assert (following.minute % 5, following.second, following.microsecond) == (0, 0, 0)


@dataclass
class StatusInMemory:
    stored: TimerStatus | None = None
    is_down: bool = False

    def load(self) -> TimerStatus | None:
        self._answer()
        return self.stored

    def save(self, status: TimerStatus) -> None:
        self._answer()
        self.stored = status

    def _answer(self) -> None:
        if self.is_down:
            raise StorageUnavailable("blob: storage does not answer")


@dataclass
class HeldTasks:
    """A pool that runs a task when the test says so."""

    tasks: list[Callable[[], None]] = field(default_factory=list)

    def submit(self, task: Callable[[], None], /) -> None:
        self.tasks.append(task)

    def run_all(self) -> None:
        while self.tasks:
            self.tasks.pop(0)()


class World:
    def __init__(
        self,
        schedule: str = EVERY_FIVE_MINUTES,
        *,
        stored: TimerStatus | None = None,
        run_on_startup: bool = False,
        clock: ManualClock | None = None,
        lock: TimerLock | None = None,
    ) -> None:
        self.clock = clock or ManualClock()
        self.store = StatusInMemory(stored)
        self.pool = HeldTasks()
        self.requests: list[TimerRequest] = []
        self.takes_s = 0.0
        binding = Binding("timerTrigger", "timer", {})
        function = AppFunction("tick", self._tick, (binding,), wants_context=False, has_retry_policy=False)
        timer = TimerFunction(function, Schedule(schedule), run_on_startup, use_monitor=True)
        invoker = Invoker(
            self.pool, self.clock, timeout_s=None, directory=Path(), send_output=lambda *_: None, on_event=ignore,
            on_timeout=lambda _: None,
        )  # fmt: skip
        self.listener = TimerListener(
            timer, self.store, invoker=invoker, clock=self.clock, wake=lambda: None,
            singleton=Singleton(lock, self.clock, "tick"),
        )  # fmt: skip

    def _tick(self, timer: TimerRequest) -> None:
        self.requests.append(timer)
        self.clock.sleep(self.takes_s)

    def step(self) -> float:
        wait_s = self.listener.step()
        self.pool.run_all()
        return wait_s


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_a_new_timer_waits_for_its_first_occurrence() -> None:
    world = World()

    assert world.step() == 300
    assert not world.requests
    assert world.store.stored == TimerStatus(None, at(5), at(0))


def test_a_timer_fires_when_it_is_due_and_stores_what_comes_next() -> None:
    world = World()
    world.step()
    world.clock.sleep(300)
    world.step()

    assert [request.past_due for request in world.requests] == [False]
    assert world.store.stored == TimerStatus(at(5), at(10), at(5))
    assert world.step() == 300


def test_a_run_longer_than_its_interval_is_followed_at_once_by_the_next() -> None:
    """As measured on the real host: each minute, runs of 75 s start at 0, 75 and 150 s, none of them late."""
    world = World("0 * * * * *")
    world.takes_s = 75
    world.step()
    world.clock.sleep(60)
    starts = []
    for _ in range(3):
        starts.append((world.clock.now() - at(1)).total_seconds())
        assert world.step() == math.inf

    assert starts == [0, 75, 150]
    assert [request.past_due for request in world.requests] == [False, False, False]
    assert world.store.stored == TimerStatus(at(3.5), at(4), at(3.5))


def test_occurrences_that_pass_within_one_run_make_one_more_run() -> None:
    world = World("0 * * * * *")
    world.takes_s = 290
    world.step()
    world.clock.sleep(60)
    world.step()
    world.takes_s = 1
    world.step()

    assert len(world.requests) == 2
    assert world.listener.step() == 9


@dataclass
class Lease:
    """The lease of a blob that two hosts want: 60 s, unless it is renewed."""

    clock: ManualClock
    holder: str = ""
    until_s: float = 0.0


@dataclass
class LockInMemory:
    lease: Lease
    host: str
    is_down: bool = False

    def take(self) -> bool:
        if self.is_down:
            raise StorageUnavailable("blob: storage does not answer")
        now_s = self.lease.clock.monotonic()
        if self.lease.holder in {"", self.host} or now_s >= self.lease.until_s:
            self.lease.holder, self.lease.until_s = self.host, now_s + 60
        return self.lease.holder == self.host

    def release(self) -> None:
        self.lease.holder = ""


def two_hosts(
    seconds: int, *, killed_at_s: int | None = None, stopped_at_s: int | None = None
) -> list[tuple[str, int]]:
    """Which host fires a timer of each second, and when; the second host comes 5 s after the first."""
    clock = ManualClock()
    lease = Lease(clock)
    worlds = {name: World("* * * * * *", clock=clock, lock=LockInMemory(lease, name)) for name in ("first", "second")}
    fired = []
    for second in range(seconds):
        running = set(worlds)
        if second < 5:
            running.discard("second")
        if killed_at_s is not None and second >= killed_at_s:
            running.discard("first")
        if second == stopped_at_s:
            worlds["first"].listener.stop_fetching()
            worlds["first"].listener.close()
        if stopped_at_s is not None and second >= stopped_at_s:
            running.discard("first")
        for name in sorted(running):
            before = len(worlds[name].requests)
            worlds[name].step()
            fired += [(name, second)] * (len(worlds[name].requests) - before)
        clock.sleep(1)
    return fired


def test_of_two_hosts_one_fires_a_timer() -> None:
    fired = two_hosts(200)
    assert {name for name, _ in fired} == {"first"}
    assert len({second for _, second in fired}) == len(fired) >= 198


@pytest.mark.parametrize("killed_at_s", range(61, 121, 7))
def test_after_a_kill_the_timers_stand_still_for_the_rest_of_the_lease_and_the_wait_of_the_other_host(
    killed_at_s: int,
) -> None:
    """The lease of 60 s is renewed at half time, and who waits for it asks each 60 s: 82 to 89 s were measured."""
    fired = two_hosts(300, killed_at_s=killed_at_s)
    last = max(second for name, second in fired if name == "first")
    first = min(second for name, second in fired if name == "second")
    assert 30 <= first - last <= 121


def test_after_an_orderly_stop_the_other_host_fires_when_it_asks_next() -> None:
    fired = two_hosts(200, stopped_at_s=66)
    first = min(second for name, second in fired if name == "second")
    # It asked at 5 and 65 s; its first second is the one after.
    assert first == 126


def test_a_host_that_starts_again_after_a_kill_fires_a_minute_later() -> None:
    clock = ManualClock()
    lease = Lease(clock)
    World("* * * * * *", clock=clock, lock=LockInMemory(lease, "killed")).step()
    clock.sleep(8)
    again = World("* * * * * *", clock=clock, lock=LockInMemory(lease, "again"))
    waited = 0
    while not again.requests:
        again.step()
        clock.sleep(1)
        waited += 1
    assert 60 <= waited <= 62


def test_a_lock_that_cannot_be_renewed_holds_until_its_lease_is_over() -> None:
    clock = ManualClock()
    lock = LockInMemory(Lease(clock), "ours")
    world = World("* * * * * *", clock=clock, lock=lock)
    world.step()
    lock.is_down = True
    for _ in range(100):
        clock.sleep(1)
        world.step()
    assert len(world.requests) == 59


def test_missed_occurrences_make_one_late_run_at_start() -> None:
    world = World(stored=TimerStatus(at(-60), at(-55), at(-60)))
    world.step()

    assert [request.past_due for request in world.requests] == [True]
    assert world.requests[0].schedule_status["Last"] == at(-60).isoformat()
    assert world.step() == 300
    assert len(world.requests) == 1


def test_a_changed_schedule_is_not_past_due() -> None:
    world = World(stored=TimerStatus(at(-60), at(-30), at(-60)))
    world.step()

    assert not world.requests
    assert world.store.stored == TimerStatus(None, at(5), at(0))


def test_run_on_startup_fires_at_every_start() -> None:
    world = World(run_on_startup=True)
    world.step()

    assert [request.past_due for request in world.requests] == [False]


def test_a_schedule_below_one_minute_keeps_no_status() -> None:
    world = World("*/10 * * * * *")
    world.step()
    world.clock.sleep(10)
    world.step()

    assert len(world.requests) == 1
    assert world.store.stored is None


def test_storage_that_does_not_answer_stops_no_timer() -> None:
    world = World()
    world.store.is_down = True
    world.step()
    world.clock.sleep(300)
    world.step()

    assert len(world.requests) == 1


def test_a_timer_can_be_fired_out_of_schedule() -> None:
    world = World()
    world.listener.fire_now()
    assert world.step() == 0
    world.step()

    assert [request.past_due for request in world.requests] == [False]
    assert world.listener.step() == 300


def test_a_stopping_host_fires_nothing() -> None:
    world = World()
    world.step()
    world.listener.stop_fetching()
    world.clock.sleep(300)

    assert world.step() == math.inf
    assert not world.requests


@given(st.builds(TimerStatus, MOMENTS, MOMENTS, MOMENTS))
def test_a_stored_status_reads_back_equal(status: TimerStatus) -> None:
    assert parse_status(status_as_json(status)) == status


def test_a_status_of_the_real_host_is_understood() -> None:
    content = (
        b'{"Last":"0001-01-01T00:00:00","Next":"2026-01-05T08:05:00+00:00",'
        b'"LastUpdated":"2026-01-05T08:00:00.1234567+00:00"}'
    )
    status = parse_status(content)

    assert status is not None
    assert (status.last, status.next) == (None, at(5))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"Last": 1}'])
def test_an_unreadable_status_counts_as_none(content: bytes) -> None:
    assert parse_status(content) is None


def test_no_status_means_nothing_was_missed() -> None:
    assert expected_status(None, Schedule(EVERY_FIVE_MINUTES), at(1)).next == at(5)
