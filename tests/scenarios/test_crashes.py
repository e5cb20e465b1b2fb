"""A crash at every single I/O step, and at every two steps of one history, loses nothing, doubles nothing and heals by
itself (invariants I1 to I6)."""

import contextlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, partial

import pytest

from shared.errors import OutcomeUnknown, SyncError
from shared.records import Write, fold
from shared.state.links import link_key, to_link
from shared.state.storage.tables import Stored
from shared.systems import System
from tests.support.doubles import FakeTarget
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.thinned import share, share_of_steps
from tests.support.world import LEASE_S, PRODUCTS, TRADE, World

CRASHES = (Crash, SyncError)
Deed = Callable[[World], None]


def first_sync(world: World) -> None:
    """Parents and children that meet for the first time, children first."""
    for number in range(1, 6):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Parent {number}")
    world.source.save("p6", number="P6", name="Gone before", state="inactive")
    world.source.save("p7", number="P7", name="Bad", bad="yes")
    world.child_source.save("c1", number="C1", name="Child 1", parent="p1")
    world.child_source.save("c2", number="C2", name="Child of filtered", parent="p6")
    world.child_source.save("c3", number="C3", name="Child of bad", parent="p7")
    run(world, "children", "parents", "children")


def run(world: World, *flows: str) -> None:
    """One round without a clock tick: pulls and whatever is visible."""
    for flow in flows:
        world.pull(flow)
        world.drain([flow])


def synced() -> World:
    """A world in step."""
    world = World()
    first_sync(world)
    world.settle()
    check(world)
    return world


def edits(world: World) -> None:
    """Every kind of change at once."""
    world.source.save("p1", name="Renamed", phone="1")
    world.source.save("p2", phone=None, name=None)
    world.source.save("p3", state="inactive")
    world.source.remove("p4")
    world.source.save("p6", state=None)
    world.source.save("p7", bad=None)
    world.source.save("p8", number="P8", name="New")
    del world.target.rows["p5"]
    world.source.save("p5", name="Target row was deleted")
    world.child_source.save("c1", name="Child renamed", parent="p8")
    run(world, "parents", "children")


def stocked() -> World:
    """Products that have never been walked."""
    world = World(flows=PRODUCTS)
    for number in range(1, 9):
        world.stock.save(f"i{number}", number=f"I{number}", name=f"Product {number}", phone=str(number))
    world.stock.save("i9", number="I9", name="Not for sale", state="foreign")
    return world


def first_walk(world: World) -> None:
    """Products that are written for the first time, in bulk and in parts."""
    run(world, "products", "products")


def walked() -> World:
    """Products in step."""
    world = stocked()
    first_walk(world)
    world.settle()
    check(world)
    return world


def vanish_and_return(world: World) -> None:
    """Products change in either part, vanish, come anew, and some return changed."""
    world.stock.save("i1", name="Renamed")
    world.stock.save("i2", phone="22")
    world.stock.save("i3", name="Renamed, too", phone=None)
    del world.product_target.rows["i4"]
    world.stock.save("i4", name="Target row was deleted")
    world.stock.save("i9", state=None)
    world.stock.save("i10", number="I10", name="New", phone="10")
    gone = {id: world.stock.rows[id].values for id in ("i6", "i7")}
    for id in gone:
        world.stock.remove(id)
    run(world, "products")
    world.stock.save("i6", **{**gone["i6"], "name": "Returned"})
    run(world, "products")


def trading() -> World:
    """Nothing is read yet."""
    return World(flows=TRADE)


def first_trade(world: World) -> None:
    """Accounts, people on both routes, and documents with lines that meet for the first time, documents first."""
    world.source.save("a1", number="A1", name="One")
    world.source.save("a2", number="A2", name="Two")
    for number in range(1, 4):
        world.people.save(f"m{number}", number=f"M{number}", name=f"Person {number}", parent="a1")
    world.people.save("m3", customer=True)
    world.people.save("m4", number="M4", name="Belongs to nobody")
    for number, customer in ((1, "m3"), (2, "m2"), (3, "m4")):
        world.documents.save(f"d{number}", name=f"Quote {number}", customer=customer)
        world.documents.save_line(f"d{number}", 1, 10)
        world.documents.save_line(f"d{number}", 2, 20)
    run(world, *reversed(TRADE), *TRADE)


def traded() -> World:
    """Accounts, people and documents in step."""
    world = trading()
    first_trade(world)
    world.settle(hours=0.2)
    check(world)
    return world


def trade_edits(world: World) -> None:
    """People move, change their route and end; documents and lines change, come and go."""
    world.people.save("m1", parent="a2", name="Moved")
    world.people.save("m2", customer=True)
    world.people.save("m4", parent="a1")
    world.documents.save_line("d1", 1, 11)
    world.documents.remove_line("d1", 2)
    world.documents.save_line("d1", 3, 30)
    world.documents.save("d4", name="New", customer="m3")
    world.documents.save_line("d4", 1, 10)
    run(world, *TRADE)


