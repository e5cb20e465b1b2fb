"""What the histories have reached, and what they have not: outcomes, causes, events, faults at each step, operators.

A line may be covered by a test that asserts nothing of it; what counts here is what could happen to a record.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.state.links import LinkState
from shared.sync.apply.work import Kind
from shared.telemetry import EVENTS
from tests.simulation.deployment import Deployment
from tests.simulation.script import ACTS, FLOWS
from tests.simulation.weather import READ_FAULTS, STORAGE_FAULTS, WRITE_FAULTS

_RULES = Path(__file__).parents[2] / "docs" / "rules.md"
_CAUSE = re.compile(r"^\| `([a-z_]+(?:\.[a-z_]+)*)` \|", re.MULTILINE)
_CAUSES = "### Found by the mapping"
_OPERATED_STATES = tuple(state for state in LinkState if state is not LinkState.NEW)
_MENDED = ("forget", "unlink", "link")

# What no history reaches, with the reason.
UNREACHED: Mapping[str, str] = {
    r"cause (dataverse|finops)\.(too_large|update_conflict|refused|row_left|lines_changed)": "said below the models, "
    "where requests are",
    r"cause (text_not_sendable|id_malformed)": "found while a request is written, which is below the models",
    r"cause (key_too_long|state_too_large)": "the records of the models are small",
    r"cause (value_invalid|unit_group_unknown)": "the pools hold no such value, and the mapping tests do",
    r"(cause|event) invariant_broken": "a defect of the engine: it would be a broken history",
    r"event filter_limit_found": "found by requests, which are below the models",
    r"outcome (accounts|products) waiting": "they wait for no other record",
    r"outcome products (filtered|ended)": "products have no filter, and vanish instead of ending",
    r"outcome (products|quotations) skipped": "their hints have no version that could have been seen",
}


class Events(logging.Handler):
    """Counts the events that the engine logs, by their names."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        text = str(record.msg)
        # Every event begins with its name.
        self.counts["event " + text[10 : text.index('"', 10)]] += 1


def outcomes_in(process: Deployment) -> Iterator[str]:
    """What has become of records, as the product has kept it: outcomes by flow, and the causes of refusals."""
    state = process.parts.state
    for flow in FLOWS:
        for run in state.runs.walk(flow):
            yield from (f"outcome {flow} {kind}" for kind in run.counts if run.kind == "apply")
    for row in state.links.table.content().values():  # type: ignore[attr-defined]
        kind, _, cause = str(row.cells.get("outcome", "")).partition(": ")
        if kind == Kind.REJECTED:
            yield f"cause {cause}"
        elif "cause" in row.cells:
            yield f"cause {row.cells['cause']}"


def everything(reached: Counter[str]) -> Iterator[str]:
    """What could be reached. Steps are those that were met at all: a fault can come at each of them."""
    yield from (f"act {kind} {what}".strip() for kind, about in ACTS.items() for what in about)
    yield from (f"event {name}" for name in EVENTS)
    yield from (f"outcome {flow} {kind}" for flow in FLOWS for kind in (*Kind, "busy", "overtaken"))
    yield from (f"cause {cause}" for cause in _causes())
    yield from (f"{what} in state {state}" for what in _MENDED for state in _OPERATED_STATES)
    for step in [name.removeprefix("step ") for name in reached if name.startswith("step ")]:
        yield f"died at {step}"
        yield from (f"{step}: {fault}" for fault in _faults_at(step))


def never_reached(reached: Counter[str]) -> list[str]:
    """What could be reached and was not, but for what has its reason."""
    reasons = [re.compile(pattern) for pattern in UNREACHED]
    missing = (name for name in everything(reached) if name not in reached)
    return sorted({name for name in missing if not any(reason.fullmatch(name) for reason in reasons)})


def _causes() -> list[str]:
    """Every cause that the rules tell."""
    return _CAUSE.findall(_RULES.read_text(encoding="utf-8").partition(_CAUSES)[2])


def _faults_at(step: str) -> tuple[str, ...]:
    if step.endswith(" done") or step.startswith(("receive", "delete")) or step.endswith(".scan"):
        return ()
    if step.startswith(("sales write", "finops write")):
        return tuple(WRITE_FAULTS)
    if step.startswith(("sales", "finops")):
        return tuple(READ_FAULTS)
    if step.endswith(".read"):
        return ("unread",)
    return tuple(STORAGE_FAULTS) if step.endswith(".transact") else ()
