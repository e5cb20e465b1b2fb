"""What the run of a plan would cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from p2c.output import age
from shared.counting import counted
from shared.operations.dry_run import Summary
from shared.state.runs import Run
from shared.sync.limits import Limits

# Reads for the hundred records of a message: the records, their lookups, their rows in the target.
_READS_A_BATCH = 3
_WINDOW_REQUESTS = 6000
# Accounts, as docs/performance.md has it.
_MEASURED_RATE = 50.0
_WRITTEN = ("created", "updated")


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would cost: requests, their share of the 6,000 that a system accepts from one user in five minutes,
    and seconds at the rate of earlier runs, or else at the rate measured between simulators."""

    reads: int
    writes: int
    window_percent: float
    seconds: float
    rate: float
    rate_is_own: bool

    @property
    def sentence(self) -> str:
        """In words."""
        return (
            f"About {counted(self.reads, 'read')} and {counted(self.writes, 'write')}: {self.window_percent:.1f} % of "
            f"the 6,000 requests that a system accepts from one user in five minutes{self._time}."
        )

    @property
    def _time(self) -> str:
        if not self.writes:
            return ""
        whence = "the rate of the last runs" if self.rate_is_own else "measured between simulators with 150 ms latency"
        time = "less than a second" if self.seconds < 1 else age(self.seconds)
        return f"; {time} at {self.rate:.0f} records a second ({whence})"


def estimate_of(limits: Limits, summary: Summary, runs: Sequence[Run]) -> Estimate:
    """What the run of a plan would cost. `runs` are earlier runs of the flow."""
    batches = -(-summary.records // limits.hints_per_message)
    reads = batches * _READS_A_BATCH
    written = [run for run in runs if run.kind == "apply" and any(run.counts.get(name) for name in _WRITTEN)]
    seconds = sum(run.seconds for run in written)
    own = sum(run.counts.get(name, 0) for run in written for name in _WRITTEN) / seconds if seconds else 0.0
    rate = own or _MEASURED_RATE
    percent = 100 * max(reads, summary.writes) / _WINDOW_REQUESTS
    return Estimate(reads, summary.writes, percent, summary.writes / rate, rate, rate_is_own=own > 0)
