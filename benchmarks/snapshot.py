"""Measures a pull over a million products: `python -m benchmarks.snapshot`.

The walk is the product's own, with its snapshot in real Table Storage (Azurite) and its hints in a real queue. A
million records come from a generator behind the source's port, since no simulated F&O is needed to measure memory;
fewer of them come from the simulator over HTTP. Each walk runs in a process of its own, whose largest size is read at
its end.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b

from benchmarks import document
from benchmarks.stage import Plan, Stage, running_stage
from local.azurite import AzuriteFailed
from local.demo import interrupts
from local.demo.errors import DemoFailed, UserMistake
from local.demo.processes import ROOT
from shared import bootstrap
from shared.clients.finops_source import PAGE_ROWS
from shared.flows import PRODUCTS
from shared.records import SourceRow, Walked, WalkPage
from shared.state.rows import Table, escape
from shared.sync.flow import Flow
from shared.sync.flow import Walked as WalkedFeed
from shared.sync.parts import new_id
from shared.sync.pull import Pull

_WALKS = ("first walk", "unchanged walk", "1 % changed")
_TIME_LIMIT_S = 900
_BUDGET_S = "290"
_MEGABYTE = 1e6
_HEADINGS = ("source", "products", "walk", "seconds", "hints", "peak MB", "snapshot MB")


@dataclass(frozen=True, slots=True)
class Pulled:
    """One pull. `peak_mb` is the largest size of its process, in units of 1,000,000 bytes."""

    seconds: float
    hints: int
    peak_mb: float


class GeneratedSource:
    """So many records by ascending key; satisfies WalkedSource. Every hundredth differs where `changed` is true."""

    def __init__(self, count: int, *, changed: bool) -> None:
        self._count = count
        self._changed = changed

    def walk(self, after: str | None) -> WalkPage:
        """See WalkedSource."""
        first = 0 if after is None else int(after[1:]) + 1
        last = min(first + PAGE_ROWS, self._count)
        records = tuple(Walked(f"P{number:08d}", self._digest(number)) for number in range(first, last))
        return WalkPage(records, records[-1].id if last < self._count else None)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:  # noqa: ARG002 - the name is the port's
        """See WalkedSource; a pull reads nothing."""
        return {}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """See WalkedSource."""
        return frozenset(ids)

    def _digest(self, number: int) -> bytes:
        version = "changed" if self._changed and number % 100 == 0 else ""
        return blake2b(f"{number}{version}".encode(), digest_size=8).digest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, say it, and write it into docs/performance.md when asked to."""
    parsed = _parser().parse_args(arguments)
    if parsed.pull is not None:
        sys.stdout.write(json.dumps(asdict(_pull(parsed.pull, changed=parsed.changed))) + "\n")
        return 0
    try:
        with interrupts.as_exceptions():
            rows = [*_walks(parsed.generated, generated=True), *_walks(parsed.served, generated=False)]
    except (UserMistake, DemoFailed, AzuriteFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    lines = [f"Measured on {document.machine()}.", "", *document.table(_HEADINGS, rows)]
    sys.stdout.write("\n".join(lines) + "\n")
    if parsed.write:
        document.write("snapshot", lines)
    return 0


def _walks(count: int, *, generated: bool) -> Iterator[tuple[str, ...]]:
    if count == 0:
        return
    settings = {"PULL_BUDGET_S": _BUDGET_S, "CHANGE_LIMIT_PERCENT": "100"}
    plan = Plan("", products=0 if generated else count, settings=settings)
    with running_stage(plan) as stage:
        for walk in _WALKS if generated else _WALKS[:2]:
            options = ["--pull", str(count if generated else 0)] + (["--changed"] if walk == _WALKS[2] else [])
            pulled = _in_process(stage, options)
            size_mb = _stored_bytes(stage.storage.table("checkpoints")) / _MEGABYTE
            known = count if generated else int(str(stage.finops.control("GET", "products")["count"]))
            cells = (f"{pulled.seconds:.1f}", f"{pulled.hints:,}", f"{pulled.peak_mb:.0f}", f"{size_mb:.1f}")
            yield ("generator" if generated else "F&O simulator", f"{known:,}", walk, *cells)


def _in_process(stage: Stage, options: Sequence[str]) -> Pulled:
    command = [sys.executable, "-m", "benchmarks.snapshot", *options]
    done = subprocess.run(  # noqa: S603 - our own module, no shell
        command,
        cwd=ROOT,
        env=stage.child_variables(),
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(f"The pull ended with exit code {done.returncode}: {done.stderr[-1000:]}")
    return Pulled(**json.loads(done.stdout.splitlines()[-1]))


def _pull(count: int, *, changed: bool) -> Pulled:
    """One pull in this process; a count of 0 walks the real F&O source."""
    service = bootstrap.service()
    parts, flow = service.parts, service.parts.flows[PRODUCTS]
    if count:
        flow = _with_source(flow, GeneratedSource(count, changed=changed))
        parts = replace(parts, flows={PRODUCTS: flow})
    began = time.monotonic()
    Pull(parts, flow, service.gates, new_id()).run()
    seconds = time.monotonic() - began
    hints = next(iter(parts.state.runs.latest(PRODUCTS, 1))).counts.get("hints", 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Pulled(seconds, hints, peak / _MEGABYTE)


def _with_source(flow: Flow, source: GeneratedSource) -> Flow:
    every_s = flow.feed.full_every_s if isinstance(flow.feed, WalkedFeed) else 0.0
    return replace(flow, feed=WalkedFeed(source, every_s))


def _stored_bytes(table: Table) -> int:
    """The size of the packed cells of the snapshot, as Table Storage counts binary values."""
    total, start = 0, "snapshot-"
    while True:
        rows = table.scan(escape(PRODUCTS), start=start, end="snapshot-~", limit=50)
        total += sum(len(value) for stored in rows for value in stored.row.cells.values() if isinstance(value, bytes))
        if len(rows) < 50:
            return total
        start = rows[-1].row.key + " "


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.snapshot", description="Measures pulls of many products.")
    parser.add_argument("--generated", type=int, default=1_000_000, metavar="N", help="records of the generator")
    parser.add_argument("--served", type=int, default=100_000, metavar="N", help="products of the F&O simulator")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/performance.md")
    parser.add_argument("--pull", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--changed", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