def ask_for_intents(world: World) -> None:
    """From now on, no create may reach a target unless the stored link says what it sends."""
    for flow in world.flows:
        for target in world.targets_of(flow):
            target.fault = partial(_ask_for_intent, world, flow)


def _ask_for_intent(world: World, flow: str, write: Write) -> None:
    if write.create:
        stored = world.links_table.content()[flow, link_key(write.id)]
        intent = to_link(flow, Stored(stored, "", 0.0)).intent
        assert intent is not None, f"{write.key} is created without an intent"
        assert fold(intent.key) == fold(write.key)
        assert any(write.values.items() <= sent.items() for sent in intent.sent), write.values


@cache
def _made(make: Callable[[], World]) -> World:
    return make()


def fresh(make: Callable[[], World]) -> World:
    """A world of one's own, as `make` makes it. It is made once and copied."""
    return deepcopy(_made(make))


def steps_of(scenario: Callable[[World], None], make: Callable[[], World]) -> int:
    """How many I/O steps a clean run takes."""
    world = fresh(make)
    before = world.steps.count
    scenario(world)
    return world.steps.count - before


SCENARIOS: dict[str, tuple[Deed, Callable[[], World]]] = {
    "first sync": (first_sync, World),
    "edits": (edits, synced),
    "first walk": (first_walk, stocked),
    "vanish and return": (vanish_and_return, walked),
    "first trade": (first_trade, trading),
    "trade edits": (trade_edits, traded),
}


@pytest.mark.parametrize("played", SCENARIOS)
@share_of_steps(9)
def test_a_crash_at_any_step_recovers(played: str, every: int) -> None:
    scenario, make = SCENARIOS[played]
    total = steps_of(scenario, make)
    assert total > 50
    of_effect = fresh(make)
    # A crash before a step that leaves nothing behind is the crash before the next one; and of these, a share is enough
    # at each change.
    effects = moments(of_effect, partial(scenario, of_effect))
    tried = range(1, total + 1) if every == 1 else share(effects, every, [*SCENARIOS].index(played))
    assert len(tried) > 25 / every
    for number in tried:
        world = fresh(make)
        ask_for_intents(world)
        world.steps.crash_at(world.steps.count + number)
        with contextlib.suppress(Crash, SyncError):
            scenario(world)
        name = world.steps.names[-1]
        world.settle(hours=0.6)
        try:
            check(world)
        except AssertionError as broken:
            raise AssertionError(f"after a crash at step {number} of {total} ({name}): {broken}") from broken


def linked_before() -> World:
    """Parents that are in step and a child that waits for one that is not there yet."""
    world = World()
    for number in range(2, 6):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Parent {number}", phone=str(number))
    world.child_source.save("c1", number="C1", name="Child", parent="p1")
    run(world, "parents", "children")
    world.settle(hours=0.1)
    return world


def one_message_of_every_kind(world: World) -> None:
    """Hints of a new record, a change, a cleared field, an end, a deletion and a target row that is gone."""
    world.source.save("p1", number="P1", name="New")
    world.source.save("p2", name="Renamed", phone=None)
    world.source.save("p3", state="inactive")
    world.source.remove("p4")
    del world.target.rows["p5"]
    world.source.save("p5", name="Target row was deleted")
    world.pull()


def one_message_without_answers(world: World) -> None:
    """A create and an update that land and are not answered, and one of each that gets lost."""
    world.source.save("p1", number="P1", name="New")
    world.source.save("p6", number="P6", name="New, and lost on the way")
    world.source.save("p2", name="Renamed", phone=None)
    world.source.save("p3", name="Renamed, and lost on the way")
    world.target.fault = Unanswered(world.target)
    world.pull()


@dataclass
class Unanswered:
    """The first writes get no answer; some of them land."""

    target: FakeTarget
    left: int = 4

    def __call__(self, write: Write) -> SyncError | None:
        """What becomes of a write."""
        self.target.lands = write.id in ("p1", "p2")
        self.left -= 1
        return OutcomeUnknown(System.FINOPS, "no answer") if self.left >= 0 else None


def work(world: World) -> None:
    """Apply whatever is visible."""
    for flow in world.flows:
        world.drain([flow])


def recover(world: World, leases: int) -> None:
    """What comes after a crash, until nothing is left to do: the messages become visible again, timers tick, the host
    works."""
    for _ in range(leases):
        world.clock.sleep(LEASE_S + 10)
        timers: list[Callable[[], None]] = [partial(world.pull, flow) for flow in world.flows]
        timers += [world.sweep, partial(work, world)]
        for timer in timers:
            with contextlib.suppress(*CRASHES):
                timer()
        if world.at_rest():
            return


