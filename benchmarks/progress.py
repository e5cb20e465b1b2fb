"""When a run of the sync has begun and ended, by what the sync notes of its own invocations."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.stage import Stage
from local.demo.errors import DemoFailed
from shared.state.control import Control
from shared.state.queues import HOLD_SUFFIX, POISON_SUFFIX
from shared.state.runs import Run, Runs

# Each of these is the end of the road for a record for now.
DECIDED = ("created", "updated", "unchanged", "filtered", "ended", "waiting", "rejected", "deleted")
_MOST_RUNS = 20_000
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Done:
    """A finished run: what became of its records, and seconds from the first pull to the end of the last apply."""

    outcomes: Mapping[str, int]
    seconds: float


def wait_until_done(stage: Stage, since: datetime, records: int, *, patience_s: float) -> Done:
    """Wait until so many records that were queued since then are decided and every queue is empty.

    Raises DemoFailed when nothing is decided for `patience_s` seconds, when the flow is blocked, and when a process
    dies.
    """
    decided, moved_at = -1, time.monotonic()
    while True:
        for host in stage.hosts:
            host.require_alive()
        runs = [run for run in Runs(stage.storage.table("runs")).latest(stage.flow, _MOST_RUNS) if run.started >= since]
        outcomes = _outcomes(runs)
        if outcomes.total() >= records and not _depth(stage):
            return Done(outcomes, _seconds(runs))
        if outcomes.total() != decided:
            decided, moved_at = outcomes.total(), time.monotonic()
        if time.monotonic() - moved_at > patience_s or Control(stage.storage.table("control")).flow(stage.flow).blocked:
            raise DemoFailed(_stuck(stage, outcomes, records))
        time.sleep(_LOOK_EVERY_S)


def _outcomes(runs: list[Run]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for run in runs:
        if run.kind == "apply":
            counted.update({name: run.counts[name] for name in DECIDED if name in run.counts})
    return counted


def _seconds(runs: list[Run]) -> float:
    worked = [run for run in runs if run.kind == "apply" or run.counts.get("hints")]
    if not worked:
        return 0.0
    last = max(run.started + timedelta(seconds=run.seconds) for run in worked)
    return (last - min(run.started for run in worked)).total_seconds()


def _depth(stage: Stage) -> int:
    queues = stage.storage.queues
    return sum(queues.depth(stage.flow + suffix) for suffix in ("", HOLD_SUFFIX, POISON_SUFFIX))


def _stuck(stage: Stage, outcomes: Counter[str], records: int) -> str:
    control = Control(stage.storage.table("control")).flow(stage.flow)
    blocked = f"; blocked: {control.blocked}" if control.blocked else ""
    return (
        f"{stage.flow}: {outcomes.total()} of {records} records are decided ({dict(outcomes)}), {_depth(stage)} "
        f"messages wait{blocked}"
    )


Wait = Callable[[datetime, int], Done]
