"""Our clock is hours ahead of the storage's and the systems', or behind: only waiting times may suffer, and little."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import OutcomeUnknown, Transient
from shared.service import Service
from shared.state.control import Gate
from shared.state.link_parts import ClaimKind
from shared.sync.gates import LONGEST_RETRY_AFTER_S, Gates
from shared.sync.hints import Hint, HintMessage
from shared.systems import System
from tests.support.clock import ManualClock
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.world import PROBE_LEASE_S, World
from tests.unit.clients.fakes import line, ok

SKEWS = pytest.mark.parametrize("hours", [-5, 5], ids=["behind", "ahead"])


@dataclass
class Skewed:
    """Our own clock. Storage and systems keep the right time."""

    right: ManualClock
    hours: float = 0.0

    def now(self) -> datetime:
        """The wrong wall clock."""
        return self.right.now() + timedelta(hours=self.hours)

    def monotonic(self) -> float:
        """Seconds pass as everywhere."""
        return self.right.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.right.sleep(seconds)


class SkewedWorld(World):
    """A world in which our own clock can be wrong."""

    def __init__(self, hours: float) -> None:
        super().__init__()
        self.ours = Skewed(self.clock, hours)

    def service(self) -> Service:
        """As in World, with our clock."""
        return replace(super().service(), clock=self.ours)

    def gates(self) -> Gates:
        """As in World, with our clock."""
        return Gates(self.state.control, self.systems, self.ours, PROBE_LEASE_S)


def hint(*ids: str) -> str:
    """A message body."""
    return HintMessage("parents", "run", tuple(map(Hint, ids))).to_body()


def shared_edits(world: World) -> None:
    """A little of everything."""
    for number in range(4):
        world.source.save(f"p{number}", number=f"P{number}", name="First")
    world.child_source.save("c1", number="C1", name="Child", parent="p1")
    world.settle()
    world.source.save("p1", name="Second")
    world.source.save("p2", state="inactive")
    world.source.remove("p3")
    world.settle()


@SKEWS
def test_a_clock_that_is_hours_off_loses_and_duplicates_nothing(hours: float) -> None:
    world = SkewedWorld(hours)
    shared_edits(world)
    check(world)


@SKEWS
@pytest.mark.parametrize("kind", list(ClaimKind))
def test_a_claim_keeps_others_off_for_its_time_by_the_storage_clock_whatever_ours_says(
    hours: float, kind: ClaimKind
) -> None:
    world = SkewedWorld(hours)
    world.source.save("p1", number="P1", name="First")
    if kind is ClaimKind.UNSETTLED:
        lost = iter([OutcomeUnknown(System.FINOPS, "no answer")])
        world.target.fault = lambda _write: next(lost, None)
        world.target.lands = False
        world.apply(hint("p1"))
        live_s = world.limits.unsettled_live_s
    else:
        world.steps.crash_at(_step_of_reading(hours))
        with pytest.raises(Crash):
            world.apply(hint("p1"))
        live_s = world.limits.claim_live_s
    held = world.state.links.load("parents", ["p1"])["p1"]
    assert held.claim.kind is kind
    world.target.fault = lambda _write: None
    open_gates(world)
    world.ours.hours = -hours
    world.clock.sleep(live_s - 1)
    world.apply(hint("p1"))
    assert world.target.rows == {}, "the claim is still live"
    world.clock.sleep(2)
    world.apply(hint("p1"))
    assert world.target.rows["p1"]["name"] == "First"


def open_gates(world: World) -> None:
    """Nothing is closed."""
    for system in System:
        gate = world.state.control.gate(system)
        world.state.control.save_gate(replace(gate, closed=False, blocked_until=None))


def _step_of_reading(hours: float) -> int:
    """At which step a world like this reads the source in its first apply."""
    clean = SkewedWorld(hours)
    clean.source.save("p1", number="P1", name="First")
    clean.apply(hint("p1"))
    return clean.steps.names.index("source.read") + 1


@SKEWS
def test_a_time_out_is_obeyed_by_a_clock_that_is_hours_off(hours: float) -> None:
    world = SkewedWorld(hours)
    world.gates().close(Transient(System.FINOPS, "429", retry_after_s=60))
    world.source.save("p1", number="P1", name="First")
    world.pull()
    world.drain()
    assert world.target.rows == {}
    world.clock.sleep(61)
    world.settle(hours=0.1)
    assert world.target.rows["p1"]["name"] == "First"


@pytest.mark.parametrize("hours", [-5, 5], ids=["behind", "ahead"])
def test_a_gate_that_a_wrong_clock_has_closed_opens_within_the_longest_pause_once_the_clock_is_right(
    hours: float,
) -> None:
    world = SkewedWorld(hours)
    world.gates().close(Transient(System.FINOPS, "503"))
    world.ours.hours = 0
    world.source.save("p1", number="P1", name="First")
    world.settle(hours=0.5)
    assert not world.state.control.gate(System.FINOPS).closed
    assert world.target.rows["p1"]["name"] == "First"


@pytest.mark.parametrize("hours", [-5, 5], ids=["behind", "ahead"])
def test_a_worker_with_a_wrong_clock_that_dies_in_a_probe_leaves_the_gate_closed_no_longer_than_the_longest_pause(
    hours: float,
) -> None:
    world = SkewedWorld(hours)
    world.gates().close(Transient(System.FINOPS, "503"))
    world.clock.sleep(301)

    def dies() -> None:
        raise Crash

    world.systems[System.FINOPS].trouble = dies
    with pytest.raises(Crash):
        world.gates().closed(System.FINOPS)
    world.systems[System.FINOPS].trouble = None
    world.ours.hours = 0
    assert world.gates().closed(System.FINOPS) is not None, "the probe of another worker still counts"
    world.clock.sleep(LONGEST_RETRY_AFTER_S)
    assert world.gates().closed(System.FINOPS) is None


@given(ahead_s=st.integers(-86_400, 86_400), probed_s=st.none() | st.integers(-86_400, 86_400), fails=st.booleans())
def test_whatever_end_a_gate_has_it_is_asked_again_within_the_longest_pause(
    ahead_s: int, probed_s: int | None, fails: bool
) -> None:
    world = SkewedWorld(0)
    now = world.clock.now()
    probed = None if probed_s is None else now + timedelta(seconds=probed_s)
    until = now + timedelta(seconds=ahead_s)
    world.state.control.save_gate(Gate(System.FINOPS, closed=True, blocked_until=until, probed_until=probed))
    if fails:
        world.gates().close(Transient(System.FINOPS, "503"))
    world.clock.sleep(LONGEST_RETRY_AFTER_S)
    assert world.gates().closed(System.FINOPS) is None


def _http(moment: datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


@SKEWS
def test_a_retry_after_date_is_read_by_the_clock_of_the_system_that_sent_it(hours: float) -> None:
    at = line()
    theirs = at.clock.now() - timedelta(hours=hours)
    headers = {"Date": _http(theirs), "Retry-After": _http(theirs + timedelta(seconds=120))}
    at.server.reply(ok({}, 429, headers))
    with pytest.raises(Transient) as caught:
        at.channel.read(f"{at.channel.origin}/data/CustomersV3", subject="CustomersV3")
    assert caught.value.retry_after_s == pytest.approx(120)


@SKEWS
def test_a_retry_after_date_never_shuts_a_gate_for_longer_than_the_longest_pause(hours: float) -> None:
    at = line()
    theirs = at.clock.now() - timedelta(hours=hours)
    at.server.reply(ok({}, 429, {"Retry-After": _http(theirs + timedelta(seconds=120))}))
    with pytest.raises(Transient) as caught:
        at.channel.read(f"{at.channel.origin}/data/CustomersV3", subject="CustomersV3")
    world = SkewedWorld(hours)
    world.gates().close(caught.value)
    until = world.state.control.gate(System.FINOPS).blocked_until
    assert until is not None
    assert 0 <= (until - world.ours.now()).total_seconds() <= LONGEST_RETRY_AFTER_S
