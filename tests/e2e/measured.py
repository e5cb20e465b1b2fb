"""Flows, ways, processor time and pulls, measured on one stage: `python -m tests.e2e.measured FIGURES FOLDER`.

In a process of its own: what draws, and Microsoft's SDK, stay in memory with 100 MB.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

from benchmarks import __main__ as flows
from benchmarks import processor, snapshot, way
from benchmarks.flows import MEASURED
from benchmarks.records import write_samples
from benchmarks.stage import Plan, running_stage
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES

RECORDS = 4
# Whose first sync is left to the one that measures processor time.
APPLIED = CONTACTS


def main(figures: Path, folder: Path) -> int:
    """Write into the figures; the samples and the profiles stand in the folder. The exit code of the first that
    fails."""
    samples = folder / "samples"
    samples.mkdir()
    write_samples(samples, records=RECORDS)
    few = ["--records", str(RECORDS)]
    runs = (
        (flows.main, [*few, "--latency-ms", "0", "--naive", "2", "--flow", *(MEASURED.keys() - {APPLIED})]),
        (way.main, [*few, "--latency-ms", "0", "--changes", "1"]),
        (processor.main, [*few, "--flow", APPLIED, "--rounds", "1", "--profile", str(folder)]),
        (snapshot.main, ["--generated", "300", "--served", "0"]),
    )
    with running_stage(Plan(samples, settings={**snapshot.SETTINGS, **MEASURED[INVOICES].settings})) as stage:
        for run, arguments in runs:
            if code := run([*arguments, "--write", str(figures)], lambda _plan: nullcontext(stage)):
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
