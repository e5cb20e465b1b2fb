"""Measures the flows: `make bench`, or `python -m benchmarks`.

For each flow and latency three runs against the same state: the first sync of all records, all of them looked at again
with nothing changed, and a change of one percent of them, where they may change; then the loops of others.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import document
from benchmarks.flows import MEASURED
from benchmarks.limits import PARALLELISM, USUAL_PARALLELISM
from benchmarks.measuring import Compared, Measured, measure
from benchmarks.medians import median_of
from benchmarks.records import write_samples
from benchmarks.stage import Opening, Plan, running_stage
from local.command_line import Parser, whole_number
from local.demo import interrupts
from local.demo.environment import ticking
from local.demo.errors import DemoFailed, UserMistake
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS

LATENCIES_MS = (0.0, 50.0, 150.0)
# Beside those of the sample. So a first sync takes half a minute, of which beginning and end are little; also where the
# latency is high, with half as many.
_QUOTES = "quotes"
_MORE = {ACCOUNTS: 9300, CONTACTS: 9250, PRODUCTS: 9496, _QUOTES: 716}
# What becomes of quotes.
_DOCUMENTS = (QUOTATIONS, ORDERS, INVOICES)
_HIGH_MS, _OF_HIGH = 100.0, 2
# Flows whose pull walks all records of F&O. As shipped, a quarter of an hour lies between two walks; at the two seconds
# of the other flows a first sync would spend a third of its time with walks.
_WALKED, _WALKS = (PRODUCTS, INVOICES), "*/20 * * * * *"
_WIDTH = 140
_HEADINGS = (
    *("latency", "run", "records", "seconds", "records/s"),
    *("Sales reads", "Sales writes", "F&O reads", "F&O writes", "storage", "CPU s", "all CPU s", "peak MB"),
)
_BESIDE = (
    *("latency", "naive loop", "SDK loop", "first sync", "bound", "set by", "machine"),
    *("first sync / naive", "first sync / SDK", "first sync / bound", "first sync / machine"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is measured. `records` asks for a short run, with about so many records of each flow."""

    flows: Sequence[str]
    latencies_ms: Sequence[float]
    records: int | None
    more: Mapping[str, int]
    naive: int
    runs: int
    parallelism: int
    write: Path | None


def main(arguments: Sequence[str] | None = None, opening: Opening = running_stage) -> int:
    """Measure, show the tables, and write them into a document when asked to: those of a flow as soon as it is
    measured, so that a failure costs only what comes after it."""
    options = _options(_parser().parse_args(arguments))
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    machine = document.machine()
    try:
        document.require_places(options.write, list(MEASURED))
        with interrupts.as_exceptions():
            for group in _groups(options):
                compared = list(_measured(options, group, console, opening))
                for flow in group:
                    _show(console, options, [each for each in compared if each.flow == flow], machine)
    except (UserMistake, DemoFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, UserMistake) else 1
    except KeyboardInterrupt:
        return 130
    console.print(machine, highlight=False)
    if options.write is not None:
        # Matplotlib takes half a second and 50 MB, and few runs draw.
        from benchmarks.plot import draw  # noqa: PLC0415

        draw(options.write, options.write.with_suffix(".png"))
    return 0


def _groups(options: Options) -> list[list[str]]:
    """Each flow on a stage of its own, so that none finds the rows of another in storage; in a short run all on one."""
    return [[flow] for flow in options.flows] if options.records is None else [list(options.flows)]


