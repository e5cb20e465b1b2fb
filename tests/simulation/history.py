"""Plays a script to its end: the acts, then rest, then judgement."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar
from zlib import crc32

from shared.state.control import FlowControl
from shared.systems import System
from tests.simulation.books import books_of, facts_of
from tests.simulation.company import Company
from tests.simulation.contest import Contest
from tests.simulation.damage import spoil
from tests.simulation.deployment import Deployment, deploy, overwrites, unlinks
from tests.simulation.desk import Desk
from tests.simulation.extras import WITH_POLICIES, WITH_RESULTS
from tests.simulation.finops import COMPANIES
from tests.simulation.host import Host, beginner_of, plan_of
from tests.simulation.material import STANDARD, Material
from tests.simulation.operators import Operators
from tests.simulation.oracle import Oracle
from tests.simulation.rest import come_to_rest
from tests.simulation.results import shown_results
from tests.simulation.scenes import Scenes
from tests.simulation.script import Act, Script
from tests.simulation.selling import Selling
from tests.simulation.settings import (
    AS_SHIPPED,
    NO_TRADE,
    NOTHING_BACK,
    POLICIES,
    RENAMED_URL,
    STATUS_BACK,
    TIGHT,
    URL,
    VARIANTS,
    SettingsKey,
    with_results,
)
from tests.simulation.space import kind_of_step, outcomes_in
from tests.simulation.stage import Stage
from tests.simulation.takings import Takings
from tests.simulation.threads import CALM, Plan, Worker
from tests.simulation.watching import Watch

_NO_HINTS = '{"format":1,"flow":"x","run":"y","epoch":null,"hints":[]}'
_GARBAGE = ("", "{}", "no message", _NO_HINTS, "[1]")
_WAITS_S = (5, 20, 60, 60, 310, 700, 3700)
_WEEK_S, _PARTS_OF_WEEK = 7 * 86400.0, 4
_WRONG_BY_S = (-7200.0, -600.0, 600.0, 7200.0, 20000.0)


@dataclass(slots=True)
class Played:
    """What has become of a history: which steps its workers did how often, and in which order (a digest), what happened
    how often, and what is wrong."""

    script: Script
    digest: int = 0
    steps_of: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """How many steps there were."""
        return self.steps_of.total()

    def count_steps(self, taken: Sequence[tuple[str, str]]) -> None:
        """Count the steps, each of a worker: all of them together, since there are many."""
        self.digest = crc32("\n".join(map(" ".join, taken)).encode())
        self.steps_of.update(name for _, name in taken)
        for name, count in self.steps_of.items():
            self.counts[f"step {kind_of_step(name)}"] += count


class History:
    """One history on a stage, with the records and the map document that it begins with."""

    def __init__(self, stage: Stage, script: Script, material: Material = STANDARD) -> None:
        stage.empty()
        self.stage = stage
        self.played = Played(script)
        self._maps = with_results(material.maps) if WITH_RESULTS in script.extras else material.maps
        self._dice = random.Random(script.seed)
        self._company = Company(stage, material.pools(script.seed), material.tables)
        self._company.found()
        self._selling, self._desk = Selling(self._company), Desk(stage)
        self._company.quote_removed = self._selling.forget_quote
        self._company.deeds = {
            "orders": [self._selling.work],
            "ordersback": [self._desk.work],
            "invoices": [self._desk.work, self._selling.bill],
        }
        self._company.purges = {
            "orders": self._selling.purge,
            "ordersback": self._desk.purge,
            "invoices": self._desk.work,
        }
        self._company.begin(self._dice, in_order=script.trades)
        self._trade, self._was_off = STATUS_BACK if script.trades else NO_TRADE, False
        self._variant = self._former_variant = next(iter(VARIANTS))
        self._url, self._legal_entity = URL, COMPANIES[0]
        self._policies, self._unlinks = AS_SHIPPED, set[str]()
        if WITH_POLICIES in script.extras:
            self._policies = random.Random(f"policies of {script.seed}").choice(list(POLICIES))
        watch = self._watch = Watch(stage.threads, stage.tables["links"])
        stage.finops.watch = stage.sales.watch = watch if WITH_POLICIES in script.extras else None
        self._processes = 0
        self._steps: list[tuple[str, str]] = []
        self._kept_checkpoint: dict[str, object] = {}
        stage.threads.on_step = self._note_step
        stage.weather.met = self._note_fault
        self.host = Host(stage, self._start(), self.played.counts)
        self._scenes = Scenes(stage, self._company, self.host)
        self._takings = Takings(self._company)
        stage.queues.on_send = self._note_sent
        self.operators = Operators(self._company, self.played.counts, self._takings)
        self._company.is_tied = self._desk.is_tied = self.operators.is_tied
        self._contest = Contest(self._company, self._scenes, watch, self.operators.is_tied)
        for flow in script.flows:
            self.host.process.service.state.control.save_flow(FlowControl(flow, paused=False))
        if script.trades:
            self._begin_trade()

    def _begin_trade(self) -> None:
        """Orders are there from the beginning; mostly they are in F&O, too, since they are of interest there."""
        self._selling.begin(self._dice)
        if self._dice.random() < 0.8:
            self._tick(Act("tick", 0), self._dice)

    def play(self) -> Played:
        """Play every act, let the system come to rest, and judge it. Raises AssertionError where the engine does what
        it must not, at once."""
        for act in self.played.script.acts:
            self.played.counts[f"act {act.kind} {act.what}".strip()] += 1
            self.acts[act.kind](self, act, random.Random(act.seed))
        self.stage.weather.calm_down()
        if self._was_off:
            self._trade = STATUS_BACK
        self._replace_process(overlap=False)
        for _ in range(_PARTS_OF_WEEK if self._was_off else 0):
            # What was closed while nothing came back is found by the walk over everything, once a week. No host is away
            # for that long: poison messages would be lost.
            self.stage.threads.advance(_WEEK_S / _PARTS_OF_WEEK, self._dice)
            self._sweep(Act("sweep", 0), self._dice)
        come_to_rest(self.host, self.operators, self._dice)
        process = self.host.process
        self.played.counts.update(outcomes_in(process))
        mended, left_alone = self.operators.mended, self.operators.left_alone(process)
        selling = self._selling if self.played.script.trades else None
        entries = list(self.operators.entries.values())
        facts = facts_of(self.stage, process, mended, left_alone, selling, entries)
        facts.may_stay_deleted = frozenset(self._unlinks)
        books = books_of(process)
        problems = Oracle(facts, books).problems()
        if WITH_RESULTS in self.played.script.extras:
            problems += shown_results(facts, books)
        finops = self.stage.finops
        self.played.problems = [
            *map(str, problems),
            *map(str, finops.doubled),
            *finops.rewritten,
            *self._watch.problems(mended),
            *self._takings.problems(),
            *self.operators.wrong_entries(process),
        ]
        return self.played

    def _start(self, wrong_by_s: float = 0.0) -> Deployment:
        self._processes += 1
        key = SettingsKey(self._variant, self._url, self._legal_entity, self._maps, self._trade, self._policies)
        allows = VARIANTS[self._variant].get("ORDERS_ON_EXISTING") == "adopt"
        self._selling.may_be_taken_over = self._selling.may_be_taken_over or allows
        process = deploy(self.stage, key, f"i{self._processes}", wrong_by_s=wrong_by_s)
        self._unlinks |= process.flows_that(unlinks)
        self._watch.overwriting |= process.flows_that(overwrites)
        return process

    def _replace_process(self, *, overlap: bool, wrong_by_s: float = 0.0) -> None:
        self.host.replace_process(self._start(wrong_by_s), overlap=overlap)

    def _note_step(self, worker: Worker, name: str) -> None:
        self._steps.append((worker.name, name))

    def count_steps(self) -> None:
        """What workers have done is counted, once."""
        self.played.count_steps(self._steps)

    def _note_sent(self, queue: str, body: str) -> None:
        if self.host.process.key.variant == TIGHT and self.host.former is None:
            self._takings.note_sent(queue, body)

    def _note_fault(self, fault: str) -> None:
        step, _, what = fault.rpartition(": ")
        self.played.counts[f"{kind_of_step(step)}: {what}" if step else fault] += 1

    @staticmethod
    def _plan(act: Act, dice: random.Random) -> Plan:
        return plan_of(dice) if act.troubled else CALM

    def _edit(self, _act: Act, dice: random.Random) -> None:
        self._company.edit(dice)

    def _sell(self, _act: Act, dice: random.Random) -> None:
        self._selling.work(dice)

    def _work_at_desk(self, _act: Act, dice: random.Random) -> None:
        self._desk.work(dice)

    def _bill(self, _act: Act, dice: random.Random) -> None:
        self._selling.bill(dice)

    def _tick(self, act: Act, dice: random.Random) -> None:
        """Every flow looks for changes, and its messages are worked on."""
        for flow in self.host.process.flows:
            self.host.run([self.host.timer("pull", flow, dice, self._plan(act, dice))], dice)
        self._drain(act, dice)

    def _come_back(self, act: Act, dice: random.Random) -> None:
        """Orders and invoices come back from now on, or do not."""
        self._trade = act.what
        self._was_off = self._was_off or act.what == NOTHING_BACK
        self._replace_process(overlap=dice.random() < 0.3)

    def _pull(self, act: Act, dice: random.Random) -> None:
        self.host.run([self.host.timer("pull", act.flow, dice, self._plan(act, dice))], dice)

    def _sweep(self, act: Act, dice: random.Random) -> None:
        self.host.run([self.host.timer("sweep", "", dice, self._plan(act, dice))], dice)

    def _housekeeping(self, act: Act, dice: random.Random) -> None:
        plan = beginner_of(dice) if act.troubled else CALM
        self.host.run([self.host.timer(act.what, "", dice, plan)], dice)

    def _deliver(self, act: Act, dice: random.Random) -> None:
        """One message, if there is any."""
        flows = self.host.process.flows
        for flow in [act.flow, *dice.sample(flows, k=len(flows))]:
            plan = self._plan(act, dice)
            worker = self.host.invocation(flow, dice, plan) or self.host.poison(flow, dice, plan)
            if worker is not None:
                self.host.run([worker], dice)
                return

    def _drain(self, act: Act, dice: random.Random) -> None:
        """The messages of every flow, one after the other."""
        for flow in self.host.process.flows:
            for _ in range(6):
                worker = self.host.invocation(flow, dice, self._plan(act, dice))
                if worker is None:
                    break
                self.host.run([worker], dice)

    def _crowd(self, act: Act, dice: random.Random) -> None:
        """Several workers at once, step by step."""
        workers: list[Worker] = []
        for _ in range(dice.randint(2, 4)):
            flow, fate = dice.choice(self.host.process.flows), dice.random()
            plan = plan_of(dice) if act.troubled else Plan(gives_way=0.5)
            if fate < 0.2:
                workers.append(self.host.timer("pull", flow, dice, plan))
            elif fate < 0.3:
                workers.append(self.host.timer("sweep", "", dice, plan))
            elif (worker := self.host.invocation(flow, dice, plan)) is not None:
                workers.append(worker)
        self.host.run(workers, dice)

    def _crash_loop(self, act: Act, dice: random.Random) -> None:
        self._scenes.crash_loop(act, dice)

    def _late_worker(self, act: Act, dice: random.Random) -> None:
        self._scenes.late_worker(act, dice)

    def _heir(self, _act: Act, dice: random.Random) -> None:
        """A row that is there may be taken over from now on; and one is, while a worker that is late writes it."""
        self._former_variant, self._variant = self._variant, "adoption"
        self._replace_process(overlap=False)
        self._scenes.late_for_an_heir(dice)

    def _second_thoughts(self, act: Act, dice: random.Random) -> None:
        self._scenes.second_thoughts(act, dice)

    def _no_answer(self, _act: Act, dice: random.Random) -> None:
        self._scenes.no_answer(self._legal_entity, dice)

    def _absence(self, act: Act, dice: random.Random) -> None:
        self._scenes.absence(act, dice)

    def _wait(self, _act: Act, dice: random.Random) -> None:
        self.stage.threads.advance(dice.choice(_WAITS_S), dice)

    def _repeat(self, act: Act, dice: random.Random) -> None:
        """A message comes twice, the second time perhaps late."""
        lying = self.stage.queues.lying().get(act.flow)
        if lying:
            self.stage.queues.put(act.flow, dice.choice(lying), delay_s=dice.choice([0, 60, 900, 7000]))

    def _garbage(self, act: Act, dice: random.Random) -> None:
        self.stage.queues.put(act.flow, dice.choice(_GARBAGE))

    def _weather(self, act: Act, dice: random.Random) -> None:
        chance, weather = dice.choice([0.1, 0.3, 1.0]), self.stage.weather
        if act.what == "storage":
            weather.storage = min(chance, 0.3) / 3
            return
        system = System(act.what)
        weather.writes[system] = chance
        weather.reads[system] = dice.choice([0.0, chance / 3])

    def _calm(self, _act: Act, _dice: random.Random) -> None:
        self.stage.weather.calm_down()

    def _others(self, _act: Act, dice: random.Random) -> None:
        self._company.of_others(dice)

    def _price_lists(self, _act: Act, dice: random.Random) -> None:
        self._company.edit_price_lists(dice)

    def _deploy(self, act: Act, dice: random.Random) -> None:
        """Other settings, perhaps while writes of before have no answer yet."""
        if dice.random() < 0.3:
            self._scenes.unanswered_edits(act, dice)
        self._former_variant, self._variant = self._variant, act.what
        self._replace_process(overlap=dice.random() < 0.3)

    def _take_back(self, _act: Act, dice: random.Random) -> None:
        """The settings of before."""
        self._former_variant, self._variant = self._variant, self._former_variant
        self._replace_process(overlap=dice.random() < 0.3)

    def _rolled_back(self, act: Act, dice: random.Random) -> None:
        """Other settings, which apply what lies in the queues and are taken back before anything is pulled."""
        variant, self._variant = self._variant, act.what
        self._replace_process(overlap=False)
        self._drain(act, dice)
        self._variant = variant
        self._replace_process(overlap=False)

    def _checkpoint(self, act: Act, dice: random.Random) -> None:
        """A checkpoint is put back as from a backup, or is lost; or the source has forgotten its tokens."""
        table = self.stage.tables["checkpoints"]
        match act.what:
            case "keep":
                self._kept_checkpoint[act.flow] = table.copy_of(act.flow, "pull")
            case "put back" if act.flow in self._kept_checkpoint:
                table.put_back(act.flow, "pull", self._kept_checkpoint[act.flow])
                # It may have been spoilt when it was kept.
                self.operators.has_damages = True
            case "lose":
                table.put_back(act.flow, "pull", None)
            case "tokens refused":
                for each in self.stage.sales.tables.values():
                    each.forgotten = self.stage.sales.version
            case "tokens of lines refused":
                self._company.edit_line(dice)
                for lines in ("quotedetails", "salesorderdetails"):
                    self.stage.sales.tables[lines].forgotten = self.stage.sales.version

    def _damage(self, act: Act, dice: random.Random) -> None:
        """A row of a record is spoilt, but not while its flow stands between two environments, nor before the last one
        is mended: of a record whose link and key are both lost nobody knows what is its own."""
        if self.operators.damages(self.host.process):
            return
        if not self.host.process.service.environment.change_by_settings(act.flow):
            self.operators.has_damages = True
            self.played.counts[f"{act.what} damaged"] += spoil(self.stage, act.flow, act.what, dice)

    def _purge(self, act: Act, dice: random.Random) -> None:
        self._company.purge(act.flow, dice)
        if dice.random() < 0.5:
            self._scenes.doubtful_walk(act.flow, dice)

    def _environment(self, act: Act, dice: random.Random) -> None:
        """Another address, organisation or company. Nobody moves a system whose own rows are damaged."""
        if self.operators.damages(self.host.process):
            return
        sales = self.stage.sales
        match act.what:
            case "renamed":
                self._url = RENAMED_URL if self._url == URL else URL
                sales.move_to(self._url)
            case "copied":
                sales.organization = f"0a000000-0000-4000-8000-{dice.randint(2, 9):012x}"
            case _:
                self._legal_entity = next(name for name in COMPANIES if name != self._legal_entity)
        self._replace_process(overlap=False)

    def _clock(self, act: Act, dice: random.Random) -> None:
        self._replace_process(overlap=False, wrong_by_s=dice.choice(_WRONG_BY_S))
        if dice.random() < 0.5:
            self._scenes.dead_probe(lambda: self._drain(act, dice), dice)

    def _operator(self, act: Act, dice: random.Random) -> None:
        self.operators.act(act, self.host.process, dice)

    def _policy(self, act: Act, dice: random.Random) -> None:
        """Changes of others count from now on, or count in another way."""
        self._policies = act.what
        self._replace_process(overlap=dice.random() < 0.3)

    def _theirs(self, act: Act, dice: random.Random) -> None:
        self._contest.theirs(act, dice)

    def _contested(self, _act: Act, dice: random.Random) -> None:
        self._contest.contest(dice)

    def _long_text(self, _act: Act, dice: random.Random) -> None:
        self._contest.write_long_text(dice)

    def _resolve(self, act: Act, dice: random.Random) -> None:
        self.operators.act(replace(act, what="resolve"), self.host.process, dice)

    def _set_entry(self, act: Act, dice: random.Random) -> None:
        """An operator sets an entry of a value map above the map document, or takes it back."""
        self.operators.act(replace(act, flow=act.what, what=act.kind), self.host.process, dice)

    acts: ClassVar[dict[str, Callable[["History", Act, random.Random], None]]] = {
        "edit": _edit,
        "sell": _sell,
        "desk": _work_at_desk,
        "bill": _bill,
        "tick": _tick,
        "come back": _come_back,
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
        "damage": _damage,
        "purge": _purge,
        "rolled back": _rolled_back,
        "crash loop": _crash_loop,
        "late worker": _late_worker,
        "heir": _heir,
        "second thoughts": _second_thoughts,
        "no answer": _no_answer,
        "absence": _absence,
        "policy": _policy,
        "theirs": _theirs,
        "contest": _contested,
        "long text": _long_text,
        "resolve": _resolve,
        "map set": _set_entry,
        "map unset": _set_entry,
    }
