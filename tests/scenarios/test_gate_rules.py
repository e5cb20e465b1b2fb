"""When a gate closes and opens, and where messages wait meanwhile (protocol A1, F1)."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import StorageTrouble, Transient
from shared.state.control import Gate
from shared.state.storage.queues import hold_queue
from shared.sync.gates import Closed, Gates
from shared.systems import System
from tests.scenarios.test_apply_rules import hint, link, one
from tests.support.invariants import check
from tests.support.product import product
from tests.support.world import World


def blocked_s(world: World) -> float:
    """For how many seconds F&O is still blocked."""
    gate = world.state.control.gate(System.FINOPS)
    assert gate.blocked_until is not None
    return (gate.blocked_until - world.clock.now()).total_seconds()


def asked(world: World) -> Closed | None:
    """What apply is told."""
    return world.gates().closed_for_apply(world.service().flows["parents"])


def probed_while_another_closes(world: World, asked_s: float, *, fails: bool) -> None:
    """The time of a gate is over; during the probe another worker meets a throttling."""
    world.gates().close(Transient(System.FINOPS, "x", retry_after_s=10))
    world.clock.sleep(11)

    def during() -> None:
        world.gates().close(Transient(System.FINOPS, "429 of another worker", retry_after_s=asked_s))
        if fails:
            raise Transient(System.FINOPS, "429", retry_after_s=5)

    world.systems[System.FINOPS].trouble = during
    assert asked(world) is not None


@pytest.mark.parametrize("asked_s", [20, 600])
def test_a_probe_that_succeeds_opens_no_gate_that_another_worker_has_just_extended(asked_s: float) -> None:
    world = one()
    probed_while_another_closes(world, asked_s, fails=False)
    assert world.state.control.gate(System.FINOPS).closed
    assert blocked_s(world) == asked_s
    world.systems[System.FINOPS].trouble = None
    world.clock.sleep(asked_s)
    assert asked(world) is None


def test_a_probe_that_fails_shortens_no_block() -> None:
    world = one()
    probed_while_another_closes(world, 600, fails=True)
    assert blocked_s(world) == 600


def test_while_one_worker_probes_the_others_messages_come_back_after_five_seconds() -> None:
    world = one()
    world.source.save("p1", name="Changed")
    world.gates().close(Transient(System.FINOPS, "x", retry_after_s=10))
    world.clock.sleep(11)
    world.systems[System.FINOPS].trouble = lambda: world.apply(hint("p1"))
    assert asked(world) is None
    world.systems[System.FINOPS].trouble = None
    assert world.queues.depth("parents") == 1
    assert not world.host_once()
    world.clock.sleep(5)
    world.drain()
    assert world.target.rows["p1"]["name"] == "Changed"


def test_a_throttling_of_seconds_needs_no_sweep() -> None:
    world = one()
    world.source.save("p1", name="Changed")
    faults = iter([Transient(System.FINOPS, "429", retry_after_s=20)])
    world.target.fault = lambda _write: next(faults, None)
    world.pull()
    world.drain()
    assert world.queues.depth(hold_queue("parents")) == 0
    assert link(world, "p1").attempts == 0
    world.clock.sleep(20)
    world.drain()
    check(world)


@pytest.mark.parametrize("retry_after_s", [0.0, -3.0, None])
def test_a_system_that_names_no_time_to_wait_is_given_a_growing_one(retry_after_s: float | None) -> None:
    world = one()
    reads: list[float] = []

    def down(name: str) -> None:
        if name == "read":
            reads.append(world.clock.seconds)
            raise Transient(System.DATAVERSE, "503", retry_after_s=retry_after_s)

    world.source.trouble = down
    world.source.save("p1", name="Changed")
    world.pull()
    for _ in range(300):
        world.drain()
        world.clock.sleep(1)
    gaps = [round(after - before) for before, after in itertools.pairwise(reads)]
    assert gaps[:5] == [5, 10, 20, 40, 80]


def test_what_comes_back_after_trouble_comes_back_with_a_delay_though_the_gate_is_open() -> None:
    world = one()
    world.source.save("p1", name="Changed")
    world.source.trouble = lambda name: world.clock.sleep(world.limits.run_budget_s + 1) if name == "read" else None
    world.apply(hint("p1"))
    assert world.queues.depth("parents") == 1
    assert not world.host_once()


def test_a_gate_that_others_always_change_first_is_our_storages_trouble_after_some_rounds() -> None:
    world = one()
    saves: list[Gate] = []

    def never_first(gate: Gate) -> bool:
        saves.append(gate)
        return False

    object.__setattr__(world.state.control, "save_gate", never_first)
    with pytest.raises(StorageTrouble, match="could not be closed"):
        world.gates().close(Transient(System.FINOPS, "429"))
    assert len(saves) == 5


def test_a_probe_keeps_others_off_for_as_long_as_an_answer_is_waited_for() -> None:
    world = one()
    gates = Gates(world.state.control, world.systems, world.clock, probe_lease_s=20)
    gates.close(Transient(System.FINOPS, "x"))
    world.clock.sleep(5)

    def dies() -> None:
        raise KeyboardInterrupt

    world.systems[System.FINOPS].trouble = dies
    with pytest.raises(KeyboardInterrupt):
        gates.closed(System.FINOPS)
    world.systems[System.FINOPS].trouble = None
    assert gates.closed(System.FINOPS) == Closed("finops is being probed", 5.0)
    world.clock.sleep(20)
    assert gates.closed(System.FINOPS) is None


@pytest.mark.parametrize("timeout_s", [5, 120])
def test_the_setting_of_the_longest_wait_for_an_answer_says_how_long_a_probe_may_last(timeout_s: int) -> None:
    with product(REQUEST_TIMEOUT_S=str(timeout_s)) as made:
        assert made.service.gates.probe_lease_s == timeout_s


def test_a_worker_that_dies_while_it_probes_keeps_the_gate_closed_for_its_lease_only() -> None:
    world = one()
    world.gates().close(Transient(System.FINOPS, "x", retry_after_s=10))
    world.clock.sleep(11)
    gate = world.state.control.gate(System.FINOPS)
    dead = replace(gate, probed_until=world.clock.now() + timedelta(seconds=120))
    assert world.state.control.save_gate(dead)
    assert asked(world) == Closed("finops is being probed", 5.0)
    world.clock.sleep(121)
    assert asked(world) is None