def moments(world: World, deed: Callable[[], None]) -> list[int]:
    """The steps of a deed before which a crash leaves something else behind than a crash one step earlier: the first,
    and every one that follows an effect. Reads, and the steps that only say that an effect is done, have none."""
    start = world.steps.count
    with contextlib.suppress(*CRASHES):
        deed()
    names = world.steps.names[start:]
    return [1, *(number for number, before in enumerate(names[:-1], 2) if _has_effect(before))]


def _has_effect(step: str) -> bool:
    begins = step.startswith(("receive ", "delete ", "send ")) and not step.endswith(" done")
    return begins or step.endswith(".transact") or step == "target.write"


def history(make: Callable[[], World], prepare: Deed, first: int | None, meanwhile: Deed) -> World:
    """A world in which one message was worked on until a step, its worker died there, and people went on."""
    world = fresh(make)
    prepare(world)
    if first is not None:
        world.steps.crash_at(world.steps.count + first)
    with contextlib.suppress(*CRASHES):
        work(world)
    meanwhile(world)
    return world


def nothing(_world: World) -> None:
    """Nobody touches the source."""


def second_thoughts(world: World) -> None:
    """People take back what they have just changed, and change what they have just entered."""
    world.source.save("p1", name="Second thoughts")
    world.source.save("p2", name="Parent 2", phone="2")
    world.source.save("p3", name="Parent 3", state=None)


def dealing() -> World:
    """Two people, one document and its lines in step."""
    world = World(flows=TRADE)
    world.source.save("a1", number="A1", name="One")
    world.source.save("a2", number="A2", name="Two")
    world.people.save("m1", number="M1", name="Contact", parent="a1")
    world.people.save("m2", number="M2", name="Customer", customer=True)
    world.documents.save("d1", name="Quote", customer="m2")
    for number in (1, 2):
        world.documents.save_line("d1", number, 10 * number)
    run(world, *TRADE)
    world.settle(hours=0.05)
    return world


def a_move(world: World) -> None:
    """A contact that belongs to another account now, queued."""
    world.people.save("m1", parent="a2", name="Moved")
    world.pull("people")


def a_move_back(world: World) -> None:
    """It belongs to the former one all the same."""
    world.people.save("m1", parent="a1")


def a_new_route(world: World) -> None:
    """A contact that is a customer now, queued, with a document that waits for it."""
    world.people.save("m1", customer=True)
    world.documents.save("d2", name="New", customer="m1")
    world.documents.save_line("d2", 1, 10)
    for flow in ("documents", "people"):
        world.pull(flow)


def a_former_route(world: World) -> None:
    """It is no customer after all."""
    world.people.save("m1", customer=False)


def changed_lines(world: World) -> None:
    """A line changed, one added, one gone, queued."""
    world.documents.save_line("d1", 1, 11)
    world.documents.remove_line("d1", 2)
    world.documents.save_line("d1", 3, 30)
    world.pull("documents")


def changed_back(world: World) -> None:
    """The added line is gone again, the changed one as it was."""
    world.documents.save_line("d1", 1, 10)
    world.documents.remove_line("d1", 3)


PAIRS: list[tuple[Callable[[], World], Deed, Deed]] = [
    (linked_before, one_message_of_every_kind, nothing),
    (linked_before, one_message_of_every_kind, second_thoughts),
    (linked_before, one_message_without_answers, nothing),
    (linked_before, one_message_without_answers, second_thoughts),
    (dealing, a_move, nothing),
    (dealing, a_move, a_move_back),
    (dealing, a_new_route, a_former_route),
    (dealing, changed_lines, changed_back),
]


@pytest.mark.parametrize("case", range(len(PAIRS)))
@share_of_steps(96)
def test_two_crashes_at_any_two_steps_of_apply_recover(case: int, every: int) -> None:
    """Each step of the first crash meets each one of the second. Of a share, every other step of the first crash meets
    every so many-th step of the second, by turns."""
    make, prepare, meanwhile = PAIRS[case]
    pairs = played = 0
    clean = fresh(make)
    prepare(clean)
    firsts = moments(clean, lambda: work(clean))
    for turn, first in enumerate(share(firsts, 1 if every == 1 else 2, case)):
        crashed = history(make, prepare, first, meanwhile)
        recovered = deepcopy(crashed)
        seconds = moments(recovered, lambda recovered=recovered: recover(recovered, 2))  # type: ignore[misc]
        pairs += len(seconds)
        for second in share(seconds, every, turn):
            played += 1
            world = deepcopy(crashed)
            world.steps.crash_at(world.steps.count + second)
            # A record of which both workers died is listed, and tried again after an hour.
            recover(world, 12)
            try:
                check(world)
                for flow in world.flows:
                    assert world.state.failures.page(flow, "", 10)[0] == [], "a record was blamed"
            except AssertionError as broken:
                raise AssertionError(f"after crashes at the steps {first} and {second}: {broken}") from broken
    assert pairs > 100 / (1 if every == 1 else 2)
    assert played >= pairs / every
