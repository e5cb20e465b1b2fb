"""Plays a script to its end: the acts, then rest, then judgement."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from shared.errors import NotSent, OperatorNeeded, StorageTrouble, System, SystemTrouble
from shared.operations.deeds import Deeds, Refused
from shared.operations.failing import Failing
from shared.operations.forgetting import forget
from shared.operations.linking import Linking
from shared.operations.steering import Steering
from shared.operations.syncing import Syncing
from shared.state.control import FlowControl
from shared.state.queues import Message
from shared.state.links import LinkState
from shared.sync.hints import HintUnreadable
from shared.sync.parts import poison_queue
from tests.simulation.books import books_of, facts_of
from tests.simulation.company import Company, Pool
from tests.simulation.deployment import Deployment, deploy
from tests.simulation.finops import COMPANIES
from tests.simulation.oracle import Facts, Oracle
from tests.simulation.script import FLOWS, Act, Script
from tests.simulation.settings import MAPS, RENAMED_URL, VARIANTS
from tests.simulation.stage import Stage
from tests.simulation.threads import CALM, Endless, Plan, Worker

LEASE_S = 600.0
_MOST_DELIVERIES = 5
_FIRST_URL = "https://contoso.crm.dynamics.com"
# A quiet system comes to rest within so many rounds, however long the waits between them are.
_MOST_ROUNDS = 150
_QUIET_S = 2 * 3600.0
_TRIED_AGAIN_S = 26 * 3600.0
_MOST_DELIVERED = 200


class Restless(AssertionError):
    """The system has not come to rest."""


@dataclass(slots=True)
class Played:
    """What has become of a history."""

    script: Script
    steps: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class History:
    """One history on a stage."""

    def __init__(self, stage: Stage, script: Script, pools: dict[str, Pool], maps: str = MAPS) -> None:
        stage.empty()
        self.stage = stage
        self.script = script
        self.maps = maps
        self.played = Played(script)
        self.dice = random.Random(script.seed)
        self.company = Company(stage, pools)
        self.company.found()
        self.company.begin(self.dice)
        self.variant = next(iter(VARIANTS))
        self.former_variant = self.variant
        self.url, self.legal_entity = _FIRST_URL, COMPANIES[0]
        self.wrong_by_s = 0.0
        self._deliveries: Counter[str] = Counter()
        self._processes = 0
        self._kept_checkpoint: dict[str, object] = {}
        stage.on_step = self._note_step
        stage.weather.met = self._note_fault
        self.process = self._start()
        self.former_process: Deployment | None = None
        for flow in FLOWS:
            self.process.parts.state.control.save_flow(FlowControl(flow, paused=False))

    def play(self) -> Played:
        """Play every act; then let the system come to rest."""
        for act in self.script.acts:
            self.played.counts[f"act {act.kind} {act.what}".strip()] += 1
            self._deeds[act.kind](self, act, random.Random(act.seed))
        self.come_to_rest()
        self.played.problems = [str(problem) for problem in Oracle(self._facts(), books_of(self.process)).problems()]
        self.played.problems += [f"I2 two records have written one row: {of}" for of in self.stage.finops.doubled]
        return self.played

    # Processes and their workers.

    def _start(self) -> Deployment:
        self._processes += 1
        key = (self.variant, self.url, self.legal_entity, self.maps)
        return deploy(self.stage, key, f"i{self._processes}", wrong_by_s=self.wrong_by_s)

    def _note_step(self, worker: Worker, name: str) -> None:
        self.played.steps += 1

    def _note_fault(self, fault: str) -> None:
        self.played.counts[f"fault {fault}"] += 1

    def _worker(self, name: str, work: Callable[[], None], act: Act | None, dice: random.Random) -> Worker:
        plan = CALM if act is None or not act.troubled else self._plan(dice)
        return Worker(name, work, random.Random(dice.getrandbits(32)), plan)

    @staticmethod
    def _plan(dice: random.Random) -> Plan:
        dies_at = dice.randint(1, 60) if dice.random() < 0.4 else None
        stalls = {dice.randint(1, 40): dice.choice([20.0, 200.0, 400.0, 700.0, 1500.0])} if dice.random() < 0.4 else {}
        return Plan(dies_at, stalls, gives_way=0.3)

    def _run(self, workers: list[Worker], dice: random.Random) -> None:
        self.stage.threads.run(workers, dice)
        for worker in workers:
            self._look_at(worker)

    def _look_at(self, worker: Worker) -> None:
        """What a worker raised: trouble of the storage is the host's matter, anything else is a fault of ours."""
        if worker.died:
            self.played.counts[f"died {worker.last_step}"] += 1
        error = worker.error
        if isinstance(error, Endless):
            raise error
        if error is not None and not self._is_allowed(error):
            raise AssertionError(f"{worker.name} raised {type(error).__name__}: {error}") from error

    @staticmethod
    def _is_allowed(error: BaseException) -> bool:
        return isinstance(error, StorageTrouble) or isinstance(error, HintUnreadable | OperatorNeeded)

    def _process(self, dice: random.Random) -> Deployment:
        """Mostly the newest process; the former one lives on for a while."""
        if self.former_process is not None and dice.random() < 0.2:
            return self.former_process
        return self.process

    # The end.

    def come_to_rest(self) -> None:
        """No more trouble, and as much time as it takes. Operators look after what waits for them. Raises Restless."""
        self.stage.weather.calm_down()
        self.wrong_by_s = 0.0
        self._replace_process(overlap=False)
        self.stage.threads.finish(self.dice)
        horizon, seen, tried = self.stage.threads.seconds + _TRIED_AGAIN_S, -1, 0.0
        for _ in range(_MOST_ROUNDS):
            self._round()
            wait_s = self.stage.queues.next_visible_in()
            version = self.stage.tables["links"].version
            if wait_s is not None:
                self.stage.threads.advance(wait_s or 30.0, self.dice)
            elif self._is_under_way() or version != seen:
                self.stage.threads.advance(60.0, self.dice)
            elif tried < horizon and (due := self._last_try(horizon)) is not None:
                tried = due
                self.stage.threads.advance(max(due - self.stage.threads.seconds, 1.0), self.dice)
            else:
                self._stay_at_rest()
                return
            seen = version
        raise Restless(f"there is no rest after {_MOST_ROUNDS} rounds: {self._why_restless()}")

    def _round(self) -> None:
        """One tick of everything."""
        self._steer()
        for flow in FLOWS:
            self._run([self._timer("pull", flow, None, self.dice)], self.dice)
        self._deliver_all()
        self._run([self._timer("sweep", "", None, self.dice)], self.dice)
        self._deliver_all()

    def _deliver_all(self) -> None:
        for _ in range(_MOST_DELIVERED):
            workers = [self._invocation(flow, None, self.dice) or self._poison(flow, None, self.dice) for flow in FLOWS]
            found = [worker for worker in workers if worker is not None]
            if not found:
                return
            for worker in found:
                self._run([worker], self.dice)
        raise Restless(f"messages without end: {self._why_restless()}")

    def _steer(self) -> None:
        parts = self.process.parts
        steering = Steering(parts, Deeds(parts, "operator@contoso"))
        for flow in FLOWS:
            control = parts.state.control.flow(flow)
            if control.paused:
                steering.resume(flow)
            if control.blocked:
                steering.accept(flow, control.blocked)

    def _is_under_way(self) -> bool:
        state = self.process.parts.state
        links = (link for flow in FLOWS for link in state.links.walk(flow))
        return (
            any((link.dirty and link.state is LinkState.WRITTEN) or link.claim_id for link in links)
            or any(state.control.gate(system).closed for system in System)
            or any(state.control.flow(flow).blocked for flow in FLOWS)
        )

    def _last_try(self, horizon: float) -> float | None:
        """When the last of the listed failures is tried again."""
        state, now = self.process.parts.state, self.stage.threads.now()
        failures = [failure for flow in FLOWS for failure in state.failures.page(flow, "", 1000)[0]]
        times = [(of.next_try - now).total_seconds() for of in failures if of.next_try is not None]
        due = [self.stage.threads.seconds + seconds for seconds in times]
        return max((at for at in due if at <= horizon), default=None)

    def _stay_at_rest(self) -> None:
        """Two more hours in which nobody does anything. Raises Restless where something is written."""
        writes = self.stage.sales.writes, self.stage.finops.writes
        for _ in range(2):
            self.stage.threads.advance(_QUIET_S / 2, self.dice)
            self._round()
        now = self.stage.sales.writes, self.stage.finops.writes
        if now != writes:
            raise Restless(f"a quiet system goes on writing: {now[0] - writes[0]} to Sales, {now[1] - writes[1]} to F&O")

    def _why_restless(self) -> str:
        books = books_of(self.process)
        doubts = [f"{record}: {entry.open_doubt}" for record, entry in books.entries.items() if entry.open_doubt]
        return f"messages {books.messages}, doubts {doubts}"

    # What the host does.

    def _invocation(self, flow: str, act: Act | None, dice: random.Random) -> Worker | None:
        """A queue function takes a message."""
        message = self.stage.queues.take(flow, LEASE_S, dice)
        if message is None:
            return None
        process = self._process(dice) if act is not None else self.process

        def work() -> None:
            try:
                process.service.apply(flow, message.body.encode("utf-8", "surrogatepass"))
            except Exception:
                self._failed(flow, message)
                raise
            self.stage.queues.settle(flow, message)

        return self._worker(f"apply {flow}", work, act, dice)

    def _failed(self, queue: str, message: Message) -> None:
        """A function that has raised: the host shows the message again, in the end in the poison queue."""
        self._deliveries[message.id] += 1
        if self._deliveries[message.id] >= _MOST_DELIVERIES:
            self.stage.queues.settle(queue, message)
            self.stage.queues.put(poison_queue(queue), message.body)
        else:
            self.stage.queues.show(queue, message, 0.0)

    def _poison(self, flow: str, act: Act | None, dice: random.Random) -> Worker | None:
        queue = poison_queue(flow)
        message = self.stage.queues.take(queue, LEASE_S, dice)
        if message is None:
            return None

        def work() -> None:
            self.process.service.poison(flow, message.body.encode("utf-8", "surrogatepass"))
            self.stage.queues.settle(queue, message)

        return self._worker(f"poison {flow}", work, act, dice)

    def _timer(self, name: str, flow: str, act: Act | None, dice: random.Random) -> Worker:
        process = self._process(dice) if act is not None else self.process
        service = process.service
        works: dict[str, Callable[[], None]] = {
            "pull": lambda: service.pull(flow),
            "sweep": service.sweep,
            "cleanup": service.cleanup,
            "reconcile": service.reconcile,
        }
        return self._worker(f"{name} {flow}".strip(), works[name], act, dice)

    # The acts.

    def _edit(self, act: Act, dice: random.Random) -> None:
        self.company.edit(dice)

    def _pull(self, act: Act, dice: random.Random) -> None:
        self._run([self._timer("pull", act.flow, act, dice)], dice)

    def _sweep(self, act: Act, dice: random.Random) -> None:
        self._run([self._timer("sweep", "", act, dice)], dice)

    def _deliver(self, act: Act, dice: random.Random) -> None:
        flows = [act.flow, *dice.sample(FLOWS, k=len(FLOWS))]
        for flow in flows:
            worker = self._invocation(flow, act, dice) or self._poison(flow, act, dice)
            if worker is not None:
                self._run([worker], dice)
                return

    def _drain(self, act: Act, dice: random.Random) -> None:
        for flow in FLOWS:
            for _ in range(6):
                worker = self._invocation(flow, act, dice)
                if worker is None:
                    break
                self._run([worker], dice)

    def _crowd(self, act: Act, dice: random.Random) -> None:
        """Several workers at once, step by step."""
        workers: list[Worker] = []
        plan = self._plan if act.troubled else lambda _dice: Plan(gives_way=0.5)
        for _ in range(dice.randint(2, 4)):
            flow = dice.choice(FLOWS)
            fate = dice.random()
            if fate < 0.2:
                worker: Worker | None = self._timer("pull", flow, act, dice)
            elif fate < 0.3:
                worker = self._timer("sweep", "", act, dice)
            else:
                worker = self._invocation(flow, act, dice)
            if worker is not None:
                worker.plan = plan(dice)
                workers.append(worker)
        self._run(workers, dice)

    def _wait(self, act: Act, dice: random.Random) -> None:
        self.stage.threads.advance(dice.choice([5, 20, 60, 60, 310, 700, 3700]), dice)

    def _repeat(self, act: Act, dice: random.Random) -> None:
        """A message comes twice, the second time perhaps late."""
        lying = self.stage.queues.lying().get(act.flow)
        if lying:
            self.stage.queues.put(act.flow, dice.choice(lying), delay_s=dice.choice([0, 60, 900, 7000]))

    def _garbage(self, act: Act, dice: random.Random) -> None:
        body = dice.choice(["", "{}", "no message", '{"format":1,"flow":"x","run":"y","epoch":null,"hints":[]}', "[1]"])
        self.stage.queues.put(act.flow, body)

    def _weather(self, act: Act, dice: random.Random) -> None:
        chance = dice.choice([0.1, 0.3, 1.0])
        weather = self.stage.weather
        if act.what == "storage":
            weather.storage = min(chance, 0.3) / 3
        else:
            system = System(act.what)
            weather.writes[system] = chance
            weather.reads[system] = dice.choice([0.0, chance / 3])

    def _calm(self, act: Act, dice: random.Random) -> None:
        self.stage.weather.calm_down()

    def _others(self, act: Act, dice: random.Random) -> None:
        self.company.of_others(dice)

    def _price_lists(self, act: Act, dice: random.Random) -> None:
        self.company.edit_price_lists(dice)

    def _deploy(self, act: Act, dice: random.Random) -> None:
        self.former_variant, self.variant = self.variant, act.what
        self._replace_process(overlap=dice.random() < 0.3)

    def _take_back(self, act: Act, dice: random.Random) -> None:
        self.former_variant, self.variant = self.variant, self.former_variant
        self._replace_process(overlap=dice.random() < 0.3)

    def _replace_process(self, *, overlap: bool) -> None:
        self.former_process = self.process if overlap else None
        self.process = self._start()

    def _checkpoint(self, act: Act, dice: random.Random) -> None:
        table = self.stage.tables["checkpoints"]
        match act.what:
            case "keep":
                self._kept_checkpoint[act.flow] = table.copy_of(act.flow, "pull")
            case "put back" if act.flow in self._kept_checkpoint:
                table.put_back(act.flow, "pull", self._kept_checkpoint[act.flow])
            case "lose":
                table.put_back(act.flow, "pull", None)
            case "tokens refused":
                for of in self.stage.sales.tables.values():
                    of.forgotten = self.stage.sales.version

    def _environment(self, act: Act, dice: random.Random) -> None:
        sales = self.stage.sales
        match act.what:
            case "renamed":
                self.url = RENAMED_URL if self.url == _FIRST_URL else _FIRST_URL
                sales.move_to(self.url)
            case "copied":
                sales.organization = f"0a000000-0000-4000-8000-{dice.randint(2, 9):012x}"
            case _:
                self.legal_entity = next(name for name in COMPANIES if name != self.legal_entity)
        self._replace_process(overlap=False)

    def _clock(self, act: Act, dice: random.Random) -> None:
        self.wrong_by_s = dice.choice([-7200.0, -600.0, 600.0, 7200.0, 20000.0])
        self._replace_process(overlap=False)

    def _housekeeping(self, act: Act, dice: random.Random) -> None:
        self._run([self._timer(act.what, "", act, dice)], dice)

    def _operator(self, act: Act, dice: random.Random) -> None:
        """An operator at work. What is refused is refused."""
        worker = self._worker(f"operator {act.what}", lambda: self._operate(act, dice), None, dice)
        self.stage.threads.run([worker], dice)
        if worker.error is not None and not isinstance(worker.error, Refused) and not _is_trouble(worker.error):
            raise AssertionError(f"operator {act.what} raised {worker.error!r}") from worker.error

    def _operate(self, act: Act, dice: random.Random) -> None:
        parts = self.process.parts
        deeds = Deeds(parts, "operator@contoso")
        flow = act.flow
        steering = Steering(parts, deeds)
        match act.what:
            case "pause":
                steering.pause(flow)
            case "resume":
                steering.resume(flow)
            case "accept":
                steering.accept(flow, parts.state.control.flow(flow).blocked)
            case "unblock":
                steering.unblock(flow, parts.state.control.flow(flow).blocked)
            case "sync some":
                Syncing(parts, deeds).some(flow, dice.sample(ids, k=1) if (ids := self._known(flow)) else ["?"])
            case "sync all":
                Syncing(parts, deeds).everything(flow)
            case "retry":
                failing = Failing(parts)
                failing.retry(flow, list(failing.walk(flow)), deeds)
            case "dismiss":
                failing = Failing(parts)
                failing.dismiss(flow, list(failing.walk(flow))[:1], "known", deeds)
            case _ if ids := self._known(flow):
                self._mend(act.what, dice.choice(ids), Linking(parts, parts.flows[flow], deeds), deeds)

    def _mend(self, what: str, id: str, linking: Linking, deeds: Deeds) -> None:
        if what == "forget":
            forget(linking.parts, linking.flow, id, deeds)
        elif what == "unlink":
            linking.unlink(id)
            # The row is nobody's now, as the operator wants it.
            self.company.disown((linking.flow.name, id))
            Syncing(linking.parts, deeds).some(linking.flow.name, [id])
        else:
            linking.link(id)

    def _known(self, flow: str) -> list[str]:
        return sorted(link.id for link in self.process.parts.state.links.walk(flow))

    def _facts(self) -> Facts:
        return facts_of(self.stage, self.process)

    _deeds: ClassVar[dict[str, Callable[["History", Act, random.Random], None]]] = {
        "edit": _edit,
        "pull": _pull,
        "sweep": _sweep,
        "deliver": _deliver,
        "drain": _drain,
        "crowd": _crowd,
        "wait": _wait,
        "repeat": _repeat,
        "garbage": _garbage,
        "weather": _weather,
        "calm": _calm,
        "others": _others,
        "price lists": _price_lists,
        "deploy": _deploy,
        "take back": _take_back,
        "checkpoint": _checkpoint,
        "environment": _environment,
        "operator": _operator,
        "clock": _clock,
        "housekeeping": _housekeeping,
    }


def _is_trouble(error: BaseException) -> bool:
    return isinstance(error, SystemTrouble | StorageTrouble | NotSent)
