"""Random histories: edits, crashes, duplicates, disorder, lost answers, stalled workers. Each ends in step."""

import contextlib
import random
from collections.abc import Callable

import pytest

from shared.errors import OutcomeUnknown, SyncError, Transient
from shared.records import Write
from shared.systems import System
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.trade import lines_of
from tests.support.world import FAMILY, PRODUCTS, TRADE, World

_AT_ONCE = 20


def histories(count: int, at_night: int) -> pytest.MarkDecorator:
    """Gives a test `seeds`: the first `count` ones, and so many in all at night."""
    by_night = [range(first, min(first + _AT_ONCE, at_night)) for first in range(count, at_night, _AT_ONCE)]
    marked = [pytest.param(seeds, marks=pytest.mark.nightly) for seeds in by_night]
    return pytest.mark.parametrize("seeds", [range(count), *marked], ids=lambda seeds: f"from {seeds.start}")


class History:
    """One random history of a world."""

    def __init__(self, seed: int, flows: tuple[str, ...] = FAMILY) -> None:
        self.random = random.Random(seed)
        self.world = World(flows=flows)
        self.targets = [target for flow in flows for target in self.world.targets_of(flow)]
        for target in self.targets:
            target.fault = self.fault
        self.world.product_target.later_fault = self.fault
        self.edits = {
            FAMILY: [self.edit, self.edit, self.edit_child],
            PRODUCTS: [self.edit_product],
            TRADE: [self.edit, self.edit_person, self.edit_person, self.edit_document, self.edit_line],
        }[flows]
        self.used_lines: dict[str, set[str]] = {}
        self.faulty = True

    def play(self, length: int) -> None:
        """Do `length` random things, then let everything come to rest without faults."""
        for _ in range(length):
            deeds = [*self.edits, self.tick, self.tick, self.repeat, self.wait]
            with contextlib.suppress(Crash, SyncError):
                self.random.choice(deeds)()
        self.faulty = False
        self.world.steps.at.clear()
        for target in self.targets:
            target.trouble = None
        self.world.settle(hours=3)

    def fault(self, write: Write) -> SyncError | None:
        if not self.faulty or self.random.random() > 0.15:
            return None
        lands = self.random.random() < 0.5
        for target in self.targets:
            target.lands = lands
        system = System.DATAVERSE if self.world.flows == PRODUCTS else System.FINOPS
        if self.random.random() < 0.6:
            return OutcomeUnknown(system, "connection lost")
        return Transient(system, "throttled", retry_after_s=self.random.choice([0.0, 3.0, None]))

    def edit(self) -> None:
        number = self.random.randint(1, 6)
        id, source = f"p{number}", self.world.source
        if id in source.rows and self.random.random() < 0.1:
            source.remove(id)
            return
        changes: dict[str, str | None] = {"name": self.random.choice(["a", "b", "c", None])}
        if self.random.random() < 0.3:
            changes["phone"] = self.random.choice(["1", "2", None])
        if self.random.random() < 0.2:
            changes["state"] = self.random.choice(["inactive", "foreign", None, None])
        # Two numbers are shared on purpose: records compete for one target key.
        source.save(id, number=f"P{(number + 1) // 2 if number > 4 else number}", **changes)

    def edit_child(self) -> None:
        id = f"c{self.random.randint(1, 3)}"
        parent = f"p{self.random.randint(1, 6)}"
        self.world.child_source.save(id, number=id.upper(), name=self.random.choice("xyz"), parent=parent)

    def edit_person(self) -> None:
        id, people = f"m{self.random.randint(1, 4)}", self.world.people
        if id in people.rows and self.random.random() < 0.1:
            people.remove(id)
            return
        changes: dict[str, str | bool | None] = {"name": self.random.choice(["a", "b", None])}
        if self.random.random() < 0.5:
            changes["parent"] = self.random.choice([f"p{self.random.randint(1, 4)}", None])
        if self.random.random() < 0.3:
            changes["customer"] = self.random.random() < 0.6
        if self.random.random() < 0.2:
            changes["state"] = self.random.choice(["inactive", None, None])
        people.save(id, number=id.upper(), **changes)

    def edit_document(self) -> None:
        id, documents = f"d{self.random.randint(1, 3)}", self.world.documents
        if id in documents.rows and self.random.random() < 0.1:
            documents.remove(id)
            return
        customer = f"m{self.random.randint(1, 4)}"
        state = self.random.choice([None, None, None, "draft"])
        documents.save(id, name=self.random.choice("xyz"), customer=customer, state=state)

    def edit_line(self) -> None:
        documents = self.world.documents
        id, number = f"d{self.random.randint(1, 3)}", self.random.randint(1, 4)
        if id not in documents.rows:
            return
        if number in lines_of(documents.rows[id]) and self.random.random() < 0.4:
            documents.remove_line(id, number)
        elif str(number) not in self.used_lines.setdefault(id, set()):
            # No number is given twice.
            documents.save_line(id, number, self.random.randint(1, 9))
            self.used_lines[id].add(str(number))
        elif number in lines_of(documents.rows[id]):
            documents.save_line(id, number, self.random.randint(1, 9))

    def edit_product(self) -> None:
        number = self.random.randint(1, 9)
        id, stock = f"i{number}", self.world.stock
        if id in stock.rows and self.random.random() < 0.2:
            stock.remove(id)
            return
        changes: dict[str, str | None] = {"name": self.random.choice(["a", "b", "c", None])}
        if self.random.random() < 0.5:
            changes["phone"] = self.random.choice(["1", "2", None])
        if self.random.random() < 0.2:
            changes["state"] = self.random.choice(["inactive", "foreign", None, None])
        stock.save(id, number=f"I{8 if number > 8 else number}", **changes)

    def tick(self) -> None:
        world = self.world
        if self.random.random() < 0.4:
            upset = self.random.choice([world.steps.crash_at, self.interrupt])
            upset(world.steps.count + self.random.randint(1, 40))
        flow = self.random.choice(world.flows)
        works: list[Callable[[], object]] = [
            lambda: world.pull(flow),
            world.sweep,
            lambda: world.host_once(flow),
            world.drain,
        ]
        self.random.choice(works)()

    def interrupt(self, step: int) -> None:
        """At that step another worker runs in between, perhaps after this one has stalled for long."""

        def meanwhile() -> None:
            self.world.clock.sleep(self.random.choice([0, 0, 20, 200, 700]))
            self.world.host_once(self.random.choice(self.world.flows))

        self.world.steps.at[step] = meanwhile

    def repeat(self) -> None:
        """The same message once more, and an old one late."""
        for flow in self.world.flows:
            bodies = self.world.queues.bodies(flow)
            if bodies:
                self.world.queues.send(flow, self.random.choice(bodies), delay_s=self.random.choice([0, 60, 900]))

    def wait(self) -> None:
        self.world.clock.sleep(self.random.choice([5, 60, 400, 800]))


def end_in_step(seeds: range, flows: tuple[str, ...]) -> None:
    """Play each of these histories."""
    for seed in seeds:
        try:
            history = History(seed, flows)
            history.play(60)
            check(history.world)
        except Exception as broken:
            broken.add_note(f"in history {seed}")
            raise


@histories(10, 500)
def test_any_history_ends_in_step(seeds: range) -> None:
    end_in_step(seeds, FAMILY)


@histories(12, 300)
def test_any_history_of_a_walked_source_and_a_target_in_bulk_and_parts_ends_in_step(seeds: range) -> None:
    end_in_step(seeds, PRODUCTS)


@histories(10, 200)
def test_any_history_of_routes_moving_keys_and_documents_ends_in_step(seeds: range) -> None:
    end_in_step(seeds, TRADE)
