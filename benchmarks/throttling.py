"""Measures how much of what service protection allows is used: `python -m benchmarks.throttling`.

Several functions hosts share one storage account and sync products into a Dataverse that refuses what is beyond its
limits. Only the limits are smaller than in reality (6,000 requests in 300 s), so that they bind within minutes.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks import document
from benchmarks.limits import PROTECTED_REQUESTS, PROTECTED_WINDOW_S
from benchmarks.progress import PATIENCE_S, Done, wait_until_done
from benchmarks.records import write_samples
from benchmarks.reporting import report
from benchmarks.stage import Plan, Stage, running_stage
from local.command_line import Parser
from local.demo.environment import ticking
from local.simulator.auth import system_clock
from shared.flows.products import PRODUCTS
from shared.records import Json
from shared.state.failures import Failures
from shared.state.links import Links

WARM_UP_WINDOWS = 2
_GRACE_S = 1.0
_REFUSED = 429


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests in a sliding window of so many seconds."""

    requests: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to Sales: seconds since the first one, and how long it was told to wait (None: accepted)."""

    at_s: float
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Used:
    """What the requests show. `share` is of whole steady windows, from 0 to 1; `early` counts requests that came
    within a wait that was announced to any host, beyond the grace."""

    accepted: int
    refused: int
    windows: tuple[int, ...]
    share: float
    steady_refused: int
    early: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parsed = _parser().parse_args(arguments)

    def lines() -> Sequence[str]:
        with tempfile.TemporaryDirectory(prefix="bench-samples-") as name:
            return list(_measured(parsed, Path(name)))

    return report("throttling", parsed.write, lines)


def used_of(asked: Sequence[Asked], limit: Limit) -> Used:
    """Judge the requests, given in the order of their times."""
    accepted = [one.at_s for one in asked if one.wait_s is None]
    begin_s = WARM_UP_WINDOWS * limit.window_s
    count = max(int((accepted[-1] - begin_s) // limit.window_s), 0) if accepted else 0
    end_s = begin_s + count * limit.window_s
    windows = [0] * count
    for at_s in accepted:
        if begin_s <= at_s < end_s:
            windows[int((at_s - begin_s) // limit.window_s)] += 1
    steady_refused = sum(one.wait_s is not None and begin_s <= one.at_s < end_s for one in asked)
    share = sum(windows) / (count * limit.requests) if count else 0.0
    return Used(len(accepted), len(asked) - len(accepted), tuple(windows), share, steady_refused, _early(asked))


def _early(asked: Sequence[Asked]) -> int:
    told_s = until_s = 0.0
    early = 0
    for one in asked:
        if one.wait_s is None:
            continue
        if one.at_s >= until_s:
            told_s = one.at_s
        elif one.at_s > told_s + _GRACE_S:
            early += 1
        until_s = max(until_s, one.at_s + one.wait_s)
    return early


def _measured(parsed: argparse.Namespace, folder: Path) -> Iterator[str]:
    limit = Limit(parsed.limit_requests, parsed.limit_window)
    exchanges = folder / "sales-exchanges.jsonl"
    sales = ["--protect", "--limit-requests", str(limit.requests), "--limit-window", f"{limit.window_s:g}"]
    sales += ["--exchanges", str(exchanges)]
    write_samples(folder, records=1)
    # A sweep opens a gate that has closed.
    settings = {**ticking(f"*/{parsed.pull_every_s} * * * * *", PRODUCTS), **ticking("*/5 * * * * *", "sweep")}
    with running_stage(Plan(folder, parsed.products, sales, settings)) as stage, ExitStack() as stack:
        stage.delay(parsed.latency_ms)
        ids = stage.ids(PRODUCTS)
        done = _first_sync(stage, stack, parsed.hosts, len(ids), parsed.settle_s)
        seen = stage.sales.control("GET", "protection")
        attempts, failures = _attempts(stage)
        # Brings what is buffered into the file.
        stage.sales.control("GET", "exchanges")
        used = used_of(list(read_exchanges(exchanges)), limit)
    yield from _lines(len(ids), parsed.hosts, limit, done, used)
    yield f"| failures listed, links with a counted attempt | {failures}, {attempts} |"
    yield _calculated(parsed.calculate, len(ids) / max(used.accepted, 1), used.share)
    yield f"| the simulator's own count | {seen['seen']} seen, {_refused(seen)} refused |"


def _first_sync(stage: Stage, stack: ExitStack, hosts: int, records: int, settle_s: float) -> Done:
    stage.let_flow()
    stage.start(PRODUCTS)
    for _ in range(1, hosts):
        stack.enter_context(stage.further_host())
    # Every host is up and has done something before there is work: none of them begins in the middle.
    time.sleep(settle_s)
    since = system_clock()
    stage.let_flow(PRODUCTS)
    return wait_until_done(stage, PRODUCTS, since, records, patience_s=PATIENCE_S)


def _refused(seen: Mapping[str, Json]) -> int:
    refused = seen["refused"]
    return sum(int(str(count)) for count in refused.values()) if isinstance(refused, dict) else int(str(refused))


def _lines(records: int, hosts: int, limit: Limit, done: Done, used: Used) -> Iterator[str]:
    most = 1000 * records / max(used.accepted, 1)
    yield "| what | value |"
    yield "|---|---|"
    yield f"| first sync of | {records:,} products by {hosts} hosts |"
    yield f"| limit | {limit.requests} requests in {limit.window_s:g} s |"
    yield f"| time | {done.seconds:.0f} s, {records / max(done.seconds, 0.1):.0f} records/s |"
    yield f"| requests to Sales accepted | {used.accepted:,}, one for {most / 1000:.0f} records |"
    yield f"| accepted in steady windows | {', '.join(map(str, used.windows)) or 'none'} |"
    yield f"| **share of the limit** | **{used.share:.0%}** |"
    yield f"| 429 in all, after {WARM_UP_WINDOWS} windows | {used.refused}, {used.steady_refused} |"
    yield f"| requests of any host within a Retry-After of one of them | {used.early} |"


def read_exchanges(file: Path) -> Iterator[Asked]:
    """The requests that an exchange file lists."""
    found: list[tuple[datetime, float | None]] = []
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            at = datetime.fromisoformat(one["time"])
            wait = float(one["response_headers"].get("Retry-After", 0)) if one["status"] == _REFUSED else None
            found.append((at, wait))
    found.sort(key=lambda each: each[0])
    for at, wait in found:
        yield Asked((at - found[0][0]).total_seconds(), wait)


def _calculated(records: int, records_a_request: float, share: float) -> str:
    """How long so many records take with the real limit, where as many share a request and the same share is used."""
    requests_a_second = PROTECTED_REQUESTS / PROTECTED_WINDOW_S * share
    minutes = f"{records / records_a_request / requests_a_second / 60:.0f} min" if requests_a_second else "-"
    limit = f"{PROTECTED_REQUESTS:,} requests in {PROTECTED_WINDOW_S:g} s"
    return f"| {records:,} products with {limit}, calculated | {minutes} |"


def _attempts(stage: Stage) -> tuple[int, int]:
    """How many links count an attempt, and how many failures are listed."""
    table = stage.storage.table("links")
    attempts = sum(link.attempts > 0 for link in Links(table).walk(PRODUCTS))
    failures, _ = Failures(table).page(PRODUCTS, "", 1000)
    return attempts, len(failures)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.throttling", description="Measures throttled syncs.")
    parser.add_argument(
        "--products", type=int, default=20_000, metavar="N", help="generated products (default: %(default)s)"
    )
    parser.add_argument("--hosts", type=int, default=2, metavar="N", help="functions hosts")
    parser.add_argument("--latency-ms", type=float, default=50.0, metavar="N", help="of each answer")
    parser.add_argument("--limit-requests", type=int, default=60, metavar="N", help="requests in one window")
    parser.add_argument("--limit-window", type=float, default=30.0, metavar="N", help="length of the window, seconds")
    # A pull walks all products: every two seconds it would take the processors from what is measured.
    parser.add_argument("--pull-every-s", type=int, default=30, choices=range(1, 60), metavar="N", help="between pulls")
    parser.add_argument(
        "--calculate",
        type=int,
        default=500_000,
        metavar="N",
        help="products of the calculated time (default: %(default)s)",
    )
    parser.add_argument("--settle-s", type=float, default=8.0, metavar="N", help="from the start of the hosts to work")
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
