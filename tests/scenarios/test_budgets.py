"""Slow storage and slow systems: no function runs until the host has to end it, and the next one goes on.

Every call takes a hundredth of the function timeout, whatever that is.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.bootstrap import limits_of
from shared.errors import NotSent
from shared.flows.registry import FLOWS
from shared.state.control import Gate
from shared.state.failures import Failure
from shared.state.runs import Run
from shared.state.storage.queues import hold_queue, poison_queue
from shared.state.storage.tables import Insert
from shared.state.waiting import Wait
from shared.sync.hints import Hint, HintMessage, read_message
from tests.support.doubles import ROUTE
from tests.support.events import Heard
from tests.support.world import FAMILY, PRODUCTS, World

NEEDED = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "http://127.0.0.1:1",
    "FINOPS_URL": "http://127.0.0.1:2",
    "COMPANY": "usmf",
}
MANY = 60
MOST_RUNS = 200
TIMEOUTS = ["00:00:40", "00:05:00", "00:30:00"]


class SlowCalls(dict[int, Callable[[], None]]):
    """Whatever the number of a step is: it takes its time."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act

    def pop(self, *_: object) -> Callable[[], None]:
        """What happens at a step."""
        return self._act


class Slow:
    """A world in which calls may take long, and a function timeout that no run may reach."""

    def __init__(self, timeout: str, flows: tuple[str, ...] = FAMILY) -> None:
        settings = FLOWS.read_settings({**NEEDED, "AzureFunctionsJobHost__functionTimeout": timeout})
        self.timeout_s = settings.function_timeout_s
        self.world = World(limits=limits_of(settings), flows=flows)

    def slow_down(self) -> None:
        """From now on every call takes its time."""
        self.world.steps.at = SlowCalls(lambda: self.world.clock.sleep(self.timeout_s / 100))

    def run(self, function: Callable[[], object]) -> None:
        """One invocation; it must end before the host would end it."""
        began = self.world.clock.seconds
        function()
        assert self.world.clock.seconds - began < self.timeout_s

    def until(self, done: Callable[[], bool], function: Callable[[], object]) -> int:
        """One invocation after the other, a minute and more between them; how many it took."""
        for runs in range(1, MOST_RUNS):
            self.run(function)
            if done():
                return runs
            self.world.clock.sleep(61)
        raise AssertionError("the invocations do not come to an end")


@pytest.fixture(params=TIMEOUTS)
def slow(request: pytest.FixtureRequest) -> Slow:
    return Slow(request.param)


def save_parents(world: World, count: int = MANY) -> set[str]:
    """Records of the source; their ids."""
    for number in range(count):
        world.source.save(f"P{number:03d}", name="x", number=str(number))
    return set(world.source.rows)


def queued(world: World, queue: str) -> list[str]:
    """The ids of the records that lie in a queue."""
    return [hint.id for body in world.queues.bodies(queue) for hint in read_message(body).hints]


def test_a_pull_of_changes_continues_where_it_stopped(slow: Slow) -> None:
    ids = save_parents(slow.world)
    slow.slow_down()
    assert slow.until(lambda: set(queued(slow.world, "parents")) == ids, slow.world.pull) > 1
    assert len(queued(slow.world, "parents")) == MANY


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_a_walk_continues_where_it_stopped(timeout: str) -> None:
    slow = Slow(timeout, PRODUCTS)
    for number in range(2 * MANY):
        slow.world.stock.save(f"P{number:03d}", name="x", number=str(number))
    ids = set(slow.world.stock.rows)
    slow.slow_down()
    assert slow.until(lambda: set(queued(slow.world, "products")) == ids, lambda: slow.world.pull("products")) > 1


def test_an_apply_sends_back_what_it_has_no_time_for_and_writes_nothing_twice(slow: Slow) -> None:
    world = slow.world
    save_parents(world)
    world.pull()
    slow.slow_down()
    assert slow.until(lambda: not world.queues.depth("parents"), world.host_once) > 1
    assert len(world.target.rows) == len(world.target.writes) == MANY


def test_records_that_cannot_be_read_in_time_come_back_in_smaller_messages(slow: Slow) -> None:
    world = slow.world
    save_parents(world, 8)
    world.queues.send("parents", HintMessage("parents", "r", tuple(Hint(id) for id in world.source.rows)).to_body())

    def no_time(_name: str) -> None:
        raise NotSent("no time was left for a request")

    world.source.trouble = no_time
    assert world.host_once()
    assert [len(read_message(body).hints) for body in world.queues.bodies("parents")] == [4, 4]
    assert not any(gate.closed for gate in map(world.state.control.gate, world.systems))
    world.source.trouble = None
    world.settle()
    assert len(world.target.rows) == 8