def _measured(options: Options, group: Sequence[str], console: Console, opening: Opening) -> Iterator[Compared]:
    settings = {name: value for flow in group for name, value in MEASURED[flow].settings.items()}
    settings[PARALLELISM] = str(options.parallelism)
    if options.records is None:
        settings |= ticking(_WALKS, *(flow for flow in group if flow in _WALKED))
    for latency_ms in options.latencies_ms:
        part = _OF_HIGH if latency_ms >= _HIGH_MS else 1
        measured = {*group, *((_QUOTES,) if any(flow in _DOCUMENTS for flow in group) else ())}
        more = {name: count // part if name in measured else 0 for name, count in options.more.items()}
        with tempfile.TemporaryDirectory(prefix="bench-samples-") as name:
            folder = Path(name)
            write_samples(
                folder,
                records=options.records,
                more_accounts=more[ACCOUNTS],
                more_contacts=more[CONTACTS],
                more_quotes=more[_QUOTES],
            )
            plan = Plan(folder, more[PRODUCTS], settings=settings)
            times = [
                # What others take changes little.
                measure(plan, group, latency_ms, 0 if number else options.naive, console.print, opening=opening)
                for number in range(options.runs)
            ]
        yield from (median_of(same) for same in zip(*times, strict=True))


def _options(parsed: argparse.Namespace) -> Options:
    short = parsed.records is not None
    more = {name: 0 if short else usual for name, usual in _MORE.items()}
    more |= {name: wished for name in _MORE if (wished := getattr(parsed, name)) is not None}
    # In the order of the list: what others refer to comes first.
    flows = [flow for flow in MEASURED if flow in parsed.flow]
    return Options(
        *(flows, parsed.latency_ms, parsed.records, more, parsed.naive),
        *(parsed.runs, parsed.parallelism, parsed.write),
    )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog='make bench ARGS="..."', description="Measures the flows.")
    add = parser.add_argument
    add("--flow", nargs="+", choices=list(MEASURED), default=list(MEASURED), help="flows to measure (default: all)")
    add("--latency-ms", type=float, nargs="+", default=list(LATENCIES_MS), metavar="N", help="of each answer")
    add(
        "--records",
        type=whole_number(1),
        metavar="N",
        help="a short run: about N records of each flow, all on one set of systems",
    )
    for name, usual in _MORE.items():
        add(
            f"--{name}",
            type=whole_number(0),
            metavar="N",
            help=f"generated {name} beside those of the sample, from 100 ms on half of them ({usual:,})",
        )
    add(
        "--naive",
        type=whole_number(1),
        default=100,
        metavar="N",
        help="records of the naive loop, one after the other; documents a tenth as many (default: %(default)s)",
    )
    add(
        "--runs",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="runs whose medians are told (default: %(default)s)",
    )
    told = "most parallel requests to one system (default: %(default)s, as shipped)"
    add("--parallelism", type=whole_number(1), default=USUAL_PARALLELISM, metavar="N", help=told)
    document.add_option(parser)
    return parser


def _show(console: Console, options: Options, compared: Sequence[Compared], machine: str) -> None:
    flow = compared[0].flow
    runs = [_cells(run) for each in compared for run in each.runs]
    beside = [_beside(each) for each in compared]
    for title, headings, rows in (
        (MEASURED[flow].title, _HEADINGS, runs),
        ("Beside the loops of others", _BESIDE, beside),
    ):
        table = Table(*headings, title=title, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    if options.write is not None:
        how = "single runs" if options.runs == 1 else f"medians of {options.runs} runs"
        lines = [f"Measured on {machine}; {how}.", "", *document.table(_HEADINGS, runs)]
        document.write(options.write, flow, [*lines, "", *document.table(_BESIDE, beside)])


def _cells(run: Measured) -> tuple[str, ...]:
    counts = (run.sales.read, run.sales.write, run.finops.read, run.finops.write, run.storage)
    return (
        f"{run.latency_ms:g} ms",
        run.run,
        f"{run.records:,}",
        f"{run.seconds:.1f}",
        f"{run.speed:,.0f}",
        *(f"{run.per_1000(count):,.0f}" for count in counts),
        *(f"{run.per_1000(seconds):.1f}" for seconds in (run.cpu_s, run.stage_cpu_s)),
        f"{run.peak_mb:.0f}",
    )


def _beside(each: Compared) -> tuple[str, ...]:
    first = each.runs[0]
    return (
        f"{each.latency_ms:g} ms",
        f"{each.naive.speed:,.1f}",
        "" if each.sdk is None else f"{each.sdk.speed:,.0f}",
        f"{first.speed:,.0f}",
        f"{first.bound.speed:,.0f}",
        first.bound.cause,
        f"{first.of_machine:,.0f}",
        f"{first.speed / each.naive.speed:.1f}",
        "" if each.sdk is None else f"{first.speed / each.sdk.speed:.1f}",
        f"{first.speed / first.bound.speed:.0%}",
        f"{first.speed / first.of_machine:.0%}",
    )


if __name__ == "__main__":
    sys.exit(main())
