"""For how long a gate is closed (protocol F1)."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from shared.errors import Transient
from shared.state.control import Control, FlowControl, Gate, MetDrift
from shared.state.storage.memory import MemoryTable
from shared.sync.gates import Closed, Gates, drift_pause_s, strikes_of
from shared.systems import System
from tests.support.clock import START, ManualClock
from tests.support.doubles import FakeSystem

FINOPS = System.FINOPS


@dataclass
class Gated:
    """F&O behind its gate."""

    clock: ManualClock = field(default_factory=ManualClock)
    system: FakeSystem = field(default_factory=lambda: FakeSystem("finops"))

    def __post_init__(self) -> None:
        self.control = Control(MemoryTable(self.clock))
        self.gates = Gates(self.control, {FINOPS: self.system}, self.clock, probe_lease_s=20)

    def close(self, retry_after_s: float | None = None) -> float:
        """Meet trouble; for how many seconds the gate is closed now."""
        self.gates.close(Transient(FINOPS, "busy", retry_after_s=retry_after_s))
        return self.blocked_s

    @property
    def gate(self) -> Gate:
        return self.control.gate(FINOPS)

    @property
    def blocked_s(self) -> float:
        until = self.gate.blocked_until
        assert until is not None
        return (until - self.clock.now()).total_seconds()

    def open(self) -> None:
        """Wait until it opens."""
        self.clock.sleep(self.blocked_s)
        assert self.gates.closed(FINOPS) is None

    def fail(self, retry_after_s: float | None = None) -> None:
        """From now on probes fail."""

        def trouble() -> None:
            raise Transient(FINOPS, "still busy", retry_after_s=retry_after_s)

        self.system.trouble = trouble


@pytest.mark.parametrize(
    ("asked_s", "closed_s"), [(1, 5), (5, 5), (5.5, 5.5), (899, 899), (900, 900), (901, 900), (1e9, 900), (-3, 5)]
)
def test_a_gate_is_closed_for_as_long_as_the_system_asks_from_five_seconds_to_fifteen_minutes(
    asked_s: float, closed_s: float
) -> None:
    assert Gated().close(asked_s) == closed_s


BACK_OFFS = [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_closings_in_a_row_last_twice_as_long_each_up_to_five_minutes() -> None:
    at, found = Gated(), list[float]()
    for _ in BACK_OFFS:
        found.append(at.close())
        at.open()
    assert found == BACK_OFFS


def test_each_probe_that_fails_doubles_the_pause() -> None:
    at, found = Gated(), list[float]()
    at.fail()
    found.append(at.close())
    for _ in BACK_OFFS[1:]:
        at.clock.sleep(at.blocked_s)
        assert at.gates.closed(FINOPS) is not None
        found.append(at.blocked_s)
    assert found == BACK_OFFS
    assert at.gate.closed_since == START


def test_the_closings_in_a_row_are_counted_up_to_twenty() -> None:
    at = Gated()
    at.close()
    at.fail()
    for _ in range(25):
        at.clock.sleep(at.blocked_s)
        at.gates.closed(FINOPS)
    assert at.gate.strikes == 20


@pytest.mark.parametrize(("quiet_s", "closed_s"), [(894, 10), (895, 5), (5000, 5)])
def test_a_closing_more_than_fifteen_minutes_after_the_last_one_is_the_first(quiet_s: float, closed_s: float) -> None:
    at = Gated()
    at.close()
    at.open()
    at.clock.sleep(quiet_s)
    assert at.close() == closed_s


@pytest.mark.parametrize(("asked_s", "closed_s"), [(9, 10), (10, 10), (11, 11), (5000, 900), (None, 10)])
def test_the_end_of_a_closed_gate_moves_forward_only(asked_s: float | None, closed_s: float) -> None:
    at = Gated()
    at.close(10)
    assert at.close(asked_s) == closed_s
    assert (at.gate.strikes, at.gate.closed_at) == (1, START)


def test_trouble_at_a_closed_gate_that_moves_its_end_is_noticed_by_the_worker_that_probes() -> None:
    at = Gated()
    at.close(10)
    assert at.control.save_gate(replace(at.gate, probed_until=at.clock.now()))
    at.close(9)
    assert at.gate.probed_until is not None
    at.close(30)
    assert at.gate.probed_until is None


def test_an_end_that_a_wrong_clock_has_set_counts_as_fifteen_minutes_since_it_was_written() -> None:
    at = Gated()
    far = at.clock.now() + timedelta(hours=9)
    assert at.control.save_gate(Gate(FINOPS, closed=True, blocked_until=far, reason="busy", strikes=1))
    at.clock.sleep(899)
    closed = at.gates.closed(FINOPS)
    assert (closed is not None, at.system.probes) == (True, 0)
    assert closed == Closed(f"F&O is blocked until {far:%H:%M:%S} UTC: busy", 1)
    at.clock.sleep(1)
    assert at.gates.closed(FINOPS) is None
    assert at.system.probes == 1


def test_a_probe_that_fails_brings_an_end_that_a_wrong_clock_has_set_within_fifteen_minutes() -> None:
    at = Gated()
    far = at.clock.now() + timedelta(hours=9)
    assert at.control.save_gate(Gate(FINOPS, closed=True, blocked_until=far, reason="busy", strikes=1))
    at.clock.sleep(900)
    at.fail(30)
    assert at.gates.closed(FINOPS) is not None
    assert at.blocked_s == 900


def test_a_gate_whose_row_says_no_end_is_probed_at_once() -> None:
    at = Gated()
    assert at.control.save_gate(Gate(FINOPS, closed=True, reason="busy"))
    at.fail(40)
    assert at.gates.closed(FINOPS) == Closed("F&O is blocked until 08:00:40 UTC: Transient: still busy", 40)


def test_a_probe_that_succeeds_opens_the_gate_and_leaves_the_count_until_a_write_is_answered() -> None:
    at = Gated()
    at.close()
    before = at.control.at_once()
    at.open()
    gate = at.gate
    assert (gate.closed, gate.blocked_until, gate.closed_since, gate.probed_until) == (False, None, None, None)
    assert (gate.strikes, at.gates.has_answered(FINOPS)) == (1, False)
    at.gates.note_answer(FINOPS, before)
    assert not at.gates.has_answered(FINOPS)
    at.gates.note_answer(FINOPS, at.control.at_once())
    assert at.gates.has_answered(FINOPS)


@pytest.mark.parametrize(("strikes", "pause_s"), [(1, 60), (2, 120), (3, 240), (6, 1920), (7, 3600), (99, 3600)])
def test_a_drift_is_looked_at_again_after_a_minute_that_doubles_up_to_an_hour(strikes: int, pause_s: float) -> None:
    assert drift_pause_s(strikes) == pause_s


@pytest.mark.parametrize(("hours", "strikes"), [(0, 4), (24, 4), (24.001, 0)])
def test_drifts_are_counted_until_a_day_has_passed_without_one(hours: float, strikes: int) -> None:
    met = FlowControl("accounts", met=MetDrift("said", "", START, 4))
    assert strikes_of(met, START + timedelta(hours=hours)) == strikes
    assert strikes_of(FlowControl("accounts"), START) == 0
