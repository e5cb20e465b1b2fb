"""Measures how large the functions host becomes in one sync of many products: `python -m benchmarks.memory`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import document
from benchmarks.measuring import FIRST_SYNC, Measured, measure
from benchmarks.records import write_samples
from benchmarks.reporting import report
from benchmarks.stage import Plan
from local.command_line import Parser
from local.demo.environment import ticking
from shared.flows.products import PRODUCTS

# A walk over more products takes longer than the two seconds between the usual ticks.
_WALKED_AT_ONCE, _RARELY = 1_000, "0 * * * * *"
_HEADINGS = ("products", "created", "seconds", "peak MB before", "peak MB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parsed = _parser().parse_args(arguments)
    return report("memory", parsed.write, lambda: document.table(_HEADINGS, [row(_measured(parsed.products))]))


def row(run: Measured) -> tuple[str, ...]:
    """What is told of a first sync."""
    counts = (f"{run.records:,}", f"{run.outcomes.get('created', 0):,}")
    return *counts, *(f"{figure:.0f}" for figure in (run.seconds, run.begin_mb, run.peak_mb))


def _measured(products: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="bench-samples-") as name:
        write_samples(Path(name), records=1)
        plan = Plan(Path(name), products, settings=ticking(_RARELY, PRODUCTS) if products > _WALKED_AT_ONCE else {})
        ((first,),) = (each.runs for each in measure(plan, [PRODUCTS], 0.0, 0, print, runs=(FIRST_SYNC,)))
    return first


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.memory", description="Measures the memory of a large first sync.")
    parser.add_argument(
        "--products", type=int, default=100_000, metavar="N", help="generated products (default: %(default)s)"
    )
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
