"""Measures a pull over a million products: `python -m benchmarks.snapshot`.

The walk is the product's own, with its snapshot in real Table Storage (Azurite) and its hints in a real queue. A
million records come from a generator behind the source's port, since no simulated F&O is needed to measure memory;
fewer of them come from the simulator over HTTP. Each walk runs in a process of its own, whose largest size is read at
its end.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import document
from benchmarks.records import write_samples
from benchmarks.reporting import report
from benchmarks.stage import Opening, Plan, Stage, running_stage
from benchmarks.walking import MEGABYTE, Pulled
from local.command_line import Parser
from local.demo.errors import DemoFailed
from local.demo.processes import ROOT
from shared.flows.products import PRODUCTS
from shared.state.storage.tables import Delete, Table, escape

_CHANGED = "1 % changed"
_WALKS = ("first walk", "unchanged walk", _CHANGED)
_ROWS = 50
_TIME_LIMIT_S = 900
SETTINGS = {"PULL_BUDGET_S": "290", "CHANGE_LIMIT_PERCENT": "100"}
_HEADINGS = ("source", "products", "walk", "seconds", "hints", "peak MB", "snapshot MB")


def main(arguments: Sequence[str] | None = None, opening: Opening = running_stage) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parsed = _parser().parse_args(arguments)
    return report(
        "snapshot", parsed.write, lambda: document.table(_HEADINGS, _measured(parsed.generated, parsed.served, opening))
    )


def _measured(generated: int, served: int, opening: Opening) -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="bench-samples-") as name:
        write_samples(Path(name), records=1)
        with opening(Plan(Path(name), served, settings=SETTINGS)) as stage:
            stage.let_flow(PRODUCTS)
            _forget_snapshot(stage.storage.table("checkpoints"))
            rows = list(_walks(stage, "generator", generated, _WALKS)) if generated else []
            _forget_snapshot(stage.storage.table("checkpoints"))
            return rows + (list(_walks(stage, "F&O simulator", 0, _WALKS[:2])) if served else [])


def _walks(stage: Stage, source: str, generated: int, walks: Sequence[str]) -> Iterator[tuple[str, ...]]:
    known = generated or int(str(stage.finops.control("GET", "products")["count"]))
    for walk in walks:
        options = [str(generated), *(["--changed"] if walk == _CHANGED else [])]
        pulled = _in_process(options, stage.child_variables())
        size_mb = _stored_bytes(stage.storage.table("checkpoints")) / MEGABYTE
        cells = (f"{pulled.seconds:.1f}", f"{pulled.hints:,}", f"{pulled.peak_mb:.0f}", f"{size_mb:.1f}")
        yield source, f"{known:,}", walk, *cells


def _in_process(options: Sequence[str], variables: dict[str, str]) -> Pulled:
    command = [sys.executable, "-m", "benchmarks.walking", *options]
    done = subprocess.run(  # noqa: S603 - our own module, no shell
        command,
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(f"The pull ended with exit code {done.returncode}: {done.stderr[-1000:]}")
    return Pulled(**json.loads(done.stdout.splitlines()[-1]))


def _forget_snapshot(table: Table) -> None:
    """Let the next walk be the first one of its source."""
    while rows := table.scan(escape(PRODUCTS), start="", end="~", limit=_ROWS):
        table.transact([Delete(stored.row) for stored in rows])


def _stored_bytes(table: Table) -> int:
    """The size of the packed cells of the snapshot, as Table Storage counts binary values."""
    total, start = 0, "snapshot-"
    while True:
        rows = table.scan(escape(PRODUCTS), start=start, end="snapshot-~", limit=_ROWS)
        total += sum(len(value) for stored in rows for value in stored.row.cells.values() if isinstance(value, bytes))
        if len(rows) < _ROWS:
            return total
        start = rows[-1].row.key + " "


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.snapshot", description="Measures pulls of many products.")
    parser.add_argument(
        "--generated", type=int, default=1_000_000, metavar="N", help="records of the generator, 0 for none"
    )
    parser.add_argument("--served", type=int, default=100_000, metavar="N", help="of the F&O simulator, 0 for none")
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
