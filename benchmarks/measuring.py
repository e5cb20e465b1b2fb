"""Three runs of one flow at one latency, against the same state, and the naive loop beside them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.flows import FLOWS
from benchmarks.hosts import forget_peak, usage_of
from benchmarks.limits import Bound, lowest_bound
from benchmarks.naive import Naive, run_naively
from benchmarks.progress import wait_until_done
from benchmarks.stage import Plan, Stage, running_stage
from local.demo.processes import Child
from local.demo.systems import Requests
from local.simulator.auth import system_clock
from shared.sync.hints import Hint, messages

FIRST_SYNC = "first sync"
PATIENCE_S = 300.0
_HINTS_PER_MESSAGE = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. `cpu_s` is the processor time of the functions host, `peak_mb` its largest size during the run."""

    flow: str
    latency_ms: float
    run: str
    records: int
    seconds: float
    sales: Requests
    finops: Requests
    cpu_s: float
    peak_mb: float

    @property
    def speed(self) -> float:
        """Records a second."""
        return self.records / self.seconds if self.seconds else 0.0

    def per_1000(self, count: float) -> float:
        """A count of this run for 1,000 records."""
        return 1000 * count / self.records if self.records else 0.0

    @property
    def bound(self) -> Bound:
        """What would have been possible with these requests and this processor time."""
        each = self.per_1000(1) / 1000
        sales, finops = (count.read + count.write for count in (self.sales, self.finops))
        return lowest_bound(self.latency_ms, to_sales=sales * each, to_finops=finops * each, cpu_s=self.cpu_s * each)


@dataclass(frozen=True, slots=True)
class Compared:
    """All that was measured of one flow at one latency."""

    flow: str
    latency_ms: float
    runs: tuple[Measured, ...]
    naive: Naive


def measure(plan: Plan, naive_records: int, say: Callable[[str], None]) -> Compared:
    """Run a flow three times, and the naive loop on a stage of its own. Raises DemoFailed."""
    with running_stage(plan) as stage:
        runs = tuple(_runs(stage, plan, say))
    with running_stage(plan) as stage:
        naive = run_naively(stage, plan.flow, FLOWS[plan.flow].ids(stage)[:naive_records])
        say(f"{plan.flow}, {plan.latency_ms:g} ms, naive loop: {naive.speed:.0f} records/s")
    return Compared(plan.flow, plan.latency_ms, runs, naive)


def _runs(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Iterator[Measured]:
    flow = FLOWS[plan.flow]
    ids = flow.ids(stage)
    some = ids[:: max(len(ids) // max(len(ids) // 100, 1), 1)][: max(len(ids) // 100, 1)]
    host = stage.start_host
    acts: tuple[tuple[str, Sequence[str], Callable[[], object]], ...] = (
        (FIRST_SYNC, ids, lambda: None),
        ("1 % changed", some, lambda: flow.change(stage, some)),
        ("nothing changed", ids, lambda: _look_again(stage, ids)),
    )
    running: Child | None = None
    for name, records, act in acts:
        since, before = system_clock(), _counts(stage)
        running = running or host()
        forget_peak(running.pid)
        used = usage_of(running.pid)
        act()
        done = wait_until_done(stage, since, len(records), patience_s=PATIENCE_S)
        after, now = usage_of(running.pid), _counts(stage)
        sales, finops = (_between(old, new) for old, new in zip(before, now, strict=True))
        cpu_s = after.cpu_s - used.cpu_s
        yield Measured(
            plan.flow, plan.latency_ms, name, len(records), done.seconds, sales, finops, cpu_s, after.peak_mb
        )
        say(f"{plan.flow}, {plan.latency_ms:g} ms, {name}: {len(records)} records in {done.seconds:.1f} s")


def _look_again(stage: Stage, ids: Sequence[str]) -> None:
    for message in messages(stage.flow, "bench", [Hint(id) for id in ids], _HINTS_PER_MESSAGE):
        stage.storage.queues.send(stage.flow, message.to_body())


def _counts(stage: Stage) -> tuple[Requests, ...]:
    return tuple(access.counts().total for access in stage.systems)


def _between(before: Requests, now: Requests) -> Requests:
    return Requests(now.read - before.read, now.write - before.write)
