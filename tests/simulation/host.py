"""The host of a deployment: takes messages, runs functions, gives back what failed; and the workers' own troubles."""

import random
from collections import Counter
from collections.abc import Callable

from shared.errors import OperatorNeeded, StorageTrouble
from shared.state.storage.queues import Message
from shared.sync.hints import HintUnreadable
from shared.sync.parts import poison_queue
from tests.simulation.deployment import Deployment
from tests.simulation.stage import Stage
from tests.simulation.threads import CALM, Endless, Plan, Worker

_LEASE_S = 600.0
_MOST_DELIVERIES = 5
# The former process lives on for a while: so often it is the one that gets to work.
_FORMER = 0.2


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
        if message is None:
            return None
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
        self.stage.queues.put(poison_queue(queue), message.body)

    def _look_at(self, worker: Worker) -> None:
        """What a worker has raised: what the product says on purpose is the host's matter, all else is a fault."""
        if worker.died:
            self._counts[f"died at {worker.last_step}"] += 1
        error = worker.error
        if isinstance(error, Endless):
            raise error
        if error is not None and not isinstance(error, StorageTrouble | HintUnreadable | OperatorNeeded):
            raise AssertionError(f"{worker.name} raised {type(error).__name__}: {error}") from error


def plan_of(dice: random.Random) -> Plan:
    """What may happen to a worker in trouble."""
    dies_at = dice.randint(1, 45) if dice.random() < 0.6 else None
    stalls = {dice.randint(1, 40): dice.choice([20.0, 200.0, 400.0, 700.0, 1500.0])} if dice.random() < 0.4 else {}
    return Plan(dies_at, stalls, gives_way=0.3)


def _worker(name: str, work: Callable[[], None], dice: random.Random, plan: Plan) -> Worker:
    return Worker(name, work, random.Random(dice.getrandbits(32)), plan)
