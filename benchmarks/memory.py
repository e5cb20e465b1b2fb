"""Measures how large the functions host becomes in one sync of many products: `python -m benchmarks.memory`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import document
from benchmarks.hosts import forget_peak, usage_of
from benchmarks.progress import PATIENCE_S, wait_until_done
from benchmarks.records import write_samples
from benchmarks.reporting import report
from benchmarks.stage import Opening, Plan, running_stage
from local.command_line import Parser
from local.demo.environment import ticking
from local.simulator.auth import system_clock
from shared.flows.products import PRODUCTS

_HEADINGS = ("products", "created", "seconds", "peak MB before", "peak MB")


def main(arguments: Sequence[str] | None = None, opening: Opening = running_stage) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parsed = _parser().parse_args(arguments)
    return report("memory", parsed.write, lambda: document.table(_HEADINGS, list(_measured(parsed.products, opening))))


def _measured(products: int, opening: Opening) -> Iterator[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="bench-samples-") as name:
        write_samples(Path(name), records=1)
        # A walk over so many products takes longer than the two seconds between the usual ticks.
        with opening(Plan(Path(name), products, settings=ticking("0 * * * * *", PRODUCTS))) as stage:
            stage.let_flow()
            pid, count = stage.start(PRODUCTS), len(stage.ids(PRODUCTS))
            before = usage_of(pid)
            forget_peak(pid)
            since = system_clock()
            stage.let_flow(PRODUCTS)
            done = wait_until_done(stage, PRODUCTS, since, count, patience_s=PATIENCE_S)
            created, peak_mb = done.outcomes.get("created", 0), usage_of(pid).peak_mb
            stage.stop()
            stage.in_step.add(PRODUCTS)
    yield f"{count:,}", f"{created:,}", f"{done.seconds:.0f}", f"{before.peak_mb:.0f}", f"{peak_mb:.0f}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.memory", description="Measures the memory of a large first sync.")
    parser.add_argument(
        "--products", type=int, default=100_000, metavar="N", help="generated products (default: %(default)s)"
    )
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
