"""Acts of several steps that belong together: troubles that chance would seldom put in this order."""

import random
from collections.abc import Callable

from shared.systems import System
from tests.simulation.company import Company
from tests.simulation.host import Host, beginner_of
from tests.simulation.script import Act
from tests.simulation.stage import Stage
from tests.simulation.targets import CUSTOMERS
from tests.simulation.threads import CALM, Plan

# Longer than a claim holds others off, and shorter than a late worker stands still.
_OVERTAKEN_S, _LATE_S = 1000.0, 1500.0
# So long an account waits at most for the number of one that is gone.
_HEIR_S = 200.0
# So long a host is away that its copies of poison messages would vanish soon.
_AWAY_S = 5.5 * 86400.0
_NEXT_SWEEP_S = 60.0
_WRITES_S = 30.0
_MUTE_ROUNDS, _MUTE_S = 8, 800.0
# The step at which a walk asks its source for what it has not met: one at its end, if it comes to it.
_LOOK = "existing"


class Scenes:
    """The scenes of one history."""

    def __init__(self, stage: Stage, company: Company, host: Host) -> None:
        self._stage = stage
        self._company = company
        self._host = host

    def crash_loop(self, act: Act, dice: random.Random) -> None:
        """A message whose workers die, until it is poison; and perhaps the storage fails as that is looked at."""
        flow = self._busy_flow(act.flow)
        self._host.crash_loop(flow, dice)
        plan = beginner_of(dice) if act.troubled else CALM
        if act.troubled:
            self._stage.weather.storage = dice.choice([0.0, 0.3])
        if dice.random() < 0.7 and (worker := self._host.poison(flow, dice, plan)) is not None:
            self._host.run([worker], dice)
        self._stage.weather.storage = 0.0

    def late_worker(self, act: Act, dice: random.Random) -> None:
        """A worker stands still as it writes, or as it commits, until its claim has ended; people go on, and another
        worker takes its records meanwhile."""
        flow = self._busy_flow(act.flow)
        if flow not in self._stage.queues.lying():
            self._company.edit_of(flow, dice)
            self.sync(flow, dice, delivers=False)
        stands_in = dice.choice(["write", "write", "links.transact", "find"])
        worker = self._host.invocation(flow, dice, Plan(stands_in=stands_in, stands_s=_LATE_S))
        if worker is None:
            return
        self._host.run([worker], dice)
        for _ in range(dice.randint(1, 3)):
            self._company.edit_of(flow, dice)
        self._stage.threads.advance(_OVERTAKEN_S, dice)
        self.sync(flow, dice)
        self._stage.threads.advance(_LATE_S - _OVERTAKEN_S, dice)

    def late_for_an_heir(self, dice: random.Random) -> None:
        """A worker stands still as it writes a customer. Meanwhile its account is deleted, and another one takes the
        customer over."""
        self.sync("accounts", dice)
        bequeath = self._company.call_one(dice)
        if bequeath is None:
            return
        self._host.run([self._host.timer("pull", "accounts", dice)], dice)
        worker = self._host.invocation("accounts", dice, Plan(stands_in=" write ", stands_s=_LATE_S))
        if worker is None:
            return
        self._host.run([worker], dice)
        bequeath()
        self._stage.threads.advance(_OVERTAKEN_S, dice)
        for pause_s in (_HEIR_S, _LATE_S - _OVERTAKEN_S - _HEIR_S):
            self.sync("accounts", dice)
            self._stage.threads.advance(pause_s, dice)

    def second_thoughts(self, act: Act, dice: random.Random) -> None:
        """Somebody changes a record and changes it back, and each time it is synced at once; perhaps the first write
        gets no answer."""
        self.sync(act.flow, dice)
        back = self._company.think_again(act.flow, dice)
        if back is None:
            if act.flow in self._company.deeds:
                # What is changed of a document is seldom changed back.
                self.unanswered_edits(act, dice)
            return
        if dice.random() < 0.7:
            self.sync_in_trouble(act.flow, dice)
        else:
            self.sync(act.flow, dice)
        back()
        self.sync(act.flow, dice)

    def unanswered_edits(self, act: Act, dice: random.Random) -> None:
        """People edit, and what is written of it has no answer yet."""
        self._company.edit_of(act.flow, dice)
        self._company.edit_of(act.flow, dice)
        self.sync_in_trouble(act.flow, dice)

    def no_answer(self, company: str, dice: random.Random) -> None:
        """For an hour and more no write of one customer gets an answer, and those of the others do."""
        customers = self._stage.finops.rows_of(company, CUSTOMERS)
        if not customers:
            return
        self._stage.weather.mute = dice.choice(sorted(customers))
        for number in range(_MUTE_ROUNDS):
            self._company.call_all("accounts", str(number))
            for _ in range(2):
                self.sync("accounts", dice)
                self._stage.threads.advance(_MUTE_S / 2, dice)
        self._stage.weather.mute = ""

    def doubtful_walk(self, flow: str, dice: random.Random) -> None:
        """A flow looks for what is gone, and its source does not always answer, least of all as it is asked for that;
        or the worker dies as it asks."""
        weather = self._stage.weather
        former, weather.reads = weather.reads, dict.fromkeys(System, 0.25)
        weather.doubted = _LOOK
        self._host.run([self._host.timer("pull", flow, dice, Plan(gives_way=0.1))], dice)
        weather.reads, weather.doubted = former, ""
        self._host.run([self._host.timer("pull", flow, dice, Plan(dies_in=_LOOK))], dice)

    def absence(self, act: Act, dice: random.Random) -> None:
        """No function of a queue runs for days; then the sweep is the first one. One that meets trouble is followed by
        the next a minute later: only a host that stays away for a week loses messages."""
        if dice.random() < 0.7:
            self._host.crash_loop(self._busy_flow(act.flow), dice)
        self._stage.threads.advance(_AWAY_S, dice)
        plan = Plan(dies_in=dice.choice(["poison", "send", "-poison done", "delete"])) if act.troubled else CALM
        self._host.run([self._host.timer("sweep", "", dice, plan)], dice)
        weather = self._stage.weather
        if act.troubled or weather.storage:
            self._stage.threads.advance(_NEXT_SWEEP_S, dice)
            former, weather.storage = weather.storage, 0.0
            self._host.run([self._host.timer("sweep", "", dice)], dice)
            weather.storage = former

    def dead_probe(self, work: Callable[[], None], dice: random.Random) -> None:
        """A system is in trouble during this work, and the worker dies that asks whether that is over."""
        system, weather = dice.choice(list(System)), self._stage.weather
        weather.reads[system] = weather.writes[system] = 1.0
        work()
        weather.calm_down()
        self._stage.threads.advance(dice.choice([310.0, 910.0]), dice)
        self._host.run([self._host.timer("sweep", "", dice, Plan(dies_in="probe"))], dice)

    def _busy_flow(self, flow: str) -> str:
        """A flow in whose queue something lies: the named one, if that is so."""
        lying = self._stage.queues.lying()
        return next((name for name in (flow, *self._host.process.flows) if name in lying), flow)

    def sync(self, flow: str, dice: random.Random, *, delivers: bool = True) -> None:
        """A flow does its work, as it does when nothing is wrong."""
        self._host.run([self._host.timer("pull", flow, dice)], dice)
        for _ in range(6 if delivers else 0):
            if (worker := self._host.invocation(flow, dice)) is None:
                break
            self._host.run([worker], dice)

    def sync_beside(self, flow: str, deed: Callable[[], None], dice: random.Random) -> None:
        """A flow does its work, and somebody does something between what a worker reads of a target and its write."""
        self._host.run([self._host.timer("pull", flow, dice)], dice)
        worker = self._host.invocation(flow, dice, Plan(stands_in=" write ", stands_s=_WRITES_S))
        if worker is not None:
            self._host.run([worker], dice)
            deed()
            self._stage.threads.advance(_WRITES_S, dice)

    def sync_in_trouble(self, flow: str, dice: random.Random) -> None:
        """A flow does its work, and most of its writes get no good answer."""
        weather = self._stage.weather
        former, weather.writes = weather.writes, dict.fromkeys(System, 0.8)
        self.sync(flow, dice)
        weather.writes = former
