"""One pull of products in a process of its own, whose largest size it tells: `python -m benchmarks.walking COUNT`.

It imports what the app imports and no more, so that the size is that of the app.
"""

import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b

from benchmarks import as_in_azure  # noqa: F401
from local.command_line import Parser
from shared import bootstrap
from shared.clients.finops.source import PAGE_ROWS
from shared.flows.products import PRODUCTS
from shared.flows.registry import FLOWS
from shared.records import SourceRow, WalkedRecord, WalkPage
from shared.sync.flow import Flow, Walked

MEGABYTE = 1e6


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
        """The records behind a key, in the source's own order; None is the beginning."""
        first = 0 if after is None else int(after[1:]) + 1
        last = min(first + PAGE_ROWS, self._count)
        records = tuple(WalkedRecord(f"P{number:08d}", self._digest(number)) for number in range(first, last))
        return WalkPage(records, records[-1].id if last < self._count else None)

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:  # noqa: ARG002 - the name is the port's
        """No records: a pull reads none."""
        return {}

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that exist."""
        return frozenset(ids)

    def _digest(self, number: int) -> bytes:
        version = "changed" if self._changed and number % 100 == 0 else ""
        return blake2b(f"{number}{version}".encode(), digest_size=8).digest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Pull once with the settings of the environment, and write what it took as JSON."""
    parser = Parser(prog="python -m benchmarks.walking", description="Pulls products once.")
    parser.add_argument("count", type=int, help="generated records; 0 walks F&O")
    parser.add_argument("--changed", action="store_true", help="every hundredth of them is not as before")
    parsed = parser.parse_args(arguments)
    sys.stdout.write(json.dumps(asdict(_pull(parsed.count, changed=parsed.changed))) + "\n")
    return 0


def _pull(count: int, *, changed: bool) -> Pulled:
    """One pull in this process; a count of 0 walks the real F&O source."""
    service = bootstrap.service(FLOWS)
    if count:
        flow = _with_source(service.flows[PRODUCTS], GeneratedSource(count, changed=changed))
        service = replace(service, flows={PRODUCTS: flow})
    began = time.monotonic()
    service.pull(PRODUCTS)
    seconds = time.monotonic() - began
    hints = next(iter(service.state.runs.latest(PRODUCTS, 1))).counts.get("hints", 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Pulled(seconds, hints, peak / MEGABYTE)


def _with_source(flow: Flow, source: GeneratedSource) -> Flow:
    every_s = flow.feed.full_every_s if isinstance(flow.feed, Walked) else 0.0
    return replace(flow, feed=Walked(source, every_s))


if __name__ == "__main__":
    sys.exit(main())
