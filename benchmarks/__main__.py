"""Measures both flows: `make bench`, or `python -m benchmarks`.

For each flow and latency three runs against the same state: the first sync of all records, a change of one percent of
them, and all of them looked at again with nothing changed; then the naive loop on fresh systems.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

from rich.console import Console
from rich.table import Table

from benchmarks import document
from benchmarks.flows import FLOWS
from benchmarks.measuring import Compared, Measured, measure
from benchmarks.plot import draw
from benchmarks.records import write_accounts
from benchmarks.stage import SAMPLES, Plan
from local.azurite import AzuriteFailed
from local.demo import interrupts
from local.demo.errors import DemoFailed, UserMistake
from shared.flows import PRODUCTS

LATENCIES_MS = (0.0, 50.0, 150.0)
# Beside those of the sample.
_PRODUCTS = 1496
_WIDTH = 130
_HEADINGS = (
    *("latency", "run", "records", "seconds", "records/s"),
    *("Sales reads", "Sales writes", "F&O reads", "F&O writes", "CPU s", "peak MB"),
)
_BESIDE = ("latency", "naive loop", "first sync", "bound", "set by", "first sync / naive", "first sync / bound")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show the tables, and write them into docs/performance.md when asked to."""
    parsed = _parser().parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    try:
        with interrupts.as_exceptions(), _samples(parsed.accounts) as folder:
            compared = [
                measure(_plan(flow, latency, folder, parsed.products), parsed.naive, console.print)
                for flow in parsed.flow
                for latency in parsed.latency_ms
            ]
    except (UserMistake, DemoFailed, AzuriteFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, UserMistake) else 1
    except KeyboardInterrupt:
        return 130
    for flow in parsed.flow:
        _show(console, flow, [each for each in compared if each.flow == flow], write=parsed.write)
    console.print(document.machine(), highlight=False)
    if parsed.write and set(parsed.flow) == FLOWS.keys():
        draw(compared)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='make bench ARGS="..."', description="Measures both flows.")
    add = parser.add_argument
    add("--flow", nargs="+", choices=list(FLOWS), default=list(FLOWS), help="flows to measure (default: both)")
    add("--latency-ms", type=float, nargs="+", default=list(LATENCIES_MS), metavar="N", help="of each answer")
    add("--accounts", type=int, metavar="N", help="generated accounts instead of the 701 of the sample")
    add("--products", type=int, default=_PRODUCTS, metavar="N", help="generated products beside those of the sample")
    add("--naive", type=int, default=100, metavar="N", help="records of the naive loop (default: %(default)s)")
    add("--write", action="store_true", help="write tables and picture into docs/performance.*")
    return parser


@contextmanager
def _samples(accounts: int | None) -> Iterator[Path]:
    """The sample records, perhaps with other accounts."""
    if accounts is None:
        yield SAMPLES
        return
    with tempfile.TemporaryDirectory(prefix="bench-samples-") as folder:
        for file in SAMPLES.glob("*.jsonl"):
            copyfile(file, Path(folder) / file.name)
        write_accounts(Path(folder), accounts)
        yield Path(folder)


def _plan(flow: str, latency_ms: float, folder: Path, products: int) -> Plan:
    return Plan(flow, latency_ms, folder, products=products if flow == PRODUCTS else 0)


def _show(console: Console, flow: str, compared: Sequence[Compared], *, write: bool) -> None:
    runs = [_cells(run) for each in compared for run in each.runs]
    beside = [_beside(each) for each in compared]
    for title, headings, rows in ((FLOWS[flow].title, _HEADINGS, runs), ("Beside the naive loop", _BESIDE, beside)):
        table = Table(*headings, title=title, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    if write:
        lines = [f"Measured on {document.machine()}; single runs.", "", *document.table(_HEADINGS, runs)]
        document.write(flow, [*lines, "", *document.table(_BESIDE, beside)])


def _cells(run: Measured) -> tuple[str, ...]:
    counts = (run.sales.read, run.sales.write, run.finops.read, run.finops.write)
    return (
        f"{run.latency_ms:g} ms",
        run.run,
        f"{run.records:,}",
        f"{run.seconds:.1f}",
        f"{run.speed:,.0f}",
        *(f"{run.per_1000(count):,.0f}" for count in counts),
        f"{run.per_1000(run.cpu_s):.1f}",
        f"{run.peak_mb:.0f}",
    )


def _beside(each: Compared) -> tuple[str, ...]:
    first = each.runs[0]
    return (
        f"{each.latency_ms:g} ms",
        f"{each.naive.speed:,.1f}",
        f"{first.speed:,.0f}",
        f"{first.bound.speed:,.0f}",
        first.bound.cause,
        f"{first.speed / each.naive.speed:.1f}",
        f"{first.speed / first.bound.speed:.0%}",
    )


if __name__ == "__main__":
    sys.exit(main())
