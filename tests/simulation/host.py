"""The host of a deployment: takes messages, runs functions, gives back what failed; and the workers' own troubles."""

import random
from collections import Counter
from collections.abc import Callable

from shared.errors import OperatorNeeded, StateUnreadable, StorageTrouble
from shared.state.storage.queues import Message, poison_queue
from shared.sync.hints import HintUnreadable
from tests.simulation.deployment import Deployment
from tests.simulation.space import kind_of_step
from tests.simulation.stage import Stage
from tests.simulation.threads import CALM, Endless, Plan, Worker

_LEASE_S = 600.0
_MOST_DELIVERIES = 5
# The host's copies in a poison queue vanish.
_POISON_LIVES_S = 7 * 86400.0
# What the product says on purpose; all else that a function raises is a fault.
_ON_PURPOSE = StorageTrouble | HintUnreadable | OperatorNeeded
# The former process lives on for a while: so often it is the one that gets to work.
_FORMER = 0.2
# Kinds of steps at which something is half done: see Plan.
_DEATHS = (
    "write", "write", " done", "transact done", "transact", "send", "send", "hold", "probe", "identity", "existing",
    "find", "marked", "keys", "control.scan", "checkpoints",
)  # fmt: skip
_STOOD_AT = ("write", "write", "links.transact", "send", "find")


class Host:
    """Runs the functions of the newest process, and while a deployment lasts also those of the former one."""

    def __init__(self, stage: Stage, process: Deployment, counts: Counter[str]) -> None:
        self.stage = stage
        self.process = process
        self.former: Deployment | None = None
        self._counts = counts
        self._deliveries: Counter[str] = Counter()

    def replace_process(self, process: Deployment, *, overlap: bool) -> None:
        """A new process takes over; with an overlap the former one goes on beside it."""
        self.former, self.process = self.process if overlap else None, process

    def run(self, workers: list[Worker], dice: random.Random) -> None:
        """Let workers run as far as they come. Raises AssertionError for an error that nobody may see."""
        self.stage.threads.run(workers, dice)
        for worker in workers:
            self._look_at(worker)

    def invocation(self, flow: str, dice: random.Random, plan: Plan = CALM) -> Worker | None:
        """A queue function with a message of the flow; None when there is none to see."""
        message = self.stage.queues.take(flow, _LEASE_S, dice)
        return None if message is None else self._delivery(flow, message, dice, plan)

    def _delivery(self, flow: str, message: Message, dice: random.Random, plan: Plan) -> Worker | None:
        self._deliveries[message.id] += 1
        if self._deliveries[message.id] > _MOST_DELIVERIES:
            # Whoever had it has died each time.
            self._make_poison(flow, message)
            return self.poison(flow, dice, plan)
        process = self._some_process(dice, plan)

        def work() -> None:
            try:
                process.service.apply(flow, message.body.encode("utf-8", "surrogatepass"))
            except Exception:
                self._failed(flow, message)
                raise
            self.stage.queues.settle(flow, message)

        return _worker(f"apply {flow}", work, dice, plan)

    def poison(self, flow: str, dice: random.Random, plan: Plan = CALM) -> Worker | None:
        """The function of a poison queue with a message of it; None when there is none to see."""
        queue = poison_queue(flow)
        message = self.stage.queues.take(queue, _LEASE_S, dice)
        if message is None:
            return None
        process = self._some_process(dice, plan)

        def work() -> None:
            process.service.poison(flow, message.body.encode("utf-8", "surrogatepass"))
            self.stage.queues.settle(queue, message)

        return _worker(f"poison {flow}", work, dice, plan)

    def timer(self, name: str, flow: str, dice: random.Random, plan: Plan = CALM) -> Worker:
        """A timer function: pull, sweep, cleanup or reconcile."""
        service = self._some_process(dice, plan).service
        works: dict[str, Callable[[], None]] = {
            "pull": lambda: service.pull(flow),
            "sweep": service.sweep,
            "cleanup": service.cleanup,
            "reconcile": service.reconcile,
        }
        return _worker(f"{name} {flow}".strip(), works[name], dice, plan)

    def crash_loop(self, flow: str, dice: random.Random) -> None:
        """The workers die that take a message, one after the other, until it is poison; and then perhaps the one that
        takes that. Each time the message is seen again as its lease has ended."""
        queues = self.stage.queues
        message = queues.take(flow, _LEASE_S, dice)
        deadly = dice.choice([3, 12, 30])
        while message is not None and self._deliveries[message.id] < _MOST_DELIVERIES:
            worker = self._delivery(flow, message, dice, Plan(dies_at=dice.randint(1, deadly)))
            assert worker is not None
            self.run([worker], dice)
            self.stage.threads.advance(_LEASE_S, dice)
            message = queues.take_again(flow, message, _LEASE_S)
        if message is not None:
            self._make_poison(flow, message)

    def _some_process(self, dice: random.Random, plan: Plan) -> Deployment:
        return self.former if self.former is not None and plan is not CALM and dice.random() < _FORMER else self.process

    def _failed(self, queue: str, message: Message) -> None:
        """A function that has raised: the host shows the message again, in the end in the poison queue."""
        if self._deliveries[message.id] >= _MOST_DELIVERIES:
            self._make_poison(queue, message)
        else:
            self.stage.queues.show(queue, message, 0.0)

    def _make_poison(self, queue: str, message: Message) -> None:
        self.stage.queues.settle(queue, message)
        self.stage.queues.copy(poison_queue(queue), message.body, lives_s=_POISON_LIVES_S)

    def _look_at(self, worker: Worker) -> None:
        """What a worker has raised: what the product says on purpose is the host's matter, all else is a fault."""
        if worker.died:
            self._counts[f"died at {kind_of_step(worker.last_step)}"] += 1
        error = worker.error
        if isinstance(error, Endless):
            raise error
        if error is not None and not isinstance(error, _ON_PURPOSE) and not is_without_checkpoint(error):
            raise AssertionError(f"{worker.name} raised {type(error).__name__}: {error}") from error


def is_without_checkpoint(error: BaseException) -> bool:
    """Whether nobody knows how far a source was read: without that a flow stands still. All other damages are those of
    single records, or mend themselves."""
    return isinstance(error, StateUnreadable) and error.damage.table == "checkpoints"


def plan_of(dice: random.Random) -> Plan:
    """What may happen to a worker in trouble: somewhere, or at a step of a kind, since most steps are reads."""
    death, stall, seconds = dice.random(), dice.random(), dice.choice([20.0, 200.0, 400.0, 700.0, 1500.0])
    dies_at, stands_at, place = dice.randint(1, 45), dice.randint(1, 40), dice.choice(_STOOD_AT)
    return Plan(
        dies_at if death < 0.35 else None,
        {stands_at: seconds} if stall < 0.25 else {},
        gives_way=0.3,
        dies_in=dice.choice(_DEATHS) if 0.35 <= death < 0.65 else "",
        stands_in=place if 0.25 <= stall < 0.4 else "",
        stands_s=seconds,
    )


def beginner_of(dice: random.Random) -> Plan:
    """What may happen to a worker with few steps: it mostly dies at one of them."""
    dies_at, dies_in = dice.randint(1, 14), dice.choice(("poison", "poison done", "marked", "scan"))
    fate = dice.random()
    return Plan(dies_at if fate < 0.45 else None, gives_way=0.3, dies_in=dies_in if fate > 0.75 else "")


def _worker(name: str, work: Callable[[], None], dice: random.Random, plan: Plan) -> Worker:
    return Worker(name, work, random.Random(dice.getrandbits(32)), plan)
