"""What a first sync could reach at most, from the numbers of the systems and of the app; the formulas stand in
docs/performance.md."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from shared.flows.registry import FLOWS

PARALLELISM = "MAX_PARALLELISM"
USUAL_PARALLELISM = int(FLOWS.settings.model_fields[PARALLELISM].default)
PROTECTED_REQUESTS = 6000
PROTECTED_WINDOW_S = 300.0


CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Bound:
    """At most so many records a second, and what sets it."""

    speed: float
    cause: str


def lowest_bound(latency_ms: float, parallelism: int, *, to_sales: float, to_finops: float, cpu_s: float) -> Bound:
    """The lowest of all bounds with so many parallel requests to a system at most; requests and processor seconds are
    for one record."""
    bounds = [*_by_latency(latency_ms, parallelism, to_sales, to_finops), *_by_protection(to_sales)]
    if cpu_s > 0:
        bounds.append(Bound(1 / cpu_s, "processor"))
    return min(bounds, key=lambda bound: bound.speed, default=Bound(0.0, "nothing measured"))


def machine_bound(stage_cpu_s: float, busiest_cpu_s: float) -> float:
    """Records a second with all cores busy, where the app, the storage emulator and both simulators together take so
    many processor seconds for a record, and the busiest one of them, which uses one core, so many."""
    return min((CORES / stage_cpu_s, 1 / busiest_cpu_s)) if busiest_cpu_s > 0 else 0.0


def _by_latency(latency_ms: float, parallelism: int, to_sales: float, to_finops: float) -> Sequence[Bound]:
    named = (("latency of Sales", to_sales), ("latency of F&O", to_finops))
    wait_s = latency_ms / 1000
    return [Bound(parallelism / (wait_s * requests), cause) for cause, requests in named if wait_s * requests > 0]


def _by_protection(to_sales: float) -> Sequence[Bound]:
    allowed = PROTECTED_REQUESTS / PROTECTED_WINDOW_S
    return [Bound(allowed / to_sales, "service protection")] if to_sales > 0 else []
