"""When a run of the sync has begun and ended, by what the sync notes of its own invocations."""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchmarks.stage import Stage
from local.demo.errors import DemoFailed
from shared.state.control import Control
from shared.state.failures import Failures
from shared.state.runs import Run, Runs
from shared.state.storage.queues import queues_of

# Each of these is the end of the road for a record for now.
DECIDED = ("created", "updated", "unchanged", "filtered", "ended", "waiting", "rejected", "deleted")
PATIENCE_S = 300.0
_MOST_RUNS = 20_000
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Done:
    """A finished run: what became of its records, and seconds from the first pull to the end of the last apply that
    brought one of the awaited outcomes."""

    outcomes: Mapping[str, int]
    seconds: float


def wait_until_done(
    stage: Stage,
    flow: str,
    since: datetime,
    records: int,
    *,
    patience_s: float,
    outcomes: Collection[str] = DECIDED,
) -> Done:
    """Wait until so many records of a flow have come to one of these outcomes since then; where every outcome counts,
    until its queues are empty, too.

    Raises DemoFailed when nothing is decided for `patience_s` seconds, when the flow is blocked, when a record is
    rejected, since its figures would tell nothing, and when a process dies.
    """
    seen, moved_at = -1, time.monotonic()
    while True:
        stage.require_alive()
        runs = [run for run in Runs(stage.storage.table("runs")).latest(flow, _MOST_RUNS) if run.started >= since]
        found = _outcomes(runs)
        if found["rejected"]:
            raise DemoFailed(_rejected(stage, flow, found["rejected"]))
        reached = sum(found[name] for name in outcomes) >= records
        if reached and (outcomes is not DECIDED or not _depth(stage, flow)):
            return Done(found, _seconds(runs, outcomes))
        if found.total() != seen:
            seen, moved_at = found.total(), time.monotonic()
        if time.monotonic() - moved_at > patience_s or Control(stage.storage.table("control")).flow(flow).blocked:
            raise DemoFailed(_stuck(stage, flow, found, records))
        time.sleep(_LOOK_EVERY_S)


def _outcomes(runs: list[Run]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for run in runs:
        if run.kind == "apply":
            counted.update({name: run.counts[name] for name in DECIDED if name in run.counts})
    return counted


def _seconds(runs: list[Run], outcomes: Collection[str]) -> float:
    worked = [
        run
        for run in runs
        if run.counts.get("hints") or (run.kind == "apply" and any(name in run.counts for name in outcomes))
    ]
    if not worked:
        return 0.0
    last = max(run.started + timedelta(seconds=run.seconds) for run in worked)
    return (last - min(run.started for run in worked)).total_seconds()


def _depth(stage: Stage, flow: str) -> int:
    queues = stage.storage.queues
    return sum(map(queues.depth, queues_of(flow)))


def _rejected(stage: Stage, flow: str, count: int) -> str:
    page, _ = Failures(stage.storage.table("links")).page(flow, "", 1)
    cause = f", the first one for {page[0].cause}: {page[0].message}" if page else ""
    return f"{flow}: {count} records were rejected{cause}. Measure records that both systems take."


def _stuck(stage: Stage, flow: str, found: Counter[str], records: int) -> str:
    control = Control(stage.storage.table("control")).flow(flow)
    blocked = f"; blocked: {control.blocked}" if control.blocked else ""
    return (
        f"{flow}: {found.total()} of {records} records are decided ({dict(found)}), {_depth(stage, flow)} messages "
        f"wait{blocked}"
    )