def test_parents_with_very_many_children_leave_the_last_of_them_to_the_sweep(slow: Slow) -> None:
    world = slow.world
    world.source.page_size = 7
    parents = sorted(save_parents(world, 7))
    for parent in parents:
        waits = [Wait("children", f"{parent}-{number:03d}", "parents", ROUTE, parent) for number in range(600)]
        for start in range(0, len(waits), 100):
            world.links_table.transact([Insert(wait.to_row()) for wait in waits[start : start + 100]])
    world.pull()
    slow.slow_down()
    slow.run(world.host_once)
    assert len(world.target.rows) == 7
    assert 0 < len(queued(world, "children")) < 4200
    slow.until(lambda: len(set(queued(world, "children"))) == 4200, world.sweep)


def test_a_sweep_returns_every_held_message_once(slow: Slow) -> None:
    world = slow.world
    for number in range(MANY):
        world.queues.send(hold_queue("parents"), f"message {number}")
    slow.slow_down()
    assert slow.until(lambda: not world.queues.depth(hold_queue("parents")), world.sweep) > 1
    assert sorted(world.queues.bodies("parents")) == sorted(f"message {number}" for number in range(MANY))


def test_a_sweep_sends_every_failure_again_whose_time_has_come(slow: Slow) -> None:
    world = slow.world
    began = world.clock.now()
    for number in range(1600):
        failure = Failure("parents", f"P{number:04d}", "c", "m", "r", began, began, next_try=began)
        world.state.failures.put(failure)
    slow.slow_down()
    ids = {f"P{number:04d}" for number in range(1600)}
    assert slow.until(lambda: set(queued(world, "parents")) == ids, world.sweep) > 1
    assert len(queued(world, "parents")) == len(ids)


def test_a_sweep_without_end_still_tells_how_flows_and_systems_stand(slow: Slow, heard: Heard) -> None:
    world = slow.world
    slow.slow_down()
    for _ in range(MANY):
        for flow in world.flows:
            for number in range(MANY):
                world.queues.send(hold_queue(flow), f"message {number}")
        slow.run(world.sweep)
    assert {event["flow"] for event in heard.of("flow_state")} == set(world.flows)
    assert len(heard.of("gate_state")) == MANY * len(world.systems)


def test_a_poison_message_is_split_to_its_end(slow: Slow) -> None:
    world = slow.world
    ids = [f"P{number}" for number in range(100)]
    world.queues.send(poison_queue("parents"), HintMessage("parents", "r", tuple(map(Hint, ids))).to_body())
    slow.slow_down()
    assert slow.until(lambda: not world.queues.depth(poison_queue("parents")), world.poison_once) > 1
    assert sorted(queued(world, "parents")) == sorted(ids)
    assert world.queues.depth("parents") == len(ids)


def test_a_cleanup_removes_everything_that_is_too_old(slow: Slow) -> None:
    world = slow.world
    for flow in world.flows:
        for number in range(1600):
            world.state.runs.add(Run(flow, "pull", f"{number}", world.clock.now(), 1.0, {"hints": 1}))
    world.clock.sleep(timedelta(days=2).total_seconds())
    slow.slow_down()

    def clean() -> None:
        replace(world.service(), history_days=1).cleanup()

    assert slow.until(lambda: not any(world.state.runs.latest(flow, 1) for flow in world.flows), clean) > 1


def test_a_comparison_continues_where_it_stopped(slow: Slow, heard: Heard) -> None:
    world = slow.world
    world.source.page_size = 500
    save_parents(world, 1200)
    slow.slow_down()

    def compare() -> None:
        world.service().reconcile()

    def complete() -> bool:
        return any(event["complete"] for event in heard.of("reconciled", flow="parents"))

    assert slow.until(complete, compare) > 1
    assert sum(event["missing"] for event in heard.of("reconciled", flow="parents")) == 1200


def test_a_gate_that_could_not_be_probed_in_time_is_probed_by_the_next_one(slow: Slow) -> None:
    world = slow.world
    system = next(iter(world.systems))
    world.state.control.save_gate(Gate(system, closed=True, blocked_until=world.clock.now()))

    def no_time() -> None:
        raise NotSent("no time was left for a request")

    world.systems[system].trouble = no_time
    flow = world.service().flows["parents"]
    closed = world.gates().closed_for_apply(flow)
    assert closed is not None
    assert "could not be probed in time" in closed.reason
    world.systems[system].trouble = None
    assert world.gates().closed_for_apply(flow) is None
