"""One flow in a process of its own, message after message: `python -m benchmarks.applying FLOW`.

It is what a worker of the functions host does, without the host: the processor time is that of the app alone.
"""

import cProfile
import json
import pstats
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks import as_in_azure  # noqa: F401
from local.command_line import Parser
from shared import bootstrap
from shared.flows.registry import FLOWS
from shared.service import Service
from shared.state.storage.queues import Message

_PULLS, _AT_ONCE, _HIDDEN_S = 100, 32, 3600.0
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Applied:
    """What a process has applied. `pull_s` and `apply_s` are processor seconds; those of `apply_s` are for all messages
    but the first, in which everything is done for the first time, and `counted` are their records."""

    records: int
    pull_s: float
    apply_s: float
    counted: int
    outcomes: dict[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Pull, apply every message, and write what it took as JSON."""
    parser = Parser(prog="python -m benchmarks.applying", description="Applies a flow in this process.")
    parser.add_argument("flow", choices=FLOWS.names)
    parser.add_argument("--profile", type=Path, metavar="FILE", help="list there the functions that take the time")
    parsed = parser.parse_args(arguments)
    service = bootstrap.service(FLOWS)
    pull_s = _taken(lambda: _pull(service, parsed.flow))
    messages = _messages(service, parsed.flow)
    profile = cProfile.Profile()
    taken = []
    for number, message in enumerate(messages):
        if parsed.profile is not None and (number or len(messages) == 1):
            profile.enable()
        taken.append(_taken(partial(service.apply, parsed.flow, message.body.encode())))
        profile.disable()
        service.queues.delete(parsed.flow, message)
    outcomes = _outcomes(service, parsed.flow, len(messages))
    sizes = [len(json.loads(message.body)["hints"]) for message in messages]
    if parsed.profile is not None:
        with parsed.profile.open("w", encoding="utf-8") as file:
            stats = pstats.Stats(profile, stream=file)
            stats.sort_stats("tottime").print_stats(_SHOWN)
            stats.sort_stats("cumulative").print_stats(r"shared/|azure/data/tables/_table_client", _SHOWN)
    applied = Applied(sum(sizes), pull_s, sum(taken[1:] or taken), sum(sizes[1:] or sizes), outcomes)
    sys.stdout.write(json.dumps(asdict(applied)) + "\n")
    return 0


def _pull(service: Service, flow: str) -> None:
    for _ in range(_PULLS):
        service.pull(flow)
        run = next(iter(service.state.runs.latest(flow, 1)))
        if not run.counts.get("hints"):
            return


def _messages(service: Service, flow: str) -> list[Message]:
    found: list[Message] = []
    while received := service.queues.receive(flow, limit=_AT_ONCE, invisible_s=_HIDDEN_S):
        found += received
    return found


def _outcomes(service: Service, flow: str, messages: int) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for run in service.state.runs.latest(flow, messages):
        counted.update({name: count for name, count in run.counts.items() if name != "read"})
    return dict(counted)


def _taken(work: Callable[[], object]) -> float:
    """Processor seconds, of all threads of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
