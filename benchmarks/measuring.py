"""Three runs of a flow at one latency, against the same state, and the naive loop after them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from benchmarks.flows import MEASURED, Flow
from benchmarks.hosts import cpu_s_of_children, forget_peak, usage_of
from benchmarks.limits import USUAL_PARALLELISM, Bound, lowest_bound, machine_bound
from benchmarks.naive import Naive, run_naively
from benchmarks.preparing import prepare
from benchmarks.progress import DECIDED, PATIENCE_S, wait_until_done
from benchmarks.records import typical
from benchmarks.sdk_loop import run_by_sdk
from benchmarks.stage import Opening, Plan, Stage, running_stage
from local.demo.systems import Requests
from local.simulator.auth import system_clock
from shared.flows.products import PRODUCTS
from shared.sync.hints import Hint, messages
from shared.sync.limits import Limits

FIRST_SYNC, CHANGED, UNCHANGED = "first sync", "1 % changed", "nothing changed"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. `storage` counts requests to tables, `cpu_s` is the processor time of the functions host, `stage_cpu_s`
    that of everything that runs on the stage, `busiest_cpu_s` that of the one process that took the most of it,
    `begin_mb` the size of the host when the run began, and `peak_mb` its largest one during the run."""

    flow: str
    latency_ms: float
    run: str
    records: int
    seconds: float
    sales: Requests
    finops: Requests
    storage: int
    cpu_s: float
    stage_cpu_s: float
    busiest_cpu_s: float
    begin_mb: float
    peak_mb: float
    outcomes: Mapping[str, int] = field(default_factory=dict)
    parallelism: int = USUAL_PARALLELISM

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
        return lowest_bound(
            *(self.latency_ms, self.parallelism),
            to_sales=sales * each,
            to_finops=finops * each,
            cpu_s=self.cpu_s * each,
        )

    @property
    def of_machine(self) -> float:
        """Records a second that this machine allows, which also runs the storage emulator and both simulators."""
        each = self.per_1000(1) / 1000
        return min(self.bound.speed, machine_bound(self.stage_cpu_s * each, self.busiest_cpu_s * each))


@dataclass(frozen=True, slots=True)
class Compared:
    """All that was measured of one flow at one latency. `sdk` is the loop over Microsoft's SDK, where there is one."""

    flow: str
    runs: tuple[Measured, ...]
    naive: Naive
    sdk: Naive | None
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Act:
    """What makes a run: `do` gives so many records something to do, and each comes to one of these outcomes."""

    run: str
    ids: Sequence[str]
    do: Callable[[], object]
    outcomes: Collection[str] = DECIDED


def measure(
    plan: Plan,
    flows: Sequence[str],
    latency_ms: float,
    naive_records: int,
    say: Callable[[str], None],
    *,
    runs: Collection[str] = (FIRST_SYNC, UNCHANGED, CHANGED),
    opening: Opening = running_stage,
) -> list[Compared]:
    """Measure these flows on one stage, one after the other, in these `runs`; with 0 `naive_records` without the loops
    of others. Raises DemoFailed and UserMistake."""
    measured = [MEASURED[flow] for flow in flows]
    compared = []
    with opening(plan) as stage:
        stage.let_flow()
        pid = stage.start(*dict.fromkeys(name for flow in measured for name in (*flow.needs, flow.name)))
        for flow in measured:
            found = _runs(stage, flow, pid, latency_ms, say, told=runs)
            made = tuple(replace(run, parallelism=plan.parallelism) for run in found)
            if flow is measured[-1]:
                stage.stop()
            # Before the next flow: what it needs changes these records.
            stage.delay(latency_ms)
            naive = _naive(stage, flow, latency_ms, naive_records, say) if naive_records else Naive(0, 0.0)
            sdk = _by_sdk(stage, flow, latency_ms, say) if naive_records else None
            stage.delay(0)
            compared.append(Compared(flow.name, made, naive, sdk, latency_ms))
    return compared


def _naive(stage: Stage, flow: Flow, latency_ms: float, records: int, say: Callable[[str], None]) -> Naive:
    ids = typical(stage.watched(flow.name).sources(stage.systems), -(-records // flow.naive_part))
    naive = run_naively(stage, flow.name, ids)
    say(f"{flow.name}, {latency_ms:g} ms, naive loop: {naive.records} records in {naive.seconds:.1f} s")
    return naive


def _by_sdk(stage: Stage, flow: Flow, latency_ms: float, say: Callable[[str], None]) -> Naive | None:
    if flow.name != PRODUCTS:
        return None
    loop = run_by_sdk(stage, latency_ms)
    say(f"{flow.name}, {latency_ms:g} ms, loop over the SDK: {loop.records} records in {loop.seconds:.1f} s")
    return loop


def _runs(
    stage: Stage, flow: Flow, pid: int, latency_ms: float, say: Callable[[str], None], *, told: Collection[str]
) -> Iterator[Measured]:
    prepare(stage, flow)
    ids = stage.ids(flow.name)
    stage.delay(latency_ms)
    for act in (act for act in _acts(stage, flow, ids) if act.run in told):
        since, before = system_clock(), _counts(stage)
        stored = stage.storage_requests.total
        forget_peak(pid)
        used, stage_used = usage_of(pid), cpu_s_of_children()
        act.do()
        count = len(act.ids)
        done = wait_until_done(stage, flow.name, since, count, patience_s=PATIENCE_S, outcomes=act.outcomes)
        after, stage_after, now = usage_of(pid), cpu_s_of_children(), _counts(stage)
        sales, finops = (_between(old, new) for old, new in zip(before, now, strict=True))
        worked = [cpu_s - stage_used.get(process, 0.0) for process, cpu_s in stage_after.items()]
        yield Measured(
            flow=flow.name,
            latency_ms=latency_ms,
            run=act.run,
            records=count,
            seconds=done.seconds,
            sales=sales,
            finops=finops,
            storage=stage.storage_requests.total - stored,
            cpu_s=after.cpu_s - used.cpu_s,
            stage_cpu_s=sum(worked),
            busiest_cpu_s=max(worked),
            begin_mb=used.peak_mb,
            peak_mb=after.peak_mb,
            outcomes=done.outcomes,
        )
        say(f"{flow.name}, {latency_ms:g} ms, {act.run}: {count} records in {done.seconds:.1f} s")
    stage.let_flow()
    stage.delay(0)
    stage.in_step.add(flow.name)


def _acts(stage: Stage, flow: Flow, ids: Sequence[str]) -> tuple[Act, ...]:
    acts = (
        Act(FIRST_SYNC, ids, lambda: stage.let_flow(flow.name)),
        Act(UNCHANGED, ids, lambda: look_again(stage, flow.name, ids)),
    )
    if flow.change is None:
        return acts
    count = max(len(ids) // 100, 1)
    some = ids[:: max(len(ids) // count, 1)][:count]
    # The last one: a quote that is revised is named by several messages, some of which come back later.
    return (*acts, Act(CHANGED, some, partial(flow.change, stage, some), ("updated",)))


def look_again(stage: Stage, flow: str, ids: Sequence[str]) -> None:
    """Queue records that have not changed."""
    for message in messages(flow, "bench", [Hint(id) for id in sorted(ids)], Limits().hints_per_message):
        stage.storage.queues.send(flow, message.to_body())


def _counts(stage: Stage) -> tuple[Requests, ...]:
    return tuple(access.counts().total for access in (stage.sales, stage.finops))


def _between(before: Requests, now: Requests) -> Requests:
    return Requests(now.read - before.read, now.write - before.write)
