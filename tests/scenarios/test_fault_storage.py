"""Our own storage fails, at any call and for as long as it likes: nothing is lost or doubled, no record is blamed."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from shared.errors import StorageTrouble
from tests.scenarios.test_crashes import edits, first_sync, fresh, steps_of, synced
from tests.support.invariants import check
from tests.support.steps import Steps
from tests.support.thinned import share, share_of_steps
from tests.support.world import World

TABLES = ("links.", "keys.", "runs.", "control.", "checkpoints.")
QUEUES = ("send ", "receive ", "delete ")


class Outage(dict[int, Callable[[], None]]):
    """Every call of the storage fails, from one step on and for so many steps. Calls to the two systems do not."""

    def __init__(self, steps: Steps, first: int, length: int, calls: tuple[str, ...] = TABLES + QUEUES) -> None:
        super().__init__()
        self._steps, self._hit, self._calls = steps, range(first, first + length), calls

    def __iter__(self) -> Iterator[int]:
        return iter(self._hit[-1:])

    def pop(self, step: int, *_default: object) -> Callable[[], None] | None:  # type: ignore[override]
        """What happens at a step."""
        return _fail if step in self._hit and self._steps.names[-1].startswith(self._calls) else None


def _fail() -> None:
    raise StorageTrouble("the storage did not answer")


def suffers(world: World, scenario: Callable[[World], None], first: int, length: int) -> None:
    """Play a scenario while the storage fails, and let the world come to rest afterwards."""
    world.steps.at = Outage(world.steps, world.steps.count + first, length)
    with contextlib.suppress(StorageTrouble):  # the invocation ends; timers and redelivery go on
        scenario(world)
    world.settle()


@share_of_steps(24)
@pytest.mark.parametrize("length", [1, 40])
@pytest.mark.parametrize(("scenario", "make"), [(first_sync, World), (edits, synced)], ids=["first sync", "edits"])
def test_storage_that_fails_at_any_call_loses_nothing_duplicates_nothing_and_blames_no_record(
    scenario: Callable[[World], None], make: Callable[[], World], length: int, every: int
) -> None:
    total = steps_of(scenario, make)
    # Which calls are tried differs between the lengths.
    for number in share(range(1, total + 1), every, length):
        world = fresh(make)
        suffers(world, scenario, number, length)
        name = world.steps.names[number - 1]
        try:
            check(world)
            assert not world.state.failures.load("parents", ["p1", "p2", "p3", "p5"]), "a record was blamed"
        except AssertionError as broken:
            raise AssertionError(f"after {length} failed calls from step {number} ({name}): {broken}") from broken


def test_an_outage_of_the_storage_over_hours_ends_in_step() -> None:
    world = synced()
    for id in ("p1", "p2"):
        world.source.save(id, name="Changed before the outage")
    world.pull()
    world.steps.at = Outage(world.steps, world.steps.count + 1, 10**6)
    world.settle(hours=3)
    assert {world.target.rows[key]["name"] for key in ("p1", "p2")} == {"Parent 1", "Parent 2"}
    world.source.save("p1", name="Changed in the outage")
    world.steps.at = {}
    world.settle(hours=1)
    check(world)
    assert world.target.rows["p1"]["name"] == "Changed in the outage"


def changed_during_an_outage(calls: tuple[str, ...]) -> tuple[World, set[str]]:
    """A world after an outage of three hours of a part of its storage; the causes of failures that were listed."""
    world = synced()
    for number in (1, 2, 3):
        world.source.save(f"p{number}", name="Changed before the outage")
    world.pull()
    world.steps.at = Outage(world.steps, world.steps.count + 1, 10**6, calls)
    world.settle(hours=3)
    world.steps.at = {}
    listed: set[str] = set()
    for _ in range(10):
        world.settle(hours=0.3)
        failures, _ = world.state.failures.page("parents", "", 100)
        listed |= {failure.cause for failure in failures if failure.id != "p7"}
    return world, listed


@pytest.mark.parametrize("calls", [TABLES, QUEUES, ("links.",)], ids=["tables", "queues", "links only"])
def test_an_outage_of_a_part_of_the_storage_over_hours_ends_in_step_and_blames_no_record(
    calls: tuple[str, ...],
) -> None:
    world, listed = changed_during_an_outage(calls)
    check(world)
    assert world.target.rows["p1"]["name"] == "Changed before the outage"
    assert listed == set()
