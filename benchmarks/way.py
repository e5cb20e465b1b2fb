"""Measures a change's way, from its commit in the source to its commit in the target: `python -m benchmarks.way`.

The functions host is warm and otherwise idle. A pull finds a change at its next tick; the wait for it is told apart,
since the schedule is a setting.
"""

import argparse
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import document
from benchmarks.preparing import sync
from benchmarks.records import write_samples
from benchmarks.reporting import report
from benchmarks.stage import COMPANY, PULL_EVERY_S, Opening, Plan, Stage, running_stage
from local.command_line import Parser
from local.demo.edits import Fulfilment, Sales
from local.demo.errors import DemoFailed
from local.demo.flows import API
from shared.clients import quoting
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.products import PRODUCTS
from shared.flows.products import mapping as products

_HEADINGS = ("flow", "latency", "changes", "median s", "p95 s", "longest s", "with the wait for the tick, p95 s")
_LOOK_EVERY_S, _PATIENCE_S = 0.02, 60.0
_SEED = 1


@dataclass(frozen=True, slots=True)
class Way:
    """Seconds from the first tick after the commit in the source, and from that commit itself, to the target's."""

    after_tick_s: float
    whole_s: float


@dataclass(frozen=True, slots=True)
class Route:
    """How a record of a flow is changed, and whether the target has that change; `key` is the column of the number
    under which the target has it."""

    key: str
    change: Callable[[Stage, str, str], None]
    arrived: Callable[[Stage, str, str], bool]


def main(arguments: Sequence[str] | None = None, opening: Opening = running_stage) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parsed = _parser().parse_args(arguments)
    return report("way", parsed.write, lambda: document.table(_HEADINGS, list(_measured(parsed, opening))))


def way_of(committed_s: float, arrived_s: float, every_s: float) -> Way:
    """The way of a change by the times of both commits, where a flow is pulled at whole multiples of `every_s`."""
    return Way(max(arrived_s - tick_after(committed_s, every_s), 0.0), arrived_s - committed_s)


def tick_after(moment_s: float, every_s: float) -> float:
    """The first whole multiple of `every_s` that is not before a moment."""
    return math.ceil(moment_s / every_s) * every_s


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that so great a share of them does not exceed."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


def _measured(parsed: argparse.Namespace, opening: Opening) -> Iterator[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="bench-samples-") as name:
        write_samples(Path(name), records=parsed.records)
        with opening(Plan(Path(name))) as stage:
            stage.let_flow()
            stage.start(*parsed.flow)
            for flow in parsed.flow:
                if flow not in stage.in_step:
                    sync(stage, flow)
            for latency_ms in parsed.latency_ms:
                stage.delay(latency_ms)
                for flow in parsed.flow:
                    yield _row(flow, latency_ms, list(_ways(stage, flow, parsed.changes)))
            stage.stop()


def _row(flow: str, latency_ms: float, ways: Sequence[Way]) -> tuple[str, ...]:
    after, whole = [way.after_tick_s for way in ways], [way.whole_s for way in ways]
    seconds = (percentile(after, 0.5), percentile(after, 0.95), max(after), percentile(whole, 0.95))
    return flow, f"{latency_ms:g} ms", str(len(ways)), *(f"{each:.2f}" for each in seconds)


def _ways(stage: Stage, flow: str, changes: int) -> Iterator[Way]:
    route, draw = _ROUTES[flow], random.Random(_SEED)  # noqa: S311 - no secret
    records = [(row.id, str(row.values[route.key])) for row in stage.watched(flow).sources(stage.systems)]
    stage.let_flow(flow)
    for number in range(changes):
        # At any moment between two ticks, as people change records.
        time.sleep(draw.uniform(0, PULL_EVERY_S))
        id, key = records[number % len(records)]
        text = f"Changed {number}"
        route.change(stage, id, text)
        committed_s = time.time()
        # Nothing happens before the tick, and whoever asks takes time from those who work.
        time.sleep(max(tick_after(committed_s, PULL_EVERY_S) - time.time(), 0.0))
        yield way_of(committed_s, _arrival(stage, route, key, text), PULL_EVERY_S)
    stage.let_flow()


def _arrival(stage: Stage, route: Route, key: str, text: str) -> float:
    """When the target is seen to have a change."""
    until_s = time.monotonic() + _PATIENCE_S
    while not route.arrived(stage, key, text):
        if time.monotonic() > until_s:
            raise DemoFailed(f"A change of {key} has not arrived within {_PATIENCE_S:.0f} s.")
        time.sleep(_LOOK_EVERY_S)
    return time.time()


def _rename_account(stage: Stage, id: str, text: str) -> None:
    Sales(stage.sales).change(id, {"name": text})


def _rename_product(stage: Stage, id: str, text: str) -> None:
    Fulfilment(stage.finops, COMPANY).put_products([{products.KEY_FIELD: id, "ProductName": text}])


def _has_customer(stage: Stage, key: str, text: str) -> bool:
    wanted = quoting.all_of(quoting.equals("dataAreaId", COMPANY), quoting.equals(accounts.KEY_FIELD, key))
    query = quoting.query({"$filter": wanted, "$select": "OrganizationName", "cross-company": "true"})
    return any(row["OrganizationName"] == text for row in stage.finops.rows(f"/data/{accounts.TARGET_SET}?{query}"))


def _has_product(stage: Stage, key: str, text: str) -> bool:
    query = quoting.query({"$filter": quoting.equals(products.KEY_COLUMN, key), "$select": "name"})
    return any(row["name"] == text for row in stage.sales.rows(f"{API}/{products.TARGET_SET}?{query}"))


_ROUTES: Mapping[str, Route] = {
    ACCOUNTS: Route(accounts.KEY_COLUMN, _rename_account, _has_customer),
    PRODUCTS: Route(products.KEY_FIELD, _rename_product, _has_product),
}


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.way", description="Measures how long changes are on their way.")
    add = parser.add_argument
    add("--flow", nargs="+", choices=list(_ROUTES), default=list(_ROUTES), help="flows to measure (default: all)")
    add("--latency-ms", type=float, nargs="+", default=[50.0], metavar="N", help="of each answer (default: 50)")
    add("--records", type=int, metavar="N", help="about N records of each flow (default: those of the sample)")
    add("--changes", type=int, default=60, metavar="N", help="changes of each flow, one by one (default: %(default)s)")
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
