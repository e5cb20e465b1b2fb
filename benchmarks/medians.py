"""The median of several runs, figure by figure."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median, median_low

from benchmarks.measuring import Compared, Measured
from local.demo.systems import Requests


def median_of(same: Sequence[Compared]) -> Compared:
    """What was measured several times, as one. The loops of others are those of the first time."""
    runs = zip(*(each.runs for each in same), strict=True)
    return replace(same[0], runs=tuple(_median(times) for times in runs))


def _median(times: Sequence[Measured]) -> Measured:
    return replace(
        times[0],
        seconds=median(each.seconds for each in times),
        sales=_requests([each.sales for each in times]),
        finops=_requests([each.finops for each in times]),
        storage=median_low(each.storage for each in times),
        cpu_s=median(each.cpu_s for each in times),
        stage_cpu_s=median(each.stage_cpu_s for each in times),
        busiest_cpu_s=median(each.busiest_cpu_s for each in times),
        begin_mb=median(each.begin_mb for each in times),
        peak_mb=median(each.peak_mb for each in times),
    )


def _requests(times: Sequence[Requests]) -> Requests:
    return Requests(median_low(each.read for each in times), median_low(each.write for each in times))
