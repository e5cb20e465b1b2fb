"""The report: what a session did, as report.json and exchanges.jsonl. docs/report.md describes both for readers."""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.demo.additions import NOTHING_ADDED, Additions
from local.demo.comparison import Comparison, Difference
from local.demo.errors import UserMistake
from local.demo.progress_reader import Account, Glance
from local.demo.systems import Requests
from shared import exact_json
from shared.flows.ordersback import ORDERSBACK
from shared.records import Json

REPORT, EXCHANGES = "report.json", "exchanges.jsonl"
# What a record of a flow is called, if it is not called as the flow.
_NOUNS = {ORDERSBACK: "statuses of orders"}


@dataclass(frozen=True, slots=True)
class FlowResult:
    """What one flow did in this session, and its state at the end. `additions` are what the map document adds to its
    map; of each of these fields, in so many rows of the target it is `filled`."""

    glance: Glance
    account: Account
    comparison: Comparison
    requests: Mapping[str, Requests]
    additions: Additions = NOTHING_ADDED
    filled: Mapping[str, int] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """How many source records were read."""
        return self.glance.counts.get("read", 0)

    @property
    def outcomes(self) -> dict[str, int]:
        """How the records ended that were read or skipped; created and updated together are written."""
        counts = self.glance.counts
        created, updated = counts.get("created", 0), counts.get("updated", 0)
        others = {name: counts.get(name, 0) for name in ("unchanged", "skipped", "deleted")}
        return {"written": created + updated, "created": created, "updated": updated, **others}

    @property
    def records_per_s(self) -> float:
        """Records read in each second of the session's work."""
        seconds = self.glance.seconds
        return round(self.read / seconds, 1) if seconds else 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a batch during which the functions were killed and both systems throttled.

    By flow: `touched` records were edited, `in_hand` of them had been claimed by the killed process.
    `throttled` is how many requests were refused with 429. `lost`, `extra`, `doubled` and `stale` count records, by the
    comparison of both systems.
    """

    touched: Mapping[str, int]
    in_hand: Mapping[str, int]
    throttled: int
    seconds: float
    lost: int
    extra: int
    doubled: int
    stale: int


def listed(counts: Mapping[str, int]) -> str:
    """How many records of each flow, in words."""
    return ", ".join(f"{count} {_NOUNS.get(name, name)}" for name, count in counts.items())


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a session. `requests` are all that each system answered, `trial` is None if there was none."""

    flows: Mapping[str, FlowResult]
    in_step: bool
    peak_memory_mb: float
    requests: Mapping[str, Requests]
    trial: Trial | None = None

    @property
    def unaccounted(self) -> int:
        """How many source records have no outcome."""
        return sum(len(flow.account.unaccounted) for flow in self.flows.values())

    @property
    def good(self) -> bool:
        """Whether both systems are in step, the comparison is clean, and every record is accounted for."""
        clean = all(flow.comparison.clean for flow in self.flows.values())
        return self.in_step and clean and not self.unaccounted


def document(result: Result) -> dict[str, Json]:
    """The content of report.json."""
    return {
        "flows": {name: _flow(flow) for name, flow in result.flows.items()},
        "comparison": {name: _comparison(flow.comparison) for name, flow in result.flows.items()},
        "unaccounted": result.unaccounted,
        "requests": _requests(result.requests),
        "in_step": result.in_step,
        "peak_memory_mb": _number(result.peak_memory_mb),
        **({"trial": _trial(result.trial)} if result.trial else {}),
    }


def prepare(folder: Path) -> None:
    """Make the folder of the report, without an earlier one. Raises UserMistake if it cannot be written, before
    anything is started."""
    if folder.is_file():
        raise UserMistake(f"--report {folder}: is a file; name a folder, which may be a new one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (REPORT, EXCHANGES):
            with (folder / name).open("a", encoding="utf-8"):
                pass
            (folder / name).unlink()
    except OSError as error:
        raise UserMistake(f"--report {folder}: {error.strerror}; name a folder that can be written.") from error


def write(folder: Path, result: Result, logs: Sequence[Path]) -> None:
    """Write both files; `logs` are the exchange logs of the simulators, each in the order of time."""
    content = json.loads(exact_json.dumps(document(result)))
    (folder / REPORT).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with (folder / EXCHANGES).open("w", encoding="utf-8", newline="\n") as merged:
        merged.writelines(heapq.merge(*(_lines(log) for log in logs), key=_time))


def _flow(flow: FlowResult) -> dict[str, Json]:
    return {
        "read": flow.read,
        "outcomes": dict(flow.outcomes),
        "filtered": dict(flow.account.filtered),
        "waiting": flow.account.waiting,
        "rejected": dict(flow.account.rejected),
        "requests": _requests(flow.requests),
        "seconds": _number(flow.glance.seconds),
        "records_per_s": _number(flow.records_per_s),
        **({"filled": dict(flow.filled)} if flow.filled else {}),
    }


def _requests(requests: Mapping[str, Requests]) -> dict[str, Json]:
    return {name: {"read": count.read, "write": count.write} for name, count in requests.items()}


def _trial(trial: Trial) -> dict[str, Json]:
    return {
        "touched": dict(trial.touched),
        "in_hand": dict(trial.in_hand),
        "throttled": trial.throttled,
        "seconds": _number(trial.seconds),
        "lost": trial.lost,
        "extra": trial.extra,
        "doubled": trial.doubled,
        "stale": trial.stale,
    }


def _comparison(comparison: Comparison) -> dict[str, Json]:
    return {
        "expected": comparison.expected,
        "present": comparison.present,
        "missing": list(comparison.missing),
        "extra": list(comparison.extra),
        "doubled": list(comparison.doubled),
        "different": [_difference(difference) for difference in comparison.different],
    }


def _difference(difference: Difference) -> dict[str, Json]:
    return {
        "key": difference.key,
        "field": difference.field,
        "expected": difference.expected,
        "found": difference.found,
    }


def _number(value: float) -> Json:
    return exact_json.loads(f"{value:.1f}")


def _lines(log: Path) -> Iterator[str]:
    if not log.exists():
        return
    with log.open(encoding="utf-8", newline="\n") as lines:
        yield from lines


def _time(line: str) -> str:
    # The time comes first in a line and sorts as text; a line that was cut short sorts by what it has.
    return line.split('"time": "', 1)[-1][:30]
