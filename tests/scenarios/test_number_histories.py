"""Random histories of numbers: swapped, reused and changed before and after the first write, rows of other people under
them, late writes, definite refusals, operators at work, checkpoints that go back. Each ends with every key owned.

A seed that once failed is kept in the list of seeds.
"""

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import OutcomeUnknown, RecordRejected, SyncError, Transient
from shared.operations.audit_log import Refused
from shared.records import Json, Write
from shared.state.control import FlowControl
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Row
from shared.systems import System
from tests.scenarios.test_random_histories import History
from tests.support.doubles import FakeTarget
from tests.support.invariants import check_at_rest
from tests.support.steps import Crash
from tests.support.world import FAMILY, PRODUCTS, TRADE, restore

# A walked source is walked each minute of its day: fewer of these.
# How many histories are played at each change, and how many in all at night.
SEEDS = [(FAMILY, 5, 50), (PRODUCTS, 1, 20), (TRADE, 5, 50)]
LENGTH = 50
NUMBERS = ("K1", "K2", "K3", "k3")
PEOPLES_NUMBERS = ("M1", "M2", "m2")


class NumberHistory(History):
    """One random history about numbers. What was done is noted, so that a failure can be told as a short story."""

    def __init__(self, seed: int, flows: tuple[str, ...]) -> None:
        super().__init__(seed, flows)
        self.world.adopt = self.random.random() < 0.3
        # In half of the histories nobody does what only an operator can mend, and no operator helps at the end.
        self.alone = self.random.random() < 0.5
        for target in self.targets:
            target.fault = self.fault
        self.operators = [] if self.alone else ["unlink", "dismiss"]
        self.told: list[str] = []
        self.kept: dict[tuple[str, str], Row] | None = None
        self.edits = {
            FAMILY: [self.renumber, self.renumber, self.edit_child],
            PRODUCTS: [self.renumber_product, self.renumber_product],
            TRADE: [self.renumber, self.edit_person, self.renumber_person, self.edit_document, self.edit_line],
        }[flows]

    def play(self, length: int) -> None:
        """Do `length` random things, then let everything come to rest without faults."""
        for _ in range(length):
            acts = [*self.edits, *[self.round] * 4, self.tick, self.tick, self.repeat, self.wait, self.wait]
            acts += [self.meddle, self.operate]
            deed = self.go_back if self.random.random() < 0.05 else self.random.choice(acts)
            self.told.append(f"{self.world.clock.seconds:.0f} {deed.__name__}")
            with contextlib.suppress(Crash, SyncError, Refused):
                deed()
        self.end()

    def end(self) -> None:
        """No more faults, and nobody who meddles: a day in which every failure is tried again."""
        self.faulty = False
        self.world.steps.at.clear()
        for target in self.targets:
            target.trouble = None
        for flow in self.world.flows:
            self.world.state.control.change_flow(flow, lambda now: now.unblock())
        self.settle_all()

    def settle_all(self) -> None:
        """Let everything come to rest; what was unlinked, or dismissed, is looked at again."""
        for flow in self.world.flows:
            self.world.state.control.change_flow(flow, _running)
        self.world.settle(hours=2)
        for flow in self.world.flows if not self.alone else ():
            self.repair(flow)
            self.retry_everything(flow)
        self.world.settle(hours=26)

    def repair(self, flow: str) -> None:
        """An operator compares both systems: nobody else sees that a row was deleted by hand."""
        service = self.world.service()
        reconciling = service.reconciling(flow)
        reconciling.repair(list(reconciling.drifted()), service.audit_log("operator"), service.sender)

    def retry_everything(self, flow: str) -> None:
        """An operator has every record looked at that is new to the sync, and every failure."""
        service = self.world.service()
        failures, _ = self.world.state.failures.page(flow, "", 1000)
        new = {link.id for link in self.world.state.links.walk(flow) if link.state is LinkState.NEW}
        service.sender.send(flow, sorted(new | {failure.id for failure in failures}))

    def fault(self, write: Write) -> SyncError | None:
        if not self.faulty or self.random.random() > 0.25:
            return None
        lands, late = self.random.random() < 0.5, self.random.choice([None, None, 20.0, 280.0])
        for target in self.targets:
            target.lands, target.late = lands, late
        system = System.DATAVERSE if self.world.flows == PRODUCTS else System.FINOPS
        kind = self.random.random()
        if kind < 0.4:
            return OutcomeUnknown(system, "connection lost")
        if kind < 0.8:
            return RecordRejected("finops.validateField.Group", "no group", remedy="")
        return Transient(system, "throttled", retry_after_s=self.random.choice([0.0, 3.0]))

    def tell(self, text: str) -> None:
        self.told[-1] += f": {text}"

    def renumber(self) -> None:
        self._renumber(self.world.source, "p")

    def renumber_product(self) -> None:
        self._renumber(self.world.stock, "i")

    def renumber_person(self) -> None:
        self._renumber(self.world.people, "m")

    def _renumber(self, source: Any, letter: str) -> None:
        id = f"{letter}{self.random.randint(1, 4)}"
        if id in source.rows and self.random.random() < 0.25:
            source.remove(id)
            self.tell(f"{id} deleted")
            return
        changes: dict[str, Json] = {}
        if id not in source.rows or self.random.random() < 0.4:
            # Parents and people share one collection of the target, whose rows the doubles keep apart.
            pool = PEOPLES_NUMBERS if letter == "m" else NUMBERS
            changes["number"] = self.random.choice(pool)
        if id not in source.rows or self.random.random() < 0.5:
            changes["name"] = self.random.choice(["a", "b"])
        if self.random.random() < 0.3:
            changes["state"] = self.random.choice(["inactive", "foreign", None, None])
        if self.random.random() < 0.1:
            changes["bad"] = self.random.choice(["x", None, None])
        if letter == "m" and (id not in source.rows or self.random.random() < 0.3):
            changes["customer"] = self.random.random() < 0.4
            changes["parent"] = self.random.choice(["p1", "p2", "p3"])
        source.save(id, **changes)
        self.tell(f"{id} {changes}")

    def round(self) -> None:
        """Every timer and the host, perhaps with a crash or another worker in between."""
        world = self.world
        if self.random.random() < 0.3:
            upset = self.random.choice([world.steps.crash_at, self.interrupt])
            upset(world.steps.count + self.random.randint(1, 60))
        for flow in world.flows:
            world.pull(flow)
        world.drain()

    def meddle(self) -> None:
        """Somebody else enters, edits or deletes a row in the target."""
        target = self.random.choice(self.targets)
        key = self.random.choice([*NUMBERS, *PEOPLES_NUMBERS, *target.rows])
        if self.random.random() < 0.5 and not (self.alone and self.is_ours(key)):
            target.take_by_hand(key)
            getattr(target, "lines", {}).pop(key.casefold(), None)
            self.tell(f"{key} deleted by hand")
        elif key.casefold() not in target.rows:
            target.put_by_hand(key, name=self.random.choice(["a", "b", "theirs"]), group="10")
            self.tell(f"{key} made by hand")

    def is_ours(self, key: str) -> bool:
        """Whether a record has, or may have, the row under a key."""
        return any(row == key.casefold() for _, row in self.world.keys_table.content())

    def operate(self) -> None:
        """An operator does something to a record."""
        flow = self.random.choice(self.world.flows)
        service = self.world.service()
        audit_log = service.audit_log("operator")
        links = list(self.world.state.links.walk(flow))
        failures, _ = self.world.state.failures.page(flow, "", 1000)
        ids = [link.id for link in links] + list(self.world.sources[flow].rows)
        what = self.random.choice(["link", "retry", "forget", "pause", "resume", "sync", *self.operators])
        id = self.random.choice(ids) if ids else ""
        self.tell(f"{what} {flow} {id}")
        if what in ("pause", "resume"):
            self.world.state.control.change_flow(flow, lambda now: _running(now, paused=what == "pause"))
        elif not id:
            return
        elif what == "unlink":
            link = service.linking(flow, audit_log).unlink(id)
            self.left_to_others(flow, link)
        elif what == "link":
            service.linking(flow, audit_log).link(id)
        elif what == "forget":
            link = service.state.links.load(flow, [id])[id]
            service.forget(flow, id, audit_log)
            self.left_to_others(flow, link)
            assert id not in {row.cells["record_id"] for row in self.world.keys_table.content().values()}
        elif what == "sync":
            service.syncing(audit_log).some(flow, [id])
        elif failures:
            chosen = [self.random.choice(failures)]
            if what == "retry":
                service.failing().retry(flow, chosen, audit_log)
            else:
                service.failing().dismiss(flow, chosen, "known", audit_log)

    def left_to_others(self, flow: str, link: Link) -> None:
        """The rows of a record are nobody's by an operator's will."""
        for route, key in link.owned:
            target = self.world.service().flows[flow].route(route).target
            assert isinstance(target, FakeTarget)
            target.made.discard(key)

    def go_back(self) -> None:
        """The checkpoints are as they were: a backup was restored."""
        table = self.world.checkpoints_table
        if self.kept is None or self.random.random() < 0.6:
            self.kept = dict(table.content())
            self.tell("kept")
        else:
            restore(table, self.kept)
            self.tell("restored")


def _running(control: FlowControl, *, paused: bool = False) -> FlowControl:
    return replace(control, paused=paused)


@pytest.mark.parametrize(
    ("flows", "seed"),
    [
        pytest.param(flows, seed, marks=() if seed < count else pytest.mark.nightly)
        for flows, count, at_night in SEEDS
        for seed in range(at_night)
    ],
    ids=str,
)
def test_any_history_of_numbers_ends_with_every_key_owned(flows: tuple[str, ...], seed: int) -> None:
    history = NumberHistory(seed, flows)
    history.play(LENGTH)
    check_at_rest(history.world)
