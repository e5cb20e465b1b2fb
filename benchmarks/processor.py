"""Measures the processor time of the app for a record, without a functions host: `python -m benchmarks.processor`.

Each flow is applied in a process of its own, first with every record new, then with nothing changed, all flows one
after the other on one stage. The least of several runs is told, since other work on the machine only adds to it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import document
from benchmarks.applying import Applied
from benchmarks.flows import MEASURED, Flow
from benchmarks.measuring import FIRST_SYNC, UNCHANGED, look_again
from benchmarks.preparing import prepare
from benchmarks.records import lines_in, write_samples
from benchmarks.reporting import report
from benchmarks.stage import Opening, Plan, Stage, running_stage
from local.command_line import Parser
from local.demo.errors import DemoFailed
from local.demo.processes import ROOT

_TIME_LIMIT_S = 600
RUNS = (FIRST_SYNC, UNCHANGED)
_HEADINGS = ("flow", "run", "records", "pull ms", "apply ms", "lines", "apply ms of a line")


@dataclass(frozen=True, slots=True)
class Taken:
    """Processor time for a record of one run, in milliseconds; `lines` are those of all records together."""

    flow: str
    run: str
    records: int
    lines: int
    pull_ms: float
    apply_ms: float


def main(arguments: Sequence[str] | None = None, opening: Opening = running_stage) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parsed = _parser().parse_args(arguments)

    def table() -> Sequence[str]:
        rounds = [list(_round(parsed, opening)) for _ in range(parsed.rounds)]
        return document.table(_HEADINGS, [_row(same) for same in zip(*rounds, strict=True)])

    return report("processor", parsed.write, table, how=f"; the least of {parsed.rounds} runs")


def _row(same: Sequence[Taken]) -> tuple[str, ...]:
    pull_ms, apply_ms = min(each.pull_ms for each in same), min(each.apply_ms for each in same)
    first = same[0]
    lines = (f"{first.lines:,}", f"{apply_ms * first.records / first.lines:.2f}") if first.lines else ("", "")
    return first.flow, first.run, f"{first.records:,}", f"{pull_ms:.2f}", f"{apply_ms:.2f}", *lines


def _round(parsed: argparse.Namespace, opening: Opening) -> Iterator[Taken]:
    """Every wanted flow, and before it those that it needs, which are synced in the same way."""
    wanted = [MEASURED[name] for name in parsed.flow]
    needed = {name for flow in wanted for name in (*flow.needs, flow.name)}
    flows = [flow for flow in MEASURED.values() if flow.name in needed]
    settings = {name: value for flow in flows for name, value in flow.settings.items()}
    with tempfile.TemporaryDirectory(prefix="bench-samples-") as folder:
        write_samples(Path(folder), records=parsed.records)
        with opening(Plan(Path(folder), settings=settings)) as stage:
            for flow in flows:
                if flow.name in stage.in_step:
                    continue
                prepare(stage, flow)
                stage.let_flow(flow.name)
                yield from _runs(stage, flow, parsed.profile, RUNS if flow in wanted else ())
                stage.in_step.add(flow.name)


def _runs(stage: Stage, flow: Flow, profile: Path | None, told: Collection[str]) -> Iterator[Taken]:
    for run in told or RUNS[:1]:
        if run == UNCHANGED:
            look_again(stage, flow.name, stage.ids(flow.name))
        file = None if profile is None or not told else profile / f"{flow.name}, {run}.txt"
        applied = _in_process(flow.name, file, stage.child_variables())
        if applied.outcomes.get("rejected"):
            raise DemoFailed(f"{flow.name}: {applied.outcomes['rejected']} records were rejected.")
        if told:
            yield Taken(
                flow.name,
                run,
                applied.records,
                _lines(stage, flow.name),
                1000 * applied.pull_s / applied.records,
                1000 * applied.apply_s / applied.counted,
            )


def _lines(stage: Stage, flow: str) -> int:
    """How many lines the records have, as far as they are documents."""
    return sum(lines_in(row.values) for row in stage.watched(flow).sources(stage.systems))


def _in_process(flow: str, profile: Path | None, variables: dict[str, str]) -> Applied:
    options = [] if profile is None else ["--profile", str(profile)]
    done = subprocess.run(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", "benchmarks.applying", flow, *options],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(f"Applying {flow} ended with exit code {done.returncode}: {done.stderr[-1000:]}")
    return Applied(**json.loads(done.stdout.splitlines()[-1]))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.processor", description="Measures processor time for a record.")
    add = parser.add_argument
    add("--flow", nargs="+", choices=list(MEASURED), default=list(MEASURED), help="flows to measure (default: all)")
    add("--records", type=int, metavar="N", help="about N records of each flow (default: those of the sample)")
    add("--rounds", type=int, default=2, metavar="N", help="runs of which the least counts (default: %(default)s)")
    add("--profile", type=Path, metavar="FOLDER", help="list there the functions that take the time")
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
